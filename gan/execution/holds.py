"""What holds the runs of a sweep back: somebody has paused it, or the disk is nearly full."""

from __future__ import annotations

import contextlib
import shutil

from gan.errors import InputError
from gan.execution.forecast import checkpoint_bytes
from gan.runs import Run
from gan.sweeps.launched import Sweep

PAUSED, NO_ROOM = "paused", "no disk space"
LEAST_ROOM = 50_000_000  # free bytes required besides checkpoints; otherwise sweep runs wait instead of failing one by one


def has_room(run: Run) -> bool:
    """Return whether the disk has room for a sweep run: ``LEAST_ROOM`` plus its checkpoints, if its layers are known."""
    return shutil.disk_usage(run.root).free >= LEAST_ROOM + checkpoint_bytes(run.root, run.config())


def lacks_room(sweep: Sweep, following: Run | None = None) -> bool:
    """Return whether the next run of a sweep is waiting for disk space; ``following`` is that run, if it is known."""
    following = following or next((run for run in sweep.existing() if run.status().state == "queued"), None)
    with contextlib.suppress(InputError):
        return following is not None and not has_room(following)
    return False


def hold(sweep: Sweep, following: Run | None = None) -> str:
    """Return what holds the waiting runs of a sweep back: :data:`PAUSED`, :data:`NO_ROOM`, or nothing.

    ``following`` is the next of them, if it is known.
    """
    try:
        is_paused = sweep.record().is_paused
    except InputError:
        return ""
    return PAUSED if is_paused else NO_ROOM if lacks_room(sweep, following) else ""
