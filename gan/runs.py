"""The run directory: sole owner of its file names, with atomic writes and tolerant reads.

``checkpoints/<run id>/`` holds ``config.json`` (the configuration, written once), ``status.json`` (state, step, heartbeat),
``metrics.jsonl`` and ``scores.jsonl`` (append-only, one JSON object per line), ``samples/<step>.png``, ``reals.png``,
``asked.png`` (samples drawn on request), ``checkpoints/<step>.safetensors`` with its ``<step>.json``, ``log.txt``,
``label.json`` (display name, tags, note), ``control.json`` (requests to the trainer), ``parent.json`` (origin of a fork),
``sweep.json`` (membership in a sweep), ``scoring.json`` (progress of a scoring process) and ``atlas.json`` (a map of real and
generated images).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan import config as configs
from gan.config import RunConfig
from gan.data.catalogue import PROJECT
from gan.errors import InputError, explained, shown
from gan.sections import Span

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

State = Literal["queued", "starting", "running", "stopped", "finished", "diverged", "failed", "interrupted"]

#: States of runs that are queued or have a process. "interrupted" is never written: it is inferred from a free lock.
UNDER_WAY = ("queued", "starting", "running")

_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
TRASH = ".trash"
_STARTING_GRACE = 30.0  # seconds for a newly spawned process to take its lock
_STAGING_GRACE = 3600.0  # seconds for the creation of a run; a fork copies a checkpoint
_LONGEST_NAME = 120
_MOST_TAGS, _LONGEST_TAG, _LONGEST_NOTE = 20, 40, 4000
_LINE_BYTES = 512  # upper bound on the length of a logged line
_MOST = 10**15  # upper bound on steps and images; a larger number means a damaged file
_TICK = 100_000_000  # nanoseconds; two versions of a file written within one clock tick may have the same time

Model = TypeVar("Model", bound=BaseModel)


def default_root() -> Path:
    """Return the folder of all runs: ``GAN_RUNS``, or ``checkpoints/`` in the project folder."""
    chosen = os.environ.get("GAN_RUNS")
    return Path(chosen).expanduser() if chosen else PROJECT / "checkpoints"


class Status(BaseModel):
    """State and progress of a run; replaced atomically by its current owner.

    Times are seconds since 1970. Durations are seconds of training without pauses. Speed is in real images per second.
    ``restarts`` counts automatic restarts by the queue after the process was killed. ``software`` lists the versions used in the
    latest training.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    state: State = "queued"
    step: int = Field(default=0, ge=0, le=_MOST)
    total_steps: int = Field(default=0, ge=0, le=_MOST)
    steps_per_epoch: int = Field(default=1, ge=1, le=_MOST)
    images_seen: int = Field(default=0, ge=0, le=_MOST)
    images_per_second: float | None = None
    seconds: float = 0.0
    heartbeat: float = 0.0
    queued_at: float = 0.0
    threads: int = Field(default=0, ge=0)
    restarts: int = Field(default=0, ge=0)
    device: str = ""
    precision: str = ""
    software: str = ""
    message: str = ""

    @property
    def epoch(self) -> float:
        """Completed passes over the real images."""
        return self.step / self.steps_per_epoch

    @property
    def seconds_left(self) -> float | None:
        """Remaining seconds of training, estimated from the average speed so far."""
        if not self.step or not self.seconds or not self.total_steps:
            return None
        return max(0.0, (self.total_steps - self.step) * self.seconds / self.step)


class Control(BaseModel):
    """Requests to a running trainer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stop: bool = False
    length: Span | None = None


class Label(BaseModel):
    """Display name, tags and note of a run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


class Origin(BaseModel):
    """Origin of a fork: the parent ``run`` and the ``step`` of the checkpoint (0: started afresh with the parent's settings).

    ``changes`` are the changed settings, ``before`` their values in the parent, which may have been deleted since.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str = Field(pattern=f"^{_RUN_ID.pattern}$")
    step: int = Field(default=0, ge=0, le=_MOST)
    changes: dict[str, Any] = {}
    before: dict[str, Any] = {}


class Membership(BaseModel):
    """The sweep of a run and its place there, counted from 0; the sweep may have been deleted since."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sweep: str = Field(pattern=f"^{_RUN_ID.pattern}$")
    place: int = Field(ge=0, le=_MOST)
    variant: str = ""


