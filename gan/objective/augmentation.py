"""What happens to images before the discriminator sees them: DiffAugment, Zhao et al. 2020 (2006.10738), and instance noise.

All functions are differentiable, so the generator learns from what the discriminator sees, and draw from the global random
state, for each image anew.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

_SHIFT = 1 / 8  # of the size, at most
_CUTOUT = 1 / 2  # of the size


def colour(images: Tensor) -> Tensor:
    """Change brightness by up to ±½, saturation by 0 to 2 times and contrast by ½ to 1½ times, of images [N, C, H, W]."""
    images = images + (_uniform(images) - 0.5)
    mean = images.mean(dim=1, keepdim=True)
    images = (images - mean) * (2 * _uniform(images)) + mean
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - mean) * (_uniform(images) + 0.5) + mean


def translation(images: Tensor) -> Tensor:
    """Move images [N, C, H, W] by up to an eighth of their size both ways; what comes in is 0, a middle grey."""
    height, width = images.shape[-2:]
    down, right = round(height * _SHIFT), round(width * _SHIFT)
    padded = functional.pad(images, (right, right, down, down))
    rows = _integers(images, 2 * down + 1) + torch.arange(height, device=images.device)
    columns = _integers(images, 2 * right + 1) + torch.arange(width, device=images.device)
    places = torch.arange(len(images), device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[places, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor) -> Tensor:
    """Set a square of half the size to 0, anywhere in images [N, C, H, W]; it may reach over the edge."""
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

    Each of ``policies`` is applied in turn, then normal noise with the standard deviation ``noise`` is added (Sønderby et al.
    2017, 1610.04490).
    """
    for name in policies:
        images = POLICIES[name](images)
    return images + noise * torch.randn_like(images) if noise else images


def _uniform(images: Tensor) -> Tensor:
    """Draw a number from U(0, 1) for each image, [N, 1, 1, 1]."""
    return torch.rand(len(images), 1, 1, 1, device=images.device, dtype=images.dtype)


def _integers(images: Tensor, end: int) -> Tensor:
    """Draw a whole number from 0 up to below ``end`` for each image, [N, 1]."""
    return torch.randint(end, (len(images), 1), device=images.device)
