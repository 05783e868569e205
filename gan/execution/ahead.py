"""Who trains now, who waits ahead of a new run, and about when that run would start."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gan.config import RunConfig
from gan.errors import InputError
from gan.execution import queue
from gan.execution.forecast import STARTING_SECONDS, pace
from gan.machine import cores, usual_threads
from gan.runs import Run, index
from gan.sweeps.launched import Sweep


@dataclass(frozen=True)
class Ahead:
    """Runs under way and waiting ahead of a new one, in order; seconds until that starts, None if they cannot be forecast."""

    training: list[Run]
    waiting: list[Run]
    seconds: float | None


def look(root: Path, config: RunConfig) -> Ahead:
    """Return what a run of ``config`` would wait for if it were launched now. Runs of paused sweeps hold up no other."""
    every = index.read(root)
    training = [(listed.run, status) for listed in every if (status := listed.status()).state in ("starting", "running")]
    waiting = [run for run in queue.waiting_runs(root, every) if not _is_held(run)]
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


def _is_held(run: Run) -> bool:
    """Return whether the run's sweep is paused."""
    try:
        return bool((member := run.membership()) and Sweep(run.root, member.sweep).record().is_paused)
    except InputError:
        return False


def _threads(run: Run) -> int:
    try:
        return run.config().training.threads
    except InputError:
        return 0
