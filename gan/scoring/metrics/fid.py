"""Fréchet distance (FID) between precomputed features, and the module that passes them to torchmetrics."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

_ROWS = 8192  # feature rows decomposed at a time


class Precomputed(nn.Module):
    """Identity module in place of the network torchmetrics expects.

    Without ``num_features``, torchmetrics would probe it with a random image, which advances the global random state.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


class Moments(NamedTuple):
    """Mean [D] of features, and R [min(N, D), D] with RᵀR = Σ, their sample covariance, both in float64."""

    mean: Tensor
    root: Tensor


def moments(features: Tensor) -> Moments:
    """Return the moments of features [N, D], N at least 2. They take most of the time of :func:`fid` and can be kept."""
    found = features.detach().cpu().double()
    return Moments(found.mean(dim=0), _root(found))


def fid(real: Tensor | Moments, fake: Tensor | Moments) -> float:
    """Return the Fréchet distance between two sets of features [N, D] and [M, D], or their moments, in float64.

    ‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), 0 (equal mean and covariance) and up; Heusel et al. 2017 (1706.08500). It is biased
    upwards for small sets: compare only FIDs of equal numbers of images, and read them against their floor. NaN for non-finite
    features.
    """
    sets = [each if isinstance(each, Moments) else each.detach().cpu().double() for each in (real, fake)]
    if not all(bool(part.isfinite().all()) for each in sets for part in (each if isinstance(each, Moments) else (each,))):
        return math.nan
    (mean, one), (other_mean, other) = (each if isinstance(each, Moments) else moments(each) for each in sets)
    # Σ₁Σ₂ has the non-zero eigenvalues of (R₁R₂ᵀ)(R₁R₂ᵀ)ᵀ, which is symmetric: a sixth of the work, no rank-deficient zeros.
    product = one @ other.T if len(one) < len(other) else other @ one.T
    roots = torch.linalg.eigvalsh(product @ product.T).clamp(min=0).sqrt()
    gap = (mean - other_mean).square().sum()
    return max(float(gap + one.square().sum() + other.square().sum() - 2 * roots.sum()), 0.0)


def for_counts(found: float | None, measured: tuple[int, int], wanted: tuple[int, int]) -> float | None:
    """Return the FID between two samples of one distribution, with the numbers of images ``wanted`` instead of ``measured``.

    It is then all bias, to first order proportional to 1/N + 1/M (Chong and Forsyth 2020, 1911.07023: linear in 1/N).
    """
    return None if found is None else found * sum(1 / count for count in wanted) / sum(1 / count for count in measured)


def _root(features: Tensor) -> Tensor:
    """Return R [min(N, D), D] with RᵀR = Σ, the sample covariance of float64 features [N, D]; computed in blocks of rows."""
    mean, root = features.mean(dim=0), features[:0]
    if len(features) <= features.shape[1]:  # as few rows as a root has
        return (features - mean) / math.sqrt(len(features) - 1)
    for rows in features.split(_ROWS):
        root = torch.linalg.qr(torch.cat([root, rows - mean]), mode="r").R
    return root / math.sqrt(len(features) - 1)
