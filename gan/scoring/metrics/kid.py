"""Kernel Inception Distance (KID) between two sets of features; unbiased, so it also suits small sets."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

_BLOCK = 2**21  # kernel values in memory at a time: 16 MB
_INTERVAL = (0.025, 0.975)


class Kid(NamedTuple):
    """Mean KID of the subsets, and the bounds of the middle 95 % of them; None with a single subset."""

    mean: float
    low: float | None
    high: float | None


def kid(real: Tensor, fake: Tensor, *, subsets: int = 50, size: int = 1000, seed: int = 0) -> Kid:
    """Return the kernel distance between features [N, D] and [M, D], in float64; Bińkowski et al. 2018 (1801.01401).

    The unbiased estimate of MMD² with the kernel (x·y / D + 1)³, averaged over ``subsets`` pairs of subsets of ``size``
    images, drawn without replacement; ``size`` is capped at the smaller of N and M. Around 0 for equal distributions, equally
    often negative and positive; no upper bound. Not comparable across extractors.

    ``low`` and ``high`` are the 2.5 % and 97.5 % quantiles over the subsets: the variation of KID among sets of ``size`` images.
    Subsets that share images vary too little, so if N or M is close to ``size``, the true interval is wider. There is no
    interval if N = M = ``size``, or with one subset. The mean is NaN with fewer than two images or non-finite features.
    """
    size = min(size, len(real), len(fake))
    real, fake = real.detach().cpu().double(), fake.detach().cpu().double()
    if size < 2 or subsets < 1 or not (real.isfinite().all() and fake.isfinite().all()):
        return Kid(math.nan, None, None)
    if size == len(real) == len(fake):
        subsets = 1  # all subsets would be equal
    random = torch.Generator().manual_seed(seed)
    reals, fakes = torch.empty(subsets, size, dtype=torch.long), torch.empty(subsets, size, dtype=torch.long)
    for row in range(subsets):  # same order of draws as torchmetrics
        reals[row] = torch.randperm(len(real), generator=random)[:size]
        fakes[row] = torch.randperm(len(fake), generator=random)[:size]
    # If subsets overlap a lot, one kernel over all images is cheaper than one per subset.
    if len(real) ** 2 + len(real) * len(fake) + len(fake) ** 2 < 3 * subsets * size**2:
        values = _mmd(real, _members(reals, len(real)), fake, _members(fakes, len(fake)))
    else:
        everyone = torch.ones(size, 1, dtype=torch.double)
        values = torch.cat([_mmd(real[a], everyone, fake[b], everyone) for a, b in zip(reals, fakes, strict=True)])
    if subsets == 1:
        return Kid(float(values), None, None)
    low, high = values.quantile(torch.tensor(_INTERVAL, dtype=torch.double)).tolist()
    return Kid(float(values.mean()), low, high)


def _members(subsets: Tensor, count: int) -> Tensor:
    """Return rows of indices [S, size] as a 0/1 membership matrix, float64 [count, S]."""
    return torch.zeros(len(subsets), count, dtype=torch.double).scatter_(1, subsets, 1.0).T


def _mmd(real: Tensor, reals: Tensor, fake: Tensor, fakes: Tensor) -> Tensor:
    """Return the unbiased MMD² [S] of subsets given by the 0/1 memberships ``reals`` [N, S] and ``fakes`` [M, S]."""
    size = reals.sum(dim=0)
    alike = _sums(real, reals, real, reals) - _diagonal(real, reals) + _sums(fake, fakes, fake, fakes) - _diagonal(fake, fakes)
    return alike / (size * (size - 1)) - 2 * _sums(real, reals, fake, fakes) / size**2


def _sums(one: Tensor, ones: Tensor, other: Tensor, others: Tensor) -> Tensor:
    """Return the kernel sums [S] over all pairs of members, computed in blocks of rows."""
    total = torch.zeros(ones.shape[1], dtype=torch.double)
    for rows in torch.arange(len(one)).split(max(1, _BLOCK // len(other))):
        kernel = _cubic(one[rows] @ other.T, one.shape[1])
        total += (ones[rows] * (kernel @ others)).sum(dim=0)
    return total


def _diagonal(features: Tensor, members: Tensor) -> Tensor:
    """Return the kernel sums [S] of each member with itself, which the unbiased estimate leaves out."""
    return _cubic(features.square().sum(dim=1), features.shape[1]) @ members


def _cubic(products: Tensor, size: int) -> Tensor:
    """Return the kernel's values for inner products, which are overwritten."""
    return products.div_(size).add_(1).pow_(3)
