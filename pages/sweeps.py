"""Sweeps page: progress, actions and runs of launched sweeps."""

from __future__ import annotations

import functools
import time

import streamlit as st

from gan import runs
from gan.errors import InputError
from gan.execution import holds, queue, steering
from gan.execution.forecast import pace
from gan.judging import comparison
from gan.machine import cores
from gan.runs import Run
from gan.sweeps import launched
from gan.sweeps.launched import Sweep
from gan.sweeps.progress import ENDED, Progress, progress_of
from pages.parts import actions, frame, owning, picking, scorings, words
from pages.parts.planning import sweep as planning
from pages.parts.sweeping import listing

root = frame.begin("Sweeps")
st.title("Sweeps")

_JUDGING = "sweeps/is-judging"  # whether scored runs of the sweep shown are still to be judged


def choose() -> Sweep | None:
    """Draw the sweep picker; the URL keeps the choice. Return None if no sweep is chosen."""
    found = {sweep.id: sweep for sweep in launched.list_sweeps(root)}
    owners = {sweep_id: sweep.owner() for sweep_id, sweep in found.items()}
    with owning.row():
        is_shown = owning.choose(owners.values())
        wanted = st.query_params.get("sweep")
        called = {one: name_of(sweep) for one, sweep in found.items() if is_shown(owners[one]) or one == wanted}
        if found and not called:
            st.caption("No sweeps of this owner.")
        chosen = picking.pick(
            "Sweep",
            owning.labelled(called, owners),
            parameter="sweep",
            key="sweeps/choice",
            find=lambda sweep_id: launched.find(root, sweep_id),
            label_visibility="collapsed",
        )
    return found[chosen] if chosen else None


def name_of(sweep: Sweep) -> str:
    """Return the name and launch time of a sweep."""
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(sweep.made_at))
    try:
        return f"{sweep.record().name} · {moment}"
    except InputError:
        return f"damaged · {moment}"


def act(sweep: Sweep, progress: Progress, found: list[Run], ready: list[Run], *, is_busy: bool) -> None:
    """Draw the buttons for the available actions; refusals of those without a popover appear below the row.

    ``ready`` are those of the ``found`` runs that can be scored; ``is_busy``: some of them are being scored.
    """
    row, below = st.container(horizontal=True, gap="xsmall"), actions.place("sweeps/row")
    with row:
        if not progress.is_over:
            label, icon = ("Resume", ":material/play_arrow:") if progress.is_paused else ("Pause", ":material/pause:")
            about = "Holds waiting runs back; running ones continue to their end."
            turn = functools.partial(steering.pause, sweep, is_paused=not progress.is_paused)
            if actions.button(label, turn, icon=icon, key="pause", help=about, place=below, why_not=owning.why_not("pause", sweep)):
                st.rerun()
            if actions.button(
                "Move to front",
                lambda: queue.move_first(root, found),
                icon=":material/vertical_align_top:",
                key="first",
                help="Queues its runs before all other waiting runs.",
                place=below,
                why_not=owning.why_not("order the queue"),
            ):
                st.rerun()
            with actions.popover("Cancel", f"cancel/{sweep.id}", icon=":material/cancel:", why_not=owning.why_not("stop", sweep)):
                st.markdown("Remove waiting runs from the queue and stop running ones? They can be retried.")
                if actions.button("Cancel this sweep", lambda: steering.cancel(sweep), type="primary", key="cancel"):
                    actions.close(f"cancel/{sweep.id}")
                    st.rerun()
        bad = sum(progress.states.get(state, 0) for state in ("failed", "interrupted", "stopped", "missing"))
        if bad > 0 and actions.button(
            f"Retry {bad}",
            lambda: steering.retry(sweep, ("failed", "interrupted", "stopped")),
            icon=":material/replay:",
            key="retry",
            help="Queues failed, interrupted and stopped runs again.",
            place=below,
            why_not=owning.why_not("resume", sweep),
        ):
            st.rerun()
        done = [run for run in ready if progress.is_over or run.status().state not in runs.UNDER_WAY]
        left = [run for run in done if not comparison.is_scored(run)]
        label = "Scoring …" if is_busy else f"Score {words.count(len(left), 'run')}" if left else "Score again"
        if done and actions.button(
            label,
            lambda: scorings.start(left or done),
            icon=":material/grading:",
            key="score",
            disabled=is_busy,
            help="3 draws of 2,000 images each.",
            place=below,
            why_not=owning.why_not("score", sweep),
        ):
            st.rerun()
        if progress.is_over:
            offer_removal(sweep)


