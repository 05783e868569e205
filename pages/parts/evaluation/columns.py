"""Columns of the score table other than settings: measures, intervals, and facts about the scoring; no streamlit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan.judging.glossary import SCORES

#: Scores of the preset "paper", after the setting columns; the distances come first.
PAPER = ("inception_score", "modes", "high_quality", "precision", "recall")

#: Companion figures of KID without spread or floor: column → title and help.
INTERVALS = {
    "kid_low": ("KID from", "Lower end of the 95 % interval of KID over subsets of the images, averaged over draws."),
    "kid_high": ("KID to", "Upper end of the 95 % interval of KID over subsets of the images, averaged over draws."),
}

#: Column → title, format and help of facts about the scoring.
FACTS: dict[str, tuple[str, str | None, str]] = {
    "extractor": ("Features", None, "Network whose features are compared."),
    "images": ("Images", "%d", "Generated images per draw; for real images, the number compared with the rest."),
    "real_images": ("Real images", "%d", "Real images that the generated ones are compared with."),
    "over": ("Spread over", None, "Source of the ±: repeated draws from one generator, or several runs."),
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
PATTERNS = {**dict.fromkeys(INTERVALS, "%.3g"), "runs": "%d"}

#: Column of badges → width in pixels.
WIDTHS = {"verdicts": 260, "first verdict": 212, "best": 180}

NAME_WIDTHS = (90, 300)  # least and most pixels of the names
PINNED = 190  # pixels of the names up to which they stay in view on a phone

_SIDES, _LETTER, _NARROW = 20, 6.2, 5.7  # pixels of padding in a badge or cell, per letter of a badge, and of a cell
_ROW, _LINE = 36, 26  # pixels of a row with one line of badges, and of each further line
_PICTURED, _MOST_LINES = 84, 5  # least height of a row with a picture


def reading(column: str, value: Any) -> str:
    """Return a cell of a column with facts as text."""
    pattern = FACTS[column][1] if column in FACTS else PATTERNS[column]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return pattern % value if pattern and not isinstance(value, str) else str(value)


def facts(noun: str) -> dict[str, tuple[str, str | None, str]]:
    """Return the fact columns (title, format, help) for "images" or "points"."""
    return FACTS | (OF_POINTS if noun == "points" else {})


def height_of_rows(badges: Mapping[str, Iterable[Sequence[str]]], *, is_pictured: bool = False) -> int:
    """Return the row height in pixels that cuts off no badge and no picture; ``badges`` maps columns to the titles in each row."""
    most = max((_lines(titles, WIDTHS[name]) for name, rows in badges.items() for titles in rows), default=1)
    return max(_ROW + _LINE * (min(max(most, 1), _MOST_LINES) - 1), _PICTURED if is_pictured else 0)


def width_of(title: str, texts: Iterable[str]) -> int:
    """Return the width in pixels that a column of scores needs."""
    return round(_SIDES + _NARROW * max(len(title) + 1, *map(len, texts)))


def width_of_names(names: Iterable[str]) -> int:
    """Return the width of the name column in pixels; longer names wrap, see :func:`wraps`."""
    least, most = NAME_WIDTHS
    return min(max(least, *(width_of("", [name]) for name in names)), most)


def wraps(name: str) -> bool:
    """Return whether a name needs two lines."""
    return width_of("", [name]) > NAME_WIDTHS[1]


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
