"""Columns of the score table other than settings: measures, intervals, and facts about the scoring; no streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gan.judging.glossary import SCORES

#: Measure (column, and key in a line of scores) → Streamlit number format; shares are shown as percentages.
FORMATS = {"precision": "%.2f", "recall": "%.2f", "density": "%.2f", "coverage": "%.2f", "ms_ssim": "%.3f", "lpips": "%.3f"}
FORMATS = {key: "percent" if score.is_share else FORMATS.get(key, "%.3g") for key, score in SCORES.items()}

#: Measures hidden by default.
RARE = {"density", "class_kl", "lpips", "memorised", "memorised_ratio", "memorised_sources", "memorised_likeness", "checkerboard"}

#: Companion figures of KID without spread or floor: column → title and help.
INTERVALS = {
    "kid_low": ("KID from", "Lower end of the 95 % interval of KID over subsets of the images, averaged over draws."),
    "kid_high": ("KID to", "Upper end of the 95 % interval of KID over subsets of the images, averaged over draws."),
}

#: Column → title, format and help of facts about the scoring; those in ``USUAL_FACTS`` are shown by default.
FACTS: dict[str, tuple[str, str | None, str]] = {
    "extractor": ("Features", None, "Network whose features are compared."),
    "images": ("Images", "%d", "Generated images per draw; for real images, the number compared with the rest."),
    "real_images": ("Real images", "%d", "Real images that the generated ones are compared with."),
    "over": ("Spread over", None, "Source of the ± columns: repeated draws from one generator, or several runs."),
    "weights": ("Weights", None, "EMA: exponential moving average of the generator's weights; raw: the weights themselves."),
    "checkpoint": ("Checkpoint", None, "Last checkpoint, or the one with the best quick score during training."),
    "seed": ("Seed of the draws", "%d", "Seed of the latent vectors of the scored images."),
    "epoch": ("Epoch", "%.1f", "Passes over the training images."),
    "step": ("Step", "%d", "Training steps of the generator."),
    "images_seen": ("Images seen", "%d", "Real images shown to the discriminator."),
    "minutes": ("Minutes trained", "%.1f", "Training time without pauses."),
}
#: The same facts for scored points.
OF_POINTS: dict[str, tuple[str, str | None, str]] = {
    "images": ("Points", "%d", "Generated points per draw; for real points, the number compared with the rest."),
    "real_images": ("Real points", "%d", "Real points that the generated ones are compared with."),
    "seed": ("Seed of the draws", "%d", "Seed of the latent vectors of the scored points."),
    "epoch": ("Epoch", "%.1f", "Passes over the training points."),
    "images_seen": ("Points seen", "%d", "Real points shown to the discriminator."),
}
#: Column of badges → width in pixels.
WIDTHS = {"verdicts": 260, "best": 180}

_SIDES, _LETTER = 20, 6.2  # pixels of padding in a badge or cell, and per letter
_ROW, _LINE = 84, 26  # pixels of a row with up to ``_LEAST_LINES`` lines of badges, and of each further line
_LEAST_LINES, _MOST_LINES = 2, 5

USUAL_FACTS = ("extractor", "images", "over", "weights", "seed", "epoch", "minutes")


def facts(noun: str) -> dict[str, tuple[str, str | None, str]]:
    """Return the fact columns (title, format, help) for "images" or "points"."""
    return FACTS | (OF_POINTS if noun == "points" else {})


def height_of_rows(badges: Mapping[str, Iterable[Sequence[str]]]) -> int:
    """Return the row height in pixels that cuts off no badge; ``badges`` maps columns to the titles in each row."""
    most = max((_lines(titles, WIDTHS[name]) for name, rows in badges.items() for titles in rows), default=0)
    return _ROW + _LINE * (min(max(most, _LEAST_LINES), _MOST_LINES) - _LEAST_LINES)


def _lines(titles: Sequence[str], room: int) -> int:
    """Return the number of lines that badges fill in a cell ``room`` pixels wide, with greedy wrapping."""
    count, left = 0, 0.0
    for title in titles:
        width = _SIDES + _LETTER * len(title)
        if width > left:
            count, left = count + 1, float(room - _SIDES)
        left -= width
    return count


def spread_title(name: str) -> str:
    """Return the title of a measure's spread column."""
    return f"± {SCORES[name].title}"


def about(name: str) -> str:
    """Return help for a measure: meaning, formula, range and source."""
    score = SCORES[name]
    return f"{score.meaning} Formula: {score.formula}, {score.range} ({score.source})."
