"""What a student may still launch: the limits of the class, counted with all that waits and trains."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gan import runs, words
from gan.access import limits, people
from gan.access.people import Person
from gan.config import RunConfig
from gan.errors import InputError
from gan.execution.forecast import as_queued, disk_bytes
from gan.execution.speeds import find
from gan.guests.guest import list_guests
from gan.runs import Run, index
from gan.runs.listing import Listed
from gan.storage.models import stamp
from gan.sweeps import launched
from gan.sweeps.launched import Sweep

_TRUST = 10.0  # seconds for which the size of a run that changes is kept

_sizes: dict[Path, tuple[tuple[int, int, int], float, int]] = {}  # by run: stamp of its folder, when it was summed up, bytes


class Admit(Protocol):
    """Checks one run: a new one that begins at ``step``, or a stopped ``run`` that goes on to ``total`` steps."""

    def __call__(self, config: RunConfig, *, step: int = 0, run: Run | None = None, total: int = 0) -> None: ...


def admit_all(config: RunConfig, *, step: int = 0, run: Run | None = None, total: int = 0) -> None:
    """Admit a run; the teacher has no limits."""


def gate(root: Path, count: int = 1) -> Admit:
    """Return a function that raises InputError if a run is beyond the limits of the acting person.

    Raises InputError if ``count`` more runs are too many. Exact only while the caller holds the queue lock.
    """
    person = people.current()
    return admit_all if person.is_teacher else _Gate(root, person, count).admit


def waiting(root: Path, person: Person) -> int:
    """Return the number of runs of a person that wait, with those of paused sweeps and those still to be made."""
    queued = sum(one.status().state == "queued" for one in _owned(root, person))
    return queued + sum(_missing(sweep, person) for sweep in launched.list_sweeps(root))


def _missing(sweep: Sweep, person: Person) -> int:
    """Return the number of runs of a person's sweep that are still to be made."""
    with contextlib.suppress(InputError):
        record = sweep.record()
        if not record.is_whole and sweep.owner() == person:
            made = sweep.made()
            return sum(place not in made for place in range(len(record.members)))
    return 0


class _Gate:
    """Limits of a student, and the runs that have been admitted so far."""

    def __init__(self, root: Path, person: Person, count: int) -> None:
        self._root, self._limits = root, limits.read(root)
        self._owned = _owned(root, person)
        self._guests = sum(size(guest) for guest in list_guests(root) if guest.owner().id == person.id)  # bytes
        self._waiting = waiting(root, person)
        self._admitted = 0  # bytes
        most, after = self._limits.waiting, self._waiting + count
        if after > most:
            own = f"with the {self._waiting} that you have " if self._waiting else ""
            advice = "ask for fewer" if count > most else "wait until one starts, or take one out of the queue"
            raise InputError(
                f"The limit of this class is {words.count(most, 'waiting run')} a student, and {own}this would make {after}; "
                f"{advice}."
            )

    def admit(self, config: RunConfig, *, step: int = 0, run: Run | None = None, total: int = 0) -> None:
        most = self._limits.minutes
        seconds = expected_seconds(self._root, config, step=step, run=run, total=total, among=self._waiting + 1)
        if seconds is not None and seconds > 60 * most:
            raise InputError(
                f"The limit of this class is {most:g} minutes of training a run, and this one would take about "
                f"{words.duration(seconds)}; choose a shorter training or smaller networks."
            )
        self._admitted += disk_bytes(self._root, config) - (size(run) if run else 0)
        used = sum(max(size(one.run), self._planned(one)) for one in self._owned) + self._guests
        if used + self._admitted > self._limits.megabytes * 1_000_000:
            own, more = (f"yours take {words.megabytes(used)} ", " more") if used else ("", "")
            is_alone = self._admitted > self._limits.megabytes * 1_000_000
            advice = "choose smaller networks, or ask your teacher" if is_alone else "delete runs that you no longer need"
            raise InputError(
                f"The limit of this class is {self._limits.megabytes:,} MB for all runs and guests of a student, {own}and this "
                f"would need about {words.megabytes(self._admitted)}{more}; {advice}."
            )

    def _planned(self, one: Listed) -> int:
        """Return the bytes that a run under way will probably take."""
        try:
            return disk_bytes(self._root, one.run.config()) if one.status().state in runs.UNDER_WAY else 0
        except InputError:
            return 0


def expected_seconds(
    root: Path, config: RunConfig, *, step: int = 0, run: Run | None = None, total: int = 0, among: int = 1
) -> float | None:
    """Return the expected seconds of training of a run, without those of its parent; None if its speed is not known.

    A new run begins at ``step``. A stopped ``run`` goes on to ``total`` steps; what it has done counts, at its own speed.
    """
    if run is not None:
        status = run.status()
        left, done = status.model_copy(update={"total_steps": total}).seconds_left, own_seconds(run, status.seconds)
        if left is not None:
            return done + left
        return _at_known_speed(root, config, total - status.step, among)
    return _at_known_speed(root, config, config.total_steps - step, among)


def own_seconds(run: Run, seconds: float) -> float:
    """Return how many of its ``seconds`` of training a run has trained itself; a fork begins with those of its parent."""
    origin = run.origin()
    return seconds - (origin.seconds if origin else 0.0)


class Allowance:
    """Ends a student's run when it has trained for as long as the class allows, however wrong its forecast was."""

    def __init__(self, run: Run) -> None:
        self._run, self._seconds, self._reason = run, 0.0, ""
        self._has_limit = not run.owner().is_teacher and not run.control().is_unlimited

    def note(self, seconds: float) -> None:
        """Take note of the seconds of training, as in the status."""
        if self._has_limit and seconds != self._seconds:
            self._seconds, most = seconds, limits.read(self._run.root).minutes
            if own_seconds(self._run, seconds) >= 60 * most:
                self._reason = (
                    f"Stopped at the limit of this class, {most:g} minutes of training a run; fork the run to go on, or ask your "
                    "teacher."
                )

    def reason(self) -> str:
        """Return why the training has to stop, as a sentence; empty if it may go on."""
        return self._reason


def _at_known_speed(root: Path, config: RunConfig, steps: int, among: int) -> float | None:
    found = find(root, as_queued(config, among))
    return max(0, steps) * config.optimizer.images_per_step / found.images_per_second if found else None


def _owned(root: Path, person: Person) -> Sequence[Listed]:
    return [one for one in index.read(root) if one.facts.owner.id == person.id]


def size(run: Run) -> int:
    """Return the bytes of a run. They are summed up again when the folder has changed, but not more often than every 10 s.

    What the program replaces in a run, as the status, changes the stamp of the folder; samples and checkpoints come with a status.
    """
    now, seen = time.monotonic(), stamp(run.path)
    known = _sizes.get(run.path)
    if known is None or (known[0] != seen and now - known[1] > _TRUST):
        _sizes[run.path] = known = seen, now, runs.size(run)
    return known[2]
