"""All that is measured of one draw of generated images, from one pass of the extractor over them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan.scoring import appearance, classes, diversity, kernel, manifold, metrics
from gan.scoring.appearance import Looks
from gan.scoring.extractor import Features

#: What a distance between two sets of features says, and what the floor has too.
DISTANCES = ("fid", "kid", "precision", "recall", "density", "coverage")
#: What is a number for each draw.
NUMBERS = (*DISTANCES, "inception_score", "classes_covered", "class_kl", "ms_ssim", "duplicates")

MOST_COMPARED = 2000  # images among which duplicates are looked for


class Draw(NamedTuple):
    """Generated images as uint8 pixels [N, C, H, W], and what the extractor saw in them."""

    pixels: Tensor
    seen: Features


class Real(NamedTuple):
    """What a draw is held against: ``features`` [N, D], images per class [K] (empty where nobody tells classes), and looks [N]."""

    features: Tensor
    counts: Tensor
    looks: Looks


def distances(real: Tensor, fake: Tensor, seed: int) -> dict[str, float]:
    """Return the figures of ``DISTANCES`` for features [N, D] and [M, D], by name; NaN for what cannot be measured.

    FID takes all images, since that is how it is usually given; the others take equally many of both, drawn with ``seed``.
    """
    count = min(len(real), len(fake))
    chosen = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))[:count]
    some = real[chosen]
    found = manifold.measure(some, fake[:count])
    return {"fid": metrics.fid(real, fake), "kid": kernel.kid(some, fake[:count], seed=seed).mean, **found._asdict()}


def measure(draw: Draw, real: Real, seed: int) -> dict[str, Any]:
    """Return what is measured of one draw: the figures of ``NUMBERS``, images per class (``class_counts``), support and looks.

    None for what cannot be measured: classes and the Inception Score without logits, support without near duplicates.
    """
    found: dict[str, Any] = dict(distances(real.features, draw.seen.features, seed))
    has_classes = draw.seen.logits.shape[1] > 0
    found["inception_score"] = metrics.inception_score(draw.seen.logits, seed=seed)[0] if has_classes else None
    found |= {"classes_covered": None, "class_kl": None, "class_counts": None}
    if has_classes and len(real.counts) == draw.seen.logits.shape[1]:
        counts = classes.histogram(draw.seen.logits)
        balance = classes.balance(real.counts, counts)
        found |= {"classes_covered": balance.covered, "class_kl": balance.kl, "class_counts": counts.tolist()}
    compared = diversity.near_duplicates(draw.pixels[:MOST_COMPARED])
    birthday = diversity.birthday(compared)
    found |= {
        "ms_ssim": diversity.ms_ssim(draw.pixels, seed=seed),
        "duplicates": compared.share,
        "support": birthday.support if birthday else None,
        "looks": appearance.look(draw.pixels),
    }
    return found


def combine(draws: Sequence[dict[str, Any]], real: Real) -> dict[str, Any]:
    """Return the means of all draws with their ``*_spread`` (sample standard deviation, None for one draw), as a line has them.

    Images per class are summed over draws; looks are compared with the real ones (``gan.scoring.appearance``).
    """
    line: dict[str, Any] = {}
    for name in NUMBERS:
        line[name], line[f"{name}_spread"] = average([draw[name] for draw in draws])
    line["class_counts"] = line["classes_missing"] = None
    if all(draw["class_counts"] is not None for draw in draws):
        totals = torch.tensor([draw["class_counts"] for draw in draws]).sum(dim=0)
        line["class_counts"] = totals.tolist()
        line["classes_missing"] = classes.balance(real.counts, totals).missing
    supports = [draw["support"] for draw in draws if draw["support"] is not None]
    line["support"] = round(statistics.fmean(supports)) if supports else None
    looks = Looks(*(torch.cat(values) for values in zip(*(draw["looks"] for draw in draws), strict=True)))
    line["looks"] = {name: _plain(vars(found)) for name, found in appearance.compare(real.looks, looks).items()}
    return line


def average(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Return the mean and the sample standard deviation; None for both where a value could not be measured, or for one value's."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < len(values):
        return None, None
    return statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with None for numbers that are not finite, which JSON does not know."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()}
