"""What all charts share: fonts, margins, axes, legends, labels, shortened and wrapped names."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from gan.palette import INDIGO, ORANGE
from gan.runs.names import shorten

SHADES = [[0.0, INDIGO], [0.5, "#d6569a"], [1.0, "#f7a707"]]  # readable on light and dark backgrounds
FONT = 12  # pixels; the smallest text in a chart

_DECADE = 10.0  # ratio of largest to smallest value from which an axis is logarithmic
_MOST_TICKS = 12

MARGIN = {"l": 10, "r": 10, "t": 40, "b": 10}  # leaves room for the mode bar on top
_MOST_ROWS, _ROW = 9, 19  # legend rows on a phone before it scrolls, and pixels per row
ABOVE = {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "maxheight": _MOST_ROWS * _ROW}
LETTER = 6.6  # pixels of a letter of size ``FONT``, on average
_TITLE = 36  # characters of a title that a phone shows in one line


def camera(name: str) -> dict[str, Any]:
    """Return a Plotly configuration whose only button, always visible, saves the chart as a PNG named after ``name``."""
    return {
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "filename": f"gan-duel-{name}", "scale": 2},
    }


def axis(title: str, values: Iterable[float | None] = (), **more: Any) -> dict[str, Any]:
    """Return an axis with a title that a phone shows whole; logarithmic if ``values`` span a decade and all are positive."""
    found = [value for value in values if value is not None and not math.isnan(value)]
    shown = {"title": wrapped(title, _TITLE), "automargin": True, **more}
    if not is_wide(found):
        return shown
    shown.pop("rangemode", None)
    return {**shown, "type": "log", **log_ticks(found)}


def is_wide(values: Iterable[float | None]) -> bool:
    """Return whether values need a log axis: all are positive, and the largest is at least ten times the smallest.

    What is not a finite number does not count.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    return bool(known) and min(known) > 0 and max(known) / min(known) >= _DECADE


def mark(figure: go.Figure, marks: Iterable[tuple[float, str]], colour: str = ORANGE) -> None:
    """Mark positions on the horizontal axis of a figure, with a text each."""
    for at, text in marks:
        figure.add_vline(
            x=at,
            line={"dash": "dot", "width": 1.5, "color": colour},
            annotation={"text": short_name(text), "textangle": -90, "xanchor": "left", "yanchor": "top", "font": {"color": colour}},
        )


def can_show(shown: dict[str, Any], value: float | None) -> bool:
    """Return whether an :func:`axis` has a place for a value: a logarithmic one has none for 0."""
    return value is not None and (value > 0 or shown.get("type") != "log")


def place_on(shown: dict[str, Any], value: float) -> float:
    """Return where Plotly wants an annotation for ``value`` on an :func:`axis`."""
    return math.log10(value) if shown.get("type") == "log" else value


def height_for(count: int) -> int:
    """Return the height of a plot with a legend of ``count`` names, each on its own row on a phone."""
    return 400 + _ROW * min(count, _MOST_ROWS)


def known(spreads: Iterable[float]) -> list[float | None]:
    """Return spreads with NaN replaced by None, which draws no error bar at all."""
    return [None if math.isnan(spread) else spread for spread in spreads]


def short_name(name: str, most: int = 28) -> str:
    """Return a shortened name for a legend, escaped because Plotly interprets some tags."""
    return html.escape(shortened(name, most))


def wrapped(text: str, most: int) -> str:
    """Return a text in lines of at most ``most`` characters, if its words allow, escaped because Plotly interprets some tags."""
    return "<br>".join(map(html.escape, textwrap.wrap(text, most, break_long_words=False))) or " "


def apart(places: Sequence[float], least: float, low: float, high: float) -> list[float] | None:
    """Return places near the given ones that are at least ``least`` apart, from ``low`` to ``high``; None if they do not fit."""
    if least * (len(places) - 1) > high - low:
        return None
    order = sorted(range(len(places)), key=places.__getitem__)
    found = list(places)
    floor = low
    for one in order:
        found[one] = floor = max(places[one], floor)
        floor += least
    ceiling = high
    for one in reversed(order):
        found[one] = ceiling = min(found[one], ceiling)
        ceiling -= least
    return found


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
