"""The buttons that fork a run with the remedy of a verdict, and that rewind it to where it was good."""

from __future__ import annotations

import streamlit as st

from gan import config as configs
from gan.errors import InputError
from gan.execution import forking
from gan.judging import rewind
from gan.judging.doctor import Verdict
from gan.runs import Run, changes, forks
from pages.parts import frame, launches, words
from pages.parts.launches import Asked


def offer(run: Run, verdict: Verdict) -> None:
    """Draw the buttons that fork the run with the remedy, or rewind it; if a fork is impossible, show the reason."""
    reason, step, about, plan = "", None, "", None
    try:
        plan = forks.plan(changes.config_at(run), verdict.changes)
        step = verdict.step if plan.goes_on else None
        start = "Continues from a checkpoint of this run." if plan.goes_on else f"Starts from scratch: {plan.reason}"
        about = f"{forks.tell(plan.changes, plan.before) or 'the same settings'}. {start}"
    except InputError as error:
        reason = str(error)

    def fork() -> None:
        frame.go("pages/watch.py", run=forking.fork(run, step, verdict.changes).id)

    launches.button(
        "Fork with this remedy",
        fork,
        run.root,
        Asked([plan.config], step=step or 0) if plan else None,
        icon=":material/call_split:",
        key=f"fork/{verdict.name}",
        is_once=True,
        disabled=bool(reason),
        help=words.message(reason or about),
    )
    if reason:
        st.caption(words.message(reason))
    offer_rewind(run, verdict)


def offer_rewind(run: Run, verdict: Verdict) -> None:
    """Draw the button that goes back to the last good checkpoint and starts two futures, if there is one."""
    found = rewind.plan(run, verdict.name, verdict.step)
    if found is None:
        return

    def go_back() -> None:
        made = forking.rewind(run, found)
        frame.go("pages/compare.py", runs=",".join(one.id for one in made))

    told = changes.tell(found.changes, configs.flatten(changes.config_at(run, found.step)))
    launches.button(
        f"Rewind to step {found.step:,}",
        go_back,
        run.root,
        Asked([run.config()] * 2, step=found.step),
        icon=":material/history:",
        key=f"rewind/{verdict.name}",
        is_once=True,
        help=words.escape(
            f"Goes back to the last checkpoint {found.reason}. Two runs with the same seed go on from there, side by side on "
            f"Compare: one as it was, one with {told}."
        ),
    )
