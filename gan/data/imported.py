"""Data sets that users imported: what an import recorded, and removal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from gan import runs
from gan.access import owners
from gan.access.people import Person
from gan.access.rules import require
from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.errors import InputError, explain_os_error, explained
from gan.places import default_root
from gan.storage import files
from gan.storage.lines import read_lines
from gan.storage.models import read_model

STAGING = ".importing-"
LEAST_RANGE = 0.5  # share of the range of values below which pictures are dark by their files, not by what they show


class _Facts(BaseModel):
    """What an import recorded, as far as it is shown. ``range_used`` and ``stretch``: shares of the range of values."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    classes_from: str = ""
    columns: str = ""
    range_used: float = 1.0
    stretch: float = 1.0
    sizes: dict[str, tuple[int, int]] = {}
    reasons: dict[str, Annotated[int, Field(ge=0)]] = {}


def owner(entry: DataSet) -> Person:
    """Return who imported a data set: the teacher if no student did."""
    return owners.read(data_sets.own_folder(entry.name))


def remove(name: str, root: Path, runs_root: Path | None = None) -> None:
    """Remove an imported data set and its preparations. Raises InputError if it was not imported or a run uses it."""
    entry = data_sets.find(name)
    place = root / data_sets.OWN / entry.name
    if entry.origin != "own" or not place.is_dir():
        raise InputError(f"“{entry.name}” was not imported, so it cannot be removed; choose an imported data set.")
    require("delete", owners.read(place), f"the data set “{entry.title}”")
    require_unused(entry, runs_root)
    gone = (
        root / data_sets.OWN / f"{STAGING}removed-{secrets.token_hex(4)}"
    )  # renamed atomically; the next import deletes leftovers
    try:
        os.rename(place, gone)
        shutil.rmtree(gone, ignore_errors=True)
        remove_preparations(name, root)
    except OSError as error:
        raise InputError(explain_os_error(error, f"removing “{entry.title}”")) from error


def stretch(name: str, root: Path, runs_root: Path | None = None, *, undo: bool = False) -> None:
    """Stretch the values of imported pictures to the full range, or ``undo`` that; they are then prepared again.

    Raises InputError if the data set was not imported, uses its range already, or a run uses it.
    """
    entry = data_sets.find(name)
    place = root / data_sets.OWN / entry.name / "data-set.json"
    if entry.origin != "own" or entry.kind != "images" or not place.is_file():
        raise InputError(f"“{entry.name}” has no imported pictures to stretch; choose an imported data set.")
    require("change", owners.read(place.parent), f"the data set “{entry.title}”")
    with explained(f"stretching “{entry.title}”"):
        known = read_model(_Facts, place).model_dump(exclude_unset=True)
        if undo == ("stretch" not in known):
            has = "has not been stretched" if undo else "is stretched already"
            raise InputError(f"“{entry.title}” {has}; there is nothing to change.")
        if not undo and not is_dark(known):
            raise InputError(f"“{entry.title}” uses its range of values, so there is nothing to stretch.")
        require_unused(entry, runs_root)
        facts = json.loads(place.read_bytes())
        facts.pop("stretch", None)
        if not undo:
            facts["stretch"] = facts["range_used"]
        files.write_json(place, facts)
        remove_preparations(entry.name, root)


def is_dark(facts: dict[str, Any]) -> bool:
    """Return whether the pictures of an import use less than half of their range of values, as 12 bits in 16-bit files do."""
    return 0 < facts.get("range_used", 1.0) < LEAST_RANGE


def on_range(facts: dict[str, Any]) -> str:
    """Return a sentence on the range of values of an import; empty if it is in use."""
    if not is_dark(facts):
        return ""
    used = f"{max(1, round(100 * facts['range_used']))} % of its range of values"
    return f"Stretched: it used {used}." if "stretch" in facts else f"It uses {used}, so the images are dark."


def stretch_of(folder: Path) -> float:
    """Return the share of the range of values that is stretched to the full range; 1 if the pictures are left as they are."""
    try:
        share = read_model(_Facts, folder / "data-set.json").stretch
    except InputError:
        raise damaged(folder) from None
    return share if 0 < share < 1 else 1.0


def require_unused(entry: DataSet, runs_root: Path | None) -> None:
    """Raise InputError if a run that is under way uses a data set."""
    for run in runs.list_runs(runs_root or default_root()):
        try:
            is_used = run.status().state in runs.UNDER_WAY and run.config().data.name == entry.name
        except InputError:
            continue  # the data set of a damaged run is unknown
        if is_used:
            raise InputError(f"Run {run.id} uses “{entry.title}”; stop it first.")


def remove_preparations(name: str, root: Path) -> None:
    """Remove what was prepared from an imported data set, and its exports; they are made again when they are needed."""
    for prepared in (root / "prepared").glob(f"{name}-*"):
        if re.fullmatch(re.escape(name) + r"-\d+-[0-9a-f]{12}", prepared.name):
            shutil.rmtree(prepared, ignore_errors=True)
    for exported in (root / data_sets.EXPORTS).glob(f"{name}-*"):
        if re.fullmatch(re.escape(name) + r"-\d+-[0-9a-f]{12}\.\w+", exported.name):
            with contextlib.suppress(OSError):
                exported.unlink()


def damaged(folder: Path) -> InputError:
    return InputError(f"The imported pictures in {folder} are damaged; remove the data set and import it again.")


def describe(entry: DataSet) -> dict[str, Any]:
    """Return the facts of a data set that are known without reading its images."""
    facts: dict[str, Any] = {
        "name": entry.name,
        "title": entry.title,
        "kind": entry.kind,
        "origin": entry.origin,
        "source": entry.source,
        "images": entry.images,
        "classes": list(entry.classes),
        "counts": list(entry.counts),
        "channels": entry.channels,
        "skipped": entry.skipped,
    }
    if entry.origin == "own":
        with contextlib.suppress(InputError):
            facts |= read_model(_Facts, data_sets.own_folder(entry.name) / "data-set.json").model_dump(exclude_unset=True)
    return facts


def skipped_of(entry: DataSet) -> list[dict[str, str]]:
    """Return the files skipped by an import, each with its name and the reason."""
    if entry.origin != "own":
        return []
    lines, _ = read_lines(data_sets.own_folder(entry.name) / "skipped.jsonl")
    return [{"name": str(line.get("name", "")), "reason": str(line.get("reason", ""))} for line in lines]
