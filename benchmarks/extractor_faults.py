"""Which extractor sees which made fault: FID of faulty real images against other real ones, in multiples of the floor.

    python -m benchmarks.extractor_faults [--images 500] [--data shapes bedrooms cifar10]

Blur (σ of 0.7 pixels), noise (σ of 5 % of the range), darkness (10 % of the range less), collapse (the images nearest to one of
them, all different) and copies (a tenth of the images, ten times each). The floor is the FID of undisturbed images, the mean of five
random parts; behind each multiple is its distance from the floor in standard deviations of these five.

CIFAR-10 is read from ``GAN_TEST_DATA`` (default: ``../shared/data``) and skipped without it, EfficientNet-Lite0 without its
package, and Inception without its weights.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks import machine
from gan.config.data import DataConfig
from gan.data import loaders
from gan.places import PROJECT
from gan.playground.disturbances import disturb
from gan.scoring.extractors import classifier, efficientnet, inception, vgg
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.metrics.fid import fid
from gan.storage.jobs import say_nothing

DATA = Path(os.environ.get("GAN_TEST_DATA", PROJECT.parent / "shared" / "data"))
FLOORS, COPIES = 5, 10
CPU = torch.device("cpu")


def source() -> torch.Generator:
    """Return a random source that is the same for every fault."""
    return torch.Generator().manual_seed(0)


def collapsed(pool: Tensor, count: int) -> Tensor:
    """Return the ``count`` images of a pool that are nearest to its first one, in 8 × 8 pixels."""
    small = functional.adaptive_avg_pool2d(pool.float(), 8).flatten(1)
    return pool[(small - small[0]).square().sum(dim=1).argsort()[:count]]


FAULTS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "blur": lambda pool, count: disturb(pool[:count], source(), blur=0.7),
    "noise": lambda pool, count: disturb(pool[:count], source(), noise=0.05),
    "darkness": lambda pool, count: disturb(pool[:count], source(), brightness=-0.1),
    "collapse": collapsed,
    "copies": lambda pool, count: pool[: count // COPIES].repeat(COPIES, 1, 1, 1),
}


def images_of(name: str, count: int) -> Tensor | None:
    """Return random images of a data set, uint8 [count, C, H, W]; None if it is not here."""
    if name == "cifar10":
        path = DATA / "cifar10-train.zip"
        if not path.is_file():
            return None
        with zipfile.ZipFile(path) as archive:
            names = sorted(one for one in archive.namelist() if one.endswith(".jpg"))
            chosen = np.random.default_rng(0).choice(len(names), count, replace=False)
            pixels = [np.asarray(Image.open(io.BytesIO(archive.read(names[place]))).convert("RGB")) for place in chosen]
        return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    images = loaders.load(DataConfig(name=name, size=64 if name == "bedrooms" else 32))
    return images.take(torch.randperm(len(images), generator=source())[:count])


def extractors_of(name: str) -> list[Extractor]:
    """Return the extractors that are at hand for a data set."""
    found = [vgg.load(CPU, say_nothing)]
    if efficientnet.is_at_hand():
        found.append(efficientnet.load(CPU, say_nothing))
    if inception.is_at_hand():
        found.append(inception.load(CPU, say_nothing))
    return found + ([classifier.load(name, CPU, say_nothing)] if name == "shapes" else [])


def measure(pool: Tensor, count: int, extractor: Extractor) -> tuple[list[str], float]:
    """Return a cell for each fault, and the images per second."""
    began = time.perf_counter()
    features = extractor.extract(pool.split(extractor.batch)).features
    speed = len(pool) / (time.perf_counter() - began)
    real, others = features[:count], features[count:]
    floors = []
    for number in range(FLOORS):
        order = torch.randperm(len(others), generator=torch.Generator().manual_seed(number))
        floors.append(fid(real, others[order[:count]]))
    floor, spread = statistics.mean(floors), statistics.stdev(floors)
    cells = []
    for make in FAULTS.values():
        faulty = make(pool[count:], count)
        found = fid(real, extractor.extract(faulty.split(extractor.batch)).features)
        cells.append(f"{found / floor:.1f} × ({(found - floor) / spread:.0f} σ)")
    return cells, speed


def main() -> None:
    """Print one table for all data sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=500, help="on each side (default: 500)")
    parser.add_argument("--data", nargs="+", default=["shapes", "bedrooms", "cifar10"], help="data sets")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine.describe())
    print(f"| data | features | {' | '.join(FAULTS)} | images per second |")
    print("| --- | --- |" + " --- |" * (len(FAULTS) + 1))
    for name in options.data:
        pool = images_of(name, 4 * options.images)
        if pool is None:
            print(f"{name} is not in {DATA}; skipped")
            continue
        for extractor in extractors_of(name):
            cells, speed = measure(pool, options.images, extractor)
            print(f"| {name} | {extractor.label} | {' | '.join(cells)} | {speed:.0f} |", flush=True)


if __name__ == "__main__":
    main()
