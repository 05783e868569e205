"""Counting modes where the truth is known: which of them a generator draws, how well, and how evenly."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class ModeScore(NamedTuple):
    """How many modes were found, the share of samples of high quality (0 to 1), and the reverse KL divergence (nats, 0 up)."""

    modes: int
    high_quality: float
    reverse_kl: float


def score_points(points: Tensor, centres: Tensor, sigma: float) -> ModeScore:
    """Return how points [N, 2] cover modes with ``centres`` [M, 2] and a normal spread of ``sigma``, each equally likely.

    A point is of high quality within 3σ of its nearest centre; a mode counts when one such point is there. For the divergence
    every point belongs to its nearest centre. As in PacGAN, Lin et al. 2017 (1712.04086), section 4.1.
    """
    distances, nearest = torch.cdist(points.double(), centres.double()).min(dim=1)
    is_good = distances <= 3 * sigma
    counts = torch.bincount(nearest, minlength=len(centres))
    return ModeScore(len(nearest[is_good].unique()), float(is_good.double().mean()), reverse_kl(counts))


def reverse_kl(counts: Tensor) -> float:
    """Return KL(q ‖ p) in nats, from 0 to log M: q the shares in ``counts`` [M], p all modes alike; Σ q log(M q)."""
    shares = counts.double() / counts.sum()
    shares = shares[shares > 0]
    return max(0.0, float((shares * (shares * len(counts)).log()).sum())) if len(shares) else math.nan
