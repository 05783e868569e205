"""The DCGANs of pytorch/examples and StudioGAN against ours: FID over images seen, images per second and memory.

    python -m benchmarks.peers --examples PATH --studiogan PATH [--images 12800] [--colour-images 5120] [--seeds 2] [--threads 2]

The paths are checkouts of https://github.com/pytorch/examples and https://github.com/POSTECH-CVLab/PyTorch-StudioGAN; either may be
left out. MNIST and ``cifar10-train.zip`` must be in ``GAN_TEST_DATA`` (default: ``../shared/data``).

Each seed of each contestant is one training, after another, so that nothing else runs. Pictures are drawn after a quarter, a half
and all images, and scored here with the same features against the same real images. Every finished training is a line of
``results.jsonl`` in ``--work``: an interrupted benchmark goes on where it was. See docs/peers.md for what is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import machine, peer_trainings
from benchmarks.peer_trainings import BATCH, Asked, Contestant, Length, length_of
from gan.config.data import DataConfig
from gan.data import loaders
from gan.places import PROJECT
from gan.scoring.extractors import efficientnet, inception
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.metrics.fid import Moments, fid, moments
from gan.scoring.scores import choose_extractor
from gan.storage.jobs import say_nothing

DATA = Path(os.environ.get("GAN_TEST_DATA", PROJECT.parent / "shared" / "data"))
WORK = PROJECT / "benchmarks" / "results" / "peers"
OURS = "this program"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Contest:
    """Contestants on the same data. ``reals``: how many real images they are scored against."""

    title: str
    data: DataConfig
    length: Length
    reals: int
    contestants: dict[str, Contestant]


@dataclass(frozen=True)
class Judge:
    """Features, the moments of those of real images, and the floor: the FID of as many other real images as there are pictures."""

    extractor: Extractor
    real: Moments
    floor: float

    def fid(self, pixels: Tensor) -> float:
        """Return the FID of pictures, uint8 [N, C, H, W]."""
        return fid(self.real, self.extractor.extract(pixels.split(self.extractor.batch)).features)


def judge_of(contest: Contest, pictures: int, work: Path) -> Judge:
    """Return the judge of a contest; the features of its real images are kept in ``work``."""
    data = contest.data
    if inception.is_at_hand():
        extractor = inception.load(CPU, say_nothing)
    elif data.channels == 3 and efficientnet.is_at_hand():
        extractor = efficientnet.load(CPU, say_nothing)
    else:
        extractor = choose_extractor("auto", data, CPU, say_nothing)
    file = work / f"{data.name}-{data.size}-{extractor.id}-{contest.reals}-{pictures}.npy"
    if not file.exists():
        images = loaders.load(data)
        chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[: contest.reals + pictures]
        np.save(file, extractor.extract(images.take(part) for part in chosen.split(extractor.batch)).features.numpy())
    features = torch.from_numpy(np.load(file))
    real = moments(features[: contest.reals])
    return Judge(extractor, real, fid(real, features[contest.reals :]))


def bring_digits(work: Path) -> None:
    """Copy MNIST to the folder of data, unless that has been done."""
    if not (work / "data" / "MNIST").exists():
        shutil.copytree(DATA / "MNIST", work / "data" / "MNIST")


def contests(options: argparse.Namespace) -> list[Contest]:
    """Return what is to be compared, with the data in place."""
    found = []
    if options.examples:
        bring_digits(options.work)
        mine = peer_trainings.ours("mnist-dcgan", _as_examples)
        peer = f"pytorch/examples {commit(options.examples)}"
        both = {peer: peer_trainings.examples(options.examples), OURS: mine}
        length = length_of(options.images, BATCH)
        found.append(Contest("MNIST, 64 × 64 pixels", DataConfig(name="mnist", size=64), length, 10_000, both))
    if options.studiogan:
        data = DataConfig(name=peer_trainings.photographs(options.work, DATA / "cifar10-train.zip"))
        mine = peer_trainings.ours("dcgan-cifar", lambda asked: {"data.name": data.name, **_AS_STUDIOGAN})
        peer = f"StudioGAN {commit(options.studiogan)}"
        both = {peer: peer_trainings.studiogan(options.studiogan), OURS: mine}
        length = length_of(options.colour_images, 2 * BATCH)
        found.append(Contest("CIFAR-10, 32 × 32 pixels", data, length, 2_000, both))
    return found


def _as_examples(asked: Asked) -> dict[str, object]:
    """Return the changes to MNIST's preset that make it the peer's: networks for 64 pixels, and the same digits."""
    return {
        "data.size": 64,
        "data.subset": asked.length.images // 4,
        "networks.depth": 4,
        "networks.width": asked.width,
    }


#: Changes to CIFAR-10's preset that make it StudioGAN's: mirrored images, latent size, two turns of the discriminator; and a width
#: with which both networks have as many multiply-adds (103 million each; StudioGAN's 103 and 109).
_AS_STUDIOGAN: dict[str, object] = {
    "data.flips": True,
    "networks.latent": 128,
    "networks.width": 96,
    "optimizer.discriminator_steps": 2,
}


def commit(checkout: Path) -> str:
    """Return the short commit of a checkout."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of results; one that was cut in half by a crash is left out."""
    lines: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def append(path: Path, line: dict[str, Any]) -> None:
    """Append a line of results; a line before it that was cut in half is ended first."""
    before = path.read_bytes() if path.exists() else b""
    with open(path, "ab") as file:
        file.write((b"" if before.endswith(b"\n") or not before else b"\n") + json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def play(contest: Contest, judge: Judge, who: str, asked: Asked) -> dict[str, Any]:
    """Train a contestant once and score its pictures; return a line of results."""
    began = time.perf_counter()
    played = contest.contestants[who](asked)
    trained = time.perf_counter()
    fids = {kind: [judge.fid(pixels) for pixels in drawn] for kind, drawn in played.drawn.items()}
    seconds = {"seconds": trained - began, "scoring_seconds": time.perf_counter() - trained}
    return {"images_per_second": played.speed, "megabytes": played.megabytes, "fids": fids, **seconds}


def table(contest: Contest, judge: Judge, pictures: int, lines: Sequence[dict[str, Any]]) -> str:
    """Return the results of a contest as Markdown, with the value of each seed."""
    points = [f"{step * contest.length.images_per_step:,}" for step in contest.length.points]
    label = judge.extractor.label
    about = (
        f"FID · {label} of {pictures:,} pictures against {contest.reals:,} real images, floor {judge.floor:.1f}; a value per seed"
    )
    head = f"| {contest.title} | FID at {points[0]} images | {points[1]} | {points[2]} | images per second | memory, MB |"
    rows = [f"{about}\n\n{head}", "| --- |" + " --- |" * 5]
    for who in contest.contestants:
        own = [line for line in lines if line["who"] == who]
        for kind in own[0]["fids"] if own else ():
            cells = [_each([line["fids"][kind][place] for line in own], 1) for place in range(len(points))]
            cells += [_each([line[key] for line in own], digits) for key, digits in (("images_per_second", 1), ("megabytes", 0))]
            rows.append(f"| {who}{f', {kind} weights' if who == OURS else ''} | {' | '.join(cells)} |")
    peer, here = ([line for line in lines if line["who"] == who] for who in contest.contestants)
    if peer and here:
        speed, memory = (
            machine.ratios([line[key] for line in here], [line[key] for line in peer])[0]
            for key in ("images_per_second", "megabytes")
        )
        rows.append(f"\nThis program is {speed:.2f} times as fast, with {memory:.2f} of the memory.")
    return "\n".join(rows)


def _each(values: Sequence[float], digits: int) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in values)


