"""Charts of scores: per run, over images seen, over a setting, precision against recall."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from gan.judging import comparison
from gan.palette import GRAY, INDIGO
from pages.parts.charts.style import (
    ABOVE,
    MARGIN,
    SHADES,
    WIDE,
    height_for,
    known,
    log_ticks,
    plus_minus,
    short_name,
    shortened,
    with_basis,
)

_SAME_PLACE = 0.02  # distance in precision and recall below which dots overlap


def scores(
    table: pd.DataFrame, score: str, floor: float | None, lower_is_better: bool, basis: str = "", noun: str = "images"
) -> go.Figure:
    """Return a dot plot of one score per run with its spread, and the score of real images as a line.

    ``table`` has the columns ``name``, ``value`` and ``spread`` (NaN if unknown), one row per run, in order. The best run is
    a star, unless its spread overlaps another's. ``basis`` describes how the scores were computed, ``noun`` what was scored.
    """
    spreads = known(table["spread"])
    values = [f"{value:.3f}{plus_minus(spread)}" for value, spread in zip(table["value"], spreads, strict=True)]
    best = comparison.clear_winner(table["value"] * (-1 if lower_is_better else 1), table["spread"])
    symbols = ["star" if index == best else "circle" for index in table.index]
    sizes = [15 if index == best else 11 for index in table.index]
    figure = go.Figure(
        go.Scatter(
            x=table["value"],
            y=[html.escape(name) for name in table["name"]],  # Plotly interprets some tags
            mode="markers",
            error_x={"type": "data", "array": spreads, "thickness": 1.5, "width": 5},
            marker={"size": sizes, "color": INDIGO, "opacity": 1.0, "symbol": symbols},
            text=values,
            hovertemplate="%{y}<br>" + html.escape(score) + " %{text}<extra></extra>",
        )
    )
    if floor is not None:
        figure.add_vline(x=floor, line_dash="dash", line_color="gray", annotation_text=f"real {noun}", annotation_position="top")
    title = f"{score} ({'lower' if lower_is_better else 'higher'} is better)"
    figure.update_layout(
        height=max(200, 130 + 34 * len(table)),
        margin={"l": 24, "r": 20, "t": 50, "b": 14},
        showlegend=False,
        dragmode=False,
        xaxis={"title": with_basis(title, basis), "rangemode": "tozero", "automargin": True},
        yaxis={"type": "category", "autorange": "reversed", "automargin": True},  # keeps names like "64" from becoming numbers
    )
    return figure


def training(
    runs: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    title: str,
    floor: float | None,
    basis: str = "",
    noun: str = "images",
) -> go.Figure:
    """Plot a score over images (or points) seen, one curve for each of ``runs`` (name, images seen, values).

    Log scale; falls back to linear if any value is not positive (KID can be negative).
    """
    figure = go.Figure()
    for name, seen, values in runs:
        figure.add_scatter(
            x=seen,
            y=values,
            mode="lines+markers",
            name=short_name(name),
            line={"width": 2},
            marker={"size": 6},
            hovertemplate=html.escape(name) + "<br>%{x:,.0f} " + noun + " seen<br>%{y:.4g}<extra></extra>",
        )
    known = [value for _, _, values in runs for value in values]
    is_log = min(known, default=1.0) > 0
    if floor is not None and (floor > 0 or not is_log):
        figure.add_hline(y=floor, line_dash="dash", line_color="gray")
        height = math.log10(floor) if is_log else floor
        place = {"x": 1, "xref": "paper", "y": height, "xanchor": "right", "yanchor": "bottom"}
        figure.add_annotation(text=f"real {noun}", showarrow=False, **place)
    figure.update_layout(
        height=height_for(len(runs)),
        margin=MARGIN,
        showlegend=True,
        legend=ABOVE,
        dragmode=False,
        xaxis={"title": with_basis(f"{noun} seen", basis), "rangemode": "tozero", "automargin": True},
        yaxis={"title": f"{title}, log scale", "type": "log", "automargin": True, **log_ticks([*known, floor or 0.0])}
        if is_log
        else {"title": title, "automargin": True},
    )
    return figure


def against(
    runs: Sequence[tuple[str, Any, float, float]],
    setting: str,
    score: str,
    floor: float | None,
    basis: str = "",
    noun: str = "images",
    others: Sequence[str] = (),
) -> go.Figure:
    """Plot a score over a setting, a dot with its spread for each of ``runs`` (name, setting value, score, spread).

    Numeric values get a numeric axis (log if they span at least a factor of ``_WIDE``), others a category axis.
    ``others`` describes the other settings of each run as text, empty if a row combines several. On a numeric axis, lines
    connect the means of runs with equal ``others``; lines between different ``others`` would mix in other effects.
    """
    settings = [setting for _, setting, _, _ in runs]
    are_numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in settings)
    shown = settings if are_numbers else [html.escape(comparison.text_of(one)) for one in settings]
    figure = go.Figure()
    for alike in dict.fromkeys(filter(None, others if are_numbers else ())):
        pairs = [(x, run[2]) for x, run, other in zip(shown, runs, others, strict=True) if other == alike]
        means = pd.DataFrame(pairs, columns=["x", "y"]).groupby("x")["y"].mean()
        if len(means) > 1:
            figure.add_scatter(
                x=means.index, y=means, mode="lines", line={"color": INDIGO, "width": 1.5, "dash": "dot"}, hoverinfo="skip"
            )
    figure.add_scatter(
        x=shown,
        y=[score for _, _, score, _ in runs],
        mode="markers",
        marker={"size": 11, "color": INDIGO, "opacity": 0.8},
        error_y={"type": "data", "array": (spreads := known(spread for *_, spread in runs)), "thickness": 1.5},
        text=[html.escape(name) for name, *_ in runs],
        customdata=[plus_minus(spread) for spread in spreads],
        hovertemplate=f"%{{text}}<br>{html.escape(setting)} %{{x}}<br>{html.escape(score)} %{{y:.4g}}%{{customdata}}"
        "<extra></extra>",
    )
    if floor is not None:
        figure.add_hline(
            y=floor, line_dash="dash", line_color="gray", annotation_text=f"real {noun}", annotation_position="top left"
        )
    is_wide = are_numbers and min(settings) > 0 and max(settings) / min(settings) >= WIDE
    kind = {"type": "log", **log_ticks(settings)} if is_wide else {} if are_numbers else {"type": "category"}
    figure.update_layout(
        height=440,
        margin=MARGIN,
        showlegend=False,
        dragmode=False,
        xaxis={"title": with_basis(setting, basis), "automargin": True, **kind},
        yaxis={"title": score, "rangemode": "tozero", "automargin": True},
    )
    return figure


def parallel(columns: Sequence[tuple[str, Sequence[Any]]], score: str, basis: str = "") -> go.Figure:
    """Plot parallel coordinates: one axis for each of ``columns`` (title, one value per run), coloured by the column ``score``.

    Non-numeric values become categories, in order of appearance. ``basis`` describes how the scores were computed.
    """
    dimensions, shades = [], []
    for title, found in columns:
        axis: dict[str, Any] = {"label": html.escape(shortened(title, 22))}
        if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found):
            axis |= {"values": list(found)}
        else:
            texts = [comparison.text_of(one) for one in found]
            places = list(dict.fromkeys(texts))
            axis |= {
                "values": [places.index(text) for text in texts],
                "tickvals": list(range(len(places))),
                "ticktext": [html.escape(shortened(text, 16)) for text in places],
            }
        dimensions.append(axis)
        if title == score:
            shades = axis["values"]
    font = {"color": GRAY, "shadow": "none"}  # Plotly's shadow assumes a white background
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line={"color": shades, "colorscale": SHADES},
            unselected={"line": {"opacity": 0.08}},
            labelangle=-15,
            labelfont={**font, "size": 12},
            tickfont={**font, "size": 11},
            rangefont={**font, "size": 9},
        )
    )
    figure.add_annotation(
        text=with_basis("", basis),
        showarrow=False,
        align="left",
        xanchor="left",
        yanchor="top",
        **{"x": 0, "y": 0, "xref": "paper", "yref": "paper", "yshift": -26},
    )
    figure.update_layout(height=490, margin={"l": 70, "r": 40, "t": 90, "b": 90})
    return figure


def neighbours(
    runs: Sequence[tuple[str, float, float, float, float]], floor: tuple[float, float] | None, basis: str = "", noun: str = "images"
) -> go.Figure:
    """Plot precision over recall, a dot for each of ``runs``, and real images as a diamond.

    A run is name, precision, recall, and both spreads (NaN if unknown). ``floor`` is precision and recall of real images.
    Labels explain the corners. Runs at nearly the same place become concentric rings, so none hides another.
    """
    figure = go.Figure()
    for index, (name, precision, recall, *both) in enumerate(runs):
        under = sum(math.dist((precision, recall), other[1:3]) < _SAME_PLACE for other in runs[:index])
        up, right = known(both)
        figure.add_scatter(
            x=[recall],
            y=[precision],
            mode="markers",
            name=short_name(name),
            marker={"size": 12 + 9 * under, "symbol": "circle-open" if under else "circle", "line": {"width": 2.5 if under else 1}},
            error_y={"type": "data", "array": [up], "thickness": 1.2, "width": 4},
            error_x={"type": "data", "array": [right], "thickness": 1.2, "width": 4},
            hovertemplate=html.escape(name) + f"<br>precision %{{y:.3f}}{plus_minus(up)}<br>recall %{{x:.3f}}{plus_minus(right)}"
            "<extra></extra>",
        )
    if floor is not None:
        figure.add_scatter(
            x=[floor[1]],
            y=[floor[0]],
            mode="markers",
            name=f"real {noun}",
            marker={"size": 14, "symbol": "diamond-open", "color": "gray", "line": {"width": 2}},
            hovertemplate=f"real {noun}" + "<br>precision %{y:.3f}<br>recall %{x:.3f}<extra></extra>",
        )
    corners = ((0, 1, "good but uniform"), (1, 1, "good and varied"), (0, 0, "poor and uniform"), (1, 0, "varied but poor"))
    for x, y, text in corners:
        figure.add_annotation(
            x=x, y=1.07 if y else -0.07, text=text, showarrow=False, xanchor="right" if x else "left", opacity=0.65
        )
    ends = {"range": [-0.04, 1.04], "tickvals": [0, 0.25, 0.5, 0.75, 1], "zeroline": False}
    figure.update_layout(
        height=height_for(len(runs) + 1),
        margin=MARGIN,
        dragmode=False,
        showlegend=True,
        legend=ABOVE,
        hovermode="closest",
        xaxis={**ends, "title": with_basis("recall: how varied", basis), "automargin": True},
        yaxis={**ends, "title": "precision: how good", "range": [-0.13, 1.13]},
    )
    return figure
