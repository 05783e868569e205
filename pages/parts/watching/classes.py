"""Class-conditional generators on the Watch page: name the columns of samples, and draw samples of one class."""

from __future__ import annotations

import secrets
import time

import streamlit as st

from gan.catalogue import data_sets
from gan.config import RunConfig
from gan.execution import requests
from gan.runs import UNDER_WAY, Run
from pages.parts import actions, frame, pictures, words

_LONGEST = 4  # letters; fits above a column on a phone
_PATIENCE = 90  # seconds to wait for a picture


def known(config: RunConfig) -> list[str]:
    """Return the classes a generator is conditioned on, in order; empty if unconditional or if the data set is missing."""
    return list(config.told) if config.data.name in data_sets.all_sets() else []


def name_columns(config: RunConfig) -> None:
    """Write the class names above the columns of a sample grid, or in one line if they are long."""
    names = list(config.columns) if known(config) and not config.data.is_points else []
    if names and max(map(len, names)) <= _LONGEST:
        with st.grid(len(names), min_column_width=1, wrap=False, gap=None):
            for name in names:
                st.caption(words.escape(name), text_alignment="center")
    elif names:
        st.caption("Columns from left to right: " + words.escape(", ".join(names)))


def ask(run: Run, config: RunConfig) -> None:
    """Draw the panel that requests samples of one class from a class-conditional generator."""
    if not known(config):
        return
    is_under_way = run.status().state in UNDER_WAY
    pace = frame.QUICK_TICK if _waiting(run) else 5.0 if is_under_way and not run.has_checkpoint else None
    frame.fragment(pace)(_panel)(run, known(config))


def _panel(run: Run, names: list[str]) -> None:
    with st.container(border=True), frame.spoken_errors():
        st.subheader("Samples of one class")
        if not run.has_checkpoint:
            st.caption("No checkpoint yet; samples can be drawn after the first one.")
            return
        left, right = st.columns([2, 3], gap="large")
        is_waiting = _waiting(run)
        with left:
            name = st.selectbox("Class", names, key=f"asked/{run.id}/class", persist_state="session")
            before = _changed(run)
            if actions.button(
                "Draw",
                lambda: requests.start_sampling(run, name, secrets.randbelow(2**31)),
                icon=":material/brush:",
                type="primary",
                key="draw",
                disabled=is_waiting,
                help="Draws 64 images of this class from the newest checkpoint, with new latent vectors each time.",
            ):
                st.session_state[f"asked/{run.id}"] = {"name": name, "at": time.monotonic(), "before": before}
                st.rerun()
        asked = st.session_state.get(f"asked/{run.id}")
        with right:
            if is_waiting and asked:
                st.markdown(f":material/brush: Drawing “{words.escape(asked['name'])}”; takes a few seconds …")
            elif asked and asked["before"] == _changed(run):
                last = (run.log_tail().strip().splitlines() or ["nothing"])[-1]
                st.warning(f"No picture has been drawn; last line of the log: {words.escape(last)}")
            elif _changed(run):
                about = f"Samples of “{asked['name']}”" if asked else "Last requested samples"
                pictures.show(run.asked_path, about, words.escape(about))
        if asked and not is_waiting and not asked.get("is-seen"):
            asked["is-seen"] = True
            st.rerun()  # restores the normal refresh rate


def _waiting(run: Run) -> bool:
    """Return whether this session is still waiting for a requested picture."""
    asked = st.session_state.get(f"asked/{run.id}")
    return bool(asked and asked["before"] == _changed(run) and time.monotonic() - asked["at"] < _PATIENCE)


def _changed(run: Run) -> int:
    """Return the modification time of the requested picture in nanoseconds; 0 if missing."""
    try:
        return run.asked_path.stat().st_mtime_ns
    except OSError:
        return 0
