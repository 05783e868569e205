"""What a user does on a page: a refusal is shown where the action was asked for, stays readable, and leaves the page as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_popover_container import PopoverContainer
from streamlit.runtime.scriptrunner import RerunException

from gan.errors import InputError
from pages.parts import frame

LEAST_SHOWN = 15.0  # seconds in which a refresh of the page does not remove a refusal

_REFUSAL = "actions/refusal"  # the refusal of the user's latest action
_DONE = "actions/done"  # how often a button has succeeded, by its key


@dataclass(frozen=True)
class _Refusal:
    address: frame.Address
    place: str
    sentence: str
    at: float


@dataclass(frozen=True)
class Place:
    """Where refusals of one button or several are shown, even if the button has gone meanwhile."""

    name: str
    spot: DeltaGenerator


def place(name: str) -> Place:
    """Reserve a place for refusals; its name is unique on the page."""
    reserved = Place(name, st.empty())
    if sentence := _remembered(name):
        frame.complain(sentence, reserved.spot)
    return reserved


def button(
    label: str,
    action: Callable[[], object],
    *,
    key: str,
    place: Place | None = None,
    is_once: bool = False,
    why_not: str = "",
    **options: Any,
) -> bool:
    """Draw a button that carries out ``action``; return whether it was clicked and the action succeeded.

    ``is_once``: a success is followed by another button in its place, so that a second click on a page that the browser has not yet
    replaced does nothing. For actions that make a run.

    ``why_not``: why the person may not do so, as Markdown (:func:`pages.parts.owning.why_not`); it disables the button.

    A refusal is shown below the button, or at ``place``. It stays until the next action, through all refreshes of the page for at
    least :data:`LEAST_SHOWN` seconds. ``options`` are those of ``st.button``.
    """
    options |= {"disabled": True, "help": why_not} if why_not else {}
    times = st.session_state.get(f"{_DONE}/{key}", 0) if is_once else 0
    name, is_asked = place.name if place else key, st.button(label, key=f"{key}/{times}" if times else key, **options)
    if is_asked:
        overtaken = _begin(key if is_once else "", times)
        try:
            action()
        except (InputError, OSError) as error:
            if is_once:
                st.session_state[f"{_DONE}/{key}"] = times
            st.session_state[_REFUSAL] = _Refusal(frame.address(), name, frame.in_words(error), time.monotonic())
        else:
            if overtaken:
                raise overtaken
            return True
    if (sentence := _remembered(name)) and (is_asked or not place):  # a place has shown it already, unless it is new
        frame.complain(sentence, place.spot if place else None)
    return False


def _begin(key: str, times: int) -> RerunException | None:
    """Forget the last refusal, and count the success of the button ``key``, if any, before its action, which may end the script.

    A request that arrives now interrupts the script at any access to its state, once. The click must not be lost, so the
    interruption is returned, to be raised after the action.
    """

    def change() -> None:
        st.session_state.pop(_REFUSAL, None)
        if key:
            st.session_state[f"{_DONE}/{key}"] = times + 1

    try:
        change()
    except RerunException as overtaken:
        change()
        return overtaken
    return None


def done(action: Callable[..., object], *arguments: Any) -> bool:
    """Carry out what an edit of a table asks for, and return whether it succeeded; a refusal is shown as long as the edit stays."""
    with frame.spoken_errors():
        action(*arguments)
        return True
    return False


def popover(label: str, key: str, *, icon: str, why_not: str = "") -> PopoverContainer:
    """Draw a popover that :func:`close` can close; ``why_not`` disables it, as for :func:`button`.

    The key names what it asks about, so that another page state with another subject never shows it open.
    """
    if st.session_state.pop(f"{key}/close", False):
        st.session_state[key] = False
    return st.popover(label, icon=icon, key=key, on_change="rerun", disabled=bool(why_not), help=why_not or None)


def close(key: str) -> None:
    """Close a popover in the next run of the page."""
    st.session_state[f"{key}/close"] = True


def _remembered(name: str) -> str:
    """Return the sentence to show at a place, or nothing."""
    kept: _Refusal | None = st.session_state.get(_REFUSAL)
    is_here = kept and (kept.address, kept.place) == (frame.address(), name) and time.monotonic() - kept.at < LEAST_SHOWN
    return kept.sentence if kept and is_here else ""
