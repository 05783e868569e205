"""The choice where to train: on this machine, or on those of Ray or Slurm if this machine can use them."""

from __future__ import annotations

import streamlit as st

from gan.access import people
from gan.execution.executors import engines
from gan.runs import Status
from gan.runs.dispatch import ENGINES, LOCAL
from pages.parts import words

_HELP = (
    "This machine trains as many runs at once as it has cores. Ray and Slurm train them on other machines that share the folder of "
    "the runs; they decide when and where. Samples, curves and scores appear here all the same."
)


def choose(key: str) -> str:
    """Let the teacher choose where to train, if there is a choice, and return the engine; this machine is ""."""
    offered = engines.offered() if people.current().is_teacher else [LOCAL]
    if len(offered) == 1:
        return ""
    chosen = st.selectbox("Train on", offered, format_func=ENGINES.__getitem__, key=key, help=_HELP)
    return "" if chosen == LOCAL else chosen


def where(status: Status) -> str:
    """Return where a run of an engine trains, as Markdown; empty for one of this machine."""
    if not status.engine:
        return ""
    title = ENGINES.get(status.engine, status.engine)
    return words.escape(f"{status.host}, by {title}" if status.host and status.state != "queued" else title)
