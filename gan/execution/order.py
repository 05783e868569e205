"""The order in which waiting runs start: fair between persons, after those that were moved to the front."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple


class Turn(NamedTuple):
    """A waiting run: its owner's id; ``first``, below 0 if it was moved to the front; ``since``, which sorts by time."""

    owner: str
    first: float
    since: Any


def fair(waiting: Sequence[Turn], training: Mapping[str, int], served: Mapping[str, float]) -> list[tuple[int, int]]:
    """Return (place in ``waiting``, rank) in starting order.

    The rank of a run is the number of runs of its owner that train or wait before it. Runs are ordered by rank, so many runs of one
    person do not hold up another person's first. Of one rank, the run of the person comes first whose last run started longest ago:
    the next run of a person whose only run has just ended has rank 0 again. Then time decides, as it does with one person. Runs
    that were moved to the front come before all others, the lowest ``first`` leading.

    ``training``: owner → number of runs that train; ``served``: owner → time of the last start.
    """
    counts, starts, latest = Counter(training), dict(served), max(served.values(), default=0.0)
    own = by_owner(waiting)

    def head(owner: str) -> tuple[float, int, float, Any, int]:
        place = own[owner].popleft()
        return waiting[place].first, counts[owner], starts.get(owner, 0.0), waiting[place].since, place

    heads = [head(owner) for owner in own]
    heapify(heads)
    ordered = []
    while heads:
        place = heappop(heads)[-1]
        owner = waiting[place].owner
        ordered.append((place, counts[owner]))
        counts[owner] += 1
        starts[owner] = latest = latest + 1.0  # after all others so far
        if own[owner]:
            heappush(heads, head(owner))
    return ordered


def by_owner(waiting: Sequence[Turn]) -> dict[str, deque[int]]:
    """Return the places of each owner's runs in ``waiting``, in the order in which they start."""
    own: dict[str, deque[int]] = {}
    for place in sorted(range(len(waiting)), key=lambda place: waiting[place][1:]):
        own.setdefault(waiting[place].owner, deque()).append(place)
    return own
