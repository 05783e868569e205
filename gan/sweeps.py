"""Sweeps: a base configuration, what is varied in it, and how many seeds; the variants that follow, and the runs made of them.

A :class:`Plan` is what somebody wants to try; it is pure data, and :func:`expand` makes the table of variants of it. A
:class:`Sweep` is a plan that was launched: one file, ``sweeps/<id>.json`` in the folder of the runs, which names the ids
of all its runs *before* the first of them is made. Whoever is killed while making them can so be finished by anybody.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import math
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan import config as configs
from gan import presets, runs
from gan.config import RunConfig
from gan.errors import InputError, explained, nearest, quoted, shown
from gan.runs import UNDER_WAY, Membership, Run
from gan.sections import FAMILIES, Span

SCHEMA_VERSION = 1
MOST_RUNS = 10_000  # more are not made at all
SURE_RUNS = 50  # more are made only for those who say so having seen what they cost

Combine = Literal["one-at-a-time", "grid", "list"]

_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
_FOLDER = "sweeps"
_MOST_BYTES = 10_000_000  # of a sweep file; far more than a table of 10,000 variants has
_MOST_SEEDS = 1000
_BASELINE = "baseline"
_NAME, _PROBLEM = "name", "problem"  # the columns of a table that are not settings
_FAMILY, _SEED = "networks.family", "training.seed"
_STRETCHED = ("training.length", "cadence.sample_every", "cadence.score_every", "cadence.checkpoint_every")
_LONGEST_NAME = 80  # of a variant; the name of its runs has more in it
_ENDED = ("finished", "stopped", "diverged", "failed")  # and not "interrupted", which may go on
_IN_FILES = ("schema_version", "name", "base", "set", "axes", "combine", "variants", "seeds")


@dataclass(frozen=True)
class Row:
    """A variant as somebody wrote it down: a name, which may be empty, and the settings that differ from the base."""

    name: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is to be tried: variations of ``base``, each with ``seeds`` seeds, counted from the base's own.

    "one-at-a-time" is the base itself, then the base with one axis at another value, for all values of all axes; "grid" is every
    combination of the values; either is followed by ``listed``. "list" is nothing but ``listed``.
    """

    name: str
    base: RunConfig
    axes: dict[str, tuple[Any, ...]]
    combine: Combine = "one-at-a-time"
    listed: tuple[Row, ...] = ()
    seeds: int = 1

    @property
    def variants(self) -> int:
        """How many variants there are at most, without making them."""
        sizes = [len(values) for values in self.axes.values()]
        combined = {"one-at-a-time": 1 + sum(sizes), "grid": math.prod(sizes), "list": 0}[self.combine]
        return combined + len(self.listed)


@dataclass(frozen=True)
class Variant:
    """One line of the table: a configuration, or the sentence that says why there is none."""

    name: str
    changes: dict[str, Any]
    config: RunConfig | None
    reason: str = ""


# Plans, from files and back


def read(path: Path) -> Plan:
    """Return the plan in a file that a person wrote. Raises InputError with one sentence for the first mistake."""
    with explained(f"reading the sweep {path}"):
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(
                f"{path} is larger than {_MOST_BYTES // 10**6} MB; expected a sweep file, as docs/sweeps.md describes."
            )
        content = path.read_bytes()
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({shown(str(error))}); correct it there, or start from docs/sweeps.md.") from None
    return parse(raw, name=path.stem)


