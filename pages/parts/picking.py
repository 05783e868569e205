"""A picker for one entry of a list; the URL keeps the choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.parts import frame


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
