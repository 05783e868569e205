"""Precision, recall, density and coverage: which images lie among the nearest neighbours of the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

_BLOCK = 2**21  # distances in memory at a time: 16 MB
_COINCIDENT = 1e-12  # of two squared lengths: a squared distance below is a rounding error
_TIE = 1 + 1e-9  # a distance counts as equal to a radius in spite of rounding


class PrecisionRecall(NamedTuple):
    """Shares, 0 to 1: of generated images among the real ones, and of real images among the generated ones."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density, 0 up and about 1 for the same distribution, and the share of real images that are covered, 0 to 1."""

    density: float
    coverage: float


class Manifold(NamedTuple):
    """Both pairs, from one computation."""

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: Tensor, fake: Tensor, neighbours: int = 3) -> PrecisionRecall:
    """Return improved precision and recall of features [N, D] and [M, D]; Kynkäänniemi et al. 2019 (1904.06991).

    Precision is the share of generated images that lie in the ball of a real one: no farther from it than its k-th nearest real
    neighbour, itself aside. Recall is the same with real and generated exchanged. An outlier has a large ball and lifts either;
    density and coverage are steadier there. Both depend on N and M: compare only equal numbers of images. NaN as in ``measure``.
    """
    return PrecisionRecall(*measure(real, fake, recall_neighbours=neighbours)[:2])


def density_coverage(real: Tensor, fake: Tensor, neighbours: int = 5) -> DensityCoverage:
    """Return density and coverage of features [N, D] and [M, D]; Naeem et al. 2020 (2002.09797), equations 7 and 8.

    Density is how many balls of real images a generated one lies in, on average, divided by k; coverage is the share of real
    images with a generated one in their ball. Both use the real images' balls alone, so that outliers among the generated images
    do no harm. Coverage grows with M: compare only equal numbers of images. NaN as in ``measure``.
    """
    return DensityCoverage(*measure(real, fake, coverage_neighbours=neighbours)[2:])


def measure(real: Tensor, fake: Tensor, *, recall_neighbours: int = 3, coverage_neighbours: int = 5) -> Manifold:
    """Return precision, recall, density and coverage of features [N, D] and [M, D], in float64.

    Every distance is computed once and used for all four, block by block: 10,000 and 10,000 images with 2,048 features take
    less than 600 MB besides themselves. Balls are closed: a distance equal to a radius counts. Precision needs N above
    ``recall_neighbours``, recall M above it, density and coverage N above ``coverage_neighbours``, and all an image on either
    side; a figure without is NaN. With features that are not finite all are NaN.
    """
    if not (len(real) and len(fake) and real.isfinite().all() and fake.isfinite().all()):
        return Manifold(math.nan, math.nan, math.nan, math.nan)
    real, fake = _centred(real, fake)
    narrow, wide = _radii(real, recall_neighbours, coverage_neighbours)
    (around_fake,) = _radii(fake, recall_neighbours)
    is_precise = torch.zeros(len(fake), dtype=torch.bool)
    balls = torch.zeros(len(fake), dtype=torch.double)
    is_recalled, is_covered = torch.zeros(len(real), dtype=torch.bool), torch.zeros(len(real), dtype=torch.bool)
    for rows, squared in _blocks(real, fake):
        is_precise |= (squared <= narrow[rows, None]).any(dim=0)
        is_recalled[rows] = (squared <= around_fake).any(dim=1)
        is_inside = squared <= wide[rows, None]
        is_covered[rows] = is_inside.any(dim=1)
        balls += is_inside.sum(dim=0)
    # Radii are NaN where there are too few neighbours, and nothing is within them; that must not read as a bad score.
    return Manifold(
        _mean(is_precise, narrow),
        _mean(is_recalled, around_fake),
        _mean(balls / coverage_neighbours, wide),
        _mean(is_covered, wide),
    )


def nearest(points: Tensor, others: Tensor, rank: int = 1) -> Tensor:
    """Return the Euclidean distance from each of ``points`` [N, D] to the ``rank``-th nearest of ``others`` [M, D], float64 [N].

    Rank 2 is for points that are among the others. Block by block of ``points``. M at least ``rank``; equal rows are exactly 0
    apart; NaN where a feature is not finite.
    """
    others, points = _centred(others, points)
    found = torch.empty(len(points), dtype=torch.double)
    for rows, squared in _blocks(points, others):
        found[rows] = squared.kthvalue(rank, dim=1).values.sqrt() if rank > 1 else squared.min(dim=1).values.sqrt()
    return found


def _mean(values: Tensor, radii: Tensor) -> float:
    return math.nan if bool(radii.isnan().any()) else float(values.double().mean())


def _centred(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in float64 around the mean of the first: the distances stay the same, and products keep their digits."""
    real, fake = (features.detach().to("cpu", torch.double, copy=True) for features in (real, fake))
    centre = real.mean(dim=0)
    return real.sub_(centre), fake.sub_(centre)  # in place: there is no second copy


def _radii(points: Tensor, *neighbours: int) -> list[Tensor]:
    """Return the squared distance [N] of each point to its k-th nearest neighbour, for each k; NaN where there is none."""
    radii = [torch.full((len(points),), math.nan, dtype=torch.double) for _ in neighbours]
    reach = max([0, *(k for k in neighbours if k < len(points))])
    if not reach:
        return radii
    for rows, squared in _blocks(points, points):
        nearest_first = squared.topk(reach + 1, dim=1, largest=False).values  # the first of all is the point itself
        for k, radius in zip(neighbours, radii, strict=True):
            if k < len(points):
                radius[rows] = nearest_first[:, k] * _TIE
    return radii


def _blocks(points: Tensor, others: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield squared distances [n, M] of some rows of ``points`` [N, D] from all ``others`` [M, D], with those rows."""
    lengths = torch.linalg.vector_norm(others, dim=1).square()  # unlike a sum of squares without a table of them
    step = max(1, _BLOCK // len(others))
    for start in range(0, len(points), step):
        rows = slice(start, min(start + step, len(points)))
        scale = torch.linalg.vector_norm(points[rows], dim=1, keepdim=True).square() + lengths
        squared = torch.addmm(scale, points[rows], others.T, alpha=-2)
        yield rows, squared.masked_fill_(squared <= _COINCIDENT * scale, 0.0)
