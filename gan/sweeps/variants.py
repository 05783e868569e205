"""The variants of a plan: expanded, checked and turned into run configurations."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gan import config as configs
from gan.config import RunConfig
from gan.errors import InputError, shown
from gan.sweeps.plan import BASELINE, SEED, Plan, Row, as_text, plain


@dataclass(frozen=True)
class Variant:
    """One line of the table: a configuration, or the sentence that says why there is none."""

    name: str
    changes: dict[str, Any]
    config: RunConfig | None
    reason: str = ""


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
            config = configs.require_data(configs.replace(plan.base, row.changes))
        except InputError as error:
            name = plain(row.name) or plain(", ".join(f"{key} {as_text(value)}" for key, value in row.changes.items()))
            found.append(Variant(name, row.changes, None, str(error)))
            continue
        flat = configs.flatten(config)
        is_other = config.networks.family != plan.base.networks.family  # whose settings start from defaults of its own
        changes = {
            key: value
            for key, value in row.changes.items()
            if flat[key] != base.get(key) or (is_other and key.startswith("networks."))
        }
        name, same = plain(row.name) or _name_of(config, changes), json.dumps(flat)
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
            found.append((variant, configs.replace(variant.config, {SEED: seed}) if offset else variant.config))
    return found


def _rows_of(plan: Plan) -> list[Row]:
    rows: list[Row] = []
    if plan.combine == "one-at-a-time":
        rows = [Row(BASELINE, {}), *(Row("", {key: value}) for key, values in plan.axes.items() for value in values)]
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
        parts.append(f"{title} {('off', 'on')[value] if isinstance(value, bool) else as_text(value) or 'none'}")
    return plain(", ".join(parts)) or BASELINE
