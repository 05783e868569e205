"""How different generated images are from one another: MS-SSIM of pairs, near duplicates, and the birthday paradox."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from gan.data import survey

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, from fine to coarse; Wang et al. 2003, section 3.2
_WINDOW = 11  # pixels, of the Gaussian within which structure is compared
_PAIRS = 32  # compared at a time
_IMAGES = 512  # looked at, at a time
_FLAT = 3.0  # grey levels of 255: a thumbnail that varies less, and greys that differ less, look the same
_BLOCK = 2**21  # pairs of images in memory at a time


class Duplicates(NamedTuple):
    """The share of images, 0 to 1, that have a near duplicate among the others, and the ``pairs`` that they make up."""

    share: float
    pairs: int
    images: int


def ms_ssim(pixels: Tensor, *, pairs: int = 500, seed: int = 0) -> float:
    """Return the mean MS-SSIM, 0 to 1, of random pairs of images uint8 [N, C, H, W]; 1 where all are the same.

    The lower, the more diverse; noise is too, so hold it against the figure of real images of the same size. Wang et al. 2003;
    as a measure of GANs Odena et al. 2017 (1610.09585). Two different images a pair, drawn with ``seed``, or each pair once
    where there are no more than ``pairs``.

    Torchmetrics wants large images for the usual five scales: 256 pixels have them, 128 have four, 64 three, 16 and 32 two; their
    weights are scaled to a sum of 1. Figures of different sizes are therefore not comparable. Below 11 pixels, and with
    less than two images, it is NaN. In float32, exact to some 1e-4: float64 takes ten times as long.
    """
    count, scales = len(pixels), _scales(min(pixels.shape[-2:]))
    if count < 2 or pairs < 1 or not scales:
        return math.nan
    first, second = random_pairs(count, pairs, seed)
    weights = tuple(weight / sum(_WEIGHTS[:scales]) for weight in _WEIGHTS[:scales])
    total = 0.0
    for some, others in zip(first.split(_PAIRS), second.split(_PAIRS), strict=True):
        found = multiscale_structural_similarity_index_measure(
            pixels[some].cpu().float(), pixels[others].cpu().float(), data_range=255.0, betas=weights, reduction="none"
        )
        total += float(found.double().sum())
    return min(1.0, total / len(first))


def random_pairs(count: int, pairs: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return two different images of ``count`` for each pair, as indices [P] each; each pair once where there are no more."""
    if count * (count - 1) // 2 <= pairs:
        first, second = torch.triu_indices(count, count, offset=1)
        return first, second
    random = torch.Generator().manual_seed(seed)
    first = torch.randint(count, (pairs,), generator=random)
    return first, (first + torch.randint(1, count, (pairs,), generator=random)) % count


def near_duplicates(pixels: Tensor) -> Duplicates:
    """Return how many of the images uint8 [N, C, S, S], S at least 9, have a near duplicate among the others.

    Near duplicates as in ``gan.data.survey``: the same pixels, or difference hashes at most 3 of 64 bits apart and thumbnails
    with a correlation of at least 0.99; also two nearly flat thumbnails of the same grey, whose correlation is but noise. Unlike
    there every pair is looked at, and both of a pair count. Simple images resemble one another by themselves: hold the share
    against that of as many real images. NaN with less than two images.
    """
    count = len(pixels)
    if count < 2:
        return Duplicates(math.nan, 0, count)
    images = pixels.detach().cpu().permute(0, 2, 3, 1).contiguous().numpy()
    parts = [survey.fingerprints(images[start : start + _IMAGES]) for start in range(0, count, _IMAGES)]
    hashes = np.concatenate([part[0] for part in parts])
    raw = np.concatenate([part[1] for part in parts])
    thumbnails = survey.standardised(raw)
    greys, is_flat = raw.mean(axis=1), raw.std(axis=1) < _FLAT
    numbers: dict[bytes, int] = {}
    originals = np.array([numbers.setdefault(survey.digest(image), row) for row, image in enumerate(images)])
    has_twin = np.zeros(count, dtype=bool)
    found = 0
    step = max(1, _BLOCK // count)
    for start in range(0, count, step):
        rows, later = slice(start, start + step), slice(start, count)
        is_near = np.bitwise_count(hashes[rows, None] ^ hashes[None, later]) <= survey.MOST_BITS
        is_near &= thumbnails[rows] @ thumbnails[later].T >= survey.LEAST_CORRELATION
        is_near |= is_flat[rows, None] & is_flat[None, later] & (np.abs(greys[rows, None] - greys[None, later]) < _FLAT)
        is_near |= originals[rows, None] == originals[None, later]  # those of a single colour correlate with none
        is_near = np.triu(is_near, 1)
        has_twin[rows] |= is_near.any(axis=1)
        has_twin[later] |= is_near.any(axis=0)
        found += int(is_near.sum())
    return Duplicates(float(has_twin.mean()), found, count)


def support(draws: Sequence[Duplicates]) -> float | None:
    """Return how many different images the duplicates within some draws speak for, 1 and up. None without duplicates.

    The birthday paradox (Arora & Zhang 2017, 1706.08224): of all n (n − 1) / 2 pairs of the images of a draw a share p are near
    duplicates, and 1 / p equally likely images make that share. Pairs of all draws count together, also those of a draw without
    duplicates. (The paper squares the batch in which a duplicate is as likely as not, which is 1.4 times as many.) Images that
    are drawn more often than others make it smaller. It is an order of magnitude, with few pairs a rough one. Without duplicates
    the support is hardly below n² / 6, where the chance to see none would be 5 %.
    """
    pairs = sum(draw.pairs for draw in draws)
    return sum(math.comb(draw.images, 2) for draw in draws) / pairs if pairs else None


def _scales(side: int) -> int:
    """Return how many of the five scales torchmetrics takes for images of this many pixels; 0 where not one."""
    for scales in range(len(_WEIGHTS), 0, -1):
        # Its conditions, and at the coarsest scale the window has to fit when it is mirrored at the edges.
        if side // max(1, scales - 1) ** 2 >= _WINDOW and side >> (scales - 1) > _WINDOW // 2:
            return scales
    return 0
