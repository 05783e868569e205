"""Brightness, contrast and saturation of real and generated images, compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

BINS = 32
HIGHEST = {"brightness": 255.0, "contrast": 127.5, "saturation": 1.0}  # upper ends of the histograms; the lower end is 0

_VALUES = 2**17  # pixel values per batch: 1 MB in float64, which fits into the processor's cache
_ROUNDING = 1e-9  # share of the largest value; smaller differences count as 0


class Looks(NamedTuple):
    """Result of ``look``: one number per image, float64 [N] each."""

    brightness: Tensor
    contrast: Tensor
    saturation: Tensor


@dataclass(frozen=True)
class Comparison:
    """Means, effect size and histograms of one property of real and generated images.

    ``effect``: Cohen's d, the number of standard deviations by which the generated mean exceeds the real one. ``real_counts``
    and ``fake_counts``: images in each of 32 equal bins from 0 to ``highest``.
    """

    real_mean: float
    fake_mean: float
    effect: float
    real_counts: list[int]
    fake_counts: list[int]
    highest: float


def look(pixels: Tensor) -> Looks:
    """Return brightness, contrast and saturation of each image in uint8 [N, C, H, W], with 1 or 3 channels.

    Brightness: the mean of all values, 0 to 255. Contrast: the standard deviation of the grey levels (mean over channels) within
    an image, 0 to 127.5. Saturation as in HSV: (max − min) / max over a pixel's channels, 0 for black pixels, averaged over the
    image, 0 to 1; always 0 for single-channel images.
    """
    if not len(pixels):
        return Looks(*(torch.empty(0, dtype=torch.double) for _ in Looks._fields))
    step = max(1, _VALUES // pixels[0].numel())
    parts = [_look(part) for part in pixels.detach().cpu().split(step)]
    return Looks(*(torch.cat(values) for values in zip(*parts, strict=True)))


def compare(real: Looks, fake: Looks) -> dict[str, Comparison]:
    """Compare generated with real images; return one comparison for each field of ``Looks``.

    Cohen's d is the difference of the means divided by the pooled standard deviation, √(((N − 1) s₁² + (M − 1) s₂²) / (N + M − 2)).
    It is 0 if the means are equal, infinite if they differ and neither side varies, and NaN if a side is empty, both sides have
    one image, or a value is NaN. Rule of thumb: 0.2 is small, 0.8 is large (Cohen 1988).
    """
    return {
        name: Comparison(
            _mean(one), _mean(other), _effect(one, other), _counts(one, HIGHEST[name]), _counts(other, HIGHEST[name]), HIGHEST[name]
        )
        for name, one, other in zip(Looks._fields, real, fake, strict=True)
    }


def _look(pixels: Tensor) -> Looks:
    most, least = pixels.amax(dim=1), pixels.amin(dim=1)
    saturation = (most - least).double() / most.clamp(min=1)
    sums = pixels.double().sum(dim=1).flatten(1)  # over channels
    count, total = sums.shape[1], sums.sum(dim=1)
    # All integers, and for up to 256 × 256 pixels exact in float64: the contrast of a flat image is exactly 0.
    spread = count * sums.square().sum(dim=1) - total.square()
    whole = count * pixels.shape[1]
    return Looks(total / whole, spread.clamp(min=0).sqrt() / whole, saturation.flatten(1).mean(dim=1))


def _mean(values: Tensor) -> float:
    return float(values.double().mean())


def _effect(real: Tensor, fake: Tensor) -> float:
    real, fake = real.double(), fake.double()
    freedom = len(real) + len(fake) - 2
    if not (len(real) and len(fake) and freedom):
        return math.nan
    difference = float(fake.mean() - real.mean())
    spread = math.sqrt(sum(float((values - values.mean()).square().sum()) for values in (real, fake)) / freedom)
    least = _ROUNDING * float(torch.cat([real, fake]).abs().max())
    if math.isnan(difference):
        return math.nan
    if abs(difference) <= least:
        return 0.0
    return difference / spread if spread > least else math.copysign(math.inf, difference)


def _counts(values: Tensor, highest: float) -> list[int]:
    return [int(count) for count in torch.histc(values.double(), bins=BINS, min=0.0, max=highest).tolist()]
