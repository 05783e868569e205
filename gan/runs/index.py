"""What lists show of each run: its names, age, status, owner, data set, parent and sweep, kept in memory and in ``.index.json``.

The run directories stay the truth. Facts are used only while the modification times of the run's folder and of the files they come
from are the same, so a missing, damaged or outdated index costs time and changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from gan.access import owners
from gan.access.people import Person
from gan.errors import InputError, explained
from gan.runs import names
from gan.runs.names import Traits
from gan.runs.records import RUN_ID, UNDER_WAY, Status
from gan.runs.run import Run, age_key
from gan.storage import sealed
from gan.storage.models import read_json, stamp

FILE = ".index.json"

#: Files that facts come from. The program replaces files whole, which changes the modification time of the folder.
_READ = ("config.json", "status.json", "label.json", "parent.json", "sweep.json", owners.FILE)

SETTLED = 2_000_000_000  # nanoseconds after which a change certainly shows in a modification time
_TRUST = 2_000_000_000  # nanoseconds between two looks at the files themselves, which only an editor changes in place

Stamp = tuple[int, int, int]
_MISSING: Stamp = (0, 0, 0)


class Facts(BaseModel):
    """Facts of one run, and the ``stamps`` of its folder and of the files that they come from.

    ``status`` is as stored (see :meth:`gan.runs.Run.judged`), None if it is damaged. ``parent`` is the id of the run that a fork
    continues, ``sweep`` the id of the sweep; both are empty if there is none. ``data`` is the name of the data set, empty if the
    configuration cannot be read. ``traits`` are what its name in a list is made of. ``owner`` is whose run it is.
    """

    model_config = ConfigDict(frozen=True)

    stamps: tuple[Stamp, ...]
    label: str
    status: Status | None
    parent: str
    sweep: str
    data: str
    traits: Traits
    owner: Person


class Listed(NamedTuple):
    """A run in a list, with its facts and its sort key: oldest first."""

    run: Run
    facts: Facts
    age_key: tuple[float, str]

    def status(self) -> Status:
        """Return the status of the run as :meth:`gan.runs.Run.status` does."""
        return self.run.judged(self.facts.status) if self.facts.status else self.run.status()


class _File(BaseModel):
    version: Literal[4] = 4  # raise it when facts change their meaning
    runs: dict[str, Facts]


class _Known(NamedTuple):
    listed: Listed
    folder: str
    is_settled: bool  # every change after it was read shows in its stamps
    looked: int  # when the files were looked at last, in nanoseconds since 1970


class _Index:
    """Index of one folder of runs. Threads share it: entries are replaced whole, and any version of one is checked before use."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, _Known] = {}
        self._stored = _load(root / FILE)
        for run_id, facts in self._stored.items():
            self._known[run_id] = self._entry(Run(root / run_id), facts, is_settled=True, looked=0)

    def listed(self) -> list[Listed]:
        """Return all runs, newest first."""
        there = [name for name in os.listdir(self._root) if RUN_ID.fullmatch(name)]
        now = time.time_ns()
        found = {name: self._look(name, now) for name in there}
        self._known = found
        return sorted((known.listed for known in found.values()), key=lambda one: one.age_key, reverse=True)

    def keep(self) -> None:
        """Write the index file if it lacks ended runs of the latest list."""
        facts = {
            name: known.listed.facts
            for name, known in self._known.items()
            if known.is_settled and (status := known.listed.facts.status) and status.state not in UNDER_WAY
        }
        if facts != self._stored:
            sealed.store(self._root / FILE, _File(runs=facts).model_dump_json().encode())
            self._stored = facts

    def _look(self, name: str, now: int) -> _Known:
        """Return a run with its facts, read again if they may have changed."""
        known = self._known.get(name)
        if known and known.is_settled and stamp(known.folder) == known.listed.facts.stamps[0]:
            if abs(now - known.looked) < _TRUST:
                return known
            if _stamps(known.folder, known.listed.facts.stamps) == known.listed.facts.stamps:
                return known._replace(looked=now)
        run = known.listed.run if known else Run(self._root / name)
        stamps = _stamps(str(run.path))  # before the files are read, so that a change meanwhile is noticed
        is_settled = now - max(changed for _, changed, _ in stamps) > SETTLED
        return self._entry(run, _read(run, stamps), is_settled=is_settled, looked=now)

    @staticmethod
    def _entry(run: Run, facts: Facts, *, is_settled: bool, looked: int) -> _Known:
        return _Known(Listed(run, facts, age_key(run, facts.stamps[1][1], facts.status)), str(run.path), is_settled, looked)


