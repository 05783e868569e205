"""Which remedies help a small GAN that collapses? 300 digits, one remedy at a time, several seeds.

    python -m benchmarks.remedies [--seeds 3] [--steps 1000] [--only NAME …]

Coverage is the share of the 1,797 real digits with a generated image within the distance of their 5th nearest real neighbour (Naeem
et al. 2020, 2002.09797), on features of the digits CNN, with 1,797 generated images. FID uses the same features. Mean ± standard
error over seeds. A remedy helps if its coverage exceeds the baseline by more than twice the standard error of the difference.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import torch

from benchmarks import machine, trained
from gan import config as configs
from gan.config import presets
from gan.scoring.metrics import manifold

BASE: dict[str, Any] = {
    "data.size": 16,
    "data.subset": 300,
    "networks.width": 16,
    "networks.depth": 2,
    "networks.latent": 32,
    "optimizer.batch_size": 60,
    "optimizer.generator_lr": 2e-3,
    "optimizer.discriminator_lr": 2e-3,
    "optimizer.beta1": 0.9,
    "optimizer.ema_half_life": 0,
    "cadence.sample_every": "0 steps",
    "cadence.score_every": "0 steps",
    "cadence.log_every": "100 steps",
    "cadence.checkpoint_every": "1000000 steps",
    "training.precision": "fp32",
}
_PLAIN_D = {"networks.discriminator_norm": "none"}
REMEDIES: dict[str, dict[str, Any]] = {
    "baseline": {},
    "all 1,797 images": {"data.subset": 0},
    "β₁ 0.5": {"optimizer.beta1": 0.5},
    "learning rates 2e-4": {"optimizer.generator_lr": 2e-4, "optimizer.discriminator_lr": 2e-4},
    "TTUR: D 2e-3, G 5e-4": {"optimizer.generator_lr": 5e-4},
    "EMA, half-life 4,400 images": {"optimizer.ema_half_life": 4400},
    "label smoothing 0.1": {"objective.label_smoothing": 0.1},
    "instance noise 0.2, fading": {"augmentation.instance_noise": 0.2},
    "dropout 0.3 in D": {"networks.discriminator_dropout": 0.3},
    "DiffAugment: translation": {"augmentation.policies": ["translation"]},
    "DiffAugment: all three": {"augmentation.policies": ["colour", "translation", "cutout"]},
    "minibatch discrimination": {"networks.minibatch": "discrimination"},
    "minibatch deviation": {"networks.minibatch": "deviation"},
    "packing 2": {"networks.packing": 2},
    "packing 4": {"networks.packing": 4},
    "class-conditional": {"networks.conditional": True},
    "no norm in D": _PLAIN_D,
    "no norm in D, R1 1": {**_PLAIN_D, "objective.r1": 1.0},
    "no norm in D, DRAGAN 10": {**_PLAIN_D, "objective.dragan": 10.0},
    "no norm in D, WGAN-GP 10": {**_PLAIN_D, "objective.loss": "wasserstein", "objective.gradient_penalty": 10.0},
    "no norm in D, relativistic, R1 and R2 1": {
        **_PLAIN_D,
        "objective.loss": "relativistic",
        "objective.r1": 1.0,
        "objective.r2": 1.0,
    },
    "spectral norm in D, hinge": {"networks.discriminator_norm": "spectral", "objective.loss": "hinge"},
    "least squares": {"objective.loss": "least-squares"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--only", nargs="+", default=list(REMEDIES), choices=list(REMEDIES), metavar="NAME")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"Machine: {machine.describe()}, 1 thread; {options.steps} steps, {options.seeds} seeds")
    print("| remedy | coverage | helps | FID · digits CNN | seconds |\n| --- | --- | --- | --- | --- |")
    start = configs.replace(presets.find(presets.DEFAULT).config, BASE)
    real, memorised = trained.real(start), trained.training_images(start)
    everything = manifold.density_coverage(real.features, memorised.features).coverage
    print(
        f"| (the 300 training images themselves) | {100 * everything:.1f} % | | {trained.fid(real, memorised):.1f} | |", flush=True
    )
    first: list[float] = []
    for name in options.only:
        coverages, fids, seconds = [], [], []
        for seed in range(options.seeds):
            changes = {**BASE, **REMEDIES[name], "training.seed": seed, "training.length": f"{options.steps} steps"}
            config = configs.replace(presets.find(presets.DEFAULT).config, changes)
            found = trained.train(config, len(real.features), threads=1, seed=seed)
            coverages.append(manifold.density_coverage(real.features, found.drawn.features).coverage)
            fids.append(trained.fid(real, found.drawn))
            seconds.append(found.seconds)
        first = first or coverages
        print(
            f"| {name} | {trained.of_seeds([100 * value for value in coverages], 1)} % | {verdict(first, coverages)} "
            f"| {trained.of_seeds(fids, 1)} | {statistics.median(seconds):.0f} |",
            flush=True,
        )


def verdict(baseline: list[float], values: list[float]) -> str:
    """Return whether coverage rose or fell by more than twice the standard error of the difference."""
    if values is baseline or len(values) < 2:
        return "–"
    error = (statistics.variance(baseline) / len(baseline) + statistics.variance(values) / len(values)) ** 0.5
    difference = statistics.fmean(values) - statistics.fmean(baseline)
    return "yes" if difference > 2 * error else "harms" if difference < -2 * error else "not seen"


if __name__ == "__main__":
    main()