def offer_removal(sweep: Sweep) -> None:
    """Draw the button that removes a sweep from the list."""
    with actions.popover("Remove", f"remove/{sweep.id}", icon=":material/delete:", why_not=owning.why_not("delete", sweep)):
        st.markdown("Remove this sweep from the list? Its runs are kept.")
        if actions.button("Remove this sweep", lambda: steering.remove(sweep), type="primary", key=f"remove/{sweep.id}/sure"):
            st.query_params.pop("sweep", None)
            st.rerun(scope="app")


def show_progress(sweep: Sweep, progress: Progress) -> None:
    """Show overall progress, the time left, and the number of runs in each state."""
    ended = sum(count for state, count in progress.states.items() if state in ENDED)
    sentence = f"{ended} of {words.count(progress.runs, 'run')} ended"
    held = "" if progress.is_over else holds.hold(sweep)
    if held:
        sentence += {holds.PAUSED: " · paused, waiting runs held back", holds.NO_ROOM: " · waiting for disk space"}[held]
    elif progress.seconds_left is not None and not progress.is_over:
        sentence += f" · about {words.duration(progress.seconds_left)} left"
    st.progress(progress.share, text=sentence)
    with st.container(horizontal=True, gap="xsmall"):
        for state, count in sorted(progress.states.items()):
            label, icon, color = words.STATES.get(state, (state, ":material/pending:", "gray"))
            st.badge(f"{count} {label}", icon=icon, color=color)  # type: ignore[arg-type]


def show_scoring(ready: list[Run], busy: list[Run]) -> None:
    """Show the scoring progress of the ``busy`` runs, and how scoring ended.

    The time left assumes that every run takes as long as the current one.
    """
    going = [run.scoring() for run in busy]
    scorings.tell_ended(ready)
    if not going:
        return
    now = max(going, key=lambda scoring: scoring.progress)
    sentence = f"{words.count(len(going), 'run')} left to score · {words.message(now.message)}"
    if now.seconds_left is not None and now.progress < 1:
        left = now.seconds_left * (1 + (len(going) - 1) / (1 - now.progress))
        sentence += f" · about {words.duration(left)} left"
    st.progress(1 - (len(going) - now.progress) / len(ready), text=sentence)


def show(sweep: Sweep) -> bool:
    """Draw everything that changes while a sweep runs; return whether it is settled."""
    progress, found = progress_of(sweep, cores(), pace), sweep.runs()
    ready = [run for run in found if run.has_checkpoint]
    show_progress(sweep, progress)
    busy = scorings.under_way(ready)
    show_scoring(ready, busy)
    act(sweep, progress, found, ready, is_busy=bool(busy))
    is_judging = st.session_state.get(_JUDGING, False)
    is_judged = listing.show(sweep, sweep.record(), is_judging=is_judging)
    if is_judged == is_judging:
        st.session_state[_JUDGING] = not is_judged
        st.rerun()  # at another pace
    return is_settled(progress, found)


def is_settled(progress: Progress, found: list[Run]) -> bool:
    """Return whether no run is running, waiting, being scored, or due for an automatic restart."""
    if not progress.is_over or any(run.scoring().state == "running" for run in found):
        return False
    return not progress.states.get("interrupted") or not any(queue.may_restart(run, run.status()) for run in found)


@st.fragment
def still(sweep: Sweep) -> None:
    with frame.spoken_errors():
        if not show(sweep):
            st.rerun()


@frame.fragment(frame.QUICK_TICK)
def judging(sweep: Sweep) -> None:
    """Show a sweep whose scored runs are being judged."""
    with frame.spoken_errors():
        show(sweep)


@frame.fragment(frame.TICK * 2)
def live(sweep: Sweep) -> None:
    with frame.spoken_errors():
        if show(sweep):
            st.rerun()


with frame.spoken_errors():
    planning.panel(root, is_first=not launched.list_sweeps(root))
    if chosen := choose():
        try:
            is_over = is_settled(progress_of(chosen, cores()), chosen.runs())
        except InputError:
            offer_removal(chosen)
            raise
        (judging if st.session_state.get(_JUDGING) else still if is_over else live)(chosen)
