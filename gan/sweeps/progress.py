"""Progress and remaining time of a launched sweep."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gan.runs import UNDER_WAY, Run
from gan.sweeps.launched import Member, Sweep

#: States in which a run of a sweep counts as done; an interrupted one may continue.
ENDED = ("finished", "stopped", "diverged", "failed")


@dataclass(frozen=True)
class Progress:
    """Progress of a sweep: runs by state, the share of all steps that are done, and the remaining seconds.

    Ended runs count as done, however they ended. ``seconds_left`` is None if the speed of the runs is unknown. ``runs`` counts
    existing runs and runs still to be made.
    """

    states: dict[str, int]
    share: float
    seconds_left: float | None
    is_whole: bool
    is_paused: bool

    @property
    def runs(self) -> int:
        return sum(self.states.values())

    @property
    def is_over(self) -> bool:
        """Whether no run is under way, queued or still to be made."""
        return self.is_whole and not any(self.states.get(state) for state in UNDER_WAY)


def progress_of(sweep: Sweep, slots: int, foresee: Callable[[Run, int], float | None] = lambda run, among: None) -> Progress:
    """Return the progress of a sweep on a machine that trains ``slots`` runs at once.

    The remaining time of a run is based on its own speed. If that is not known yet, it is based on other seeds of the same
    variant, then on ``foresee(run, number of runs)``, which returns seconds per step or None, then on the mean of all runs.
    """
    record = sweep.record()
    there = [(member.variant, Run(sweep.root / member.run)) for member in record.members if _is_there(sweep, member)]
    seen = [(variant, run.status()) for variant, run in there]
    states: Counter[str] = Counter(status.state for _, status in seen)
    if missing := sum(not member.run for member in record.members):
        states["missing"] = missing
    paces: dict[str, list[float]] = {}
    for variant, status in seen:
        if status.step and status.seconds:
            paces.setdefault(variant, []).append(status.seconds / status.step)
    known = {variant: sum(found) / len(found) for variant, found in paces.items()}
    unknown = {
        variant: run
        for (variant, run), (_, status) in zip(there, seen, strict=True)
        if status.state in UNDER_WAY and variant not in known
    }
    known |= {variant: pace for variant, run in unknown.items() if (pace := foresee(run, len(record.members)))}
    usual = sum(known.values()) / len(known) if known else None
    left = []
    for variant, status in seen:
        if status.state in UNDER_WAY:
            own = status.seconds / status.step if status.step and status.seconds else known.get(variant, usual)
            left.append(None if own is None else max(0, status.total_steps - status.step) * own)
    done = sum(status.total_steps if status.state in ENDED else status.step for _, status in seen)
    total = sum(status.total_steps for _, status in seen)
    whole = total * (len(seen) + missing) / len(seen) if seen else 0
    seconds = None if any(one is None for one in left) or missing else makespan([one for one in left if one], slots)
    share = min(1.0, done / whole) if whole else float(not missing)
    return Progress(dict(states), share, seconds, record.is_whole, record.is_paused)


def makespan(durations: Sequence[float], slots: int) -> float:
    """Return the seconds until the last job ends, if jobs of these ``durations`` start in order, ``slots`` at once."""
    ends = [0.0] * max(1, slots)
    for duration in durations:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends)


def _is_there(sweep: Sweep, member: Member) -> bool:
    return bool(member.run) and (sweep.root / member.run).is_dir()
