"""Whether a generator repeats its training images: distances to the nearest of them, against those of held-out images."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gan.scoring import manifold

NEAR = 0.05  # of the held-out images are nearer than the distance that counts as near


class Memorisation(NamedTuple):
    """Distances to the nearest training image: the medians of generated and held-out images, and what they say.

    ``ratio``: the first by the second, about 1 without memorisation and towards 0 with it. ``near``: the share of generated
    images, 0 to 1, nearer than 5 % of the held-out ones are; about 0.05 without memorisation.
    """

    generated: float
    held_out: float
    ratio: float
    near: float


def measure(training: Tensor, held_out: Tensor, generated: Tensor) -> Memorisation:
    """Return how near ``generated`` features [M, D] are to ``training`` ones [N, D], against real ``held_out`` ones [H, D].

    Euclidean distances in the space of the features, in float64; the idea is that of Meehan et al. 2020 (2004.05675). Held-out
    images are new pictures of the same kind, so generated ones that lie nearer than they do are copies. Images of poor
    quality lie farther away and hide that: read it beside precision. Near is strictly nearer than the 5 % quantile, so that
    copies among the held-out images themselves are no evidence.

    Without images on one side, or where a feature is not finite, what depends on it is NaN; the ratio also where the held-out
    median is 0.
    """
    to_generated, to_held_out = _distances(generated, training), _distances(held_out, training)
    median = _median(to_held_out)
    near = math.nan
    if not (to_generated.isnan().any() or to_held_out.isnan().any()):
        near = float((to_generated < to_held_out.quantile(NEAR)).double().mean())
    return Memorisation(_median(to_generated), median, _median(to_generated) / median if median else math.nan, near)


def _distances(points: Tensor, training: Tensor) -> Tensor:
    """Return the distance from each point to its nearest training image, float64 [N]; a single NaN where there is none."""
    if not (len(points) and len(training)):
        return torch.full((1,), math.nan, dtype=torch.double)
    return manifold.nearest(points, training)


def _median(values: Tensor) -> float:
    """Return the median, the mean of the two in the middle where their number is even; NaN where one of them is."""
    return float(values.quantile(0.5))
