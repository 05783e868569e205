"""Diversity of generated images: MS-SSIM of pairs, near duplicates, and support size by the birthday paradox."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gan.data import survey

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # per scale, fine to coarse; Wang et al. 2003, section 3.2
_WINDOW, _SIGMA = 11, 1.5  # pixels; size and standard deviation of the Gaussian window
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # for brightness and contrast; Wang et al. 2004
_PAIRS = 32  # per batch
_IMAGES = 512  # per batch
_FLAT = 3.0  # grey levels of 255; thumbnails that vary less are flat, and flat ones whose greys differ less look the same
_BLOCK = 2**21  # pairs of images in memory at a time


class Duplicates(NamedTuple):
    """Share of images (0 to 1) with a near duplicate among the others, number of such ``pairs``, and number of images."""

    share: float
    pairs: int
    images: int


def ms_ssim(pixels: Tensor, *, pairs: int = 500, seed: int = 0) -> float:
    """Return the mean MS-SSIM, 0 to 1, of random pairs of images uint8 [N, C, H, W]; 1 if all images are equal.

    Lower means more diverse. Noise also scores low, so compare with real images of the same size. Wang et al. 2003; proposed for
    GANs by Odena et al. 2017 (1610.09585). Each pair has two different images, drawn with ``seed``; if there are at most ``pairs``
    possible pairs, each is used once.

    Torchmetrics needs large images for the usual five scales: 256 pixels allow five, 128 four, 64 three, 16 and 32 two. The weights
    in use are scaled to a sum of 1, so values for different image sizes are not comparable. NaN below 11 pixels or with fewer
    than two images. Computed in float32, accurate to about 1e-4; float64 takes ten times as long.
    """
    count, scales = len(pixels), _scales(min(pixels.shape[-2:]))
    if count < 2 or pairs < 1 or not scales:
        return math.nan
    first, second = random_pairs(count, pairs, seed)
    weights = tuple(weight / sum(_WEIGHTS[:scales]) for weight in _WEIGHTS[:scales])
    total = 0.0
    for some, others in zip(first.split(_PAIRS), second.split(_PAIRS), strict=True):
        total += float(_ms_ssim(pixels[some].cpu().float(), pixels[others].cpu().float(), weights).double().sum())
    return min(1.0, total / len(first))


def _ms_ssim(ones: Tensor, others: Tensor, weights: Sequence[float]) -> Tensor:
    """Return the MS-SSIM [N] of pairs of images float32 [N, C, H, W], with one weight per scale; as torchmetrics computes it."""
    found = torch.ones(len(ones))
    for scale, weight in enumerate(weights, 1):
        is_coarsest = scale == len(weights)
        found *= _likeness(ones, others, is_coarsest=is_coarsest).clamp(min=0) ** weight
        if not is_coarsest:
            ones, others = functional.avg_pool2d(ones, 2), functional.avg_pool2d(others, 2)
    return found


def _likeness(ones: Tensor, others: Tensor, *, is_coarsest: bool) -> Tensor:
    """Return the likeness [N] of pairs at one scale: of structure and contrast, at the coarsest scale of brightness too.

    The blur is separable, so it is two matrix products. The coarsest scale includes the margins, with mirrored pixels.
    """
    rows, columns = (_blur(side, has_margins=is_coarsest) for side in ones.shape[2:])
    seen = torch.cat([ones, others, ones.square() + others.square(), ones * others])
    one, other, squares, product = (rows @ (seen @ columns.T)).chunk(4)
    both, strengths = one * other, one.square() + other.square()
    likeness = (2 * (product - both) + _C2) / ((squares - strengths).clamp(min=0) + _C2)
    if is_coarsest:
        likeness *= (2 * both + _C1) / (strengths + _C1)
    return likeness.flatten(1).mean(dim=1)


@lru_cache(maxsize=16)
def _blur(side: int, *, has_margins: bool) -> Tensor:
    """Return the matrix that blurs ``side`` pixels with the Gaussian window; without margins, [side − 10, side]."""
    reach = _WINDOW // 2
    weights = torch.exp(-((torch.arange(_WINDOW, dtype=torch.double) - reach) / _SIGMA).square() / 2)
    places = torch.arange(side)[:, None] + torch.arange(-reach, reach + 1)
    mirrored = (side - 1 - (side - 1 - places.abs()).abs()).flatten()
    blur = torch.zeros(side, side, dtype=torch.double)
    rows = torch.arange(side).repeat_interleave(_WINDOW)
    blur.index_put_((rows, mirrored), (weights / weights.sum()).repeat(side), accumulate=True)
    return (blur if has_margins else blur[reach:-reach]).float()


def random_pairs(count: int, pairs: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return random pairs of different images as two index tensors [P]; all pairs once if there are at most ``pairs``."""
    if count * (count - 1) // 2 <= pairs:
        first, second = torch.triu_indices(count, count, offset=1)
        return first, second
    random = torch.Generator().manual_seed(seed)
    first = torch.randint(count, (pairs,), generator=random)
    return first, (first + torch.randint(1, count, (pairs,), generator=random)) % count


