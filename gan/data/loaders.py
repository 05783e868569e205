"""The real data of a run as tensors: prepared images, mapped from disk if large, or points."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gan.config.data import DataConfig
from gan.data import prepared, sources
from gan.data.selection import Selection, select
from gan.storage.jobs import Report

_IN_MEMORY = 1 << 28  # bytes; larger sets stay on disk, cached by the system


@dataclass(frozen=True)
class Images:
    """Real images, or points, with their ``labels`` (int64 [N]).

    ``values``: uint8 images [M, C, H, W], possibly mapped from disk, or float32 points [M, 2]. ``rows`` (int64 [N]): the rows
    of ``values`` that belong to the set; None means all.
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
        """All images as one tensor; they must fit into memory."""
        return self.values if self.rows is None else self.values[self.rows]

    def batches(self, size: int) -> Iterator[Tensor]:
        """Yield all images in order, ``size`` at a time."""
        for places in torch.arange(len(self)).split(size):
            yield self.take(places)


def load(data: DataConfig, *, report: Report = lambda sentence, share: None) -> Images:
    """Return the training data of a run. Raises InputError if it is missing and cannot be downloaded or prepared."""
    return _part(data, report, lambda chosen: chosen.train)


def load_for_scoring(data: DataConfig, *, report: Report = lambda sentence, share: None) -> Images:
    """Return the reference for scores: the held-out images, or if there are none all images of the chosen classes.

    A training subset does not shrink the reference, so that scores show the effect of training on fewer images.
    """
    return _part(data, report, lambda chosen: chosen.held_out if len(chosen.held_out) else chosen.rest)


def training_places(data: DataConfig, *, report: Report = lambda sentence, share: None) -> Tensor | None:
    """Return the rows of the training images in :func:`load_for_scoring` (int64 [N]), or None if that set is held out."""
    labels = sources.points_of(data.entry)[1] if data.is_points else prepared.obtain(data, report).labels
    chosen = select(labels, data)
    return None if len(chosen.held_out) else torch.from_numpy(np.searchsorted(chosen.rest, chosen.train))


def load_test(name: str, size: int, report: Report) -> Images:
    """Return the official test split of a downloaded data set, scaled to ``size``."""
    pixels, labels = sources.test_part(name, size, report)
    return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(labels))


def ensure(data: DataConfig, report: Report) -> None:
    """Download and prepare a data set if needed. Raises InputError if that fails."""
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
        warnings.simplefilter("ignore")  # the array is read-only, which is fine: it is never written to
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
