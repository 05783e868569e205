"""The order in which waiting runs start: fair between persons, after those that were moved to the front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Turn(NamedTuple):
    """A waiting run: its owner's id; ``first``, below 0 if it was moved to the front; ``since``, which sorts by time."""

    owner: str
    first: float
    since: Any


def fair(waiting: Sequence[Turn], training: Mapping[str, int]) -> list[tuple[int, int]]:
    """Return (place in ``waiting``, rank) in starting order.

    The rank of a run is the number of runs of its owner that train or wait before it. Runs are ordered by rank, then by time, so
    many runs of one person do not hold up another person's first. With one person, the order is by time. Runs that were moved to
    the front come before all others, the lowest ``first`` leading. ``training``: owner → number of runs that train.
    """
    counts, ranked = Counter(training), []
    for place in sorted(range(len(waiting)), key=lambda place: waiting[place][1:]):
        ranked.append((place, counts[waiting[place].owner]))
        counts[waiting[place].owner] += 1
    return sorted(ranked, key=lambda pair: (waiting[pair[0]].first, pair[1], waiting[pair[0]].since))
