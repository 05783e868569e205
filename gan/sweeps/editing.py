"""The table of a plan's variants, and the conversion of an edited table into a plan."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from typing import Any

from gan import config as configs
from gan.sweeps.plan import FAMILY, NAME, PROBLEM, Plan, Row, as_text, canonical, checked_plan, named_settings, plain
from gan.sweeps.variants import expand


def table(plan: Plan) -> list[dict[str, Any]]:
    """Return the variants as table rows: "name", one column per setting that any variant changes, and "problem"."""
    variants, base = expand(plan), configs.flatten(plan.base)
    columns = dict.fromkeys([*plan.axes, *(key for variant in variants for key in variant.changes)])
    found = []
    for variant in variants:
        flat = configs.flatten(variant.config) if variant.config else base | variant.changes
        cells = {key: flat.get(key) for key in columns}
        cells = {key: as_text(value) if isinstance(value, (list, tuple)) else value for key, value in cells.items()}
        found.append({NAME: variant.name, **cells, PROBLEM: variant.reason})
    return found


def with_table(plan: Plan, lines: Sequence[Mapping[str, Any]]) -> Plan:
    """Return the plan whose variants are the rows of an edited table; an empty cell means the value of the base.

    Cells are values, or text as on the command line. Raises InputError for a column that is not a setting, and for a table
    without rows or with too many.
    """
    base = configs.flatten(plan.base)
    rows = []
    for line in lines:
        cells = {key: _value(cell) for key, cell in line.items() if key not in (NAME, PROBLEM)}
        cells = {key: cell for key, cell in named_settings(cells, "The table").items() if cell is not None}
        is_other = cells.get(FAMILY, plan.base.networks.family) != plan.base.networks.family
        changes = {
            key: cell
            for key, cell in cells.items()
            if (is_other and key.startswith("networks.")) or key not in base or not _means(cell, base[key])
        }
        rows.append(Row(plain(name) if isinstance(name := line.get(NAME), str) else "", changes))
    return checked_plan(changed(plan, axes={}, combine="list", listed=tuple(rows)), {})


def _means(cell: Any, value: Any) -> bool:
    """Return whether a cell equals the current value of a setting."""
    return canonical(cell) == canonical(_value(as_text(value) if isinstance(value, list) else value))


def _value(cell: Any) -> Any:
    """Return the value of a cell, read as JSON or plain text; None if it is empty."""
    cell = cell.item() if hasattr(cell, "item") else cell  # a numpy number
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell.strip() or None
