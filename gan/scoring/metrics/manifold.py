"""Precision, recall, density and coverage, from nearest neighbours among features."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

_BLOCK = 2**21  # distances in memory at a time: 16 MB
_PART = 256  # of the others, whose distances from 500 points then take 1 MB
_COINCIDENT = 1e-12  # relative to the sum of squared lengths; a smaller squared distance is a rounding error
_TIE = 1 + 1e-9  # tolerance for distances equal to a radius


class PrecisionRecall(NamedTuple):
    """Shares, 0 to 1: generated images within the real manifold, and real images within the generated one."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density (0 and up, about 1 for equal distributions) and coverage (share of real images covered, 0 to 1)."""

    density: float
    coverage: float


class Manifold(NamedTuple):
    """All four measures, from one computation."""

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: Tensor, fake: Tensor, neighbours: int = 3) -> PrecisionRecall:
    """Return improved precision and recall of features [N, D] and [M, D]; Kynkäänniemi et al. 2019 (1904.06991).

    Precision is the share of generated images inside the ball of some real image. The radius of a ball is the distance to the
    k-th nearest real neighbour, excluding the image itself. Recall is the same with real and generated swapped. Outliers have
    large balls and inflate both; density and coverage are more robust. Both depend on N and M: compare only equal numbers of
    images. NaN as in ``measure``.
    """
    return PrecisionRecall(*measure(real, fake, recall_neighbours=neighbours)[:2])


def density_coverage(real: Tensor, fake: Tensor, neighbours: int = 5) -> DensityCoverage:
    """Return density and coverage of features [N, D] and [M, D]; Naeem et al. 2020 (2002.09797), equations 7 and 8.

    Density is the mean number of real balls around a generated image, divided by k. Coverage is the share of real images with a
    generated one in their ball. Both use only balls of real images, so generated outliers have no effect on them. Coverage grows
    with M: compare only equal numbers of images. NaN as in ``measure``.
    """
    return DensityCoverage(*measure(real, fake, coverage_neighbours=neighbours)[2:])


def measure(real: Tensor, fake: Tensor, *, recall_neighbours: int = 3, coverage_neighbours: int = 5) -> Manifold:
    """Return precision, recall, density and coverage of features [N, D] and [M, D], in float64.

    Every distance is computed once and used for all four, in blocks: 10,000 × 10,000 images with 2,048 features take less than
    600 MB on top of the features. Balls are closed: a distance equal to a radius counts. Precision needs N above
    ``recall_neighbours``, recall needs M above it, density and coverage need N above ``coverage_neighbours``; otherwise the value
    is NaN. All are NaN if a side is empty or a feature is not finite.
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
    # With too few neighbours, radii are NaN and contain nothing; return NaN, not a bad score.
    return Manifold(
        _mean(is_precise, narrow),
        _mean(is_recalled, around_fake),
        _mean(balls / coverage_neighbours, wide),
        _mean(is_covered, wide),
    )


def nearest(points: Tensor, others: Tensor, rank: int = 1) -> Tensor:
    """Return the Euclidean distance from each of ``points`` [N, D] to the ``rank``-th nearest of ``others`` [M, D], float64 [N].

    Use rank 2 if the points are among the others. M must be at least ``rank``. Equal rows have distance exactly 0. NaN for
    non-finite features.
    """
    if rank == 1:
        return neighbours(points, others)[0]
    others, points = _centred(others, points)
    return torch.cat([squared.kthvalue(rank, dim=1).values.sqrt() for _, squared in _blocks(points, others)])


def neighbours(points: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distances of :func:`nearest` for rank 1, and the rows of the neighbours in ``others``, int64 [N].

    Computed in parts of the others, which may be many, and whose distances then fit into the processor's cache. Among equally
    near neighbours, the first counts.
    """
    centre = others.detach().cpu().mean(dim=0).double()
    points = points.detach().cpu().double() - centre
    least = torch.full((len(points),), math.inf, dtype=torch.double)
    places = torch.zeros(len(points), dtype=torch.int64)
    for start in range(0, len(others), _PART):
        part = others[start : start + _PART].detach().cpu().double() - centre
        for rows, squared in _blocks(points, part):
            found, place = squared.min(dim=1)
            is_less = ~(found >= least[rows])  # also if it is NaN
            least[rows] = torch.where(is_less, found, least[rows])
            places[rows] = torch.where(is_less, place + start, places[rows])
    return least.sqrt(), places


def _mean(values: Tensor, radii: Tensor) -> float:
    return math.nan if bool(radii.isnan().any()) else float(values.double().mean())


def _centred(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in float64, centred on the mean of the first: distances are unchanged, and products lose fewer digits."""
    real, fake = (features.detach().to("cpu", torch.double, copy=True) for features in (real, fake))
    centre = real.mean(dim=0)
    return real.sub_(centre), fake.sub_(centre)  # in place, to avoid a second copy


def _radii(points: Tensor, *neighbours: int) -> list[Tensor]:
    """Return the squared distance [N] of each point to its k-th nearest neighbour, for each k; NaN if there are too few."""
    radii = [torch.full((len(points),), math.nan, dtype=torch.double) for _ in neighbours]
    reach = max([0, *(k for k in neighbours if k < len(points))])
    if not reach:
        return radii
    for rows, squared in _blocks(points, points):
        nearest_first = squared.topk(reach + 1, dim=1, largest=False).values  # the first is the point itself
        for k, radius in zip(neighbours, radii, strict=True):
            if k < len(points):
                radius[rows] = nearest_first[:, k] * _TIE
    return radii


def _blocks(points: Tensor, others: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of n rows of ``points`` [N, D], with their squared distances [n, M] to all ``others`` [M, D]."""
    lengths = torch.linalg.vector_norm(others, dim=1).square()  # a sum of squares would need a temporary [M, D]
    step = max(1, _BLOCK // len(others))
    for start in range(0, len(points), step):
        rows = slice(start, min(start + step, len(points)))
        own = torch.linalg.vector_norm(points[rows], dim=1, keepdim=True).square()
        squared = torch.addmm(own + lengths, points[rows], others.T, alpha=-2)
        if bool(squared.amin() <= _COINCIDENT * (own.amax() + lengths.amax())):  # usually not: saves two passes
            squared.masked_fill_(squared <= _COINCIDENT * (own + lengths), 0.0)
        yield rows, squared
