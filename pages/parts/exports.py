"""The button with which people take a report on runs away."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from gan.report import archive
from gan.runs import Run


def offer(chosen: Sequence[Run]) -> None:
    """Draw the button that makes a report on the chosen runs and downloads it as a ZIP file."""
    st.download_button(
        "Export report", lambda: archive.as_zip(chosen), f"gan-duel-{time.strftime('%Y%m%d-%H%M')}.zip", "application/zip",
        icon=":material/description:", key="report", disabled=not chosen,
        help="A page that opens offline, and the same as Markdown: scores, samples, curves, verdicts, settings, and the command "
        "that repeats each run. The same on the command line: python -m gan report RUN … --out FILE.zip",
    )  # fmt: skip
