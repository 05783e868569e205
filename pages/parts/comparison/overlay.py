"""Overlay chart of curves from many runs: Vega-Lite specification and table; independent of Streamlit."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from gan import palette
from pages.parts import vega

_HEIGHT = 260  # pixels


def legend(groups: Sequence[str]) -> str:
    """Return one legend for all charts of these groups, as HTML that wraps to the available width."""
    entries = "".join(
        '<span style="display:flex;align-items:center;gap:0.4rem">'
        f'<span aria-hidden="true" style="flex:none;width:0.75rem;height:0.75rem;border-radius:3px;background:{colour}"></span>'
        f"{html.escape(group)}</span>"
        for group, colour in zip(groups, colours(groups), strict=True)
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:0.25rem 1.25rem;font-size:0.875rem;overflow-wrap:anywhere">{entries}</div>'


def colours(groups: Sequence[str]) -> list[str]:
    """Return the colour of each group; the same in every chart."""
    return [palette.SERIES[place % len(palette.SERIES)] for place in range(len(groups))]


def chart(
    groups: Sequence[str],
    title: str,
    axis: str,
    *,
    is_log: bool,
    is_wide: bool = False,
    has_points: bool = False,
    is_whole: bool = True,
    ends: tuple[float, float] | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> dict[str, Any]:
    """Return the specification of one curve per group, with bands and a line at the cursor, without a legend.

    With ``has_points``, every value gets a dot, for curves with few values; a curve with a single value always does. ``is_whole``:
    positions are counts, so the axis has no ticks in between. ``ends``: lowest and highest value in view; all if None. ``marks``:
    positions with a text each. Table rows have ``curve``, ``at``, ``value`` and, for bands, ``low`` and ``high``; one row without
    ``curve`` has the cursor's ``at``. The specification does not depend on the table, so the browser keeps the chart when the
    cursor moves.
    """
    colour: dict[str, Any] = {
        "field": "curve",
        "type": "nominal",
        "title": None,
        "legend": None,
        "scale": {"domain": list(groups), "range": colours(groups)},
    }
    ticks = {**vega.WHOLE, "labelExpr": "format(datum.value, '~s')"} if is_whole else {"labelExpr": vega.ROUNDED, "grid": False}
    x = {"field": "at", "type": "quantitative", "title": axis, "axis": ticks, "scale": vega.scale()}
    scale = vega.scale(is_log=is_log, is_wide=is_wide) | ({"domain": list(ends)} if ends else {})
    y = {"field": "value", "type": "quantitative", "title": None, "scale": scale, "axis": vega.axis(is_wide=is_wide)}
    is_curve, is_cursor = {"filter": "isValid(datum.curve)"}, {"filter": "!isValid(datum.curve)"}
    # Without a band, its edges are the curve: a layer without any data would make Vega warn that its axes have no extent.
    band = [{"calculate": f"isValid(datum.{edge}) ? datum.{edge} : datum.value", "as": edge} for edge in ("low", "high")]
    tooltip = [
        {"field": "curve", "type": "nominal", "title": "run"},
        {"field": "at", "type": "quantitative", "title": axis, "format": ",.0f"},
        {"field": "value", "type": "quantitative", "title": title, "format": ".4~g"},
    ]
    return {
        "height": _HEIGHT,
        "title": vega.title(title),
        "layer": [
            {
                "transform": [is_curve, *band],
                "mark": {"type": "area", "opacity": 0.18, "clip": True},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "transform": [is_curve],
                "mark": {"type": "line", "strokeWidth": 2, "clip": True, "point": {"opacity": float(has_points), "size": 60}},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
            },
            {
                "transform": [is_curve, *vega.lone_values("curve", "value")],
                "mark": {"type": "point", "filled": True, "size": 60, "clip": True, "invalid": None},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip, "opacity": vega.LONE},
            },
            {
                "transform": [is_cursor],
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": "gray", "size": 1.5},
                "encoding": {"x": x},
            },
            *vega.marks(marks, x),
        ],
    }


def with_cursor(table: pa.Table, at: float) -> pa.Table:
    """Return the table of a chart with the cursor row added."""
    cursor = pa.Table.from_pylist([{"at": float(at)}], schema=table.schema)
    return pa.concat_tables([table, cursor]).unify_dictionaries().combine_chunks()
