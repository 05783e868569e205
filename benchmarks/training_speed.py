"""Training speed: this trainer, with logs, samples and checkpoints, against a plain fp32 loop of the same networks.

    python -m benchmarks.training_speed [--rounds 5] [--steps 40] [--threads 1] [--size 64 --width 64 --depth 4 --batch 64]

Both play the same steps in turn, A B A B …; the table shows seconds a step and the ratio pair by pair. Below it stands for some
presets what their quick scores took of a real training, cut off after a while.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks import machine
from gan import config as configs
from gan import networks, runs
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
    """Return the seconds of ``steps`` steps of the loop that a tutorial would write: fp32, contiguous, unfused Adam."""
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
    """Return the seconds of ``steps`` steps of a real run in a run directory, and those of them outside the game's steps."""
    run = runs.create(root, config, state="starting", threads=torch.get_num_threads())
    inside = 0.0
    original = Game.step

    def timed(game: Game, *arguments: torch.Tensor, **options: bool) -> object:
        nonlocal inside
        began = time.perf_counter()
        outcome = original(game, *arguments, **options)
        inside += time.perf_counter() - began
        return outcome

    held = run.hold()
    try:
        trainer = loop.Trainer(run, lambda status, line: None)
        trainer.game.step(trainer._turns())
        Game.step = timed  # type: ignore[method-assign, assignment]
        started = time.perf_counter()
        trainer.play(lambda: False)
        return time.perf_counter() - started, time.perf_counter() - started - inside
    finally:
        Game.step = original  # type: ignore[method-assign]
        held.release()


def weigh_scores(name: str, seconds: float, root: Path) -> str:
    """Train a preset as it is, for so many seconds at most; return as a row what its quick scores took of that time."""
    run = runs.create(root, presets.find(name).config, state="starting", threads=torch.get_num_threads())
    with run.hold():
        trainer = loop.Trainer(run, lambda status, line: None)
        trainer.play(lambda: trainer.seconds > seconds)
    each = [line["seconds"] for line in run.scores()]
    median = f" of {statistics.median(each):.2f} s" if each else ""
    return f"{name:<27} {len(each):>2}{median} in {trainer.seconds:.0f} s of training: {sum(each) / trainer.seconds:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("rounds", 5), ("steps", 60), ("threads", 1), ("size", 64), ("width", 64), ("depth", 4), ("batch", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--family", default="dcgan")
    parser.add_argument("--scored", nargs="*", default=_SCORED, metavar="PRESET", help="presets whose quick scores are weighed")
    parser.add_argument("--seconds", type=float, default=60.0, help="of training of each of them, at most")
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
    print(f"plain fp32 loop     {machine.spread(plain, 4)} s a step")
    print(f"this trainer        {machine.spread(here, 4)} s a step")
    ratios = [one / other for one, other in zip(plain, here, strict=True)]
    print(f"ratio               {machine.spread(ratios)} times as fast")
    print(f"outside the steps   {machine.spread(outside)} % of the time")
    print(f"images per second   {options.batch / statistics.median(here):.0f}")
    print("\nQuick scores; the time for the classifier and a look at the real images, once per data set, left out")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.scored:
            try:
                print(weigh_scores(name, options.seconds, Path(folder)), flush=True)
            except InputError as error:
                print(f"{name:<27} {error}")


if __name__ == "__main__":
    main()
