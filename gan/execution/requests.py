"""Work requested by a page: scores, samples, imports and preparations, each in a separate process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, Literal

from gan import runs, words
from gan.access import limits
from gan.access.limits import Limits
from gan.access.people import current
from gan.access.rules import require
from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import grouping, prepared
from gan.data.archive import PICTURES
from gan.data.formats.writing import KINDS, Kind
from gan.data.grouping import Choice
from gan.errors import InputError, explain_os_error, explained, shown
from gan.execution import dispatching, processes
from gan.execution.queue import queue_lock
from gan.places import data_root, default_root
from gan.runs import Run, dispatch, index
from gan.runs.registry import GUESTS
from gan.storage import files, signs
from gan.storage.jobs import Report, Task, forget, lock_of, read
from gan.storage.locks import hold_lock, wait_for_lock

DRAWING = 300  # seconds for which pictures are drawn from a student's generator
_UPLOADS = ".uploads"
_MOST_IMPORTS = 8  # under way or waiting, of all people together; each is a process


def score(chosen: Sequence[Run], extractor: str = "auto", checkpoint: str = "last") -> None:
    """Score runs one after the other in a separate process, or where they trained, with progress in ``scoring.json``.

    ``checkpoint`` is "last" or "best". Raises InputError if one of the runs is already being scored.
    """
    if not chosen:
        return
    for run in chosen:
        require("score", run.owner(), f"run {run.id}")
    root = chosen[0].root
    with explained("scoring"), queue_lock(root):
        for run in chosen:
            if run.scoring().state == "running":
                raise InputError(f"“{run.label()}” is already being scored; wait until it finishes.")
        for run in chosen:
            signs.forget(run.scoring_lock)
            engine = run.status().engine
            run.write_scoring(runs.Scoring(state="running", message="Waiting", heartbeat=time.time(), host=engine))
            if engine:
                dispatch.ask_for_score(
                    run, dispatch.Request(extractor=extractor, checkpoint="best" if checkpoint == "best" else "last")
                )
        chosen = [run for run in chosen if not run.status().engine]
        if not chosen:
            dispatching.ensure(root, index.read(root))
            return
        options = ["--extractor", extractor, "--checkpoint", checkpoint, "--root", str(root.resolve()), "--quiet"]
        locks = [run.scoring_lock for run in chosen]
        processes.spawn(["score", *(run.id for run in chosen), *options], chosen[0].log_path, needs_torch=True, locks=locks)


def start_sampling(run: Run, class_name: str | None, seed: int) -> None:
    """Start drawing new samples to ``run.asked_path``, of one class or of all (None), in a low-priority process that takes seconds.

    A failure in that process appears as the last line of the run's log. Raises InputError if the process cannot be started.
    """
    require("sample", run.owner(), f"run {run.id}")
    asked = [] if class_name is None else [f"--class={class_name}"]
    with explained(f"drawing from run {run.id}"):
        options = ["--seed", str(seed), "--root", str(run.root.resolve()), "--quiet"]
        processes.spawn(["sample", run.id, *asked, *options], run.log_path, is_background=True, needs_torch=True)


def class_export_path(root: Path) -> Path:
    """Return the progress file of the export of a class; the ZIP file lies next to it, with the suffix ``.zip``."""
    return root / ".class-export.json"


def start_class_export(root: Path, *, with_teacher: bool = False) -> None:
    """Export the reports of all students in a separate process; its progress is in :func:`class_export_path`."""
    require("run the class")
    path = class_export_path(root).resolve()
    asked = ["--with-teacher"] if with_teacher else []
    _start(path, "The export", ["class", "export", str(path.with_suffix(".zip")), "--root", str(path.parent), *asked])


def import_path() -> Path:
    """Return the progress file of the acting person's import.

    Everybody may have one import of data and one of a guest, which wait until those that were there before have ended.
    """
    return data_root() / data_sets.OWN / f".import{_mark()}.json"


def guest_path(root: Path) -> Path:
    """Return the progress file of the acting person's import of a guest; see :func:`import_path`."""
    return root / GUESTS / f".import{_mark()}.json"


