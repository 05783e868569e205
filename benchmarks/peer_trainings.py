"""Trainings of peers and of this program with the same images, batches and length: pictures drawn on the way, speed and memory.

Each training runs in a process of its own; the code of a peer runs in its checkout, as it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from benchmarks import machine, steps
from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import importer, sources
from gan.data.feed import to_pixels
from gan.data.selection import select
from gan.networks import foreign
from gan.places import PROJECT, data_root
from gan.runs import Run
from gan.storage.jobs import say_nothing
from gan.training import checkpoints
from gan.training.sampling import generate, restore

FIRST = steps.FIRST  # steps that do not count for the speed
BATCH = 64  # of all contestants
PHOTOGRAPHS = "CIFAR-10 (JPEG)"  # title of the imported data set
_QUARTERS = 4
_STEP = re.compile(r"\[(\d+)/\d+\]\[(\d+)/(\d+)\]")  # epoch, step and steps per epoch; the first two count from 0


@dataclass(frozen=True)
class Length:
    """Steps of a training, and the real images in each; pictures are drawn after a quarter, a half and all of them."""

    steps: int
    images_per_step: int

    @property
    def points(self) -> tuple[int, int, int]:
        """Steps at which pictures are drawn."""
        return self.steps // _QUARTERS, self.steps // 2, self.steps

    @property
    def images(self) -> int:
        """Real images seen in the whole training."""
        return self.steps * self.images_per_step


def length_of(images: int, images_per_step: int) -> Length:
    """Return the length in whole quarters that is nearest to a number of images, and long enough to measure a speed."""
    return Length(max(round(images / images_per_step / _QUARTERS), FIRST // 2) * _QUARTERS, images_per_step)


@dataclass(frozen=True)
class Asked:
    """What all contestants get. ``work``: a folder for data; ``width``: filters; ``pictures``: how many to draw at each point."""

    work: Path
    length: Length
    seed: int
    threads: int
    width: int
    pictures: int


@dataclass(frozen=True)
class Played:
    """A training: images per second from step 10 on, most memory in megabytes, and pictures uint8 [N, C, H, W] of each point.

    ``drawn``: the pictures by kind of weights, "raw" or "averaged".
    """

    speed: float
    megabytes: float
    drawn: dict[str, list[Tensor]]


Contestant = Callable[[Asked], Played]


def run(command: Sequence[str], folder: Path, threads: int) -> tuple[list[tuple[float, str]], float]:
    """Run a command to its end; return its lines with the seconds at which they were printed, and its most memory in megabytes."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    process = psutil.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with machine.watching_memory(process) as peak:
        try:
            lines = [(time.perf_counter(), line) for line in process.stdout]
            status = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # its loading processes too
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}:\n{''.join(line for _, line in lines[-20:])}")
    return lines, peak()


