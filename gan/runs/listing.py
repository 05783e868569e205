"""The list of all runs in a folder: facts of each run, and what follows from them, worked out once while nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from gan.access.people import Person
from gan.runs import names
from gan.runs.names import Traits
from gan.runs.records import UNDER_WAY, Status
from gan.runs.run import Run

Value = TypeVar("Value")
Stamp = tuple[int, int, int]


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
    """A run in a list, with its facts and its sort key: oldest first.

    The other fields follow from the facts. Loops over 10,000 runs read them much quicker than fields of models: ``is_over``, it has
    ended, and trained on this machine; the id of its owner; when the queue last started it, 0 if that is unknown.
    """

    run: Run
    facts: Facts
    age_key: tuple[float, str]
    is_over: bool
    owner: str
    started_at: float

    @property
    def id(self) -> str:
        """Id of the run."""
        return self.age_key[1]

    def status(self) -> Status:
        """Return the status of the run as :meth:`gan.runs.Run.status` does."""
        stored = self.facts.status
        if stored and stored.state not in UNDER_WAY:
            return stored
        return self.run.judged(stored) if stored else self.run.status()

    @property
    def is_still(self) -> bool:
        """Whether only requests and the queue change it."""
        return self.facts.status is not None and self.facts.status.is_still

    def is_alike(self, other: Listed) -> bool:
        """Return whether both are the same run, under way in both, of which nothing but the progress may differ."""
        one, two = self.facts, other.facts
        return (
            not (self.is_still or other.is_still)
            and self[2:] == other[2:]
            and (one.label, one.parent, one.sweep, one.data) == (two.label, two.parent, two.sweep, two.data)
            and (one.traits, one.owner) == (two.traits, two.owner)
        )


class Listing(tuple[Listed, ...]):
    """All runs of a folder, newest first. While none of them changes, reads of the folder return the same object.

    A run that trains writes its progress every second. The listing with it then takes over what has been worked out: that follows
    from everything but the progress of runs under way.
    """

    @cached_property
    def _shape(self) -> _Shape:
        return _Shape(tuple(self))

    def replaced(self, changed: Mapping[str, Listed]) -> Listing:
        """Return the listing with runs, by id, that are alike (:meth:`Listed.is_alike`) in the places of those in this one."""
        items = list(self)
        for run_id, one in changed.items():
            items[self._shape.places[run_id]] = one
        found = Listing(items)
        found.__dict__["_shape"] = self._shape
        return found

    @property
    def going(self) -> list[Listed]:
        """The runs that are not over: each may be under way."""
        return [self[place] for place in self._shape.going]

    @property
    def waiting(self) -> list[Listed]:
        """The runs that wait on this machine."""
        return [self[place] for place in self._shape.waiting]

    @property
    def moving(self) -> list[Listed]:
        """The others of those that are not over: their status may change at any time."""
        return [self[place] for place in self._shape.moving]

    @property
    def groups(self) -> list[tuple[tuple[Listed, ...], bool]]:
        """The runs of each sweep together, in the place of its newest one, and each other run; and whether one may be under way."""
        return [(tuple([self[place] for place in group]), is_going) for group, is_going in self._shape.groups]

    @property
    def names(self) -> Mapping[str, str]:
        """The whole name of each run by id, told apart from all others (see :mod:`gan.runs.names`)."""
        return self._shape.names

    @property
    def data_sets(self) -> list[str]:
        """The names of their data sets, sorted."""
        return self._shape.data_sets

    @property
    def last_starts(self) -> Mapping[str, float]:
        """When the queue last started a run of each owner, by id."""
        return self._shape.last_starts

    def once(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return what ``make`` returns, which must follow from anything but the progress of runs under way."""
        if key not in self._shape.made:
            self._shape.made[key] = make()
        found: Value = self._shape.made[key]
        return found


class _Shape:
    """What follows from the facts of runs, as places in their listing."""

    def __init__(self, every: Sequence[Listed]) -> None:
        self._every = every
        self.made: dict[Hashable, Any] = {}

    @cached_property
    def places(self) -> dict[str, int]:
        return {one.id: place for place, one in enumerate(self._every)}

    @cached_property
    def going(self) -> list[int]:
        return [place for place, one in enumerate(self._every) if not one.is_over]

    @cached_property
    def waiting(self) -> list[int]:
        found = ((place, self._every[place].facts.status) for place in self.going)
        return [place for place, status in found if status and status.state == "queued" and not status.engine]

    @cached_property
    def moving(self) -> list[int]:
        waiting = set(self.waiting)
        return [place for place in self.going if place not in waiting]

    @cached_property
    def groups(self) -> list[tuple[list[int], bool]]:
        sweeps: dict[str, list[int]] = {}
        found: list[list[int]] = []
        for place, one in enumerate(self._every):
            if not (sweep := one.facts.sweep):
                found.append([place])
            elif sweep in sweeps:
                sweeps[sweep].append(place)
            else:
                found.append(sweeps.setdefault(sweep, [place]))
        going = set(self.going)
        return [(group, not going.isdisjoint(group)) for group in found]

    @cached_property
    def names(self) -> dict[str, str]:
        return names.tell_apart({one.id: one.facts.traits for one in self._every})

    @cached_property
    def data_sets(self) -> list[str]:
        return sorted({one.facts.data for one in self._every if one.facts.data})

    @cached_property
    def last_starts(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for one in self._every:
            if one.started_at > found.setdefault(one.owner, 0.0):
                found[one.owner] = one.started_at
        return found


def names_of(listed: Sequence[Listed]) -> dict[str, str]:
    """Return the whole name of each listed run by id, told apart from all others (see :mod:`gan.runs.names`)."""
    if isinstance(listed, Listing):
        return dict(listed.names)
    traits = [(one.id, one.facts.traits) for one in listed]
    known = _named.get("latest")
    if known is None or known[0] != traits:
        known = _named["latest"] = traits, names.tell_apart(dict(traits))
    return dict(known[1])


_named: dict[str, tuple[list[tuple[str, Traits]], dict[str, str]]] = {}  # of the latest other list; threads replace it whole