def parse(raw: Any, name: str = "sweep") -> Plan:
    """Return the plan in ``raw`` (parsed JSON); ``name`` is what it is called if it does not say so itself.

    Raises InputError with one sentence for the first mistake. Values that a setting does not take are no mistake here: they
    are marked in the table of variants.
    """
    if not isinstance(raw, dict):
        raise InputError(f"A sweep is {_kind(raw)}, expected a JSON object with base and axes; docs/sweeps.md has an example.")
    _check_version(raw, "sweep")
    for key in raw:
        if key not in _IN_FILES:
            raise InputError(f"A sweep has no “{shown(key)}”; {nearest(key, _IN_FILES)}")
    called = raw.get("name", name)
    if not isinstance(called, str):
        raise InputError(f"name is {quoted(called)}, expected a text; change it.")
    combine = raw.get("combine", "one-at-a-time")
    if combine not in get_args(Combine):
        raise InputError(f"combine is {quoted(combine)}, expected one of {', '.join(get_args(Combine))}; choose one of these.")
    seeds = raw.get("seeds", 1)
    if not isinstance(seeds, int) or isinstance(seeds, bool) or not 1 <= seeds <= _MOST_SEEDS:
        raise InputError(f"seeds is {quoted(seeds)}, expected a whole number from 1 to {_MOST_SEEDS}; change it.")
    settings = _settings(raw.get("set", {}), "set")
    base = _base(raw.get("base", presets.DEFAULT))
    plan = Plan(
        runs.checked_name(called) or "sweep", configs.replace(base, settings, stored=True), _axes(raw.get("axes", {})), combine,
        _listed(raw.get("variants", [])), seeds,
    )  # fmt: skip
    return _checked(plan, settings)


def as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as :func:`parse` reads it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": plan.name,
        "base": plan.base.model_dump(mode="json"),
        "axes": {key: list(values) for key, values in plan.axes.items()},
        "combine": plan.combine,
        "variants": [{"name": row.name, "set": row.changes} for row in plan.listed],
        "seeds": plan.seeds,
    }


def with_seeds(plan: Plan, seeds: int) -> Plan:
    """Return the plan with another number of seeds. Raises InputError when there cannot be so many."""
    return parse(as_json(plan) | {"seeds": seeds})


def scaled(plan: Plan, factor: float) -> Plan:
    """Return the plan with all lengths, and the cadences of samples, scores and checkpoints, times ``factor``; 1 at least.

    Raises InputError when the factor is not above 0, and at most 100.
    """
    if not 0 < factor <= 100:
        raise InputError(f"The lengths are to be multiplied by {factor:g}, expected a number above 0, at most 100; change it.")

    def stretch(key: str, value: Any) -> Any:
        try:
            span = Span.model_validate(value) if key in _STRETCHED else None
        except ValidationError:
            return value  # marked in the table, as it is
        return str(Span(count=max(1, round(span.count * factor)), unit=span.unit)) if span and span.count else value

    def stretch_all(settings: Mapping[str, Any]) -> dict[str, Any]:
        return {key: stretch(key, value) for key, value in settings.items()}

    flat = configs.flatten(plan.base)
    base = configs.replace(plan.base, stretch_all({key: flat[key] for key in _STRETCHED}), stored=True)
    axes = {key: tuple(stretch(key, value) for value in values) for key, values in plan.axes.items()}
    listed = tuple(Row(row.name, stretch_all(row.changes)) for row in plan.listed)
    return changed(plan, base=base, axes=axes, listed=listed)


def _checked(plan: Plan, settings: Mapping[str, Any]) -> Plan:
    """Return the plan if it makes sense as a whole. Raises InputError when it contradicts itself or is too large."""
    if plan.combine == "list" and plan.axes:
        raise InputError("combine is 'list', but there are axes; remove the axes, or set combine to one-at-a-time or grid.")
    if plan.combine == "grid" and not plan.axes:
        raise InputError("combine is 'grid', but there are no axes; add axes, or set combine to list.")
    if both := [key for key in plan.axes if key in settings and plan.combine == "grid"]:
        raise InputError(f"{both[0]} is both set and an axis of the grid; remove it from set or from axes.")
    if plan.seeds > 1 and (_SEED in plan.axes or any(_SEED in row.changes for row in plan.listed)):
        raise InputError(f"{_SEED} is varied, and seeds is {plan.seeds}; set seeds to 1, or leave {_SEED} out.")
    if plan.variants == 0:
        raise InputError("The sweep has no variants; add axes or variants.")
    if plan.variants * plan.seeds > MOST_RUNS:
        count = f"{plan.variants:,} variants with {plan.seeds} seeds are {plan.variants * plan.seeds:,} runs"
        raise InputError(f"{count}, expected at most {MOST_RUNS:,}; leave out values or seeds.")
    return plan


