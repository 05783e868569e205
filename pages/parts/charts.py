"""Charts as pure functions: a table in, a Vega-Lite specification or a Plotly figure out; no streamlit."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pages.parts import results

MOST_POINTS = 400  # buckets per curve: about what a screen can show
_INDIGO, _ORANGE, _GRAY = "#6c63ff", "#f76707", "#9097a8"  # readable on light and on dark
_SHADES = [[0.0, "#6c63ff"], [0.5, "#d6569a"], [1.0, "#f7a707"]]  # the same
_WIDE = 20  # values that span more than this factor get a log axis
_SAME_PLACE = 0.02  # of precision and recall: nearer dots hide one another
_MARGIN = {"l": 10, "r": 10, "t": 40, "b": 10}  # room for the mode bar above
_MOST_ROWS, _ROW = 9, 19  # of a legend on a phone, which scrolls when there are more, and pixels of one
_ABOVE = {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "maxheight": _MOST_ROWS * _ROW}
_MOST_TICKS = 12


def camera(name: str) -> dict[str, Any]:
    """Return the configuration of a Plotly chart whose only button, always in sight, saves it as a PNG called ``name``."""
    return {
        "displayModeBar": True, "displaylogo": False, "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "filename": f"gan-duel-{name}", "scale": 2},
    }  # fmt: skip


def thin(table: pd.DataFrame, curves: dict[str, str], smoothing: float, zoom: tuple[float, float] | None = None) -> pd.DataFrame:
    """Return what a curve chart needs of a table of logged lines: ``step``, and for each curve its name and name + " raw".

    ``curves`` maps names to columns. Smoothing is an exponential average, from 0 (none) to below 1; it is computed over
    the whole table. Then the part within ``zoom`` (steps) is cut into at most ``MOST_POINTS`` buckets, and each gives two
    rows that carry its smallest and its largest raw value, so that no spike is lost.
    """
    steps = table["step"].to_numpy()
    smooth = {
        name: (table[column].ewm(alpha=1 - smoothing).mean() if smoothing else table[column]).to_numpy()
        for name, column in curves.items()
    }
    raw = {name: table[column].to_numpy() for name, column in curves.items()}
    inside = slice(0, len(steps))
    if zoom:
        # One bucket more on either side, so that lines run out of the picture instead of ending in it.
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
        values = raw[name][inside]  # a loss that became NaN is a gap in the curve, not a zero
        lowest, highest = np.fmin.reduceat(values, edges), np.fmax.reduceat(values, edges)
        shown[f"{name} raw"] = np.column_stack([lowest, highest]).ravel()
    return pd.DataFrame(shown)


_ROUNDED = {"format": ",.4~r"}  # numbers at an axis: four digits, and never a power of ten


def curves(names: list[str], title: str, *, is_log: bool = False, domain: tuple[float, float] | None = None,
           rule: float | None = None, has_points: bool = False) -> dict[str, Any]:  # fmt: skip
    """Return the Vega-Lite specification of curves over steps, for a table made by :func:`thin`.

    With ``has_points`` each value has a dot, for curves of so few values that one alone would not be seen.

    It depends on the settings alone and not on the data, so the browser keeps the chart, its zoom and its hover when
    data arrives. The interval ``zoom`` must be asked for as a selection, or else the browser resets it then.
    """
    scale: dict[str, Any] = {"type": "symlog" if is_log else "linear", "zero": False, "nice": False}
    if is_log:
        scale["constant"] = 0.1
    if domain:
        scale["domain"] = list(domain)
    colour = {
        "field": "curve", "type": "nominal", "sort": names, "scale": {"domain": names},
        "legend": {"orient": "top", "title": None, "symbolOpacity": 1, "symbolStrokeWidth": 3},
    }  # fmt: skip
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
    """Return curves over steps for a table made by :func:`thin` that no longer grows, which a button saves as a PNG."""
    figure = go.Figure()
    for name, colour in zip(names, itertools.cycle((_INDIGO, _ORANGE, _GRAY)), strict=False):
        figure.add_scatter(
            x=table["step"], y=table[f"{name} raw"], mode="lines", showlegend=False, hoverinfo="skip", opacity=0.4,
            line={"width": 1, "color": colour},
        )  # fmt: skip
        figure.add_scatter(
            x=table["step"], y=table[name], mode="lines", name=_short(name), line={"width": 2, "color": colour},
            hovertemplate=f"{html.escape(name)} %{{y:.4g}} at step %{{x:,.0f}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=height, margin=_MARGIN, dragmode=False, showlegend=True, legend=_ABOVE,
        xaxis={"title": "step", "tickformat": ",.0f", "automargin": True}, yaxis={"title": title, "automargin": True},
    )  # fmt: skip
    return figure


def scores(
    table: pd.DataFrame, score: str, floor: float | None, lower_is_better: bool, basis: str = "", noun: str = "images"
) -> go.Figure:  # fmt: skip
    """Return a dot plot of one score over runs, with its spread, and the real images as a line.

    ``table`` has the columns ``name``, ``value`` and ``spread`` (NaN where unknown), one row a run, in order. The best one is
    a star, unless its spread reaches into another's. ``basis`` says what the scores were made from, ``noun`` of what.
    """
    spreads = _known(table["spread"])
    values = [f"{value:.3f}{_plus_minus(spread)}" for value, spread in zip(table["value"], spreads, strict=True)]
    best = results.clear_winner(table["value"] * (-1 if lower_is_better else 1), table["spread"])
    symbols = ["star" if index == best else "circle" for index in table.index]
    sizes = [15 if index == best else 11 for index in table.index]
    figure = go.Figure(
        go.Scatter(
            x=table["value"],
            y=[html.escape(name) for name in table["name"]],  # Plotly takes some tags for its own
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
        yaxis={"type": "category", "autorange": "reversed", "automargin": True},  # or else names like "64" become numbers
    )
    return figure


def training(
    runs: Sequence[tuple[str, Sequence[float], Sequence[float]]], title: str, floor: float | None, basis: str = "",
    noun: str = "images",
) -> go.Figure:  # fmt: skip
    """Return a score over the images (or points) seen, a curve for each of ``runs`` (name, images seen, values).

    On a log scale, which what is not above 0 has no place on, as KID may be.
    """
    figure = go.Figure()
    for name, seen, values in runs:
        figure.add_scatter(
            x=seen, y=values, mode="lines+markers", name=_short(name), line={"width": 2}, marker={"size": 6},
            hovertemplate=html.escape(name) + "<br>%{x:,.0f} " + noun + " seen<br>%{y:.4g}<extra></extra>",
        )  # fmt: skip
    known = [value for _, _, values in runs for value in values]
    is_log = min(known, default=1.0) > 0
    if floor is not None and (floor > 0 or not is_log):
        figure.add_hline(y=floor, line_dash="dash", line_color="gray")
        height = math.log10(floor) if is_log else floor
        place = {"x": 1, "xref": "paper", "y": height, "xanchor": "right", "yanchor": "bottom"}
        figure.add_annotation(text=f"real {noun}", showarrow=False, **place)
    figure.update_layout(
        height=_tall(len(runs)), margin=_MARGIN, showlegend=True, legend=_ABOVE, dragmode=False,
        xaxis={"title": _with_basis(f"{noun} seen", basis), "rangemode": "tozero", "automargin": True},
        yaxis={"title": f"{title}, log scale", "type": "log", "automargin": True, **_log_ticks([*known, floor or 0.0])}
        if is_log else {"title": title, "automargin": True},
    )  # fmt: skip
    return figure


def against(
    runs: Sequence[tuple[str, Any, float, float]], setting: str, score: str, floor: float | None, basis: str = "",
    noun: str = "images", others: Sequence[str] = (),
) -> go.Figure:  # fmt: skip
    """Return a score over a setting: a dot with its spread for each of ``runs`` (name, value of the setting, score, spread).

    Numbers get an axis of numbers (log where they span more than a factor of ``_WIDE``); all else gets a place for each value.
    ``others`` says for each run what its other settings are, as a text, empty where they are several. Over numbers a line goes
    through the means of equal values of runs in which these are the same: between others it would show more than this setting.
    """
    settings = [setting for _, setting, _, _ in runs]
    are_numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in settings)
    shown = settings if are_numbers else [html.escape(results.text_of(one)) for one in settings]
    figure = go.Figure()
    for alike in dict.fromkeys(filter(None, others if are_numbers else ())):
        pairs = [(x, run[2]) for x, run, other in zip(shown, runs, others, strict=True) if other == alike]
        means = pd.DataFrame(pairs, columns=["x", "y"]).groupby("x")["y"].mean()
        if len(means) > 1:
            figure.add_scatter(
                x=means.index, y=means, mode="lines", line={"color": _INDIGO, "width": 1.5, "dash": "dot"}, hoverinfo="skip",
            )  # fmt: skip
    figure.add_scatter(
        x=shown, y=[score for _, _, score, _ in runs], mode="markers", marker={"size": 11, "color": _INDIGO, "opacity": 0.8},
        error_y={"type": "data", "array": (spreads := _known(spread for *_, spread in runs)), "thickness": 1.5},
        text=[html.escape(name) for name, *_ in runs], customdata=[_plus_minus(spread) for spread in spreads],
        hovertemplate=f"%{{text}}<br>{html.escape(setting)} %{{x}}<br>{html.escape(score)} %{{y:.4g}}%{{customdata}}"
        "<extra></extra>",
    )  # fmt: skip
    if floor is not None:
        figure.add_hline(
            y=floor, line_dash="dash", line_color="gray", annotation_text=f"real {noun}", annotation_position="top left"
        )
    is_wide = are_numbers and min(settings) > 0 and max(settings) / min(settings) >= _WIDE
    kind = {"type": "log", **_log_ticks(settings)} if is_wide else {} if are_numbers else {"type": "category"}
    figure.update_layout(
        height=440, margin=_MARGIN, showlegend=False, dragmode=False,
        xaxis={"title": _with_basis(setting, basis), "automargin": True, **kind},
        yaxis={"title": score, "rangemode": "tozero", "automargin": True},
    )  # fmt: skip
    return figure


def parallel(columns: Sequence[tuple[str, Sequence[Any]]], score: str, basis: str = "") -> go.Figure:
    """Return parallel coordinates: an axis for each of ``columns`` (title, a value a run), coloured by the one named ``score``.

    What are no numbers becomes places on the axis, in the order in which they come. ``basis`` says what the scores were made from.
    """
    dimensions, shades = [], []
    for title, found in columns:
        axis: dict[str, Any] = {"label": html.escape(_shortened(title, 22))}
        if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found):
            axis |= {"values": list(found)}
        else:
            texts = [results.text_of(one) for one in found]
            places = list(dict.fromkeys(texts))
            axis |= {"values": [places.index(text) for text in texts], "tickvals": list(range(len(places))),
                     "ticktext": [html.escape(_shortened(text, 16)) for text in places]}  # fmt: skip
        dimensions.append(axis)
        if title == score:
            shades = axis["values"]
    font = {"color": _GRAY, "shadow": "none"}  # Plotly's shadow takes the paper to be white
    figure = go.Figure(go.Parcoords(
        dimensions=dimensions, line={"color": shades, "colorscale": _SHADES}, unselected={"line": {"opacity": 0.08}},
        labelangle=-15, labelfont={**font, "size": 12}, tickfont={**font, "size": 11}, rangefont={**font, "size": 9},
    ))  # fmt: skip
    figure.add_annotation(
        text=_with_basis("", basis), showarrow=False, align="left", xanchor="left", yanchor="top",
        **{"x": 0, "y": 0, "xref": "paper", "yref": "paper", "yshift": -26},
    )  # fmt: skip
    figure.update_layout(height=490, margin={"l": 70, "r": 40, "t": 90, "b": 90})
    return figure


def neighbours(
    runs: Sequence[tuple[str, float, float, float, float]], floor: tuple[float, float] | None, basis: str = "",
    noun: str = "images",
) -> go.Figure:  # fmt: skip
    """Return precision over recall, a dot for each of ``runs``, and real images as a diamond.

    A run is its name, precision, recall, and the spread of either (NaN where unknown). ``floor`` is the precision and the recall
    of real images. Words at the corners say what it means to be there. Runs that are
    at nearly the same place get rings around one another, so that none hides another.
    """
    figure = go.Figure()
    for index, (name, precision, recall, *both) in enumerate(runs):
        under = sum(math.dist((precision, recall), other[1:3]) < _SAME_PLACE for other in runs[:index])
        up, right = _known(both)
        figure.add_scatter(
            x=[recall], y=[precision], mode="markers", name=_short(name),
            marker={"size": 12 + 9 * under, "symbol": "circle-open" if under else "circle", "line": {"width": 2.5 if under else 1}},
            error_y={"type": "data", "array": [up], "thickness": 1.2, "width": 4},
            error_x={"type": "data", "array": [right], "thickness": 1.2, "width": 4},
            hovertemplate=html.escape(name) + f"<br>precision %{{y:.3f}}{_plus_minus(up)}<br>recall %{{x:.3f}}{_plus_minus(right)}"
            "<extra></extra>",
        )  # fmt: skip
    if floor is not None:
        figure.add_scatter(
            x=[floor[1]], y=[floor[0]], mode="markers", name=f"real {noun}",
            marker={"size": 14, "symbol": "diamond-open", "color": "gray", "line": {"width": 2}},
            hovertemplate=f"real {noun}" + "<br>precision %{y:.3f}<br>recall %{x:.3f}<extra></extra>",
        )  # fmt: skip
    corners = ((0, 1, "good but alike"), (1, 1, "good and varied"), (0, 0, "poor and alike"), (1, 0, "varied but poor"))
    for x, y, text in corners:
        figure.add_annotation(
            x=x, y=1.07 if y else -0.07, text=text, showarrow=False, xanchor="right" if x else "left", opacity=0.65,
        )  # fmt: skip
    ends = {"range": [-0.04, 1.04], "tickvals": [0, 0.25, 0.5, 0.75, 1], "zeroline": False}
    figure.update_layout(
        height=_tall(len(runs) + 1), margin=_MARGIN, dragmode=False, showlegend=True, legend=_ABOVE, hovermode="closest",
        xaxis={**ends, "title": _with_basis("recall: how varied", basis), "automargin": True},
        yaxis={**ends, "title": "precision: how good", "range": [-0.13, 1.13]},
    )  # fmt: skip
    return figure


def shares_of_classes(
    names: Sequence[str], fake: Sequence[float], real: Sequence[float], missing: Sequence[int], spread: Sequence[float],
    basis: str = "",
) -> go.Figure:  # fmt: skip
    """Return the shares of each class (0 to 1) among generated and real images as bars, and crosses over missing ones.

    ``spread`` is drawn about the generated ones; empty where it is not known.
    """
    labels = [html.escape(name) for name in names]
    bars = "%{x}: %{y:.1%}"
    figure = go.Figure([
        go.Bar(x=labels, y=real, name="real", marker={"color": _GRAY}, hovertemplate=bars + " of the real images<extra></extra>"),
        go.Bar(x=labels, y=fake, name="generated", marker={"color": _INDIGO},
               error_y={"type": "data", "array": spread, "color": _GRAY, "thickness": 1, "width": 2} if spread else None,
               hovertemplate=bars + " of the generated images<extra></extra>"),
    ])  # fmt: skip
    if missing:
        figure.add_scatter(
            x=[labels[one] for one in missing], y=[real[one] for one in missing], name="missing", mode="markers",
            marker={"symbol": "x", "size": 9, "color": _ORANGE}, hovertemplate="%{x} is missing<extra></extra>",
        )  # fmt: skip
    are_named = len(labels) <= 24
    title = "class" if are_named else f"{len(labels)} classes; point at a bar for its name"
    figure.update_layout(
        height=390, margin={"l": 10, "r": 10, "t": 40, "b": 10}, dragmode=False, bargap=0.25, bargroupgap=0.0,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        xaxis={"type": "category", "title": _with_basis(title, basis), "showticklabels": are_named, "categoryarray": labels,
               "automargin": True},
        yaxis={"tickformat": ".0%", "rangemode": "tozero", "title": "share of the images"},
    )  # fmt: skip
    return figure


def look(
    name: str, fake: Sequence[float], real: Sequence[float], highest: float, means: str, basis: str = ""
) -> go.Figure:  # fmt: skip
    """Return the shares of images (0 to 1) in equal bins from 0 to ``highest``, generated and real, as steps; the means below."""
    width = highest / len(real)
    edges = [index * width for index in range(len(real) + 1)]
    used = [index for index, pair in enumerate(zip(fake, real, strict=True)) if any(pair)] or [0, len(real) - 1]
    figure = go.Figure()
    for title, values, colour in (("real", real, _GRAY), ("generated", fake, _INDIGO)):
        figure.add_scatter(
            x=edges, y=[*values, values[-1]], name=title, mode="lines", line={"shape": "hv", "width": 2, "color": colour},
            fill="tozeroy", hovertemplate=f"{title}: %{{y:.1%}} from %{{x:.3g}}<extra></extra>",
        )  # fmt: skip
    shown = [edges[max(0, used[0] - 1)], edges[min(len(real), used[-1] + 2)]]
    figure.update_layout(
        height=330, margin={"l": 10, "r": 10, "t": 40, "b": 10}, dragmode=False,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        xaxis={"title": _with_basis(name, f"{means}\n{basis}"), "range": shown, "zeroline": False, "automargin": True},
        yaxis={"tickformat": ".0%", "rangemode": "tozero"},
    )  # fmt: skip
    return figure


def _tall(count: int) -> int:
    """Return the height of a plot below a legend of so many names, each of which has a row on a phone."""
    return 400 + _ROW * min(count, _MOST_ROWS)


def _known(spreads: Iterable[float]) -> list[float | None]:
    """Return spreads with None for those that are not known: no bar, which one of length 0 would be."""
    return [None if math.isnan(spread) else spread for spread in spreads]


def _plus_minus(spread: float | None) -> str:
    """Return a spread as it stands behind its value; nothing where it is not known."""
    return "" if spread is None else f" ± {spread:.3g}"


def _short(name: str, most: int = 28) -> str:
    """Return a name for a legend, which has less room than a table; Plotly takes some tags for its own."""
    return html.escape(_shortened(name, most))


def _log_ticks(values: Sequence[float]) -> dict[str, Any]:
    """Return ticks for a log axis of positive values: 1, 2 and 5 times powers of ten, or powers of ten where those are too many."""
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
    """Return the title of an axis with what the figures were made from in small letters below, so that a saved PNG says it."""
    return "<br>".join([html.escape(title), *(f"<sub>{html.escape(part)}</sub>" for part in basis.splitlines())])


def counts(classes: Sequence[str], numbers: Sequence[int], noun: str) -> dict[str, Any]:
    """Return the Vega-Lite specification of a bar for each class."""
    are_named = len(classes) <= 24
    are_short = all(len(name) <= 3 for name in classes) or len(classes) <= 4
    axis = {"labels": are_named, "ticks": are_named, "labelAngle": 0 if are_short else -40, "labelLimit": 110}
    return {
        "data": {"values": [{"class": name, "count": number} for name, number in zip(classes, numbers, strict=True)]},
        "height": 220,
        "mark": {"type": "bar", "color": _INDIGO},
        "encoding": {
            "x": {
                "field": "class", "type": "nominal", "sort": None, "axis": axis,
                "title": None if are_named else f"{len(classes)} classes; point at a bar for its name",
            },
            "y": {"field": "count", "type": "quantitative", "title": noun, "axis": {"format": ",.0f", "tickMinStep": 1}},
            "tooltip": [{"field": "class", "type": "nominal"}, {"field": "count", "type": "quantitative", "format": ",.0f"}],
        },
    }  # fmt: skip


def brightness(histogram: Sequence[int], mean: float, spread: float) -> dict[str, Any]:
    """Return the Vega-Lite specification of a histogram of brightness, 0 to 256, with its mean and spread."""
    width = 256 / len(histogram)
    bars = [{"from": index * width, "to": (index + 1) * width, "count": number} for index, number in enumerate(histogram)]
    x = {"type": "quantitative", "title": "mean grey level (0 black, 255 white)", "scale": {"domain": [0, 256], "nice": False}}
    band = {"from": max(0.0, mean - spread), "to": min(256.0, mean + spread)}
    return {
        "height": 220,
        "layer": [
            {
                "data": {"values": [band]}, "mark": {"type": "rect", "color": "gray", "opacity": 0.15},
                "encoding": {"x": {**x, "field": "from", "axis": {"grid": False, "values": [*range(0, 256, 32), 255]}},
                             "x2": {"field": "to"}},
            },
            {
                "data": {"values": bars}, "mark": {"type": "bar", "color": _INDIGO},
                "encoding": {
                    "x": {**x, "field": "from", "bin": "binned"}, "x2": {"field": "to"},
                    "y": {"field": "count", "type": "quantitative", "title": "images",
                          "axis": {"format": ",.0f", "tickMinStep": 1}},
                    "tooltip": [
                        {"field": "from", "type": "quantitative"}, {"field": "to", "type": "quantitative"},
                        {"field": "count", "type": "quantitative", "format": ",.0f"},
                    ],
                },
            },
            {
                "data": {"values": [{"mean": mean}]}, "mark": {"type": "rule", "color": _ORANGE, "strokeDash": [5, 4], "size": 2},
                "encoding": {"x": {**x, "field": "mean"}},
            },
        ],
    }  # fmt: skip


def points(values: np.ndarray) -> go.Figure:
    """Return a plot of points in the plane, [N, 2], with both axes at one scale."""
    dots = go.Scatter(
        x=values[:, 0], y=values[:, 1], mode="markers", marker={"size": 4, "color": _INDIGO, "opacity": 0.5}, hoverinfo="skip"
    )
    figure = go.Figure(dots)
    figure.update_layout(
        height=460, margin={"l": 10, "r": 10, "t": 10, "b": 30}, dragmode=False,
        xaxis={"zeroline": False, "constrain": "domain"},
        yaxis={"zeroline": False, "scaleanchor": "x", "constrain": "domain"},
    )  # fmt: skip
    return figure
