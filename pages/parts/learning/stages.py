"""The stages of lessons: what is embedded in the page, and the figures that it measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from gan import config as configs
from gan.catalogue import data_sets
from gan.judging.glossary import SCORES
from gan.lessons.laboratory import Laboratory
from gan.lessons.lesson import Claim, Game, Lesson
from gan.places import default_root
from gan.play import setup as setups
from gan.play.setup import KNOBS
from pages.parts import words
from pages.parts.learning import laboratory
from pages.parts.playing import component

#: What a visitor measured: name of a row, such as a board → title of a figure → its value in words.
Seen = Mapping[str, Mapping[str, str]]

_TITLES = {"d_real": "D(real)", "d_fake": "D(fake)", "d_loss": "Loss of D", "g_loss": "Loss of G"}
_LARGEST_SEED = 2**31


def show(lesson: Lesson) -> Seen | None:
    """Draw the stage of a lesson; return what was measured on it, None until the task is done."""
    return STAGES[type(lesson.stage)](lesson)


def _show_game(lesson: Lesson) -> Seen | None:
    """Draw live boards; they are measured at the step at which playing ends."""
    game: Game = lesson.stage
    name = f"learn/{lesson.name}"
    other = _choose_other(game, f"{name}/other")
    key = f"{name}/face/{other}"
    seeds: dict[str, int] = st.session_state.setdefault("learn/seeds", {})
    measured: dict[str, Seen] = st.session_state.setdefault("learn/measured", {})

    def reseed() -> None:
        seed = component.answer("seed", key)
        if isinstance(seed, int) and 0 <= seed < _LARGEST_SEED:
            seeds[key] = seed

    def reach() -> None:
        if seen := _read(component.answer("reached", key), game, other):
            measured[key] = seen

    setup = game.setup(other, seeds.get(key, 0))
    (first, *_) = setups.boards(setup, default_root())
    flat = configs.flatten(first)
    component.show(
        setup.model_dump(mode="json"),
        {knob: flat[knob] for knob in KNOBS},
        first.training.seed,
        "points",
        reseed,
        on_reached=reach,
        key=key,
        lesson={
            "names": [side.name for side in game.sides(other)],
            "goal": game.steps,
            "speed": game.speed,
            "controls": list(game.controls),
        },
    )
    return measured.get(key)


def _choose_other(game: Game, key: str) -> int:
    """Ask which board is the right one, if there are several; return its number."""
    if len(game.others) < 2:
        return 0
    names = [side.name for side in game.others]
    chosen = st.segmented_control(
        "Right board", range(len(names)), format_func=names.__getitem__, required=True, default=0, key=key
    )
    return int(chosen or 0)


def _read(raw: Any, game: Game, other: int) -> Seen | None:
    """Return the figures that a browser sent, in words; None if they are not those of this game."""
    sides = game.sides(other)
    boards = raw.get("boards") if isinstance(raw, dict) else None
    if not isinstance(boards, list) or len(boards) != len(sides) or not all(isinstance(board, dict) for board in boards):
        return None
    return {
        side.name: {_title(claim): _told(board.get(claim.figure)) for claim in side.claims}
        for side, board in zip(sides, boards, strict=True)
    }


def _told(value: Any) -> str:
    """Return a number, or how many of how many, in words."""
    parts = value if isinstance(value, list) else [value]
    if not 1 <= len(parts) <= 2 or not all(isinstance(part, int | float) and math.isfinite(part) for part in parts):
        return "–"
    return " of ".join(words.number(part) for part in parts)


def _title(claim: Claim) -> str:
    return SCORES[claim.figure].title if claim.figure in SCORES else _TITLES[claim.figure]


def certain(lesson: Lesson) -> Seen:
    """Return what a game does with every seed that was tried, in the rows and columns of what a visitor measures."""
    game = lesson.stage
    if isinstance(game, Laboratory):
        return laboratory.certain(game)
    return {side.name: {_title(claim): _bounds(claim, game.data) for claim in side.claims} for side in (game.first, *game.others)}


def _bounds(claim: Claim, data: str) -> str:
    limits = [(word, limit) for word, limit in (("at least", claim.least), ("at most", claim.most)) if limit is not None]
    if len({limit for _, limit in limits}) < len(limits):
        limits = [("", limits[0][1])]
    told = " and ".join(f"{word} {words.number(limit)}".strip() for word, limit in limits)
    return f"{told} of {len(data_sets.find(data).classes)}" if claim.figure == "modes" else told


#: Type of a stage → the function that draws it. A new kind of stage joins by being listed.
STAGES: dict[type, Callable[[Lesson], Seen | None]] = {Game: _show_game, Laboratory: laboratory.show}