def _base(raw: Any) -> RunConfig:
    if isinstance(raw, str):
        return presets.find(raw).config
    if isinstance(raw, dict):
        return configs.parse(raw, stored=True)
    raise InputError(f"base is {_kind(raw)}, expected the name of a preset or a configuration; change it.")


def _axes(raw: Any) -> dict[str, tuple[Any, ...]]:
    found = {}
    for key, values in _settings(raw, "axes").items():
        if not isinstance(values, list) or not values:
            raise InputError(f"axes has {quoted(values)} for {key}, expected a list of values, as in [256, 512]; change it.")
        texts = [_canonical(value) for value in values]
        if twice := [value for value, text in zip(values, texts, strict=True) if texts.count(text) > 1]:
            raise InputError(f"axes has {quoted(twice[0])} twice for {key}; remove one.")
        found[key] = tuple(values)
    return found


def _listed(raw: Any) -> tuple[Row, ...]:
    if not isinstance(raw, list):
        raise InputError(f'variants is {_kind(raw)}, expected a list of {{"name": …, "set": {{…}}}}; change it.')
    found = []
    for place, one in enumerate(raw, 1):
        if not isinstance(one, dict) or not {"name", "set"} >= one.keys() or not isinstance(one.get("name", ""), str):
            raise InputError(f'Variant {place} is {quoted(one)}, expected {{"name": a text, "set": {{…}}}}; change it.')
        found.append(Row(one.get("name", ""), _settings(one.get("set", {}), f"variant {place}")))
    return tuple(found)


def _settings(raw: Any, where: str) -> dict[str, Any]:
    """Return a group of settings whose names all exist, in some family of networks at least."""
    if not isinstance(raw, dict):
        raise InputError(f"{where} is {_kind(raw)}, expected settings with their values; change it.")
    for key in raw:
        if key not in known_settings():
            raise InputError(f"There is no setting “{shown(str(key))}”; " + nearest(str(key), known_settings()))
    return raw


@lru_cache(maxsize=1)
def known_settings() -> tuple[str, ...]:
    """Return the names of all settings, with those of every family of networks."""
    groups = {name: [type(getattr(RunConfig(), name))] for name in configs.sections()} | {"networks": list(FAMILIES.values())}
    fields = [(name, field) for name, models in groups.items() for model in models for field in model.model_fields]
    return tuple(dict.fromkeys(f"{name}.{field}" for name, field in fields))


def _check_version(raw: Mapping[str, Any], what: str) -> None:
    version = raw.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"schema_version is {quoted(version)}, expected {SCHEMA_VERSION}; change it.")
    if version > SCHEMA_VERSION:
        known = f"this program knows versions up to {SCHEMA_VERSION}"
        raise InputError(f"The {what} has schema version {version}, but {known}; update the program to use it.")


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else quoted(value)


