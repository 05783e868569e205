"""A picker for one entry of a list; the URL keeps the choice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts import frame

LATE = 3.0  # seconds in which the browser hears of a choice; later, a link may lead back to a former one

_PICKED = "picking/picked"


@dataclass(frozen=True)
class _Picked:
    """The latest choice of a visit, and the ``former`` ones, which the URL may still hold."""

    key: str
    visit: int
    at: float
    former: frozenset[str]


def pick(
    label: str,
    names: Mapping[str, str],
    *,
    parameter: str,
    key: str,
    find: Callable[[str], object],
    on_pick: Callable[[], object] = lambda: None,
    **look: Any,
) -> str | None:
    """Draw a picker for one entry (id → name), by default the first, and return its id; the URL parameter keeps the choice.

    ``find`` raises InputError for an id that does not exist: if the URL holds one, the page says so, nothing is chosen, and the URL
    stays as it is until another entry is picked. ``on_pick`` is called then. ``key`` and ``look`` are arguments of the widget.
    Returns None if nothing is chosen or if there are no entries; without entries nothing is drawn.
    """
    wanted = st.query_params.get(parameter)
    if _is_late(key, wanted):
        wanted = st.session_state[key]
    is_unknown = bool(wanted) and wanted not in names
    if wanted and is_unknown:
        with frame.spoken_errors():
            find(wanted)
    if not names:
        return None
    if wanted:
        st.session_state[key] = None if is_unknown else wanted
    elif st.session_state.get(key) not in names:
        st.session_state[key] = next(iter(names))

    def follow() -> None:
        if st.session_state[key] is not None:
            _remember(key, st.query_params.get(parameter, ""))
            st.query_params[parameter] = st.session_state[key]
            on_pick()

    chosen = st.selectbox(
        label,
        list(names),
        index=None if is_unknown else 0,
        key=key,
        format_func=names.__getitem__,
        on_change=follow,
        placeholder=f"Choose another {label.lower()}",
        **look,
    )
    if chosen is not None:
        st.query_params[parameter] = chosen
    return chosen


def _remember(key: str, former: str) -> None:
    """Keep that another entry has been picked instead of the ``former`` one."""
    before: _Picked | None = st.session_state.get(_PICKED)
    known = before.former if before and (before.key, before.visit) == (key, frame.visit()) else frozenset()
    st.session_state[_PICKED] = _Picked(key, frame.visit(), time.monotonic(), known | {former})


def _is_late(key: str, wanted: str | None) -> bool:
    """Return whether the URL holds a former choice, because the browser has yet to hear of the latest one.

    The browser sends its URL with every click, and Streamlit takes the parameters from it. On a slow network, a click that soon
    follows a choice comes with the URL of before.
    """
    picked: _Picked | None = st.session_state.get(_PICKED)
    if picked is None or (picked.key, picked.visit) != (key, frame.visit()) or frame.is_back():
        return False
    is_new = time.monotonic() - picked.at < LATE
    return is_new and wanted in picked.former and st.session_state.get(key) is not None
