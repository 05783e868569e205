"""Charts of scores: per run, over images seen, over a setting, precision against recall."""

from __future__ import annotations

import html
import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from gan import words
from gan.judging import comparison
from gan.palette import GRAY, INDIGO, SERIES
from pages.parts.charts.style import (
    ABOVE,
    FONT,
    LETTER,
    MARGIN,
    SHADES,
    apart,
    axis,
    can_show,
    height_for,
    is_wide,
    known,
    log_ticks,
    place_on,
    short_name,
    shortened,
    wrapped,
)

_NAME = 24  # characters of a name in one line of a dot plot
_LONGEST_LABEL, _MOST_LABELS = 20, 10  # characters and number of names at the ends of curves; beyond, a legend has more room
_LINE = 17  # pixels of a line of text
_PHONE = 260.0  # pixels of a square plot on a phone
_SAME_PLACE = 0.02  # distance in precision and recall below which dots overlap
_MOST_RANKED = 12  # values that have a tick each in parallel coordinates


def scores(table: pd.DataFrame, score: str, floor: float | None, lower_is_better: bool, noun: str = "images") -> go.Figure:
    """Return a dot plot of one score per run with its spread, and the score of real images as a line.

    ``table`` has the columns ``name``, ``value``, ``spread`` (NaN if unknown) and ``best`` (whether to draw a star), one row per
    run, in order. ``noun``: what was scored.
    """
    spreads = known(table["spread"])
    values = [words.figure(value, spread) for value, spread in zip(table["value"], spreads, strict=True)]
    names = [wrapped(name, _NAME) for name in table["name"]]
    rows = max((name.count("<br>") + 1 for name in names), default=1)
    figure = go.Figure(
        go.Scatter(
            x=table["value"],
            y=names,
            mode="markers",
            error_x={"type": "data", "array": spreads, "thickness": 1.5, "width": 5},
            marker={
                "size": [15 if best else 11 for best in table["best"]],
                "color": INDIGO,
                "opacity": 1.0,
                "symbol": ["star" if best else "circle" for best in table["best"]],
            },
            text=values,
            hovertemplate="%{y}<br>" + html.escape(score) + " %{text}<extra></extra>",
        )
    )
    title = f"{score} ({'lower' if lower_is_better else 'higher'} is better)"
    figure.update_layout(
        height=max(200, 110 + max(30, _LINE * rows + 6) * len(table)),
        margin={"l": 24, "r": 20, "t": 50, "b": 14},
        showlegend=False,
        dragmode=False,
        xaxis=(shown := axis(title, table["value"], rangemode="tozero")),
        yaxis={"type": "category", "autorange": "reversed", "automargin": True},  # keeps names like "64" from becoming numbers
    )
    if floor is not None and can_show(shown, floor):
        figure.add_vline(x=floor, line_dash="dash", line_color="gray")
        _note(figure, f"real {noun}", x=place_on(shown, floor), y=1, yref="paper", yanchor="bottom")
    return figure


