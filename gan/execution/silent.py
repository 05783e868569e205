"""Trainers of this machine that do not answer a request to stop."""

from __future__ import annotations

from gan.runs import Run, Status, checkpoints
from gan.storage import signs

STOP_GRACE = 60.0  # seconds without a heartbeat after which a trainer that was asked to stop is ended


def end(run: Run, status: Status) -> bool:
    """End a trainer of this machine that has not answered a stop request for ``STOP_GRACE`` seconds; return whether that was done.

    A single step can take minutes, and a trainer looks for requests between steps. Its last checkpoint is kept. Counts are the
    seconds in which this process sees no heartbeat after the request.
    """
    if status.state != "running" or not run.control().stop:
        return False
    if not signs.is_silent(run.control_path, status.heartbeat, STOP_GRACE) or not signs.end(run.trainer_lock):
        return False
    found = checkpoints.steps(run.checkpoints_path)
    left = f"the checkpoint of step {found[-1]} is kept" if found else "it had no checkpoint yet"
    message = f"The trainer did not answer for {STOP_GRACE:.0f} s, so it was ended; {left}."
    run.write_status(status.model_copy(update={"state": "stopped", "message": message}))
    return True
