"""Launched sweeps: the file of a sweep, its runs, and making missing runs."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gan import runs
from gan.access.owners import UNKNOWN
from gan.access.people import TEACHER, Person, current
from gan.access.rules import require
from gan.errors import InputError, explained, shown
from gan.runs import Membership, Run, moments, names
from gan.storage import files
from gan.storage.locks import hold_lock
from gan.storage.models import read_model
from gan.sweeps.plan import SCHEMA_VERSION, SWEEP_ID, Plan, as_json, check_version, parse
from gan.sweeps.variants import run_configs

FOLDER = "sweeps"


class Member(BaseModel):
    """One run of a sweep; ``run`` is empty until the run has been made."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    variant: str
    seed: int
    run: str = Field(default="", pattern=f"^({SWEEP_ID.pattern})?$")


class _Version(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int


class Record(BaseModel):
    """Contents of a sweep file: the plan, its runs, its owner (None: the teacher), where it trains, and whether it is paused.

    ``is_whole`` means that all runs have been made, or that making was given up; until then none is started. A sweep that
    ``is_paused`` starts no runs.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int
    plan: dict[str, Any]
    members: tuple[Member, ...]
    made_at: float
    owner: Person | None = None
    engine: str = ""
    is_whole: bool = False
    is_paused: bool = False

    @property
    def name(self) -> str:
        """Display name of the sweep."""
        return str(self.plan.get("name", ""))


@dataclass(frozen=True)
class Sweep:
    """A launched sweep. Cheap to create: nothing is read until needed."""

    root: Path
    id: str

    @property
    def path(self) -> Path:
        return self.root / FOLDER / f"{self.id}.json"

    @property
    def made_at(self) -> float:
        """When the sweep was made, in seconds since 1970."""
        try:
            return moments.made_at(self.id, [self.record().made_at])
        except InputError:
            return moments.made_at(self.id, [])

    @property
    def lock_path(self) -> Path:
        """Lock held by the process that makes the runs."""
        return self.root / FOLDER / f".{self.id}.lock"

    def record(self) -> Record:
        """Return the contents of the file. Raises InputError if it is missing, damaged or too new."""
        check_version(read_model(_Version, self.path).model_dump(), f"sweep {self.id}")  # first: a newer file may have other fields
        return read_model(Record, self.path)

    def owner(self) -> Person:
        """Return whose sweep it is; ``UNKNOWN`` if the file is missing, damaged or too new."""
        try:
            return self.record().owner or TEACHER
        except InputError:
            return UNKNOWN

    def plan(self) -> Plan:
        """Return the plan, for display or as the start of another sweep."""
        return parse(self.record().plan)

    def change(self, **changes: Any) -> None:
        """Replace fields of the record. Raises InputError if it cannot be read or written."""
        lock = hold_lock(self.path.with_name(".lock"), "The sweeps are busy; try again in a moment.", patience=10)
        try:
            with explained(f"writing the sweep {self.id}"):
                files.write_json(self.path, self.record().model_copy(update=changes).model_dump(mode="json"))
        finally:
            lock.release()

    def runs(self) -> list[Run]:
        """Return the existing runs in order, without those in the trash."""
        return list(self.existing())

    def existing(self) -> Iterator[Run]:
        """Yield the :meth:`runs` one by one, for callers that need only the first ones of thousands."""
        ids = [member.run for member in self.record().members]
        return (run for run_id in ids if run_id and (run := Run(self.root / run_id)).path.is_dir())

    def made(self) -> dict[int, str]:
        """Return the ids of the runs made for the sweep, by place, according to the membership files of the runs."""
        trash = self.root / runs.TRASH
        paths = [folder / name for folder in (self.root, trash) for name in _names(folder)]
        found = [(run.membership(), run.id) for path in paths if SWEEP_ID.fullmatch(path.name) and (run := Run(path))]
        return {member.place: run_id for member, run_id in found if member and member.sweep == self.id}


def create(root: Path, plan: Plan, engine: str = "") -> Sweep:
    """Write the file of a sweep of the acting person; :func:`complete` then makes the runs.

    Raises InputError if the plan cannot be launched.
    """
    require("launch")
    owner = None if current().is_teacher else current()
    planned = run_configs(plan)
    members = tuple(Member(variant=variant.name, seed=config.training.seed) for variant, config in planned)
    sweep = Sweep(root, runs.new_id())
    record = Record(
        schema_version=SCHEMA_VERSION, plan=as_json(plan), members=members, made_at=time.time(), owner=owner, engine=engine
    )
    with explained(f"making a sweep in {root}"):
        sweep.path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(sweep.path, record.model_dump(mode="json"))
    return sweep


def complete(sweep: Sweep, patience: float = 0.1) -> None:
    """Make the missing runs of a sweep, each exactly once, even with concurrent calls or after a kill; they are its owner's.

    Raises InputError if a run cannot be written, e.g. because the disk is full, or if another process holds the lock for more than
    ``patience`` seconds. The next call makes what is still missing.
    """
    lock = hold_lock(sweep.lock_path, f"The runs of sweep {sweep.id} are being made; wait a moment.", patience=patience)
    try:
        plan, owner, engine = sweep.plan(), sweep.owner(), sweep.record().engine
        made = sweep.made() | {place: member.run for place, member in enumerate(sweep.record().members) if member.run}
        planned = run_configs(plan)
        called = names.in_sweep(plan.name, [(variant.name, config.training.seed) for variant, config in planned])
        for place, (variant, config) in enumerate(planned):
            if place not in made:
                membership = Membership(sweep=sweep.id, place=place, variant=variant.name)
                fill = partial(Run.write_membership, membership=membership)
                run = runs.create(sweep.root, config, called[place], engine=engine, owner=owner, fill=fill)
                made[place] = run.id
        _note(sweep, made)
    finally:
        lock.release()


def give_up(sweep: Sweep) -> None:
    """Stop making runs of a sweep until :func:`complete` is called for it again."""
    lock = hold_lock(sweep.lock_path, f"The runs of sweep {sweep.id} are being made; wait a moment.", patience=10)
    try:
        _note(sweep, sweep.made())
    finally:
        lock.release()


def _note(sweep: Sweep, made: Mapping[int, str]) -> None:
    """Record which runs exist, so that they may be started."""
    members = [member.model_copy(update={"run": made.get(place, "")}) for place, member in enumerate(sweep.record().members)]
    sweep.change(members=tuple(members), is_whole=True)


def list_sweeps(root: Path) -> list[Sweep]:
    """Return all sweeps in ``root``, newest first."""
    ids = [name.removesuffix(".json") for name in _names(root / FOLDER) if name.endswith(".json")]
    found = [Sweep(root, sweep_id) for sweep_id in ids if SWEEP_ID.fullmatch(sweep_id)]
    return sorted(found, key=lambda sweep: (sweep.made_at, sweep.id), reverse=True)


def find(root: Path, sweep_id: str) -> Sweep:
    """Return the sweep with this id. Raises InputError if ``root`` has no sweep with this id."""
    if not SWEEP_ID.fullmatch(sweep_id):
        raise InputError(f"“{shown(sweep_id)}” is not a sweep id; expected one like 20260131-093000-1a2b3c.")
    sweep = Sweep(root, sweep_id)
    if not sweep.path.is_file():
        raise InputError(f"There is no sweep {sweep_id} in {root}; look at the list of sweeps.")
    return sweep


def _names(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(folder)
    return []
