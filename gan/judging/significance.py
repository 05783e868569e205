"""Whether a difference between two settings is larger than what seeds alone make: an interval, in a sentence; torch-free."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy import special

from gan import words

CONFIDENCE = 0.95
MOST_SEEDS = 100  # more than anybody would train for one comparison
_FEWEST_POOLED = 3  # settings
_FEWEST_SEEDS = 3  # of each that are worth asking for


@dataclass(frozen=True)
class Difference:
    """How much larger the mean of ``one`` is than that of another: ``mean``, with the interval from ``low`` to ``high``.

    The interval holds the true difference in 95 % of all experiments of this kind; it has no bounds where values that never
    vary say nothing of chance. ``needed``: seeds of each that would show a difference like this one, None where it shows already,
    where there is none, or where more than 100 would be needed.
    """

    mean: float
    low: float
    high: float
    needed: int | None

    @property
    def is_sure(self) -> bool:
        """Whether zero is not in the interval."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Noise:
    """What seeds do in several settings alike: the pooled ``variance`` of their values, with its degrees of ``freedom``."""

    variance: float
    freedom: int


def pool(groups: Iterable[Sequence[float]]) -> Noise | None:
    """Return the noise of the seeds of at least three settings, each around its own mean; None for fewer.

    With two or three seeds a setting says little of its own noise; all of them together say more, if they vary about alike.
    """
    several = [values for values in groups if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if len(several) < _FEWEST_POOLED:
        return None
    return Noise(sum((len(values) - 1) * statistics.variance(values) for values in several) / freedom, freedom)


def compare(one: Sequence[float], other: Sequence[float], noise: Noise | None = None) -> Difference | None:
    """Return the difference of the means of two settings, from one finite value per seed; None with less than two of either.

    The interval is Welch's, which lets both vary differently (Welch 1947, Biometrika 34): x̄ − ȳ ± t · √(s²/n + r²/m), with the
    degrees of freedom of Satterthwaite; or, with pooled ``noise``, Student's x̄ − ȳ ± t · s · √(1/n + 1/m), and one seed of
    either is enough. Values that never vary, such as those of one seed trained twice, tell nothing: the interval has no bounds.
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
    half = _quantile(freedom) * math.sqrt(squared)
    found = Difference(mean, mean - half, mean + half, None)
    if found.is_sure or not mean:
        return found
    return Difference(mean, found.low, found.high, _needed(abs(mean), spread, min(len(one), len(other))))


def tell(
    names: tuple[str, str],
    values: tuple[Sequence[float], Sequence[float]],
    score: str,
    *,
    is_lower_better: bool,
    noise: Noise | None = None,
) -> str:
    """Return in one sentence whether one of two settings has the better ``score``, or how many seeds it takes to tell."""
    (one, other), (first, second) = names, values
    found = compare(first, second, noise)
    if found is None:
        return f"“{one}” and “{other}”: one seed does not show how much chance does; train at least two seeds of each."
    counts = f"{len(first)} and {len(second)} seed{'s' * (len(second) != 1)}"
    if not math.isfinite(found.high):
        values_told = f"{_number(statistics.fmean(first))} and {_number(statistics.fmean(second))}, {counts}"
        return (
            f"“{one}” and “{other}”: {score} is the same each time ({values_told}), which does not show how much chance does; "
            "train with other seeds."
        )
    low, high = (-found.high, -found.low) if found.mean < 0 else (found.low, found.high)
    size = f"{_number(abs(found.mean))} (95 % interval {_number(low)} to {_number(high)}, {counts})"
    if not found.is_sure:
        more = f"train about {found.needed} seeds of each to tell" if found.needed else "more seeds would hardly tell"
        if not found.mean:
            return f"“{one}” and “{other}” have the same {score}, with a difference of {size}; {more}."
        lower, higher = (one, other) if found.mean < 0 else (other, one)
        return f"The {score} of “{lower}” is lower than that of “{higher}” by {size}: no more than chance may do; {more}."
    is_first_better = (found.mean < 0) == is_lower_better
    better, worse = (one, other) if is_first_better else (other, one)
    return f"“{better}” has a better {score} than “{worse}”, by {size}: more than the seeds explain."


def _needed(mean: float, variance: float, count: int) -> int | None:
    """Return the least number of seeds of each, above ``count``, at which ``mean`` leaves the interval; None above 100."""
    for more in range(max(count + 1, _FEWEST_SEEDS), MOST_SEEDS + 1):
        if _quantile(2 * more - 2) * math.sqrt(2 * variance / more) < mean:
            return more
    return None


def _quantile(freedom: float) -> float:
    """Return how many standard errors Student's t stays within, with the confidence of the interval."""
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _number(value: float) -> str:
    return words.number(value).replace("-", "−")
