"""What can be wrong with real images in the laboratory: fewer of them, and changed pixels; pure functions of tensors.

Disturbances as in Heusel et al. 2017 (1706.08500), figure 3, which showed that FID rises with them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def choose(labels: Tensor, count: int, classes: int, distinct: int, random: torch.Generator) -> Tensor:
    """Return ``count`` places (int64) among images with ``labels`` [N]: ``distinct`` images of the first ``classes`` classes.

    The classes take turns, so that ten distinct digits are one of each. Fewer images than ``count`` are repeated, equally often.
    """
    order = torch.randperm(len(labels), generator=random)
    order = order[labels[order] < classes]
    kinds = labels[order]
    turn = torch.empty_like(order)
    for kind in kinds.unique():
        members = (kinds == kind).nonzero().flatten()
        turn[members] = torch.arange(len(members))
    in_turns = order[(turn * (int(labels.max()) + 1) + kinds).argsort()]
    return in_turns[:distinct][torch.arange(count) % min(distinct, len(in_turns))]


def disturb(
    pixels: Tensor,
    random: torch.Generator,
    *,
    contrast: float = 1.0,
    brightness: float = 0.0,
    blur: float = 0.0,
    noise: float = 0.0,
) -> Tensor:
    """Return changed copies of uint8 images [N, C, H, W].

    ``contrast``: factor on the difference from an image's mean, 1 for no change. ``brightness``: share of the range that is added.
    ``blur``: σ of a Gaussian in pixels. ``noise``: σ of independent normal noise, as a share of the range.
    """
    images = pixels.float()
    if contrast != 1:
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = (mean + contrast * (images - mean)).clamp(0, 255)
    if brightness:
        images = (images + 255 * brightness).clamp(0, 255)
    if blur:
        images = _blurred(images, blur)
    if noise:
        images = images + 255 * noise * torch.randn(images.shape, generator=random)
    return images.round().clamp(0, 255).byte()


def _blurred(images: Tensor, sigma: float) -> Tensor:
    """Return images [N, C, H, W] convolved with a Gaussian of ``sigma`` pixels; edges are repeated."""
    reach = math.ceil(3 * sigma)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
    kernel = (weights / weights.sum()).view(1, 1, 1, -1)
    flat = images.flatten(0, 1).unsqueeze(1)
    across = functional.conv2d(functional.pad(flat, (reach, reach, 0, 0), mode="replicate"), kernel)
    down = functional.conv2d(functional.pad(across, (0, 0, reach, reach), mode="replicate"), kernel.transpose(2, 3))
    return down.view_as(images)
