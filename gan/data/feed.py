"""Batches of real images for the trainer: shuffled by a seeded generator and converted to floats per batch."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

import torch
from torch import Tensor

from gan.data.loaders import Images

_ON_DEVICE = 1 << 32  # bytes; larger sets stay off the GPU


def to_float(pixels: Tensor) -> Tensor:
    """Convert uint8 pixels (0 to 255) to float32 from −1 to 1."""
    return pixels.float().div_(127.5).sub_(1.0)


def to_pixels(images: Tensor) -> Tensor:
    """Convert images from −1 to 1 to uint8 pixels, rounded and clamped (a plain ``byte()`` would truncate and wrap)."""
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).byte()


class Feed:
    """The real images, in a new order each epoch.

    The order depends only on the seed and the epoch, the flips only on the seed and the step, so a run can
    resume at any step without stored state. The last, incomplete batch of an epoch is dropped. Images on disk are read one
    batch ahead.
    """

    def __init__(
        self,
        images: Images,
        batch_size: int,
        seed: int,
        *,
        device: torch.device | None = None,
        flips: bool = False,
        part: slice | None = None,
    ) -> None:
        """Expects at least ``batch_size`` images; batches are returned on ``device`` (default: the CPU).

        ``part``: which part of each batch is returned (default: all of it); it has a start and a stop.
        """
        self._part = part or slice(0, batch_size)
        self._device = device or torch.device("cpu")
        is_small = images.rows is None and images.values.nbytes <= _ON_DEVICE
        if is_small and self._device.type != "cpu":
            images = Images(images.values.to(self._device), images.labels)
        self._images, self._batch_size, self._seed, self._flips = images, batch_size, seed, flips
        self._order = lru_cache(maxsize=2)(self._shuffled)  # two, because the reader may be in the next epoch
        self._reader = None if images.rows is None else ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._ahead: tuple[int, Future[Tensor]] | None = None
        self.steps_per_epoch = len(images) // batch_size

    def batch(self, step: int) -> Tensor:
        """Return the batch of one step: float32 images from −1 to 1, [batch, C, H, W] in channels_last, or points [batch, 2]."""
        if self._reader is None:
            taken = self._take(step)
        else:
            is_ready = self._ahead is not None and self._ahead[0] == step
            ready = self._ahead[1] if self._ahead is not None and is_ready else self._reader.submit(self._take, step)
            taken = ready.result()
            self._ahead = step + 1, self._reader.submit(self._take, step + 1)
        if taken.dtype != torch.uint8:
            return taken.to(self._device)
        if self._flips:
            coins = torch.Generator().manual_seed((self._seed * 1_000_003 + step) * 2 + 1)
            is_flipped = (torch.rand(self._batch_size, generator=coins) < 0.5)[self._part].view(-1, 1, 1, 1)
            taken = torch.where(is_flipped.to(taken.device), taken.flip(-1), taken)
        return to_float(taken.to(self._device, non_blocking=True)).contiguous(memory_format=torch.channels_last)

    def labels(self, step: int) -> Tensor:
        """Return the labels of one step, int64 [batch]."""
        order, place = self._place(step)
        return self._images.labels[order.cpu()[place]].to(self._device)

    def _take(self, step: int) -> Tensor:
        """Return the images of one step in their stored dtype."""
        order, place = self._place(step)
        return self._images.take(order[place])

    def _place(self, step: int) -> tuple[Tensor, slice]:
        """Return the order of the step's epoch and the slice of it that the step uses."""
        epoch, place = divmod(step, self.steps_per_epoch)
        first = place * self._batch_size
        return self._order(epoch), slice(first + self._part.start, first + self._part.stop)

    def _shuffled(self, epoch: int) -> Tensor:
        """Return the order of the images in an epoch."""
        shuffle = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(len(self._images), generator=shuffle).to(self._images.values.device)
