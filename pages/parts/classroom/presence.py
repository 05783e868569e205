"""Who of the class is there now."""

from __future__ import annotations

from gan.access.people import TEACHER
from pages.parts.classroom import merged


def count() -> int:
    """Return how many students have a page open."""
    return len(set(merged.present()) - {TEACHER.id, ""})
