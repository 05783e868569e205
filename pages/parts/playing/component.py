"""The components that draw live games and trained generators, and talk to them: their files, and what the pages tell them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from gan.errors import InputError
from gan.guests.guest import Guest
from gan.judging.glossary import SCORES
from gan.lessons.laboratory import Laboratory
from gan.palette import GRAY, INDIGO, ORANGE
from gan.runs import Run, index

#: Shared parts of the scripts, in this order; each script is one module, because a component has a single one.
_SHARED = ("look", "wire", "plane", "gallery", "curves", "sketch", "own", "words")
_HERE = Path(__file__).parent
_COLOURS = {"indigo": INDIGO, "orange": ORANGE, "gray": GRAY}


def _component(name: str, scripts: Sequence[str], styles: Sequence[str]) -> Any:
    """Return a component made of the shared parts, some scripts and some style sheets."""
    parts = [*(_HERE / "face" / f"{part}.js" for part in _SHARED), *(_HERE / f"{one}.js" for one in scripts)]
    css, js = ("\n".join(path.read_text("utf-8") for path in paths) for paths in ([_HERE / f"{one}.css" for one in styles], parts))
    mount = st.components.v2.component(name, html='<div class="play"></div>\n', css=css, js=js)
    return lambda data, **options: mount(data=[data], **options)  # Streamlit searches a bare dictionary for tables, with pandas


_mount = _component("gan_play", ["play"], ["play"])
_mount_lab = _component("gan_lab", ["lab_charts", "lab"], ["play", "explore", "lab"])
_mount_explorer = _component("gan_explore", ["explore"], ["play", "explore"])


def show_explorer(setup: Mapping[str, Any]) -> None:
    """Draw the generator of a set-up (JSON) that is to be explored."""
    _mount_explorer(key="explore/face", data={"setup": setup, "colours": _COLOURS})


def show_lab(stage: Laboratory, key: str, on_reached: Callable[[], None]) -> None:
    """Draw the laboratory of scores. ``on_reached`` is called when all cases of the stage have been measured."""
    _mount_lab(
        key=key,
        data={
            "setup": stage.setup.model_dump(mode="json"),
            "cases": [{"name": case.name, "settings": dict(case.settings)} for case in stage.cases],
            "controls": list(stage.sliders),
            "scores": [SCORES[name]._asdict() for name in stage.scores],
            "chart": stage.chart,
            "colours": _COLOURS,
        },
        on_reached_change=on_reached,
    )


def show(
    setup: Mapping[str, Any],
    knobs: Mapping[str, Any],
    seed: int,
    noun: str,
    on_seed: Callable[[], None],
    on_points: Callable[[], None] = lambda: None,
    on_reached: Callable[[], None] = lambda: None,
    key: str = "play/face",
    lesson: Mapping[str, Any] | None = None,
) -> None:
    """Draw the live game of a set-up (JSON). The browser starts a new one only if more than ``knobs`` and ``seed`` changed.

    ``noun``: what the data are called, in the plural. ``on_seed``, ``on_points`` and ``on_reached`` are called when the visitor has
    asked for another seed, drawn points, or played to the end of a lesson; :func:`answer` returns what.

    ``lesson``: "names" of the boards, the step at which playing ends ("goal"), steps a picture ("speed"), and the "controls" to
    show (:data:`gan.lessons.lesson.CONTROLS`); None shows everything.
    """
    _mount(
        key=key,
        data={
            "setup": setup,
            "knobs": knobs,
            "seed": seed,
            "noun": noun,
            "may_draw": lesson is None and setup.get("start") is None and setup.get("other") is None,
            "lesson": lesson,
            "store": f"gan-{key}",
            "colours": _COLOURS,
        },
        on_seed_change=on_seed,
        on_points_change=on_points,
        on_reached_change=on_reached,
    )


def answer(name: str, key: str = "play/face") -> Any:
    """Return what a component has just sent: "seed", "points" or "reached"; None if nothing. For the callbacks of :func:`show`."""
    told = st.session_state.get(key)
    return getattr(told, name, None) if told is not None else None


@index.while_over
def is_explorable(run: Run) -> bool:
    """Return whether a run has a checkpoint, and images as data; a guest, whether its generator is here."""
    if isinstance(run, Guest):
        return run.has_generator
    with contextlib.suppress(InputError):
        return run.has_checkpoint and not run.config().data.is_points
    return False
