"""Plans of sweeps: a base configuration, the settings to vary, and the number of seeds.

A :class:`Plan` is pure data; ``variants.expand`` turns it into a table of variants. A ``launched.Sweep`` is a plan that was
launched: one file, ``sweeps/<id>.json`` in the folder of the runs, written *before* the first run is made. If the process is
killed while making runs, any other process can therefore make the missing ones.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as changed
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from gan import config as configs
from gan import runs, words
from gan.config import RunConfig, presets
from gan.config.families import FAMILIES
from gan.config.fields import Span
from gan.errors import InputError, explained, nearest, quoted, shown

SCHEMA_VERSION = 1
MOST_RUNS = 10_000  # upper limit
SURE_RUNS = 50  # more need a confirmation, after the estimate was shown

Combine = Literal["one-at-a-time", "grid", "list"]

SWEEP_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")

_MOST_BYTES = 10_000_000  # of a sweep file; far more than a table of 10,000 variants needs
_MOST_SEEDS = 1000
NAME, PROBLEM = "name", "problem"  # table columns that are not settings
FAMILY, SEED = "networks.family", "training.seed"
_STRETCHED = ("training.length", "cadence.sample_every", "cadence.score_every", "cadence.checkpoint_every")
_LONGEST_NAME = 80  # of a variant; run names also contain the sweep and the seed

_IN_FILES = ("schema_version", "name", "base", "set", "axes", "combine", "variants", "seeds")


@dataclass(frozen=True)
class Row:
    """A variant as written by the user: a name, which may be empty, and the settings that differ from the base."""

    name: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """Variations of ``base``, each with ``seeds`` consecutive seeds, starting with the seed of the base.

    "one-at-a-time" is the base itself, then the base with one setting changed, for each value of each axis. "grid" is every
    combination of the values. Both are followed by ``listed``. "list" consists of ``listed`` only.
    """

    name: str
    base: RunConfig
    axes: dict[str, tuple[Any, ...]]
    combine: Combine = "one-at-a-time"
    listed: tuple[Row, ...] = ()
    seeds: int = 1

    @property
    def variants(self) -> int:
        """Upper bound on the number of variants, computed without making them."""
        sizes = [len(values) for values in self.axes.values()]
        combined = {"one-at-a-time": 1 + sum(sizes), "grid": math.prod(sizes), "list": 0}[self.combine]
        return combined + len(self.listed)


def read(path: Path) -> Plan:
    """Return the plan in a sweep file. Raises InputError for the first mistake."""
    with explained(f"reading the sweep {path}"):
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(
                f"{path} is larger than {_MOST_BYTES // 10**6} MB; expected a sweep file as described in docs/sweeps.md."
            )
        content = path.read_bytes()
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not JSON ({shown(str(error))}); correct it, or start from the example in docs/sweeps.md."
        ) from None
    return parse(raw, name=path.stem)


def parse(raw: Any, name: str = "sweep") -> Plan:
    """Return the plan in ``raw`` (parsed JSON), called ``name`` if it has no name of its own.

    Raises InputError for the first mistake. Invalid values of settings are not refused here, but marked in the table of variants.
    """
    if not isinstance(raw, dict):
        raise InputError(f"A sweep is {_kind(raw)}, expected a JSON object with base and axes; docs/sweeps.md has an example.")
    check_version(raw, "sweep")
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
    settings = named_settings(raw.get("set", {}), "set")
    base = _base(raw.get("base", presets.DEFAULT))
    plan = Plan(
        runs.checked_name(called) or "sweep",
        configs.replace(base, settings),
        _axes(raw.get("axes", {})),
        combine,
        _listed(raw.get("variants", [])),
        seeds,
    )
    return checked_plan(plan, settings)


def as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan in the format that :func:`parse` reads."""
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
    """Return the plan with another number of seeds. Raises InputError if that number is not allowed."""
    return parse(as_json(plan) | {"seeds": seeds})


def scaled(plan: Plan, factor: float) -> Plan:
    """Return the plan with all lengths, and the intervals of samples, scores and checkpoints, multiplied by ``factor``.

    Results are at least 1; an interval of 0 (never) stays 0. Raises InputError unless 0 < ``factor`` ≤ 100.
    """
    if not 0 < factor <= 100:
        raise InputError(f"The lengths cannot be multiplied by {factor:g}, expected a number above 0 and at most 100; change it.")

    def stretch(key: str, value: Any) -> Any:
        try:
            span = Span.model_validate(value) if key in _STRETCHED else None
        except ValidationError:
            return value  # unchanged; the table marks it
        return str(Span(count=max(1, round(span.count * factor)), unit=span.unit)) if span and span.count else value

    def stretch_all(settings: Mapping[str, Any]) -> dict[str, Any]:
        return {key: stretch(key, value) for key, value in settings.items()}

    flat = configs.flatten(plan.base)
    base = configs.replace(plan.base, stretch_all({key: flat[key] for key in _STRETCHED}))
    axes = {key: tuple(stretch(key, value) for value in values) for key, values in plan.axes.items()}
    listed = tuple(Row(row.name, stretch_all(row.changes)) for row in plan.listed)
    return changed(plan, base=base, axes=axes, listed=listed)


