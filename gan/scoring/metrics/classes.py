"""Class balance of generated images: predicted class counts, missing classes and divergence from the real images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_UNSEEN = 0.5  # pseudo-count of a class without real images; keeps the divergence finite

SHARE = 0.1  # least share, relative to the real share (for a covered class) or to an even share (for an expected class)
_ONCE_IN = 20  # sets of images; one of them may lack a class by chance


class Balance(NamedTuple):
    """Class balance of generated images compared with real ones.

    ``expected``: number of classes asked for, or else common among the real images; ``covered``: how many of them the generator
    covers; ``missing``: class numbers of uncovered classes with too many expected images for chance to explain the gap; ``kl``:
    nats, 0 and up.
    """

    covered: int
    expected: int
    missing: list[int]
    kl: float


def histogram(logits: Tensor) -> Tensor:
    """Return the number of images per predicted class, int64 [K], from ``logits`` [N, K].

    Images with NaN logits are left out.
    """
    return torch.bincount(logits[~logits.isnan().any(dim=1)].argmax(dim=1), minlength=logits.shape[1])


def balance(real: Tensor, fake: Tensor, share: float = SHARE, asked: Sequence[int] = ()) -> Balance:
    """Compare ``fake`` images per class [K] with ``real`` images per class [K].

    ``asked``: class numbers of the classes in the data, if some were left out on purpose. Exactly these are then expected, because
    a classifier that confuses classes also finds the others among the real images. Otherwise a class is expected if its share of
    the real images is at least ``share`` (a tenth) of an even share, 1 / number of classes that occur.

    A class is covered if its share of the generated images is at least ``share`` of its share of the real ones. A few misclassified
    images thus do not make a class on either side. An uncovered class is missing if its expected number of images n is so large
    that one of the K expected classes is empty by chance at most once in twenty draws: K e⁻ⁿ ≤ 1/20. Without generated images, no
    class is covered or missing, and the divergence is NaN.
    """
    _require_same(real, fake)
    edge = share * (1 - 1e-9)  # a share exactly on the edge counts, whatever the rounding
    shares = real.double() / max(1, int(real.sum()))
    is_expected = (real > 0) & (shares * int((real > 0).sum()) >= edge)
    if asked:
        is_expected = torch.zeros(len(real), dtype=torch.bool).index_fill(0, torch.tensor(asked), True)
    expected, due = int(is_expected.sum()), shares * int(fake.sum())
    is_covered = is_expected & (fake > 0) & (fake >= edge * due)
    is_missing = is_expected & ~is_covered & (due >= math.log(_ONCE_IN * max(1, expected)))
    return Balance(int(is_covered.sum()), expected, is_missing.nonzero().flatten().tolist(), kl(real, fake))


def kl(real: Tensor, fake: Tensor) -> float:
    """Return KL(generated ‖ real) of images per class, both [K], in nats: Σ q log(q / p), 0 for equal shares.

    Classes without generated images add nothing (0 log 0 = 0). A class without real images counts as half a real image; otherwise
    one generated image there would make the divergence infinite. NaN if either side has no images.
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
            f"Images per class have shapes {list(real.shape)} and {list(fake.shape)}, expected one list of the same length each; "
            "count both over the same classes."
        )
