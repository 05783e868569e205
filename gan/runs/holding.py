"""Who trains a run: its lease and its lock, and trainers on other hosts that have gone silent.

On one host, a held lock shows at once whether the trainer lives. Other hosts may not see that lock: for them there is a lease
(:mod:`gan.storage.leases`), and a trainer counts as gone after a time without any sign of life on the observer's own clock.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from filelock import FileLock

from gan.errors import shown
from gan.machine import host
from gan.runs.records import Status
from gan.storage import leases, signs
from gan.storage.leases import Lease
from gan.storage.locks import is_locked
from gan.storage.models import read_model, stamp


class Trained(Protocol):
    """What a run needs to be held: its id and the paths of its lease, its lock and its status."""

    @property
    def id(self) -> str: ...
    @property
    def lease_path(self) -> Path: ...
    @property
    def trainer_lock(self) -> Path: ...
    @property
    def status_path(self) -> Path: ...


@dataclass(frozen=True)
class Held:
    """A run that this process trains: its lease and its lock."""

    lease: Lease
    lock: FileLock

    def is_lost(self) -> bool:
        """Return whether a trainer on another host has replaced this one."""
        return self.lease.is_lost()

    def release(self) -> None:
        """Give the run back."""
        self.lock.release()
        self.lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.release()


def is_elsewhere(name: str) -> bool:
    """Return whether this is the name of another machine; empty is this one."""
    return name not in ("", host())


def hold(run: Trained) -> Held:
    """Take a run to train it. Raises InputError if another process holds it.

    A lease that a killed trainer on another host has left is taken after :data:`gan.storage.leases.DURATION`.
    """
    refusal = f"Run {run.id} is being trained by another process; stop that process first."
    patience = 1.0 if is_locked(run.trainer_lock) else leases.DURATION + 2 * leases.REFRESH
    lease = leases.take(run.lease_path, refusal, patience=patience)
    try:
        return Held(lease, signs.hold(run.trainer_lock, refusal))
    except BaseException:
        lease.release()
        raise


def silence(run: Trained, status: Status) -> str:
    """Return one sentence if the trainer on another host that has this ``status`` is silent; empty if not, or not known yet."""
    limit = leases.DURATION if status.state == "running" else max(leases.DURATION, signs.SLOW_GRACE)
    if signs.is_silent(run.status_path, _sign_of_life(run, status), limit):
        return f"The trainer on {shown(status.host)} has been silent for {limit:.0f} s."
    return ""


def take_away(run: Trained, status: Status) -> None:
    """Take a run from the trainer on another host that had this ``status`` and has been silent since.

    It may only sleep, so its lock may be held; it finds its lease gone before its next write. The caller holds the queue lock.
    """
    if not is_elsewhere(status.host):
        return
    if signs.is_silent(run.status_path, _sign_of_life(run, read_model(Status, run.status_path)), leases.DURATION):
        for path in (run.lease_path, run.trainer_lock):
            with contextlib.suppress(OSError):  # missing; or Windows, where a file in use stays, and so does the run
                path.unlink()


def _sign_of_life(run: Trained, status: Status) -> tuple[object, ...]:
    """Return what changes as long as a trainer lives."""
    return status.generation, status.beat, status.heartbeat, stamp(run.lease_path)
