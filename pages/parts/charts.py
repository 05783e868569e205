"""Charts as pure functions from data to a Vega-Lite specification or a Plotly figure; no streamlit."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gan.judging import comparison

MOST_POINTS = 400  # buckets per curve: about the resolution of a screen
_INDIGO, _ORANGE, _GRAY = "#6c63ff", "#f76707", "#9097a8"  # readable on light and dark backgrounds
_SHADES = [[0.0, "#6c63ff"], [0.5, "#d6569a"], [1.0, "#f7a707"]]  # likewise
_WIDE = 20  # ratio of largest to smallest value that triggers a log axis
_SAME_PLACE = 0.02  # distance in precision and recall below which dots overlap
_MARGIN = {"l": 10, "r": 10, "t": 40, "b": 10}  # leaves room for the mode bar on top
_MOST_ROWS, _ROW = 9, 19  # legend rows on a phone before it scrolls, and pixels per row
_ABOVE = {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "maxheight": _MOST_ROWS * _ROW}
_MOST_TICKS = 12


def camera(name: str) -> dict[str, Any]:
    """Return a Plotly configuration whose only button, always visible, saves the chart as a PNG named after ``name``."""
    return {
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "filename": f"gan-duel-{name}", "scale": 2},
    }


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
        first, last = np.searchsorted(steps, zoom[0]), np.searchsorted(steps, zoom[1], side="right")
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


_ROUNDED = {"format": ",.4~r"}  # axis numbers: four digits, no exponents


def curves(
    names: list[str],
    title: str,
    *,
    is_log: bool = False,
    domain: tuple[float, float] | None = None,
    rule: float | None = None,
    has_points: bool = False,
) -> dict[str, Any]:
    """Return the Vega-Lite specification of curves over steps, for a table made by :func:`thin`.

    ``has_points`` adds a dot per value, so that a curve with a single value is visible.

    The specification depends on settings, not on data, so the browser keeps the chart, its zoom and hover when new data
    arrives. The interval ``zoom`` must be requested as a selection; otherwise the browser resets it.
    """
    scale: dict[str, Any] = {"type": "symlog" if is_log else "linear", "zero": False, "nice": False}
    if is_log:
        scale["constant"] = 0.1
    if domain:
        scale["domain"] = list(domain)
    colour = {
        "field": "curve",
        "type": "nominal",
        "sort": names,
        "scale": {"domain": names},
        "legend": {"orient": "top", "title": None, "symbolOpacity": 1, "symbolStrokeWidth": 3},
    }
    line = {"type": "line", "clip": True, "interpolate": "linear"}
    x = {"field": "step", "type": "quantitative", "title": "step", "axis": {"format": ",.0f", "tickMinStep": 1, "grid": False}}
    layers: list[dict[str, Any]] = [
        {
            "transform": [
                {"fold": names, "as": ["curve", "value"]},
                {"calculate": "datum[datum.curve + ' raw']", "as": "raw"},
            ],
            "encoding": {"color": colour},
            "layer": [
                {
                    "params": [{"name": "zoom", "select": {"type": "interval", "encodings": ["x"]}, "bind": "scales"}],
                    "mark": {**line, "strokeWidth": 1, "opacity": 0.25},
                    "encoding": {"y": {"field": "raw", "type": "quantitative", "title": title, "scale": scale, "axis": _ROUNDED}},
                },
                {
                    "mark": {**line, "strokeWidth": 2, "point": has_points},
                    "encoding": {"y": {"field": "value", "type": "quantitative"}},
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
    if rule is not None:
        mark = {"type": "rule", "strokeDash": [4, 4], "color": "gray", "opacity": 0.6}
        layers.append({"data": {"values": [{}]}, "mark": mark, "encoding": {"y": {"datum": rule}, "x": None}})
    return {"height": 260, "encoding": {"x": x}, "layer": layers}


def kept_curves(table: pd.DataFrame, names: Sequence[str], title: str, height: int) -> go.Figure:
    """Plot static curves over steps from a table made by :func:`thin`, as a Plotly figure that can be saved as PNG."""
    figure = go.Figure()
    for name, colour in zip(names, itertools.cycle((_INDIGO, _ORANGE, _GRAY)), strict=False):
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
            name=_short(name),
            line={"width": 2, "color": colour},
            hovertemplate=f"{html.escape(name)} %{{y:.4g}} at step %{{x:,.0f}}<extra></extra>",
        )
    figure.update_layout(
        height=height,
        margin=_MARGIN,
        dragmode=False,
        showlegend=True,
        legend=_ABOVE,
        xaxis={"title": "step", "tickformat": ",.0f", "automargin": True},
        yaxis={"title": title, "automargin": True},
    )
    return figure


def scores(
    table: pd.DataFrame, score: str, floor: float | None, lower_is_better: bool, basis: str = "", noun: str = "images"
) -> go.Figure:
    """Return a dot plot of one score per run with its spread, and the score of real images as a line.

    ``table`` has the columns ``name``, ``value`` and ``spread`` (NaN if unknown), one row per run, in order. The best run is
    a star, unless its spread overlaps another's. ``basis`` describes how the scores were computed, ``noun`` what was scored.
    """
    spreads = _known(table["spread"])
    values = [f"{value:.3f}{_plus_minus(spread)}" for value, spread in zip(table["value"], spreads, strict=True)]
    best = comparison.clear_winner(table["value"] * (-1 if lower_is_better else 1), table["spread"])
    symbols = ["star" if index == best else "circle" for index in table.index]
    sizes = [15 if index == best else 11 for index in table.index]
    figure = go.Figure(
        go.Scatter(
            x=table["value"],
            y=[html.escape(name) for name in table["name"]],  # Plotly interprets some tags
            mode="markers",
            error_x={"type": "data", "array": spreads, "thickness": 1.5, "width": 5},
            marker={"size": sizes, "color": _INDIGO, "opacity": 1.0, "symbol": symbols},
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
        xaxis={"title": _with_basis(title, basis), "rangemode": "tozero", "automargin": True},
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
            name=_short(name),
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
        height=_tall(len(runs)),
        margin=_MARGIN,
        showlegend=True,
        legend=_ABOVE,
        dragmode=False,
        xaxis={"title": _with_basis(f"{noun} seen", basis), "rangemode": "tozero", "automargin": True},
        yaxis={"title": f"{title}, log scale", "type": "log", "automargin": True, **_log_ticks([*known, floor or 0.0])}
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
                x=means.index, y=means, mode="lines", line={"color": _INDIGO, "width": 1.5, "dash": "dot"}, hoverinfo="skip"
            )
    figure.add_scatter(
        x=shown,
        y=[score for _, _, score, _ in runs],
        mode="markers",
        marker={"size": 11, "color": _INDIGO, "opacity": 0.8},
        error_y={"type": "data", "array": (spreads := _known(spread for *_, spread in runs)), "thickness": 1.5},
        text=[html.escape(name) for name, *_ in runs],
        customdata=[_plus_minus(spread) for spread in spreads],
        hovertemplate=f"%{{text}}<br>{html.escape(setting)} %{{x}}<br>{html.escape(score)} %{{y:.4g}}%{{customdata}}"
        "<extra></extra>",
    )
    if floor is not None:
        figure.add_hline(
            y=floor, line_dash="dash", line_color="gray", annotation_text=f"real {noun}", annotation_position="top left"
        )
    is_wide = are_numbers and min(settings) > 0 and max(settings) / min(settings) >= _WIDE
    kind = {"type": "log", **_log_ticks(settings)} if is_wide else {} if are_numbers else {"type": "category"}
    figure.update_layout(
        height=440,
        margin=_MARGIN,
        showlegend=False,
        dragmode=False,
        xaxis={"title": _with_basis(setting, basis), "automargin": True, **kind},
        yaxis={"title": score, "rangemode": "tozero", "automargin": True},
    )
    return figure


def parallel(columns: Sequence[tuple[str, Sequence[Any]]], score: str, basis: str = "") -> go.Figure:
    """Plot parallel coordinates: one axis for each of ``columns`` (title, one value per run), coloured by the column ``score``.

    Non-numeric values become categories, in order of appearance. ``basis`` describes how the scores were computed.
    """
    dimensions, shades = [], []
    for title, found in columns:
        axis: dict[str, Any] = {"label": html.escape(_shortened(title, 22))}
        if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found):
            axis |= {"values": list(found)}
        else:
            texts = [comparison.text_of(one) for one in found]
            places = list(dict.fromkeys(texts))
            axis |= {
                "values": [places.index(text) for text in texts],
                "tickvals": list(range(len(places))),
                "ticktext": [html.escape(_shortened(text, 16)) for text in places],
            }
        dimensions.append(axis)
        if title == score:
            shades = axis["values"]
    font = {"color": _GRAY, "shadow": "none"}  # Plotly's shadow assumes a white background
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line={"color": shades, "colorscale": _SHADES},
            unselected={"line": {"opacity": 0.08}},
            labelangle=-15,
            labelfont={**font, "size": 12},
            tickfont={**font, "size": 11},
            rangefont={**font, "size": 9},
        )
    )
    figure.add_annotation(
        text=_with_basis("", basis),
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
        up, right = _known(both)
        figure.add_scatter(
            x=[recall],
            y=[precision],
            mode="markers",
            name=_short(name),
            marker={"size": 12 + 9 * under, "symbol": "circle-open" if under else "circle", "line": {"width": 2.5 if under else 1}},
            error_y={"type": "data", "array": [up], "thickness": 1.2, "width": 4},
            error_x={"type": "data", "array": [right], "thickness": 1.2, "width": 4},
            hovertemplate=html.escape(name) + f"<br>precision %{{y:.3f}}{_plus_minus(up)}<br>recall %{{x:.3f}}{_plus_minus(right)}"
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
        height=_tall(len(runs) + 1),
        margin=_MARGIN,
        dragmode=False,
        showlegend=True,
        legend=_ABOVE,
        hovermode="closest",
        xaxis={**ends, "title": _with_basis("recall: how varied", basis), "automargin": True},
        yaxis={**ends, "title": "precision: how good", "range": [-0.13, 1.13]},
    )
    return figure


def shares_of_classes(
    names: Sequence[str],
    fake: Sequence[float],
    real: Sequence[float],
    missing: Sequence[int],
    spread: Sequence[float],
    basis: str = "",
) -> go.Figure:
    """Plot the share of each class (0 to 1) in generated and real images as bars, with crosses on missing classes.

    ``spread`` gives the error bars of the generated shares; empty if unknown.
    """
    labels = [html.escape(name) for name in names]
    bars = "%{x}: %{y:.1%}"
    figure = go.Figure(
        [
            go.Bar(
                x=labels, y=real, name="real", marker={"color": _GRAY}, hovertemplate=bars + " of the real images<extra></extra>"
            ),
            go.Bar(
                x=labels,
                y=fake,
                name="generated",
                marker={"color": _INDIGO},
                error_y={"type": "data", "array": spread, "color": _GRAY, "thickness": 1, "width": 2} if spread else None,
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
            marker={"symbol": "x", "size": 9, "color": _ORANGE},
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
            "title": _with_basis(title, basis),
            "showticklabels": are_named,
            "categoryarray": labels,
            "automargin": True,
        },
        yaxis={"tickformat": ".0%", "rangemode": "tozero", "title": "share of images"},
    )
    return figure


def look(name: str, fake: Sequence[float], real: Sequence[float], highest: float, means: str, basis: str = "") -> go.Figure:
    """Plot histograms of generated and real images (shares, 0 to 1) in equal bins from 0 to ``highest``, with the means below."""
    width = highest / len(real)
    edges = [index * width for index in range(len(real) + 1)]
    used = [index for index, pair in enumerate(zip(fake, real, strict=True)) if any(pair)] or [0, len(real) - 1]
    figure = go.Figure()
    for title, values, colour in (("real", real, _GRAY), ("generated", fake, _INDIGO)):
        figure.add_scatter(
            x=edges,
            y=[*values, values[-1]],
            name=title,
            mode="lines",
            line={"shape": "hv", "width": 2, "color": colour},
            fill="tozeroy",
            hovertemplate=f"{title}: %{{y:.1%}} from %{{x:.3g}}<extra></extra>",
        )
    shown = [edges[max(0, used[0] - 1)], edges[min(len(real), used[-1] + 2)]]
    figure.update_layout(
        height=330,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        dragmode=False,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        xaxis={"title": _with_basis(name, f"{means}\n{basis}"), "range": shown, "zeroline": False, "automargin": True},
        yaxis={"tickformat": ".0%", "rangemode": "tozero"},
    )
    return figure


def _tall(count: int) -> int:
    """Return the height of a plot with a legend of ``count`` names, each on its own row on a phone."""
    return 400 + _ROW * min(count, _MOST_ROWS)


def _known(spreads: Iterable[float]) -> list[float | None]:
    """Return spreads with NaN replaced by None, which draws no error bar at all."""
    return [None if math.isnan(spread) else spread for spread in spreads]


def _plus_minus(spread: float | None) -> str:
    """Return a spread as a suffix of its value; empty if unknown."""
    return "" if spread is None else f" ± {spread:.3g}"


def _short(name: str, most: int = 28) -> str:
    """Return a shortened name for a legend, escaped because Plotly interprets some tags."""
    return html.escape(_shortened(name, most))


def _log_ticks(values: Sequence[float]) -> dict[str, Any]:
    """Return ticks for a log axis: 1, 2 and 5 times powers of ten, or only powers of ten if that is too many."""
    positive = [value for value in values if value > 0]
    if not positive:
        return {}
    first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    leads = (1, 2, 5) if 3 * (last - first + 1) <= _MOST_TICKS else (1,)
    ticks = [lead * 10.0**power for power in range(first, last + 1) for lead in leads]
    return {"tickvals": ticks, "ticktext": [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks]}


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _with_basis(title: str, basis: str) -> str:
    """Return an axis title with the basis of the figures in small print, so that saved PNGs include it."""
    return "<br>".join([html.escape(title), *(f"<sub>{html.escape(part)}</sub>" for part in basis.splitlines())])


def counts(classes: Sequence[str], numbers: Sequence[int], noun: str) -> dict[str, Any]:
    """Return the Vega-Lite specification of a bar chart of class counts."""
    are_named = len(classes) <= 24
    are_short = all(len(name) <= 3 for name in classes) or len(classes) <= 4
    axis = {"labels": are_named, "ticks": are_named, "labelAngle": 0 if are_short else -40, "labelLimit": 110}
    return {
        "data": {"values": [{"class": name, "count": number} for name, number in zip(classes, numbers, strict=True)]},
        "height": 220,
        "mark": {"type": "bar", "color": _INDIGO},
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
                "mark": {"type": "bar", "color": _INDIGO},
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
                "mark": {"type": "rule", "color": _ORANGE, "strokeDash": [5, 4], "size": 2},
                "encoding": {"x": {**x, "field": "mean"}},
            },
        ],
    }


def points(values: np.ndarray) -> go.Figure:
    """Plot points [N, 2] with both axes at the same scale."""
    dots = go.Scatter(
        x=values[:, 0], y=values[:, 1], mode="markers", marker={"size": 4, "color": _INDIGO, "opacity": 0.5}, hoverinfo="skip"
    )
    figure = go.Figure(dots)
    figure.update_layout(
        height=460,
        margin={"l": 10, "r": 10, "t": 10, "b": 30},
        dragmode=False,
        xaxis={"zeroline": False, "constrain": "domain"},
        yaxis={"zeroline": False, "scaleanchor": "x", "constrain": "domain"},
    )
    return figure
