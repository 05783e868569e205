"""The stages of lessons: what is embedded in the page, and the figures that are measured there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import streamlit as st

from gan import config as configs
from gan.catalogue import data_sets
from gan.data.rendered import points
from gan.judging.glossary import SCORES
from gan.lessons.laboratory import Laboratory
from gan.lessons.lesson import Claim, Game, Lesson
from gan.palette import INDIGO
from gan.places import default_root
from gan.play import setup as setups
from gan.play.setup import KNOBS
from pages.parts import words
from pages.parts.learning import laboratory
from pages.parts.learning.progress import Progress, Seen
from pages.parts.playing import component

_TITLES = {"d_real": "D(real)", "d_fake": "D(fake)", "d_loss": "Loss of D", "g_loss": "Loss of G", "g_norm": "Gradient of G"}
_LARGEST_SEED = 2**31
_DRAWN = 240  # points of a preview


def show(lesson: Lesson, so_far: Progress) -> None:
    """Draw the stage of a lesson; what is measured there goes into ``so_far.measured`` once the task is done."""
    STAGES[type(lesson.stage)](lesson, so_far)


def preview(lesson: Lesson) -> None:
    """Draw the real data of a game, or the pictures of a laboratory, before the bet."""
    if isinstance(lesson.stage, Laboratory):
        laboratory.preview(lesson.stage)
        return
    entry = data_sets.find(lesson.stage.data)
    values, _ = points.sample(entry.name)
    reach = 1.3 * float(abs(values).max())
    dots = "".join(f'<circle cx="{x:.3f}" cy="{-y:.3f}" r="{reach / 90:.3f}"/>' for x, y in values[:_DRAWN])
    box = f'viewBox="{-reach} {-reach} {2 * reach} {2 * reach}" width="340" height="340"'
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" {box}><g fill="{INDIGO}" fill-opacity=".7">{dots}</g></svg>'
    st.image(
        picture, "The real points. The generator has to make points like these out of noise.", width=340, alt=entry.description
    )


def _show_game(lesson: Lesson, so_far: Progress) -> None:
    """Draw live boards; they are measured at the step at which playing ends."""
    game: Game = lesson.stage
    name = f"learn/{lesson.name}/{so_far.turn}"
    other = _choose_other(game, so_far, f"{name}/other")
    key = f"{name}/{other}"

    def reseed() -> None:
        seed = component.answer("seed", key)
        if isinstance(seed, int) and 0 <= seed < _LARGEST_SEED:
            so_far.seeds[other] = seed

    def reach() -> None:
        so_far.add(_read(component.answer("reached", key), game, other, so_far.seeds.get(other, 0)))

    setup = game.setup(other, so_far.seeds.get(other, 0))
    first = setups.boards(setup, default_root())[0]
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
            "names": game.names(other, first.training.seed),
            "goal": game.steps,
            "speed": game.speed,
            "controls": list(game.controls),
        },
    )


def _choose_other(game: Game, so_far: Progress, key: str) -> int:
    """Ask which board is the right one if there are several, at first the one that the bet names; return its number."""
    if len(game.others) < 2:
        return 0
    names = [side.name for side in game.others]
    first = min(so_far.bet or 0, len(names) - 1)
    chosen = st.segmented_control(
        "Right board", range(len(names)), format_func=names.__getitem__, required=True, default=first, key=key, wrap=True
    )
    return first if chosen is None else chosen


def _read(raw: Any, game: Game, other: int, seed: int) -> Seen:
    """Return the figures that a browser sent, in words; empty if they are not those of this game."""
    sides = game.sides(other)
    boards = raw.get("boards") if isinstance(raw, dict) else None
    if not isinstance(boards, list) or len(boards) != len(sides) or not all(isinstance(board, dict) for board in boards):
        return {}
    return {
        name: {_title(claim.figure): _told(board.get(claim.figure)) for claim in side.claims}
        for name, side, board in zip(game.names(other, seed), sides, boards, strict=True)
    }


def _told(value: Any) -> str:
    """Return a number, or how many of how many, in words."""
    parts = value if isinstance(value, list) else [value]
    if not 1 <= len(parts) <= 2 or not all(isinstance(part, int | float) and math.isfinite(part) for part in parts):
        return "–"
    told = ("below\u00a00.01" if 0 < abs(part) < 0.01 else words.number(round(part, 2)) for part in parts)
    return "\u00a0of\u00a0".join(told)  # on one line of a narrow table


def _title(figure: str) -> str:
    return SCORES[figure].title if figure in SCORES else _TITLES[figure]


def certain(lesson: Lesson) -> Seen:
    """Return what holds with every seed that was tried, in the rows and columns of what a visitor measures."""
    game = lesson.stage
    if isinstance(game, Laboratory):
        return laboratory.certain(game)
    if spread := game.spread:
        apart, title = words.number(spread.least), _title(spread.figure)
        return {
            "Five seeds: highest − lowest": {title: f"at least {apart}"},
            f"{spread.name}: change of the mean": {title: f"less than {apart}"},
        }
    sides = (game.first, *game.others)
    return {side.name: {_title(claim.figure): _bounds(claim, game.data) for claim in side.claims} for side in sides}


def _bounds(claim: Claim, data: str) -> str:
    """Return a claim in words, modes as how many of how many."""
    is_count = claim.figure == "modes" and (claim.least, claim.most) != (None, None)
    return f"{claim} of {len(data_sets.find(data).classes)}" if is_count else str(claim)


#: Type of a stage → the function that draws it. A new kind of stage joins by being listed.
STAGES: dict[type, Callable[[Lesson, Progress], None]] = {Game: _show_game, Laboratory: laboratory.show}
