"""Verdict cards: the measurement, the supporting picture, and a button that forks the run with the remedy."""

from __future__ import annotations

import math
from collections.abc import Collection

import plotly.graph_objects as go
import streamlit as st

from gan.judging import comparison, lines
from gan.judging.doctor import Verdict
from gan.runs import Run, columns
from pages.parts import charts, logged, marks, pictures, remedy, words
from pages.parts.evaluation import atlas, board
from pages.parts.evaluation import table as scores_table
from pages.parts.evaluation.table import Line
from pages.parts.learning import links

_SMOOTHING = 0.6
_HEIGHT = 280


def show(run: Run, line: Line, found: list[Verdict]) -> set[str]:
    """Show the verdicts on a run with their evidence; return the kinds of pictures shown."""
    seen: set[str] = set()
    for verdict in found:
        with st.container(border=True), st.grid(2, min_column_width=300, gap=("small", "large")) as grid:
            with grid.cell():
                _tell(run, verdict)
            with grid.cell():
                seen |= _evidence(run, line, verdict, seen)
    return seen


def _tell(run: Run, verdict: Verdict) -> None:
    """Show the problem, its measurement and the remedy, with a button to apply it."""
    st.badge(verdict.title, icon=":material/stethoscope:", color=board.COLOURS[verdict.kind])  # type: ignore[arg-type]
    st.markdown(words.escape(verdict.sentence))
    st.markdown(f"**What to try.** {words.escape(verdict.remedy)}")
    links.offer(verdict.name)
    if verdict.changes:
        remedy.offer(run, verdict)


def _evidence(run: Run, line: Line, verdict: Verdict, seen: Collection[str]) -> set[str]:
    """Show the picture behind a verdict, or samples, or a pointer to those above; return the kind shown."""
    wanted, name = verdict.evidence, f"evidence/{verdict.name}"
    mapped = atlas.of(run, line)
    looks = {look.name: look for look in comparison.looks(line)}
    known = comparison.classes(line)
    if wanted in looks:
        figure, about = charts.look(*looks[wanted]), f"Distribution of {wanted} in generated and real images"
        st.plotly_chart(figure, key=name, alt=about, config=charts.camera(wanted))
    elif wanted == "classes" and known:
        about = "Share of each class in generated and real images"
        st.plotly_chart(charts.shares_of_classes(*known), key=name, alt=about, config=charts.camera("classes"))
    elif wanted == "neighbours" and (figure := _neighbours(run, line)):
        st.plotly_chart(figure, key=name, alt="Precision and recall of the run and of real images", config=charts.camera(wanted))
    elif wanted == "fid" and (figure := _fid(run)):
        st.plotly_chart(figure, key=name, alt="FID over images seen", config=charts.camera("fid-over-images"))
    elif wanted == "curves":
        _show_curves(run, verdict, name)
    elif wanted == "nearest" and mapped and mapped.samples:
        st.caption("The nearest training images are shown below.")
    elif wanted == "duplicates" and mapped and mapped.pairs:
        st.html(atlas.couples(mapped.pairs))
        st.caption(f"Near duplicates among generated images at step {mapped.step:,}")
    elif "samples" in seen:
        st.caption("See the samples above.")
    elif found := scores_table.snapshot(run, line):
        step, picture = found
        pictures.show(picture, f"Samples of {run.label()}, step {step}", caption=f"Samples at step {step:,}")
        return {"samples"}
    return {wanted}


def _neighbours(run: Run, line: Line) -> go.Figure | None:
    """Plot precision and recall of a run and of the real images."""
    place = lines.number(line, "precision"), lines.number(line, "recall")
    spreads = [lines.number(line, f"{name}_spread") for name in ("precision", "recall")]
    up, right = (math.nan if spread is None else spread for spread in spreads)
    floor = lines.number(line, "floor_precision"), lines.number(line, "floor_recall")
    if place[0] is None or place[1] is None:
        return None
    return charts.neighbours(
        [(run.label(), place[0], place[1], up, right)],
        None if floor[0] is None or floor[1] is None else (floor[0], floor[1]),
    )


def _fid(run: Run) -> go.Figure | None:
    """Plot the quick FIDs of a run."""
    quick = scores_table.quick(run)
    if not quick:
        return None
    curve = (run.label(), [one["images_seen"] for one in quick], [one["fid"] for one in quick])
    figure = charts.training([curve], lines.label(quick[-1]), lines.number(quick[-1], "floor_fid"))
    charts.mark(figure, marks.by_images(run, quick))
    return figure


def _show_curves(run: Run, verdict: Verdict, key: str) -> None:
    """Show the curves behind a verdict, if they were logged."""
    table = logged.tail(run).table()
    names = columns.named(*(column for column in sorted(verdict.curves) if column in table))
    if table.empty or not names:
        return
    title = columns.COLUMNS[verdict.curves[0]].quantity
    figure = charts.kept_curves(charts.thin(table, names, _SMOOTHING), list(names), title, _HEIGHT)
    charts.mark(figure, marks.by_step(run))
    about = f"{' and '.join(names)} over training steps"
    st.plotly_chart(figure, key=key, alt=about, config=charts.camera("curves"))
