"""Multilayer perceptrons: three linear layers on each side, as in Goodfellow et al. 2014 (1406.2661)."""

from __future__ import annotations

import math

from torch import Tensor, nn


class Generator(nn.Module):
    """z [N, latent] → images [N, *shape] from −1 to 1, or points [N, 2]; batch norm on the hidden layers if asked for."""

    def __init__(self, latent: int, hidden: int, shape: tuple[int, ...], *, has_batch_norm: bool = False) -> None:
        super().__init__()
        self.latent = latent

        def block(inputs: int) -> list[nn.Module]:
            norm = [nn.BatchNorm1d(hidden)] if has_batch_norm else []
            return [nn.Linear(inputs, hidden), *norm, nn.ReLU(inplace=True)]

        self.layers = nn.Sequential(
            *block(latent),
            *block(hidden),
            nn.Linear(hidden, math.prod(shape)),
            *([nn.Tanh(), nn.Unflatten(1, shape)] if len(shape) > 1 else []),
        )

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.layers(z)
        return images


class Discriminator(nn.Module):
    """Images [N, *shape] or points [N, 2] → logits [N]: positive for "real"."""

    def __init__(self, hidden: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(shape), hidden),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(hidden, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.flatten()
