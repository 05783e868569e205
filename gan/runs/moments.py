"""When a run or a sweep was made, and its id, which begins with that time.

New ids hold UTC. Ids of earlier versions hold the local time of the machine that made them, so their text does not sort by age: not
across time zones, and not in the hour that is repeated when summer time ends.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

_QUARTER = 900  # seconds; time zones differ from UTC by multiples of it
_WEST, _EAST = -12 * 3600, 14 * 3600  # seconds from UTC: the outermost time zones
_DELAY = 10  # seconds at most between an id and the first file written under it


def new_id() -> str:
    """Return an id like 20260131-093000-1a2b3c (UTC); new ids sort by age, even within a second."""
    now = time.time()
    micro = int(now % 1 * 1_000_000)
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{micro:05x}{secrets.token_hex(1)[0]}"


def made_at(made_id: str, witnesses: Iterable[float]) -> float:
    """Return when the run or sweep with this id was made, in seconds since 1970.

    ``witnesses`` are times that may be those of the making, most reliable first, such as the modification time of a file that is
    written once. The first one that differs from the id by a possible time zone tells which time zone the id is in. Without any,
    the id is taken for local time.
    """
    read = _read(made_id)
    for witness in witnesses:
        if not math.isfinite(witness):
            continue
        offset = round((read - witness) / _QUARTER) * _QUARTER
        if _WEST <= offset <= _EAST and abs(read - offset - witness) <= _DELAY:
            return read - offset
    return _as_local(read)


@lru_cache(maxsize=4096)
def _read(made_id: str) -> float:
    """Return the time in an id, read as UTC; 0 if it is not a time."""
    try:
        whole = datetime.strptime(made_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
        return whole + int(made_id[16:21], 16) / 1_000_000
    except ValueError:
        return 0.0


def _as_local(read: float) -> float:
    """Return the instant at which local clocks showed a time that was read as UTC."""
    try:
        return datetime.fromtimestamp(read, UTC).replace(tzinfo=None).timestamp()
    except (ValueError, OverflowError, OSError):
        return read
