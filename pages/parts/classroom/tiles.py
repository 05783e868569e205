"""What the board of a class shows of each person: the newest run. Read once every few seconds for all who look at the board."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan import runs
from gan.access.people import Person
from gan.errors import InputError
from gan.judging import lines
from gan.runs import Run, Status, index, owned
from gan.runs.listing import Listed
from pages.parts.watching import duel

FRESH = 2.0  # seconds for which tiles are shared by those who look at the board


@dataclass(frozen=True)
class Tile:
    """The newest run of a person that has begun, or else the newest one that waits: its name, the newest samples with their step
    (None before the first), the newest FID with that of real images, and one sentence on its state. ``runs``: how many the person
    has. ``measure``: the FID with its features."""

    person: Person
    run: Run
    status: Status
    name: str
    runs: int
    step: int = 0
    picture: Path | None = None
    fid: float | None = None
    floor: float | None = None
    sentence: str = ""
    measure: str = "FID"

    @property
    def ratio(self) -> float | None:
        """FID as a multiple of that of real images; None if one of them is unknown or not positive."""
        return self.fid / self.floor if self.fid and self.floor and self.fid > 0 and self.floor > 0 else None


class _Shared:
    """The tiles of the latest look at each folder."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._kept: dict[Path, tuple[float, list[Tile]]] = {}

    def tiles(self, root: Path) -> list[Tile]:
        with self._lock:
            now = self._clock()
            kept = self._kept.get(root)
            if kept is None or now - kept[0] > FRESH:
                self._kept = {root: (now, read(root))}
            return self._kept[root][1]


_shared = _Shared()


def tiles(root: Path) -> list[Tile]:
    """Return a tile for each person who has a run, at most :data:`FRESH` seconds old; see :func:`read`."""
    return _shared.tiles(root)


def read(root: Path) -> list[Tile]:
    """Return a tile for each person who has a run: the teacher's first, then runs under way, then the ones that ended last.

    Those under way begin with the newest launch, so that tiles keep their places while they train. Raises InputError if the
    folder cannot be read.
    """
    every = index.read(root)
    found = [_tile(person, listed) for person, listed in owned.by_owner(every).items()]
    return sorted(found, key=_turn)


def _turn(tile: Tile) -> tuple[bool, bool, float]:
    is_active = tile.status.state in runs.UNDER_WAY
    return not tile.person.is_teacher, not is_active, -(tile.status.queued_at if is_active else tile.status.heartbeat)


def _tile(person: Person, listed: list[Listed]) -> Tile:
    shown = next((one for one in listed if one.status().state != "queued"), listed[0])
    run, status = shown.run, shown.status()
    samples = run.samples()
    step, picture = next(reversed(samples.items()), (0, None))
    line = _newest_score(run)
    fid, floor, about = lines.number(line, "fid"), lines.number(line, "floor_fid"), _sentence(run, status)
    measure = lines.label(line) if line else "FID"
    return Tile(person, run, status, shown.facts.label, len(listed), step, picture, fid, floor, about, measure)


def _newest_score(run: Run) -> dict[str, Any]:
    """Return the newest line with a FID, taken during training if there is one; empty if there is none."""
    scored = [line for line in run.scores() if lines.number(line, "fid") is not None]
    quick = [line for line in scored if line.get("source") == "training"]
    return next(reversed(quick or scored), {})


def _sentence(run: Run, status: Status) -> str:
    if status.state in ("failed", "interrupted") and status.message:
        return status.message
    with contextlib.suppress(InputError):  # the configuration is damaged; Watch says so
        return duel.standing(run, run.config(), status).full
    return ""
