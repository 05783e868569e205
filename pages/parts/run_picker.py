"""Pickers for one run or several runs; the URL keeps the choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from gan import runs
from gan.access.people import Person
from gan.guests import guest as guests
from gan.runs import Run, index
from gan.runs.listing import Listed
from pages.parts import first_run, frame, owning, picking

_SHOWN = "run-picker/shown"  # the names that the page was drawn with


def pick_one(root: Path, key: str, *, on_pick: Callable[[], object]) -> Run | None:
    """Draw a picker for one run, by default the newest; the URL parameter "run" keeps the choice.

    ``key``: widget key. ``on_pick``: called when the user picks another run. Returns None if there are no runs, or if the URL names
    one that does not exist (see :func:`pages.parts.picking.pick`).
    """
    found, names = _all(root)
    with owning.row():
        shown = _narrowed(found, owning.choose(one.facts.owner for one in found.values()), st.query_params.get("run", ""))
        chosen = picking.pick(
            "Run",
            {run_id: names[run_id] for run_id in shown},
            parameter="run",
            key=key,
            find=lambda run_id: runs.find(root, run_id),
            on_pick=on_pick,
            label_visibility="collapsed",
        )
        if found and not shown:
            st.caption("No runs of this owner.")
    if not found:
        first_run.offer(root)
    _follow(root, names)
    return found[chosen].run if chosen else None


def pick_several(
    root: Path,
    key: str,
    *,
    placeholder: str,
    usual: Callable[[list[Run]], list[Run]],
    most: int | None = None,
) -> list[Run]:
    """Draw a picker for several runs; the URL parameter "runs" keeps the selection, the session keeps it for a return without URL.

    ``key``: widget key. ``usual``: chosen from all runs if neither names any.
    ``most``: largest number of runs. Runs that do not exist, or that were deleted meanwhile, are reported until the choice changes,
    and left out; if none named by the URL exists, none is chosen. Guests can be chosen like runs.
    """
    found, names = _all(root, with_guests=True)
    _follow(root, names, with_guests=True)
    kept, gone, visited = f"{key}/kept", f"{key}/gone", f"{key}/visited"
    wanted = list(dict.fromkeys(filter(None, st.query_params.get("runs", "").split(","))))
    is_led = bool(wanted) and st.session_state.get(visited) != frame.visit()  # a student follows the teacher within the page
    is_first = key not in st.session_state or is_led
    st.session_state[visited] = frame.visit()
    if is_first or gone not in st.session_state:
        st.session_state[gone] = []
    named = (wanted or st.session_state.get(kept, [])) if is_first else st.session_state[key]
    lost = [run_id for run_id in named if run_id not in found]
    st.session_state[gone] += lost
    for run_id in st.session_state[gone]:
        _complain(root, run_id)
    if not found:
        first_run.offer(root)
        return []
    with owning.row("bottom"):
        is_shown = owning.choose(one.facts.owner for one in found.values())
        chosen = [run_id for run_id in named if run_id in found]
        if is_first and not wanted and not chosen:
            chosen = [run.id for run in usual([found[run_id].run for run_id in _narrowed(found, is_shown)])]
        st.session_state[key] = chosen[:most]
        chosen = st.multiselect(
            "Runs",
            _narrowed(found, is_shown, *st.session_state[key]),
            key=key,
            format_func=names.__getitem__,
            on_change=st.session_state[gone].clear,
            max_selections=most,
            placeholder=placeholder,
        )
        if chosen or (lost and not is_first) or any(run_id in found for run_id in wanted):
            st.query_params["runs"] = ",".join(chosen)
        st.session_state[kept] = chosen
        return [found[run_id].run for run_id in chosen]


def _all(root: Path, *, with_guests: bool = False) -> tuple[dict[str, Listed], dict[str, str]]:
    """Return all runs, and with them the guests, and their display names by id, newest first."""
    every: Sequence[Listed] = index.read(root)
    if with_guests and (found_guests := guests.listed(root)):
        every = sorted([*every, *found_guests], key=lambda one: one.age_key, reverse=True)
    found = {listed.id: listed for listed in every}
    return found, owning.names(every)


def _narrowed(found: dict[str, Listed], is_shown: Callable[[Person], bool], *chosen: str) -> list[str]:
    """Return the ids of the runs whose owners are shown, and of the ``chosen`` ones."""
    return [run_id for run_id, one in found.items() if is_shown(one.facts.owner) or run_id in chosen]


@frame.fragment(frame.SLOW_TICK)
def _follow(root: Path, shown: dict[str, str], *, with_guests: bool = False) -> None:
    """Rerun the page when a run was made, renamed or deleted elsewhere: in another tab, or on the command line."""
    if st.session_state.get(_SHOWN) is not shown:  # drawn with the page, and just read
        st.session_state[_SHOWN] = shown
        return
    with frame.spoken_errors():
        if _all(root, with_guests=with_guests)[1] != shown:
            st.rerun()


def _complain(root: Path, run_id: str) -> None:
    """Show why the run with this id cannot be found; nothing if it can."""
    with frame.spoken_errors():
        guests.find(root, run_id)
