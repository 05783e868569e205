"""Statistics of features that come in batches and are not kept: moments for FID, and a random sample for everything else."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gan.scoring.metrics.fid import Moments

GROUPS = 6  # of pictures, each left out once for the interval of FID


class Sums:
    """Count, sum and products of feature vectors around a fixed ``shift`` [D], in float64; sums of several can be added."""

    def __init__(self, shift: Tensor) -> None:
        size = len(shift)
        self.shift, self.count = shift, 0
        self.sum = torch.zeros(size, dtype=torch.double)
        self.products = torch.zeros(size, size, dtype=torch.double)

    def add(self, features: Tensor) -> None:
        """Add features [n, D]."""
        moved = features.double() - self.shift
        self.count += len(moved)
        self.sum += moved.sum(dim=0)
        self.products.addmm_(moved.T, moved)

    def __add__(self, other: Sums) -> Sums:
        found = Sums(self.shift)
        found.count, found.sum, found.products = self.count + other.count, self.sum + other.sum, self.products + other.products
        return found

    @property
    def mean(self) -> Tensor:
        """Mean of the features [D]."""
        return self.sum / self.count + self.shift

    @property
    def covariance(self) -> Tensor:
        """Their sample covariance [D, D]; count at least 2."""
        moved = self.sum / self.count
        return (self.products - self.count * torch.outer(moved, moved)) / (self.count - 1)

    def moments(self) -> Moments:
        """Return mean and a root of the sample covariance, as :func:`gan.scoring.metrics.fid.moments` does; count at least 2."""
        covariance = self.covariance
        if not bool(covariance.isfinite().all()):
            return Moments(self.mean, covariance)
        values, vectors = torch.linalg.eigh(covariance)
        kept = values > values[-1] * 1e-14  # of few features, the others are rounding errors
        return Moments(self.mean, (vectors[:, kept] * values[kept].sqrt()).T)


class Stream:
    """Features of one set: sums of two halves, each in ``GROUPS`` / 2 groups, and a uniform sample of at most ``most`` rows.

    The sample is Vitter's reservoir (1985, algorithm R). Groups and sample are drawn with ``seed``.
    """

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._random = most, torch.Generator().manual_seed(seed)
        self._groups: list[Sums] = []
        self._kept: list[Tensor] = []
        self._order = torch.empty(0, dtype=torch.int64)  # groups of the next features
        self.count = 0

    def add(self, features: Tensor) -> None:
        """Add features [n, D]."""
        if not self._groups:
            shift = features.double().mean(dim=0)
            self._groups = [Sums(shift) for _ in range(GROUPS)]
        while len(self._order) < len(features):  # equally large groups, whose FIDs then have the same bias
            self._order = torch.cat([self._order, torch.randperm(GROUPS, generator=self._random)])
        groups, self._order = self._order[: len(features)], self._order[len(features) :]
        for number, sums in enumerate(self._groups):
            if len(part := features[groups == number]):
                sums.add(part)
        for row in features:
            if len(self._kept) < self._most:
                self._kept.append(row.clone())
            elif (place := int(torch.randint(self.count + 1, (1,), generator=self._random))) < self._most:
                self._kept[place] = row.clone()
            self.count += 1

    @property
    def sample(self) -> Tensor:
        """A uniform sample of the features [min(N, most), D], in random order."""
        found = torch.stack(self._kept)
        return found[torch.randperm(len(found), generator=torch.Generator().manual_seed(0))]

    def total(self, without: int | None = None) -> Sums:
        """Return the sums of all features, or of those outside of a group."""
        return self._total([number for number in range(GROUPS) if number != without])

    def half(self, number: int) -> Sums:
        """Return the sums of one of two random halves, 0 or 1."""
        return self._total(list(range(number, GROUPS, 2)))

    def _total(self, numbers: list[int]) -> Sums:
        first, *others = (self._groups[number] for number in numbers)
        found = first
        for other in others:
            found = found + other
        return found


def quick_fid(one: Sums, other: Sums) -> float:
    """Return FID with a covariance that is made regular, too high by the same small amount for similar sets; a tenth of the time.

    For the spread of FID between parts of two sets, in which that amount does not count.
    """
    first, second = one.covariance, other.covariance
    size = len(first)
    if not bool(first.isfinite().all() and second.isfinite().all()):
        return math.nan
    root = torch.linalg.cholesky(first + torch.eye(size, dtype=torch.double) * (1e-9 * float(first.trace()) / size + 1e-30))
    roots = torch.linalg.eigvalsh(root.T @ second @ root).clamp(min=0).sqrt()
    gap = (one.mean - other.mean).square().sum()
    return float(gap + first.trace() + second.trace() - 2 * roots.sum())


def jackknife(whole: float, parts: list[float]) -> tuple[float, float]:
    """Return the ends of a 95 % interval of a figure from those without one of K groups each; NaN for fewer than two.

    Standard error √((K − 1) / K · Σ(θᵢ − θ̄)²) (Tukey 1958), times the quantile of Student's t with K − 1 degrees of freedom. The
    figure itself may be biased, as FID is.
    """
    from scipy import stats

    count = len(parts)
    if count < 2 or not all(map(math.isfinite, parts)):
        return math.nan, math.nan
    mean = sum(parts) / count
    error = math.sqrt((count - 1) / count * sum((part - mean) ** 2 for part in parts))
    reach = float(stats.t.ppf(0.975, count - 1)) * error
    return max(0.0, whole - reach), whole + reach
