"""The distributions behind a verdict as charts: how often each class is drawn, and how bright and colourful images are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gan.data import catalogue
from gan.report import chart
from gan.report.chart import Series

_MOST_CLASSES = 100  # bars that can still be told apart
_LOOKS = ("brightness", "contrast", "saturation")


def drawings(line: Mapping[str, Any]) -> dict[str, str]:
    """Return an SVG element for each distribution that a line of scores holds, by what verdicts call their evidence."""
    found = {}
    if classes := _pair(line.get("class_counts"), line.get("real_class_counts"), None):
        entry = catalogue.all_sets().get(str(line.get("data")))
        count = len(classes[0].points)
        names = entry.classes if entry and len(entry.classes) == count else tuple(map(str, range(count)))
        if count <= _MOST_CLASSES:
            found["classes"] = chart.bars(classes, names, "% of the images")
    looks = line.get("looks")
    for name in _LOOKS:
        part = looks.get(name) if isinstance(looks, Mapping) else None
        highest = part.get("highest") if isinstance(part, Mapping) else None
        if isinstance(part, Mapping) and isinstance(highest, (int, float)):
            pair = _pair(part.get("fake_counts"), part.get("real_counts"), highest)
            if pair and (drawn := chart.lines(pair, name, "% of the images")):
                found[name] = drawn
    return found


def _pair(fake: object, real: object, highest: float | None) -> list[Series]:
    """Return counts of images as shares in per cent, in equal bins up to ``highest``; an empty list for anything else."""
    found = []
    for name, counts in (("Generated", _sound(fake)), ("Real", _sound(real))):
        step = (highest or len(counts)) / max(1, len(counts))
        found.append(Series(name, [((place + 0.5) * step, 100 * count / sum(counts)) for place, count in enumerate(counts)]))
    return found if len(found[0].points) == len(found[1].points) > 0 else []


def _sound(counts: object) -> Sequence[float]:
    """Return counts, of which at least one is above 0; empty for anything else."""
    if not isinstance(counts, list) or not all(isinstance(one, (int, float)) and math.isfinite(one) and one >= 0 for one in counts):
        return []
    return counts if sum(counts) > 0 else []
