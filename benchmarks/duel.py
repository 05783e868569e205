"""Cost of the duel on the Watch page: of showing it, for the server, and of the discriminator's opinions, for the trainer.

    python -m benchmarks.duel [--other PATH] [--rounds 6] [--seconds 15]

A training runs in each checkout, one after the other, watched by a visitor who receives everything but renders nothing. The
server's CPU without a visitor is subtracted, and the rest is given per refresh of the page. The share of the opinions is measured
within one training of this checkout.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import machine
from benchmarks.dashboard import cpu, serve
from benchmarks.viewer import Viewer
from gan import config as configs
from gan import runs
from gan.config import presets
from gan.places import PROJECT
from gan.training.snapshots import Snapshots
from gan.training.train import train

_EPOCHS = 20
_TICK = 1.5  # seconds between two refreshes of the page
_REST = 8.0  # seconds until a server has prepared what it prepares in the background


def tick(project: Path, seconds: float) -> float:
    """Return the milliseconds of server CPU per refresh of the Watch page during a training of a checkout."""
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), project) as (server, address, _):
        settings = [
            part
            for one in ("training.threads=1", "cadence.score_every=0 epochs", "training.length=100000 epochs")
            for part in ("--set", one)
        ]
        command = [sys.executable, "-m", "gan", "train", "--preset", "digits-dcgan", "--root", folder, *settings]
        environment = {**os.environ, "GAN_DATA": str(Path(folder) / ".data")}
        training = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not (found := runs.list_runs(Path(folder))) or len(found[0].metrics()) < 20:
                time.sleep(0.5)
            time.sleep(_REST)
            alone = watched(server, seconds)
            with Viewer(address, "watch", f"run={found[0].id}"):
                time.sleep(5)
                used = watched(server, seconds)
        finally:
            training.terminate()
            training.wait()
    return (used - alone) / seconds * _TICK * 1000


def watched(server: psutil.Process, seconds: float) -> float:
    """Return the seconds of CPU that a server uses within some seconds."""
    before = cpu(server)
    time.sleep(seconds)
    return cpu(server) - before


def share() -> tuple[float, int]:
    """Return the share of a training's time that its opinions take, and their number."""
    spent: list[float] = []
    save = Snapshots._save_opinions

    def timed(self: Snapshots, *arguments: Any) -> None:
        began = time.perf_counter()
        save(self, *arguments)
        spent.append(time.perf_counter() - began)

    Snapshots._save_opinions = timed  # type: ignore[method-assign, assignment]
    changes = {"training.length": f"{_EPOCHS} epochs", "training.threads": 1, "cadence.score_every": "0 epochs"}
    with tempfile.TemporaryDirectory() as folder:
        run = runs.create(Path(folder), configs.replace(presets.find(presets.DEFAULT).config, changes), state="starting", threads=1)
        with run.hold():
            status = train(run, lambda status, line: None, lambda: False)
    Snapshots._save_opinions = save  # type: ignore[method-assign]
    return sum(spent) / status.seconds, len(spent)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--other", type=Path, help="another checkout, to compare with")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}")
    found, count = share()
    print(f"{count} times opinions in {_EPOCHS} epochs: {found:.2%} of the training time")
    here, there = [], []
    for _ in range(options.rounds):
        here.append(tick(PROJECT, options.seconds))
        if options.other:
            there.append(tick(options.other.resolve(), options.seconds))
    print(f"server CPU per refresh of Watch, ms: this {machine.spread(here, 1)}")
    if there:
        ratio, best = machine.ratios(here, there)
        print(f"other {machine.spread(there, 1)}; this takes {ratio:.2f} of it, {best:.2f} at best")


if __name__ == "__main__":
    main()
