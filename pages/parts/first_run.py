"""The button that starts a first training with one click, on the Home page and on pages that have no run to show."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from gan.config import presets
from gan.execution import queue
from pages.parts import actions, frame


def button(root: Path) -> None:
    """Draw the button."""
    actions.button(
        "Train a GAN on digits now",
        lambda: frame.go("pages/watch.py", run=queue.launch(root, presets.find(presets.DEFAULT).config).id),
        icon=":material/play_arrow:",
        type="primary",
        key="start",
        is_once=True,
        help="First shapes within seconds, digits within a minute, from 1,797 built-in handwritten digits.",
    )


def offer(root: Path) -> None:
    """Say that there are no runs, and offer the ways to one."""
    st.info("No runs yet.", icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        button(root)
        st.page_link("pages/train.py", label="Choose settings", icon=":material/tune:")
