"""Words that pages, reports and the command line share: durations, numbers, shares, amounts, and names of runs told apart."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from gan.runs import Run

_SETTLED = 2_000_000_000  # nanoseconds after which a change shows in the time of its folder for certain


def duration(seconds: float | None) -> str:
    """Return a length of time in the two largest units that matter, e.g. "2 min 5 s"."""
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
    """Return a number with thousands separated and no more digits than matter."""
    if abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share in per cent, exact to what can be said without claiming all or nothing."""
    for decimals in (0, 1, 2):
        text = f"{100 * share:.{decimals}f}"
        if share in (0.0, 1.0) or (float(text) not in (0.0, 100.0) and (decimals or 0.1 <= share <= 0.9 or share > 1)):
            return f"{text} %"
    return "more than 99.99 %" if share > 0.5 else "less than 0.01 %"


def only(share: float) -> str:
    """Return a share from 0 to 1 that is little, at the beginning of a sentence: "Only 12 %", or "None"."""
    return f"Only {percent(share)}" if share else "None"


def count(amount: int, noun: str) -> str:
    """Return an amount with its noun, e.g. "1 run" or "2 runs"."""
    return f"{amount:,} {noun}" + ("" if amount == 1 else "s")


def names(chosen: Sequence[Run]) -> dict[str, str]:
    """Return display names by id, told apart by the id where two runs have the same one."""
    labels = {run.id: _label(run) for run in chosen}
    often = Counter(labels.values())
    return {run_id: f"{label} · {run_id[-6:]}" if often[label] > 1 else label for run_id, label in labels.items()}


def short(names: Mapping[str, str]) -> dict[str, str]:
    """Return names by id without the parts, set apart by " · ", that all begin or end with; whole where only ids would be left."""
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
    """Return a display name, kept for as long as nothing in the run's folder changes: lists show hundreds of them."""
    try:
        changed = run.path.stat().st_mtime_ns
    except OSError:
        return run.label()
    is_settled = time.time_ns() - changed > _SETTLED
    return _kept_label(run, changed) if is_settled else run.label()


@lru_cache(maxsize=4096)
def _kept_label(run: Run, changed: int) -> str:
    return run.label()
