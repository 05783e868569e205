"""What every page begins with: its frame, the folder of runs, and a sentence instead of a traceback."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from gan.errors import InputError, explain_os_error
from gan.places import default_root
from pages.parts import words

TICK = 1.5  # seconds between two looks at a run that is under way


def begin(title: str) -> Path:
    """Set the page up, and return the folder of all runs. The first call of every page."""
    if "is-routed" not in st.session_state:
        # The first visit to a fresh server by a deep link runs the page without the router, under a menu of file names;
        # telling Streamlit that there is a router makes it run that one from now on.
        here = f"pages/{title.lower()}.py"
        others = [st.Page(here)] if title != "Home" else []
        st.navigation([st.Page("pages/home.py", default=True), *others], position="hidden")
        st.switch_page(here, query_params=st.query_params.to_dict())
    st.set_page_config(page_title=f"{title} · GAN Duel", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
    return default_root()


@contextlib.contextmanager
def spoken_errors() -> Iterator[None]:
    """Show what goes wrong inside as one sentence and go on behind it."""
    try:
        yield
    except InputError as error:
        st.error(words.escape(str(error)), icon=":material/error:")
    except OSError as error:
        logging.getLogger("gan").exception("A page failed")
        st.error(words.escape(explain_os_error(error, "reading the runs")), icon=":material/error:")
