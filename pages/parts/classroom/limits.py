"""The form for the limits of the class: what a student may launch and upload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from gan.access import limits
from gan.access.limits import Limits
from pages.parts import actions, owning

_SAVED = "class/limits/saved"  # set when limits were saved, until the next change


def draw(root: Path) -> None:
    """Draw the form. One click saves; a refusal is shown below the button, and the values stay."""
    present = limits.read(root)
    st.caption(
        "What one student may do; the teacher has no limits. New limits hold from the next launch or upload on; new minutes also "
        "end runs under way that have trained for longer."
    )
    entered: dict[str, Any] = {}
    with st.grid(3, min_column_width=200, gap=("small", "medium")) as grid:
        for name, field in Limits.model_fields.items():
            value = getattr(present, name)
            with grid.cell():
                entered[name] = st.number_input(
                    str(field.title),
                    value=value,
                    step=1.0 if isinstance(value, float) else 1,
                    format="%g" if isinstance(value, float) else "%d",
                    key=f"class/limits/{name}/{value}",  # a value saved elsewhere appears as a new field
                    help=f"{field.description} {limits.bounds(name)}.",
                )
    is_changed = entered != present.model_dump()
    if is_changed:
        st.session_state.pop(_SAVED, None)
    if actions.button(
        "Save limits",
        lambda: limits.write(root, limits.parse(entered)),
        icon=":material/save:",
        type="primary",
        disabled=not is_changed,
        why_not=owning.why_not("run the class"),
        key="class/limits/save",
    ):
        st.session_state[_SAVED] = True
        st.rerun()
    if st.session_state.get(_SAVED):
        st.caption(":material/check: Saved.")
