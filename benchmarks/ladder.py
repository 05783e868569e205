"""The first rungs of the collapse ladder: ring and grid, with all seeds of a method in one batched model.

    python -m benchmarks.ladder [--steps 20000] [--seeds 5] [--data ring grid] [--methods plain …]

All methods share networks, batches and number of steps, and differ only in METHODS. Prints modes, high-quality share and
reverse KL of 2,500 samples (mean ± standard error over seeds) next to the published numbers.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from benchmarks import machine, trained
from gan import config as configs
from gan import networks
from gan.config import RunConfig, presets
from gan.data.rendered import points
from gan.objective.losses import Loss
from gan.objective.penalties import Penalties
from gan.scoring.metrics.modes import ModeScore, score_points
from gan.training.assembly import build_game, make_optimizer
from gan.training.game import Game, Turn

SAMPLES = 2500
#: PacGAN (1712.04086), table 1: modes found, out of 8 (ring) and 25 (grid).
PUBLISHED = {
    ("plain", "ring"): "6.3 ± 0.5",
    ("PacGAN2", "ring"): "7.9 ± 0.1",
    ("plain", "grid"): "17.3 ± 0.8",
    ("PacGAN2", "grid"): "23.8 ± 0.7",
    ("PacGAN4", "grid"): "24.8 ± 0.2",
}
SHARED: dict[str, Any] = {
    "networks.family": "mlp",
    "networks.latent": 2,
    "networks.hidden": 128,
    "networks.depth": 2,
    "networks.generator_norm": "batch",
    "optimizer.generator_lr": 1e-3,
    "optimizer.discriminator_lr": 1e-3,
    "optimizer.beta1": 0.8,
    "optimizer.ema_half_life": 0,
    "training.precision": "fp32",
}
METHODS: dict[str, dict[str, Any]] = {
    "plain": {},
    "PacGAN2": {"networks.packing": 2},
    "PacGAN4": {"networks.packing": 4},
    "WGAN-GP": {"objective.loss": "wasserstein", "objective.gradient_penalty": 0.1},
    "WGAN-GP, β₁ 0, β₂ 0.9": {
        "objective.loss": "wasserstein",
        "objective.gradient_penalty": 0.1,
        "optimizer.beta1": 0.0,
        "optimizer.beta2": 0.9,
    },
    "relativistic+R1+R2": {"objective.loss": "relativistic", "objective.r1": 0.1, "objective.r2": 0.1},
}
_PACKS = 100  # judged per turn by every method, so PacGAN2 sees 200 points


class Seeds(nn.Module):
    """S networks of the same shape as one: inputs [S · N, ...] are split into S parts, one per network, in order of the seeds."""

    def __init__(self, players: Sequence[nn.Module]) -> None:
        super().__init__()
        self._count = len(players)
        weights, self._buffers_by_name = stack_module_state(list(players))
        self._names = list(weights)
        self.weights = nn.ParameterList(weights.values())
        self._bases = [players[0]]  # in a list, so that its weights are not registered as parameters

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        base = self._bases[0].train(self.training)
        weights = dict(zip(self._names, self.weights, strict=True))

        def call(weights: dict[str, Tensor], buffers: dict[str, Tensor], part: Tensor) -> Tensor:
            found: Tensor = functional_call(base, (weights, buffers), (part,))
            return found

        outputs = vmap(call, randomness="different")(weights, self._buffers_by_name, inputs.unflatten(0, (self._count, -1)))
        return outputs.flatten(0, 1)


def batched_game(config: RunConfig, seeds: int) -> Game:
    """Return the game of ``config`` with the players of all seeds; losses are sums over seeds, so gradients keep their size."""
    pairs = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        pairs.append(networks.build(config))
    game = build_game(config, trained.CPU, "fp32")
    generator, discriminator = Seeds([pair[0] for pair in pairs]), Seeds([pair[1] for pair in pairs])
    loss, penalties = game.loss, game.penalties
    settings = config.optimizer
    return dataclasses.replace(
        game,
        generator=generator,
        discriminator=discriminator,
        loss=Loss(
            lambda real, fake: seeds * loss.discriminator(real, fake), lambda *seen: seeds * loss.generator(*seen), loss.is_relative
        ),
        penalties=Penalties(*(seeds * weight for weight in dataclasses.astuple(penalties))),
        generator_optimizer=make_optimizer(config, generator, settings.generator_lr, trained.CPU),
        discriminator_optimizer=make_optimizer(config, discriminator, settings.discriminator_lr, trained.CPU),
    )


def train(data: str, method: str, seeds: int, steps: int) -> tuple[list[ModeScore], float]:
    """Train all seeds of a method; return their scores and the seconds taken."""
    changes = {**SHARED, **METHODS[method], "data.name": data}
    changes["optimizer.batch_size"] = _PACKS * changes.get("networks.packing", 1)
    config = configs.replace(presets.find("ring-mlp").config, changes)
    game = batched_game(config, seeds)
    modes = points.modes(data)
    assert modes is not None
    reals = torch.from_numpy(points.sample(data)[0])
    batch = seeds * config.optimizer.batch_size
    began = time.perf_counter()
    for _ in range(steps):
        game.step([Turn(reals[torch.randint(len(reals), (batch,))], torch.randn(batch, config.networks.latent))])
    seconds = time.perf_counter() - began
    game.generator.eval()
    with torch.no_grad():
        drawn = game.generator(torch.randn(seeds * SAMPLES, config.networks.latent)).unflatten(0, (seeds, -1))
    return [score_points(one, torch.from_numpy(modes.centres), modes.sigma) for one in drawn], seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", nargs="+", default=["ring", "grid"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    print(f"Machine: {machine.describe()}, {options.threads} threads; {options.steps} steps, {options.seeds} seeds")
    print(
        "| data | method | modes | published | high quality | reverse KL | seconds |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    for data in options.data:
        for method in options.methods:
            scores, seconds = train(data, method, options.seeds, options.steps)
            modes, quality, divergence = (list(values) for values in zip(*scores, strict=True))
            shares = trained.of_seeds([100 * share for share in quality], 1)
            print(
                f"| {data} | {method} | {trained.of_seeds(modes, 1)} | {PUBLISHED.get((method, data), '–')} | {shares} % "
                f"| {trained.of_seeds(divergence, 3)} | {seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
