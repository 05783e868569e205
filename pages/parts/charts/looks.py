"""Charts of images and points: classes, brightness, contrast, counts, positions."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from gan.palette import GRAY, INDIGO, ORANGE
from pages.parts.charts.style import wrapped


def shares_of_classes(
    names: Sequence[str],
    fake: Sequence[float],
    real: Sequence[float],
    missing: Sequence[int],
    spread: Sequence[float],
) -> go.Figure:
    """Plot the share of each class (0 to 1) in generated and real images as bars, with crosses on missing classes.

    ``spread`` gives the error bars of the generated shares; empty if unknown.
    """
    labels = [html.escape(name) for name in names]
    bars = "%{x}: %{y:.1%}"
    figure = go.Figure(
        [
            go.Bar(
                x=labels, y=real, name="real", marker={"color": GRAY}, hovertemplate=bars + " of the real images<extra></extra>"
            ),
            go.Bar(
                x=labels,
                y=fake,
                name="generated",
                marker={"color": INDIGO},
                error_y={"type": "data", "array": spread, "color": GRAY, "thickness": 1, "width": 2} if spread else None,
                hovertemplate=bars + " of the generated images<extra></extra>",
            ),
        ]
    )
    if missing:
        figure.add_scatter(
            x=[labels[one] for one in missing],
            y=[real[one] for one in missing],
            name="missing",
            mode="markers",
            marker={"symbol": "x", "size": 9, "color": ORANGE},
            hovertemplate="%{x} is missing<extra></extra>",
        )
    are_named = len(labels) <= 24
    title = "class" if are_named else f"{len(labels)} classes; hover over a bar for its name"
    figure.update_layout(
        height=390,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        dragmode=False,
        bargap=0.25,
        bargroupgap=0.0,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        xaxis={
            "type": "category",
            "title": wrapped(title, 36),
            "showticklabels": are_named,
            "categoryarray": labels,
            "automargin": True,
        },
        yaxis={"tickformat": ".0%", "rangemode": "tozero", "title": "share of images"},
    )
    return figure


def look(name: str, fake: Sequence[float], real: Sequence[float], highest: float, means: str) -> go.Figure:
    """Plot histograms of generated and real images (shares, 0 to 1) in equal bins from 0 to ``highest``, with the means below."""
    width = highest / len(real)
    edges = [index * width for index in range(len(real) + 1)]
    used = [index for index, pair in enumerate(zip(fake, real, strict=True)) if any(pair)] or [0, len(real) - 1]
    figure = go.Figure()
    for title, values, colour in (("real", real, GRAY), ("generated", fake, INDIGO)):
        figure.add_scatter(
            x=edges,
            y=[*values, values[-1]],
            name=title,
            mode="lines",
            line={"shape": "hv", "width": 2, "color": colour},
            fill="tozeroy",
            hovertemplate=f"{title}: %{{y:.1%}} from %{{x:.3g}}<extra></extra>",
        )
    means_told = "<br>".join(wrapped(part, 42) for part in means.split("; "))
    shown = [edges[max(0, used[0] - 1)], edges[min(len(real), used[-1] + 2)]]
    figure.update_layout(
        height=330,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        dragmode=False,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        xaxis={"title": f"{html.escape(name)}<br>{means_told}", "range": shown, "zeroline": False, "automargin": True},
        yaxis={"tickformat": ".0%", "rangemode": "tozero"},
    )
    return figure


def counts(classes: Sequence[str], numbers: Sequence[int], noun: str) -> dict[str, Any]:
    """Return the Vega-Lite specification of a bar chart of class counts."""
    are_named = len(classes) <= 24
    are_short = all(len(name) <= 3 for name in classes) or len(classes) <= 4
    axis = {"labels": are_named, "ticks": are_named, "labelAngle": 0 if are_short else -40, "labelLimit": 110}
    return {
        "data": {"values": [{"class": name, "count": number} for name, number in zip(classes, numbers, strict=True)]},
        "height": 220,
        "mark": {"type": "bar", "color": INDIGO},
        "encoding": {
            "x": {
                "field": "class",
                "type": "nominal",
                "sort": None,
                "axis": axis,
                "title": None if are_named else f"{len(classes)} classes; hover over a bar for its name",
            },
            "y": {"field": "count", "type": "quantitative", "title": noun, "axis": {"format": ",.0f", "tickMinStep": 1}},
            "tooltip": [{"field": "class", "type": "nominal"}, {"field": "count", "type": "quantitative", "format": ",.0f"}],
        },
    }


def brightness(histogram: Sequence[int], mean: float, spread: float) -> dict[str, Any]:
    """Return the Vega-Lite specification of a brightness histogram, 0 to 256, with mean and standard deviation."""
    width = 256 / len(histogram)
    bars = [{"from": index * width, "to": (index + 1) * width, "count": number} for index, number in enumerate(histogram)]
    x = {"type": "quantitative", "title": "mean grey level (0 black, 255 white)", "scale": {"domain": [0, 256], "nice": False}}
    band = {"from": max(0.0, mean - spread), "to": min(256.0, mean + spread)}
    return {
        "height": 220,
        "layer": [
            {
                "data": {"values": [band]},
                "mark": {"type": "rect", "color": "gray", "opacity": 0.15},
                "encoding": {
                    "x": {**x, "field": "from", "axis": {"grid": False, "values": [*range(0, 256, 32), 255]}},
                    "x2": {"field": "to"},
                },
            },
            {
                "data": {"values": bars},
                "mark": {"type": "bar", "color": INDIGO},
                "encoding": {
                    "x": {**x, "field": "from", "bin": "binned"},
                    "x2": {"field": "to"},
                    "y": {
                        "field": "count",
                        "type": "quantitative",
                        "title": "images",
                        "axis": {"format": ",.0f", "tickMinStep": 1},
                    },
                    "tooltip": [
                        {"field": "from", "type": "quantitative"},
                        {"field": "to", "type": "quantitative"},
                        {"field": "count", "type": "quantitative", "format": ",.0f"},
                    ],
                },
            },
            {
                "data": {"values": [{"mean": mean}]},
                "mark": {"type": "rule", "color": ORANGE, "strokeDash": [5, 4], "size": 2},
                "encoding": {"x": {**x, "field": "mean"}},
            },
        ],
    }


def points(values: np.ndarray) -> go.Figure:
    """Plot points [N, 2] with both axes at the same scale."""
    dots = go.Scatter(
        x=values[:, 0], y=values[:, 1], mode="markers", marker={"size": 4, "color": INDIGO, "opacity": 0.5}, hoverinfo="skip"
    )
    figure = go.Figure(dots)
    figure.update_layout(
        height=460,
        margin={"l": 10, "r": 10, "t": 10, "b": 30},
        dragmode=False,
        xaxis={"zeroline": False, "constrain": "domain", "constraintoward": "left"},
        yaxis={"zeroline": False, "scaleanchor": "x", "constrain": "domain", "constraintoward": "top"},
    )
    return figure
