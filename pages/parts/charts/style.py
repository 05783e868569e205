"""What all charts share: margins, axes, legends, shortened names."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

from gan.palette import INDIGO
from gan.runs.names import shorten

SHADES = [[0.0, INDIGO], [0.5, "#d6569a"], [1.0, "#f7a707"]]  # readable on light and dark backgrounds
WIDE = 20  # ratio of largest to smallest value that triggers a log axis

MARGIN = {"l": 10, "r": 10, "t": 40, "b": 10}  # leaves room for the mode bar on top
_MOST_ROWS, _ROW = 9, 19  # legend rows on a phone before it scrolls, and pixels per row
ABOVE = {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "maxheight": _MOST_ROWS * _ROW}
_MOST_TICKS = 12


def camera(name: str) -> dict[str, Any]:
    """Return a Plotly configuration whose only button, always visible, saves the chart as a PNG named after ``name``."""
    return {
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "filename": f"gan-duel-{name}", "scale": 2},
    }


def height_for(count: int) -> int:
    """Return the height of a plot with a legend of ``count`` names, each on its own row on a phone."""
    return 400 + _ROW * min(count, _MOST_ROWS)


def known(spreads: Iterable[float]) -> list[float | None]:
    """Return spreads with NaN replaced by None, which draws no error bar at all."""
    return [None if math.isnan(spread) else spread for spread in spreads]


def plus_minus(spread: float | None) -> str:
    """Return a spread as a suffix of its value; empty if unknown."""
    return "" if spread is None else f" ± {spread:.3g}"


def short_name(name: str, most: int = 28) -> str:
    """Return a shortened name for a legend, escaped because Plotly interprets some tags."""
    return html.escape(shortened(name, most))


def log_ticks(values: Sequence[float]) -> dict[str, Any]:
    """Return ticks for a log axis: 1, 2 and 5 times powers of ten, or only powers of ten if that is too many."""
    positive = [value for value in values if value > 0]
    if not positive:
        return {}
    first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    leads = (1, 2, 5) if 3 * (last - first + 1) <= _MOST_TICKS else (1,)
    ticks = [lead * 10.0**power for power in range(first, last + 1) for lead in leads]
    return {"tickvals": ticks, "ticktext": [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks]}


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` letters, cut in the middle."""
    return shorten(text, most)


def with_basis(title: str, basis: str) -> str:
    """Return an axis title with the basis of the figures in small print, so that saved PNGs include it."""
    return "<br>".join([html.escape(title), *(f"<sub>{html.escape(part)}</sub>" for part in basis.splitlines())])
