"""Charts of logged curves: live ones in Vega-Lite, finished ones in Plotly."""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gan.palette import GRAY, INDIGO, ORANGE
from pages.parts import vega
from pages.parts.charts.style import ABOVE, MARGIN, short_name

HEIGHT = 300  # pixels of a chart
MOST_POINTS = 400  # buckets per curve: about the resolution of a screen


def thin(table: pd.DataFrame, curves: dict[str, str], smoothing: float, zoom: tuple[float, float] | None = None) -> pd.DataFrame:
    """Return the data of a curve chart: ``step``, and for each curve a column with its name and one with name + " raw".

    ``curves`` maps names to columns. Smoothing is an exponential moving average over the whole table, from 0 (none) to
    below 1. The part within ``zoom`` (steps) is then split into at most ``MOST_POINTS`` buckets. Each bucket yields two
    rows with its smallest and largest raw value, so no spike is lost.
    """
    steps = table["step"].to_numpy()
    smooth = {
        name: (table[column].ewm(alpha=1 - smoothing).mean() if smoothing else table[column]).to_numpy()
        for name, column in curves.items()
    }
    raw = {name: table[column].to_numpy() for name, column in curves.items()}
    inside = slice(0, len(steps))
    if zoom:
        # One extra bucket on each side, so lines continue past the edge of the chart.
        first, last = int(np.searchsorted(steps, zoom[0])), int(np.searchsorted(steps, zoom[1], side="right"))
        margin = max(1, (last - first) // MOST_POINTS)
        inside = slice(max(0, first - margin), min(len(steps), last + margin))
    steps = steps[inside]
    if len(steps) <= 2 * MOST_POINTS:
        shown = {"step": steps}
        for name in curves:
            shown |= {name: smooth[name][inside], f"{name} raw": raw[name][inside]}
        return pd.DataFrame(shown)
    edges = np.linspace(0, len(steps), MOST_POINTS + 1).astype(int)[:-1]
    shown = {"step": np.repeat(steps[edges], 2) + np.tile([0.0, 0.5], len(edges)) * np.repeat(np.gradient(steps[edges]), 2)}
    for name in curves:
        part = smooth[name][inside]
        is_there = np.isfinite(part)
        counts = np.add.reduceat(is_there.astype(float), edges)
        sums = np.add.reduceat(np.where(is_there, part, 0.0), edges)
        shown[name] = np.repeat(np.divide(sums, counts, out=np.full(len(edges), np.nan), where=counts > 0), 2)
        values = raw[name][inside]  # NaN losses stay gaps in the curve
        lowest, highest = np.fmin.reduceat(values, edges), np.fmax.reduceat(values, edges)
        shown[f"{name} raw"] = np.column_stack([lowest, highest]).ravel()
    return pd.DataFrame(shown)


def curves(
    names: list[str],
    title: str,
    *,
    is_log: bool = False,
    is_wide: bool = False,
    domain: tuple[float, float] | None = None,
    rule: float | None = None,
    rule_title: str = "",
    has_points: bool = False,
    marks: Sequence[tuple[float, str]] = (),
    height: int = HEIGHT,
) -> dict[str, Any]:
    """Return the Vega-Lite specification of curves over steps, for a table made by :func:`thin`.

    ``rule`` is the height of a dashed line, ``rule_title`` the text on it. ``has_points`` adds a dot per value, for curves with few
    values; a curve with a single value always gets one. ``marks``: steps with a text each. ``height``: in pixels.

    The specification depends on settings, not on data, so the browser keeps the chart, its zoom and hover when new data
    arrives. The interval ``zoom`` must be requested as a selection; otherwise the browser resets it.
    """
    scale = vega.scale(is_log=is_log, is_wide=is_wide) | ({"domain": list(domain)} if domain else {})
    colour = {
        "field": "curve",
        "type": "nominal",
        "sort": names,
        "scale": {"domain": names},
        "legend": {"orient": "top", "offset": 8, "title": None, "symbolOpacity": 1, "symbolStrokeWidth": 3}
        if len(names) > 1
        else None,
    }
    line = {"type": "line", "clip": True, "interpolate": "linear"}
    x = {"field": "step", "type": "quantitative", "title": "step", "axis": {**vega.WHOLE, "format": ",.0f"}, "scale": vega.scale()}
    y = {"field": "raw", "type": "quantitative", "title": title, "scale": scale}
    y["axis"] = {**vega.axis(is_wide=is_wide), "title": None}  # it stands above the chart, where a phone has room for it
    fold = [{"fold": names, "as": ["curve", "value"]}, {"calculate": "datum[datum.curve + ' raw']", "as": "raw"}]
    layers: list[dict[str, Any]] = [
        {
            "transform": fold,
            "encoding": {"color": colour},
            "layer": [
                {
                    "params": [{"name": "zoom", "select": {"type": "interval", "encodings": ["x"]}, "bind": "scales"}],
                    "mark": {**line, "strokeWidth": 1, "opacity": 0.25},
                    "encoding": {"y": y},
                },
                {
                    "mark": {**line, "strokeWidth": 2, "point": has_points},
                    "encoding": {"y": {**y, "field": "value"}},
                },
            ],
        },
        {
            "params": [
                {
                    "name": "hover",
                    "select": {"type": "point", "fields": ["step"], "nearest": True, "on": "pointerover", "clear": "pointerout"},
                }
            ],
            "mark": {"type": "rule", "color": "gray"},
            "encoding": {
                "opacity": {"condition": {"param": "hover", "empty": False, "value": 0.7}, "value": 0},
                "tooltip": [
                    {"field": "step", "type": "quantitative", "format": ",.0f"},
                    *({"field": name, "type": "quantitative", "format": ".4~g"} for name in names),
                ],
            },
        },
    ]
    layers.append(
        {
            "transform": [*fold, *vega.lone_values("curve", "raw")],
            "mark": {"type": "point", "filled": True, "size": 60, "invalid": None},
            "encoding": {"y": y, "color": colour, "opacity": vega.LONE},
        }
    )
    if rule is not None:
        mark = {"type": "rule", "strokeDash": [4, 4], "color": "gray", "opacity": 0.6}
        layers.append({"data": {"values": [{}]}, "mark": mark, "encoding": {"y": {"datum": rule}, "x": None}})
        if rule_title:
            text = {"type": "text", "text": rule_title, "align": "right", "baseline": "bottom", "dx": -4, "dy": -3, "color": "gray"}
            place = {"y": {"datum": rule}, "x": {"value": "width"}}
            layers.append({"data": {"values": [{}]}, "mark": {**text, "fontSize": 12}, "encoding": place})
    layers += vega.marks(marks, x)
    return {"height": height, "title": vega.title(title), "encoding": {"x": x}, "layer": layers}


def kept_curves(table: pd.DataFrame, names: Sequence[str], title: str, height: int) -> go.Figure:
    """Plot static curves over steps from a table made by :func:`thin`, as a Plotly figure that can be saved as PNG."""
    figure = go.Figure()
    for name, colour in zip(names, itertools.cycle((INDIGO, ORANGE, GRAY)), strict=False):
        figure.add_scatter(
            x=table["step"],
            y=table[f"{name} raw"],
            mode="lines",
            showlegend=False,
            hoverinfo="skip",
            opacity=0.4,
            line={"width": 1, "color": colour},
        )
        figure.add_scatter(
            x=table["step"],
            y=table[name],
            mode="lines",
            name=short_name(name),
            line={"width": 2, "color": colour},
            hovertemplate=f"{html.escape(name)} %{{y:.4g}} at step %{{x:,.0f}}<extra></extra>",
        )
    figure.update_layout(
        height=height,
        margin=MARGIN,
        dragmode=False,
        showlegend=True,
        legend=ABOVE,
        xaxis={"title": "step", "tickformat": ",.0f", "automargin": True},
        yaxis={"title": title, "automargin": True},
    )
    return figure
