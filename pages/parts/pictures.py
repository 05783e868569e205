"""Pictures on a page, shown unchanged from disk."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.parts import words


def show(path: Path, about: str, caption: str | None = None) -> None:
    """Show a PNG file; ``about`` is its alternative text.

    The output format is given because Streamlit would re-encode grey pictures as JPEG on every run.
    """
    try:
        st.image(path.read_bytes(), caption, width="stretch", output_format="PNG", alt=about)
    except OSError:
        st.caption(f"{words.escape(about)}: the picture is missing.")
