"""The real data of a run as tensors: mapped from the prepared images, or drawn where it is points."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gan.data import prepared, sources
from gan.data.catalogue import Report
from gan.data.selection import Selection, select
from gan.sections import DataConfig

_IN_MEMORY = 1 << 28  # bytes; what is larger stays on the disk, in the system's own cache


@dataclass(frozen=True)
class Images:
    """Real images, or points, with their ``labels`` (int64 [N]).

    ``values`` are uint8 [M, C, H, W] (perhaps mapped from the disk) or float32 points [M, 2]; ``rows`` (int64 [N]) says
    which of them belong, None for all.
    """

    values: Tensor
    labels: Tensor
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: Tensor) -> Tensor:
        """Return the images at ``places`` (int64 [n]) as a tensor in memory."""
        return self.values[places if self.rows is None else self.rows[places]]

    @property
    def pixels(self) -> Tensor:
        """All images as one tensor: for those who know that they fit into memory."""
        return self.values if self.rows is None else self.values[self.rows]

    def batches(self, size: int) -> Iterator[Tensor]:
        """Yield all images in order, ``size`` at a time."""
        for places in torch.arange(len(self)).split(size):
            yield self.take(places)


def load(data: DataConfig, *, report: Report = lambda sentence, share: None) -> Images:
    """Return what a run trains on. Raises InputError when the data is not there and cannot be had."""
    return _part(data, report, lambda chosen: chosen.train)


def load_for_scoring(data: DataConfig, *, report: Report = lambda sentence, share: None) -> Images:
    """Return what generated images are measured against: the held-out images, or where there are none all of the classes.

    A subset does not narrow it: few images are to be told from many by how well a training on them does.
    """
    return _part(data, report, lambda chosen: chosen.held_out if len(chosen.held_out) else chosen.rest)


def training_places(data: DataConfig, *, report: Report = lambda sentence, share: None) -> Tensor | None:
    """Return where the training images are among those of :func:`load_for_scoring`, int64 [N]; None where they are not."""
    labels = sources.points_of(data.entry)[1] if data.is_points else prepared.obtain(data, report).labels
    chosen = select(labels, data)
    return None if len(chosen.held_out) else torch.from_numpy(np.searchsorted(chosen.rest, chosen.train))


def load_test(name: str, size: int, report: Report) -> Images:
    """Return the part of a downloaded data set that its makers keep for tests."""
    pixels, labels = sources.test_part(name, size, report)
    return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(labels))


def ensure(data: DataConfig, report: Report) -> None:
    """Download and prepare a data set unless that is done. Raises InputError when it cannot be had."""
    if not data.is_points:
        prepared.obtain(data, report)


def _part(data: DataConfig, report: Report, choose: Callable[[Selection], np.ndarray]) -> Images:
    if data.is_points:
        values, labels = sources.points_of(data.entry)
        rows = choose(select(labels, data))
        return Images(torch.from_numpy(values[rows]), torch.from_numpy(labels[rows]))
    found = prepared.obtain(data, report)
    rows = choose(select(found.labels, data))
    named = torch.from_numpy(found.labels[rows])
    if len(rows) * found.pixels[0].nbytes <= _IN_MEMORY:
        return Images(torch.from_numpy(np.asarray(found.pixels[rows])).permute(0, 3, 1, 2), named)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the array is read-only: so it is, and nobody writes
        mapped = torch.from_numpy(found.pixels)
    return Images(mapped.permute(0, 3, 1, 2), named, torch.from_numpy(rows))


def resize(pixels: Tensor, size: int) -> Tensor:
    """Scale uint8 images [N, C, H, W] to ``size`` × ``size``: bilinear, with antialiasing, rounded and clamped."""
    if pixels.shape[-2:] == (size, size):
        return pixels
    parts = [
        functional.interpolate(part.float(), (size, size), mode="bilinear", antialias=True).round().clamp(0, 255).byte()
        for part in pixels.split(4096)
    ]
    return torch.cat(parts)