def training(
    runs: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    title: str,
    floor: float | None,
    noun: str = "images",
    kinds: Sequence[str] = (),
) -> go.Figure:
    """Plot a score over images (or points) seen, one curve for each of ``runs`` (name, images seen, values).

    ``kinds``: a name per run, equal for runs that share a colour; without them each run has its own. Kinds are named at the ends of
    the curves if there is room on a phone, otherwise in a legend.
    """
    kinds = kinds or [name for name, _, _ in runs]
    colours = dict(zip(dict.fromkeys(kinds), itertools.cycle(SERIES), strict=False))
    figure, named = go.Figure(), set[str]()
    for (name, seen, values), kind in zip(runs, kinds, strict=True):
        figure.add_scatter(
            x=seen,
            y=values,
            mode="lines+markers",
            name=short_name(kind),
            legendgroup=kind,
            showlegend=kind not in named,
            line={"width": 2, "color": colours[kind]},
            marker={"size": 6},
            hovertemplate=html.escape(name) + "<br>%{x:,.0f} " + noun + " seen<br>%{y:.4g}<extra></extra>",
        )
        named.add(kind)
    every = [value for _, _, values in runs for value in values]
    shown = axis(title, every)
    drawn = [*every, *([floor] if floor is not None and can_show(shown, floor) else [])]
    low, high = (place_on(shown, limit) for limit in (min(drawn, default=0), max(drawn, default=1)))
    margin = 0.06 * (high - low) or 1.0
    shown["range"] = [low - margin, high + margin]
    figure.update_layout(
        height=400,
        margin=MARGIN,
        showlegend=False,
        dragmode=False,
        xaxis=axis(f"{noun} seen", rangemode="tozero"),
        yaxis=shown,
    )
    if floor is not None and can_show(shown, floor):
        figure.add_hline(y=floor, line_dash="dash", line_color="gray")
        _note(figure, f"real {noun}", x=0, xref="paper", xanchor="left", y=place_on(shown, floor), yanchor="bottom")
    last: dict[str, list[float]] = {}
    for (_, _, values), kind in zip(runs, kinds, strict=True):
        last.setdefault(kind, []).append(values[-1])
    if not _label_ends(figure, {kind: statistics.fmean(values) for kind, values in last.items()}, shown, colours):
        figure.update_layout(height=height_for(len(colours)), showlegend=True, legend=ABOVE)
    return figure


def _label_ends(figure: go.Figure, ends: dict[str, float], shown: dict[str, Any], colours: dict[str, str]) -> bool:
    """Name curves right of the plot, at the height of their last values; return False if there is no room for that."""
    longest = max(map(len, ends), default=0)
    low, high = shown["range"]
    least = (high - low) * _LINE / (figure.layout.height - 100)
    places = apart([place_on(shown, value) for value in ends.values()], least, low, high)
    if places is None or len(ends) > _MOST_LABELS or longest > _LONGEST_LABEL:
        return False
    for kind, place in zip(ends, places, strict=True):
        beside = {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 6}
        _note(figure, html.escape(kind), y=place, yanchor="middle", color=colours[kind], **beside)
    figure.update_layout(margin={**MARGIN, "r": round(16 + LETTER * longest)})
    return True


def _note(figure: go.Figure, text: str, *, color: str | None = None, **place: Any) -> None:
    """Add a text without an arrow."""
    figure.add_annotation(text=text, showarrow=False, font={"size": FONT, **({"color": color} if color else {})}, **place)


def against(
    runs: Sequence[tuple[str, Any, float, float]],
    setting: str,
    score: str,
    floor: float | None,
    noun: str = "images",
    others: Sequence[str] = (),
) -> go.Figure:
    """Plot a score over a setting, a dot with its spread for each of ``runs`` (name, setting value, score, spread).

    Numeric values get a numeric axis, others a category axis. ``others`` describes the other settings of each run as text, empty if
    a row combines several. On a numeric axis, lines connect the means of runs with equal ``others``; lines between different
    ``others`` would mix in other effects.
    """
    settings = [setting for _, setting, _, _ in runs]
    are_numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in settings)
    places = settings if are_numbers else [wrapped(comparison.text_of(one), _NAME) for one in settings]
    figure = go.Figure()
    for alike in dict.fromkeys(filter(None, others if are_numbers else ())):
        pairs = [(x, run[2]) for x, run, other in zip(places, runs, others, strict=True) if other == alike]
        means = pd.DataFrame(pairs, columns=["x", "y"]).groupby("x")["y"].mean()
        if len(means) > 1:
            figure.add_scatter(
                x=means.index, y=means, mode="lines", line={"color": INDIGO, "width": 1.5, "dash": "dot"}, hoverinfo="skip"
            )
    spreads = known(spread for *_, spread in runs)
    figure.add_scatter(
        x=places,
        y=[value for _, _, value, _ in runs],
        mode="markers",
        marker={"size": 11, "color": INDIGO, "opacity": 0.8},
        error_y={"type": "data", "array": spreads, "thickness": 1.5},
        text=[html.escape(name) for name, *_ in runs],
        customdata=[words.figure(value, spread) for (_, _, value, _), spread in zip(runs, spreads, strict=True)],
        hovertemplate=f"%{{text}}<br>{html.escape(setting)} %{{x}}<br>{html.escape(score)} %{{customdata}}<extra></extra>",
    )
    shown = axis(score, [value for _, _, value, _ in runs], rangemode="tozero")
    figure.update_layout(
        height=440,
        margin=MARGIN,
        showlegend=False,
        dragmode=False,
        xaxis=axis(setting, settings, exponentformat="none") if are_numbers else axis(setting, type="category"),
        yaxis=shown,
    )
    if floor is not None and can_show(shown, floor):
        figure.add_hline(y=floor, line_dash="dash", line_color="gray")
        _note(figure, f"real {noun}", x=0, xref="paper", xanchor="left", y=place_on(shown, floor), yanchor="bottom")
    return figure


