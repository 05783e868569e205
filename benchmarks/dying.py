"""Processes that end themselves at a chosen step of their writing: before it, in the middle of it, or after it.

A step is a write, fsync, truncation, creation, rename, link, unlink, mkdir or rmdir below a folder; removing a tree is many.
:func:`in_child` runs a function in a forked child whose steps are counted, and which kills itself with SIGKILL at one of them.
Locks are not counted: they hold no content. POSIX only.
"""

from __future__ import annotations

import builtins
import io
import os
import pickle
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HANGS = 60  # seconds after which a child that has not ended counts as hanging


@dataclass(frozen=True)
class Ended:
    """How a child ended: its ``value``, or the ``error`` that it raised; after ``acknowledged`` parts of its work."""

    was_killed: bool
    acknowledged: int
    value: Any = None
    error: str = ""


class _Steps:
    """Counts the moments at which a process can die, and ends it at number ``fatal`` (from 1; 0: never)."""

    def __init__(self, folder: Path, fatal: int) -> None:
        self._folder, self._fatal = str(folder), fatal
        self.names: list[str] = []

    def covers(self, path: object) -> bool:
        """Return whether a path is in the folder and not that of a lock."""
        if isinstance(path, int):
            return False
        text = os.fsdecode(os.fspath(path))  # type: ignore[call-overload]
        return os.path.abspath(text).startswith(self._folder) and not text.endswith(".lock")

    def moment(self, name: str, last: Callable[[], object] = lambda: None) -> None:
        """Count a moment; the process that is to die here does ``last`` first."""
        self.names.append(name)
        if len(self.names) == self._fatal:
            last()
            os.kill(os.getpid(), signal.SIGKILL)


class _Raw(io.FileIO):
    """An unbuffered file whose writes and truncations are steps."""

    def __init__(self, steps: _Steps, path: Any, mode: str, opener: Any) -> None:
        self._steps = steps
        steps.moment(f"before creating {Path(path).name}" if "r" not in mode else "before opening")
        super().__init__(path, mode, opener=opener)
        steps.moment(f"after creating {Path(path).name}" if "r" not in mode else "after opening")

    def write(self, content: Any) -> int:
        name, view = Path(str(self.name)).name, memoryview(content).cast("B")
        self._steps.moment(f"before a write to {name}")
        self._steps.moment(f"in the middle of a write to {name}", lambda: super(_Raw, self).write(view[: len(view) // 2]))
        written = super().write(view)
        self._steps.moment(f"after a write to {name}")
        return written

    def truncate(self, size: int | None = None) -> int:
        self._steps.moment("before truncating")
        found = super().truncate(size)
        self._steps.moment("after truncating")
        return found


class _Buffered:
    """A buffered file that numpy does not take for one whose descriptor it may write to directly."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Buffered:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)


def _patch(steps: _Steps) -> None:
    """Replace everything that writes, in this process and for good."""
    plain_open: Callable[..., Any] = io.open

    def opened(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None, *more: Any,
               opener: Any = None, **options: Any) -> Any:  # fmt: skip
        if not set(mode) & set("wax+") or not steps.covers(file):
            return plain_open(file, mode, buffering, encoding, errors, *more, opener=opener, **options)
        raw = _Raw(steps, file, mode.replace("b", "").replace("t", ""), opener)
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return _Buffered(buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors))

    builtins.open = io.open = opened  # type: ignore[assignment]
    os_open = os.open

    def descriptor(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        is_step = flags & (os.O_CREAT | os.O_TRUNC) and steps.covers(path)
        if is_step:
            steps.moment(f"before creating {Path(path).name}")
        found = os_open(path, flags, *arguments, **options)
        if is_step:
            steps.moment(f"after creating {Path(path).name}")
        return found

    os.open = descriptor
    for name in ("rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "truncate", "fsync", "fdatasync"):
        setattr(os, name, _counted(steps, name, getattr(os, name)))
    shutil._USE_CP_SENDFILE = False  # type: ignore[attr-defined]  # copy by writes


def _counted(steps: _Steps, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(path: Any, *arguments: Any, **options: Any) -> Any:
        is_relative = options.get("dir_fd") is not None  # within a tree that is being removed
        if not isinstance(path, int) and not is_relative and not steps.covers(path):
            return original(path, *arguments, **options)
        what = f"{name} {(Path(f'/proc/self/fd/{path}').readlink() if isinstance(path, int) else Path(path)).name}"
        steps.moment(f"before {what}")
        found = original(path, *arguments, **options)
        steps.moment(f"after {what}")
        return found

    return wrapped


def in_child(work: Callable[[Callable[[], Any]], Any], *, counted: Path | None = None, fatal: int = 0) -> Ended:
    """Run ``work(acknowledge)`` in a forked child and return how it ended.

    With ``counted``, the steps in that folder are counted and the child dies at number ``fatal``; the value is then the list of
    their names. ``acknowledge()`` reports that a part of the work is done. The caller has imported what is needed and has started
    no threads that hold locks.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        signal.alarm(_HANGS)
        try:
            steps = _Steps(counted, fatal) if counted else None
            if steps:
                _patch(steps)
            value = work(lambda: os.write(writing, b"."))
            report: tuple[Any, str] = (steps.names if steps else value, "")
        except BaseException as error:
            report = (None, "".join(traceback.format_exception(error)[-3:]).strip())
        content = b"=" + pickle.dumps(report)
        while content:
            content = content[os.write(writing, content) :]
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    dots, _, rest = told.partition(b"=")
    if rest:
        return Ended(False, len(dots), *pickle.loads(rest))
    signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return Ended(signalled == signal.SIGKILL, len(dots), error="" if signalled == signal.SIGKILL else f"ended with {status}")