class Scoring(BaseModel):
    """State of the scoring process of a run; ``progress`` is a share from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    state: Literal["idle", "running", "finished", "failed"] = "idle"
    progress: float = Field(default=0.0, ge=0, le=1)
    seconds_left: float | None = None
    message: str = ""
    heartbeat: float = 0.0


@dataclass(frozen=True)
class Run:
    """A run directory. Cheap to create: files are read on access only."""

    path: Path

    @property
    def id(self) -> str:
        """Name of the directory, generated by the program."""
        return self.path.name

    @property
    def root(self) -> Path:
        """Folder of all runs."""
        return self.path.parent

    @property
    def config_path(self) -> Path:
        return self.path / "config.json"

    @property
    def status_path(self) -> Path:
        return self.path / "status.json"

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def scores_path(self) -> Path:
        return self.path / "scores.jsonl"

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best_path(self) -> Path:
        """Folder of the checkpoint with the lowest FID during training; missing if no scores were taken during training."""
        return self.checkpoints_path / "best"

    @property
    def has_checkpoint(self) -> bool:
        """Whether a checkpoint exists; its integrity is checked on loading."""
        return any(self.checkpoints_path.glob("*.json"))

    @property
    def samples_path(self) -> Path:
        return self.path / "samples"

    @property
    def reals_path(self) -> Path:
        return self.path / "reals.png"

    @property
    def asked_path(self) -> Path:
        """Path of the latest grid drawn on request."""
        return self.path / "asked.png"

    @property
    def atlas_path(self) -> Path:
        """Path of the map of real and generated images; ``gan.atlas`` defines its contents."""
        return self.path / "atlas.json"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    def config(self) -> RunConfig:
        """Return the configuration. Raises InputError if the file is missing, damaged or too new."""
        return _read_cached(_read_config, self.config_path)

    def status(self) -> Status:
        """Return the status, with state "interrupted" if the process of the run no longer exists.

        A damaged or missing file gives an interrupted run at step 0, with the reason as its message.
        """
        try:
            status = read_model(Status, self.status_path)
        except InputError as error:
            return Status(state="interrupted", message=str(error))
        if status.state == "running" and not self.is_held():
            return status.model_copy(update={"state": "interrupted", "message": "The trainer was terminated; resume the run."})
        if status.state == "starting" and time.time() - status.heartbeat > _STARTING_GRACE and not self.is_held():
            return status.model_copy(update={"state": "interrupted", "message": "The trainer did not start; see the log."})
        return status

    def write_status(self, status: Status, *, durable: bool = True) -> None:
        """Replace the status; ``durable`` (synced to disk) is unnecessary for a heartbeat."""
        write_json(self.status_path, status.model_dump(), durable=durable)

    def control(self) -> Control:
        """Return the requests to the trainer; no requests if the file is missing or damaged."""
        with contextlib.suppress(InputError):
            return read_model(Control, self.path / "control.json")
        return Control()

    def write_control(self, **changes: Any) -> None:
        """Send a request to the trainer: ``stop=True`` or a new ``length``."""
        with explained(f"sending a request to run {self.id}"):
            write_json(self.path / "control.json", self.control().model_copy(update=changes).model_dump(mode="json"))

    def origin(self) -> Origin | None:
        """Return the origin of a fork; None if the run is not a fork or the file is damaged."""
        with contextlib.suppress(InputError):
            return read_model(Origin, self.path / "parent.json")
        return None

    def write_origin(self, origin: Origin) -> None:
        """Store the origin of a fork."""
        write_json(self.path / "parent.json", origin.model_dump())

    def label(self) -> str:
        """Return the display name: the name given by the user, or the preset and the id."""
        with contextlib.suppress(InputError):
            if name := _plain(read_model(Label, self.path / "label.json").name):
                return name[:_LONGEST_NAME]
        with contextlib.suppress(InputError):
            if preset := _plain(self.config().preset):
                return f"{preset} · {self.id[-6:]}"
        return self.id

    def rename(self, name: str) -> None:
        """Set a display name of at most 120 characters; an empty name restores the default."""
        name = checked_name(name)
        with explained(f"naming run {self.id}"):
            write_json(self.path / "label.json", self.told().model_copy(update={"name": name}).model_dump(mode="json"))

    def told(self) -> Label:
        """Return the name, tags and note of the run; an empty label if the file is missing or damaged."""
        with contextlib.suppress(InputError):
            return read_model(Label, self.path / "label.json")
        return Label()

    def annotate(self, tags: Iterable[str], note: str) -> None:
        """Store tags and a note. Tags are stripped and deduplicated. Raises InputError if there is too much."""
        kept = tuple(dict.fromkeys(tag for one in tags if (tag := _plain(one))))
        if len(kept) > _MOST_TAGS or max(map(len, kept), default=0) > _LONGEST_TAG:
            raise InputError(f"A run can have at most {_MOST_TAGS} tags of {_LONGEST_TAG} characters; remove or shorten some.")
        if len(note) > _LONGEST_NOTE:
            raise InputError(f"The note has {len(note)} characters, expected at most {_LONGEST_NOTE}; shorten it.")
        with explained(f"storing the notes of run {self.id}"):
            changed = self.told().model_copy(update={"tags": kept, "note": note})
            write_json(self.path / "label.json", changed.model_dump(mode="json"))

    def membership(self) -> Membership | None:
        """Return the sweep membership; None if the run belongs to no sweep or the file is damaged."""
        with contextlib.suppress(InputError):
            return read_model(Membership, self.path / "sweep.json")
        return None

    def write_membership(self, membership: Membership) -> None:
        """Store the sweep membership."""
        write_json(self.path / "sweep.json", membership.model_dump())

    def scoring(self) -> Scoring:
        """Return the progress of the scoring process; "failed" if the process was killed."""
        with contextlib.suppress(InputError):
            scoring = read_model(Scoring, self.path / "scoring.json")
            if (
                scoring.state == "running"
                and time.time() - scoring.heartbeat > _STARTING_GRACE
                and not is_locked(self.path / "scoring.lock")
            ):
                return Scoring(state="failed", message="The scoring process was terminated; score the run again.")
            return scoring
        return Scoring()

    def write_scoring(self, scoring: Scoring) -> None:
        """Replace the progress of the scoring process."""
        write_json(self.path / "scoring.json", scoring.model_dump(), durable=False)

    def hold(self) -> FileLock:
        """Take the trainer lock of the run. Raises InputError if another process holds it."""
        return hold_lock(self.path / "trainer.lock", f"Run {self.id} is being trained by another process; stop that process first.")

    def hold_scoring(self) -> FileLock:
        """Take the scorer lock of the run. Raises InputError if another process holds it."""
        return hold_lock(self.path / "scoring.lock", f"Run {self.id} is already being scored; wait until it finishes.")

    def is_held(self) -> bool:
        """Return whether a trainer holds the lock of the run; a kill or a reboot releases it."""
        return is_locked(self.path / "trainer.lock")

    def metrics(self, most: int | None = None) -> list[dict[str, Any]]:
        """Return all logged lines by step, or about ``most`` evenly spread ones; the later line wins if a step was logged twice."""
        lines = read_lines(self.metrics_path)[0] if most is None else sample_lines(self.metrics_path, most)
        latest = {line["step"]: line for line in lines if isinstance(line.get("step"), int)}
        return [latest[step] for step in sorted(latest)]

    def scores(self) -> list[dict[str, Any]]:
        """Return all scores in file order.

        If a step was scored twice during training (after a crash), only the later score is kept.
        """
        lines = read_lines(self.scores_path)[0]
        latest = {_training_step(line): index for index, line in enumerate(lines)}
        return [line for index, line in enumerate(lines) if _training_step(line) is None or latest[_training_step(line)] == index]

    def samples(self) -> dict[int, Path]:
        """Return the paths of the sample grids by step, in ascending order."""
        found = {}
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.samples_path):
                stem, _, suffix = entry.name.partition(".")
                if suffix == "png" and stem.isdecimal():
                    found[int(stem)] = Path(entry.path)
        return dict(sorted(found.items()))

    def clear_rubbish(self) -> None:
        """Remove temporary files left by crashes, except recent ones that may still be in use."""
        for folder in (self.path, self.samples_path):
            for path in folder.glob(".*.tmp"):
                with contextlib.suppress(OSError):
                    if time.time() - path.stat().st_mtime > _STARTING_GRACE:
                        path.unlink()

    def log_tail(self, size: int = 4000) -> str:
        """Return the last ``size`` bytes of the log as text."""
        try:
            with open(self.log_path, "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - size))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""


def _training_step(line: dict[str, Any]) -> int | None:
    """Return the step of a score taken during training; None for other lines."""
    step = line.get("step") if line.get("source") == "training" else None
    return step if isinstance(step, int) else None


def checked_name(name: str) -> str:
    """Return a display name on one line. Raises InputError if it is too long."""
    name = _plain(name)
    if len(name) > _LONGEST_NAME:
        raise InputError(f"The name has {len(name)} characters, expected at most {_LONGEST_NAME}; shorten it.")
    return name


def shortened(name: str) -> str:
    """Return a display name on one line, truncated to the maximum length."""
    name = _plain(name)
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def create(
    root: Path,
    config: RunConfig,
    name: str = "",
    *,
    state: State = "queued",
    threads: int = 0,
    fill: Callable[[Run], None] = lambda run: None,
) -> Run:
    """Create a run directory and return the run; the queue starts it if its state is "queued".

    The directory is prepared under a temporary name and then renamed, so a run is either complete or absent, and concurrent
    calls never share a directory. ``fill`` adds files before the rename. Raises InputError if the folder is not writable.
    """
    total, per_epoch = config.total_steps, config.steps_per_epoch
    if total == 0:
        raise InputError("training.length is 0, expected at least 1 step; set it to “60 epochs”, for example.")
    with explained(f"creating a run in {root}"):
        root.mkdir(parents=True, exist_ok=True)
        _clear_staged(root)
        while True:
            run_id = new_id()
            run, staged = Run(root / run_id), Run(root / f".new-{run_id}")
            with contextlib.suppress(FileExistsError):
                staged.path.mkdir()  # if two processes draw the same id, one of them draws again
                if not run.path.exists():
                    break
                staged.path.rmdir()
        try:
            staged.samples_path.mkdir()
            staged.checkpoints_path.mkdir()
            write_json(staged.config_path, config.model_dump(mode="json"))
            if name:
                staged.rename(name)
            now = time.time()
            staged.write_status(
                Status(state=state, total_steps=total, steps_per_epoch=per_epoch, threads=threads, queued_at=now, heartbeat=now)
            )
            fill(staged)
            os.rename(staged.path, run.path)
        except BaseException:
            shutil.rmtree(staged.path, ignore_errors=True)
            raise
        sync_directory(root)
    return run


def new_id() -> str:
    """Return an id like 20260131-093000-1a2b3c; ids sort by creation time, even within a second."""
    now = time.time()
    micro = int(now % 1 * 1_000_000)
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{micro:05x}{secrets.token_hex(1)[0]}"


def _clear_staged(root: Path) -> None:
    """Remove partly created runs left by killed processes, except recent ones that may still be in progress."""
    for path in root.glob(".new-*"):
        with contextlib.suppress(OSError):
            changed = max(folder.stat().st_mtime for folder in (path, *path.iterdir()))
            if time.time() - changed > _STAGING_GRACE:
                shutil.rmtree(path, ignore_errors=True)


def find(root: Path, run_id: str) -> Run:
    """Return the run with this id. Raises InputError if ``root`` contains no run with this id."""
    if not _RUN_ID.fullmatch(run_id):
        raise InputError(f"“{shown(run_id)}” is not a run id; use an id like 20260131-093000-1a2b3c from the list of runs.")
    run = Run(root / run_id)
    with explained(f"looking for run {run_id} in {root}"):
        is_there, is_deleted = run.path.is_dir(), (root / TRASH / run_id).is_dir()
    if not is_there and is_deleted:
        raise InputError(f"Run {run_id} has been deleted; to restore it, move it from {root / TRASH} back to {root}.")
    if not is_there:
        raise InputError(f"There is no run {run_id} in {root}; check the list of runs.")
    return run


def list_runs(root: Path) -> list[Run]:
    """Return all runs in ``root``, newest first; an empty list if the folder does not exist."""
    with explained(f"reading the runs in {root}"):
        try:
            names = [entry.name for entry in os.scandir(root) if _RUN_ID.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
    return [Run(root / name) for name in sorted(names, reverse=True)]


def delete(run: Run) -> Path:
    """Move a run to the trash folder and return its new path. Raises InputError if it is still under way."""
    if run.status().state in UNDER_WAY or run.is_held():
        raise InputError(f"Run {run.id} is still under way; stop it first.")
    if run.scoring().state == "running":
        raise InputError(f"Run {run.id} is being scored; wait until it finishes.")
    trash = run.root / TRASH
    with explained(f"deleting run {run.id}"):
        trash.mkdir(exist_ok=True)
        os.rename(run.path, trash / run.id)
        sync_directory(run.root)
    return trash / run.id


def restore(root: Path, run_id: str) -> Run:
    """Restore a run from the trash folder."""
    run = Run(root / run_id)
    if not _RUN_ID.fullmatch(run_id) or not (root / TRASH / run_id).is_dir():
        raise InputError(f"There is no run “{shown(run_id)}” in the trash; check its id.")
    with explained(f"restoring run {run_id}"):
        os.rename(root / TRASH / run_id, run.path)
        sync_directory(root)
    return run


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    """Return a name on one line without control characters; the joiners used in emoji and Persian are kept."""
    return " ".join("".join(letter if letter.isprintable() or letter in "\u200c\u200d" else " " for letter in name).split())


# Files


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace ``path`` with ``content``; after a crash at any point, either the old or the new file exists in full."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(3)}.tmp")
    try:
        with open(temporary, "xb", buffering=0) as file:
            write_all(file, content)
            if durable:
                os.fsync(file.fileno())
        _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_directory(path.parent)


def _replace(source: Path, target: Path) -> None:
    """Rename a file over another one; on Windows, retry while the target is open for reading."""
    deadline = time.monotonic() + 2.0
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def write_all(file: Any, content: bytes) -> None:
    """Write all of ``content`` to an unbuffered file; on a full disk a single write may silently be partial."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


