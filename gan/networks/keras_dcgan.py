"""The DCGAN of the Keras and TensorFlow tutorials: a dense projection, 5×5 kernels, LeakyReLU 0.3 and dropout.

With ``conventions`` "keras", the layers compute what Keras 3 computes from the same weights (``benchmarks/keras_steps.py`` compares
whole trainings). "torch" is what runs before schema version 3 were trained with: padding of 2 on all sides, and batch norm that
keeps torch's unbiased variance.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from gan.config.families import KerasDcganConfig
from gan.networks.players import prepared

_SLOPE = 0.3  # Keras' default for LeakyReLU


def generator(settings: KerasDcganConfig, inputs: int, shape: tuple[int, ...]) -> nn.Module:
    """Return layers [N, inputs] → images [N, *shape] from −1 to 1.

    A dense layer to size / 4 with 4·width filters (7·7·256 for 28 pixels, 8·8·256 for 32), then transposed convolutions to
    2·width at the same size, to width at twice the size, and to the image. Up to three extra layers follow the first three
    layers, one each.
    """
    channels, size, _ = shape
    width, start = settings.width, size // 4

    is_keras = settings.conventions == "keras"
    norm_1d, norm_2d = (BatchNorm1d, BatchNorm2d) if is_keras else (nn.BatchNorm1d, nn.BatchNorm2d)

    def extra(place: int, filters: int) -> list[nn.Module]:
        if place >= settings.extra_layers:
            return []
        return _block(nn.Conv2d(filters, filters, 5, padding=2, bias=False), norm_2d, filters)

    def double(inputs: int, outputs: int) -> nn.ConvTranspose2d:
        if is_keras:
            return Double(inputs, outputs)
        return nn.ConvTranspose2d(inputs, outputs, 5, stride=2, padding=2, output_padding=1, bias=False)

    return nn.Sequential(
        *_block(nn.Linear(inputs, start * start * 4 * width, bias=False), norm_1d, start * start * 4 * width),
        nn.Unflatten(1, (4 * width, start, start)),
        *extra(0, 4 * width),
        *_block(nn.ConvTranspose2d(4 * width, 2 * width, 5, padding=2, bias=False), norm_2d, 2 * width),
        *extra(1, 2 * width),
        *_block(double(2 * width, width), norm_2d, width),
        *extra(2, width),
        prepared(double(width, channels), initialise),
        nn.Tanh(),
    )


def discriminator(settings: KerasDcganConfig, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Return layers [N, *shape] → features [N, 2·width, size / 4, size / 4], and their number."""
    channels, size, _ = shape
    layers: list[nn.Module] = []
    for inputs, outputs in ((channels, settings.width), (settings.width, 2 * settings.width)):
        is_keras = settings.conventions == "keras"
        halve = Halve(inputs, outputs) if is_keras else nn.Conv2d(inputs, outputs, 5, stride=2, padding=2)
        layers += [prepared(halve, initialise), nn.LeakyReLU(_SLOPE, inplace=True), nn.Dropout(settings.discriminator_dropout)]
    return nn.Sequential(*layers), 2 * settings.width * (size // 4) ** 2


def initialise(layer: nn.Module) -> None:
    """Draw weights as in Keras (Glorot & Bengio 2010); biases are zero."""
    if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class Halve(nn.Conv2d):
    """Maps [N, C, 2h, 2w] → [N, O, h, w] as Keras' ``Conv2D(O, 5, strides=2, padding="same")``: pads 1 before and 2 after."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 5, stride=2)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(functional.pad(input, (1, 2, 1, 2)))


class Double(nn.ConvTranspose2d):
    """Maps [N, C, h, w] → [N, O, 2h, 2w] as Keras' ``Conv2DTranspose(O, 5, strides=2, padding="same", use_bias=False)``.

    Keras cuts 1 before and 2 after; torch cuts 1 on both sides (its padding), and the last row and column are dropped here.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 5, stride=2, padding=1, bias=False)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(input, output_size)[..., :-1, :-1]


class PopulationVariance(_BatchNorm):
    """Batch norm whose running variance averages those of the batches divided by n, as in Keras, instead of by n − 1."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.running_var is None or self.num_batches_tracked is None:
            return super().forward(input)
        count = input.numel() // self.num_features
        share = self.momentum if self.momentum is not None else 1 / (int(self.num_batches_tracked) + 1)
        kept = self.running_var.clone()  # becomes (1 − share)·before + share·variance·n / (n − 1), and belongs to the graph
        normalised = functional.batch_norm(input, self.running_mean, kept, self.weight, self.bias, True, share, self.eps)
        with torch.no_grad():
            self.running_var.mul_((1 - share) / count).add_(kept, alpha=(count - 1) / count)
            self.num_batches_tracked.add_(1)
        return normalised


class BatchNorm1d(PopulationVariance, nn.BatchNorm1d):
    """Batch norm of vectors [N, C] as in Keras."""


class BatchNorm2d(PopulationVariance, nn.BatchNorm2d):
    """Batch norm of maps [N, C, H, W] as in Keras."""


def _block(layer: nn.Module, norm: type[nn.Module], outputs: int) -> list[nn.Module]:
    # Keras' defaults: ε = 0.001 and momentum 0.99, which torch counts the other way round (1 − 0.99).
    return [prepared(layer, initialise), norm(outputs, eps=1e-3, momentum=0.01), nn.LeakyReLU(_SLOPE, inplace=True)]
