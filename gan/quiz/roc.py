"""Telling real from generated pictures as a detection task: ROC curve, its area, and 95 % intervals of shares and areas.

"Real" is the positive class: a hit is a real picture called real, a false alarm a generated picture called real.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

QUANTILE = 1.959963984540054  # of the standard normal distribution, for two-sided intervals of 95 %

Interval = tuple[float, float]


def curve(real: Sequence[float], fake: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return false-alarm rates and hit rates (0 to 1, ascending) of all thresholds on the outputs for real and generated pictures.

    Both start at 0 and end at 1 (Fawcett 2006, An introduction to ROC analysis). Neither input may be empty.
    """
    thresholds = np.unique([*real, *fake])[::-1]
    shares = ([0.0, *(1 - np.searchsorted(np.sort(one), thresholds) / len(one)).tolist()] for one in (fake, real))
    alarms, hits = shares
    return alarms, hits


def height(alarms: Sequence[float], hits: Sequence[float], at: float) -> float:
    """Return the hit rate of a :func:`curve` at a false-alarm rate, linear between thresholds."""
    place = int(np.searchsorted(alarms, at, side="right"))
    if place == len(alarms):
        return hits[-1]
    share = (at - alarms[place - 1]) / (alarms[place] - alarms[place - 1])
    return hits[place - 1] + share * (hits[place] - hits[place - 1])


def area(real: Sequence[float], fake: Sequence[float]) -> float:
    """Return the area under the ROC curve: the probability that of a pair the real picture has the higher output.

    Ties count half (Mann and Whitney 1947).
    """
    difference = np.sign(np.subtract.outer(np.asarray(real, float), np.asarray(fake, float)))
    return float((difference.mean() + 1) / 2)


def area_interval(found: float, reals: int, fakes: int) -> Interval:
    """Return the 95 % interval of an :func:`area` (Newcombe 2006, Statistics in Medicine 25:559, method 5).

    Solves |θ − found| = z √V(θ) with the variance of Hanley and McNeil (1982). Unlike the intervals of DeLong and of the
    bootstrap it keeps a width if all pictures are told apart, which is usual for a discriminator.
    """
    mean = (reals + fakes) / 2 - 1

    def error(theta: float) -> float:
        spread = 1 + mean * (1 - theta) / (2 - theta) + mean * theta / (1 + theta)
        return QUANTILE * math.sqrt(theta * (1 - theta) * spread / (reals * fakes))

    low = _root(lambda theta: found - theta - error(theta), 0.0, found)
    high = _root(lambda theta: found - theta + error(theta), found, 1.0)
    return low, high


def wilson(successes: float, count: float, quantile: float = QUANTILE) -> Interval:
    """Return the 95 % interval of a share, given successes of ``count`` > 0 trials (Wilson 1927).

    Recommended for few trials by Brown, Cai and DasGupta (2001, Interval estimation for a binomial proportion).
    """
    share, weight = successes / count, quantile**2 / count
    centre = share + weight / 2
    reach = quantile * math.sqrt(share * (1 - share) / count + weight / count / 4)
    return max(0.0, (centre - reach) / (1 + weight)), min(1.0, (centre + reach) / (1 + weight))


def clustered(successes: Sequence[int], counts: Sequence[int]) -> Interval:
    """Return the 95 % interval of the share of all successes, given successes and trials of each person; at least one trial.

    The number of trials is divided by the design effect, so that it allows for differences between persons (Rao and Scott 1992,
    Biometrics 48:577), but by no less than 1; then follows Wilson's interval, with the quantile of Student's t for the persons.
    """
    trials = [(hit, count) for hit, count in zip(successes, counts, strict=True) if count]
    total, persons = sum(count for _, count in trials), len(trials)
    share = sum(hit for hit, _ in trials) / total
    if persons < 2:
        return wilson(share * total, total)
    from scipy import special  # takes longer to import than everything else on a page

    effect = 1.0
    if 0 < share < 1:
        spread = persons / (persons - 1) * sum((hit - share * count) ** 2 for hit, count in trials) / total**2
        effect = max(1.0, spread * total / (share * (1 - share)))
    return wilson(share * total / effect, total / effect, float(special.stdtrit(persons - 1, 0.975)))


def upper_half(real: Sequence[float], fake: Sequence[float]) -> float:
    """Return the share of pictures judged right if as many as are real, those with the highest outputs, are called real.

    It needs no threshold, so it suits every loss. Of equal outputs at the border, the expected share counts.
    """
    border = sorted([*real, *fake])[len(fake)]
    above = [sum(value > border for value in values) for values in (real, fake)]
    equal = [sum(value == border for value in values) for values in (real, fake)]
    share = (len(real) - sum(above)) / sum(equal)  # of the equal ones that are called real
    hits, alarms = (certain + share * tied for certain, tied in zip(above, equal, strict=True))
    return (hits + len(fake) - alarms) / (len(real) + len(fake))


def _root(value: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function that falls from ``low`` to ``high`` crosses 0, by bisection; an end if it does not."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if value(middle) > 0 else (low, middle)
    return (low + high) / 2
