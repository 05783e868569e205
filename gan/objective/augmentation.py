"""Augmentation of the discriminator's inputs: DiffAugment, Zhao et al. 2020 (2006.10738), and instance noise.

All functions are differentiable, so that gradients reach the generator. They draw independently for each image, from the global
random state.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

_SHIFT = 1 / 8  # of the size, at most
_CUTOUT = 1 / 2  # of the size


def colour(images: Tensor) -> Tensor:
    """Add up to ±½ to the brightness of images [N, C, H, W]; multiply saturation by 0 to 2 and contrast by ½ to 1½."""
    images = images + (_uniform(images) - 0.5)
    mean = images.mean(dim=1, keepdim=True)
    images = (images - mean) * (2 * _uniform(images)) + mean
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - mean) * (_uniform(images) + 0.5) + mean


def translation(images: Tensor) -> Tensor:
    """Shift images [N, C, H, W] by up to an eighth of their size along both axes, filling with 0 (middle grey)."""
    height, width = images.shape[-2:]
    down, right = round(height * _SHIFT), round(width * _SHIFT)
    padded = functional.pad(images, (right, right, down, down))
    rows = _integers(images, 2 * down + 1) + torch.arange(height, device=images.device)
    columns = _integers(images, 2 * right + 1) + torch.arange(width, device=images.device)
    places = torch.arange(len(images), device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[places, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor) -> Tensor:
    """Set a square of half the size to 0 at a random position in images [N, C, H, W]; it may extend over the edge."""
    height, width = images.shape[-2:]
    tall, wide = round(height * _CUTOUT), round(width * _CUTOUT)
    top = _integers(images, height + 1 - tall % 2) - tall // 2
    left = _integers(images, width + 1 - wide % 2) - wide // 2
    rows, columns = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    is_row, is_column = (rows >= top) & (rows < top + tall), (columns >= left) & (columns < left + wide)
    return images * ~(is_row[:, None, :, None] & is_column[:, None, None, :])


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {"colour": colour, "translation": translation, "cutout": cutout}


def augment(images: Tensor, policies: tuple[str, ...], noise: float = 0.0) -> Tensor:
    """Return images [N, C, H, W], or points [N, 2], as the discriminator sees them.

    Applies ``policies`` in order, then adds normal noise with standard deviation ``noise`` (Sønderby et al. 2017, 1610.04490).
    """
    for name in policies:
        images = POLICIES[name](images)
    return images + noise * torch.randn_like(images) if noise else images


def _uniform(images: Tensor) -> Tensor:
    """Draw from U(0, 1) for each image, [N, 1, 1, 1]."""
    return torch.rand(len(images), 1, 1, 1, device=images.device, dtype=images.dtype)


def _integers(images: Tensor, end: int) -> Tensor:
    """Draw an integer from 0 to ``end`` − 1 for each image, [N, 1]."""
    return torch.randint(end, (len(images), 1), device=images.device)
