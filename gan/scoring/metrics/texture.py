"""Checkerboard artefacts: texture with a period of 2 or 4 pixels, left by strided transposed convolutions."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

SMALLEST = 8  # pixels; below it a period of 4 cannot be told apart from neighbouring frequencies
MOST = 500  # images examined
_PATCH = 16  # pixels
_IMAGES = 32  # per batch
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
    along_y = (power.roll(1, 0) + power.roll(-1, 0)) / 2
    along_x = (power.roll(1, 1) + power.roll(-1, 1)) / 2
    height_of_peaks = torch.minimum(power - along_y, power - along_x)[::2, ::2]
    height_of_peaks[0, 0] = -math.inf  # the mean brightness
    return float(height_of_peaks.max().exp())


def _spectrum(pixels: Tensor, side: int) -> Tensor:
    """Return the mean power [8, 8] of overlapping patches of all channels at multiples of an eighth of the sampling rate.

    The power of faint noise is added.
    """
    window, transform = _transform(side)
    total = torch.zeros(transform.shape[1], dtype=torch.double)
    patches = 0
    for part in pixels.cpu().split(_IMAGES):
        found = part.float().unfold(2, side, side // 2).unfold(3, side, side // 2).reshape(-1, side * side)
        total += (found @ transform).square().sum(dim=0)
        patches += len(found)
    return total.view(8, 8, 2).sum(dim=2) / patches + _FAINT**2 * window.square().sum()


@lru_cache(maxsize=2)
def _transform(side: int) -> tuple[Tensor, Tensor]:
    """Return the window [side, side], and the discrete Fourier transform of centred and windowed patches as a matrix.

    The matrix, [side², 128], gives the real and imaginary parts at 8 × 8 frequencies. One product is faster than the transforms
    of the patches one by one.
    """
    window = torch.hann_window(side, dtype=torch.double)
    window = window[:, None] * window
    patches = torch.eye(side * side, dtype=torch.double).view(-1, side, side)
    centred = patches - patches.mean(dim=(1, 2), keepdim=True)
    spectrum = torch.fft.fft2(centred * window)[:, :: side // 8, :: side // 8]
    return window, torch.view_as_real(spectrum).flatten(1).float()
