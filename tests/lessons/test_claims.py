"""Every game of a lesson does for certain what its text says: five seeds each, on the boards of the product."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from gan.lessons import LESSONS
from gan.lessons.lesson import Game
from gan.play import setup as setups
from gan.play.setup import Setup
from gan.playground.board import Board, images_of
from gan.playground.points import PointsView

SEEDS = range(5)
GAMES = {name: lesson.stage for name, lesson in LESSONS.items() if isinstance(lesson.stage, Game)}
CASES = [(name, other) for name, game in GAMES.items() for other in range(max(1, len(game.others)))]


@pytest.fixture(autouse=True)
def as_in_the_worker() -> Any:
    """Compute as the worker of live games does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


@cache
def _played(setup: str, place: int, steps: int) -> dict[str, Any]:
    """Return the figures of a board after some steps. Boards that several lessons share are played once."""
    parsed = Setup.model_validate_json(setup)
    config = setups.boards(parsed, Path("nowhere"))[place]
    images = images_of(parsed, config)
    board = Board(config, images)
    for _ in range(steps):
        board.step_both()
        if not board.is_finite:
            break
    figures, _ = PointsView(parsed.data, images).frame(board, (), is_still=True)
    found = {**board.numbers, **figures}
    return {key: value[0] if isinstance(value, list) else value for key, value in found.items()}


def played(game: Game, other: int, place: int, seed: int) -> dict[str, Any]:
    setup = game.setup(other, seed)
    if not place:  # the left board is the same whatever is on the right
        setup = setup.model_copy(update={"other": None})
    return _played(setup.model_dump_json(), place, game.steps)


@pytest.mark.parametrize(("name", "other"), CASES)
def test_every_board_keeps_its_claims(name: str, other: int) -> None:
    game = GAMES[name]
    for place, side in enumerate(game.sides(other)):
        for claim in side.claims:
            values = [played(game, other, place, seed)[claim.figure] for seed in SEEDS]
            assert all(claim.holds(value) for value in values), (side.name, claim, values)
