"""Does mixed precision cost quality? The default training in bf16 and in fp32, from the same seeds.

    python -m benchmarks.precision [--seeds 3] [--epochs 50] [--preset digits-dcgan]

Prints the FID of every seed on the data set's classifier (2,000 images), and whether the difference of the means is within twice
its standard error.
"""

from __future__ import annotations

import argparse
import statistics

import torch

from benchmarks import machine, trained
from gan import config as configs
from gan.config import presets


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
    found: dict[str, list[float]] = {"fp32": [], "bf16": []}
    seconds: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for seed in range(options.seeds):
        for precision, fids in found.items():  # interleaved, so that both run under the same load
            config = configs.replace(start, {"training.precision": precision, "training.seed": seed})
            one = trained.train(config, 2000, threads=1, seed=seed)
            fids.append(trained.fid(real, one.drawn))
            seconds[precision].append(one.seconds)
    print(f"Machine: {machine.describe()}, 1 thread; {options.preset}, {options.epochs} epochs")
    print("| precision | FID of each seed | mean ± standard error | seconds |\n| --- | --- | --- | --- |")
    for precision, fids in found.items():
        each = ", ".join(f"{value:.1f}" for value in fids)
        print(f"| {precision} | {each} | {trained.of_seeds(fids, 1)} | {machine.spread(seconds[precision], 0)} |")
    difference = statistics.fmean(found["bf16"]) - statistics.fmean(found["fp32"])
    error = sum(statistics.variance(fids) / len(fids) for fids in found.values()) ** 0.5
    words = "within" if abs(difference) <= 2 * error else "beyond"
    print(f"\nbf16 − fp32: {difference:+.1f}, {words} twice the standard error of the difference ({error:.1f}).")


if __name__ == "__main__":
    main()
