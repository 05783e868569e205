"""Display names of several runs, told apart from one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gan.runs import Run


def names(chosen: Sequence[Run]) -> dict[str, str]:
    """Return display names by id; see :func:`distinct`."""
    return distinct({run.id: run.label() for run in chosen})


def distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """Return display names by id for labels by id; duplicates get the end of the id appended."""
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
