"""What the first training of a class shows after half a minute and a minute: two on two cores, and a third that waits.

    python -m benchmarks.class_start FOLDER [--preset digits-class] [--at 20 30 60]

Copies the newest grid of the first run to FOLDER/<seconds>.png at each moment after its launch; look at them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks import machine
from gan import runs
from gan.config import presets
from gan.execution import queue


def main() -> None:
    """Launch three runs, copy the grids and print how far the first one is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default=presets.CLASS, choices=list(presets.PRESETS))
    parser.add_argument("--at", type=float, nargs="*", default=[20, 30, 60], help="seconds after the launch")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ["GAN_CORES"] = "2"
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        root, began = Path(folder), time.monotonic()
        first, *others = [queue.launch(root, presets.find(options.preset).config) for _ in range(3)]
        for moment in sorted(options.at):
            time.sleep(max(0.0, moment - (time.monotonic() - began)))
            status, samples = first.status(), first.samples()
            if samples:
                shutil.copy(samples[max(samples)], options.folder / f"{moment:g}.png")
            states = ", ".join(one.status().state for one in others)
            grid = max(samples, default=0)
            print(
                f"{moment:g} s: step {status.step:,} of {status.total_steps:,}, grid of step {grid:,}; others {states}", flush=True
            )
        while first.status().state in runs.UNDER_WAY:
            time.sleep(0.5)
        status, taken = first.status(), time.monotonic() - began
        print(f"{status.state} after {taken:.0f} s, {status.seconds:.0f} s of training; {runs.size(first) / 1e6:.0f} MB")
        for one in others:
            if one.status().state in runs.UNDER_WAY:
                queue.stop(one)
        while any(one.is_held() for one in (first, *others)):
            time.sleep(0.2)


if __name__ == "__main__":
    main()
