"""Import and feeding: seconds and memory to import a ZIP of JPEGs, and the share of a step spent waiting for images.

``python -m benchmarks.data`` needs ``cifar10-train.zip`` in ``GAN_TEST_DATA`` (default: ``../shared/data``) for the import.
``--other PATH`` measures only the import, by this checkout and by the other one in turn; ``--zip PATH`` takes another ZIP.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import psutil
import torch

from benchmarks import machine
from gan import config as configs
from gan.catalogue import data_sets
from gan.config import RunConfig, presets
from gan.data import loaders
from gan.data.feed import Feed
from gan.data.loaders import Images
from gan.places import PROJECT
from gan.training import precision
from gan.training.assembly import build_game
from gan.training.game import Turn

DATA = Path(os.environ.get("GAN_TEST_DATA", PROJECT.parent / "shared" / "data"))


def measure_import(path: Path, project: Path = PROJECT) -> tuple[float, float]:
    """Import a ZIP and prepare it at 32 pixels with a checkout, in a separate process; return seconds and peak megabytes.

    The megabytes are the sum over the process and its children, without file pages. Memory that they share after a fork counts in
    each process, so the sum is an upper bound.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [sys.executable, "-m", "gan", "data", "import", str(path), "--name", "benchmark", "--size", "32", "--quiet"]
        process = psutil.Popen(command, cwd=project, env={**os.environ, "GAN_DATA": folder}, stdout=subprocess.DEVNULL)
        most, is_over = 0.0, threading.Event()

        def watch() -> None:
            nonlocal most
            while not is_over.wait(0.1):
                total = 0
                for one in [process, *_children(process)]:
                    try:
                        memory = one.memory_info()
                    except psutil.Error:
                        continue
                    total += memory.rss - getattr(memory, "shared", 0)  # without file pages, which the system can drop
                most = max(most, total / 1e6)

        watcher = threading.Thread(target=watch)
        watcher.start()
        status = process.wait()
        seconds = time.perf_counter() - started
        is_over.set()
        watcher.join()
        if status:
            raise SystemExit("the import failed")
        return seconds, most


def compare_imports(path: Path, other: Path, rounds: int) -> None:
    """Print the seconds of imports by the checkout ``other`` and by this one, in turn."""
    taken: dict[Path, list[float]] = {other.resolve(): [], PROJECT: []}
    for _ in range(rounds):
        for project, seconds in taken.items():
            seconds.append(measure_import(path, project)[0])
    there, here = taken.values()
    ratio, best = machine.ratios(here, there)
    both = f"other {machine.spread(there, 1)} s, this {machine.spread(here, 1)} s"
    print(f"import of {path.name}: {both}: {ratio:.2f} of the time, {best:.2f} at best")


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _own_memory() -> float:
    """Return the memory of this process in megabytes, without file pages, which the system can drop."""
    memory = psutil.Process().memory_info()
    return float(memory.rss - getattr(memory, "shared", 0)) / 1e6


def measure_feed(config: RunConfig, images: Images, steps: int) -> list[float]:
    """Return the share (0 to 1) of each step spent waiting for real images."""
    device = torch.device("cpu")
    torch.manual_seed(0)
    game = build_game(config, device, precision.choose_precision("auto", device))
    feed = Feed(images, config.optimizer.batch_size, 0, flips=config.data.flips)
    shares = []
    for step in range(steps + 3):
        began = time.perf_counter()
        reals = feed.batch(step)
        fed = time.perf_counter()
        game.step([Turn(reals, torch.randn(len(reals), config.networks.latent))])
        ended = time.perf_counter()
        if step >= 3:  # the first three are warm-up
            shares.append((fed - began) / (ended - began))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=300_000, metavar="N", help="number of memory-mapped 64×64×3 images; 0: skip")
    parser.add_argument("--other", type=Path, help="compare only the import, with another checkout")
    parser.add_argument("--zip", type=Path, default=DATA / "cifar10-train.zip", help="pictures to import")
    options = parser.parse_args()
    print(f"{machine.describe()}; load {os.getloadavg()[0]:.1f}")
    path: Path = options.zip
    if options.other:
        compare_imports(path, options.other, options.rounds)
        return
    if path.exists():
        found = [measure_import(path) for _ in range(options.rounds)]
        seconds, memory = ([pair[index] for pair in found] for index in (0, 1))
        print(f"import and prepare {path.name} at 32×32: {machine.spread(seconds, 1)} s, {max(memory):.0f} MB at most")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torch warns about read-only arrays
    base = presets.find(presets.DEFAULT).config
    print("\n| data set | batch | share of a step spent waiting for real images |\n| --- | --- | --- |")
    for entry in data_sets.DATA_SETS.values():
        if not entry.is_offline:
            continue
        config = presets.find("ring-mlp").config if entry.kind == "points" else base
        config = configs.replace(config, {"data.name": entry.name, "data.flips": entry.kind == "images"})
        shares = measure_feed(config, loaders.load(config.data), options.steps)
        print(f"| {entry.name} | {config.optimizer.batch_size} | {100 * statistics.median(shares):.2f} % |")
    if options.large:
        with tempfile.TemporaryDirectory() as folder:
            values = np.lib.format.open_memmap(Path(folder) / "large.npy", "w+", np.uint8, (options.large, 64, 64, 3))
            noise = np.random.default_rng(0).integers(0, 256, (1000, 64, 64, 3), dtype=np.uint8)
            for start in range(0, options.large, 1000):
                values[start : start + 1000] = noise[: options.large - start]
            values.flush()
            del values
            before = _own_memory()
            config = configs.replace(base, {"data.name": "bedrooms", "data.size": 64, "networks.depth": 4})
            values = np.load(Path(folder) / "large.npy", mmap_mode="r")
            images = Images(torch.from_numpy(values).permute(0, 3, 1, 2), torch.zeros(options.large), torch.arange(options.large))
            shares = measure_feed(config, images, options.steps)
            share = 100 * statistics.median(shares)
            print(f"| {options.large} × 64×64×3, memory-mapped | {config.optimizer.batch_size} | {share:.2f} % |")
            print(
                f"\nextra memory of this process, networks included: {_own_memory() - before:.0f} MB "
                f"for {options.large * 64 * 64 * 3 / 1e6:.0f} MB of images"
            )


if __name__ == "__main__":
    main()
