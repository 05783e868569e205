"""Who has a page open at which server of a class: each tells the others, by a file that is a sign of its life as well."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel

from gan.access import classroom, servers
from gan.errors import InputError
from gan.places import default_root
from gan.storage.files import write_json
from gan.storage.models import read_model

EVERY = 5.0  # seconds between two signs
_FRESH = 15.0  # seconds until a sign is old


class _Present(BaseModel):
    at: float
    people: frozenset[str]


def tell(port: int, people: Collection[str]) -> None:
    """Tell the other servers that the one at ``port`` is there, and who has a page of it open."""
    with contextlib.suppress(OSError):
        write_json(_file(port), _Present(at=time.time(), people=frozenset(people)).model_dump(mode="json"), durable=False)


def elsewhere(port: int) -> set[str]:
    """Return the ids of the people who have a page of another server than the one at ``port`` open."""
    return {person for other in servers.ports() if other != port for person in _people(other) or ()}


def is_there(port: int) -> bool:
    """Return whether the server of the class at ``port`` has given a sign of life lately."""
    return _people(port) is not None


def _people(port: int) -> frozenset[str] | None:
    with contextlib.suppress(InputError):
        seen = read_model(_Present, _file(port))
        return seen.people if abs(time.time() - seen.at) < _FRESH else None
    return None


def _file(port: int) -> Path:
    return default_root() / classroom.FOLDER / f"present-{port}.json"
