"""Charts of a quiz: persons as points in ROC space next to the discriminator's curve, and accuracy over the training."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from gan.palette import GRAY, INDIGO, ORANGE, SERIES
from gan.quiz.results import Point, Rival
from gan.quiz.roc import Interval
from pages.parts.charts.style import ABOVE, MARGIN, axis

YOU, CLASS, DISCRIMINATOR = "you", "class", "discriminator"
COLOURS = {YOU: ORANGE, CLASS: SERIES[2], DISCRIMINATOR: INDIGO}
_SYMBOLS = {YOU: "circle", CLASS: "diamond", DISCRIMINATOR: "square"}


def detection(rival: Rival | None, points: dict[str, Point], students: Sequence[tuple[str, Point]] = ()) -> go.Figure:
    """Plot the discriminator's ROC curve, if known, points of you and the class with 95 % intervals, and one of each student.

    ``points`` has the keys :data:`YOU` and :data:`CLASS`; ``students`` are names and points.
    """
    figure = go.Figure(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            name="guessing",
            showlegend=False,
            mode="lines",
            line={"color": GRAY, "dash": "dot", "width": 1},
            hoverinfo="skip",
        )
    )
    if rival:
        told = "%{x:.0%} of the generated and %{y:.0%} of the real pictures pass<extra>discriminator</extra>"
        line = {"color": INDIGO, "width": 2}
        figure.add_scatter(x=rival.alarms, y=rival.hits, name=DISCRIMINATOR, mode="lines", line=line, hovertemplate=told)
    whole = [(name, one) for name, one in students if one.is_whole]
    if whole:
        figure.add_scatter(
            x=[one.alarm_rate for _, one in whole],
            y=[one.hit_rate for _, one in whole],
            customdata=[html.escape(name) for name, _ in whole],
            name="students",
            mode="markers",
            marker={"size": 7, "color": GRAY, "opacity": 0.6},
            hovertemplate="%{y:.0%} of the real, %{x:.0%} of the generated taken for real<extra>%{customdata}</extra>",
        )
    for who, one in points.items():
        if one.is_whole:
            figure.add_scatter(
                x=[one.alarm_rate],
                y=[one.hit_rate],
                error_x=_bars([one.alarm_rate], [one.alarm_interval()], who),
                error_y=_bars([one.hit_rate], [one.hit_interval()], who),
                name=who,
                mode="markers",
                marker={"size": 11, "color": COLOURS[who], "symbol": _SYMBOLS[who]},
                hovertemplate=f"%{{y:.0%}} of the real, %{{x:.0%}} of the generated taken for real<extra>{who}</extra>",
            )
    shares: dict[str, Any] = {"range": [-0.03, 1.03], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1], "zeroline": False}
    figure.update_layout(
        height=370,
        margin=MARGIN,
        dragmode=False,
        legend=ABOVE,
        xaxis=axis("generated taken for real", **shares),
        yaxis=axis("real taken for real", **shares),
    )
    return figure


def accuracies(steps: Sequence[int], lines: dict[str, list[tuple[float, Interval] | None]]) -> go.Figure:
    """Plot the share of right answers with its 95 % interval against the step, one line each for you, class and discriminator."""
    figure = go.Figure()
    for place, (who, values) in enumerate(lines.items()):
        known = [(step, *value) for step, value in zip(steps, values, strict=True) if value]
        figure.add_scatter(
            x=[step * (1 + 0.015 * place) for step, _, _ in known],  # apart, so that their bars do not hide one another
            y=[share for _, share, _ in known],
            error_y=_bars([share for _, share, _ in known], [interval for _, _, interval in known], who),
            customdata=[f"{step:,}" for step, _, _ in known],
            name=who,
            mode="lines+markers",
            line={"color": COLOURS[who], "width": 2},
            marker={"size": 9, "symbol": _SYMBOLS[who]},
            hovertemplate=f"%{{y:.0%}} right at step %{{customdata}}<extra>{who}</extra>",
        )
    figure.add_hline(y=0.5, line={"color": GRAY, "dash": "dot", "width": 1})
    figure.update_layout(
        height=330,
        margin=MARGIN,
        dragmode=False,
        showlegend=True,
        legend=ABOVE,
        xaxis=axis("step", steps),
        yaxis=axis("right answers", range=[-0.03, 1.03], tickformat=".0%", zeroline=False),
    )
    return figure


def _bars(values: Sequence[float], intervals: Sequence[Interval], who: str) -> dict[str, object]:
    """Return the error bars of values with intervals."""
    return {
        "type": "data",
        "array": [high - value for value, (_, high) in zip(values, intervals, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, intervals, strict=True)],
        "color": COLOURS[who],
        "thickness": 1.5,
        "width": 4,
    }
