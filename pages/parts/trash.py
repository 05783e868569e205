"""The deleted runs on the Home page: restore one, or delete them all for good."""

from __future__ import annotations

import functools
from pathlib import Path

import streamlit as st

from gan import runs
from gan.errors import InputError
from pages.parts import actions, owning, words

_MOST_SHOWN = 50


def panel(root: Path) -> None:
    """Draw the expander of the trash, if there is anything in it; its contents are built only when it is open."""
    try:
        found = runs.list_trash(root)
    except InputError:  # the cards above it say why the folder cannot be read
        return
    if not found:
        return
    part = st.expander("Trash", icon=":material/delete:", key="home/trash", on_change="rerun")
    if not part.open:
        return
    with part:
        names = words.names(found)
        st.caption(f"{words.count(len(found), 'deleted run')}, newest first.")
        for run in found[:_MOST_SHOWN]:
            row = st.container(horizontal=True, vertical_alignment="center", gap="small")
            place, restore = actions.place(f"restore/{run.id}"), functools.partial(runs.restore, root, run.id)
            with row:
                if actions.button(
                    "Restore",
                    restore,
                    icon=":material/restore_from_trash:",
                    key=f"restore/{run.id}",
                    place=place,
                    why_not=owning.why_not("restore", run),
                ):
                    st.rerun()
                st.markdown(words.escape(names[run.id]), width="content")
                about = filter(None, (owning.of(run.owner()), run.id, words.megabytes(runs.size(run))))
                st.caption(words.escape(" · ".join(about)), width="content")
        if len(found) > _MOST_SHOWN:
            st.caption(f"{words.count(len(found) - _MOST_SHOWN, 'further run')} not shown.")
        why_not = owning.why_not("empty the trash")
        with actions.popover("Empty", "home/trash/empty", icon=":material/delete_forever:", why_not=why_not):
            st.markdown(f"Delete {words.count(len(found), 'run')} for good? This cannot be undone.")
            if actions.button("Empty the trash", lambda: runs.empty_trash(root), type="primary", key="home/trash/empty/sure"):
                actions.close("home/trash/empty")
                st.rerun()
