"""Disk space of runs, measured again only after they have changed, and at most twice a minute while they train."""

from __future__ import annotations

import time
from collections.abc import Sequence

from gan import runs
from gan.runs.index import Listed
from gan.storage.models import stamp

_PATIENCE = 30.0  # seconds between two measurements of a run that changes

_known: dict[str, tuple[object, float, int]] = {}  # path of a run → stamp of its folder, when it was measured, bytes


def size(listed: Listed) -> int:
    """Return the bytes of the files of a run, as of the last half minute."""
    key, changed, now = str(listed.run.path), stamp(listed.run.path), time.monotonic()
    known = _known.get(key)
    if known is None or (known[0] != changed and now - known[1] > _PATIENCE):
        _known[key] = known = changed, now, runs.size(listed.run)
    return known[2]


def megabytes(found: Sequence[Listed]) -> int:
    """Return the disk space of runs in MB, rounded up."""
    return -(-sum(map(size, found)) // 1_000_000)
