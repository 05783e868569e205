"""Memorisation test: distances from generated images to the nearest training image, compared with unseen real images."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gan.scoring.metrics import manifold

NEAR = 0.05  # share of other real images below the distance that counts as near
MOST = 1000  # images per side; each is compared with all training images

_FEWEST = 50  # fewest held-out images used as the reference


class Memorisation(NamedTuple):
    """Median distances to the nearest training image, for generated and for other real images, and their comparison.

    ``ratio``: ``generated`` / ``usual``, about 1 without memorisation and towards 0 with it. ``near``: share of generated images,
    0 to 1, closer than the 5 % quantile of the real ones; about 0.05 without memorisation.
    """

    generated: float
    usual: float
    ratio: float
    near: float


def usual(training: Tensor, held_out: Tensor, seed: int = 0) -> Tensor:
    """Return the distances from up to 1,000 real images to the nearest of ``training`` [N, D], float64 [n].

    The images come from ``held_out`` [H, D], never used in training. If there are fewer than 50, training images replace them,
    each compared with all training images except itself; they have the same distribution.
    """
    is_held_out = len(held_out) >= _FEWEST
    reals = held_out if is_held_out else training
    if len(training) < 2:
        return torch.empty(0, dtype=torch.double)
    chosen = torch.randperm(len(reals), generator=torch.Generator().manual_seed(seed))[:MOST]
    return manifold.nearest(reals[chosen], training, rank=1 if is_held_out else 2)


def measure(training: Tensor, usually: Tensor, generated: Tensor) -> Memorisation:
    """Compare distances from ``generated`` [M, D] to ``training`` features [N, D] with the ``usually`` [H] observed ones.

    Euclidean feature distances, in float64, of the first 1,000 generated images, after Meehan et al. 2020 (2004.05675). Unseen
    real images are new pictures of the same kind, so generated images closer to the training set than these are copies. Poor
    images lie farther away and hide copies: read this together with precision. Near means strictly below the 5 % quantile.
    Duplicates among the real images are not evidence of memorisation: if a share c of them has a copy in the training set, the
    quantile is taken over the rest, and the share of near images is corrected to (near − c) / (1 − c), at least 0.

    Values that depend on an empty side or a non-finite feature are NaN. The ratio is also NaN if the usual median is 0.
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
    """Return the median, the mean of the two middle values for an even count; NaN if a value is NaN or there are none."""
    return float(values.quantile(0.5)) if len(values) else math.nan
