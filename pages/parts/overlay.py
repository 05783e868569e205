"""The chart that lays curves of many runs over each other: a Vega-Lite specification, and the table for it; no streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

#: Told apart on light and on dark, and by people who see red and green alike as far as twelve colours allow.
COLOURS = (
    "#6c63ff", "#f76707", "#12b886", "#e64980", "#1c9ed8", "#c79a00",
    "#ae3ec9", "#82a31a", "#d9480f", "#0ca6a6", "#9097a8", "#c2557a",
)  # fmt: skip

_HEIGHT, _LEGEND_ROW = 260, 29  # pixels
_SHORT = 17  # letters of a name of which two fit into a row of the legend


def chart(groups: Sequence[str], title: str, axis: str, *, is_log: bool, there: Sequence[str]) -> dict[str, Any]:
    """Return the specification of a curve for each group over an axis, with bands and a line at the cursor.

    A group has the same colour in every chart; the legend names those that are ``there``. The table has rows with ``curve``,
    ``at``, ``value`` and, for bands, ``low`` and ``high``, and one without a curve, whose ``at`` is the cursor's. The specification
    does not depend on the data, so that the browser keeps the chart when the cursor moves.
    """
    scale: dict[str, Any] = {"type": "symlog" if is_log else "linear", "zero": False, "nice": False}
    if is_log:
        scale["constant"] = 0.1
    columns = 1 if max(map(len, there), default=0) > _SHORT else 2
    legend = {
        "orient": "top", "columns": columns, "labelLimit": 105 if columns == 2 else 240, "values": list(there),
        "symbolType": "square", "symbolSize": 80, "symbolOpacity": 1,
    }  # fmt: skip
    colour: dict[str, Any] = {
        "field": "curve", "type": "nominal", "title": None,
        "scale": {"domain": list(groups), "range": [COLOURS[place % len(COLOURS)] for place in range(len(groups))]},
        "legend": legend,
    }  # fmt: skip
    x = {"field": "at", "type": "quantitative", "title": axis, "axis": {"format": "~s", "grid": False}, "scale": {"nice": False}}
    y = {"field": "value", "type": "quantitative", "title": title, "scale": scale}
    is_curve, is_cursor = {"filter": "isValid(datum.curve)"}, {"filter": "!isValid(datum.curve)"}
    tooltip = [
        {"field": "curve", "type": "nominal", "title": "run"},
        {"field": "at", "type": "quantitative", "title": axis, "format": ",.0f"},
        {"field": "value", "type": "quantitative", "title": title, "format": ".4~g"},
    ]
    return {
        "height": _HEIGHT + _LEGEND_ROW * -(-len(there) // columns),
        "layer": [
            {
                "transform": [is_curve, {"filter": "isValid(datum.low)"}],
                "mark": {"type": "area", "opacity": 0.18, "clip": True},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "transform": [is_curve],
                "mark": {"type": "line", "strokeWidth": 2, "clip": True, "point": {"opacity": 0, "size": 60}},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
            },
            {
                "transform": [is_cursor],
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": "gray", "size": 1.5},
                "encoding": {"x": x},
            },
        ],
    }  # fmt: skip


def with_cursor(table: pa.Table, at: float) -> pa.Table:
    """Return the table of a chart with the row of the cursor."""
    cursor = pa.Table.from_pylist([{"at": float(at)}], schema=table.schema)
    return pa.concat_tables([table, cursor]).unify_dictionaries().combine_chunks()
