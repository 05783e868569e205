"""Exporting a data set from the Data page, for other programs."""

from __future__ import annotations

import streamlit as st

from gan.access import people
from gan.config.data import DataConfig
from gan.data.formats.writing import KINDS, Kind
from gan.execution import requests
from gan.storage.jobs import read
from pages.parts import actions, words
from pages.parts.data_sets.importing import show_progress

MOST_DOWNLOADED = 500_000_000  # bytes; larger files are read from the disk of the server

TITLES: dict[Kind, str] = {"npz": "NumPy", "stylegan": "StyleGAN", "parquet": "Parquet"}
HELP = (
    "All images exactly as runs train on them at this size, so that other programs can train on the same. NumPy: images "
    "[N, H, W, C], labels and classes, as MedMNIST has them. StyleGAN: PNG files and dataset.json. Parquet: as on Hugging Face."
)


def offer_export(data: DataConfig) -> None:
    """Ask for a format, write the file in a process of its own, and offer it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        kind = st.segmented_control(
            "Export",
            list(TITLES),
            format_func=lambda kind: TITLES[kind],
            default="npz",
            required=True,
            key="data/export-kind",
            persist_state="session",
            help=HELP,
        )
        path, target = requests.export_path(data, kind)
        task = read(path)
        if task is None or task.state == "failed" or not target.is_file():
            icon = ":material/file_export:"
            if (task is None or task.state != "running") and actions.button(
                "Write the file", lambda: requests.start_export(data, kind), key="data/export", icon=icon
            ):
                st.rerun()
        elif (size := target.stat().st_size) <= MOST_DOWNLOADED:
            st.download_button(
                f"Download ({words.megabytes(size)})",
                target.read_bytes,
                f"{data.name}-{data.size}{KINDS[kind][1]}",
                icon=":material/download:",
                key="data/export/download",
            )
    if task and task.state == "running":
        show_progress("Writing the file", path)
    elif task and task.state == "failed":
        st.error(words.message(task.message), icon=":material/error:")
    elif target.is_file() and target.stat().st_size > MOST_DOWNLOADED:
        where = f"It lies on the server as {target}." if people.current().is_teacher else "Ask your teacher for the file."
        st.caption(f"Too large to download ({words.megabytes(target.stat().st_size)}). {where}")
