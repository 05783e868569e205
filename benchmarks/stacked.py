"""The third rung of the collapse ladder: stacked digits with 1,000 modes; plain DCGAN against packing and relativistic+R1+R2.

    python -m benchmarks.stacked [--data stacked-digits] [--steps 3000] [--seeds 2] [--methods plain …] [--device auto]

The digits CNN reads each channel of 26,000 generated images (the published number). Modes are the three-digit numbers that occur;
KL is the divergence of their distribution from the uniform one. The floor is the real images. Mean ± standard error over seeds.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch import Tensor

from benchmarks import machine, trained
from gan import config as configs
from gan.config import RunConfig, presets
from gan.data import loaders
from gan.scoring import scores
from gan.scoring.extractors import stacked
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.metrics import classes
from gan.scoring.metrics.modes import reverse_kl

SAMPLES = 26_000
#: PacGAN (1712.04086), tables 2 and 3, and R3GAN (2501.05441), table 1: Stacked MNIST, after much longer training.
PUBLISHED = {"plain": "78.9 ± 6.5, or 99", "PacGAN2": "1000 ± 0, KL 0.06", "relativistic+R1+R2": "1000, KL 0.078"}
BASE: dict[str, Any] = {
    "data.size": 32,
    "networks.width": 32,
    "optimizer.batch_size": 64,
    "optimizer.ema_half_life": 0,
    "cadence.sample_every": "0 steps",
    "cadence.score_every": "0 steps",
    "cadence.log_every": "100 steps",
    "cadence.checkpoint_every": "1000000 steps",
}
METHODS: dict[str, dict[str, Any]] = {
    "plain": {},
    "PacGAN2": {"networks.packing": 2, "optimizer.batch_size": 128},
    "relativistic+R1+R2": {
        "objective.loss": "relativistic",
        "objective.r1": 1.0,
        "objective.r2": 1.0,
        "networks.discriminator_norm": "none",
    },
}


def modes(logits: Tensor) -> tuple[int, float]:
    """Return the number of modes among images with ``logits`` [N, 1000], and the KL of their distribution from a uniform one."""
    counts = classes.histogram(logits)
    return int((counts > 0).sum()), reverse_kl(counts)


def train(config: RunConfig, extractor: Extractor) -> tuple[int, float, float]:
    """Train a configuration; return modes, KL and seconds."""
    trainer, _, seconds = trained.play(config, threads=1)
    found = modes(extractor.extract(scores.draw(trainer.sampler(), config, SAMPLES, 0, extractor.batch, trainer.device)).logits)
    return *found, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="stacked-digits", choices=["stacked-digits", "stacked-mnist"])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(1)
    extractor = stacked.load(options.data, trained.CPU, lambda sentence, share: None)
    start = configs.replace(
        presets.find(presets.DEFAULT).config, {**BASE, "data.name": options.data, "training.device": options.device}
    )
    floor = modes(extractor.extract(loaders.load(start.data).batches(extractor.batch)).logits)
    print(f"Machine: {machine.describe()}, 1 thread; {options.steps} steps, {options.seeds} seeds")
    print("| method | modes of 1,000 | KL | published, on Stacked MNIST | seconds |\n| --- | --- | --- | --- | --- |")
    print(f"| real images | {floor[0]} | {floor[1]:.2f} | | |", flush=True)
    for method in options.methods:
        found = []
        for seed in range(options.seeds):
            changes = {**METHODS[method], "training.seed": seed, "training.length": f"{options.steps} steps"}
            found.append(train(configs.replace(start, changes), extractor))
        counts, divergences, seconds = (list(values) for values in zip(*found, strict=True))
        print(
            f"| {method} | {trained.of_seeds(counts, 0)} | {trained.of_seeds(divergences, 2)} | {PUBLISHED[method]} "
            f"| {sum(seconds) / len(seconds):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
