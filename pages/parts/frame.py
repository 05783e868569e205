"""Common frame of all pages: page setup, the folder of runs, and errors as sentences instead of tracebacks."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import streamlit as st

from gan.errors import InputError, explain_os_error
from gan.places import default_root
from pages.parts import words

TICK = 1.5  # seconds between refreshes of a run under way
QUICK_TICK = 0.3  # while a visitor waits for the first result of a click
SLOW_TICK = 5.0  # seconds between looks for changes made elsewhere: in another tab, on the command line

_PASSED = "frame/passed"  # URL parameters passed on by `go` → the page that they are meant for


def begin(title: str) -> Path:
    """Set up the page and return the folder of all runs. Must be the first call of every page."""
    here = f"pages/{title.lower()}.py"
    if "is-routed" not in st.session_state:
        # On a fresh server, a deep link first runs the page without the router and with file names in the menu.
        # Calling ``st.navigation`` registers the router, which Streamlit uses from then on.
        others = [st.Page(here)] if title != "Home" else []
        st.navigation([st.Page("pages/home.py", default=True), *others], position="hidden")
        st.switch_page(here, query_params=st.query_params.to_dict())
    st.set_page_config(page_title=f"{title} · GAN Duel", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
    if st.session_state.get(_PASSED, {}).get(_query(), here) != here:
        st.query_params.clear()  # Back has led here; see `go`
    return default_root()


def go(page: str, **query: str) -> NoReturn:
    """Switch to another page with URL parameters.

    Streamlit writes the parameters to the URL of the current page before it switches, so the browser's history holds them there;
    :func:`begin` removes them when the browser goes back.
    """
    if _query() != frozenset(query.items()):
        st.session_state.setdefault(_PASSED, {})[frozenset(query.items())] = page
    st.switch_page(page, query_params=query)


def _query() -> frozenset[tuple[str, str]]:
    """Return the parameters in the URL."""
    return frozenset(st.query_params.to_dict().items())


@contextlib.contextmanager
def spoken_errors() -> Iterator[None]:
    """Show an error raised in the block as one sentence, and continue after the block."""
    try:
        yield
    except InputError as error:
        st.error(words.message(error), icon=":material/error:")
    except OSError as error:
        logging.getLogger("gan").exception("A page failed")
        st.error(words.escape(explain_os_error(error, "reading the runs")), icon=":material/error:")
