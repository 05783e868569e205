"""What a user does on a page: an error is shown where the action was asked for, and the rest of the page stays as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts import frame


def done(action: Callable[..., Any], *arguments: Any, place: DeltaGenerator | None = None) -> bool:
    """Carry out an action and return whether it succeeded; if not, show the reason in a sentence, here or at ``place``."""
    with place or contextlib.nullcontext(), frame.spoken_errors():
        action(*arguments)
        return True
    return False


def popover(label: str, key: str, *, icon: str) -> DeltaGenerator:
    """Draw a popover that :func:`close` can close.

    The key names what it asks about, so that another page state with another subject never shows it open.
    """
    if st.session_state.pop(f"{key}/close", False):
        st.session_state[key] = False
    return st.popover(label, icon=icon, key=key, on_change="rerun")


def close(key: str) -> None:
    """Close a popover in the next run of the page."""
    st.session_state[f"{key}/close"] = True
