"""Does speed cost quality? The default training in fp32 and bf16, with matrix products or the library's convolutions; same seeds.

    python -m benchmarks.precision [--seeds 3] [--epochs 50] [--preset digits-dcgan] [--only fp32]

Prints the FID of every seed on the data set's classifier (2,000 images), and whether the differences of the means are within twice
their standard errors. ``--only`` leaves out the other precision, for processors that have no unit for bf16.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from functools import partial
from typing import Any
from unittest.mock import patch

import torch

from benchmarks import machine, trained
from gan import config as configs
from gan.config import presets
from gan.training.assembly import build_game
from gan.training.game import Game

_LIBRARY = ", convolutions by the library"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--preset", default=presets.DEFAULT)
    parser.add_argument("--only", choices=("bf16", "fp32"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    start = configs.replace(
        presets.find(options.preset).config,
        {"training.length": f"{options.epochs} epochs", "cadence.sample_every": "0 steps", "cadence.score_every": "0 steps"},
    )
    real = trained.real(start)
    precisions = [options.only] if options.only else ["bf16", "fp32"]
    ways = [*precisions, *(precision + _LIBRARY for precision in precisions)]
    found: dict[str, list[float]] = {way: [] for way in ways}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for seed, way in itertools.product(range(options.seeds), ways):  # interleaved, so that all run under the same load
        config = configs.replace(start, {"training.precision": way[:4], "training.seed": seed})
        with patch("gan.training.loop.build_game", partial(_build, way)):
            one = trained.train(config, 2000, threads=1, seed=seed)
        found[way].append(trained.fid(real, one.drawn))
        seconds[way].append(one.seconds)
    print(f"Machine: {machine.describe()}, 1 thread; {options.preset}, {options.epochs} epochs")
    print("| precision | FID of each seed | mean ± standard error | seconds |\n| --- | --- | --- | --- |")
    for way, fids in found.items():
        each = ", ".join(f"{value:.1f}" for value in fids)
        print(f"| {way} | {each} | {trained.of_seeds(fids, 1)} | {machine.spread(seconds[way], 0)} |")
    for one_way, other in itertools.product(ways[:1], ways[1:]):
        pair = found[one_way], found[other]
        difference = statistics.fmean(pair[0]) - statistics.fmean(pair[1])
        error = sum(statistics.variance(fids) / len(fids) for fids in pair) ** 0.5
        words = "within" if abs(difference) <= 2 * error else "beyond"
        print(f"\n{one_way} − {other}: {difference:+.1f}, {words} twice the standard error of the difference ({error:.1f}).")


def _build(way: str, *given: Any, products: int, **options: Any) -> Game:
    """Build a game whose convolutions are the library's, if the way asks for that."""
    return build_game(*given, products=0 if way.endswith(_LIBRARY) else products, **options)


if __name__ == "__main__":
    main()
