"""Announcements of changes of runs at rest, so that lists need not look at thousands of them every time (:mod:`gan.runs.index`).

The file holds one run id a line, in the order of the changes; readers remember how far they have read.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from gan.runs.records import RUN_ID
from gan.storage.files import write_all
from gan.storage.lines import read_complete
from gan.storage.models import stamp

FILE = ".changed"

_MOST_BYTES = 1_000_000  # some 40,000 changes; then the file begins anew


def announce(root: Path, run_id: str) -> None:
    """Say that a run in ``root`` has changed. Without permission to write there, lists notice it later."""
    path = root / FILE
    try:
        with open(path, "ab", buffering=0) as file:
            write_all(file, f"{run_id}\n".encode())
            is_long = file.tell() > _MOST_BYTES
        if is_long:
            path.unlink(missing_ok=True)
    except OSError:  # for example a full disk
        with contextlib.suppress(OSError):
            path.touch()


class News:
    """What has been announced in a folder since one looked last."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._seen: tuple[int, int, int] | None = None
        self._offset = 0

    def take(self) -> set[str] | None:
        """Return the ids of the runs that changed since the last call; None if that is unknown, so that any may have."""
        found, before = stamp(self._path), self._seen
        self._seen = found
        if found == before:
            return set()
        # A first look, another file, or one that was only touched.
        if before is None or (any(before) and found[0] != before[0]) or found[2] <= before[2]:
            self._offset = found[2]
            return None
        content, self._offset = read_complete(self._path, self._offset)
        told = set(content.decode(errors="replace").split())
        is_whole = self._offset >= found[2] and all(map(RUN_ID.fullmatch, told))
        return told if is_whole else None
