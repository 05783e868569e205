"""Who trains now, who waits ahead of a new run, and about when that run would start."""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from gan.access import people
from gan.config import RunConfig
from gan.errors import InputError
from gan.execution import order, speeds
from gan.execution.forecast import STARTING_SECONDS, pace
from gan.execution.order import Turn
from gan.execution.waiting import line, most_at_once
from gan.machine import cores, usual_threads
from gan.runs import Run, index
from gan.runs.listing import Listed
from gan.storage.models import read_cached

_MOST_SEEN = 50  # runs

_UNSENT = "Waiting to be sent."
AT_LIMIT = "at the limit"  # of a student's trainings at once


@dataclass(frozen=True)
class Ahead:
    """Runs under way, and waiting ahead of a new one, in order; seconds until that starts, None if they cannot be forecast."""

    training: list[Run]
    waiting: list[Run]
    seconds: float | None


class Job(NamedTuple):
    """A run in a forecast: cores (0: as the queue gives), seconds of training, turn, and the owner's trainings at once."""

    cores: int
    seconds: float | None
    turn: Turn = Turn("", 0.0, 0.0)
    most: float = math.inf


_Key = tuple[float, int, float, Any]


def look(root: Path, config: RunConfig) -> Ahead:
    """Return what a run of ``config`` would wait for if the acting person launched it now.

    Runs that are held back hold up no other.
    """
    every, person = index.read(root), people.current()
    training = [(listed, status) for listed in every.going if (status := listed.status()).state in ("starting", "running")]
    waiting = [one for one in line(root) if not one.reason]
    busy = [
        Job(max(1, status.threads) * status.processes, status.seconds_left, Turn(listed.facts.owner.id, 0.0, 0.0))
        for listed, status in training
    ]
    jobs, seen = [], _seen(every)
    paces: dict[str, float | None] = {}
    for one in waiting:
        kind = _kind(one.run)
        if kind not in paces:
            paces[kind] = pace(one.run, len(waiting) + 1) or seen.get(kind)
        step_seconds, steps = paces[kind], max(0, one.status.total_steps - one.status.step)
        seconds = None if step_seconds is None else STARTING_SECONDS + step_seconds * steps
        jobs.append(Job(_cores(one.run, one.status.threads), seconds, one.turn, most_at_once(root, one.owner)))
    new = Turn(person.id, 0.0, (time.time(), (math.inf, "")))
    served = every.last_starts
    jobs.append(Job(config.training.threads * config.training.processes, None, new, most_at_once(root, person)))
    seconds = starts_in(busy, jobs, cores(), served)
    ranked = order.fair([*(one.turn for one in waiting), new], Counter(job.turn.owner for job in busy), served)
    places = [place for place, _ in ranked]
    return Ahead(
        [listed.run for listed, _ in training], [waiting[place].run for place in places[: places.index(len(waiting))]], seconds
    )


def starts_in(busy: Sequence[Job], waiting: Sequence[Job], every_core: int, served: Mapping[str, float]) -> float | None:
    """Return in how many seconds the last of ``waiting`` starts, or None if a duration that matters is unknown.

    Runs start as in :func:`gan.execution.queue.advance`, which looks at the order anew whenever one ends. ``served``: owner → time
    of the last start.
    """
    own, training = order.by_owner([job.turn for job in waiting]), Counter(job.turn.owner for job in busy)
    ends = [(math.inf if job.seconds is None else job.seconds, place, job) for place, job in enumerate(busy, -len(busy))]
    heapq.heapify(ends)
    served, latest = dict(served), max(served.values(), default=0.0)
    free, now, usual = every_core - sum(job.cores for job in busy), 0.0, usual_threads()
    heads: list[tuple[_Key, str]] = []  # with outdated ones, whose key has changed since

    def key(owner: str) -> _Key | None:
        """Return what the next run of an owner is ordered by; None if there is none, or if it has to wait for another."""
        if not own.get(owner) or training[owner] >= (job := waiting[own[owner][0]]).most:
            return None
        return job.turn.first, training[owner], served.get(owner, 0.0), job.turn.since

    def offer(owner: str) -> None:
        if found := key(owner):
            heapq.heappush(heads, (found, owner))

    def share() -> int:
        able = sum(min(len(places), waiting[places[0]].most - training[owner]) for owner, places in own.items() if key(owner))
        return max(1, free // int(able))

    for owner in own:
        offer(owner)
    while True:
        while heads and heads[0][0] != key(heads[0][1]):
            heapq.heappop(heads)
        if heads:
            owner = heads[0][1]
            place = own[owner][0]
            job = waiting[place]
            taken = job.cores or (1 if usual == 1 else min(usual, share()))
            if taken <= free or not ends:
                if place == len(waiting) - 1:
                    return now if math.isfinite(now) else None
                own[owner].popleft()
                free -= taken
                training[owner] += 1
                served[owner] = latest = latest + 1.0  # the order of starts is all that counts
                end = math.inf if job.seconds is None else now + job.seconds
                heapq.heappush(ends, (end, place, job._replace(cores=taken)))
                offer(owner)
                continue
        if not ends:
            return None
        now, _, ended = heapq.heappop(ends)
        free += ended.cores
        training[ended.turn.owner] -= 1
        offer(ended.turn.owner)


def reasons(root: Path) -> dict[str, str]:
    """Return why each waiting run waits, by id.

    For a run of an engine, that is what its dispatcher says, a sentence. Else it is what holds its sweep back
    (:func:`gan.execution.holds.hold`), :data:`AT_LIMIT` for the next run of a student whose other runs train, or its place among
    all others.
    """
    found = line(root)
    going = [one for one in found if not one.reason]
    told = {one.run.id: one.reason for one in found}
    told |= {one.run.id: one.reason or one.status.message or _UNSENT for one in line(root, has_engine=True)}
    owners: set[str] = set()
    for place, one in enumerate(going, 1):
        is_next = one.owner.id not in owners
        owners.add(one.owner.id)
        is_held = is_next and one.rank >= most_at_once(root, one.owner)
        told[one.run.id] = AT_LIMIT if is_held else f"place {place} of {len(going)} in the queue"
    return told


def _seen(every: Sequence[Listed]) -> dict[str, float]:
    """Return the seconds per step of the newest runs, by kind; a class trains many of one kind, and nobody measured its speed."""
    found: dict[str, float] = {}
    for listed in every[:_MOST_SEEN]:
        if (status := listed.facts.status) and status.step and status.seconds:
            found.setdefault(_kind(listed.run), status.seconds / status.step)
    return found


def _kind(run: Run) -> str:
    """Return what the speed of a run depends on; the id of the run if its configuration is damaged."""
    try:
        found: str = read_cached(_read_kind, run.config_path)
    except InputError:
        return run.id
    return found


@lru_cache(maxsize=2048)
def _read_kind(path: Path, inode: int, changed: int, size: int) -> str:
    return speeds.key(Run(path.parent).config())


def _cores(run: Run, threads: int) -> int:
    """Return the cores that a run takes with ``threads``, 0 if not yet known; 0 if the queue decides."""
    try:
        chosen = run.config().training
    except InputError:
        return threads
    return (threads or chosen.threads) * chosen.processes
