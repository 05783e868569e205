"""The DCGAN of the Keras and TensorFlow tutorials: a dense projection, 5×5 kernels, LeakyReLU 0.3 and dropout."""

from __future__ import annotations

from torch import nn

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

    def extra(place: int, filters: int) -> list[nn.Module]:
        if place >= settings.extra_layers:
            return []
        return _block(nn.Conv2d(filters, filters, 5, padding=2, bias=False), nn.BatchNorm2d, filters)

    return nn.Sequential(
        *_block(nn.Linear(inputs, start * start * 4 * width, bias=False), nn.BatchNorm1d, start * start * 4 * width),
        nn.Unflatten(1, (4 * width, start, start)),
        *extra(0, 4 * width),
        *_block(nn.ConvTranspose2d(4 * width, 2 * width, 5, padding=2, bias=False), nn.BatchNorm2d, 2 * width),
        *extra(1, 2 * width),
        *_block(_double(2 * width, width), nn.BatchNorm2d, width),
        *extra(2, width),
        prepared(_double(width, channels), initialise),
        nn.Tanh(),
    )


def discriminator(settings: KerasDcganConfig, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Return layers [N, *shape] → features [N, 2·width, size / 4, size / 4], and their number."""
    channels, size, _ = shape
    layers: list[nn.Module] = []
    for inputs, outputs in ((channels, settings.width), (settings.width, 2 * settings.width)):
        convolution = prepared(nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), initialise)
        layers += [convolution, nn.LeakyReLU(_SLOPE, inplace=True), nn.Dropout(settings.discriminator_dropout)]
    return nn.Sequential(*layers), 2 * settings.width * (size // 4) ** 2


def initialise(layer: nn.Module) -> None:
    """Draw weights as in Keras (Glorot & Bengio 2010); biases are zero."""
    if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _double(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 5, stride=2, padding=2, output_padding=1, bias=False)


def _block(layer: nn.Module, norm: type[nn.Module], outputs: int) -> list[nn.Module]:
    # Keras' defaults: ε = 0.001 and momentum 0.99, which torch counts the other way round (1 − 0.99).
    return [prepared(layer, initialise), norm(outputs, eps=1e-3, momentum=0.01), nn.LeakyReLU(_SLOPE, inplace=True)]