def main() -> None:
    """Train what has not been trained yet, and print a table for each contest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=Path, help="a checkout of pytorch/examples")
    parser.add_argument("--studiogan", type=Path, help="a checkout of PyTorch-StudioGAN")
    for name, default, about in (
        ("images", 12_800, "real images seen in a training on MNIST"),
        ("colour-images", 5_120, "real images seen in a training on CIFAR-10"),
        ("seeds", 2, "trainings of each contestant"),
        ("threads", 2, "of each training"),
        ("width", 32, "filters of pytorch/examples and of ours next to it; its default is 64"),
        ("pictures", 500, "drawn for each FID"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{about} (default: {default})")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of data and results")
    options = parser.parse_args()
    for name in ("examples", "studiogan", "work"):
        path: Path | None = getattr(options, name)
        setattr(options, name, path.resolve() if path else None)
    options.work.mkdir(parents=True, exist_ok=True)
    os.environ["GAN_DATA"] = str(options.work / "data")
    results = options.work / "results.jsonl"
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}; {options.threads} threads", flush=True)
    every = [(contest, judge_of(contest, options.pictures, options.work)) for contest in contests(options)]
    keys: dict[tuple[str, str, int], dict[str, Any]] = {}
    for seed in range(options.seeds):
        for contest, judge in every:
            asked = Asked(options.work, contest.length, seed, options.threads, options.width, options.pictures)
            for who in contest.contestants:
                settings = {"threads": asked.threads, "width": asked.width, "pictures": asked.pictures, "real": contest.reals}
                key = {"contest": contest.title, "who": who, "seed": seed, "images": contest.length.images, **settings}
                key["extractor"] = judge.extractor.id
                keys[contest.title, who, seed] = key
                if not any(key.items() <= line.items() for line in read(results)):
                    line = key | {"load": os.getloadavg()[0], "program": commit(PROJECT)} | play(contest, judge, who, asked)
                    append(results, line)
                    print(f"{contest.title}, {who}, seed {seed}: {line['seconds']:.0f} s", flush=True)
    lines = [line for line in read(results) if any(key.items() <= line.items() for key in keys.values())]
    for contest, judge in every:
        print("\n" + table(contest, judge, options.pictures, [line for line in lines if line["contest"] == contest.title]))


if __name__ == "__main__":
    main()
