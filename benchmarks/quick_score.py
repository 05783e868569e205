"""Seconds per quick score during a training: this checkout and another one, in turn.

    python -m benchmarks.quick_score --other PATH [--rounds 3] [--scores 10] [--threads 1] [--only digits mnist colours]

Each measurement is a training of the default networks by ``python -m gan train`` that is scored every other step; the lines of
scores say how long each took, and the first one is left out. ``mnist`` and ``colours`` (CIFAR-10, imported from a ZIP) need MNIST
and ``cifar10-train.zip`` in ``GAN_TEST_DATA`` (default: ``../shared/data``). A first training of each set, not measured, trains the
classifier and extracts the features of the real images.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine
from gan.places import PROJECT

DATA = Path(os.environ.get("GAN_TEST_DATA", PROJECT.parent / "shared" / "data"))
#: Name → what its data need, below ``DATA``.
SETS = {"digits": None, "mnist": "MNIST", "colours": "cifar10-train.zip"}


def run(project: Path, data: Path, *arguments: str) -> None:
    """Run a command of a checkout with a data folder."""
    command = [sys.executable, "-m", "gan", *arguments]
    subprocess.run(command, cwd=project, env={**os.environ, "GAN_DATA": str(data)}, check=True, capture_output=True)


def prepare(project: Path, data: Path, name: str) -> None:
    """Put a data set where a checkout finds it, and train on it once."""
    if name == "mnist":
        shutil.copytree(DATA / "MNIST", data / "MNIST")
    if name == "colours":
        run(project, data, "data", "import", str(DATA / "cifar10-train.zip"), "--name", "colours", "--size", "32", "--quiet")
    play(project, data, name, scores=1, threads=1)


def play(project: Path, data: Path, name: str, scores: int, threads: int) -> list[dict[str, Any]]:
    """Return the lines of scores of a training that is scored ``scores`` times."""
    asked = {"data.name": name, "cadence.score_every": "2 steps", "cadence.score_share": 0, "training.threads": threads}
    settings = [part for key, value in asked.items() for part in ("--set", f"{key}={value}")]
    with tempfile.TemporaryDirectory() as root:
        run(project, data, "train", "--preset", "digits-dcgan", "--steps", str(2 * scores), "--root", root, *settings)
        (file,) = Path(root).glob("*/scores.jsonl")
        return [json.loads(line) for line in file.read_text().splitlines()]


def main() -> None:
    """Measure and print a table."""
    known = [name for name, needed in SETS.items() if needed is None or (DATA / needed).exists()]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--other", type=Path, required=True, help="another checkout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scores", type=int, default=10, help="scores of each training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=known, default=known)
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}; {options.threads} threads; milliseconds per quick score")
    with tempfile.TemporaryDirectory() as folder:
        places = {"other": (options.other.resolve(), Path(folder) / "other"), "this": (PROJECT, Path(folder) / "this")}
        for name in options.only:
            for place in places.values():
                prepare(*place, name)
            taken: dict[str, list[float]] = {which: [] for which in places}
            for _ in range(options.rounds):
                for which, place in places.items():
                    lines = play(*place, name, options.scores + 1, options.threads)
                    taken[which] += [1000 * line["seconds"] for line in lines[1:]]
            ratio, best = machine.ratios(taken["this"], taken["other"])
            both = ", ".join(f"{which} {machine.spread(values, 0)}" for which, values in taken.items())
            print(f"{name:<8} {both}: {ratio:.2f} of the time, {best:.2f} at best", flush=True)


if __name__ == "__main__":
    main()
