"""Multilayer perceptrons: three linear layers on each side, as in Goodfellow et al. 2014 (1406.2661)."""

from __future__ import annotations

from torch import Tensor, nn


class Generator(nn.Module):
    """z [N, latent] → images [N, channels, size, size] from −1 to 1; batch norm on the hidden layers if asked for."""

    def __init__(self, latent: int, hidden: int, size: int, channels: int, *, has_batch_norm: bool = False) -> None:
        super().__init__()
        self.latent = latent

        def block(inputs: int) -> list[nn.Module]:
            norm = [nn.BatchNorm1d(hidden)] if has_batch_norm else []
            return [nn.Linear(inputs, hidden), *norm, nn.ReLU(inplace=True)]

        self.layers = nn.Sequential(
            *block(latent),
            *block(hidden),
            nn.Linear(hidden, channels * size * size),
            nn.Tanh(),
            nn.Unflatten(1, (channels, size, size)),
        )

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.layers(z)
        return images


class Discriminator(nn.Module):
    """Images [N, channels, size, size] → logits [N]: positive for "real"."""

    def __init__(self, hidden: int, size: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * size * size, hidden),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(hidden, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.flatten()
