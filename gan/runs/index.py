"""What lists show of each run: its names, age, status, owner, data set, parent and sweep, kept in memory and in ``.index.json``.

The run directories stay the truth. Facts are used only while the modification times of the run's folder and of the files they come
from are the same, so a missing, damaged or outdated index costs time and changes nothing.

A folder may hold 10,000 runs, and asking the system for the times of that many costs more than drawing a page. Ended and waiting
runs are therefore *at rest* a minute after their last change: the program announces its changes of them
(:mod:`gan.runs.announcing`). Changes by anything else, such as a file copied by hand, are found by looking at a part of the runs at
rest every two seconds.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from pydantic import BaseModel

from gan.access import owners
from gan.errors import InputError, explained
from gan.runs import names
from gan.runs.announcing import News
from gan.runs.listing import Facts, Listed, Listing, Stamp
from gan.runs.records import RUN_ID, UNDER_WAY
from gan.runs.run import Run, age_key
from gan.storage import sealed
from gan.storage.models import read_json, stamp

FILE = ".index.json"

#: Files that facts come from. The program replaces files whole, which changes the modification time of the folder.
_READ = ("config.json", "status.json", "label.json", "parent.json", "sweep.json", owners.FILE)

SETTLED = 2_000_000_000  # nanoseconds after which a change certainly shows in a modification time
_TRUST = 2_000_000_000  # nanoseconds between two looks at the files themselves, which only an editor changes in place
_REST = 60_000_000_000  # nanoseconds after its last change from which an ended or waiting run is at rest
_TURN = 2_000_000_000  # nanoseconds between two looks at a part of the runs at rest
_AT_ONCE = 500  # runs at rest looked at in turn, and runs whose files are looked at in one read
_KEEPING = 20  # the index file is written in at most one of so many seconds

Value = TypeVar("Value")
_MISSING: Stamp = (0, 0, 0)


class _File(BaseModel):
    version: Literal[4] = 4  # raise it when facts change their meaning
    runs: dict[str, Facts]


class _Known(NamedTuple):
    listed: Listed
    folder: str
    is_settled: bool  # every change after it was read shows in its stamps
    looked: int  # when the files were looked at last, in nanoseconds since 1970


class _Index:
    """Index of one folder of runs, shared by threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._alone = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._entries: list[str] = []  # names in the folder at the latest read
        self._news = News(root)
        self._moving: list[str] = []
        self._resting: OrderedDict[str, None] = OrderedDict()  # those looked at longest ago come first
        self._turned = 0  # when some of them were looked at in turn, in nanoseconds since 1970
        self._list: Listing | None = None
        self._has_news = False  # for the index file
        self._keep_from = 0.0  # on the clock of ``time.monotonic``
        self._stored = _load(root / FILE)
        for run_id, facts in self._stored.items():
            self._known[run_id] = self._entry(Run(root / run_id), facts, is_settled=True, looked=0)
            self._moving.append(run_id)

    def listed(self) -> Listing:
        """Return all runs, newest first."""
        with self._alone:
            announced, now = self._news.take(), time.time_ns()
            is_other = self._follow(os.listdir(self._root))
            due = [*self._moving, *self._due(announced, now)]
            try:
                changed = self._look_at(due, now)
            except BaseException:  # such as a disk that fails: the next read looks at all of them anew
                self._moving, self._list = due, None
                for name in due:
                    self._resting.pop(name, None)
                raise
            if is_other or changed is None or self._list is None:
                self._list = Listing(sorted((known.listed for known in self._known.values()), key=_age, reverse=True))
            elif changed:
                self._list = self._list.replaced(changed)
            return self._list

    def _look_at(self, due: list[str], now: int) -> dict[str, Listed] | None:
        """Look at runs; return those of which nothing but the progress has changed, None if more has."""
        changed: dict[str, Listed] = {}
        is_other, left = False, _AT_ONCE
        self._moving = []
        for name in due:
            known = self._known.get(name)
            found = self._look(name, known, now, has_time=left > 0)
            left -= known is not None and found.looked != known.looked
            if known is None or not (found.listed is known.listed or found.listed.is_alike(known.listed)):
                is_other = True
            elif found.listed is not known.listed:
                changed[name] = found.listed
            self._has_news |= known is None or found.listed.facts is not known.listed.facts
            self._known[name] = found
            if _is_at_rest(found, now):
                self._resting[name] = None
            else:
                self._moving.append(name)
        self._moving.sort(key=lambda name: self._known[name].looked)
        return None if is_other else changed

    def _due(self, announced: set[str] | None, now: int) -> list[str]:
        """Take runs out of those at rest, to look at them: announced ones (None: all), and some others in turn."""
        named = [*self._resting] if announced is None else [name for name in announced if name in self._resting]
        for name in named:
            del self._resting[name]
        if abs(now - self._turned) < _TURN:
            return named
        self._turned = now
        return named + [self._resting.popitem(last=False)[0] for _ in range(min(_AT_ONCE, len(self._resting)))]

    def _follow(self, entries: list[str]) -> bool:
        """Forget runs that are no longer in the folder, and take in new ones; return whether there were any."""
        if entries == self._entries:
            return False
        there = {name for name in entries if RUN_ID.fullmatch(name)}
        gone = self._known.keys() - there
        for name in gone:
            del self._known[name]
        if gone:
            self._moving = [name for name in self._moving if name in there]
            self._resting = OrderedDict.fromkeys(name for name in self._resting if name in there)
        self._moving += there - self._known.keys()
        self._entries = entries
        self._has_news |= bool(gone)
        return bool(gone)

    def keep(self) -> None:
        """Write the index file if it lacks ended runs of the latest list, and if writing does not take too much of the time."""
        began = time.monotonic()
        if not self._has_news or began < self._keep_from:
            return
        with self._alone:
            self._has_news = False
            facts = {
                name: known.listed.facts
                for name, known in self._known.items()
                if known.is_settled and (status := known.listed.facts.status) and status.state not in UNDER_WAY
            }
        if facts != self._stored:
            sealed.store(self._root / FILE, _File(runs=facts).model_dump_json().encode())
            self._stored = facts
            now = time.monotonic()
            self._keep_from = now + _KEEPING * (now - began)

    def _look(self, name: str, known: _Known | None, now: int, *, has_time: bool) -> _Known:
        """Return a run with its facts, read again if they may have changed; without time, only its folder is looked at."""
        if known and known.is_settled and stamp(known.folder) == known.listed.facts.stamps[0]:
            if abs(now - known.looked) < _TRUST or (known.looked and not has_time):
                return known
            if _stamps(known.folder, known.listed.facts.stamps) == known.listed.facts.stamps:
                return known._replace(looked=now)
        run = known.listed.run if known else Run(self._root / name)
        stamps = _stamps(str(run.path))  # before the files are read, so that a change meanwhile is noticed
        is_settled = now - max(changed for _, changed, _ in stamps) > SETTLED
        return self._entry(run, _read(run, stamps), is_settled=is_settled, looked=now)

    @staticmethod
    def _entry(run: Run, facts: Facts, *, is_settled: bool, looked: int) -> _Known:
        status = facts.status
        is_over = status is not None and status.state not in UNDER_WAY and not status.engine
        key, started_at = age_key(run, facts.stamps[1][1], status), status.started_at if status else 0.0
        listed = Listed(run, facts, key, is_over, facts.owner.id, started_at)
        return _Known(listed, str(run.path), is_settled, looked)


