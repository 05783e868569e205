"""Whether a generator repeats its training images: distances to the nearest of them, against those of other real images."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gan.scoring.metrics import manifold

NEAR = 0.05  # of the other real images are nearer than the distance that counts as near
MOST = 1000  # images on either side: each is compared with all training images

_FEWEST = 50  # held-out images that say what is usual


class Memorisation(NamedTuple):
    """Distances to the nearest training image: the medians of generated and of other real images, and what they say.

    ``ratio``: the first by the second, about 1 without memorisation and towards 0 with it. ``near``: the share of generated
    images, 0 to 1, nearer than 5 % of the real ones are; about 0.05 without memorisation.
    """

    generated: float
    usual: float
    ratio: float
    near: float


def usual(training: Tensor, held_out: Tensor, seed: int = 0) -> Tensor:
    """Return how far real images are from the nearest of ``training`` [N, D], float64 [n], for up to 1,000 of them.

    They are taken from ``held_out`` [H, D], images that no training saw. Where there are fewer than 50, training images stand
    for them, each with its own place among the others left out: an image of the same distribution, one more or less.
    """
    is_held_out = len(held_out) >= _FEWEST
    reals = held_out if is_held_out else training
    if len(training) < 2:
        return torch.empty(0, dtype=torch.double)
    chosen = torch.randperm(len(reals), generator=torch.Generator().manual_seed(seed))[:MOST]
    return manifold.nearest(reals[chosen], training, rank=1 if is_held_out else 2)


def measure(training: Tensor, usually: Tensor, generated: Tensor) -> Memorisation:
    """Return how near ``generated`` features [M, D] are to ``training`` ones [N, D], against distances that are usual [H].

    Euclidean distances in the space of the features, in float64, of the first 1,000 generated images; the idea is that of Meehan
    et al. 2020 (2004.05675). Real images that no training saw are new pictures of the same kind, so generated ones that lie
    nearer than they do are copies. Images of poor quality lie farther away and hide that: read it beside precision. Near is
    strictly nearer than the 5 % quantile. Copies among the real images themselves are no evidence: where a share c of them has one,
    the quantile is that of the others, and of the share of near images that much is taken off: (near − c) / (1 − c), from 0 up.

    Without images on one side, or where a feature is not finite, what depends on it is NaN; the ratio also where the usual
    median is 0.
    """
    found = torch.full((1,), math.nan, dtype=torch.double)
    if len(generated) and len(training):
        found = manifold.nearest(generated[:MOST], training)
    median = _median(usually)
    near = math.nan
    if len(usually) and not (found.isnan().any() or usually.isnan().any()):
        copied, others = float((usually == 0).double().mean()), usually[usually > 0]
        share = float((found < others.quantile(NEAR)).double().mean()) if len(others) else 0.0
        near = max(0.0, (share - copied) / (1 - copied)) if copied < 1 else 0.0
    return Memorisation(_median(found), median, _median(found) / median if median else math.nan, near)


def _median(values: Tensor) -> float:
    """Return the median, the mean of the two in the middle where their number is even; NaN where one of them is, or of none."""
    return float(values.quantile(0.5)) if len(values) else math.nan
