"""Data imports and preparations in a separate process, with their progress in a file; torch-free."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from filelock import FileLock

from gan import launcher, runs
from gan.data import catalogue, prepared
from gan.errors import InputError, explain_os_error
from gan.sections import DataConfig

_WRITE_EVERY = 0.3  # seconds
_STARTING_GRACE = 20.0  # seconds a process may take to acquire its lock
_UPLOADS = ".uploads"

State = Literal["running", "finished", "failed"]


@dataclass(frozen=True)
class Task:
    """Progress of an import or a preparation: completed ``share`` from 0 to 1, ``seconds_left`` or None if unknown.

    ``message``: a sentence on the current activity, or why it failed. ``result``: the name of the data set when finished.
    """

    state: State
    message: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    result: str = ""


class Progress:
    """Writes the progress of this process to a file and holds a lock as a sign of life. Use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began_at, self._written_at = time.monotonic(), 0.0
        self._lock: FileLock | None = None

    def __enter__(self) -> Progress:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = runs.hold_lock(_lock(self._path), "This task is already under way; wait for it to end.")
        self._write(Task("running", "Starting"))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is not None:
                message = str(error) if isinstance(error, InputError) else explain_os_error(error, "working on the data")
                if isinstance(error, KeyboardInterrupt):
                    message = "Stopped; start it again if you want."
                self._write(Task("failed", message))
        finally:
            if self._lock is not None:
                self._lock.release()

    def report(self, sentence: str, share: float) -> None:
        """Record the current activity and the completed share, at most every _WRITE_EVERY seconds."""
        now = time.monotonic()
        if now - self._written_at < _WRITE_EVERY:
            return
        self._written_at = now
        left = (1 - share) * (now - self._began_at) / share if share > 0.02 else None
        self._write(Task("running", sentence, min(1.0, share), left))

    def finish(self, result: str) -> None:
        """Record successful completion."""
        self._write(Task("finished", "", 1.0, 0.0, result))

    def _write(self, task: Task) -> None:
        with contextlib.suppress(OSError):  # a full disk must not hide the original error
            runs.write_json(self._path, {**vars(task), "time": time.time()}, durable=False)


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
        )
        is_old = time.time() - float(found["time"]) > _STARTING_GRACE
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if task.state == "running" and is_old and not runs.is_locked(_lock(path)):
        return Task("failed", "The process was ended from outside; start it again.")
    return task


def forget(path: Path) -> None:
    """Delete the progress file of a task."""
    with contextlib.suppress(OSError):
        path.unlink()


def import_path() -> Path:
    """Return the progress file of the import; only one import runs at a time."""
    return catalogue.data_root() / catalogue.OWN / ".import.json"


def preparation_path(data: DataConfig) -> Path:
    """Return the progress file of a preparation."""
    place = prepared.folder(data)
    return place.with_name(f".{place.name}.json")


def start_preparing(data: DataConfig) -> None:
    """Prepare a data set in a separate process; its progress is in :func:`preparation_path`."""
    asked = ["--size", str(data.size), "--fit", data.fit, "--colour", data.colour]
    _start(preparation_path(data), ["data", "prepare", data.name, *asked])


def start_import(upload: BinaryIO, suffix: Literal[".zip", ".csv"], title: str, size: int) -> None:
    """Save an upload and import it in a separate process; its progress is in :func:`import_path`."""
    folder = catalogue.data_root() / catalogue.OWN / _UPLOADS
    path = folder / f"{secrets.token_hex(8)}{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            while part := upload.read(1 << 20):
                file.write(part)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise InputError(explain_os_error(error, "saving the uploaded file")) from error
    _start(import_path(), ["data", "import", str(path.resolve()), f"--name={title}", "--size", str(size), "--consume"])


def _start(path: Path, arguments: list[str]) -> None:
    if (task := read(path)) is not None and task.state == "running":
        raise InputError("This task is already under way; wait for it to end.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        runs.write_json(path, {**vars(Task("running", "Starting")), "time": time.time()}, durable=False)
        launcher.spawn([*arguments, "--quiet"], path.with_suffix(".log"))
    except OSError as error:
        raise InputError(explain_os_error(error, "starting the work on the data")) from error


def clear_uploads() -> None:
    """Remove uploads older than an hour, left by killed imports. The caller must hold the import's lock."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(catalogue.data_root() / catalogue.OWN / _UPLOADS):
            if time.time() - entry.stat().st_mtime > 3600:
                os.unlink(entry.path)


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")
