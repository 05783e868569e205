"""Every game of a lesson does for certain what its text says: three seeds each, on the boards of the product.

``benchmarks.lessons`` measures ten more.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import torch

from gan.config import RunConfig
from gan.data import loaders
from gan.lessons.course import LESSONS
from gan.lessons.lesson import Game
from gan.play import setup as setups
from gan.playground.board import Board
from gan.playground.points import PointsView

SEEDS = range(3)
GAMES = {name: lesson.stage for name, lesson in LESSONS.items() if isinstance(lesson.stage, Game)}
CASES = [(name, other) for name, game in GAMES.items() for other in range(max(1, len(game.others)))]


@pytest.fixture(autouse=True)
def as_in_the_worker() -> Iterator[None]:
    """Compute as the worker of live games does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


@cache
def _played(config: RunConfig, steps: int) -> dict[str, Any]:
    """Return the figures of a board after some steps. Boards that several lessons share are played once."""
    images = loaders.load(config.data)
    board = Board(config, images)
    for _ in range(steps):
        board.step_both()
        assert board.is_finite
    figures, _ = PointsView(config.data.name, images).frame(board, (), is_still=True)
    found = {**board.numbers, **figures}
    return {key: value[0] if isinstance(value, list) else value for key, value in found.items()}


def values(game: Game, figure: str, other: int, place: int, seeds: range = SEEDS) -> list[float]:
    """Return a figure of a board at the end of a game, for each seed."""
    found = [setups.boards(game.setup(other, seed), Path("nowhere"))[place] for seed in seeds]
    return [_played(config, game.steps)[figure] for config in found]


@pytest.mark.parametrize(("name", "other"), CASES)
def test_every_board_keeps_its_claims(name: str, other: int) -> None:
    game = GAMES[name]
    for place, side in enumerate(game.sides(other)):
        for claim in side.claims:
            if (claim.least, claim.most) != (None, None):
                found = values(game, claim.figure, other, place)
                assert all(map(claim.holds, found)), (side.name, claim, found)


def test_right_remedy_brings_back_most_clusters() -> None:
    lesson, game = LESSONS["remedies"], GAMES["remedies"]
    means = [mean(values(game, "modes", other, 1)) for other in range(len(game.others))]
    best = means.pop(lesson.right)
    assert game.others[lesson.right].name == lesson.choices[lesson.right]
    assert best > max(means) + 1, (best, means)


@pytest.mark.parametrize("name", [name for name, game in GAMES.items() if game.spread])
def test_seeds_differ_by_more_than_a_small_change_of_the_settings(name: str) -> None:
    game, spread = GAMES[name], GAMES[name].spread
    assert spread
    before = values(game, spread.figure, 0, 0, range(5))
    changed = Game(game.first, (), game.steps, game.data, {**game.settings, **spread.changes})
    after = values(changed, spread.figure, 0, 0, range(5))
    assert max(before) - min(before) >= spread.least, before
    assert abs(mean(after) - mean(before)) < spread.least, (before, after)
