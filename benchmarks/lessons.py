"""What the games of the lessons do with many seeds; their claims must leave a margin to the extremes.

    python -m benchmarks.lessons [--seeds 10] [--first 10] [--only NAME …]

Prints each board's figures at the end of its game as median (lowest to highest), next to what the lesson claims.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import torch

from benchmarks import machine
from gan.config import RunConfig
from gan.data import loaders
from gan.lessons.course import LESSONS
from gan.lessons.lesson import Claim, Game
from gan.play import setup as setups
from gan.playground.board import Board
from gan.playground.points import PointsView

FIGURES = ("modes", "precision", "recall", "d_fake", "g_norm")


def main() -> None:
    """Play all games of the chosen lessons and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--first", type=int, default=10, help="the first seed; the tests use 0 to 4")
    parser.add_argument("--only", nargs="*", default=list(LESSONS), metavar="NAME", help="lessons")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(machine.describe())
    print(f"| lesson | board | claim | {' | '.join(FIGURES)} |\n| --- | --- | --- |{' --- |' * len(FIGURES)}")
    for name in asked.only:
        game = LESSONS[name].stage
        if not isinstance(game, Game):
            continue
        boards = [(0, 0), *((other, 1) for other in range(len(game.others)))]
        if game.spread:  # the right board differs in its seed only
            changed = Game(game.first, (), game.steps, game.data, {**game.settings, **game.spread.changes})
            _print(name, game.spread.name, (), [_play(changed, 0, 0, asked.first + seed) for seed in range(asked.seeds)])
            boards = boards[:1]
        for other, place in boards:
            side = game.sides(other)[place]
            _print(name, side.name, side.claims, [_play(game, other, place, asked.first + seed) for seed in range(asked.seeds)])


def _play(game: Game, other: int, place: int, seed: int) -> dict[str, float]:
    """Return the figures of a board at the end of its game."""
    return _played(setups.boards(game.setup(other, seed), Path())[place], game.steps)


@cache
def _played(config: RunConfig, steps: int) -> dict[str, float]:
    """Return the figures of a board after some steps; boards that lessons share are played once."""
    images = loaders.load(config.data)
    board = Board(config, images)
    for _ in range(steps):
        board.step_both()
    figures, _ = PointsView(config.data.name, images).frame(board, (), is_still=True)
    found = {**board.numbers, **figures}
    return {key: value[0] if isinstance(value, list) else value for key, value in found.items()}


def _print(lesson: str, board: str, claims: tuple[Claim, ...], found: list[dict[str, float]]) -> None:
    cells = [machine.spread([one[figure] for one in found]) for figure in FIGURES]
    bounds = "; ".join(f"{claim.figure} {claim}" for claim in claims)
    print(f"| {lesson} | {board} | {bounds} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
