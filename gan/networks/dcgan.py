"""Deep convolutional GAN, Radford et al. 2015 (1511.06434)."""

from __future__ import annotations

from torch import nn

from gan.config.families import DcganConfig
from gan.networks.convolutions import Conv2d, ConvTranspose2d
from gan.networks.players import prepared


def generator(settings: DcganConfig, inputs: int, shape: tuple[int, ...]) -> nn.Module:
    """Return layers [N, inputs] → images [N, *shape] from −1 to 1.

    A projection to ``size / 2**depth`` pixels, then ``depth`` transposed convolutions that double the size. Norm and ReLU after
    each but the last, tanh at the end. ``width`` filters before the image layer, doubling with each halving of the size.
    """
    channels, size, _ = shape
    norm, depth, kernel = settings.generator_norm, settings.depth, settings.kernel
    widths = [settings.width * 2**level for level in reversed(range(depth))]
    has_bias = norm not in ("batch", "instance")

    def block(convolution: nn.Module, outputs: int) -> list[nn.Module]:
        dropout = [nn.Dropout(settings.generator_dropout)] if settings.generator_dropout else []
        return [_prepared(convolution, norm), *_norm(norm, outputs), nn.ReLU(inplace=True), *dropout]

    layers: list[nn.Module] = [nn.Unflatten(1, (inputs, 1, 1))]
    before = inputs
    for level, filters in enumerate(widths):
        rise = (
            ConvTranspose2d(before, filters, size >> depth, bias=has_bias)
            if level == 0
            else _double(before, filters, kernel, has_bias=has_bias)
        )
        layers += block(rise, filters)
        for _ in range(settings.extra_layers):
            layers += block(nn.Conv2d(filters, filters, 3, padding=1, bias=has_bias), filters)
        before = filters
    return nn.Sequential(*layers, _prepared(_double(before, channels, kernel), norm), nn.Tanh())


def discriminator(settings: DcganConfig, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Return layers [N, *shape] → features [N, filters, size / 2**depth, size / 2**depth], and their number.

    ``depth`` strided convolutions that halve the size, norm after all but the first, LeakyReLU 0.2. Without norm, weights are
    initialised as in He et al. 2015 (1502.01852) instead.
    """
    channels, size, _ = shape
    layers: list[nn.Module] = []
    before = channels
    for level in range(settings.depth):
        filters = settings.width * 2**level
        for number in range(1 + settings.extra_layers):
            norm = settings.discriminator_norm
            if layers == [] and norm in ("batch", "instance"):
                norm = "none"
            has_bias = norm not in ("batch", "instance")
            convolution = (
                Conv2d(before, filters, settings.kernel, stride=2, padding=(settings.kernel - 1) // 2, bias=has_bias)
                if number == 0
                else nn.Conv2d(filters, filters, 3, padding=1, bias=has_bias)
            )
            start = _keep_variance if settings.discriminator_norm == "none" else initialise
            convolution = prepared(convolution, start, is_spectral=norm == "spectral")
            layers += [convolution, *_norm(norm, filters), nn.LeakyReLU(0.2, inplace=True)]
            layers += [nn.Dropout(settings.discriminator_dropout)] if settings.discriminator_dropout else []
        before = filters
    return nn.Sequential(*layers), before * (size >> settings.depth) ** 2


def initialise(layer: nn.Module) -> None:
    """Draw weights from N(0, 0.02) and batch-norm scales from N(1, 0.02), as in the paper."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


def _keep_variance(layer: nn.Module) -> None:
    """Draw weights that preserve the variance (He et al. 2015): without norm, N(0, 0.02) shrinks signals layer by layer."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, a=0.2)


def _double(inputs: int, outputs: int, kernel: int, *, has_bias: bool = True) -> ConvTranspose2d:
    """Return a transposed convolution that exactly doubles the size."""
    return ConvTranspose2d(inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel % 2, bias=has_bias)


def _prepared(convolution: nn.Module, norm: str) -> nn.Module:
    return prepared(convolution, initialise, is_spectral=norm == "spectral")


def _norm(norm: str, channels: int) -> list[nn.Module]:
    kinds = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
    return [prepared(kinds[norm](channels, affine=True), initialise)] if norm in kinds else []
