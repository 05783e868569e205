"""After class: the students' runs, guests, sweeps and imported data sets, moved to an archive and back, or to the trash.

An archive is a folder like ``.archive/2026-11-30-1a2b`` next to the runs, and one of the same name in the folder of imported sets.
All moves are renames, and an archive has no list of its contents, so a kill in between loses nothing: the next call moves the rest
to another archive, and each can be restored.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gan import runs, words
from gan.access import owners
from gan.access.people import Person
from gan.access.rules import require
from gan.catalogue import data_sets
from gan.data import imported
from gan.errors import InputError, explained, shown
from gan.execution import queue, requests, silent, steering
from gan.guests.guest import Guest, list_guests
from gan.guests.guest import folder as guest_folder
from gan.places import data_root
from gan.runs import Run, index, owned
from gan.storage import files
from gan.sweeps import launched
from gan.sweeps.launched import Sweep
from gan.sweeps.progress import progress_of

FOLDER = runs.ARCHIVE

_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9a-f]{4}")
_SWEEPS, _GUESTS = "sweeps", "guests"  # folders of an archive


@dataclass(frozen=True)
class Belongings:
    """What belongs to students: runs, guests, sweeps, and imported data sets by name; ``people``: how many students it belongs to.

    ``active``: runs that are training, waiting or being scored. ``unfinished``: sweeps that are not over.
    """

    runs: tuple[Run, ...] = ()
    guests: tuple[Guest, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    sets: tuple[str, ...] = ()
    people: int = 0
    active: tuple[Run, ...] = ()
    unfinished: tuple[Sweep, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.runs or self.guests or self.sweeps or self.sets)

    def __str__(self) -> str:
        """Return how many of what, as in "12 runs, 1 sweep and 2 imported data sets"."""
        return _told(len(self.runs), len(self.guests), len(self.sweeps), len(self.sets))

    def cleared(self, name: str = "") -> str:
        """Return where clearing moves what, as in "12 runs to the trash; 1 sweep and 2 imported data sets to an archive"."""
        parts = [f"{_told(len(self.runs), len(self.guests), 0, 0)} to the trash"] if self.runs or self.guests else []
        if self.sweeps or self.sets:
            kept = _told(0, 0, len(self.sweeps), len(self.sets))
            parts.append(f"{kept} to {f'the archive {name}' if name else 'an archive'}")
        return "; ".join(parts)


@dataclass(frozen=True)
class Archive:
    """An archive: its name, and the paths of what it has."""

    name: str
    runs: tuple[Path, ...] = ()
    guests: tuple[Path, ...] = ()
    sweeps: tuple[Path, ...] = ()
    sets: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.runs or self.guests or self.sweeps or self.sets)

    def __str__(self) -> str:
        return _told(len(self.runs), len(self.guests), len(self.sweeps), len(self.sets))


def belongings(root: Path) -> Belongings:
    """Return what belongs to students in the folder of runs, and in the folder of data."""
    found, active, people = [], [], set()
    for owner, listed in owned.by_owner(index.read(root)).items():
        if owner.is_teacher:
            continue
        people.add(owner.id)
        for one in listed:
            run, status = one.run, one.status()
            found.append(run)
            if (
                status.state in runs.UNDER_WAY
                or run.is_held()
                or run.scoring().state == "running"
                or queue.may_restart(run, status)
            ):
                active.append(run)
    guests = [guest for guest in list_guests(root) if not guest.owner().is_teacher]
    active += [guest for guest in guests if guest.scoring().state == "running"]
    sweeps = [sweep for sweep in launched.list_sweeps(root) if not sweep.owner().is_teacher]
    sets = [name for name, entry in data_sets.all_sets().items() if entry.origin == "own" and not _owner_of_set(name).is_teacher]
    people |= (
        {sweep.owner().id for sweep in sweeps} | {guest.owner().id for guest in guests} | {_owner_of_set(name).id for name in sets}
    )
    unfinished = [sweep for sweep in sweeps if not _is_over(sweep)]
    return Belongings(tuple(found), tuple(guests), tuple(sweeps), tuple(sets), len(people), tuple(active), tuple(unfinished))


def stop(root: Path) -> int:
    """Stop all runs of students that train or wait, and return their number. Scorings under way go on to their end."""
    require("run the class")
    found = belongings(root)
    for sweep in found.unfinished:
        steering.cancel(sweep)
    with explained("stopping the runs of the students"), queue.queue_lock(root):
        for run in found.active:
            queue.end_run(run)
    return len(found.active)


def stop_and_wait(root: Path, seconds: float = 2 * silent.STOP_GRACE) -> None:
    """Stop all runs of students, and wait until none is under way. Raises InputError after ``seconds``."""
    stop(root)
    deadline = time.monotonic() + seconds
    while left := len(belongings(root).active):
        if time.monotonic() > deadline:
            raise InputError(f"{words.count(left, 'run')} of students did not stop in time; try again in a moment.")
        queue.advance(root)  # ends trainers that do not answer
        time.sleep(0.2)


def archive(root: Path) -> str:
    """Move what belongs to students to a new archive, and return its name.

    Raises InputError if there is nothing, if some of it is under way, or if a folder is not writable.
    """
    with _ready(root) as found:
        name = _new_name(root)
        with explained("moving the runs of the students to the archive"):
            _move([run.path for run in found.runs], root / FOLDER / name)
            _move([guest.path for guest in found.guests], root / FOLDER / name / _GUESTS)
            _move([sweep.path for sweep in found.sweeps], root / FOLDER / name / _SWEEPS)
            _put_away(found.sets, name)
    return name


def clear(root: Path) -> str:
    """Move the runs and guests of students to the trash, and their sweeps and data sets, for which there is none, to an archive.

    Returns the name of the archive, empty if there is none. Raises InputError as :func:`archive` does.
    """
    with _ready(root) as found:
        for run in (*found.runs, *found.guests):
            runs.delete(run)
        if not (found.sweeps or found.sets):
            return ""
        name = _new_name(root)
        with explained("moving the sweeps and data sets of the students to the archive"):
            _move([sweep.path for sweep in found.sweeps], root / FOLDER / name / _SWEEPS)
            _put_away(found.sets, name)
    return name


def list_archives(root: Path) -> list[Archive]:
    """Return all archives that hold something, newest first."""
    names = {name for folder in (root / FOLDER, _sets_folder()) for name in _names(folder) if _NAME.fullmatch(name)}
    found = [_archive(root, name) for name in sorted(names, reverse=True)]
    return [one for one in found if one]


def restore(root: Path, name: str) -> Archive:
    """Move the contents of an archive back to where they were, and return what it had.

    Raises InputError if there is no such archive, or if a data set has another one's name by now; that one stays in the archive.
    """
    require("run the class")
    found = _archive(root, name) if _NAME.fullmatch(name) else Archive("")
    if not found:
        raise InputError(f"There is no archive “{shown(name)}”; “python -m gan class archives” lists all.")
    own = data_root() / data_sets.OWN
    is_taken = {path: (own / path.name).exists() for path in found.sets}
    with explained(f"restoring the archive {name}"):
        _move([path for path in found.sets if not is_taken[path]], own)
        _move(found.runs, root)
        _move(found.guests, guest_folder(root))
        _move(found.sweeps, root / launched.FOLDER)
        for folder in (root / FOLDER / name / _SWEEPS, root / FOLDER / name / _GUESTS, root / FOLDER / name, _sets_folder() / name):
            with contextlib.suppress(OSError):  # it is missing, or not empty
                folder.rmdir()
    if left := [path.name for path in found.sets if is_taken[path]]:
        raise InputError(
            f"All was restored except {words.count(len(left), 'data set')}, because another one is called “{shown(left[0])}” "
            "by now; remove that one, then restore the archive again."
        )
    return found


@contextlib.contextmanager
def _ready(root: Path) -> Iterator[Belongings]:
    """Hold the queue, so that nothing starts, and yield what belongs to students. Raises InputError if some of it is under way."""
    require("run the class")
    with queue.queue_lock(root):
        found = belongings(root)
        if not found:
            raise InputError("Nothing here belongs to students, so there is nothing to move.")
        if found.active:
            raise InputError(f"Students have {words.count(len(found.active), 'run')} under way; stop all of them first.")
        if found.unfinished:
            raise InputError(f"Students have {words.count(len(found.unfinished), 'sweep')} under way; stop all of them first.")
        if requests.imports(root):
            raise InputError("An import is under way; wait until that ends.")
        for name in found.sets:
            imported.require_unused(data_sets.find(name), root)
        yield found


def _put_away(sets: Sequence[str], name: str) -> None:
    """Move data sets to an archive; what was prepared from them is made again when it is needed."""
    for one in sets:
        imported.remove_preparations(one, data_root())
    _move([data_sets.own_folder(one) for one in sets], _sets_folder() / name)


def _move(paths: Sequence[Path], folder: Path) -> None:
    """Move files or folders into a folder."""
    if not paths:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        os.rename(path, folder / path.name)
    files.sync_directory(folder)
    files.sync_directory(paths[0].parent)


def _archive(root: Path, name: str) -> Archive:
    folder = root / FOLDER / name
    return Archive(
        name,
        tuple(folder / one for one in _names(folder) if one not in (_SWEEPS, _GUESTS)),
        tuple(folder / _GUESTS / one for one in _names(folder / _GUESTS)),
        tuple(folder / _SWEEPS / one for one in _names(folder / _SWEEPS)),
        tuple(_sets_folder() / name / one for one in _names(_sets_folder() / name)),
    )


def _new_name(root: Path) -> str:
    while True:
        name = f"{time.strftime('%Y-%m-%d')}-{secrets.token_hex(2)}"
        if not any((folder / name).exists() for folder in (root / FOLDER, _sets_folder())):
            return name


def _sets_folder() -> Path:
    return data_root() / data_sets.OWN / FOLDER


def _names(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(os.listdir(folder))
    return []


def _owner_of_set(name: str) -> Person:
    return owners.read(data_sets.own_folder(name))


def _is_over(sweep: Sweep) -> bool:
    with contextlib.suppress(InputError):
        return progress_of(sweep, 1).is_over
    return True


def _told(runs: int, guests: int, sweeps: int, sets: int) -> str:
    counts = ((runs, "run"), (guests, "guest"), (sweeps, "sweep"), (sets, "imported data set"))
    parts = [words.count(number, noun) for number, noun in counts if number]
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else "nothing"
