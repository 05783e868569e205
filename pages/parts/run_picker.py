"""Pickers for one run or several runs; the URL keeps the choice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from gan import runs
from gan.runs import Run
from pages.parts import frame, words


def pick_one(root: Path, key: str, *, empty: str, on_pick: Callable[[], object]) -> Run | None:
    """Draw a picker for one run, by default the newest; the URL parameter "run" keeps the choice.

    ``key``: widget key. ``empty``: text shown if there are no runs; None is returned then. ``on_pick``: called when the user picks
    another run.
    """
    found = _all(root)
    wanted = st.query_params.get("run")
    if wanted and wanted not in found:
        _complain(root, wanted)
    if not found:
        st.info(empty, icon=":material/info:")
        return None
    if wanted in found:
        st.session_state[key] = wanted
    elif st.session_state.get(key) not in found:
        st.session_state[key] = next(iter(found))

    def follow() -> None:
        st.query_params["run"] = st.session_state[key]
        on_pick()

    chosen = st.selectbox(
        "Run", list(found), key=key, format_func=_names(found).__getitem__, on_change=follow, label_visibility="collapsed"
    )
    st.query_params["run"] = chosen
    return found[chosen]


def pick_several(
    root: Path,
    key: str,
    *,
    empty: str,
    placeholder: str,
    usual: Callable[[list[Run]], list[Run]],
    most: int | None = None,
    kept: str = "",
) -> list[Run]:
    """Draw a picker for several runs; the URL parameter "runs" keeps the selection.

    ``key``: widget key. ``empty``: text shown if there are no runs. ``usual``: chosen from all runs if the URL names none.
    ``most``: largest number of runs. ``kept``: key under which the session keeps the selection for a return without a URL.
    """
    found = _all(root)
    if not found:
        st.info(empty, icon=":material/info:")
        return []
    if key not in st.session_state:
        named = st.query_params.get("runs", st.session_state.get(kept, "") if kept else "")
        wanted = [run_id for run_id in named.split(",") if run_id]
        for run_id in wanted:
            _complain(root, run_id)
        known = [run_id for run_id in wanted if run_id in found][:most]
        st.session_state[key] = known or [run.id for run in usual(list(found.values()))]
    st.session_state[key] = [run_id for run_id in st.session_state[key] if run_id in found]
    chosen = st.multiselect(
        "Runs", list(found), key=key, format_func=_names(found).__getitem__, max_selections=most, placeholder=placeholder
    )
    st.query_params["runs"] = ",".join(chosen)
    if kept:
        st.session_state[kept] = st.query_params["runs"]
    return [found[run_id] for run_id in chosen]


def _all(root: Path) -> dict[str, Run]:
    return {run.id: run for run in runs.list_runs(root)}


def _names(found: dict[str, Run]) -> dict[str, str]:
    return words.names(list(found.values()))


def _complain(root: Path, run_id: str) -> None:
    """Show why the run with this id cannot be found; nothing if it can."""
    with frame.spoken_errors():
        runs.find(root, run_id)
