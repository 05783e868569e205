"""Fréchet distance (FID) between precomputed features, and the module that passes them to torchmetrics."""

from __future__ import annotations

import math

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


def fid(real_features: Tensor, fake_features: Tensor) -> float:
    """Return the Fréchet distance between two sets of features [N, D] and [M, D], N and M at least 2, in float64.

    ‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), 0 (equal mean and covariance) and up; Heusel et al. 2017 (1706.08500). It is biased
    upwards for small sets: compare only FIDs of equal numbers of images, and read them against their floor. NaN for non-finite
    features.
    """
    real, fake = real_features.detach().cpu().double(), fake_features.detach().cpu().double()
    if not (real.isfinite().all() and fake.isfinite().all()):
        return math.nan
    one, other = _root(real), _root(fake)
    # Σ₁Σ₂ has the non-zero eigenvalues of (R₁R₂ᵀ)(R₁R₂ᵀ)ᵀ, which is symmetric: a sixth of the work, no rank-deficient zeros.
    product = one @ other.T if len(one) < len(other) else other @ one.T
    roots = torch.linalg.eigvalsh(product @ product.T).clamp(min=0).sqrt()
    gap = (real.mean(dim=0) - fake.mean(dim=0)).square().sum()
    return max(float(gap + one.square().sum() + other.square().sum() - 2 * roots.sum()), 0.0)


def _root(features: Tensor) -> Tensor:
    """Return R [min(N, D), D] with RᵀR = Σ, the sample covariance of float64 features [N, D]; computed in blocks of rows."""
    mean, root = features.mean(dim=0), features[:0]
    for rows in features.split(_ROWS):
        root = torch.linalg.qr(torch.cat([root, rows - mean]), mode="r").R
    return root / math.sqrt(len(features) - 1)
