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
_BATCH = 64  # images whose pixels are compared at a time


class Copies(NamedTuple):
    """Whether generated images that are near training images can be copies of them.

    ``sources``: estimated number of different training images nearest to them, 1 and up: 1 / Σ p², the inverse Simpson index of the
    shares p of the training images (after the birthday paradox, as in ``diversity.support``). Flat or noisy images are often all
    nearest to the same training image. ``likeness``: median correlation of their pixels with those of the nearest training image,
    −1 to 1; 1 for copies. NaN if no image is near; the likeness is also NaN for points.
    """

    sources: float
    likeness: float


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
    return measure_distances(find(training, generated)[0], usually)


def find(training: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distances of the first 1,000 of ``generated`` [M, D] to the nearest of ``training`` [N, D], and its rows.

    Float64 and int64, both [min(M, 1000)]; a single NaN and no row if a side is empty.
    """
    if not (len(generated) and len(training)):
        return torch.full((1,), math.nan, dtype=torch.double), torch.empty(0, dtype=torch.int64)
    return manifold.neighbours(generated[:MOST], training)


def measure_distances(found: Tensor, usually: Tensor) -> Memorisation:
    """Return :func:`measure` for the distances of :func:`find`."""
    median = _median(usually)
    near = math.nan
    if _is_measurable(found, usually):
        copied = float((usually == 0).double().mean())
        share = float(are_near(found, usually).double().mean())
        near = max(0.0, (share - copied) / (1 - copied)) if copied < 1 else 0.0
    return Memorisation(_median(found), median, _median(found) / median if median else math.nan, near)


def are_near(found: Tensor, usually: Tensor) -> Tensor:
    """Return which distances are below the 5 % quantile of the usual ones other than 0, bool [n]; none if not measurable."""
    others = usually[usually > 0]
    if not (_is_measurable(found, usually) and len(others)):
        return torch.zeros(len(found), dtype=torch.bool)
    return found < others.quantile(NEAR)


def examine(rows: Tensor, generated: Tensor | None = None, originals: Tensor | None = None) -> Copies:
    """Return what speaks for copies, from the ``rows`` [n] of the training images nearest to generated ones that are near.

    ``generated`` and ``originals``: the pixels of those images and of their nearest training images, uint8 [n, C, H, W].
    """
    if not len(rows):
        return Copies(math.nan, math.nan)
    shares = rows.unique(return_counts=True)[1].double() / len(rows)
    alike = math.nan if generated is None or originals is None else _median(correlation(generated, originals))
    return Copies(1 / float(shares.square().sum()), alike)


def correlation(images: Tensor, others: Tensor) -> Tensor:
    """Return the correlation of each image with its counterpart, −1 to 1, float64 [N], for uint8 [N, C, H, W].

    Every channel is centred by itself, so that a common colour does not count as a common content. 0 for a flat image.
    """
    found = []
    for some, counterparts in zip(images.cpu().split(_BATCH), others.cpu().split(_BATCH), strict=True):
        one, other = ((each.double() - each.double().mean(dim=(2, 3), keepdim=True)).flatten(1) for each in (some, counterparts))
        lengths = torch.linalg.vector_norm(one, dim=1) * torch.linalg.vector_norm(other, dim=1)
        found.append((one * other).sum(dim=1) / lengths.clamp_min(1e-12))
    return torch.cat(found)


def _is_measurable(found: Tensor, usually: Tensor) -> bool:
    return len(usually) > 0 and not bool(found.isnan().any() or usually.isnan().any())


def _median(values: Tensor) -> float:
    """Return the median, the mean of the two middle values for an even count; NaN if a value is NaN or there are none."""
    return float(values.quantile(0.5)) if len(values) else math.nan