def examples(checkout: Path) -> Contestant:
    """Return the DCGAN of pytorch/examples on MNIST at 64 × 64 pixels; it saves its generator after each epoch, here a quarter."""

    def play(asked: Asked) -> Played:
        with tempfile.TemporaryDirectory(dir=asked.work) as name:
            folder = Path(name)
            write_digits(folder / "data", asked.length.images // _QUARTERS)
            settings = {"dataset": "mnist", "dataroot": folder / "data", "outf": folder, "niter": _QUARTERS, "batchSize": BATCH}
            settings |= {"ngf": asked.width, "ndf": asked.width, "manualSeed": asked.seed}
            command = [
                sys.executable,
                "-u",
                "main.py",
                *(part for key, value in settings.items() for part in (f"--{key}", str(value))),
            ]
            lines, megabytes = run(command, checkout / "dcgan", asked.threads)
            quarter = asked.length.points[0]
            files = [folder / f"netG_epoch_{step // quarter - 1}.pth" for step in asked.length.points]
            drawn = [torch.cat(list(foreign.read(file).draw(asked.pictures, asked.seed))) for file in files]
        return Played(printed_speed(lines), megabytes, {"raw": drawn})

    return play


def printed_speed(lines: Sequence[tuple[float, str]]) -> float:
    """Return the images per second after the first steps from the lines that pytorch/examples printed, with their times."""
    times: dict[int, float] = {}
    for moment, line in lines:
        if found := _STEP.match(line):
            epoch, step, steps_per_epoch = map(int, found.groups())
            times[epoch * steps_per_epoch + step + 1] = moment
    last = max(times)
    return BATCH * (last - FIRST) / (times[last] - times[FIRST])


def write_digits(folder: Path, subset: int) -> None:
    """Write the MNIST digits that a run with this ``subset`` trains on, as torchvision expects them; the test part is whole."""
    pixels, labels = sources.raw("mnist", say_nothing)
    rows = select(labels, DataConfig(name="mnist", subset=subset)).train
    shutil.copytree(data_root() / "MNIST" / "raw", folder / "MNIST" / "raw", ignore=shutil.ignore_patterns("train-*"))
    for name, values in (("images-idx3", pixels[rows, :, :, 0]), ("labels-idx1", labels[rows])):
        head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        (folder / "MNIST" / "raw" / f"train-{name}-ubyte").write_bytes(head + values.astype(np.uint8).tobytes())


def studiogan(checkout: Path) -> Contestant:
    """Return the DCGAN of StudioGAN for CIFAR-10, whose training steps ``benchmarks/peer_studiogan.py`` calls on a processor."""

    def play(asked: Asked) -> Played:
        with tempfile.TemporaryDirectory(dir=asked.work) as name:
            settings = {"data": asked.work / "cifar10", "out": name, "steps": asked.length.steps, "seed": asked.seed}
            settings |= {"pictures": asked.pictures, "threads": asked.threads}
            driver = Path(__file__).with_name("peer_studiogan.py")
            command = [sys.executable, "-P", str(driver), "--points", *map(str, asked.length.points)]
            command += [part for key, value in settings.items() for part in (f"--{key}", str(value))]
            lines, megabytes = run(command, checkout / "src", asked.threads)
            drawn = [torch.from_numpy(np.load(Path(name) / f"{step}.npy")) for step in asked.length.points]
        return Played(json.loads(lines[-1][1])["images_per_second"], megabytes, {"raw": drawn})

    return play


def photographs(work: Path, packed: Path) -> str:
    """Unpack CIFAR-10 for StudioGAN and import it here, unless that has been done; return the name of the data set."""
    folder = work / "cifar10"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=work) as name:
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(Path(name) / "cifar10" / "train")
            os.rename(Path(name) / "cifar10", folder)
    known = [entry.name for entry in data_sets.all_sets().values() if entry.title == PHOTOGRAPHS]
    return known[0] if known else importer.import_pictures(packed, PHOTOGRAPHS, say_nothing, root=data_root())


def ours(preset: str, changes: Callable[[Asked], dict[str, object]]) -> Contestant:
    """Return a training of this program: a preset with changes."""

    def play(asked: Asked) -> Played:
        quarter = f"{asked.length.points[0]} steps"
        settings = changes(asked) | {"optimizer.batch_size": BATCH, "training.seed": asked.seed, "training.threads": asked.threads}
        settings |= {"cadence.sample_every": quarter, "cadence.checkpoint_every": quarter, "cadence.checkpoint_room": 100_000}
        with tempfile.TemporaryDirectory(dir=asked.work) as name:
            command = [*steps.command_of(preset, settings, asked.length.steps), "--root", name]
            _, megabytes = run(command, PROJECT, asked.threads)
            (folder,) = (path.parent for path in Path(name).glob("*/metrics.jsonl"))
            speed = asked.length.images_per_step / steps.per_step(Path(name), asked.length.steps)
            drawn = {kind: [_draw(Run(folder), step, asked, kind) for step in asked.length.points] for kind in ("raw", "averaged")}
        return Played(speed, megabytes, drawn)

    return play


def _draw(of: Run, step: int, asked: Asked, kind: str) -> Tensor:
    """Return pictures of a run's checkpoint, from the weights that were trained or from their average."""
    saved = checkpoints.load(of.checkpoints_path, step)
    if kind == "raw":
        kept = {key: value for key, value in saved.tensors.items() if not key.startswith("average/")}
        saved = dataclasses.replace(saved, tensors=kept)
    generator, _ = restore(of.config(), saved, torch.device("cpu"))
    z = torch.randn(asked.pictures, of.config().networks.latent, generator=torch.Generator().manual_seed(asked.seed))
    return to_pixels(generate(generator, z, None, contextlib.nullcontext))
