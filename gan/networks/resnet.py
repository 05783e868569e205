"""The residual networks of SNGAN for CIFAR-10, Miyato et al. 2018 (1802.05957), table 4, extended to other sizes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gan.config.families import ResnetConfig
from gan.networks.players import prepared

_GENERATOR_START, _DISCRIMINATOR_END = 4, 8  # pixels


class Residual(nn.Module):
    """Residual block: the sum of the ``main`` path and the ``skip`` path."""

    def __init__(self, main: nn.Module, skip: nn.Module) -> None:
        super().__init__()
        self.main, self.skip = main, skip

    def forward(self, images: Tensor) -> Tensor:
        total: Tensor = self.main(images) + self.skip(images)
        return total


class SumPool(nn.Module):
    """Features [N, C, H, W] → [N, C]: sum over all positions."""

    def forward(self, features: Tensor) -> Tensor:
        return torch.sum(features, dim=(2, 3))


def generator(settings: ResnetConfig, inputs: int, shape: tuple[int, ...]) -> nn.Module:
    """Return layers [N, inputs] → images [N, *shape] from −1 to 1: a dense layer to 4×4, then one block per doubling."""
    channels, size, _ = shape
    width, start = settings.width, _GENERATOR_START

    def norm() -> list[nn.Module]:
        return [nn.BatchNorm2d(width)] if settings.generator_norm == "batch" else []

    def block() -> nn.Module:
        double = nn.Upsample(scale_factor=2, mode="nearest")
        main = nn.Sequential(*norm(), nn.ReLU(), double, _conv(width, width), *norm(), nn.ReLU(), _conv(width, width))
        return Residual(main, nn.Sequential(double, _conv(width, width, 1)))

    return nn.Sequential(
        prepared(nn.Linear(inputs, start * start * width), initialise),
        nn.Unflatten(1, (width, start, start)),
        *(block() for _ in range(int(math.log2(size // start)))),
        *norm(),
        nn.ReLU(),
        prepared(nn.Conv2d(width, channels, 3, padding=1), initialise),
        nn.Tanh(),
    )


def discriminator(settings: ResnetConfig, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Return layers [N, *shape] → features [N, width], and their number: halving blocks down to 8×8, then two more blocks."""
    channels, size, _ = shape
    width, is_spectral = settings.width, settings.discriminator_norm == "spectral"

    def conv(inputs: int, kernel: int = 3) -> nn.Module:
        return _conv(inputs, width, kernel, is_spectral=is_spectral)

    halve = nn.AvgPool2d(2)
    first = Residual(nn.Sequential(conv(channels), nn.ReLU(), conv(width), halve), nn.Sequential(halve, conv(channels, 1)))
    blocks = [
        Residual(nn.Sequential(nn.ReLU(), conv(width), nn.ReLU(), conv(width), halve), nn.Sequential(conv(width, 1), halve))
        for _ in range(int(math.log2(size // _DISCRIMINATOR_END)) - 1)
    ]
    ends = [Residual(nn.Sequential(nn.ReLU(), conv(width), nn.ReLU(), conv(width)), nn.Identity()) for _ in range(2)]
    return nn.Sequential(first, *blocks, *ends, nn.ReLU(), SumPool()), width


def initialise(layer: nn.Module) -> None:
    """Draw weights as in Glorot & Bengio 2010; biases are zero."""
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _conv(inputs: int, outputs: int, kernel: int = 3, *, is_spectral: bool = False) -> nn.Module:
    def start(layer: nn.Module) -> None:
        initialise(layer)
        if isinstance(layer, nn.Conv2d) and kernel > 1:  # gain √2, as after a ReLU
            nn.init.xavier_uniform_(layer.weight, gain=math.sqrt(2.0))

    return prepared(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), start, is_spectral=is_spectral)
