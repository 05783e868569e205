"""A row of real images, for a page that is about something else."""

from __future__ import annotations

import streamlit as st

from gan.config.data import DataConfig
from gan.data import prepared
from gan.storage.models import stamp

_IMAGES = 16
_CELL = 48  # pixels of an image


def show(data: DataConfig) -> None:
    """Draw a row of randomly drawn images; nothing if the data set is of points, or is not prepared yet."""
    folder = prepared.folder(data)
    version = stamp(folder)
    if not data.is_points and any(version) and (picture := _drawn(str(folder), version, data)):
        st.image(picture, output_format="PNG", alt=f"Real images of the data set {data.entry.title}")


@st.cache_data(max_entries=32, show_spinner=False)
def _drawn(folder: str, version: tuple[int, int, int], _data: DataConfig) -> bytes:
    """Return the row as PNG; empty if the preparation cannot be read."""
    from pages.parts.data_sets import albums

    found = prepared.find(_data)
    return albums.sheet(found.pixels[albums.draw(found.labels, None, 0, _IMAGES)], _CELL, _IMAGES) if found else b""
