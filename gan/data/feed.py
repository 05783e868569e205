"""Feeding real images to the trainer: shuffled by a seeded generator, turned into floats batch by batch."""

from __future__ import annotations

import torch
from torch import Tensor


def to_float(pixels: Tensor) -> Tensor:
    """Turn uint8 pixels (0 to 255) into float32 from −1 to 1."""
    return pixels.float().div_(127.5).sub_(1.0)


def to_pixels(images: Tensor) -> Tensor:
    """Turn images from −1 to 1 into uint8 pixels, rounded and clamped (a bare ``byte()`` would truncate and wrap)."""
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).byte()


class Feed:
    """The real images in memory, in a new order each epoch.

    The order of an epoch depends on the seed and the epoch alone, so the place in it is known from the step alone.
    The last, smaller batch of an epoch is left out.
    """

    def __init__(self, pixels: Tensor, batch_size: int, seed: int) -> None:
        """``pixels``: uint8 [N, C, H, W] on the training device; N must be at least ``batch_size``."""
        self._pixels = pixels
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.long)
        self.steps_per_epoch = len(pixels) // batch_size

    def batch(self, step: int) -> Tensor:
        """Return the real images of one step: float32 from −1 to 1, shape [batch, C, H, W], channels last in memory."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            shuffle = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) % 2**63)
            self._order = torch.randperm(len(self._pixels), generator=shuffle).to(self._pixels.device)
            self._epoch = epoch
        chosen = self._order[place * self._batch_size : (place + 1) * self._batch_size]
        return to_float(self._pixels[chosen]).contiguous(memory_format=torch.channels_last)
