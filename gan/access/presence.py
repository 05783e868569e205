"""Who has a page open at which server of a class: each tells the others, by a file."""

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

_EVERY, _FRESH = 5.0, 15.0  # seconds between two signs, and until one is old


class _Present(BaseModel):
    at: float
    people: frozenset[str]


_told: list[_Present] = []  # by this process, the latest alone


def tell(port: int, people: Collection[str]) -> None:
    """Tell the other servers, if there are any, who has a page of this one open, which listens at ``port``."""
    now = time.time()
    if not servers.ports() or (_told and _told[0].people == frozenset(people) and 0 <= now - _told[0].at < _EVERY):
        return
    _told[:] = [_Present(at=now, people=frozenset(people))]
    with contextlib.suppress(OSError):
        write_json(_file(port), _told[0].model_dump(mode="json"), durable=False)


def elsewhere() -> set[str]:
    """Return the ids of the people who have a page of another server open."""
    found: set[str] = set()
    if servers.ports():
        for path in _file("*").parent.glob(_file("*").name):
            with contextlib.suppress(InputError):
                seen = read_model(_Present, path)
                found |= seen.people if abs(time.time() - seen.at) < _FRESH else set()
    return found


def _file(port: int | str) -> Path:
    return default_root() / classroom.FOLDER / f"present-{port}.json"
