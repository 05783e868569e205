"""A VGG-16 with random weights, as feature extractor for images without labels: nothing to train, nothing to download.

Naeem et al. 2020 (2002.09797, section 4) propose random embeddings, and narrow the last hidden layer of VGG-16 (Simonyan and
Zisserman 2014, 1409.1556) to 64 for them: where images have little in common with photographs, features that were trained on
photographs tell no more. Such a FID is comparable only with others on the same weights, so the label says which.
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

#: Raise it with every change to the network or to what it is given: scores of another version are not compared.
VERSION = 1

#: Pixels. Five halvings leave one place of 512 channels, so the first hidden layer has 2 million weights in place of 103
#: million, and an image costs a fiftieth of what 224 pixels cost.
SIZE: Literal[32] = 32
FEATURES = 64

_HIDDEN = 4096
_SCALE = 10.0  # FIDs grow with its square: they come to ones and tens, where the bare features give hundredths
_SEED = 0


class RandomVGG(nn.Module):
    """uint8 pixels [N, 1 or 3, H, W] → features [N, 64] of any sign, and logits [N, 0], since it knows no classes.

    A grey image is given to all three channels. The features are taken before the last ReLU, which would set half of them to
    0, and are multiplied by a constant, not standardised: a scale taken from the data would differ from data set to data set.
    """

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):  # no memory, no time and no random number for weights that are replaced
            self.body = vgg16(weights=None, init_weights=False).features
            self.head = nn.Sequential(nn.Flatten(), nn.Linear(512, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, FEATURES))
        self.to_empty(device="cpu")

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        images = to_float(resize(pixels, SIZE)).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.head(self.body(images)) * _SCALE
        return features, features.new_empty(len(features), 0)


def load(device: torch.device, report: Report) -> Extractor:
    """Return the network as an extractor; it is made anew each time, which takes about a second, and is always the same.

    The global random state stays as it is.
    """
    report("Drawing the random VGG", 0.0)
    network = build()
    identity = f"random-vgg-{VERSION}-{digest(network)[:8]}"
    network.to(device).to(memory_format=torch.channels_last)
    return Extractor(LABEL, identity, None, network, device, batch=128)


def build() -> RandomVGG:
    """Return the network on the CPU, in evaluation mode, with its random weights.

    They are normal with the variance 2 / inputs, with which signals keep their size through ReLUs (He et al. 2015,
    1502.01852); biases are 0.
    """
    network = RandomVGG().eval().requires_grad_(False)
    random = torch.Generator().manual_seed(_SEED)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            parameter.zero_()
            continue
        # Processors differ in the last digits of a logarithm or a cosine: eight binary digits of a float64 are the same on all.
        drawn = torch.randn(parameter.shape, generator=random, dtype=torch.float64)
        parameter.copy_(drawn.mul_(math.sqrt(2.0 / parameter[0].numel())).bfloat16())
    return network


def digest(network: RandomVGG) -> str:
    """Return the SHA-256 of the weights of a network on the CPU, as hexadecimal digits."""
    found = hashlib.sha256()
    for parameter in network.parameters():
        found.update(parameter.detach().contiguous().numpy().data)
    return found.hexdigest()
