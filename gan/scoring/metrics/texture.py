"""Checkerboard artefacts: texture with a period of 2 or 4 pixels, left by strided transposed convolutions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SMALLEST = 8  # pixels; below it a period of 4 cannot be told apart from neighbouring frequencies
MOST = 500  # images examined
_PATCH = 16  # pixels
_FAINT = 12.0  # grey levels of noise; much fainter patterns are invisible and must not count


def checkerboard(pixels: Tensor) -> float:
    """Return the strength of the strongest pattern with a period of 2 or 4 pixels in uint8 images [N, C, H, W].

    About 1 or less without a pattern, 2 or more with one. It is a ratio of spectral power: the power at one of 15 frequencies
    (multiples of a quarter of the sampling rate in both directions) divided by the power of its neighbours, in the direction
    in which it stands out less. Edges and stripes of real objects therefore do not count. The spectrum is the mean over
    overlapping patches (Welch 1967), because the pattern varies with the content. Cause of such patterns: Odena, Dumoulin and
    Olah 2016, "Deconvolution and Checkerboard Artifacts". Images enlarged by 2 or 4 have the same spectrum: compare with real
    images. NaN without images or with fewer than 8 pixels along a side.
    """
    height, width = pixels.shape[-2:]
    if not len(pixels) or min(height, width) < SMALLEST:
        return math.nan
    side = _PATCH if min(height, width) >= _PATCH else SMALLEST
    power = _spectrum(pixels[:MOST], side).log()
    beside = side // 8  # reach of the window around a peak
    along_y = (power.roll(beside, 0) + power.roll(-beside, 0)) / 2
    along_x = (power.roll(beside, 1) + power.roll(-beside, 1)) / 2
    height_of_peaks = torch.minimum(power - along_y, power - along_x)[:: side // 4, :: side // 4]
    height_of_peaks[0, 0] = -math.inf  # the mean brightness
    return float(height_of_peaks.max().exp())


def _spectrum(pixels: Tensor, side: int) -> Tensor:
    """Return the mean power [side, side] of overlapping patches of all channels, plus the power of faint noise."""
    window = torch.hann_window(side, dtype=torch.float)
    window = window[:, None] * window
    total = torch.zeros(side, side, dtype=torch.double)
    patches = 0
    for part in pixels.split(32):
        found = part.float().unfold(2, side, side // 2).unfold(3, side, side // 2)
        found = found - found.mean(dim=(-2, -1), keepdim=True)
        power = torch.fft.fft2(found * window).abs().square()
        total += power.sum(dim=(0, 1, 2, 3)).cpu()
        patches += power[..., 0, 0].numel()
    return total / patches + _FAINT**2 * window.square().sum()
