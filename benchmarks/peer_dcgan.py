"""Images per second of the DCGAN in pytorch/examples and of ours, in turn, on MNIST at 64 × 64 pixels.

    python -m benchmarks.peer_dcgan --peer PATH [--steps 60] [--rounds 3] [--threads 1 2]

``PATH`` is a checkout of https://github.com/pytorch/examples. Its ``dcgan/main.py`` runs with its defaults (64 × 64, 64 filters,
batches of 64, fp32, two processes that load the images), ours has the same networks and batches, with log lines, one picture of
samples and one checkpoint halfway. Both count from step 10 to ``--steps``, so starting and warming up do not count; the other's
steps are timed by the lines that it prints. MNIST must be in ``GAN_TEST_DATA`` (default: ``../shared/data``).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.steps import FIRST, LARGE, train
from gan.places import PROJECT

DATA = Path(os.environ.get("GAN_TEST_DATA", PROJECT.parent / "shared" / "data"))
BATCH = 64
_STEP = re.compile(r"\[0/\d+\]\[(\d+)/\d+\]")  # epoch 0, step from 0


def ours(data: Path, steps: int, threads: int) -> float:
    """Return the images per second of a training of ours."""
    half = f"{(FIRST + steps) // 2} steps"
    cadence = {"cadence.sample_every": half, "cadence.checkpoint_every": half}
    return BATCH / train(
        PROJECT, data, "digits-dcgan", {**LARGE, **cadence, "data.name": "mnist", "training.threads": threads}, steps
    )


def theirs(peer: Path, folder: Path, steps: int, threads: int) -> float:
    """Return the images per second of the other's script, which is stopped after ``steps`` steps."""
    command = [sys.executable, "-u", "main.py", "--dataset", "mnist", "--dataroot", str(DATA), "--outf", str(folder / "peer")]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    with subprocess.Popen(
        command,
        cwd=peer / "dcgan",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        printed, began = [], 0.0
        try:
            for line in process.stdout:
                printed.append(line)
                if (found := _STEP.match(line)) is None:
                    continue
                done = int(found[1]) + 1
                if done == FIRST:
                    began = time.perf_counter()
                elif done == steps:
                    return BATCH * (steps - FIRST) / (time.perf_counter() - began)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its loading processes too
    raise SystemExit(f"The script ended before step {steps}:\n{''.join(printed[-20:])}")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", type=Path, required=True, help="a checkout of pytorch/examples")
    parser.add_argument("--steps", type=int, default=60, help="20 or more, in tens")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    steps = max(20, options.steps // 10 * 10)
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}; images per second\n")
    print("| threads | pytorch/examples | this program | ratio of the medians | of the best |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(DATA / "MNIST", folder / "data" / "MNIST")
        for threads in options.threads:
            there, here = [], []
            for _ in range(options.rounds):
                there.append(theirs(options.peer.resolve(), folder, steps, threads))
                here.append(ours(folder / "data", steps, threads))
            ratio, best = machine.ratios(here, there, best=max)
            cells = f"{machine.spread(there, 1)} | {machine.spread(here, 1)} | {ratio:.2f} | {best:.2f}"
            print(f"| {threads} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