def _canonical(value: Any) -> str:
    """Return the same text for values that mean the same: 512 and 512.0, but not 1 and true."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    return json.dumps(value, sort_keys=True)


# Variants


def expand(plan: Plan) -> list[Variant]:
    """Return the variants of a plan, in order; those that cannot be trained, or are there already, with the reason.

    A value on an axis that means the same as the base's own, or as another one, makes no variant of its own.
    """
    base = configs.flatten(plan.base)
    found: list[Variant] = []
    names: dict[str, str] = {}  # of variants that can be trained, by their settings
    taken: set[str] = set()
    for row in _rows_of(plan):
        try:
            config = configs.replace(plan.base, row.changes)
        except InputError as error:
            name = _plain(row.name) or _plain(", ".join(f"{key} {_as_text(value)}" for key, value in row.changes.items()))
            found.append(Variant(name, row.changes, None, str(error)))
            continue
        flat = configs.flatten(config)
        is_other = config.networks.family != plan.base.networks.family  # whose settings start from defaults of its own
        changes = {
            key: value
            for key, value in row.changes.items()
            if flat[key] != base.get(key) or (is_other and key.startswith("networks."))
        }
        name, same = _plain(row.name) or _name_of(config, changes), json.dumps(flat)
        if same not in names and name not in taken:
            names[same] = name
            taken.add(name)
            found.append(Variant(name, changes, config))
        elif same not in names:
            found.append(Variant(name, changes, None, f"There are two variants called “{name}”; rename one."))
        elif row.name or plan.combine == "list":
            found.append(Variant(name, changes, None, f"It has the same settings as “{names[same]}”; change or remove it."))
    return found


def checked(plan: Plan) -> list[Variant]:
    """Return the variants of a plan that can be launched. Raises InputError for the first one that cannot be trained."""
    variants = expand(plan)
    for variant in variants:
        if variant.config is None:
            raise InputError(f"The variant “{shown(variant.name)}” cannot be trained: {variant.reason}")
    return variants


def run_configs(plan: Plan) -> list[tuple[Variant, RunConfig]]:
    """Return what each run is to do, all variants with the first seed before those with the second, so that all show early.

    Raises InputError for the first variant that cannot be trained.
    """
    found = []
    variants = checked(plan)
    for offset in range(plan.seeds):
        for variant in variants:
            assert variant.config is not None
            seed = variant.config.training.seed + offset
            found.append((variant, configs.replace(variant.config, {_SEED: seed}) if offset else variant.config))
    return found


def _rows_of(plan: Plan) -> list[Row]:
    rows: list[Row] = []
    if plan.combine == "one-at-a-time":
        rows = [Row(_BASELINE, {}), *(Row("", {key: value}) for key, values in plan.axes.items() for value in values)]
    elif plan.combine == "grid":
        rows = [Row("", dict(zip(plan.axes, values, strict=True))) for values in itertools.product(*plan.axes.values())]
    return [*rows, *plan.listed]


def _name_of(config: RunConfig, changes: Mapping[str, Any]) -> str:
    """Return a name made of the titles of what was changed, e.g. "hidden size 512"."""
    flat = configs.flatten(config)
    parts = []
    for key in changes:
        title = configs.field_info(config, key).title or key
        if title.split(" ")[0][1:].islower():  # not "R1 γ", "EMA half-life", "DiffAugment"
            title = title[:1].lower() + title[1:]
        value = flat[key]
        parts.append(f"{title} {('off', 'on')[value] if isinstance(value, bool) else _as_text(value) or 'none'}")
    return _plain(", ".join(parts)) or _BASELINE


def _plain(name: str) -> str:
    return shown(name, _LONGEST_NAME)


def _as_text(value: Any) -> str:
    """Return a value as it stands in a cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, float) and float(short := f"{value:g}") == value:
        return short
    return value if isinstance(value, str) else shown(json.dumps(value))


# The table that people edit


def table(plan: Plan) -> list[dict[str, Any]]:
    """Return the variants as lines of a table: "name", a column for each setting that any of them changes, and "problem"."""
    variants, base = expand(plan), configs.flatten(plan.base)
    columns = dict.fromkeys([*plan.axes, *(key for variant in variants for key in variant.changes)])
    found = []
    for variant in variants:
        flat = configs.flatten(variant.config) if variant.config else base | variant.changes
        cells = {key: flat.get(key) for key in columns}
        cells = {key: _as_text(value) if isinstance(value, (list, tuple)) else value for key, value in cells.items()}
        found.append({_NAME: variant.name, **cells, _PROBLEM: variant.reason})
    return found


