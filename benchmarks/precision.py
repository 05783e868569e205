"""Does speed cost quality? The default training in fp32, in bf16, and in bf16 with the library's convolutions, from the same seeds.

    python -m benchmarks.precision [--seeds 3] [--epochs 50] [--preset digits-dcgan]

Prints the FID of every seed on the data set's classifier (2,000 images), and whether the differences of the means are within twice
their standard errors.
"""

from __future__ import annotations

import argparse
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

_LIBRARY = "bf16, convolutions by the library"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--preset", default=presets.DEFAULT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    start = configs.replace(
        presets.find(options.preset).config,
        {"training.length": f"{options.epochs} epochs", "cadence.sample_every": "0 steps", "cadence.score_every": "0 steps"},
    )
    real = trained.real(start)
    found: dict[str, list[float]] = {"bf16": [], "fp32": [], _LIBRARY: []}
    seconds: dict[str, list[float]] = {way: [] for way in found}
    for seed in range(options.seeds):
        for way, fids in found.items():  # interleaved, so that all run under the same load
            config = configs.replace(start, {"training.precision": way[:4], "training.seed": seed})
            with patch("gan.training.loop.build_game", partial(_build, way)):
                one = trained.train(config, 2000, threads=1, seed=seed)
            fids.append(trained.fid(real, one.drawn))
            seconds[way].append(one.seconds)
    print(f"Machine: {machine.describe()}, 1 thread; {options.preset}, {options.epochs} epochs")
    print("| precision | FID of each seed | mean ± standard error | seconds |\n| --- | --- | --- | --- |")
    for way, fids in found.items():
        each = ", ".join(f"{value:.1f}" for value in fids)
        print(f"| {way} | {each} | {trained.of_seeds(fids, 1)} | {machine.spread(seconds[way], 0)} |")
    for way in ("fp32", _LIBRARY):
        pair = found["bf16"], found[way]
        difference = statistics.fmean(pair[0]) - statistics.fmean(pair[1])
        error = sum(statistics.variance(fids) / len(fids) for fids in pair) ** 0.5
        words = "within" if abs(difference) <= 2 * error else "beyond"
        print(f"\nbf16 − {way}: {difference:+.1f}, {words} twice the standard error of the difference ({error:.1f}).")


def _build(way: str, *given: Any, products: int, **options: Any) -> Game:
    """Build a game whose convolutions are the library's, if the way asks for that."""
    return build_game(*given, products=0 if way == _LIBRARY else products, **options)


if __name__ == "__main__":
    main()
