"""Common frame of all pages: page setup, the folder of runs, and errors as sentences instead of tracebacks."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, ParamSpec

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import RerunException

from gan.errors import InputError, explain_os_error
from gan.places import default_root
from gan.runs import index
from pages.parts import words

TICK = 1.5  # seconds between refreshes of a run under way
QUICK_TICK = 0.3  # while a visitor waits for the first result of a click
SLOW_TICK = 5.0  # seconds between looks for changes made elsewhere: in another tab, on the command line

#: The bar at the top is aligned with the page. On a phone, where it does not list the pages, it shows the title of this one.
#: Chosen options and values of sliders have the colour of the text: the primary colour is too dark for text in dark mode.
#: Links that have the keyboard's focus are outlined: Streamlit shows it as a background, which cards switch off.
_BAR = """<style>
@media (min-width: 768px) {[data-testid="stHeader"] > div {padding-left: 4rem; padding-right: 5rem}}
@media (max-width: 767px) {[data-testid="stHeader"]::after {content: "TITLE"; position: absolute; inset: 0 1rem 0 auto;
  pointer-events: none; display: flex; align-items: center; font-weight: 650}}
:is([data-testid="stButtonGroup"] button[data-selected], [data-testid="stSliderThumbValue"]) {color: inherit !important}
:is([data-testid="stHeader"], [data-testid="stPageLink"]) a:focus-visible {outline: 2px solid currentColor}
@media (pointer: coarse) {.st-key-mouse-hint {display: none}}
</style>"""

Address = tuple[str, frozenset[tuple[str, str]]]  # a page, and the parameters in the URL
_Arguments = ParamSpec("_Arguments")

_HERE = "frame/here"  # the page that was drawn last
_GOING = "frame/going"  # change of page under way: from where, to where, with which URL parameters
_DRAWING = "frame/drawing"  # set while the router draws a page
_VISIT = "frame/visit"  # counts the changes of page
_PASSED = "frame/passed"  # URL parameters passed on by `go` → the page that they are meant for


class _Bar:
    draw: Callable[[], None] | None = None


def set_bar(draw: Callable[[], None] | None) -> None:
    """Set what :func:`begin` draws at the top of every page: the bar of a class, or nothing."""
    _Bar.draw = None if draw is None else staticmethod(draw)


def begin(title: str) -> Path:
    """Set up the page and return the folder of all runs. Must be the first call of every page."""
    here = f"pages/{title.lower()}.py"
    if "is-routed" not in st.session_state:
        # On a fresh server, a deep link first runs the page without the router and with file names in the menu.
        # Calling ``st.navigation`` registers the router, which Streamlit uses from then on.
        others = [st.Page(here)] if title != "Home" else []
        st.navigation([st.Page("pages/home.py", default=True), *others], position="hidden")
        st.switch_page(here, query_params=st.query_params.to_dict())
    st.session_state[_VISIT] = visit() + (st.session_state.get(_HERE) != here)
    st.session_state[_HERE] = here
    _go_on()
    st.set_page_config(page_title=f"{title} · GAN Duel", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
    st.logo(str(Path(__file__).with_name("logo.svg")))
    st.html(_BAR.replace("TITLE", title))
    if st.session_state.get(_PASSED, {}).get(_query(), here) != here:
        st.query_params.clear()  # Back has led here; see `go`
    if _Bar.draw:
        _Bar.draw()
    return default_root()


def go(page: str, **query: str) -> NoReturn:
    """Switch to another page with URL parameters.

    Streamlit writes the parameters to the URL of the current page before it switches, so the browser's history holds them there;
    :func:`begin` removes them when the browser goes back. If a refresh was being drawn at that moment, Streamlit 1.67 adds an entry
    to the history instead of replacing one, and Forward leads nowhere.
    """
    try:
        _remember(page, query)
    except RerunException:  # a request that arrives now interrupts the script at any access to its state, once
        _remember(page, query)
        raise
    try:
        st.switch_page(page, query_params=query)
    except StreamlitAPIException:  # a widget of this page keeps one of the parameters; it stays as the visitor has set it
        st.switch_page(page, query_params={name: value for name, value in query.items() if _is_free(name, value)})


def _is_free(name: str, value: str) -> bool:
    """Set a parameter in the URL, and return whether it could be set: no widget keeps it."""
    with contextlib.suppress(StreamlitAPIException):
        st.query_params[name] = value
        return True
    return False


def _remember(page: str, query: dict[str, str]) -> None:
    """Keep a change of page, so that :func:`_go_on` can repeat it."""
    st.session_state[_VISIT] = visit() + 1
    if _query() != frozenset(query.items()):
        st.session_state.setdefault(_PASSED, {})[frozenset(query.items())] = page
    if page != st.session_state.get(_HERE):
        st.session_state[_GOING] = st.session_state.get(_HERE), page, query


def fragment(run_every: float | None) -> Callable[[Callable[_Arguments, None]], Callable[_Arguments, None]]:
    """Make a function a part of the page that is refreshed every ``run_every`` seconds, or never if None.

    Unlike ``st.fragment``, it shows an error as one sentence: a refresh may find a run or a data set removed elsewhere.
    """

    def decorate(draw: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
        @st.fragment(run_every=run_every)
        @functools.wraps(draw)
        def drawn(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> None:
            with index.read_once(), spoken_errors():
                draw(*arguments, **options)

        return drawn

    return decorate


def _go_on() -> None:
    """Repeat a change of page that has been cancelled; forget it on all pages but the one that it leads away from.

    The router forgets it on the page that it leads to, see :func:`drawing`. Back means that the visitor has seen that page.
    """
    if is_back():
        st.session_state.pop(_GOING, None)
    start, page, query = st.session_state.get(_GOING, (None, "", {}))
    if start and start == st.session_state.get(_HERE):
        go(page, **query)
    if page != st.session_state.get(_HERE) or not st.session_state.get(_DRAWING):
        st.session_state.pop(_GOING, None)


def is_back() -> bool:
    """Return whether the browser's Back or Forward asked for the page."""
    script = st.runtime.scriptrunner.get_script_run_ctx(suppress_warning=True)
    return bool(script and script.is_history_navigation)


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Draw a page in the block: a change of page has arrived when the new page is complete, or has stopped.

    Until then, a second click on a button of the page before may interrupt it; that page then repeats the change.
    """
    st.session_state[_DRAWING] = True
    is_interrupted = False
    try:
        with index.read_once():
            yield
    except RerunException:
        is_interrupted = True
        raise
    finally:
        st.session_state.pop(_DRAWING, None)
        if not is_interrupted and st.session_state.get(_GOING, ("", ""))[1] == st.session_state.get(_HERE):
            st.session_state.pop(_GOING, None)


def visit() -> int:
    """Return a number that is another one after each change of page, and after each call of :func:`go`."""
    return int(st.session_state.get(_VISIT, 0))


def address() -> Address:
    """Return what the page shows."""
    return st.session_state.get(_HERE, ""), _query()


def _query() -> frozenset[tuple[str, str]]:
    """Return the parameters in the URL."""
    return frozenset(st.query_params.to_dict().items())


@contextlib.contextmanager
def spoken_errors() -> Iterator[None]:
    """Show an error raised in the block as one sentence, and continue after the block."""
    try:
        yield
    except (InputError, OSError) as error:
        complain(in_words(error))


def in_words(error: InputError | OSError) -> str:
    """Return an error as a sentence in Markdown; one from the operating system is also logged."""
    if isinstance(error, InputError):
        return words.message(error)
    logging.getLogger("gan").error("A page failed", exc_info=error)
    return words.message(explain_os_error(error, "reading the runs"))


def complain(sentence: str, spot: DeltaGenerator | None = None) -> None:
    """Show a sentence as an error, here or at ``spot``."""
    (spot or st).error(sentence, icon=":material/error:")
