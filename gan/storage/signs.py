"""Signs of life of a process that works for others: the lock it holds, and before it holds one, its process id.

Next to a lock ``x.lock`` lies ``x.pid``: the process that was started to take the lock, or that has taken it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Hashable
from pathlib import Path

from filelock import FileLock

from gan.machine import host
from gan.storage import files
from gan.storage.locks import hold_lock, is_locked

GRACE = 30.0  # seconds in which a started process has to take its lock
SLOW_GRACE = 600.0  # the same if that process is known to run: a busy machine imports torch for minutes


def hold(lock: Path, otherwise: str) -> FileLock:
    """Take a lock as the sign of life of this process. Raises InputError with the sentence ``otherwise`` if it is taken."""
    held = hold_lock(lock, otherwise)
    announce(lock, os.getpid())
    return held


def announce(lock: Path, pid: int) -> None:
    """Note the process that is to take a lock, so that it counts as alive before it has taken it.

    The time at which it began tells it from a later process with the same id. If the note cannot be written, for example because
    the disk is full, the process has :data:`GRACE` seconds instead.
    """
    try:
        files.write_json(_note(lock), {"pid": pid, "host": host(), "began": _began(pid)}, durable=False)
    except OSError:
        forget(lock)  # rather than leave the id of another process there


def forget(lock: Path) -> None:
    """Remove the note of the process that held a lock last, before another one is started."""
    with contextlib.suppress(OSError):
        _note(lock).unlink()


def announced_at(lock: Path) -> float:
    """Return when a process was announced that is to take a lock, in seconds since 1970; 0 if none was."""
    try:
        return _note(lock).stat().st_mtime
    except OSError:
        return 0.0


def is_alive(lock: Path, since: float) -> bool:
    """Return whether work that was under way at ``since`` (seconds since 1970) still has a process.

    It has one while the lock is held. While the lock is free, the process may still be starting: it counts as alive for
    :data:`GRACE` seconds, or :data:`SLOW_GRACE` if it was announced and runs, but not after it has ended. A time that lies in the
    future by more is from a clock that was wrong.
    """
    if is_locked(lock):
        return True
    pid, began = _noted(lock)
    if pid and not _is_running(pid, began):
        return False
    return abs(time.time() - since) <= (SLOW_GRACE if pid and began else GRACE)


#: What this process has seen of work: the latest sign of life, and when it saw that one first (``time.monotonic``).
_seen: dict[Hashable, tuple[object, float]] = {}


def is_silent(work: Hashable, sign: object, seconds: float) -> bool:
    """Return whether this process has seen the same ``sign`` of life of some ``work`` for more than so many ``seconds``.

    Only its own monotonic clock counts: neither a clock that is set, here or on another host, nor a machine that sleeps. So it
    cannot tell before it has watched for as long.
    """
    known = _seen.get(work)
    now = time.monotonic()
    if known is None or known[0] != sign:
        _seen[work] = sign, now
        return False
    return now - known[1] > seconds


def end(lock: Path) -> bool:
    """Kill the process of this machine that holds a lock; return whether the lock is free within two seconds.

    If the process is unknown or runs on another machine, return False at once.
    """
    if not is_locked(lock):
        return True
    pid, began = _noted(lock)
    if not pid or not _is_running(pid, began):
        return False
    with contextlib.suppress(OSError):
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    for _ in range(40):
        if not is_locked(lock):
            return True
        time.sleep(0.05)
    return False


def _noted(lock: Path) -> tuple[int, int]:
    """Return the id of the announced process, 0 if none is known or if it runs on another machine, and when it began."""
    try:
        note = json.loads(_note(lock).read_bytes())
        return (max(0, int(note["pid"])), int(note.get("began", 0))) if note["host"] == host() else (0, 0)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return 0, 0


def _is_running(pid: int, began: int) -> bool:
    """Return whether the process that ``began`` then (0: unknown) runs; True if the system cannot tell."""
    if os.name != "posix":
        return True  # on Windows, os.kill would end the process
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # the latter if it is larger than any id
        return False
    except PermissionError:
        return True
    found = _facts(pid)  # a killed process exists until its parent takes note
    return not found or (found[0] not in ("Z", "X") and began in (0, int(found[19])))


def _began(pid: int) -> int:
    """Return when a process began, in clock ticks since the machine was started; 0 if the system cannot tell."""
    found = _facts(pid)
    return int(found[19]) if found else 0


def _facts(pid: int) -> list[str]:
    """Return what Linux says of a process, from its state on (see proc_pid_stat(5)); empty if the system cannot tell."""
    with contextlib.suppress(OSError):
        found = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return found if len(found) > 19 else []
    return []


def _note(lock: Path) -> Path:
    return lock.with_suffix(".pid")
