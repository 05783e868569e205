"""Evaluate page: scores of the chosen runs, the settings in which they differ, and the evidence behind the scores."""

from __future__ import annotations

import itertools

import streamlit as st

from gan.judging import comparison
from gan.runs import Run
from pages.parts import frame, phone, pictures, run_picker, words
from pages.parts.evaluation import board, guests, table
from pages.parts.evaluation.listing import show_table
from pages.parts.evaluation.scoring import offer_scoring
from pages.parts.evaluation.selecting import choose_scores, narrow
from pages.parts.evaluation.views import show_training, show_views
from pages.parts.evaluation.why import show_reasons

root = frame.begin("Evaluate")

MOST, LOOKED_AT = 6, 24  # runs shown unless others are chosen, and newest scored runs among which these are looked for
PICKED = "evaluate/runs"  # key of the picker

st.title("Evaluate")


def usual(found: list[Run]) -> list[Run]:
    """Return runs of the newest scored ones that can be ranked together; without scores, the newest with quick ones, or of all."""
    scored = list(itertools.islice(filter(comparison.latest, found), LOOKED_AT))
    alike = comparison.most_comparable(scored)
    chosen = [run for run in scored if run.id in alike] or scored or [run for run in found if run.scores_path.exists()] or found
    return chosen[:MOST]


def choose() -> list[Run]:
    """Draw the run picker."""
    return run_picker.pick_several(
        root,
        PICKED,
        placeholder="Choose runs to compare",
        usual=usual,
    )


def show(chosen: list[Run], busy: list[Run]) -> None:
    """Show plots, table and explanations for one extractor and one kind of checkpoint at a time; ``busy`` runs are being scored."""
    key = tuple(chosen), tuple(map(board.stamp, chosen))
    found = board.survey(*key)
    for run in chosen:
        if reason := table.unmeasured(run):
            st.warning(f"{words.escape(run.label())} was scored, but has no FID: {words.escape(reason)}", icon=":material/warning:")
    if not found:
        if busy:
            st.info("The scores appear here as soon as they are measured.", icon=":material/hourglass_empty:")
        else:
            st.info("None of these runs has been scored yet.", icon=":material/info:")
        show_training(chosen, words.short(words.names(chosen)))
        show_pictures(chosen)
        return
    checkpoint, extractor = choose_scores(found)
    whole = board.board(key[0], extractor, checkpoint, key[1], frozenset(run.id for run in busy))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        selection = narrow(whole)
    if len(selection.runs) < len(chosen):
        st.caption(f":material/filter_list: {len(selection.runs)} of {words.count(len(chosen), 'run')} match the filter.")
    if not selection.runs:
        return
    if len(whole.each) > 1:
        st.warning(
            f"The groups differ in {words.escape(table.apart(whole.each))} and cannot be ranked together.",
            icon=":material/balance:",
        )
    phone.first("evaluate-views")
    with st.container(key="evaluate-views"):
        show_views(selection)
    show_table(selection)
    show_reasons(whole)


def show_pictures(chosen: list[Run]) -> None:
    """Show the newest samples of unscored runs."""
    with st.grid(4, min_column_width=200):
        for run in chosen:
            with st.container(border=True):
                if samples := run.samples():
                    pictures.show(list(samples.values())[-1], f"Newest samples of {run.label()}")
                st.caption(words.escape(run.label()))
                for verdict in board.on_curves(run):
                    st.badge(verdict.title, color=board.COLOURS[verdict.kind], help=words.escape(verdict.sentence))  # type: ignore[arg-type]


with frame.spoken_errors():
    guests.follow(root, PICKED)
    picked = choose()
    if picked:
        show(picked, offer_scoring(picked, lambda: guests.offer(root, picked)))
        guests.show(picked)
    else:
        guests.offer(root, picked)
