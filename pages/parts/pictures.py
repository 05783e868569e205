"""Pictures on a page, exactly as they lie on disk."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.parts import words


def show(path: Path, about: str, caption: str | None = None) -> None:
    """Show a PNG file; ``about`` is what it says to those who cannot see it.

    The format is named, because Streamlit would turn grey pictures into JPEGs again and again.
    """
    try:
        st.image(path.read_bytes(), caption, width="stretch", output_format="PNG", alt=about)
    except OSError:
        st.caption(f"{words.escape(about)}: the picture is missing.")
