"""Scorings under way, and word when they have ended, on every page that starts them."""

from __future__ import annotations

import streamlit as st

from gan.execution import requests
from gan.runs import Run
from pages.parts import words

_FOLLOWED = "scorings/followed"  # ids of the runs whose scoring this session has started or seen under way


def start(chosen: list[Run], extractor: str = "auto", checkpoint: str = "last") -> None:
    """Start scoring runs; see :func:`gan.execution.requests.score`."""
    requests.score(chosen, extractor, checkpoint)
    st.session_state[_FOLLOWED] = {run.id for run in chosen}


def under_way(chosen: list[Run]) -> list[Run]:
    """Return the runs that are being scored or wait for it; the session follows them to their end."""
    busy = [run for run in chosen if run.scoring().state == "running"]
    if busy:
        st.session_state[_FOLLOWED] = st.session_state.get(_FOLLOWED, set()) | {run.id for run in busy}
    return busy


def tell_ended(chosen: list[Run]) -> None:
    """Say of the runs that this session follows how many were scored, and of all runs why the latest scoring failed."""
    followed = st.session_state.get(_FOLLOWED, set())
    states = {run.id: run.scoring() for run in chosen}
    scored = [run for run in chosen if run.id in followed and states[run.id].state == "finished"]
    if scored and not any(scoring.state == "running" for scoring in states.values()):
        which = f"“{scored[0].label()}”" if len(scored) == 1 else words.count(len(scored), "run")
        st.success(words.escape(f"Scored {which}."), icon=":material/check:")
    for run in chosen:
        if states[run.id].state == "failed":
            st.error(f"{words.escape(run.label())}: {words.message(states[run.id].message)}", icon=":material/error:")
