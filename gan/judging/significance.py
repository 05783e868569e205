"""Significance of the difference between two settings compared with seed noise, as an interval and a sentence; torch-free."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gan import words

CONFIDENCE = 0.95
MOST_SEEDS = 100  # upper limit of what is worth recommending
_FEWEST_POOLED = 3  # settings needed to pool their noise
_FEWEST_SEEDS = 3  # lowest number worth recommending for each setting


@dataclass(frozen=True)
class Difference:
    """Difference of two means, ``mean``, with its 95 % confidence interval from ``low`` to ``high`` and two-sided ``p`` value.

    The interval is infinite if the values never vary, since they then say nothing about chance. ``needed``: seeds of each setting
    that would establish a difference of this size; None if it is already established, if it is 0, or if more than 100 are needed.
    """

    mean: float
    low: float
    high: float
    needed: int | None
    p: float = 1.0

    @property
    def is_sure(self) -> bool:
        """Whether the interval excludes zero."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Noise:
    """Seed noise of several settings: the pooled ``variance`` of their values, with its degrees of ``freedom``."""

    variance: float
    freedom: int


def pool(groups: Iterable[Sequence[float]]) -> Noise | None:
    """Return the seed noise of at least three settings, each around its own mean; None for fewer.

    Two or three seeds say little about the noise of one setting; pooled they say more, provided that all settings vary about
    equally. Settings with a single seed are ignored.
    """
    several = [values for values in groups if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if len(several) < _FEWEST_POOLED:
        return None
    return Noise(sum((len(values) - 1) * statistics.variance(values) for values in several) / freedom, freedom)


def compare(one: Sequence[float], other: Sequence[float], noise: Noise | None = None) -> Difference | None:
    """Return the difference of the means of two settings, from one finite value per seed; None if either has fewer than two.

    The interval is Welch's, which allows unequal variances (Welch 1947, Biometrika 34): x̄ − ȳ ± t · √(s²/n + r²/m), with
    Satterthwaite's degrees of freedom. With pooled ``noise`` it is Student's, x̄ − ȳ ± t · s · √(1/n + 1/m), and one seed of each
    is enough. It is infinite for values that never vary, such as those of one seed trained twice.
    """
    if min(len(one), len(other)) < (1 if noise else 2):
        return None
    mean = statistics.fmean(one) - statistics.fmean(other)
    if noise:
        squared, freedom, spread = noise.variance * (1 / len(one) + 1 / len(other)), float(noise.freedom), noise.variance
    else:
        parts = [(statistics.variance(values) / len(values), len(values) - 1) for values in (one, other)]
        squared, spread = sum(part for part, _ in parts), sum(statistics.variance(values) for values in (one, other)) / 2
        freedom = squared**2 / sum(part**2 / degrees for part, degrees in parts) if squared else 1.0
    if not squared:
        return Difference(mean, -math.inf, math.inf, None)
    error = math.sqrt(squared)
    half = _quantile(freedom) * error
    found = Difference(mean, mean - half, mean + half, None, _p_value(abs(mean) / error, freedom))
    if found.is_sure or not mean:
        return found
    return replace(found, needed=_needed(abs(mean), spread, min(len(one), len(other))))


def holm(values: Sequence[float]) -> list[float]:
    """Return the p values of several comparisons, corrected for their number (Holm 1979, Scandinavian Journal of Statistics 6).

    The k-th smallest of m becomes the largest of (m − j + 1) · p for j ≤ k: the chance of any false claim stays below the level.
    """
    found, highest = [1.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        found[place] = highest
    return found


def tell(
    names: tuple[str, str],
    values: tuple[Sequence[float], Sequence[float]],
    score: str,
    *,
    is_lower_better: bool,
    noise: Noise | None = None,
    p: float | None = None,
) -> str:
    """Return a sentence on which of two settings has the better ``score``, or how many seeds are needed to decide.

    ``p``: the p value corrected for the number of comparisons, which then decides (see :func:`holm`).
    """
    (one, other), (first, second) = names, values
    found = compare(first, second, noise)
    if found is None:
        return f"“{one}” and “{other}”: one seed does not show how much is chance; train at least two seeds of each."
    counts = f"{len(first)} and {len(second)} seed{'s' * (len(second) != 1)}"
    if not math.isfinite(found.high):
        values_told = f"{words.number(statistics.fmean(first))} and {words.number(statistics.fmean(second))}, {counts}"
        return (
            f"“{one}” and “{other}”: {score} is the same each time ({values_told}), which does not show how much is chance; train "
            "with other seeds."
        )
    low, high = (-found.high, -found.low) if found.mean < 0 else (found.low, found.high)
    size = f"{words.number(abs(found.mean))} (95 % interval {words.number(low)} to {words.number(high)}, {counts})"
    if not found.is_sure or (p is not None and p > 1 - CONFIDENCE):
        more = f"train about {found.needed} seeds of each to decide" if found.needed else "more seeds would hardly help"
        if not found.mean:
            return f"“{one}” and “{other}” have the same {score}, difference {size}; {more}."
        lower, higher = (one, other) if found.mean < 0 else (other, one)
        doubt = f"this may be chance; {more}"
        if found.is_sure:
            doubt = "among this many comparisons this may be chance; train more seeds of each to decide"
        return f"“{lower}” has a lower {score} than “{higher}”, by {size}, but {doubt}."
    is_first_better = (found.mean < 0) == is_lower_better
    better, worse = (one, other) if is_first_better else (other, one)
    return f"“{better}” has a better {score} than “{worse}”, by {size}: more than the seeds explain."


def _needed(mean: float, variance: float, count: int) -> int | None:
    """Return the fewest seeds of each setting, above ``count``, that would establish ``mean``; None above 100."""
    for more in range(max(count + 1, _FEWEST_SEEDS), MOST_SEEDS + 1):
        if _quantile(2 * more - 2) * math.sqrt(2 * variance / more) < mean:
            return more
    return None


def _quantile(freedom: float) -> float:
    """Return the two-sided quantile of Student's t at the confidence of the interval, in standard errors."""
    from scipy import special  # takes longer to import than everything else on a page

    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _p_value(distance: float, freedom: float) -> float:
    """Return the two-sided p value of a difference ``distance`` standard errors from zero."""
    from scipy import special

    return float(2 * special.stdtr(freedom, -distance))
