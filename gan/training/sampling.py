"""Draw images from a trained generator: a grid of one class or of all in columns, or any number of them to a file."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gan import networks
from gan.config import GRID, RunConfig
from gan.data import loaders
from gan.data.feed import to_pixels
from gan.data.formats import writing
from gan.errors import InputError, RunFailed
from gan.networks.foreign import Foreign
from gan.runs import Run
from gan.runs import checkpoints as checkpoint_files
from gan.storage.jobs import Report
from gan.training import checkpoints, labels, pictures, statistics
from gan.training.checkpoints import Checkpoint

log = logging.getLogger("gan")

_AVERAGED = "average/module."
_MOST = 1024
_MOST_STREAMED = 10_000_000
_BATCH = 256


@torch.inference_mode()
def generate(generator: nn.Module, z: Tensor, told: Tensor | None, autocast: Any, batch: int = 256) -> Tensor:
    """Return images [N, C, H, W] in float32 from latent vectors [N, latent] and class labels ``told`` [N], in evaluation mode."""
    was_training = generator.training
    generator.eval()
    if told is not None:
        told = told.to(z.device)
    try:
        with autocast():
            return torch.cat(
                [
                    generator(z[place : place + batch], None if told is None else told[place : place + batch]).float()
                    for place in range(0, len(z), batch)
                ]
            )
    finally:
        generator.train(was_training)


def draw(run: Run, class_name: str | None = None, images: int = 64, seed: int = 0, checkpoint: str = "last") -> Image.Image:
    """Return a grid of ``images`` (1 to 1024) from a run's "last" or "best" checkpoint, or a scatter plot if its data are points.

    All images have the class ``class_name``; if None, a class-conditional generator draws one class per column, as in the samples
    during training. The same ``seed`` (0 to 2³¹ − 1) gives the same latent vectors for every class. Raises InputError if there is
    no checkpoint yet, or no class of that name.
    """
    _require(images=(images, 1, _MOST), seed=(seed, 0, 2**31 - 1))
    config = run.config()
    told = labels.in_columns(config, images) if class_name is None else labels.of(config, class_name, images)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator, _ = restore(config, newest(run, "Drawing from", checkpoint), device)
    z = torch.randn(images, config.networks.latent, generator=torch.Generator().manual_seed(seed))
    fakes = generate(generator, z.to(device), told, contextlib.nullcontext)
    if config.data.is_points:
        return pictures.scatter(fakes, loaders.load(config.data).values)
    return pictures.grid(to_pixels(fakes), columns=GRID if class_name is not None else len(config.columns) or GRID)


@dataclass(frozen=True)
class Stream:
    """Pictures drawn while they are read: ``batches`` of uint8 [n, H, W, C] with labels [n] (None: no classes)."""

    shape: writing.Shape
    batches: Iterator[tuple[np.ndarray, np.ndarray | None]]


def stream(run: Run, count: int, class_name: str | None = None, seed: int = 0, checkpoint: str = "last") -> Stream:
    """Return ``count`` (1 to 10⁷) new pictures of a run's "last" or "best" checkpoint, drawn while they are read.

    A class-conditional generator draws the class ``class_name``, or all of them at random with the frequencies of the data. Latent
    vectors are drawn 256 at a time, so that the same ``seed`` gives the same pictures for any ``count``, a longer one only more.
    Raises InputError for a run on points, if there is no checkpoint yet, or no class of that name.
    """
    _require(count=(count, 1, _MOST_STREAMED), seed=(seed, 0, 2**31 - 1))
    config = run.config()
    if config.data.is_points:
        raise InputError(f"Run {run.id} draws points, not pictures; leave out --count to draw them as a picture.")
    source = torch.Generator().manual_seed(seed)
    told = None if class_name is None else labels.of(config, class_name, _BATCH)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator, _ = restore(config, newest(run, "Drawing from", checkpoint), device)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        for start in range(0, count, _BATCH):
            z = torch.randn(_BATCH, config.networks.latent, generator=source)
            codes = told if told is not None else labels.at_random(config, _BATCH, source)
            wanted = min(_BATCH, count - start)
            with torch.inference_mode():
                fakes = generate(generator, z.to(device), codes, contextlib.nullcontext)[:wanted]
            yield to_pixels(fakes).permute(0, 2, 3, 1).cpu().numpy(), None if codes is None else codes[:wanted].numpy()

    classes = config.data.entry.classes if config.classes else ()
    size = config.data.size
    shape = writing.Shape(count, size, size, config.data.channels, classes, keys=("arr_0", "arr_1"), name="{number:06d}.png")
    return Stream(shape, batches())


def stream_foreign(generator: Foreign, count: int, seed: int = 0, seconds: float = 0.0) -> Stream:
    """Return ``count`` (1 to 10⁷) pictures of a generator in a file, drawn while they are read; of all classes, if it has any.

    Reading raises InputError when it has taken ``seconds``; 0 is no limit.
    """
    _require(count=(count, 1, _MOST_STREAMED), seed=(seed, 0, 2**31 - 1))
    channels, high, wide = generator.shape
    shape = writing.Shape(count, high, wide, channels, keys=("arr_0", "arr_1"), name="{number:06d}.png")

    def batches() -> Iterator[tuple[np.ndarray, None]]:
        began, done = time.monotonic(), 0
        for pixels in generator.draw(count, seed):
            done += len(pixels)
            if seconds and done < count and time.monotonic() - began > seconds:
                raise InputError(
                    f"{generator.title} is too slow: {done:,} of {count:,} pictures were drawn in {seconds:,.0f} s, the limit of "
                    "this class; draw them where it was trained and upload a ZIP, or ask your teacher."
                )
            yield pixels.permute(0, 2, 3, 1).numpy(), None

    return Stream(shape, batches())


def write(drawn: Stream, target: Path, report: Report) -> None:
    """Write drawn pictures to a NumPy archive (.npz), a ZIP, a Parquet table or a folder of PNG files, by the ending of ``target``.

    Raises InputError for another ending, or if nothing can be written.
    """
    total, done = drawn.shape.count, 0
    with writing.writing(target, writing.kind_of(target), drawn.shape) as add:
        for pixels, codes in drawn.batches:
            add(pixels, codes)
            done += len(pixels)
            report(f"Drawing {done:,} of {total:,} pictures", done / total)


def _require(**values: tuple[int, int, int]) -> None:
    """Raise InputError if a value is not between its lowest and highest value."""
    for name, (value, low, high) in values.items():
        if not low <= value <= high:
            raise InputError(f"“{name}” is {value}, expected a whole number from {low} to {high}; change it.")


def newest(run: Run, doing: str, checkpoint: str = "last") -> Checkpoint:
    """Return the newest intact checkpoint of a run, or its "best" one, with the lowest FID during training.

    If a newer one is damaged, the log says so: "``doing`` an older one.", with ``doing`` such as "Drawing from". Raises InputError
    if there is no intact checkpoint.
    """
    try:
        saved, complaints = checkpoints.load_newest(run.best_path if checkpoint == "best" else run.checkpoints_path)
    except RunFailed as error:
        raise InputError(str(error)) from error
    for complaint in complaints:
        log.warning("%s %s an older one.", complaint, doing)
    if saved is None and checkpoint == "best":
        raise InputError(
            f"Run {run.id} has no best checkpoint, which needs scores during training; set cadence.score_every, say to “10 epochs”."
        )
    if saved is None:
        raise checkpoint_files.none_yet(run)
    return saved


def restore(config: RunConfig, saved: Checkpoint, device: torch.device) -> tuple[nn.Module, str]:
    """Return the generator of a checkpoint, and the kind of its weights: "EMA" (averaged) if the checkpoint has them, else "raw".

    Raises InputError if the checkpoint does not fit the networks of ``config``.
    """
    generator, _ = networks.build(config)
    is_averaged = any(key.startswith(_AVERAGED) for key in saved.tensors)
    prefix = _AVERAGED if is_averaged else "generator/"
    weights = {key.removeprefix(prefix): value for key, value in saved.tensors.items() if key.startswith(prefix)}
    try:
        generator.load_state_dict(weights)
    except RuntimeError:
        raise InputError(
            f"The weights in the checkpoint of step {saved.step} do not fit the networks in config.json, so one of the two "
            "was changed; restore it from a copy."
        ) from None
    generator.eval().to(device).to(memory_format=torch.channels_last)
    if is_averaged and not saved.facts.get(checkpoint_files.OWN_STATISTICS):
        statistics.estimate(generator, config)
    return generator, "EMA" if is_averaged else "raw"
