"""Charts of the distributions behind verdicts: class frequencies, and looks such as brightness and saturation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gan import palette
from gan.judging import comparison
from gan.report import chart
from gan.report.chart import Series

_SHARE = "% of the images"
#: Indices into the chart colours, as on the Evaluate page.
_INDIGO, _GRAY = (palette.ON_WHITE.index(colour) for colour in (palette.DARK_INDIGO, palette.DARK_GRAY))


def drawings(line: Mapping[str, Any]) -> dict[str, str]:
    """Return an SVG element for each distribution in a line of scores, by kind of evidence (``Verdict.evidence``)."""
    found = {}
    if classes := comparison.classes(line):
        found["classes"] = chart.bars(_pair(classes.fake, classes.real, len(classes.fake)), classes.names, _SHARE)
    for look in comparison.looks(line):
        if drawn := chart.lines(_pair(look.fake, look.real, look.highest), look.name, _SHARE):
            found[look.name] = drawn
    return found


def _pair(fake: Sequence[float], real: Sequence[float], highest: float) -> list[Series]:
    """Return the generated and real shares in per cent, over the centres of equal bins from 0 to ``highest``."""
    step = highest / len(fake)
    return [
        Series(name, [((place + 0.5) * step, 100 * share) for place, share in enumerate(shares)], colour)
        for name, shares, colour in (("Generated", fake, _INDIGO), ("Real", real, _GRAY))
    ]
