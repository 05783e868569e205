"""Runs that train the networks of a guest on: where these came from, in the file ``adopted.json``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from gan.errors import InputError
from gan.runs.records import RUN_ID
from gan.runs.run import Run
from gan.storage.files import write_json
from gan.storage.models import read_model

_FILE = "adopted.json"


class Adoption(BaseModel):
    """Origin of the weights of a run: the ``guest``, its ``name``, the names of both files, and the ``step`` of the beginning."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    guest: str = Field(pattern=f"^{RUN_ID.pattern}$")
    name: str = Field(default="", max_length=300)
    source: str = Field(default="", max_length=300)
    discriminator: str = Field(default="", max_length=300)
    step: int = Field(default=0, ge=0)


def write(run: Run, adoption: Adoption) -> None:
    """Store where the networks of a run came from."""
    write_json(run.path / _FILE, adoption.model_dump())


def read(run: Run) -> Adoption | None:
    """Return where the networks of a run came from; None if they were drawn at random, or if the file is damaged."""
    try:
        return read_model(Adoption, run.path / _FILE)
    except InputError:
        return None


def describe(found: Adoption) -> str:
    """Return a sentence on where the networks of a run came from."""
    where = f", from step {found.step:,} on" if found.step else ""
    return f"Trains on the networks of “{found.name}” ({found.source} and {found.discriminator}){where}, with new optimisers."
