"""LPIPS: how different two images look, by the features of an AlexNet that was trained on photographs.

Zhang et al. 2018 (1801.03924). Torchmetrics brings the weights of its linear layers; AlexNet's (Krizhevsky et al. 2012, as in
Krizhevsky 2014, 1404.5997) are torchvision's, 244 MB that are used where they are at hand and never downloaded unasked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch
import torchmetrics.functional.image as torchmetrics_images
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import AlexNet_Weights, alexnet

from gan.data.feed import to_float
from gan.errors import InputError
from gan.scoring.extractors.weights import Weights
from gan.scoring.metrics.diversity import random_pairs

WEIGHTS = Weights(
    title="AlexNet",
    variable="GAN_ALEXNET",
    url=AlexNet_Weights.IMAGENET1K_V1.url,
    size=244_408_911,
    sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
)

#: Pixels, of the patches that LPIPS was fitted to. Of 32 the last three of AlexNet's five stages see a single place.
SMALLEST = 64

_STAGES = (1, 4, 7, 9, 11)  # the ReLUs of AlexNet, after which features are compared
_SHIFT = (-0.030, -0.088, -0.188)  # ImageNet's mean and deviation of the channels, for pixels from −1 to 1
_SCALE = (0.458, 0.448, 0.450)
_LEAST = 1e-8  # added to squared lengths
_PAIRS = 32  # compared at a time


class Lpips(nn.Module):
    """Two lots of uint8 pixels [N, 1 or 3, H, W] → how different they look, pair by pair [N]; 0 for equal ones.

    A grey image is given to all three channels; images below 64 pixels are scaled up to 64. Make it with ``build`` or ``load``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):  # no time and no random number for weights that are replaced
            self.body = alexnet(weights=None).features[: _STAGES[-1] + 1]
        self.heads = nn.ParameterList()
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        found = torch.zeros(len(one), device=one.device)
        for head, features in zip(self.heads, self._stages(torch.cat([one, other])), strict=True):
            first, second = features.chunk(2)
            found += functional.conv2d((first - second).square(), head).mean(dim=(1, 2, 3))
        return found

    def _stages(self, pixels: Tensor) -> Iterator[Tensor]:
        """Yield the features of each stage, of length 1 at each place."""
        images = to_float(pixels).expand(-1, 3, -1, -1)
        if min(images.shape[-2:]) < SMALLEST:
            images = functional.interpolate(images, (SMALLEST, SMALLEST), mode="bilinear", align_corners=False)
        found = (images - self.shift) / self.scale
        for place, layer in enumerate(self.body):
            found = layer(found)
            if place in _STAGES:
                yield found / (found.square().sum(dim=1, keepdim=True) + _LEAST).sqrt()

    def diversity(self, pixels: Tensor, *, pairs: int = 200, seed: int = 0) -> float:
        """Return the mean LPIPS of random pairs of images uint8 [N, C, H, W], from 0, where all are the same, up.

        The higher, the more diverse, but noise is too: hold it against the figure of real images of the same size. Pairs are
        chosen as in ``gan.scoring.metrics.diversity.ms_ssim``. NaN with less than two images.
        """
        if len(pixels) < 2 or pairs < 1:
            return math.nan
        device = self.scale.device
        total = 0.0
        first, second = random_pairs(len(pixels), pairs, seed)
        for some, others in zip(first.split(_PAIRS), second.split(_PAIRS), strict=True):
            with torch.inference_mode():
                total += float(self(pixels[some].to(device), pixels[others].to(device)).double().sum())
        return total / len(first)


def is_at_hand() -> bool:
    """Return whether AlexNet's weights need not be downloaded: ``GAN_ALEXNET`` is set, rightly or not, or they were before."""
    return WEIGHTS.is_at_hand()


def load(device: torch.device) -> Lpips | None:
    """Return the network, or None where its weights are not at hand.

    Reading and verifying them takes some tenths of a second: load it once a scoring. Raises InputError when they are not the
    published ones.
    """
    return build(WEIGHTS.load(lambda sentence, share: None)).to(device) if is_at_hand() else None


def build(state: dict[str, Tensor]) -> Lpips:
    """Return the network on the CPU, in evaluation mode, with the weights in ``state``, the state dictionary of an AlexNet."""
    network = Lpips()
    prefix = "features."
    body = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    try:
        network.body.load_state_dict(body, assign=True)
    except RuntimeError as error:
        raise InputError(f"The {WEIGHTS.title} weights do not fit this version of torchvision; update torchvision.") from error
    path = Path(torchmetrics_images.__file__).parent / "lpips_models" / "alex.pth"
    heads = torch.load(path, map_location="cpu", weights_only=True)
    network.heads.extend(nn.Parameter(heads[f"lin{stage}.model.1.weight"]) for stage in range(len(_STAGES)))
    return network.eval().requires_grad_(False)
