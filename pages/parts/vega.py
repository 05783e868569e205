"""What the Vega-Lite charts of several pages share; imports nothing heavy."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from gan.palette import ORANGE

#: Pixels between the data and the edges of a plot, so that dots and thick lines at its ends are not cut.
PADDING = 8
#: Axis of whole numbers, such as steps: no ticks in between, and no numbers cut at the edges of the chart.
WHOLE = {"tickMinStep": 1, "grid": False, "labelFlush": 2 * PADDING}
#: Axis numbers: four digits, and exponents only where the zeros would be cut off.
ROUNDED = "abs(datum.value) < 1e6 ? format(datum.value, ',.4~r') : format(datum.value, '.3~e')"
#: Numbers on a log axis, which Vega would place anywhere, with lines at all their multiples.
DECADES = [float(f"{first}e{power}") for power in range(-6, 9) for first in (1, 2, 5)]


_LINE = 44  # letters that fit above the narrowest chart
_ROW, _ROWS = 14, 3  # pixels between the texts of marks that follow each other, and rows of them


def marks(found: Sequence[tuple[float, str]], x: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers that mark moments on the x axis, encoded as ``x``, with their texts; none if there are none."""
    if not found:
        return []
    values = [{x["field"]: at, "text": text} for at, text in found]
    place = {key: value for key, value in x.items() if key != "title"}
    tooltip = [{"field": "text", "type": "nominal", "title": "changed"}, {**place, "format": ",.0f", "title": "at"}]
    line = {"type": "rule", "strokeDash": [3, 3], "color": ORANGE, "size": 1.5, "clip": True}
    # To the left of its line in the right half of the plot: the newest change of a training is at its right edge.
    is_right = f"scale('x', datum['{x['field']}']) > width / 2"
    beside = {"align": {"expr": f"{is_right} ? 'right' : 'left'"}, "dx": {"expr": f"{is_right} ? -4 : 4"}}
    text = {"type": "text", **beside, "baseline": "top", "fontSize": 12, "color": ORANGE, "limit": 130}
    rows = [
        {
            "data": {"values": values[row::_ROWS]},
            "mark": {**text, "clip": True},
            "encoding": {"x": place, "y": {"value": 2 + _ROW * row}, "text": {"field": "text"}},
        }
        for row in range(min(_ROWS, len(values)))
    ]
    return [{"data": {"values": values}, "mark": line, "encoding": {"x": place, "tooltip": tooltip}}, *rows]


#: Opacity of the dots of :func:`lone_values`.
LONE = {"condition": {"test": "datum.values == 1", "value": 1}, "value": 0}


def lone_values(curve: str, value: str) -> list[dict[str, Any]]:
    """Return the transforms that keep one ``value`` of each ``curve`` (two fields), to show it with :data:`LONE` if it is the only
    one, which a line cannot show.

    A layer without any data would make Vega warn that its axes have no extent.
    """
    count, place = {"op": "valid", "field": value, "as": "values"}, {"op": "row_number", "as": "row"}
    return [
        {"joinaggregate": [count], "groupby": [curve]},
        {"window": [place], "groupby": [curve], "sort": [{"field": value, "order": "descending"}]},  # what is missing comes last
        {"filter": "datum.row == 1"},
    ]


def title(text: str) -> dict[str, Any]:
    """Return the title of a chart, in lines that the narrowest one has room for."""
    return {"text": textwrap.wrap(text, _LINE), "anchor": "start", "offset": 8, "fontWeight": "normal", "limit": 0}


def with_data(spec: dict[str, Any], table: object) -> dict[str, Any]:
    """Return a chart with its data, for ``st.vega_lite_chart``.

    Streamlit first draws a chart without the data that are passed beside it, and Vega then warns in the browser's console that
    the axes have no extent.
    """
    return {**spec, "data": {"name": "table"}, "datasets": {"table": table}}


def axis(*, is_wide: bool = False) -> dict[str, Any]:
    """Return the axis of values on a :func:`scale`."""
    return {"labelExpr": ROUNDED, **({"values": DECADES, "tickCount": 6} if is_wide else {})}


def scale(*, is_log: bool = False, is_wide: bool = False) -> dict[str, Any]:
    """Return the scale of a value axis that fits the data, with :data:`PADDING`.

    With ``is_wide`` (see :func:`pages.parts.charts.is_wide`) it is a log scale; ``is_log`` asks for one that is linear near 0.
    """
    found: dict[str, Any] = {"type": "log" if is_wide else "symlog" if is_log else "linear", "nice": False, "padding": PADDING}
    return found if is_wide else found | {"zero": False} | ({"constant": 0.1} if is_log else {})
