"""Training speed: this trainer, with logs, samples and checkpoints, against a plain fp32 loop with the same networks.

    python -m benchmarks.training_speed [--rounds 5] [--steps 40] [--threads 1] [--size 64 --width 64 --depth 4 --batch 64]

Both run the same number of steps alternately, A B A B …; the table shows seconds per step and the ratio of each pair. A second list
shows the share of training time taken by quick scores, for some presets trained up to a time limit.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import machine
from gan import config as configs
from gan import networks, runs
from gan.commands.training import scorer
from gan.config import RunConfig, presets
from gan.errors import InputError
from gan.training import loop
from gan.training.game import Game

_SCORED = (
    "digits-dcgan",
    "digits-mlp",
    "digits-conditional",
    "shapes-dcgan",
    "ring-mlp",
    "mlp-table-quick",
    "dcgan-cifar-quick",
    "dcgan-mnist-to-cifar-quick",
    "bedrooms-small-quick",
    "bedrooms-size-quick",
    "mnist-dcgan",
)


def play_plainly(config: RunConfig, steps: int) -> float:
    """Return the seconds for ``steps`` steps of a tutorial-style loop: fp32, contiguous tensors, unfused Adam."""
    torch.manual_seed(0)
    generator, discriminator = networks.build(config)
    betas = (config.optimizer.beta1, config.optimizer.beta2)
    generator_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=betas)
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=betas)
    criterion = nn.BCEWithLogitsLoss()
    batch, size = config.optimizer.batch_size, config.data.size
    reals = torch.rand(batch, 1, size, size) * 2 - 1
    ones, zeros = torch.ones(batch), torch.zeros(batch)

    def step() -> None:
        discriminator_optimizer.zero_grad()
        criterion(discriminator(reals), ones).backward()
        fakes = generator(torch.randn(batch, config.networks.latent))
        criterion(discriminator(fakes.detach()), zeros).backward()
        discriminator_optimizer.step()
        generator_optimizer.zero_grad()
        criterion(discriminator(fakes), ones).backward()
        generator_optimizer.step()

    step()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return time.perf_counter() - started


def play_here(config: RunConfig, steps: int, root: Path) -> tuple[float, float]:
    """Return the seconds for ``steps`` steps of a real run, and the part spent outside the steps of the game."""
    run = runs.create(root, config, state="starting", threads=torch.get_num_threads())
    inside = 0.0
    original = Game.step

    def timed(game: Game, *arguments: Any, **options: Any) -> object:
        nonlocal inside
        began = time.perf_counter()
        outcome = original(game, *arguments, **options)
        inside += time.perf_counter() - began
        return outcome

    held = run.hold()
    try:
        trainer = loop.Trainer(run, lambda status, line: None)
        trainer.game.step(trainer.dealer.turns(0))
        Game.step = timed  # type: ignore[method-assign, assignment]
        started = time.perf_counter()
        trainer.play(lambda: False)
        return time.perf_counter() - started, time.perf_counter() - started - inside
    finally:
        Game.step = original  # type: ignore[method-assign]
        held.release()


def weigh_scores(name: str, seconds: float, root: Path) -> str:
    """Train a preset for at most ``seconds``; return a row with the share of that time taken by its quick scores."""
    run = runs.create(root, presets.find(name).config, state="starting", threads=torch.get_num_threads())
    with run.hold():
        trainer = loop.Trainer(run, lambda status, line: None, scorer)
        trainer.play(lambda: trainer.seconds > seconds)
    each = [line["seconds"] for line in run.scores()]
    median = f" of {statistics.median(each):.2f} s" if each else ""
    return f"{name:<27} {len(each):>2}{median} in {trainer.seconds:.0f} s of training: {sum(each) / trainer.seconds:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("rounds", 5), ("steps", 60), ("threads", 1), ("size", 64), ("width", 64), ("depth", 4), ("batch", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--family", default="dcgan")
    parser.add_argument("--scored", nargs="*", default=_SCORED, metavar="PRESET", help="presets whose quick scores are timed")
    parser.add_argument("--seconds", type=float, default=60.0, help="maximum training time per preset")
    options = parser.parse_args()
    shape = {"networks.width": options.width, "networks.depth": options.depth} if options.family == "dcgan" else {}
    config = configs.replace(
        presets.find("digits-dcgan").config,
        {
            "data.size": options.size,
            "networks.family": options.family,
            "optimizer.batch_size": options.batch,
            "training.length": f"{options.steps} steps",
            **shape,
        },
    )
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    print(f"Machine: {machine.describe()}, {options.threads} threads")
    print(
        f"{options.family} {options.size}×{options.size}, batch {options.batch}, {options.rounds} rounds of {options.steps} steps"
    )
    print(
        f"Log every {config.cadence.log_every}, samples every {config.cadence.sample_every}, "
        f"checkpoint every {config.cadence.checkpoint_every} and at the end"
    )
    plain, here, outside = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            plain.append(play_plainly(config, options.steps) / options.steps)
            seconds, beside = play_here(config, options.steps, Path(folder))
            here.append(seconds / options.steps)
            outside.append(beside / seconds * 100)
    print(f"plain fp32 loop     {machine.spread(plain, 4)} s per step")
    print(f"this trainer        {machine.spread(here, 4)} s per step")
    ratios = [one / other for one, other in zip(plain, here, strict=True)]
    print(f"ratio               {machine.spread(ratios)} times as fast")
    print(f"outside the steps   {machine.spread(outside)} % of the time")
    print(f"images per second   {options.batch / statistics.median(here):.0f}")
    print("\nQuick scores, without the one-time preparation per data set (classifier, features of the real images)")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.scored:
            try:
                print(weigh_scores(name, options.seconds, Path(folder)), flush=True)
            except InputError as error:
                print(f"{name:<27} {error}")


if __name__ == "__main__":
    main()
