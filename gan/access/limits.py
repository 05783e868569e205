"""Limits of a class: what a student may launch and upload. ``class.json`` next to the runs, edited on the Class page."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan.access.rules import require
from gan.errors import InputError, explained, quoted
from gan.storage.files import write_json
from gan.storage.models import read_model
from gan.words import lowered

FILE = "class.json"


class Limits(BaseModel):
    """What one student may do. The teacher has no limits."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    training: int = Field(default=1, ge=1, le=64, title="Trainings at once", description="Runs of one student at a time.")
    waiting: int = Field(
        default=3, ge=1, le=1000, title="Runs waiting", description="Runs of one student in the queue; a new run counts as waiting."
    )
    minutes: float = Field(
        default=15.0,  # not 15: the page would then ask for whole minutes
        gt=0,
        le=100_000,
        title="Minutes per run",
        description="Longest expected training time of a run here.",
    )
    megabytes: int = Field(
        default=1000,
        ge=1,
        le=10_000_000,
        title="Megabytes of all runs",
        description="Disk space of all runs of one student, in MB.",
    )
    upload_megabytes: int = Field(
        default=100, ge=1, le=1000, title="Megabytes per upload", description="Largest file that a student may upload, in MB."
    )
    upload_pictures: int = Field(
        default=5000, ge=1, le=10_000_000, title="Pictures per upload", description="Most pictures in one import of a student."
    )
    games: int = Field(default=1, ge=1, le=16, title="Live games", description="Live games (Play, Learn) of one student at a time.")


def bounds(name: str) -> str:
    """Return the range of a limit in words, e.g. "From 1 to 64"."""
    metadata = Limits.model_fields[name].metadata
    found = {key: getattr(one, key) for one in metadata for key in ("ge", "gt", "le") if hasattr(one, key)}
    low = f"From {found['ge']:,}" if "ge" in found else f"More than {found['gt']:,}"
    return f"{low} to {found['le']:,}" if "ge" in found else f"{low}, at most {found['le']:,}"


def parse(values: Mapping[str, Any]) -> Limits:
    """Return limits with these values. Raises InputError for the first one out of range."""
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        name, given = str(error.errors()[0]["loc"][0]), error.errors()[0]["input"]
        title = Limits.model_fields[name].title
        raise InputError(f"“{title}” is {quoted(given)}, expected a number: {lowered(bounds(name))}; change it.") from None


def read(root: Path) -> Limits:
    """Return the limits of the class with these runs; the usual ones if the file is missing or damaged."""
    with contextlib.suppress(InputError):
        return read_model(Limits, root / FILE)
    return Limits()


def write(root: Path, limits: Limits) -> None:
    """Store the limits. Raises InputError for anyone but the teacher, or if the folder is not writable."""
    require("run the class")
    with explained("storing the limits of the class"):
        root.mkdir(parents=True, exist_ok=True)
        write_json(root / FILE, limits.model_dump())
