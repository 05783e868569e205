"""Data sets that users imported: what an import recorded, and removal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from gan import runs
from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.errors import InputError, explain_os_error
from gan.places import default_root
from gan.storage.lines import read_lines

STAGING = ".importing-"


def remove(name: str, root: Path, runs_root: Path | None = None) -> None:
    """Remove an imported data set and its preparations. Raises InputError if it was not imported or a run uses it."""
    entry = data_sets.find(name)
    place = root / data_sets.OWN / entry.name
    if entry.origin != "own" or not place.is_dir():
        raise InputError(f"“{entry.name}” was not imported, so it cannot be removed; choose an imported data set.")
    for run in runs.list_runs(runs_root or default_root()):
        try:
            is_used = run.status().state in runs.UNDER_WAY and run.config().data.name == name
        except InputError:
            continue  # the data set of a damaged run is unknown
        if is_used:
            raise InputError(f"Run {run.id} uses “{entry.title}”; stop it first.")
    gone = (
        root / data_sets.OWN / f"{STAGING}removed-{secrets.token_hex(4)}"
    )  # renamed atomically; the next import deletes leftovers
    try:
        os.rename(place, gone)
        shutil.rmtree(gone, ignore_errors=True)
        for prepared in (root / "prepared").glob(f"{name}-*"):
            if re.fullmatch(re.escape(name) + r"-\d+-[0-9a-f]{12}", prepared.name):
                shutil.rmtree(prepared, ignore_errors=True)
    except OSError as error:
        raise InputError(explain_os_error(error, f"removing “{entry.title}”")) from error


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
        with contextlib.suppress(OSError, ValueError):
            stored = json.loads((data_sets.own_folder(entry.name) / "data-set.json").read_bytes())
            facts |= {key: stored[key] for key in ("sizes", "reasons") if key in stored}
    return facts


def skipped_of(entry: DataSet) -> list[dict[str, str]]:
    """Return the files skipped by an import, each with its name and the reason."""
    if entry.origin != "own":
        return []
    lines, _ = read_lines(data_sets.own_folder(entry.name) / "skipped.jsonl")
    return [{"name": str(line.get("name", "")), "reason": str(line.get("reason", ""))} for line in lines]