def sync_directory(path: Path) -> None:
    """Make renames in a directory survive a power cut (POSIX only; Windows has no equivalent)."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace ``path`` with ``value`` as JSON; NaN and infinity become null."""
    write_atomically(path, to_json(value, indent=1).encode(), durable=durable)


def to_json(value: Any, indent: int | None = None) -> str:
    """Return ``value`` as JSON; NaN and infinity become null."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent)
    except ValueError:
        return json.dumps(_without_nan(value), allow_nan=False, ensure_ascii=False, indent=indent)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value


class LineWriter:
    """Appends JSON objects to a file, one per line; opening it removes an incomplete last line left by a crash."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "a+b", buffering=0)
        size = self._file.seek(0, os.SEEK_END)
        whole = size
        while whole > 0:
            start = max(0, whole - 65536)
            self._file.seek(start)
            newline = self._file.read(whole - start).rfind(b"\n")
            whole = start if newline < 0 else start + newline + 1
            if newline >= 0:
                break
        if whole < size:
            self._file.truncate(whole)

    def write(self, line: dict[str, Any]) -> None:
        """Append one object. The line then survives the end of this process; :meth:`sync` makes it survive a power cut."""
        write_all(self._file, (to_json(line) + "\n").encode())

    def sync(self) -> None:
        """Make all lines written so far survive a power cut."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read_lines(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the objects on the complete lines after byte ``offset``, and the offset for the next call.

    An incomplete last line is left for the next call. Damaged lines are skipped. An unreadable file counts as empty.
    """
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return [], offset
    end = content.rfind(b"\n") + 1
    return _parse(content[:end].splitlines()), offset + end