def with_table(plan: Plan, lines: Sequence[Mapping[str, Any]]) -> Plan:
    """Return the plan whose variants are the lines of an edited table; an empty cell is the base's value.

    Cells are values, or text as on the command line. Raises InputError for a column that is no setting, and for a table
    without lines or with too many.
    """
    base = configs.flatten(plan.base)
    rows = []
    for line in lines:
        cells = {key: _value(cell) for key, cell in line.items() if key not in (_NAME, _PROBLEM)}
        cells = {key: cell for key, cell in _settings(cells, "The table").items() if cell is not None}
        is_other = cells.get(_FAMILY, plan.base.networks.family) != plan.base.networks.family
        changes = {
            key: cell
            for key, cell in cells.items()
            if (is_other and key.startswith("networks.")) or key not in base or not _means(cell, base[key])
        }
        rows.append(Row(_plain(name) if isinstance(name := line.get(_NAME), str) else "", changes))
    return _checked(changed(plan, axes={}, combine="list", listed=tuple(rows)), {})


def _means(cell: Any, value: Any) -> bool:
    """Return whether a cell says what a setting is already."""
    return _canonical(cell) == _canonical(_value(_as_text(value) if isinstance(value, list) else value))


def _value(cell: Any) -> Any:
    """Return what a cell says: JSON or plain text; None for an empty one."""
    cell = cell.item() if hasattr(cell, "item") else cell  # numpy's numbers
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell.strip() or None


# Launched sweeps


class Member(BaseModel):
    """One run of a sweep; ``run`` is empty until it has been made."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    variant: str
    seed: int
    run: str = Field(default="", pattern=f"^({_ID.pattern})?$")


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
        _check_version(runs.read_model(_Version, self.path).model_dump(), f"sweep {self.id}")  # whatever else a newer one holds
        return runs.read_model(Record, self.path)

    def plan(self) -> Plan:
        """Return the plan, to look at or to start again from."""
        return parse(self.record().plan)

    def change(self, **changes: Any) -> None:
        """Replace fields of the record."""
        lock = runs.hold_lock(self.path.with_name(".lock"), "The sweeps are busy; try again in a moment.", patience=10)
        try:
            with explained(f"writing the sweep {self.id}"):
                runs.write_json(self.path, self.record().model_copy(update=changes).model_dump(mode="json"))
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
        found = [(run.membership(), run.id) for path in paths if _ID.fullmatch(path.name) and (run := Run(path))]
        return {member.place: run_id for member, run_id in found if member and member.sweep == self.id}


def create(root: Path, plan: Plan) -> Sweep:
    """Write a sweep down, whose runs :func:`complete` then makes. Raises InputError when it cannot be launched."""
    planned = run_configs(plan)
    members = tuple(Member(variant=variant.name, seed=config.training.seed) for variant, config in planned)
    sweep = Sweep(root, runs.new_id())
    record = Record(schema_version=SCHEMA_VERSION, plan=as_json(plan), members=members, made_at=time.time())
    with explained(f"making a sweep in {root}"):
        sweep.path.parent.mkdir(parents=True, exist_ok=True)
        runs.write_json(sweep.path, record.model_dump(mode="json"))
    return sweep


def complete(sweep: Sweep, patience: float = 0.1) -> None:
    """Make the runs of a sweep that have not been made; each once, whoever else tries and whoever is killed in the middle.

    Raises InputError when the disk is full, say, or while another process makes them for more than ``patience`` seconds; what
    is missing is made next time.
    """
    lock = runs.hold_lock(sweep.lock_path, f"The runs of sweep {sweep.id} are being made; wait a moment.", patience=patience)
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
    lock = runs.hold_lock(sweep.lock_path, f"The runs of sweep {sweep.id} are being made; wait a moment.", patience=10)
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
    return [Sweep(root, sweep_id) for sweep_id in sorted(ids, reverse=True) if _ID.fullmatch(sweep_id)]


def find(root: Path, sweep_id: str) -> Sweep:
    """Return the sweep with this id. Raises InputError for anything that is not the id of a sweep in ``root``."""
    if not _ID.fullmatch(sweep_id):
        raise InputError(f"“{shown(sweep_id)}” is not a sweep id; expected one like 20260131-093000-1a2b3c.")
    sweep = Sweep(root, sweep_id)
    if not sweep.path.is_file():
        raise InputError(f"There is no sweep {sweep_id} in {root}; look at the list of sweeps.")
    return sweep


def remove(sweep: Sweep) -> None:
    """Take a sweep that is over off the list; its runs stay, and its file lies in the trash folder. A damaged one goes too."""
    try:
        is_over = progress(sweep, 1).is_over
    except InputError:
        is_over = True
    if not is_over:
        raise InputError(f"Sweep {sweep.id} is still under way; cancel it first.")
    trash = sweep.root / runs.TRASH
    with explained(f"removing the sweep {sweep.id}"):
        trash.mkdir(exist_ok=True)
        os.rename(sweep.path, trash / sweep.path.name)
        runs.sync_directory(sweep.path.parent)


def _names(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(folder)
    return []


# Progress


@dataclass(frozen=True)
class Progress:
    """How far a sweep is: runs by state, the share of all steps that are done, and the seconds that it will still take.

    What has ended counts as done, however it ended. ``seconds_left`` is None while nobody knows how fast its runs are. ``runs``
    counts those that are there and those to be made.
    """

    states: dict[str, int]
    share: float
    seconds_left: float | None
    is_whole: bool
    is_paused: bool

    @property
    def runs(self) -> int:
        return sum(self.states.values())

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is under way or waits."""
        return self.is_whole and not any(self.states.get(state) for state in UNDER_WAY)


