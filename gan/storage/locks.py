"""File locks as signs of life: a held lock means a living process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from gan.errors import InputError, explained

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def hold_lock(path: Path, otherwise: str, *, patience: float = 1.0) -> FileLock:
    """Take the lock at ``path`` and return it. Raises InputError with the sentence ``otherwise`` if it is taken.

    The folder must exist; FileLock would make it, for example that of a run that has been deleted meanwhile.
    Waits up to ``patience`` seconds, which must not be 0: :func:`is_locked` briefly takes a shared lock to test it.
    """
    lock = FileLock(path, timeout=patience, poll_interval=0.02)
    with explained(f"locking {path}"):
        path.parent.stat()
        try:
            lock.acquire()
        except Timeout:
            raise InputError(otherwise) from None
    return lock


def wait_for_lock(path: Path, tell: Callable[[], object]) -> FileLock:
    """Take the lock at ``path`` and return it, however long that lasts; call ``tell`` if it is taken. The folder must exist."""
    lock = FileLock(path, poll_interval=0.2)
    with explained(f"locking {path}"):
        try:
            lock.acquire(blocking=False)
        except Timeout:
            tell()
            lock.acquire()
    return lock


def is_locked(path: Path) -> bool:
    """Return whether a live process holds the lock at ``path``.

    Tests with a shared lock, so that concurrent tests do not mistake one another for the holder.
    """
    if not path.exists():
        return False
    if fcntl is not None:
        with contextlib.suppress(OSError), open(path, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    lock = FileLock(path, timeout=0)  # Windows and file systems without flock
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
