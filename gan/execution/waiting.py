"""The waiting runs, in the order in which they start."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from gan import runs
from gan.access import limits
from gan.access.people import Person
from gan.execution import holds, order
from gan.execution.order import Turn
from gan.runs import Run, Status, index
from gan.runs.listing import Listed
from gan.sweeps.launched import Sweep


class Waiting(NamedTuple):
    """A waiting run, its owner, what holds its sweep back, if anything, and its rank (:func:`order.fair`)."""

    run: Run
    status: Status
    owner: Person
    turn: Turn
    sweep: str
    reason: str = ""
    rank: int = 0

    @classmethod
    def of(cls, listed: Listed, status: Status, sweep: str) -> Waiting:
        """Return a listed run as a waiting one; ``sweep`` is that whose file may hold it back."""
        owner = listed.facts.owner
        return cls(listed.run, status, owner, Turn(owner.id, status.first, (status.queued_at, listed.age_key)), sweep)


def line(root: Path, *, has_engine: bool = False) -> list[Waiting]:
    """Return the waiting runs of this machine, or with ``has_engine`` those of engines, in queue order; held ones come last."""
    return list(index.once(("line", root, has_engine), lambda: _line(root, has_engine=has_engine)))


def _line(root: Path, *, has_engine: bool) -> list[Waiting]:
    every = index.read(root)
    training: Counter[str] = Counter()
    found: list[Waiting] = []  # as far as that may change at any time
    for listed in every.moving:
        if (status := listed.status()).state == "queued":
            if bool(status.engine) == has_engine:
                found.append(Waiting.of(listed, status, listed.facts.sweep))
        elif status.state in runs.UNDER_WAY:
            training[listed.owner] += 1
    if not has_engine:
        still = every.once("waiting", lambda: [Waiting.of(one, one.status(), one.facts.sweep) for one in every.waiting])
        if not found:
            held = _held(root, every.once("following", lambda: _following(still)))
            key = "line", frozenset(held.items()), frozenset(training.items())
            return every.once(key, lambda: _ordered(still, held, training, every.last_starts))
        found += still
    return _ordered(found, _held(root, _following(found)), training, every.last_starts)


def _following(waiting: Iterable[Waiting]) -> dict[str, Run]:
    """Return the next run of each sweep that has waiting ones."""
    found: dict[str, Waiting] = {}
    for one in waiting:
        if one.sweep and (one.sweep not in found or one.turn[1:] < found[one.sweep].turn[1:]):
            found[one.sweep] = one
    return {sweep: one.run for sweep, one in found.items()}


def _held(root: Path, following: Mapping[str, Run]) -> dict[str, str]:
    """Return what holds each sweep back."""
    return {sweep: holds.hold(Sweep(root, sweep), run) for sweep, run in following.items()}


def _ordered(
    waiting: Iterable[Waiting], held: Mapping[str, str], training: Mapping[str, int], served: Mapping[str, float]
) -> list[Waiting]:
    """Return waiting runs in queue order with their ranks; those that are held back come last."""
    told = [one._replace(reason=held.get(one.sweep, "")) for one in waiting]
    free = [one for one in told if not one.reason]
    ranked = order.fair([one.turn for one in free], training, served)
    return [free[place]._replace(rank=rank) for place, rank in ranked] + sorted(
        (one for one in told if one.reason), key=lambda one: one.turn[1:]
    )


def most_at_once(root: Path, person: Person) -> float:
    """Return how many runs of a person may train at once."""
    return math.inf if person.is_teacher else limits.read(root).training
