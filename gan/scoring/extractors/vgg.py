"""VGG-16 with random weights as a feature extractor for unlabelled images: no training and no download.

Naeem et al. 2020 (2002.09797, section 4) propose random embeddings from VGG-16 (Simonyan and Zisserman 2014, 1409.1556) with the
last hidden layer narrowed to 64. For images unlike photographs, features trained on photographs are no better. A FID is
comparable only on the same weights, so its label names them.
"""

from __future__ import annotations

import hashlib
import math
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.models import vgg16

from gan.data.feed import to_float
from gan.data.loaders import resize
from gan.scoring.extractors.extractor import Extractor
from gan.storage.jobs import Report

LABEL = "random VGG"

#: Increase with every change to the network or its input; scores of different versions are not compared.
VERSION = 1

#: Pixels. Five halvings leave a single position with 512 channels: the first hidden layer has 2 million weights instead of 103
#: million, and an image costs a fiftieth of one with 224 pixels.
SIZE: Literal[32] = 32
FEATURES = 64

_HIDDEN = 4096
_SCALE = 10.0  # FID grows with its square: units and tens instead of hundredths
_SEED = 0


class RandomVGG(nn.Module):
    """uint8 pixels [N, 1 or 3, H, W] → features [N, 64] of either sign, and empty logits [N, 0].

    Grey images are repeated over three channels. The features are taken before the last ReLU, which would set half of them to 0.
    They are multiplied by a constant instead of standardised, because a scale taken from the data would vary between data sets.
    """

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):  # the weights are replaced: spend no memory, time or random numbers on them
            self.body = vgg16(weights=None, init_weights=False).features
            self.head = nn.Sequential(nn.Flatten(), nn.Linear(512, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, FEATURES))
        self.to_empty(device="cpu")

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        images = to_float(resize(pixels, SIZE)).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.head(self.body(images)) * _SCALE
        return features, features.new_empty(len(features), 0)


def load(device: torch.device, report: Report) -> Extractor:
    """Return the network as an extractor; built on each call in about a second, always with the same weights.

    The global random state is left unchanged.
    """
    report("Drawing the random VGG", 0.0)
    network = build()
    identity = f"random-vgg-{VERSION}-{digest(network)[:8]}"
    network.to(device).to(memory_format=torch.channels_last)
    return Extractor(LABEL, identity, None, network, device, batch=128)


def build() -> RandomVGG:
    """Return the network on the CPU, in evaluation mode, with its random weights.

    Weights are normal with variance 2 / inputs, which preserves signal size through ReLUs (He et al. 2015, 1502.01852); biases
    are 0.
    """
    network = RandomVGG().eval().requires_grad_(False)
    random = torch.Generator().manual_seed(_SEED)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            parameter.zero_()
            continue
        # Processors differ in the last digits of logarithms and cosines; rounding float64 to 8 bits gives equal weights on all.
        drawn = torch.randn(parameter.shape, generator=random, dtype=torch.float64)
        parameter.copy_(drawn.mul_(math.sqrt(2.0 / parameter[0].numel())).bfloat16())
    return network


def digest(network: RandomVGG) -> str:
    """Return the SHA-256 of a network's weights as hexadecimal digits; the network must be on the CPU."""
    found = hashlib.sha256()
    for parameter in network.parameters():
        found.update(parameter.detach().contiguous().numpy().data)
    return found.hexdigest()
