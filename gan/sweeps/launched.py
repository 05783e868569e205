"""A launched sweep: its file, its runs, and making the ones that are missing."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gan import runs
from gan.errors import InputError, explained, shown
from gan.runs import Membership, Run
from gan.storage import files
from gan.storage.locks import hold_lock
from gan.storage.models import read_model
from gan.sweeps.plan import SCHEMA_VERSION, SWEEP_ID, Plan, as_json, check_version, parse
from gan.sweeps.variants import run_configs

_FOLDER = "sweeps"


class Member(BaseModel):
    """One run of a sweep; ``run`` is empty until it has been made."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    variant: str
    seed: int
    run: str = Field(default="", pattern=f"^({SWEEP_ID.pattern})?$")


class _Version(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int


class Record(BaseModel):
    """What the file of a sweep holds: the plan, its runs, and what people asked for since.

    ``is_whole`` says that all runs have been made; until then none of them is started. A sweep that ``is_paused`` starts none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int
    plan: dict[str, Any]
    members: tuple[Member, ...]
    made_at: float
    is_whole: bool = False
    is_paused: bool = False

    @property
    def name(self) -> str:
        """What people call the sweep."""
        return str(self.plan.get("name", ""))


@dataclass(frozen=True)
class Sweep:
    """A sweep that was launched. Cheap to make: nothing is read before it is asked for."""

    root: Path
    id: str

    @property
    def path(self) -> Path:
        return self.root / _FOLDER / f"{self.id}.json"

    @property
    def lock_path(self) -> Path:
        """Held by whoever makes the runs."""
        return self.root / _FOLDER / f".{self.id}.lock"

    def record(self) -> Record:
        """Return what the file holds. Raises InputError when it is missing, damaged or too new."""
        check_version(read_model(_Version, self.path).model_dump(), f"sweep {self.id}")  # whatever else a newer one holds
        return read_model(Record, self.path)

    def plan(self) -> Plan:
        """Return the plan, to look at or to start again from."""
        return parse(self.record().plan)

    def change(self, **changes: Any) -> None:
        """Replace fields of the record."""
        lock = hold_lock(self.path.with_name(".lock"), "The sweeps are busy; try again in a moment.", patience=10)
        try:
            with explained(f"writing the sweep {self.id}"):
                files.write_json(self.path, self.record().model_copy(update=changes).model_dump(mode="json"))
        finally:
            lock.release()

    def runs(self) -> list[Run]:
        """Return its runs that are there, in order; those in the trash are not."""
        ids = [member.run for member in self.record().members]
        return [run for run_id in ids if run_id and (run := Run(self.root / run_id)).path.is_dir()]

    def made(self) -> dict[int, str]:
        """Return the ids of the runs that were made for the sweep, by their place, as the runs say themselves."""
        trash = self.root / runs.TRASH
        paths = [folder / name for folder in (self.root, trash) for name in _names(folder)]
        found = [(run.membership(), run.id) for path in paths if SWEEP_ID.fullmatch(path.name) and (run := Run(path))]
        return {member.place: run_id for member, run_id in found if member and member.sweep == self.id}


def create(root: Path, plan: Plan) -> Sweep:
    """Write a sweep down, whose runs :func:`complete` then makes. Raises InputError when it cannot be launched."""
    planned = run_configs(plan)
    members = tuple(Member(variant=variant.name, seed=config.training.seed) for variant, config in planned)
    sweep = Sweep(root, runs.new_id())
    record = Record(schema_version=SCHEMA_VERSION, plan=as_json(plan), members=members, made_at=time.time())
    with explained(f"making a sweep in {root}"):
        sweep.path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(sweep.path, record.model_dump(mode="json"))
    return sweep


def complete(sweep: Sweep, patience: float = 0.1) -> None:
    """Make the runs of a sweep that have not been made; each once, whoever else tries and whoever is killed in the middle.

    Raises InputError when the disk is full, say, or while another process makes them for more than ``patience`` seconds; what
    is missing is made next time.
    """
    lock = hold_lock(sweep.lock_path, f"The runs of sweep {sweep.id} are being made; wait a moment.", patience=patience)
    try:
        plan = sweep.plan()
        made = sweep.made() | {place: member.run for place, member in enumerate(sweep.record().members) if member.run}
        for place, (variant, config) in enumerate(run_configs(plan)):
            if place not in made:
                membership = Membership(sweep=sweep.id, place=place, variant=variant.name)
                name = runs.shortened(f"{plan.name} · {variant.name} · seed {config.training.seed}")
                run = runs.create(sweep.root, config, name, fill=partial(Run.write_membership, membership=membership))
                made[place] = run.id
        _note(sweep, made)
    finally:
        lock.release()


def give_up(sweep: Sweep) -> None:
    """Make no more runs of a sweep than there are, until :func:`complete` is called for it again."""
    lock = hold_lock(sweep.lock_path, f"The runs of sweep {sweep.id} are being made; wait a moment.", patience=10)
    try:
        _note(sweep, sweep.made())
    finally:
        lock.release()


def _note(sweep: Sweep, made: Mapping[int, str]) -> None:
    """Write down which runs there are, so that they may be started."""
    members = [member.model_copy(update={"run": made.get(place, "")}) for place, member in enumerate(sweep.record().members)]
    sweep.change(members=tuple(members), is_whole=True)


def list_sweeps(root: Path) -> list[Sweep]:
    """Return all sweeps in ``root``, the newest first."""
    ids = [name.removesuffix(".json") for name in _names(root / _FOLDER) if name.endswith(".json")]
    return [Sweep(root, sweep_id) for sweep_id in sorted(ids, reverse=True) if SWEEP_ID.fullmatch(sweep_id)]


def find(root: Path, sweep_id: str) -> Sweep:
    """Return the sweep with this id. Raises InputError for anything that is not the id of a sweep in ``root``."""
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
