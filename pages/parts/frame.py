"""Common frame of all pages: page setup, the folder of runs, and errors as sentences instead of tracebacks."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from gan.errors import InputError, explain_os_error
from gan.places import default_root
from pages.parts import words

TICK = 1.5  # seconds between refreshes of a run under way


def begin(title: str) -> Path:
    """Set up the page and return the folder of all runs. Must be the first call of every page."""
    if "is-routed" not in st.session_state:
        # On a fresh server, a deep link first runs the page without the router and with file names in the menu.
        # Calling ``st.navigation`` registers the router, which Streamlit uses from then on.
        here = f"pages/{title.lower()}.py"
        others = [st.Page(here)] if title != "Home" else []
        st.navigation([st.Page("pages/home.py", default=True), *others], position="hidden")
        st.switch_page(here, query_params=st.query_params.to_dict())
    st.set_page_config(page_title=f"{title} · GAN Duel", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
    return default_root()


@contextlib.contextmanager
def spoken_errors() -> Iterator[None]:
    """Show an error raised in the block as one sentence, and continue after the block."""
    try:
        yield
    except InputError as error:
        st.error(words.escape(str(error)), icon=":material/error:")
    except OSError as error:
        logging.getLogger("gan").exception("A page failed")
        st.error(words.escape(explain_os_error(error, "reading the runs")), icon=":material/error:")
