"""Deep convolutional GAN, Radford et al. 2015 (1511.06434)."""

from __future__ import annotations

import itertools

from torch import Tensor, nn


class Generator(nn.Module):
    """z [N, latent] → images [N, channels, size, size] from −1 to 1.

    A projection to ``size / 2**depth`` pixels, then ``depth`` transposed convolutions that double the size; batch norm and
    ReLU after each but the last, tanh at the end. ``width`` filters before the image, twice as many at each smaller size.
    """

    def __init__(self, latent: int, width: int, depth: int, size: int, channels: int) -> None:
        super().__init__()
        self.latent = latent
        widths = [width * 2**level for level in reversed(range(depth))]
        layers: list[nn.Module] = [
            nn.Unflatten(1, (latent, 1, 1)),
            nn.ConvTranspose2d(latent, widths[0], size >> depth, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for inputs, outputs in itertools.pairwise(widths):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1), nn.Tanh())
        self.apply(initialise)

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.layers(z)
        return images


class Discriminator(nn.Module):
    """Images [N, channels, size, size] → logits [N]: positive for "real".

    ``depth`` strided convolutions that halve the size, batch norm on all but the first, LeakyReLU 0.2; no sigmoid.
    """

    def __init__(self, width: int, depth: int, size: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for level in range(1, depth):
            inputs, outputs = width * 2 ** (level - 1), width * 2**level
            layers += [
                nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width * 2 ** (depth - 1), 1, size >> depth))
        self.apply(initialise)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.flatten()


def initialise(layer: nn.Module) -> None:
    """Draw weights from N(0, 0.02) and batch-norm scales from N(1, 0.02), as the paper does."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
