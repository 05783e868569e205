"""Classes of generated images: how many a classifier sees in each, which are missing, and how uneven they are."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

_UNSEEN = 0.5  # images that a class without real ones counts as, so that a divergence from it is finite

SHARE = 0.1  # of its real share that a class must have to be covered, and of an even share that it must have to be expected
_ONCE_IN = 20  # sets of images with all classes, one may lack a class by chance


class Balance(NamedTuple):
    """How generated images spread over the classes, against the real ones.

    ``covered`` of ``expected`` classes, those that are common among the real images; ``missing``: those not covered of which enough
    images were due that chance is no excuse, as class numbers; ``kl``: nats, 0 up.
    """

    covered: int
    expected: int
    missing: list[int]
    kl: float


def histogram(logits: Tensor) -> Tensor:
    """Return how many of the images with ``logits`` [N, K] are of each class, the most probable one: int64 [K].

    Images with a NaN among their logits belong to no class and are left out.
    """
    return torch.bincount(logits[~logits.isnan().any(dim=1)].argmax(dim=1), minlength=logits.shape[1])


def balance(real: Tensor, fake: Tensor, share: float = SHARE) -> Balance:
    """Return how ``fake`` images per class [K] spread over the classes of ``real`` images per class [K].

    A class is covered when its share of the generated images is at least ``share``, a tenth, of its share of the real ones, and
    expected when its share of the real ones is at least ``share`` of an even one, 1 by the number of classes that occur: a few
    images that the classifier merely mistakes do not make a class on either side. One that is not covered is missing where so
    many images of it are due, n, that of all K expected classes one is empty by chance at most once in twenty: K e⁻ⁿ ≤ 1/20.
    Without generated images nothing is covered or missing, and the divergence is NaN.
    """
    _require_same(real, fake)
    edge = share * (1 - 1e-9)  # a share on the very edge is enough, however it is rounded
    shares = real.double() / max(1, int(real.sum()))
    is_expected = (real > 0) & (shares * int((real > 0).sum()) >= edge)
    expected, due = int(is_expected.sum()), shares * int(fake.sum())
    is_covered = is_expected & (fake > 0) & (fake >= edge * due)
    is_missing = is_expected & ~is_covered & (due >= math.log(_ONCE_IN * max(1, expected)))
    return Balance(int(is_covered.sum()), expected, is_missing.nonzero().flatten().tolist(), kl(real, fake))


def kl(real: Tensor, fake: Tensor) -> float:
    """Return KL(generated ‖ real) of images per class, both [K], in nats: Σ q log(q / p), 0 for equal shares.

    Classes without generated images add nothing (0 log 0 = 0). A class without real images counts as half a real image, without
    which one generated image there would make it infinite. NaN where either side has no images.
    """
    _require_same(real, fake)
    if not (real.sum() > 0 and fake.sum() > 0):
        return math.nan
    p, q = real.double().clamp(min=_UNSEEN), fake.double()
    p, q = p / p.sum(), q / q.sum()
    return max(0.0, float(torch.special.xlogy(q, q / p).sum()))


def _require_same(real: Tensor, fake: Tensor) -> None:
    if real.shape != fake.shape or real.ndim != 1:
        raise ValueError(
            f"Images per class are {list(real.shape)} and {list(fake.shape)}, expected the same classes; count both alike."
        )
