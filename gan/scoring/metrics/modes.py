"""Mode coverage against known modes: modes found, sample quality and evenness."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class ModeScore(NamedTuple):
    """Number of modes found, share of high-quality samples (0 to 1), and reverse KL divergence (nats, 0 and up)."""

    modes: int
    high_quality: float
    reverse_kl: float


def score_points(points: Tensor, centres: Tensor, sigma: float) -> ModeScore:
    """Score how points [N, 2] cover equally likely Gaussian modes with ``centres`` [M, 2] and standard deviation ``sigma``.

    A point is of high quality if it lies within 3σ of its nearest centre; a mode is found if it has at least one such point. For
    the divergence, every point belongs to its nearest centre. As in PacGAN, Lin et al. 2017 (1712.04086), section 4.1.
    """
    distances, nearest = torch.cdist(points.double(), centres.double()).min(dim=1)
    is_good = distances <= 3 * sigma
    counts = torch.bincount(nearest, minlength=len(centres))
    return ModeScore(len(nearest[is_good].unique()), float(is_good.double().mean()), reverse_kl(counts))


def reverse_kl(counts: Tensor) -> float:
    """Return KL(q ‖ p) in nats, 0 to log M, for the shares q of ``counts`` [M] and a uniform p: Σ q log(M q)."""
    shares = counts.double() / counts.sum()
    shares = shares[shares > 0]
    return max(0.0, float((shares * (shares * len(counts)).log()).sum())) if len(shares) else math.nan