def progress(sweep: Sweep, slots: int, foresee: Callable[[Run, int], float | None] = lambda run, among: None) -> Progress:
    """Return how far a sweep is, on a machine that trains ``slots`` runs at once.

    What a run still takes is told from its own pace; before it has one, from that of its variant's other seeds, else from what
    ``foresee`` returns for a run among so many, the seconds of a step, else from the mean of all runs.
    """
    record = sweep.record()
    there = [(member.variant, Run(sweep.root / member.run)) for member in record.members if _is_there(sweep, member)]
    seen = [(variant, run.status()) for variant, run in there]
    states: Counter[str] = Counter(status.state for _, status in seen)
    if missing := sum(not member.run for member in record.members):
        states["missing"] = missing
    paces: dict[str, list[float]] = {}
    for variant, status in seen:
        if status.step and status.seconds:
            paces.setdefault(variant, []).append(status.seconds / status.step)
    known = {variant: sum(found) / len(found) for variant, found in paces.items()}
    unknown = {
        variant: run
        for (variant, run), (_, status) in zip(there, seen, strict=True)
        if status.state in UNDER_WAY and variant not in known
    }
    known |= {variant: pace for variant, run in unknown.items() if (pace := foresee(run, len(record.members)))}
    usual = sum(known.values()) / len(known) if known else None
    left = []
    for variant, status in seen:
        if status.state in UNDER_WAY:
            own = status.seconds / status.step if status.step and status.seconds else known.get(variant, usual)
            left.append(None if own is None else max(0, status.total_steps - status.step) * own)
    done = sum(status.total_steps if status.state in _ENDED else status.step for _, status in seen)
    total = sum(status.total_steps for _, status in seen)
    whole = total * (len(seen) + missing) / len(seen) if seen else 0
    seconds = None if any(one is None for one in left) or missing else makespan([one for one in left if one], slots)
    share = min(1.0, done / whole) if whole else float(not missing)
    return Progress(dict(states), share, seconds, record.is_whole, record.is_paused)


def makespan(durations: Sequence[float], slots: int) -> float:
    """Return when the last of some jobs ends that are started in order, ``slots`` at once."""
    ends = [0.0] * max(1, slots)
    for duration in durations:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends)


def _is_there(sweep: Sweep, member: Member) -> bool:
    return bool(member.run) and (sweep.root / member.run).is_dir()
