"""What the laboratory of scores measures with many seeds; the claims of its lessons must leave a margin to the extremes.

    python -m benchmarks.laboratory [--seeds 10] [--first 10]

Prints each score as median (lowest to highest).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import torch

from benchmarks import machine
from gan.play.setup import Setup
from gan.playground.lab import Lab

SCORES = ("fid", "inception_score", "precision", "recall", "memorised")
DISTURBED: dict[str, Mapping[str, float]] = {
    "nothing": {},
    "100 pictures, repeated": {"distinct": 100},
    "50 pictures, repeated": {"distinct": 50},
    "contrast × 1.25": {"contrast": 1.25},
    "brightness + 10 %": {"brightness": 0.1},
    "blur of σ 1.5 px": {"blur": 1.5},
    "5 of 10 classes": {"classes": 5},
    "all copied": {"copied": 1},
}
TRUNCATED = (2, 1, 0.6, 0.25)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--first", type=int, default=10, help="the first seed; the tests use 0 to 4")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(machine.describe())
    print(f"| | {' | '.join(SCORES)} |\n| --- |{' --- |' * len(SCORES)}")
    seeds = range(asked.first, asked.first + asked.seeds)
    lab = Lab(Setup(data="digits", lab="pictures"))
    for name, settings in DISTURBED.items():
        _print(name, [lab.measure(lab.pictures(seed, **settings), seed) for seed in seeds])  # type: ignore[arg-type]
    lab = Lab(Setup(data="digits", lab="truncation"))
    for share in TRUNCATED:
        _print(f"ψ = {share}", [lab.measure(lab.pictures(seed, truncation=share), seed) for seed in seeds])


def _print(name: str, found: list[dict[str, float]]) -> None:
    print(f"| {name} | {' | '.join(machine.spread([one[score] for one in found]) for score in SCORES)} |", flush=True)


if __name__ == "__main__":
    main()
