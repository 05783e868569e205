"""Export buttons: a report on runs, and a generator."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from gan.report import bundle, generators
from gan.runs import Run


def offer(chosen: Sequence[Run]) -> None:
    """Draw the button that creates a report on the chosen runs and downloads it as a ZIP file."""
    st.download_button(
        "Export report",
        lambda: bundle.as_zip(chosen),
        f"gan-duel-{time.strftime('%Y%m%d-%H%M')}.zip",
        "application/zip",
        icon=":material/description:",
        key="report",
        disabled=not chosen,
        help="A web page that works offline, also as Markdown, with scores, samples, curves, verdicts, settings and the "
        "commands that reproduce each run. Command line: python -m gan report RUN … --out FILE.zip",
    )


def offer_generator(run: Run) -> None:
    """Draw the button that downloads the generator of a run, if it has a checkpoint."""
    if not run.has_checkpoint:
        return
    st.download_button(
        "Export generator",
        lambda: generators.export(run),
        f"generator-{run.id}.safetensors",
        "application/octet-stream",
        icon=":material/download:",
        key="generator",
        help="The weights of the newest checkpoint in one file, for sampling elsewhere. Loading it never runs code. "
        "A sampling script is in docs/report.md.",
    )