def parallel(settings: Sequence[tuple[str, Sequence[Any]]], scores: Sequence[tuple[str, Sequence[float]]]) -> go.Figure:
    """Plot parallel coordinates: one axis per setting and score (title, one value per run), coloured by the first score.

    Settings with few different values get a tick for each, at equal distances: numbers in order, others in order of appearance.
    """
    measured = [_measured(title, found) for title, found in scores]
    dimensions = [*(_setting(title, found) for title, found in settings), *measured]
    shades = measured[0]["values"]
    font = {"color": GRAY, "shadow": "none", "size": FONT}  # Plotly's shadow assumes a white background
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line={"color": shades, "colorscale": SHADES},
            unselected={"line": {"opacity": 0.08}},
            labelfont=font,
            tickfont=font,
            rangefont={**font, "color": "rgba(0,0,0,0)"},  # repeats the outermost ticks
        )
    )
    first = max((len(text) for text in dimensions[0].get("ticktext", [])), default=6)
    figure.update_layout(height=460, margin={"l": round(max(70, 20 + LETTER * first)), "r": 70, "t": 70, "b": 30})
    return figure


def _setting(title: str, found: Sequence[Any]) -> dict[str, Any]:
    """Return an axis of parallel coordinates for a setting."""
    are_numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found)
    if are_numbers and len(set(found)) > _MOST_RANKED:
        return _measured(title, found)
    texts = list(map(comparison.text_of, sorted(found) if are_numbers else found))
    places = list(dict.fromkeys(texts))
    return {
        "label": _two_lines(title),
        "values": [places.index(comparison.text_of(one)) for one in found],
        "tickvals": list(range(len(places))),
        "ticktext": [html.escape(shortened(text, _NAME)) for text in places],
    }


def _measured(title: str, found: Sequence[float]) -> dict[str, Any]:
    """Return an axis of parallel coordinates for numbers of any size."""
    if not is_wide(found):
        only = {"tickvals": [found[0]]} if len(set(found)) == 1 else {}
        return {"label": _two_lines(title), "values": list(found), **only}
    ticks = log_ticks(found)
    return {
        "label": _two_lines(title),
        "values": list(map(math.log10, found)),
        "tickvals": list(map(math.log10, ticks["tickvals"])),
        "ticktext": ticks["ticktext"],
    }


def _two_lines(title: str) -> str:
    """Return a title that does not touch its neighbours; a score and its features have a line each."""
    return "<br>".join(wrapped(part, max(14, math.ceil(len(title) / 2) + 4)) for part in title.split(" · ", 1))


