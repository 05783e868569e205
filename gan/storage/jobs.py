"""Long work: its progress callback, and the file in which others read how far it is."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from gan.errors import InputError, explain_os_error
from gan.storage import files, signs

#: Progress callback of long work: a sentence and the completed share, from 0 to 1.
Report = Callable[[str, float], None]

_TELL_EVERY = 0.3  # seconds
_LEAST_SHARE = 0.02  # of a part has to be done before the time left is reckoned

State = Literal["running", "finished", "failed"]


@dataclass(frozen=True)
class Task:
    """Progress of an import or a preparation: completed ``share`` from 0 to 1, ``seconds_left`` or None if unknown.

    ``message``: a sentence on the current activity, or why it failed. ``result``: the name of the data set when finished.
    ``work``: the subject of a sentence on the whole of it.
    """

    state: State
    message: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    result: str = ""
    work: str = "The work"


class Teller:
    """Tells how far work is, with the time left, to ``tell(sentence, share, seconds left)`` a few times a second at most."""

    def __init__(self, tell: Callable[[str, float, float | None], None]) -> None:
        self._tell, self._told_at = tell, 0.0

    def phase(self, start: float, end: float) -> Report:
        """Return the callback of a part of the work that takes the share done from ``start`` to ``end``.

        The time left is reckoned from the pace of this part: parts that were cached took no time and say nothing.
        """
        began_at = time.monotonic()

        def report(sentence: str, share: float) -> None:
            done = start + (end - start) * min(1.0, max(0.0, share))
            now = time.monotonic()
            if now - self._told_at < _TELL_EVERY:
                return
            self._told_at = now
            is_known = done - start > _LEAST_SHARE * (end - start)
            self._tell(sentence, done, (1.0 - done) * (now - began_at) / (done - start) if is_known else None)

        return report


class Progress:
    """Writes the progress of this process to a file and holds a lock as a sign of life. Use it as a context manager.

    ``work``: see :class:`Task`. ``is_terminal``: a failure is told in the terminal alone, and the file is removed.
    """

    def __init__(self, path: Path, work: str, *, is_terminal: bool = False) -> None:
        self._path, self._work, self._is_terminal = path, work, is_terminal
        self.report: Report = Teller(lambda *told: self._write(Task("running", *told))).phase(0.0, 1.0)
        self._lock: FileLock | None = None

    def __enter__(self) -> Progress:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = signs.hold(lock_of(self._path), "This task is already under way; wait for it to end.")
        self._write(Task("running", "Starting"))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is not None and self._is_terminal:
                forget(self._path)
            elif error is not None:
                message = str(error) if isinstance(error, InputError) else explain_os_error(error, "working on the data")
                if isinstance(error, KeyboardInterrupt):
                    message = "Stopped; start it again if you want."
                self._write(Task("failed", message))
        finally:
            if self._lock is not None:
                self._lock.release()

    def finish(self, result: str) -> None:
        """Record successful completion."""
        self._write(Task("finished", "", 1.0, 0.0, result))

    def _write(self, task: Task) -> None:
        with contextlib.suppress(OSError):  # a full disk must not hide the original error
            files.write_json(self._path, {**vars(task), "work": self._work, "time": time.time()}, durable=False)


def read(path: Path) -> Task | None:
    """Return the progress of a task, or None if there is none. A running task without a live process counts as failed."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        left = found["seconds_left"]
        task = Task(
            found["state"],
            str(found["message"]),
            float(found["share"]),
            left if left is None else float(left),
            str(found["result"]),
            str(found.get("work", Task.work)),
        )
        since = float(found["time"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if task.state == "running" and not signs.is_alive(lock_of(path), since):
        return Task("failed", f"{task.work} was ended from outside; start it again.")
    return task


def forget(path: Path) -> None:
    """Delete the progress file of a task."""
    with contextlib.suppress(OSError):
        path.unlink()


def lock_of(path: Path) -> Path:
    """Return the lock that the process of a task holds."""
    return path.with_name(f"{path.name}.lock")


def say_nothing(sentence: str, share: float) -> None:
    pass
