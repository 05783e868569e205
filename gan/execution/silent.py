"""Trainers of this machine that do not answer a request to stop."""

from __future__ import annotations

import time
from pathlib import Path

from gan.runs import Run, Status, checkpoints
from gan.storage import signs

STOP_GRACE = 60.0  # seconds without a heartbeat after which a trainer that was asked to stop is ended

#: Runs that were asked to stop: the last heartbeat, and when this process saw it first (``time.monotonic``).
_unanswered: dict[Path, tuple[float, float]] = {}


def end(run: Run, status: Status) -> bool:
    """End a trainer of this machine that has not answered a stop request for ``STOP_GRACE`` seconds; return whether that was done.

    A single step can take minutes, and a trainer looks for requests between steps. Its last checkpoint is kept. Counts are the
    seconds in which this process sees no heartbeat: neither a clock that is set nor a machine that sleeps takes them from it.
    """
    if status.state != "running" or not run.control().stop:
        _unanswered.pop(run.path, None)
        return False
    heartbeat, since = _unanswered.get(run.path, (None, 0.0))
    if heartbeat != status.heartbeat:
        _unanswered[run.path] = status.heartbeat, time.monotonic()
        return False
    if time.monotonic() - since <= STOP_GRACE or not signs.end(run.trainer_lock):
        return False
    found = checkpoints.steps(run.checkpoints_path)
    left = f"the checkpoint of step {found[-1]} is kept" if found else "it had no checkpoint yet"
    message = f"The trainer did not answer for {STOP_GRACE:.0f} s, so it was ended; {left}."
    run.write_status(status.model_copy(update={"state": "stopped", "message": message}))
    return True