def checked_plan(plan: Plan, settings: Mapping[str, Any]) -> Plan:
    """Return the plan if it is consistent. Raises InputError if it contradicts itself, is empty or is too large."""
    if plan.combine == "list" and plan.axes:
        raise InputError("combine is “list”, but there are axes; remove the axes, or set combine to one-at-a-time or grid.")
    if plan.combine == "grid" and not plan.axes:
        raise InputError("combine is “grid”, but there are no axes; add axes, or set combine to list.")
    if both := [key for key in plan.axes if key in settings and plan.combine == "grid"]:
        raise InputError(f"{both[0]} is both set and an axis of the grid; remove it from set or from axes.")
    if plan.seeds > 1 and (SEED in plan.axes or any(SEED in row.changes for row in plan.listed)):
        raise InputError(f"{SEED} is varied, and seeds is {plan.seeds}; set seeds to 1, or leave {SEED} out.")
    if plan.variants == 0:
        raise InputError("The sweep has no variants; add axes or variants.")
    if plan.variants * plan.seeds > MOST_RUNS:
        variants, seeds = words.count(plan.variants, "variant"), words.count(plan.seeds, "seed")
        count = f"{variants} with {seeds} {'is' if plan.variants == 1 else 'are'} {plan.variants * plan.seeds:,} runs"
        raise InputError(f"{count}, expected at most {MOST_RUNS:,}; remove values or seeds.")
    return plan


def _base(raw: Any) -> RunConfig:
    if isinstance(raw, str):
        return presets.find(raw).config
    if isinstance(raw, dict):
        return configs.parse(raw, stored=True)
    raise InputError(f"base is {_kind(raw)}, expected the name of a preset or a configuration; change it.")


def _axes(raw: Any) -> dict[str, tuple[Any, ...]]:
    found = {}
    for key, values in named_settings(raw, "axes").items():
        if not isinstance(values, list) or not values:
            raise InputError(f"axes has {quoted(values)} for {key}, expected a list of values such as [256, 512]; change it.")
        texts = [canonical(value) for value in values]
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
        found.append(Row(one.get("name", ""), named_settings(one.get("set", {}), f"variant {place}")))
    return tuple(found)


def named_settings(raw: Any, where: str) -> dict[str, Any]:
    """Return settings whose names all exist in at least one family of networks. Raises InputError for an unknown name."""
    if not isinstance(raw, dict):
        raise InputError(f"{where} is {_kind(raw)}, expected settings with their values; change it.")
    for key in raw:
        if key not in known_settings():
            raise InputError(f"There is no setting “{shown(str(key))}”; " + nearest(str(key), known_settings()))
    return raw


@lru_cache(maxsize=1)
def known_settings() -> tuple[str, ...]:
    """Return the names of all settings, including the settings of every family of networks."""
    groups = {name: [type(getattr(RunConfig(), name))] for name in configs.setting_groups()} | {"networks": list(FAMILIES.values())}
    fields = [(name, field) for name, models in groups.items() for model in models for field in model.model_fields]
    return tuple(dict.fromkeys(f"{name}.{field}" for name, field in fields))


def check_version(raw: Mapping[str, Any], what: str) -> None:
    version = raw.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"schema_version is {quoted(version)}, expected {SCHEMA_VERSION}; change it.")
    if version > SCHEMA_VERSION:
        known = f"this program knows versions up to {SCHEMA_VERSION}"
        raise InputError(f"The {what} has schema version {version}, but {known}; update the program to use it.")


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else quoted(value)


def canonical(value: Any) -> str:
    """Return the same text for equal values: 512 and 512.0, but not 1 and true."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    return json.dumps(value, sort_keys=True)


def plain(name: str) -> str:
    return shown(name, _LONGEST_NAME)


def as_text(value: Any) -> str:
    """Return a value as text for a table cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, float) and float(short := f"{value:g}") == value:
        return short
    return value if isinstance(value, str) else shown(json.dumps(value))
