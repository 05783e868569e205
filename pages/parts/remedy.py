"""The button that forks a run with the remedy of a verdict."""

from __future__ import annotations

import streamlit as st

from gan.errors import InputError
from gan.execution import queue
from gan.judging.doctor import Verdict
from gan.runs import Run, changes, forks
from pages.parts import actions, frame, words


def offer(run: Run, verdict: Verdict) -> None:
    """Draw the button that forks the run with the remedy; if that is impossible, show the reason."""
    reason, step, about = "", None, ""
    try:
        plan = forks.plan(changes.config_at(run), verdict.changes)
        step = verdict.step if plan.goes_on else None
        start = "Continues from a checkpoint of this run." if plan.goes_on else f"Starts from scratch: {plan.reason}"
        about = f"{forks.tell(plan.changes, plan.before) or 'the same settings'}. {start}"
    except InputError as error:
        reason = str(error)

    def fork() -> None:
        child = forks.make(run, step, verdict.changes)
        queue.advance(run.root)
        frame.go("pages/watch.py", run=child.id)

    actions.button(
        "Fork with this remedy",
        fork,
        icon=":material/call_split:",
        key=f"fork/{verdict.name}",
        disabled=bool(reason),
        help=words.message(reason or about),
    )
    if reason:
        st.caption(words.message(reason))