def sample_lines(path: Path, count: int) -> list[dict[str, Any]]:
    """Return about ``count`` objects of a file in file order, spread evenly over its bytes, including the first and the last.

    Only these lines are read, so the time does not depend on the file size. A short file is returned in full. Damaged lines are
    skipped. An unreadable file counts as empty.
    """
    try:
        with open(path, "rb", buffering=2 * _LINE_BYTES) as file:
            size = file.seek(0, os.SEEK_END)
            if size <= count * _LINE_BYTES:
                return read_lines(path)[0]
            found: dict[int, bytes] = {}
            for place in range(count):
                start = max(0, place * (size - _LINE_BYTES) // max(1, count - 1) - 1)
                file.seek(start)
                begin = start + (len(file.readline()) if start else 0)
                if (line := file.readline()).endswith(b"\n"):
                    found[begin] = line
            last = [line for line in file if line.endswith(b"\n")][-1:]
    except OSError:
        return []
    return _parse([*found.values(), *last])


def _parse(lines: list[bytes]) -> list[dict[str, Any]]:
    """Return the objects on complete lines: parsed in one call for speed, or one by one if a line is damaged."""
    try:
        found = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        found = _parse_each(lines)
    return [line for line in found if isinstance(line, dict)]


def _parse_each(lines: list[bytes]) -> Iterator[Any]:
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(line)


def hold_lock(path: Path, otherwise: str, *, patience: float = 1.0) -> FileLock:
    """Take the lock at ``path`` and return it. Raises InputError with the sentence ``otherwise`` if it is taken.

    Waits up to ``patience`` seconds, which must not be 0: :func:`is_locked` briefly takes a shared lock to test it.
    """
    lock = FileLock(path, timeout=patience, poll_interval=0.02)
    with explained(f"locking {path}"):
        try:
            lock.acquire()
        except Timeout:
            raise InputError(otherwise) from None
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


def stamp(path: Path) -> tuple[int, int, int]:
    """Return a fingerprint of a file version: inode, modification time and size; zeros if the file is missing."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read_cached(read: Any, path: Path, *arguments: Any) -> Any:
    """Call a cached reader; bypass its cache while the file is so new that another version may have the same stamp."""
    seen = stamp(path)
    if not any(seen):
        raise InputError(f"{path} is missing; restore it from a backup or delete the run.")
    is_settled = time.time_ns() - seen[1] > _TICK
    return (read if is_settled else read.__wrapped__)(*arguments, path, *seen)


@lru_cache(maxsize=2048)
def _read_config(path: Path, inode: int, changed: int, size: int) -> RunConfig:
    return configs.parse(_read_json(path), stored=True)


@lru_cache(maxsize=8192)
def _read_stamped(model: type[Model], path: Path, inode: int, changed: int, size: int) -> Model:
    try:
        return model.model_validate(_read_json(path))
    except ValidationError as error:
        raise InputError(f"{path} is damaged ({error.errors()[0]['msg']}); restore it from a backup.") from None


def read_model(model: type[Model], path: Path) -> Model:
    """Return the JSON file at ``path`` as a model. Raises InputError if it is missing or damaged."""
    found: Model = _read_cached(_read_stamped, path, model)
    return found


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} is missing; restore it from a backup or delete the run.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); restore it from a backup or delete the run.") from None
