"""Small R3GAN networks, Huang et al. 2024 (2501.05441): residual blocks of grouped convolutions, without normalisation.

Differences from the paper: fewer filters, plain bilinear and average resampling, and tanh at the end, because images here range
from −1 to 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gan.config.families import ModernConfig
from gan.networks.players import prepared

_START = 4  # pixels
_WIDEST = 4  # at most this multiple of the width, which is used at full image size
_EXPANSION, _GROUP = 2, 16  # inside a block: twice the filters, in groups of 16
_GAIN = math.sqrt(2.0 / (1.0 + 0.2**2))  # keeps the variance through LeakyReLU 0.2


class Basis(nn.Module):
    """[N, inputs] → [N, filters, 4, 4]: learned 4×4 pictures, each weighted by a linear function of the input."""

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__()
        self.pictures = nn.Parameter(torch.randn(filters, _START, _START))
        self.weigh = prepared(nn.Linear(inputs, filters, bias=False), initialise)

    def forward(self, inputs: Tensor) -> Tensor:
        weighted: Tensor = self.weigh(inputs)[:, :, None, None] * self.pictures
        return weighted


class Block(nn.Module):
    """Residual block on [N, filters, H, W]: 1×1, grouped 3×3 and 1×1 convolutions; the identity at initialisation.

    ``blocks`` is the number of blocks in the network; the initial weights are scaled down with it (Fixup, Zhang et al. 2019).
    """

    def __init__(self, filters: int, blocks: int) -> None:
        super().__init__()
        inner, scale = _EXPANSION * filters, _GAIN * blocks**-0.25
        self.layers = nn.Sequential(
            _conv(filters, inner, 1, scale),
            nn.LeakyReLU(0.2, inplace=True),
            _conv(inner, inner, 3, scale, groups=inner // _GROUP),
            nn.LeakyReLU(0.2, inplace=True),
            _conv(inner, filters, 1, 0.0, has_bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        total: Tensor = features + self.layers(features)
        return total


def generator(settings: ModernConfig, inputs: int, shape: tuple[int, ...]) -> nn.Module:
    """Return layers [N, inputs] → images [N, *shape] from −1 to 1."""
    channels, size, _ = shape
    filters = _filters(settings, size)
    layers: list[nn.Module] = [Basis(inputs, filters[-1])]
    before = filters[-1]
    for level, outputs in enumerate(reversed(filters)):
        layers += [_conv(before, outputs, 1, 1.0, has_bias=False)] if outputs != before else []
        layers += [nn.Upsample(scale_factor=2, mode="bilinear")] if level else []
        layers += [Block(outputs, settings.blocks * len(filters)) for _ in range(settings.blocks)]
        before = outputs
    return nn.Sequential(*layers, _conv(before, channels, 1, 1.0, has_bias=False), nn.Tanh())


def discriminator(settings: ModernConfig, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Return layers [N, *shape] → features [N, filters, 1, 1], and their number."""
    channels, size, _ = shape
    filters = _filters(settings, size)
    layers: list[nn.Module] = [_conv(channels, filters[0], 1, 1.0)]
    before = filters[0]
    for level, outputs in enumerate(filters):
        layers += [nn.AvgPool2d(2)] if level else []
        layers += [_conv(before, outputs, 1, 1.0, has_bias=False)] if outputs != before else []
        layers += [Block(outputs, settings.blocks * len(filters)) for _ in range(settings.blocks)]
        before = outputs
    return nn.Sequential(*layers, _conv(before, before, _START, 1.0, groups=before, padding=0, has_bias=False)), before


def initialise(layer: nn.Module) -> None:
    """Draw weights from a normal distribution with standard deviation 1/√inputs; biases are zero."""
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        nn.init.normal_(layer.weight, 0.0, layer.weight[0].numel() ** -0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _filters(settings: ModernConfig, size: int) -> list[int]:
    """Return the number of filters at each size, from the image size down to 4 pixels."""
    return [settings.width * min(_WIDEST, 2**level) for level in range(int(math.log2(size // _START)) + 1)]


def _conv(
    inputs: int, outputs: int, kernel: int, gain: float, *, groups: int = 1, padding: int | None = None, has_bias: bool = True
) -> nn.Conv2d:
    convolution = nn.Conv2d(
        inputs, outputs, kernel, padding=kernel // 2 if padding is None else padding, groups=groups, bias=has_bias
    )
    initialise(convolution)
    convolution.weight.data.mul_(gain)
    return convolution
