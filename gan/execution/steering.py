"""Launching, pausing, cancelling, retrying and removing sweeps."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from gan import runs
from gan.access.rules import require
from gan.errors import InputError, explained
from gan.execution.executors import engines
from gan.execution.queue import admission, advance, end_run, put_back, queue_lock, require_room, total_after
from gan.runs import Run
from gan.storage import files
from gan.sweeps import launched
from gan.sweeps.launched import Sweep
from gan.sweeps.plan import Plan
from gan.sweeps.progress import progress_of
from gan.sweeps.variants import run_configs

_LONGEST_MAKING = 600.0  # seconds that a launch waits while another process creates the runs of its sweep


def launch_sweep(root: Path, plan: Plan, engine: str = "") -> Sweep:
    """Create a sweep and its runs at the end of the queue, and start the runs that fit, or send them to an ``engine``.

    Raises InputError if it cannot be launched, or if the limits of the class do not allow all of its runs. If only some of its runs
    cannot be created, the sweep is kept, and :func:`advance` creates the missing runs as soon as possible.
    """
    planned = [config for _, config in run_configs(plan)]
    with admission(root, len(planned)) as admit:
        for config in planned:
            admit(config)
        sweep = launched.create(root, plan, engines.require(engine))
    try:
        launched.complete(sweep, patience=_LONGEST_MAKING)  # a process advancing the queue may already be creating them
    except InputError as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"Not all runs of sweep {sweep.id} could be created ({reason}); the others are created as soon as possible."
        ) from error
    advance(root)
    return sweep


def pause(sweep: Sweep, *, is_paused: bool = True) -> None:
    """Hold or release the waiting runs of a sweep; runs that are already training continue to their end."""
    require("pause", sweep.owner(), f"sweep {sweep.id}")
    sweep.change(is_paused=is_paused)
    advance(sweep.root)


def cancel(sweep: Sweep) -> int:
    """Remove the waiting runs of a sweep from the queue, stop the training ones, and return the number of both."""
    require("stop", sweep.owner(), f"sweep {sweep.id}")
    if not sweep.record().is_whole:
        launched.give_up(sweep)
    with explained(f"cancelling sweep {sweep.id}"), queue_lock(sweep.root):
        return sum(end_run(run) for run in sweep.runs())


def retry(sweep: Sweep, states: Sequence[str] = ("failed", "interrupted")) -> int:
    """Requeue the runs of a sweep that ended in one of ``states``, create missing runs, and return the number of both.

    Runs that cannot be resumed (damaged, or no steps left) stay unchanged.
    """
    require("resume", sweep.owner(), f"sweep {sweep.id}")
    missing = sum(not member.run for member in sweep.record().members)
    with queue_lock(sweep.root):
        require_room(sweep.root, _resumable(sweep, states), more=missing)
    launched.complete(sweep)
    with explained(f"retrying sweep {sweep.id}"), queue_lock(sweep.root):
        able = _resumable(sweep, states)
        require_room(sweep.root, able)
        for run in able:
            put_back(run)
    advance(sweep.root)
    return missing + len(able)


def _resumable(sweep: Sweep, states: Sequence[str]) -> list[Run]:
    """Return the runs of a sweep that ended in one of ``states`` and have steps left."""
    found = []
    for run in sweep.runs():
        if (status := run.status()).state in states:
            with contextlib.suppress(InputError):
                total_after(run, status, None)
                found.append(run)
    return found


def remove(sweep: Sweep) -> None:
    """Move the file of a finished or damaged sweep to the trash folder; its runs stay.

    Raises InputError if the sweep is still under way.
    """
    require("delete", sweep.owner(), f"sweep {sweep.id}")
    try:
        is_over = progress_of(sweep, 1).is_over
    except InputError:
        is_over = True
    if not is_over:
        raise InputError(f"Sweep {sweep.id} is still under way; cancel it first.")
    trash = sweep.root / runs.TRASH
    with explained(f"removing sweep {sweep.id}"):
        trash.mkdir(exist_ok=True)
        os.rename(sweep.path, trash / sweep.path.name)
        files.sync_directory(sweep.path.parent)
