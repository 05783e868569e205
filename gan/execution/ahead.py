"""Who trains now, who waits ahead of a new run, and about when that run would start."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gan.config import RunConfig
from gan.errors import InputError
from gan.execution import queue, steering
from gan.execution.forecast import STARTING_SECONDS, pace
from gan.machine import cores, usual_threads
from gan.runs import Run, index
from gan.sweeps.launched import Sweep

PAUSED, NO_ROOM = "paused", "no disk space"


@dataclass(frozen=True)
class Ahead:
    """Runs under way and waiting ahead of a new one, in order; seconds until that starts, None if they cannot be forecast."""

    training: list[Run]
    waiting: list[Run]
    seconds: float | None


def look(root: Path, config: RunConfig) -> Ahead:
    """Return what a run of ``config`` would wait for if it were launched now. Runs that are held back hold up no other."""
    every = index.read(root)
    training = [(listed.run, status) for listed in every if (status := listed.status()).state in ("starting", "running")]
    waiting = [run for run, reason in _held(queue.waiting_runs(root, every)) if not reason]
    busy = [(max(1, status.threads), status.seconds_left) for _, status in training]
    jobs = []
    for run in waiting:
        status, step_seconds = run.status(), pace(run, len(waiting) + 1)
        seconds = None if step_seconds is None else STARTING_SECONDS + step_seconds * max(0, status.total_steps - status.step)
        jobs.append((status.threads or _threads(run), seconds))
    seconds = starts_in(busy, [*jobs, (config.training.threads, None)], cores())
    return Ahead([run for run, _ in training], waiting, seconds)


def starts_in(
    busy: Sequence[tuple[int, float | None]], waiting: Sequence[tuple[int, float | None]], every_core: int
) -> float | None:
    """Return in how many seconds the last of ``waiting`` starts, or None if a duration that matters is unknown.

    Both list (threads, seconds); 0 threads are shared out as by :func:`gan.execution.queue.advance`.
    """
    ends = [(math.inf if left is None else left, threads) for threads, left in busy]
    heapq.heapify(ends)
    free, now = every_core - sum(threads for threads, _ in busy), 0.0
    for place, (threads, seconds) in enumerate(waiting):
        while ends and free < (threads or 1):
            now, given_back = heapq.heappop(ends)
            free += given_back
        taken = threads or min(usual_threads(), max(1, free // (len(waiting) - place)))
        free -= taken
        if place < len(waiting) - 1:
            heapq.heappush(ends, (math.inf if seconds is None else now + seconds, taken))
    return now if math.isfinite(now) else None


def reasons(root: Path) -> dict[str, str]:
    """Return why each waiting run waits, by id: what holds its sweep back (:func:`hold`), else its place among all others."""
    found = _held(queue.waiting_runs(root))
    line = [run.id for run, reason in found if not reason]
    places = {run_id: f"place {place} of {len(line)} in the queue" for place, run_id in enumerate(line, 1)}
    return {run.id: reason or places[run.id] for run, reason in found}


def hold(sweep: Sweep) -> str:
    """Return what holds the waiting runs of a sweep back: :data:`PAUSED`, :data:`NO_ROOM`, or nothing."""
    try:
        is_paused = sweep.record().is_paused
    except InputError:
        return ""
    return PAUSED if is_paused else NO_ROOM if steering.lacks_room(sweep) else ""


def _held(waiting: Sequence[Run]) -> list[tuple[Run, str]]:
    """Return waiting runs in order, each with what holds its sweep back."""
    sweep_of = {run.id: member.sweep for run in waiting if (member := run.membership())}
    holds = {sweep: hold(Sweep(waiting[0].root, sweep)) for sweep in set(sweep_of.values())}
    return [(run, holds.get(sweep_of.get(run.id, ""), "")) for run in waiting]


def _threads(run: Run) -> int:
    try:
        return run.config().training.threads
    except InputError:
        return 0
