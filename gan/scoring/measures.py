"""All measurements of a draw of generated images, from one pass of the extractor."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan.data.rendered.points import Modes
from gan.scoring.extractors.extractor import Features
from gan.scoring.extractors.perceptual import Lpips
from gan.scoring.metrics import appearance, classes, diversity, manifold, memorisation, modes, texture
from gan.scoring.metrics import kid as kernel
from gan.scoring.metrics.appearance import Comparison, Looks
from gan.scoring.metrics.diversity import Duplicates
from gan.scoring.metrics.fid import Moments, fid
from gan.scoring.metrics.inception_score import inception_score

#: Figures that compare two sets of features; the floor has them too.
DISTANCES = ("fid", "kid", "precision", "recall", "density", "coverage")
#: Figures of points whose modes are known; the floor has them too.
MODES = ("modes", "high_quality", "reverse_kl")
#: Figures of images by themselves, without a comparison; real images have them too.
ALONE = ("ms_ssim", "lpips", "duplicates", "checkerboard")
#: Figures of copies of training images.
MEMORISED = ("memorised", "memorised_ratio", "memorised_sources", "memorised_likeness")
#: Figures with one number per draw.
NUMBERS = (*DISTANCES, *MODES, *ALONE, "inception_score", "classes_covered", "class_kl", *MEMORISED)

_MOST_PAIRS = 500  # for MS-SSIM; otherwise a quarter of the number of images, which keeps quick scores fast
MOST_COMPARED = 2000  # images searched for duplicates; never more than there are real ones


class Draw(NamedTuple):
    """Generated images as uint8 pixels [N, C, H, W], or points [N, 2], and their features."""

    pixels: Tensor
    seen: Features


class Real(NamedTuple):
    """The real images that a draw is compared with.

    ``features`` [N, D]; ``counts``: images per class [K], empty if the extractor does not recognise the data set's classes;
    ``looks`` [N], empty for points; ``training``: features of the training images [T, D]; ``usually``: usual distances from them
    [H] (``memorisation``); ``modes``, if known; ``lpips``: the network for perceptual differences, if its weights are installed;
    ``moments`` of the features, computed from them if None; ``originals``: returns the pixels of the training images in given rows
    (int64 [n] → uint8 [n, C, H, W]), None for points; ``asked``: class numbers of the classes that the run was trained on, empty if
    that is all of them.
    """

    features: Tensor
    counts: Tensor
    looks: Looks
    training: Tensor
    usually: Tensor
    modes: Modes | None = None
    lpips: Lpips | None = None
    moments: Moments | None = None
    originals: Callable[[Tensor], Tensor] | None = None
    asked: tuple[int, ...] = ()


def distances(real: Tensor, fake: Tensor, seed: int, moments: Moments | None = None) -> dict[str, float]:
    """Return the figures of ``DISTANCES``, and KID's interval, for features [N, D] and [M, D]; NaN if not measurable.

    ``moments``: those of the real features, if they are known, which saves most of the time of FID.
    FID uses all images, as is usual; the others use the same number of real and generated images, drawn with ``seed``.
    """
    count = min(len(real), len(fake))
    chosen = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))[:count]
    some = real[chosen]
    found = manifold.measure(some, fake[:count])
    kid = kernel.kid(some, fake[:count], seed=seed)
    interval = {name: math.nan if end is None else end for name, end in (("kid_low", kid.low), ("kid_high", kid.high))}
    return {"fid": fid(real if moments is None else moments, fake), "kid": kid.mean, **interval, **found._asdict()}


def count_modes(points: Tensor, known: Modes | None) -> dict[str, float | None]:
    """Return the figures of ``MODES`` for points [N, 2]; None for each if the modes are unknown."""
    if known is None:
        return dict.fromkeys(MODES)
    found = modes.score_points(points, torch.from_numpy(known.centres), known.sigma)
    return dict(zip(MODES, found, strict=True))


def alone(pixels: Tensor, lpips: Lpips | None, seed: int, most: int = MOST_COMPARED) -> tuple[dict[str, float], Duplicates]:
    """Return the figures of ``ALONE`` for uint8 pixels [N, C, H, W], and the near duplicates among the first ``most`` of them."""
    compared = diversity.near_duplicates(pixels[:most])
    differing = lpips.diversity(pixels, seed=seed) if lpips else math.nan
    alike = diversity.ms_ssim(pixels, pairs=min(_MOST_PAIRS, max(1, len(pixels) // 4)), seed=seed)
    found = (alike, differing, compared.share, texture.checkerboard(pixels))
    return dict(zip(ALONE, found, strict=True)), compared


def measure(draw: Draw, real: Real, seed: int) -> dict[str, Any]:
    """Return the measurements of one draw: the figures of ``NUMBERS``, images per class (``class_counts``), ``pairs``, looks.

    ``pairs``: near duplicates among at most as many images as there are real ones, because more images have more of them. None
    for figures that cannot be measured: Inception Score without logits, classes if those of the real images are unknown, figures
    from pixels for points, and modes if they are unknown.
    """
    found: dict[str, Any] = dict(distances(real.features, draw.seen.features, seed, real.moments))
    found |= count_modes(draw.seen.features, real.modes)
    found |= dict(zip(MEMORISED, _memorised(draw, real), strict=True))
    has_classes = draw.seen.logits.shape[1] > 0
    found["inception_score"] = inception_score(draw.seen.logits, seed=seed)[0] if has_classes else None
    found |= {"classes_covered": None, "class_kl": None, "class_counts": None}
    if has_classes and len(real.counts):
        counts = classes.histogram(draw.seen.logits)
        balance = classes.balance(real.counts, counts, asked=real.asked)
        found |= {"classes_covered": balance.covered, "class_kl": balance.kl, "class_counts": counts.tolist()}
    if draw.pixels.ndim == 2:
        return found | dict.fromkeys((*ALONE, "pairs", "looks"))
    by_itself, pairs = alone(draw.pixels, real.lpips, seed, min(MOST_COMPARED, len(real.features)))
    return found | by_itself | {"pairs": pairs, "looks": appearance.look(draw.pixels)}


def _memorised(draw: Draw, real: Real) -> tuple[float, float, float, float]:
    """Return the figures of ``MEMORISED``; NaN if not measurable."""
    distances, rows = memorisation.find(real.training, draw.seen.features)
    found = memorisation.measure_distances(distances, real.usually)
    places = memorisation.are_near(distances, real.usually).nonzero().flatten()
    rows = rows[places]
    pixels = () if real.originals is None else (draw.pixels[places], real.originals(rows))
    return found.near, found.ratio, *memorisation.examine(rows, *pixels)


def combine(draws: Sequence[dict[str, Any]], real: Real) -> dict[str, Any]:
    """Return the means over draws with their ``*_spread`` (sample standard deviation, None for one draw), as in a line of scores.

    Images per class, support and looks (compared with the real ones, ``appearance``) are computed from all draws together; their
    spreads from the values of single draws.
    """
    line: dict[str, Any] = {}
    for name in NUMBERS:
        line[name], line[f"{name}_spread"] = average([draw[name] for draw in draws])
    for end in ("kid_low", "kid_high"):
        line[end], _ = average([draw[end] for draw in draws])
    line["modes_expected"] = None if real.modes is None else len(real.modes.centres)
    line |= dict.fromkeys(("class_counts", "class_counts_spread", "classes_expected", "classes_missing"))
    line |= dict.fromkeys(("support", "support_spread", "looks"))
    if all(draw["class_counts"] is not None for draw in draws):
        counts = torch.tensor([draw["class_counts"] for draw in draws])
        totals = counts.sum(dim=0)
        line["class_counts"] = totals.tolist()
        line["class_counts_spread"] = counts.double().std(dim=0).tolist() if len(draws) > 1 else None
        _, line["classes_expected"], line["classes_missing"], _ = classes.balance(real.counts, totals, asked=real.asked)
    if draws[0]["looks"] is None:
        return line
    line["support"] = diversity.support([draw["pairs"] for draw in draws])
    _, line["support_spread"] = average([diversity.support([draw["pairs"]]) for draw in draws])
    each = [appearance.compare(real.looks, draw["looks"]) for draw in draws]
    together = Looks(*(torch.cat(values) for values in zip(*(draw["looks"] for draw in draws), strict=True)))
    whole = appearance.compare(real.looks, together)
    line["looks"] = {name: _plain(vars(found)) | _spreads([one[name] for one in each]) for name, found in whole.items()}
    return line


def _spreads(draws: Sequence[Comparison]) -> dict[str, float | None]:
    """Return the spreads of the mean and the effect of a look over draws."""
    return {f"{name}_spread": average([getattr(draw, name) for draw in draws])[1] for name in ("fake_mean", "effect")}


def average(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Return mean and sample standard deviation; both None if any value is missing, and no deviation for a single value."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < len(values):
        return None, None
    return statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Replace non-finite numbers, which JSON cannot hold, by None."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()}
