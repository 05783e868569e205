"""Own points of a visitor, drawn on the board or read from a CSV file; kept for the session."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
import streamlit as st

from gan.data import tables
from gan.errors import InputError
from gan.play import setup as setups
from gan.play.setup import FEWEST_POINTS, MOST_POINTS, OWN
from pages.parts import frame, words

Points = tuple[tuple[float, float], ...]

_KEPT, _UPLOAD, _TOLD = "play/points", "play/upload", "play/points/told"


def kept() -> Points | None:
    """Return the visitor's points."""
    return st.session_state.get(_KEPT)


def checked(raw: Any) -> Points:
    """Return points that a browser has sent. Raises InputError if they cannot be played."""
    points = setups.parse({"data": OWN, "points": raw}).points
    assert points is not None
    return points


def read(content: BinaryIO, title: str) -> tuple[Points, str]:
    """Return the points of a CSV file, at most 2,000 of them evenly spread over its rows, and a sentence on what was kept.

    They are centred and scaled, so that all coordinates together have std 1. Raises InputError for anything but two columns of
    numbers.
    """
    found = tables.read_some(content, title, FEWEST_POINTS)
    kept = found
    if len(found) > MOST_POINTS:
        kept = found[np.linspace(0, len(found) - 1, MOST_POINTS).round().astype(int)]
    points = checked(tuple((round(x, 4), round(y, 4)) for x, y in kept.tolist()))
    some = f", {len(kept):,} of {len(found):,}" if len(kept) < len(found) else f", {len(kept):,}"
    return points, f"Your points from {title}{some}; centred and scaled."


def take(points: Points, sentence: str) -> None:
    """Keep points, and play with them."""
    st.session_state[_KEPT], st.session_state["play/data"], st.session_state["play/start"] = points, OWN, ""
    st.session_state[_TOLD] = sentence


def offer() -> None:
    """Draw the upload of points, and what became of the last one."""
    with st.popover("Your own points", icon=":material/upload_file:", width="stretch"):
        st.caption("Draw them on the board, or upload a CSV file: two columns of numbers, with or without a heading.")
        st.file_uploader("CSV file", type=["csv", "txt", "tsv"], key=_UPLOAD, on_change=_receive, max_upload_size=8)
        if sentence := st.session_state.get(_TOLD):
            st.caption(words.escape(sentence))
    if refusal := st.session_state.pop(f"{_UPLOAD}/refusal", None):
        frame.complain(refusal)


def _receive() -> None:
    upload = st.session_state.get(_UPLOAD)
    if upload is None:
        return
    try:
        take(*read(upload, upload.name))
    except InputError as error:
        st.session_state[f"{_UPLOAD}/refusal"] = words.message(error)
