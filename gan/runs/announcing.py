"""Announcements of changes of ended runs, so that lists need not look at thousands of them every time (:mod:`gan.runs.index`)."""

from __future__ import annotations

import contextlib
from pathlib import Path

FILE = ".changed"


def announce(root: Path) -> None:
    """Say that an ended run in ``root`` has changed. Without permission to write there, lists notice it later."""
    with contextlib.suppress(OSError):
        (root / FILE).touch()
