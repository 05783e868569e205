"""Text formatting shared by pages, reports and the command line: durations, numbers, shares, counts and unique run names."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from gan.runs import Run

_SETTLED = 2_000_000_000  # nanoseconds after which a change certainly shows in the modification time of the folder


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units, e.g. "2 min 5 s"."""
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller_size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def number(value: float) -> str:
    """Return a number with thousands separators and at most three significant digits after rounding."""
    if abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share in per cent, with enough decimals that a partial share never reads as 0 % or 100 %."""
    for decimals in (0, 1, 2):
        text = f"{100 * share:.{decimals}f}"
        if share in (0.0, 1.0) or (float(text) not in (0.0, 100.0) and (decimals or 0.1 <= share <= 0.9 or share > 1)):
            return f"{text} %"
    return "more than 99.99 %" if share > 0.5 else "less than 0.01 %"


def only(share: float) -> str:
    """Return a small share from 0 to 1 for the start of a sentence: "Only 12 %", or "None" for 0."""
    return f"Only {percent(share)}" if share else "None"


def count(amount: int, noun: str) -> str:
    """Return a count with its noun, e.g. "1 run" or "2 runs"."""
    return f"{amount:,} {noun}" + ("" if amount == 1 else "s")


def names(chosen: Sequence[Run]) -> dict[str, str]:
    """Return display names by id; duplicates get the end of the id appended."""
    labels = {run.id: _label(run) for run in chosen}
    often = Counter(labels.values())
    return {run_id: f"{label} · {run_id[-6:]}" if often[label] > 1 else label for run_id, label in labels.items()}


def short(names: Mapping[str, str]) -> dict[str, str]:
    """Return names by id without the leading and trailing parts (split at " · ") common to all; in full if only ids would remain."""
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
