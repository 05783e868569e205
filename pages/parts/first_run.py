"""The button that starts a first training with one click, on the Home page and on pages that have no run to show."""

from __future__ import annotations

import secrets
from pathlib import Path

import streamlit as st

from gan import config as configs
from gan.access import classroom
from gan.config import presets
from gan.execution import queue
from pages.parts import actions, frame, launches
from pages.parts.launches import Asked


def button(root: Path) -> None:
    """Draw the button; a class uses a preset that is done sooner, and a random seed, or all students would draw the same digits."""
    config = presets.find(presets.CLASS if classroom.is_on() else presets.DEFAULT).config
    place = st.container(width="content")  # so that it keeps its line where there is little room
    is_refused = launches.tell(root, Asked([config]))

    def start() -> None:
        chosen = configs.replace(config, {"training.seed": secrets.randbelow(10**6)}) if classroom.is_on() else config
        frame.go("pages/watch.py", run=queue.launch(root, chosen).id)

    with place:
        actions.button(
            "Train a GAN on digits now",
            start,
            icon=":material/play_arrow:",
            type="primary",
            key="start",
            disabled=is_refused,
            is_once=True,
            help="First shapes within seconds, digits within a minute, from 1,797 built-in handwritten digits.",
        )


def offer(root: Path, missing: str = "No runs yet.") -> None:
    """Say what is ``missing``, and offer the ways to a run."""
    st.info(missing, icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        button(root)
        st.page_link("pages/train.py", label="Choose settings", icon=":material/tune:")
