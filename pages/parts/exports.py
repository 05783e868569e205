"""The buttons with which people take something away: a report on runs, and a generator."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from gan.report import bundle, generators
from gan.runs import Run


def offer(chosen: Sequence[Run]) -> None:
    """Draw the button that makes a report on the chosen runs and downloads it as a ZIP file."""
    st.download_button(
        "Export report",
        lambda: bundle.as_zip(chosen),
        f"gan-duel-{time.strftime('%Y%m%d-%H%M')}.zip",
        "application/zip",
        icon=":material/description:",
        key="report",
        disabled=not chosen,
        help="A page that opens offline, and the same as Markdown: scores, samples, curves, verdicts, settings, and the command "
        "that repeats each run. The same on the command line: python -m gan report RUN … --out FILE.zip",
    )


def offer_generator(run: Run) -> None:
    """Draw the button that downloads the generator of a run; nothing before there is a checkpoint."""
    if not run.has_checkpoint:
        return
    st.download_button(
        "Export generator",
        lambda: generators.export(run),
        f"generator-{run.id}.safetensors",
        "application/octet-stream",
        icon=":material/download:",
        key="generator",
        help="The weights of the newest checkpoint as one file, to sample from elsewhere; reading it never runs code. "
        "docs/report.md has the script that does so.",
    )
