"""LPIPS: perceptual distance between two images, from features of an AlexNet trained on photographs.

Zhang et al. 2018 (1801.03924). Torchmetrics ships the weights of the linear layers. AlexNet's weights (Krizhevsky et al. 2012, as
in Krizhevsky 2014, 1404.5997) are torchvision's: 244 MB, used if present and never downloaded unasked.
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

#: Pixels; the patch size LPIPS was fitted to. At 32 pixels, the last three of AlexNet's five stages have a single position.
SMALLEST = 64

_STAGES = (1, 4, 7, 9, 11)  # indices of the AlexNet ReLUs whose outputs are compared
_SHIFT = (-0.030, -0.088, -0.188)  # ImageNet channel means and deviations, for pixels from −1 to 1
_SCALE = (0.458, 0.448, 0.450)
_LEAST = 1e-8  # added to squared norms against division by 0
_PAIRS = 32  # per batch


class Lpips(nn.Module):
    """Two batches of uint8 pixels [N, 1 or 3, H, W] → perceptual distance of each pair [N]; 0 for equal images.

    Grey images are repeated over three channels; images below 64 pixels are scaled up to 64. Create with ``build`` or ``load``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):  # the weights are replaced: spend no time and no random numbers on them
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
        """Yield the features of each stage, normalised to length 1 at each position."""
        images = to_float(pixels).expand(-1, 3, -1, -1)
        if min(images.shape[-2:]) < SMALLEST:
            images = functional.interpolate(images, (SMALLEST, SMALLEST), mode="bilinear", align_corners=False)
        found = (images - self.shift) / self.scale
        for place, layer in enumerate(self.body):
            found = layer(found)
            if place in _STAGES:
                yield found / (found.square().sum(dim=1, keepdim=True) + _LEAST).sqrt()

    def diversity(self, pixels: Tensor, *, pairs: int = 200, seed: int = 0) -> float:
        """Return the mean LPIPS of random pairs of images uint8 [N, C, H, W]: 0 (all equal) and up.

        Higher means more diverse. Noise also scores high, so compare with real images of the same size. Pairs are chosen as in
        ``gan.scoring.metrics.diversity.ms_ssim``. NaN with fewer than two images.
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
    """Return whether no download is needed: ``GAN_ALEXNET`` is set (valid or not), or the weights are downloaded."""
    return WEIGHTS.is_at_hand()


def load(device: torch.device) -> Lpips | None:
    """Return the network, or None if its weights would have to be downloaded.

    Reading and verifying them takes a few tenths of a second: load once per scoring. Raises InputError if they are not the
    published ones.
    """
    return build(WEIGHTS.load(lambda sentence, share: None)).to(device) if is_at_hand() else None


def build(state: dict[str, Tensor]) -> Lpips:
    """Return the network on the CPU, in evaluation mode, with the weights in ``state``, an AlexNet state dictionary."""
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
