"""Preparing a data set at one size from the Data page."""

from __future__ import annotations

import streamlit as st

from gan.catalogue.data_sets import DataSet
from gan.config.data import DataConfig
from gan.data import downloads, prepared
from gan.data.prepared import Prepared
from gan.execution import requests
from gan.storage.jobs import read
from pages.parts import actions, words
from pages.parts.data_sets.importing import show_progress

AT_ONCE = 40_000_000  # pixels of a built-in set prepared without asking: about ten seconds


@st.cache_resource(max_entries=16, show_spinner=False)
def opened(folder: str, changed: int, _data: DataConfig) -> Prepared | None:
    """Return a prepared data set, cached until its folder changes."""
    return prepared.find(_data)


def offer_preparation(data: DataConfig) -> None:
    """Prepare a data set and show progress; ask first if it takes long or needs a download."""
    entry, path = data.entry, requests.preparation_path(data)
    task = read(path)
    if task and task.state == "running":
        show_progress(f"Preparing {entry.title}", path)
        return
    has_failed = task is not None and task.state == "failed"
    if task is not None and has_failed:
        st.error(words.message(task.message), icon=":material/error:")
    elif entry.origin == "built-in" and entry.images * data.size**2 <= AT_ONCE:
        requests.start_preparing(data)
        show_progress(f"Preparing {entry.title}", path)
        return
    files = download_of(entry)
    label = "Prepare"
    if files and not downloads.has(files.name):
        label = f"Download and prepare ({words.megabytes(files.download_bytes)})"
    with st.container(border=True):
        st.markdown(
            f"**Not prepared at {data.size} × {data.size} pixels yet.** Preparation runs once per size and "
            f"takes {words.megabytes(entry.images * data.size**2 * data.channels)} of disk space. Training starts it automatically."
        )
        icon = ":material/refresh:" if has_failed else ":material/download:"
        label = "Try again" if has_failed else label
        if actions.button(label, lambda: requests.start_preparing(data), key="prepare", icon=icon):
            st.rerun()


def download_of(entry: DataSet) -> downloads.Download | None:
    """Return the download that a data set is read from or built from; None if it needs none."""
    return downloads.DOWNLOADS.get(entry.made_of or entry.name)
