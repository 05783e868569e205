"""Importing and preparing data in a process of its own, and how far it is, for those who wait; torch-free."""

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
_STARTING_GRACE = 20.0  # seconds that a process may take until it holds its lock
_UPLOADS = ".uploads"

State = Literal["running", "finished", "failed"]


@dataclass(frozen=True)
class Task:
    """How far an import or a preparation is: ``share`` from 0 to 1, ``seconds_left`` where that can be told.

    ``message`` is a sentence: what goes on, or why it failed. ``result`` is the name of the data set once it is there.
    """

    state: State
    message: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    result: str = ""


class Progress:
    """Writes down how far this process is; its lock is the sign of life. Use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began_at, self._written_at = time.monotonic(), 0.0
        self._lock: FileLock | None = None

    def __enter__(self) -> Progress:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = runs.hold_lock(_lock(self._path), "The same is under way already; wait for it to end.")
        self._write(Task("running", "Starting"))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is not None:
                message = str(error) if isinstance(error, InputError) else explain_os_error(error, "working on the data")
                if isinstance(error, KeyboardInterrupt):
                    message = "Stopped; start it again whenever you like."
                self._write(Task("failed", message))
        finally:
            if self._lock is not None:
                self._lock.release()

    def report(self, sentence: str, share: float) -> None:
        """Tell what goes on, and how far it is, a few times a second at most."""
        now = time.monotonic()
        if now - self._written_at < _WRITE_EVERY:
            return
        self._written_at = now
        left = (1 - share) * (now - self._began_at) / share if share > 0.02 else None
        self._write(Task("running", sentence, min(1.0, share), left))

    def finish(self, result: str) -> None:
        """Say that it is done."""
        self._write(Task("finished", "", 1.0, 0.0, result))

    def _write(self, task: Task) -> None:
        with contextlib.suppress(OSError):  # a full disk is no reason to hide what went wrong
            runs.write_json(self._path, {**vars(task), "time": time.time()}, durable=False)


def read(path: Path) -> Task | None:
    """Return how far a task is; None when there was none. One whose process is gone has failed."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        left = found["seconds_left"]
        task = Task(found["state"], str(found["message"]), float(found["share"]), left if left is None else float(left),
                    str(found["result"]))  # fmt: skip
        is_old = time.time() - float(found["time"]) > _STARTING_GRACE
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if task.state == "running" and is_old and not runs.is_locked(_lock(path)):
        return Task("failed", "The process was ended from outside; start it again.")
    return task


def forget(path: Path) -> None:
    """Clear away how a task ended."""
    with contextlib.suppress(OSError):
        path.unlink()


def import_path() -> Path:
    """Return where the progress of the import is written down; there is never more than one."""
    return catalogue.data_root() / catalogue.OWN / ".import.json"


def preparation_path(data: DataConfig) -> Path:
    """Return where the progress of a preparation is written down."""
    place = prepared.folder(data)
    return place.with_name(f".{place.name}.json")


def start_preparing(data: DataConfig) -> None:
    """Prepare a data set in a process of its own; :func:`preparation_path` says how far it is."""
    asked = ["--size", str(data.size), "--fit", data.fit, "--colour", data.colour]
    _start(preparation_path(data), ["data", "prepare", data.name, *asked])


def start_import(upload: BinaryIO, suffix: Literal[".zip", ".csv"], title: str, size: int) -> None:
    """Keep what somebody uploaded and import it in a process of its own; :func:`import_path` says how far it is."""
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
        raise InputError(explain_os_error(error, "keeping the uploaded file")) from error
    _start(import_path(), ["data", "import", str(path.resolve()), f"--name={title}", "--size", str(size), "--consume"])


def _start(path: Path, arguments: list[str]) -> None:
    if (task := read(path)) is not None and task.state == "running":
        raise InputError("The same is under way already; wait for it to end.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        runs.write_json(path, {**vars(Task("running", "Starting")), "time": time.time()}, durable=False)
        launcher.spawn([*arguments, "--quiet"], path.with_suffix(".log"))
    except OSError as error:
        raise InputError(explain_os_error(error, "starting the work on the data")) from error


def clear_uploads() -> None:
    """Remove uploads whose import was killed; for the process that holds the import's lock."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(catalogue.data_root() / catalogue.OWN / _UPLOADS):
            if time.time() - entry.stat().st_mtime > 3600:
                os.unlink(entry.path)


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")
