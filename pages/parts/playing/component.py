"""The component that draws a live game and talks to it: its files, and what the page tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from gan.palette import GRAY, INDIGO, ORANGE

#: Of the script, in this order; one module, because a component has a single script.
_PARTS = ("look", "wire", "plane", "gallery", "curves", "sketch", "own", "words")
_HERE = Path(__file__).parent
_COLOURS = {"indigo": INDIGO, "orange": ORANGE, "gray": GRAY}


def _script() -> str:
    return "\n".join(path.read_text("utf-8") for path in [*(_HERE / "face" / f"{name}.js" for name in _PARTS), _HERE / "play.js"])


_mount = st.components.v2.component(
    "gan_play", html='<div class="play"></div>\n', css=(_HERE / "play.css").read_text("utf-8"), js=_script()
)


def show(
    setup: Mapping[str, Any],
    knobs: Mapping[str, Any],
    seed: int,
    noun: str,
    on_seed: Callable[[], None],
    on_points: Callable[[], None],
) -> None:
    """Draw the live game of a set-up (JSON). The browser starts a new one only if more than ``knobs`` and ``seed`` changed.

    ``noun``: what the data are called, in the plural. ``on_seed`` and ``on_points`` are called when the visitor has asked for
    another seed, or drawn points; :func:`answer` returns what.
    """
    _mount(
        key="play/face",
        data={
            "setup": setup,
            "knobs": knobs,
            "seed": seed,
            "noun": noun,
            "may_draw": setup.get("start") is None and setup.get("other") is None,
            "colours": _COLOURS,
        },
        on_seed_change=on_seed,
        on_points_change=on_points,
    )


def answer(name: str) -> Any:
    """Return what the component has just told: "seed" or "points"; None if nothing. For the callbacks of :func:`show`."""
    told = st.session_state.get("play/face")
    return getattr(told, name, None) if told is not None else None
