"""The columns of a table of scores beside the settings: measures, their intervals, and the facts behind them; no streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gan.scoring.glossary import SCORES

#: Column of a measure, which is also its figure in a line of scores → how streamlit shows it; shares are shown in per cent.
FORMATS = {"precision": "%.2f", "recall": "%.2f", "density": "%.2f", "coverage": "%.2f", "ms_ssim": "%.3f", "lpips": "%.3f"}
FORMATS = {key: "percent" if score.is_share else FORMATS.get(key, "%.3g") for key, score in SCORES.items()}

#: Measures that the table leaves out unless told otherwise.
RARE = {"density", "class_kl", "lpips", "memorised", "memorised_ratio", "checkerboard"}

#: Figures of a line that stand beside KID, without a spread or a floor of their own: column → title and help.
INTERVALS = {
    "kid_low": ("KID from", "Lower end of the 95 % interval of KID over subsets of the images, averaged over draws."),
    "kid_high": ("KID to", "Upper end of the 95 % interval of KID over subsets of the images, averaged over draws."),
}

#: Column → title, format and help of what the figures were made from; those in ``USUAL_FACTS`` are shown unless told otherwise.
FACTS: dict[str, tuple[str, str | None, str]] = {
    "extractor": ("Features", None, "The network whose features are compared."),
    "images": ("Images", "%d", "Generated images a draw; for real images, how many were held against the rest."),
    "real_images": ("Real images", "%d", "How many real images the generated ones are compared with."),
    "over": ("Spread over", None, "What the ± columns vary over: repeated draws from one generator, or several runs."),
    "weights": ("Weights", None, "EMA: the running average of the generator's weights; raw: the weights themselves."),
    "checkpoint": ("Checkpoint", None, "The last one that was written, or the one with the best quick score during training."),
    "seed": ("Seed of the draws", "%d", "The seed of the latent vectors from which the scored images were made."),
    "epoch": ("Epoch", "%.1f", "How often the training had seen all images."),
    "step": ("Step", "%d", "Training steps of the generator."),
    "images_seen": ("Images seen", "%d", "Real images that the discriminator had been shown."),
    "minutes": ("Minutes trained", "%.1f", "Time spent training, pauses left out."),
}
#: What the same is called where points were scored.
OF_POINTS: dict[str, tuple[str, str | None, str]] = {
    "images": ("Points", "%d", "Generated points a draw; for real points, how many were held against the rest."),
    "real_images": ("Real points", "%d", "How many real points the generated ones are compared with."),
    "seed": ("Seed of the draws", "%d", "The seed of the latent vectors from which the scored points were made."),
    "epoch": ("Epoch", "%.1f", "How often the training had seen all points."),
    "images_seen": ("Points seen", "%d", "Real points that the discriminator had been shown."),
}
#: Column of badges → its width in pixels.
WIDTHS = {"verdicts": 260, "best": 180}

_SIDES, _LETTER = 20, 6.2  # pixels of a badge, and of a cell, beside its text; and of a letter
_ROW, _LINE = 84, 26  # pixels of a row with at most ``_LEAST_LINES`` of badges, and of each line more
_LEAST_LINES, _MOST_LINES = 2, 5

USUAL_FACTS = ("extractor", "images", "over", "weights", "seed", "epoch", "minutes")


def facts(noun: str) -> dict[str, tuple[str, str | None, str]]:
    """Return the columns of facts (title, format, help) for scores of "images" or of "points"."""
    return FACTS | (OF_POINTS if noun == "points" else {})


def height_of_rows(badges: Mapping[str, Iterable[Sequence[str]]]) -> int:
    """Return the height of rows, in pixels, in which no badge is cut off; ``badges`` are the titles of each row, by column."""
    most = max((_lines(titles, WIDTHS[name]) for name, rows in badges.items() for titles in rows), default=0)
    return _ROW + _LINE * (min(max(most, _LEAST_LINES), _MOST_LINES) - _LEAST_LINES)


def _lines(titles: Sequence[str], room: int) -> int:
    """Return how many lines badges take in a cell of so many pixels, which begins a new one where the next has no room."""
    count, left = 0, 0.0
    for title in titles:
        width = _SIDES + _LETTER * len(title)
        if width > left:
            count, left = count + 1, float(room - _SIDES)
        left -= width
    return count


def spread_title(name: str) -> str:
    """Return the title of the column that holds the spread of a measure."""
    return f"± {SCORES[name].title}"


def about(name: str) -> str:
    """Return what a measure means: in words, as a formula, with its range and source."""
    score = SCORES[name]
    return f"{score.meaning} Formula: {score.formula}, {score.range} ({score.source})."
