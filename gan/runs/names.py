"""Display names of several runs, told apart from one another."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from gan.runs import Run

_SETTLED = 2_000_000_000  # nanoseconds after which a change certainly shows in the modification time of the folder


def names(chosen: Sequence[Run]) -> dict[str, str]:
    """Return display names by id; duplicates get the end of the id appended."""
    labels = {run.id: _label(run) for run in chosen}
    often = Counter(labels.values())
    return {run_id: f"{label} · {run_id[-6:]}" if often[label] > 1 else label for run_id, label in labels.items()}


def short(names: Mapping[str, str]) -> dict[str, str]:
    """Return names by id without the leading and trailing parts (split at " · ") common to all; whole if only ids would remain."""
    parts = [name.split(" · ") for name in names.values()]
    if len(parts) < 2:
        return dict(names)
    fewest = min(map(len, parts))
    first = next((place for place in range(fewest) if len({tuple(one[: place + 1]) for one in parts}) > 1), fewest)
    last = next((place for place in range(fewest) if len({tuple(one[len(one) - place - 1 :]) for one in parts}) > 1), fewest)
    cut = [one[first : len(one) - last] for one in parts]
    shorter = dict(zip(names, (" · ".join(one) for one in cut), strict=True))
    says_something = all(shorter.values()) and not any(run_id.endswith(name) for run_id, name in shorter.items())
    return shorter if says_something else dict(names)


def _label(run: Run) -> str:
    """Return a display name, cached until the run's folder changes, because lists show hundreds of names."""
    try:
        changed = run.path.stat().st_mtime_ns
    except OSError:
        return run.label()
    is_settled = time.time_ns() - changed > _SETTLED
    return _kept_label(run, changed) if is_settled else run.label()


@lru_cache(maxsize=4096)
def _kept_label(run: Run, changed: int) -> str:
    return run.label()
