"""Words for people: durations, numbers, states, and text made safe for Markdown."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from gan.runs import Run, Status

_SETTLED = 2_000_000_000  # nanoseconds after which a change shows in the time of its folder for certain

#: State → (label, icon, colour of the badge).
STATES: dict[str, tuple[str, str, str]] = {
    "queued": ("waiting", ":material/hourglass_empty:", "gray"),
    "starting": ("starting", ":material/rocket_launch:", "blue"),
    "running": ("training", ":material/play_arrow:", "blue"),
    "stopped": ("stopped", ":material/stop:", "orange"),
    "finished": ("finished", ":material/check:", "green"),
    "diverged": ("diverged", ":material/trending_up:", "red"),
    "failed": ("failed", ":material/error:", "red"),
    "interrupted": ("interrupted", ":material/power_off:", "orange"),
}


def escape(text: str) -> str:
    """Return free text so that Markdown shows it letter by letter."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|$:~^&])", r"\\\1", text)


def names(chosen: list[Run]) -> dict[str, str]:
    """Return display names by id, told apart by the id where two runs have the same one."""
    labels = {run.id: _label(run) for run in chosen}
    often = Counter(labels.values())
    return {run_id: f"{label} · {run_id[-6:]}" if often[label] > 1 else label for run_id, label in labels.items()}


def short(names: Mapping[str, str]) -> dict[str, str]:
    """Return names without the parts, set apart by " · ", that all of them begin or end with."""
    parts = [name.split(" · ") for name in names.values()]
    if len(parts) < 2:
        return dict(names)
    fewest = min(map(len, parts))
    first = next((place for place in range(fewest) if len({tuple(one[: place + 1]) for one in parts}) > 1), fewest)
    last = next((place for place in range(fewest) if len({tuple(one[len(one) - place - 1 :]) for one in parts}) > 1), fewest)
    cut = [one[first : len(one) - last] for one in parts]
    return dict(zip(names, (" · ".join(one) for one in cut), strict=True)) if all(cut) else dict(names)


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


def count(amount: int, noun: str) -> str:
    """Return an amount with its noun, e.g. "1 run" or "2 runs"."""
    return f"{amount:,} {noun}" + ("" if amount == 1 else "s")


def progress(status: Status) -> tuple[float, str]:
    """Return how far a run is: a share from 0 to 1, and the sentence under the bar."""
    share = min(1.0, status.step / status.total_steps) if status.total_steps else 0.0
    parts = [f"Step {status.step:,} of {status.total_steps:,}", f"epoch {status.epoch:.1f}"]
    if status.state == "running" and status.images_per_second:
        parts.append(f"{status.images_per_second:,.0f} images/s")
        if status.seconds_left is not None:
            parts.append(f"{duration(status.seconds_left)} left")
    elif status.seconds:
        parts.append(f"{duration(status.seconds)} of training")
    return share, " · ".join(parts)


def place_in_queue(run: Run, waiting: list[Run]) -> str:
    """Return where a waiting run stands, as a sentence."""
    place = next((index for index, other in enumerate(waiting, 1) if other.id == run.id), 0)
    return f"Waiting for free cores: place {place} of {len(waiting)} in the queue." if place else "Waiting for free cores."
