"""Seconds per step of this checkout and of another one, measured in turn: end to end, with log lines, samples and checkpoints.

    python -m benchmarks.steps --other PATH [--rounds 5] [--threads 1] [--only NAME ...]

Each measurement is a training of its own by ``python -m gan train``; its log says how long the steps after the first ten took.
Beside it stand the floating-point operations per second of this checkout, and of a large bf16 matrix product with as many threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine
from gan.places import PROJECT

FIRST = 10  # steps that are not counted
LARGE: dict[str, object] = {"networks.width": 64, "optimizer.batch_size": 64, "data.size": 64, "networks.depth": 4}
#: Name → preset, changes and number of steps.
TRAININGS: dict[str, tuple[str, dict[str, object], int]] = {
    "digits-dcgan": ("digits-dcgan", {}, 120),
    "DCGAN 64×64, width 64": ("digits-dcgan", LARGE, 30),
    "DCGAN 128×128, width 32": ("digits-dcgan", {"networks.width": 32, "data.size": 128, "networks.depth": 5}, 25),
    "digits-mlp": ("digits-mlp", {}, 400),
    "mlp-table-quick": ("mlp-table-quick", {}, 300),
}


def play(project: Path, folder: Path, name: str, threads: int) -> float:
    """Return the seconds per step of one training in a checkout."""
    preset, changes, steps = TRAININGS[name]
    return train(project, folder / project.name / "data", preset, {**changes, "training.threads": threads}, steps)


def train(project: Path, data: Path, preset: str, changes: dict[str, object], steps: int) -> float:
    """Return the seconds per step of a training in a checkout, with its own folder of data."""
    with tempfile.TemporaryDirectory() as root:
        command = [*command_of(preset, changes, steps), "--root", root]
        subprocess.run(command, cwd=project, env={**os.environ, "GAN_DATA": str(data)}, check=True, capture_output=True)
        return per_step(Path(root), steps)


def command_of(preset: str, changes: dict[str, object], steps: int) -> list[str]:
    """Return the command line of a training without scores."""
    asked = {"cadence.score_every": "0 epochs", "cadence.log_every": "10 steps", **changes}
    settings = [part for key, value in asked.items() for part in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "gan", "train", "--preset", preset, "--steps", str(steps), *settings]


def per_step(root: Path, steps: int) -> float:
    """Return the seconds per step that the only training in a folder of runs has logged, without its first steps."""
    (metrics,) = Path(root).glob("*/metrics.jsonl")
    seconds = {line["step"]: line["seconds"] for line in map(json.loads, metrics.read_text().splitlines())}
    taken: float = (seconds[steps] - seconds[FIRST]) / (steps - FIRST)
    return taken


def work(name: str) -> float:
    """Return the floating-point operations of a step: an addition and a multiplication for each multiply-add.

    The generator draws twice and has one backward pass, which costs about as much as two forward passes. The discriminator has
    three forward passes, two backward passes, and in the generator's turn the gradient of its input alone.
    """
    from gan import config as configs
    from gan.config import presets
    from gan.networks import layers

    preset, changes, _ = TRAININGS[name]
    config = configs.replace(presets.find(preset).config, changes)
    report = layers.describe(config)
    each = 4 * report.generator.multiply_adds + 8 * report.discriminator.multiply_adds
    return 2.0 * config.optimizer.batch_size * each


def peak(threads: int) -> float:
    """Return the floating-point operations per second of a product of two 2,048 × 2,048 matrices in the precision of trainings."""
    import torch

    from gan.training.precision import has_fast_bf16

    torch.set_num_threads(threads)
    one, other = torch.randn(2, 2048, 2048).to(torch.bfloat16 if has_fast_bf16(torch.device("cpu")) else torch.float32)
    found = []
    for _ in range(10):
        began = time.perf_counter()
        one @ other
        found.append(2 * 2048**3 / (time.perf_counter() - began))
    return max(found)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--other", type=Path, required=True, help="another checkout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(TRAININGS), default=list(TRAININGS))
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}; {options.threads} threads; milliseconds per step")
    print(f"A matrix product: {peak(options.threads) / 1e9:.0f} GFLOP/s at best")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            here, there = [], []
            for _ in range(options.rounds):
                there.append(play(options.other.resolve(), Path(folder), name, options.threads) * 1000)
                here.append(play(PROJECT, Path(folder), name, options.threads) * 1000)
            ratio, best = machine.ratios(there, here)
            both = f"other {machine.spread(there, 1)}, this {machine.spread(here, 1)}"
            rate = work(name) / min(here) * 1000 / 1e9
            print(f"{name:<24} {both}: {ratio:.2f} times as fast, {best:.2f} at best; {rate:.0f} GFLOP/s at best", flush=True)


if __name__ == "__main__":
    main()