def _age(listed: Listed) -> tuple[float, str]:
    return listed.age_key


def _is_at_rest(known: _Known, now: int) -> bool:
    """Return whether a run has ended or waits, and has not changed for a while."""
    facts = known.listed.facts
    return known.is_settled and now - facts.stamps[0][1] > _REST and facts.status is not None and facts.status.is_still


def read(root: Path) -> Listing:
    """Return all runs in ``root`` with their facts, newest first; nothing if the folder does not exist.

    A change that was not announced, which the program never makes of runs at rest, shows within two seconds; in a folder of more
    than :data:`_AT_ONCE` runs, later. Raises InputError if the folder cannot be read.
    """
    return once(("runs", root), lambda: _listed(root))


def _listed(root: Path) -> Listing:
    with explained(f"reading the runs in {root}"), contextlib.suppress(FileNotFoundError):
        return _index(root).listed()
    return Listing()


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


def once(key: tuple[object, ...], make: Callable[[], Value]) -> Value:
    """Return what ``make`` returns: a list, or what follows from it. In a block of :func:`read_once`, ``key`` is made once."""
    kept: dict[tuple[object, ...], Value] | None = getattr(_page, "kept", None)
    if kept is None:
        return make()
    if key not in kept:
        kept[key] = make()
    return kept[key]


def forget() -> None:
    """Read the list anew in this thread: runs have changed, or are about to."""
    if getattr(_page, "kept", None):
        _page.kept = {}


def look(run: Run) -> Listed:
    """Return one run that is in no folder of runs with its facts, read anew: a guest."""
    return _Index._entry(run, _read(run, _stamps(str(run.path))), is_settled=True, looked=0).listed


def while_over(ask: Callable[[Run], bool]) -> Callable[[Listed], bool]:
    """Return a question on runs as one on listed runs; the answer for a run that is over is kept until its facts change."""
    known: dict[Path, tuple[Facts, bool]] = {}

    def answer(listed: Listed) -> bool:
        if not listed.is_over:
            return ask(listed.run)
        kept = known.get(listed.run.path)
        if kept is None or kept[0] is not listed.facts:
            kept = known[listed.run.path] = listed.facts, ask(listed.run)
        return kept[1]

    return answer


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