def read(root: Path) -> list[Listed]:
    """Return all runs in ``root`` with their facts, newest first; an empty list if the folder does not exist.

    A file that was edited in place, which the program never does, shows within two seconds. Raises InputError if the folder cannot
    be read.
    """
    kept: dict[Path, list[Listed]] | None = getattr(_page, "kept", None)
    if kept is not None and root in kept:
        return list(kept[root])
    found: list[Listed] = []
    with explained(f"reading the runs in {root}"), contextlib.suppress(FileNotFoundError):
        found = _index(root).listed()
    if kept is not None:
        kept[root] = found
    return list(found)


_page = threading.local()


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Let this thread read each folder once in the block: a page asks for the same list several times.

    What makes, moves or starts runs calls :func:`forget` and thereby reads it anew.
    """
    if getattr(_page, "kept", None) is not None:
        yield
        return
    _page.kept = {}
    try:
        yield
    finally:
        _page.kept = None


def forget() -> None:
    """Read the list anew in this thread: runs have changed, or are about to."""
    if getattr(_page, "kept", None):
        _page.kept = {}


def look(run: Run) -> Listed:
    """Return one run that is in no folder of runs with its facts, read anew: a guest."""
    facts = _read(run, _stamps(str(run.path)))
    return Listed(run, facts, age_key(run, facts.stamps[1][1], facts.status))


def names_of(listed: Sequence[Listed]) -> dict[str, str]:
    """Return the whole name of each listed run by id, told apart from all others (see :mod:`gan.runs.names`)."""
    traits = [(one.run.id, one.facts.traits) for one in listed]
    known = _named.get("latest")
    if known is None or known[0] != traits:
        _named["latest"] = known = traits, names.tell_apart(dict(traits))
    return dict(known[1])


_named: dict[str, tuple[list[tuple[str, Traits]], dict[str, str]]] = {}  # of the latest list; threads replace it whole


def keep(root: Path) -> None:
    """Write what the latest list said of the runs in ``root`` beside them, for the next process, if that is possible."""
    with contextlib.suppress(OSError, ValueError):
        _index(root).keep()


@lru_cache(maxsize=8)
def _index(root: Path) -> _Index:
    return _Index(root)


def _read(run: Run, stamps: tuple[Stamp, ...]) -> Facts:
    """Return the facts of a run from its files."""
    origin, membership = run.origin(), run.membership()
    try:
        status = run.stored_status()
    except InputError:
        status = None
    return Facts(
        stamps=stamps,
        label=run.label(),
        status=status,
        parent=origin.run if origin else "",
        sweep=membership.sweep if membership else "",
        data=_data(run),
        traits=names.traits(run),
        owner=run.owner(),
    )


def _data(run: Run) -> str:
    with contextlib.suppress(InputError, KeyError, TypeError):
        return str(read_json(run.config_path)["data"]["name"])
    return ""


def _stamps(folder: str, known: tuple[Stamp, ...] = ()) -> tuple[Stamp, ...]:
    """Return the stamps of a run. Files that were missing at ``known`` are not looked for: they would change the folder's stamp."""
    read = [name if not known or known[place] != _MISSING else "" for place, name in enumerate(_READ, 1)]
    return (stamp(folder), *(stamp(f"{folder}/{name}") if name else _MISSING for name in read))


def _load(path: Path) -> dict[str, Facts]:
    """Return the contents of an index file; nothing if it is missing, damaged or of another version."""
    with contextlib.suppress(OSError, ValueError):
        return {
            run_id: facts
            for run_id, facts in _File.model_validate_json(sealed.load(path)).runs.items()
            if RUN_ID.fullmatch(run_id) and len(facts.stamps) == 1 + len(_READ)
        }
    return {}