def neighbours(
    runs: Sequence[tuple[str, float, float, float, float]], floor: tuple[float, float] | None, noun: str = "images"
) -> go.Figure:
    """Plot precision over recall, a dot for each of ``runs``, and real images as a diamond.

    A run is name, precision, recall, and both spreads (NaN if unknown). ``floor`` is precision and recall of real images.
    Labels explain the corners. Runs at nearly the same place become concentric rings, so none hides another. Dots are named next to
    them if there is room on a phone, otherwise in a legend.
    """
    figure = go.Figure()
    dots = [(name, recall, precision) for name, precision, recall, *_ in runs]
    dots += [(f"real {noun}", floor[1], floor[0])] if floor else []
    are_named = _has_room(dots)
    for index, (name, precision, recall, *both) in enumerate(runs):
        under = sum(math.dist((precision, recall), other[1:3]) < _SAME_PLACE for other in runs[:index])
        up, right = known(both)
        told = [words.figure(*pair, is_share=True) for pair in ((precision, up), (recall, right))]
        figure.add_scatter(
            x=[recall],
            y=[precision],
            marker={
                "size": 12 + 9 * under,
                "color": SERIES[index % len(SERIES)],
                "symbol": "circle-open" if under else "circle",
                "line": {"width": 2.5 if under else 1},
            },
            error_y={"type": "data", "array": [up], "thickness": 1.2, "width": 4},
            error_x={"type": "data", "array": [right], "thickness": 1.2, "width": 4},
            hovertemplate=f"{html.escape(name)}<br>precision {told[0]} %<br>recall {told[1]} %<extra></extra>",
            **_named(name, recall, is_shown=are_named),
        )
    if floor is not None:
        figure.add_scatter(
            x=[floor[1]],
            y=[floor[0]],
            marker={"size": 14, "symbol": "diamond-open", "color": "gray", "line": {"width": 2}},
            hovertemplate=f"real {noun}" + "<br>precision %{y:.1%}<br>recall %{x:.1%}<extra></extra>",
            **_named(f"real {noun}", floor[1], is_shown=are_named),
        )
    corners = ((0, 1, "good but uniform"), (1, 1, "good and varied"), (0, 0, "poor and uniform"), (1, 0, "varied but poor"))
    for x, y, text in corners:
        figure.add_annotation(
            x=x, y=1.07 if y else -0.07, text=text, showarrow=False, xanchor="right" if x else "left", opacity=0.65
        )
    ends: dict[str, Any] = {"range": [-0.04, 1.04], "tickvals": [0, 0.25, 0.5, 0.75, 1], "tickformat": ".0%", "zeroline": False}
    figure.update_layout(
        height=430 if are_named else height_for(len(runs) + 1),
        margin=MARGIN,
        dragmode=False,
        showlegend=not are_named,
        legend=ABOVE,
        hovermode="closest",
        xaxis=axis("recall: how varied", **ends),
        yaxis=axis("precision: how good", **ends | {"range": [-0.13, 1.13]}),
    )
    return figure


def _named(name: str, x: float, *, is_shown: bool) -> dict[str, Any]:
    """Return the name of a dot for the legend, or for the side of it where there is more room."""
    if not is_shown:
        return {"mode": "markers", "name": short_name(name)}
    return {
        "mode": "markers+text",
        "name": short_name(name),
        "text": [html.escape(name)],
        "textposition": "middle left" if x > 0.5 else "middle right",
        "textfont": {"size": FONT},
    }


def _has_room(dots: Sequence[tuple[str, float, float]]) -> bool:
    """Return whether the names of dots (name, x, y from 0 to 1) fit next to them on a phone without touching one another."""
    boxes = []
    for name, x, y in dots:
        width, height = (16 + LETTER * len(name)) / _PHONE, _LINE / _PHONE
        left = x - width if x > 0.5 else x - 8 / _PHONE
        boxes.append((left, left + width + 8 / _PHONE, y - height / 2, y + height / 2))
    if any(left < -0.1 or right > 1.1 for left, right, _, _ in boxes):
        return False
    return not any(
        one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
        for one, other in itertools.combinations(boxes, 2)
    )
