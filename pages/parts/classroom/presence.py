"""Who of the class is there now."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from gan.access.classroom import Classroom
from gan.errors import InputError
from pages.parts.classroom import merged

RECENT = 60.0  # seconds since the last sign of a browser; open pages give one every few seconds


def is_present(person_id: str, seen: Mapping[str, float]) -> bool:
    """Return whether a person is there; ``seen``: seconds since the last sign of each person, by id."""
    return seen.get(person_id, RECENT + 1) <= RECENT


def count(root: Path) -> int:
    """Return how many students of the class are there."""
    seen = merged.present()
    with contextlib.suppress(InputError):
        students = Classroom(root).state().students
        return sum(is_present(key, seen) for key, student in students.items() if not student.is_removed)
    return 0