def _mark() -> str:
    """Return what tells the acting person's files from those of others; nothing for the teacher's."""
    person = current()
    return "" if person.is_teacher else f"-{hashlib.sha256(person.id.encode()).hexdigest()[:16]}"


def imports(root: Path) -> list[Path]:
    """Return the progress files of all imports that are under way or wait: of data, and of guests among the runs in ``root``."""
    found = [path for folder in (data_root() / data_sets.OWN, root / GUESTS) for path in folder.glob(".import*.json")]
    return [path for path in found if (task := read(path)) and task.state == "running"]


def dismiss(path: Path) -> None:
    """Forget the failed import of the acting person whose progress is at ``path``."""
    require("prepare")
    forget(path)


def import_lock() -> Path:
    """Return the lock that an import holds while it works."""
    return data_root() / data_sets.OWN / ".import.turn.lock"


@contextlib.contextmanager
def import_turn(tell: Report) -> Iterator[None]:
    """Wait for the end of other imports, each of which uses all cores, and keep others waiting until the block ends."""
    path = import_lock()
    with explained(f"creating {path.parent}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = wait_for_lock(path, lambda: tell("Waiting for the end of another import", 0.0))
    try:
        yield
    finally:
        lock.release()


def preparation_path(data: DataConfig) -> Path:
    """Return the progress file of a preparation."""
    place = prepared.folder(data)
    return place.with_name(f".{place.name}.json")


def start_preparing(data: DataConfig) -> None:
    """Prepare a data set in a separate process; its progress is in :func:`preparation_path`."""
    require("prepare")
    asked = ["--size", str(data.size), "--fit", data.fit, "--colour", data.colour]
    _start(preparation_path(data), "The preparation", ["data", "prepare", data.name, *asked])


def export_path(data: DataConfig, kind: Kind) -> tuple[Path, Path]:
    """Return the progress file of an export, and the file that it writes."""
    target = data_root() / data_sets.EXPORTS / f"{prepared.folder(data).name}{KINDS[kind][1]}"
    return target.with_name(f".{target.name}.json"), target


def start_export(data: DataConfig, kind: Kind) -> None:
    """Write the pictures of a data set to a file in a separate process; see :func:`export_path`. Old exports are removed."""
    require("prepare")
    path, target = export_path(data, kind)
    _remove_old(target.parent)
    asked = ["--size", str(data.size), "--fit", data.fit, "--colour", data.colour, "--progress", str(path.resolve())]
    _start(path, "The export", ["data", "export", data.name, "--as", kind, "--out", str(target.resolve()), *asked])


def start_import(
    upload: BinaryIO,
    suffix: Literal[".zip", ".csv"],  # of pictures in any format, or of points
    title: str,
    size: int,
    choice: Choice = grouping.AUTO,
    columns: tuple[int, int] | None = None,
) -> None:
    """Save an upload and import it in a separate process, for the acting person; its progress is in :func:`import_path`.

    A student's upload is refused beyond the limits of the class: its bytes here, the number of its pictures by the import.

    ``choice``: which folders are classes. ``columns``: numbers, from 1, of the two columns of a CSV file to take.
    """
    require("prepare")
    name = shown(PureWindowsPath(getattr(upload, "name", "")).name, most=200)
    chosen = [f"--name={words.on_one_line(title)}", "--size", str(size), f"--file-name={name}", f"--classes={choice.folders}"]
    chosen += [f"--only={folder}" for folder in choice.only]
    if columns:
        chosen += ["--columns", *map(str, columns)]
    _take_in(upload, suffix, import_path(), ["data", "import"], chosen)


def _take_in(
    upload: BinaryIO, ending: str, place: Path, command: list[str], options: list[str], *, needs_torch: bool = False
) -> None:
    """Save an upload and start a command that imports it, for the acting person, with progress at ``place``.

    Raises InputError, with nothing saved, if it is beyond the limits of the class or the command cannot be started.
    """
    going = len(imports(default_root()))
    if going >= _MOST_IMPORTS:
        raise InputError(f"{_MOST_IMPORTS} imports are under way or wait; try again in a minute.")
    if not going:  # an import that waits may have an old upload
        _remove_old(data_root() / data_sets.OWN / _UPLOADS)  # left by killed imports
    allowed = None if (owner := current()).is_teacher else limits.read(default_root())
    path = _save(upload, ending, allowed)
    if allowed:
        options = [*options, f"--owner={json.dumps(owner.model_dump())}", f"--most={allowed.upload_pictures}"]
    try:
        _start(place, "The import", [*command, str(path.resolve()), "--consume", *options], needs_torch=needs_torch)
    except InputError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def _save(upload: BinaryIO, suffix: str, allowed: Limits | None) -> Path:
    """Save an upload under a name of its own and return its path. Raises InputError if it is too large or cannot be written."""
    folder = data_root() / data_sets.OWN / _UPLOADS
    path = folder / f"{secrets.token_hex(8)}{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            while part := upload.read(1 << 20):
                if allowed and file.tell() + len(part) > allowed.upload_megabytes * 1_000_000:
                    raise _too_large(allowed)
                file.write(part)
    except (OSError, InputError) as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, InputError):
            raise
        raise InputError(explain_os_error(error, "saving the uploaded file")) from error
    return path


