"""Leases: locks that hold across hosts, where the file system's own locks may not.

A lease is a marker file with a token, which its holder touches every :data:`REFRESH` seconds. On one host it is free as soon as its
holder has ended. From another host that cannot be seen: there it is free once it has not been touched for :data:`DURATION` seconds
of the observer's own clock, since the clocks of two hosts may differ. A holder that slept longer than that may thus be replaced
while it sleeps; it has to ask :meth:`Lease.is_lost` before it writes.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from gan.errors import InputError, explained
from gan.storage.models import stamp

#: Seconds without a sign of life after which another host may take a lease; all hosts that share a folder must agree.
DURATION = max(1.0, float(os.environ.get("GAN_LEASE_SECONDS") or 90.0))
REFRESH = DURATION / 6  # seconds between two signs of life
_FILLED = 2.0  # seconds in which a new marker is filled


class Lease:
    """A lease that this process holds."""

    def __init__(self, path: Path, held: SoftFileLease) -> None:
        self._path, self._held = path, held
        self._token = f"token={held.token}\n".encode()

    def is_lost(self) -> bool:
        """Return whether another process has taken the lease, or the file is gone. Reads a file of 200 bytes."""
        if self._held.compromise is not None:
            return True
        try:
            return self._token not in self._path.read_bytes()
        except FileNotFoundError:
            return True
        except OSError:
            return False  # a file system that is away for a moment; the write that follows fails by itself

    def release(self) -> None:
        """Give the lease back."""
        with contextlib.suppress(OSError):
            self._held.release()


def take(path: Path, otherwise: str, *, patience: float = 1.0) -> Lease:
    """Take the lease at ``path`` and return it. Raises InputError with the sentence ``otherwise`` if it stays taken.

    The folder must exist. Waits up to ``patience`` seconds; to replace a silent holder on another host takes :data:`DURATION`.
    """
    with explained(f"locking {path}"):
        path.parent.stat()
        _clear_empty(path)
        held = SoftFileLease(path, lease_duration=DURATION, heartbeat_interval=REFRESH, thread_local=False)
        try:
            held.acquire(timeout=patience, poll_interval=0.05)
        except Timeout:
            raise InputError(otherwise) from None
        except LeaseSettingsMismatch:
            raise InputError(
                f"{path} is held by a process with another GAN_LEASE_SECONDS, here it is {DURATION:g}; set the same on all hosts."
            ) from None
    return Lease(path, held)


def _clear_empty(path: Path) -> None:
    """Remove an empty marker: filelock writes one at once, and leaves alone what a process killed in between has left."""
    deadline = time.monotonic() + _FILLED
    while any(seen := stamp(path)) and not seen[2]:
        if time.monotonic() > deadline:
            path.unlink(missing_ok=True)
            return
        time.sleep(0.05)
