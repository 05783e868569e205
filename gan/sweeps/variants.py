"""The variants of a plan: expanding them, checking them, and turning them into run configurations."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gan import config as configs
from gan import words
from gan.config import RunConfig
from gan.errors import InputError, shown
from gan.runs.names import BASELINE
from gan.sweeps.plan import SEED, Plan, Row, as_text, plain


@dataclass(frozen=True)
class Variant:
    """One row of the table: a configuration, or None and the reason why it is missing."""

    name: str
    changes: dict[str, Any]
    config: RunConfig | None
    reason: str = ""


def expand(plan: Plan) -> list[Variant]:
    """Return the variants of a plan, in order; invalid and duplicate ones have a reason instead of a configuration.

    An axis value that equals the value of the base, or another value of the axis, is skipped.
    """
    base = configs.flatten(plan.base)
    found: list[Variant] = []
    names: dict[str, str] = {}  # of valid variants, by their settings
    taken: set[str] = set()
    for row in _rows_of(plan):
        try:
            config = configs.require_length(configs.require_data(configs.replace(plan.base, row.changes)))
        except InputError as error:
            changed = (f"{words.lowered(configs.title(key))} {as_text(value)}" for key, value in row.changes.items())
            name = plain(row.name) or plain(", ".join(changed))
            found.append(Variant(name, row.changes, None, str(error)))
            continue
        flat = configs.flatten(config)
        is_other = config.networks.family != plan.base.networks.family  # starts from the defaults of that family
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
            found.append(Variant(name, changes, None, f"Two variants are called “{name}”; rename one."))
        elif row.name or plan.combine == "list":
            found.append(
                Variant(name, changes, None, f"This variant has the same settings as “{names[same]}”; change or remove it.")
            )
    return found


def checked(plan: Plan) -> list[Variant]:
    """Return the variants of a plan. Raises InputError for the first one that cannot be trained."""
    variants = expand(plan)
    for variant in variants:
        if variant.config is None:
            raise InputError(f"The variant “{shown(variant.name)}” cannot be trained: {variant.reason}")
    return variants


def run_configs(plan: Plan) -> list[tuple[Variant, RunConfig]]:
    """Return the variant and configuration of each run: all variants with the first seed, then all with the second, and so on.

    In this order every variant has a first result early.

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
    """Return a name made of the changed settings, e.g. "hidden size 512"."""
    flat = configs.flatten(config)
    parts = []
    for key in changes:
        value = flat[key]
        text = ("off", "on")[value] if isinstance(value, bool) else as_text(value) or "none"
        parts.append(f"{words.lowered(configs.title(key))} {text}")
    return plain(", ".join(parts)) or BASELINE