def _remove_old(folder: Path) -> None:
    """Remove the files in a folder that are older than an hour."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if not files.is_in_use(entry.stat().st_mtime):
                os.unlink(entry.path)


def start_guest(
    root: Path,
    upload: BinaryIO,
    source: str,
    arguments: Sequence[str],
    *,
    name: str,
    data: str,
    extractor: str = "auto",
    discriminator: tuple[BinaryIO, str] | None = None,
) -> None:
    """Save an upload, import it as a guest and score it in a separate process, for the acting person; see :func:`guest_path`.

    ``source``: what the upload is called, of which only the ending becomes part of a path. ``arguments``: further options of the
    command ``guest``. ``discriminator``: of a generator, a second upload and its name. A student's upload is refused beyond the
    limits of the class, and drawing from a student's generator ends after :data:`DRAWING` seconds.
    """
    require("prepare")
    source = shown(PureWindowsPath(source).name, most=200)
    chosen = [f"--name={shown(name, most=200)}", f"--data={data}", f"--extractor={extractor}", f"--source={source}"]
    chosen += ["--root", str(root.resolve()), *arguments]
    chosen += [] if current().is_teacher else [f"--seconds={DRAWING}"]
    second = None
    if discriminator is not None:
        second = _save(discriminator[0], "", None if current().is_teacher else limits.read(default_root()))
        called = shown(PureWindowsPath(discriminator[1]).name, most=200)
        chosen += [f"--discriminator={second.resolve()}", f"--discriminator-source={called}"]
    try:
        _take_in(upload, _ending(source), guest_path(root).resolve(), ["guest"], chosen, needs_torch=True)
    except InputError:
        if second:
            second.unlink(missing_ok=True)
        raise


def _ending(name: str) -> str:
    """Return the ending of an upload's name if it is a known one, which says how to read it."""
    return next((one for one in (".zip", ".npz", ".npy", *PICTURES) if name.lower().endswith(one)), "")


def _too_large(allowed: Limits) -> InputError:
    return InputError(
        f"The limit of this class is {allowed.upload_megabytes:,} MB an upload, and this file is larger; upload fewer or smaller "
        "pictures, or ask your teacher."
    )


def _start(path: Path, work: str, arguments: list[str], *, needs_torch: bool = False) -> None:
    """Start a command with progress at ``path``. Of several callers at once, one succeeds."""
    processes.require_plain(arguments)
    with explained("starting the work on the data"):
        path.parent.mkdir(parents=True, exist_ok=True)
        starting = hold_lock(path.with_suffix(".starting"), "Another task is being started; try again in a moment.", patience=10)
        try:
            if (task := read(path)) is not None and task.state == "running":
                raise InputError("This task is already under way; wait for it to end.")
            signs.forget(lock_of(path))
            files.write_json(path, {**vars(Task("running", "Starting", work=work)), "time": time.time()}, durable=False)
            processes.spawn([*arguments, "--quiet"], path.with_suffix(".log"), needs_torch=needs_torch, locks=[lock_of(path)])
        finally:
            starting.release()