def near_duplicates(pixels: Tensor) -> Duplicates:
    """Count the images in uint8 [N, C, S, S], S at least 9, that have a near duplicate among the others.

    Near duplicates are defined as in ``gan.data.survey``: equal pixels, or difference hashes at most 3 of 64 bits apart, thumbnails
    with a correlation of at least 0.99, and colours at most 8 levels of 255 apart. Two nearly flat thumbnails of the same grey also
    count, because their correlation is only noise. Unlike in the survey, every pair is compared and both images of a pair count.
    Simple images resemble each other anyway: compare with the share among the same number of real images. NaN with fewer than two
    images.
    """
    count = len(pixels)
    if count < 2:
        return Duplicates(math.nan, 0, count)
    images = pixels.detach().cpu().permute(0, 2, 3, 1).contiguous().numpy()
    parts = [survey.fingerprints(images[start : start + _IMAGES]) for start in range(0, count, _IMAGES)]
    hashes = np.concatenate([part[0] for part in parts])
    raw = np.concatenate([part[1] for part in parts])
    thumbnails, tints = survey.standardised(raw), survey.tints(raw, images.shape[-1])
    strengths = np.square(tints).sum(axis=1)
    greys, is_flat = raw.mean(axis=1), raw.std(axis=1) < _FLAT
    numbers: dict[bytes, int] = {}
    originals = np.array([numbers.setdefault(survey.digest(image), row) for row, image in enumerate(images)])
    has_twin = np.zeros(count, dtype=bool)
    found = 0
    step = max(1, _BLOCK // count)
    for start in range(0, count, step):
        rows, later = slice(start, start + step), slice(start, count)
        is_near = np.bitwise_count(hashes[rows, None] ^ hashes[None, later]) <= survey.MOST_BITS
        is_near &= _products(thumbnails[rows], thumbnails[later]) >= survey.LEAST_CORRELATION
        if images.shape[-1] > 1:
            apart = strengths[rows, None] + strengths[None, later] - 2 * _products(tints[rows], tints[later])  # squared distances
            is_near &= apart <= survey.MOST_TINT**2
        is_near |= is_flat[rows, None] & is_flat[None, later] & (np.abs(greys[rows, None] - greys[None, later]) < _FLAT)
        is_near |= originals[rows, None] == originals[None, later]  # single-colour images have no correlation
        is_near = np.triu(is_near, 1)
        has_twin[rows] |= is_near.any(axis=1)
        has_twin[later] |= is_near.any(axis=0)
        found += int(is_near.sum())
    return Duplicates(float(has_twin.mean()), found, count)


def _products(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the inner products of all rows, with the threads of torch: NumPy would take all cores, a training's too."""
    found: np.ndarray = (torch.from_numpy(some) @ torch.from_numpy(others).T).numpy()
    return found


def support(draws: Sequence[Duplicates]) -> float | None:
    """Estimate the number of distinct images (1 and up) from the duplicates within several draws; None without duplicates.

    Birthday paradox (Arora & Zhang 2017, 1706.08224): if a share p of all n (n − 1) / 2 pairs in a draw are near duplicates, 1 / p
    equally likely images would explain it. Pairs of all draws are pooled, including draws without duplicates. (The paper squares
    the batch size at which a duplicate is as likely as not, which gives 1.4 times as many.) Uneven probabilities lower the
    estimate. It gives an order of magnitude, a rough one with few pairs. Without duplicates, the support is unlikely to be below
    n² / 6, at which the chance of seeing none is 5 %.
    """
    pairs = sum(draw.pairs for draw in draws)
    return sum(math.comb(draw.images, 2) for draw in draws) / pairs if pairs else None


def _scales(side: int) -> int:
    """Return how many of the five scales torchmetrics supports for images of ``side`` pixels; 0 if none."""
    for scales in range(len(_WEIGHTS), 0, -1):
        # The conditions of torchmetrics; also, mirror padding at the coarsest scale needs more than half a window.
        if side // max(1, scales - 1) ** 2 >= _WINDOW and side >> (scales - 1) > _WINDOW // 2:
            return scales
    return 0
