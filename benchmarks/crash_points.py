"""Every crash point: a process that dies at each step of its writing loses nothing that was acknowledged.

    python -m benchmarks.crash_points [--only TEXT] [--training]

For each scenario, a first run without a death counts the moments before, in the middle of and after each step; then a process
dies at each of them. After each death a reader has to see every item in its old or its new state, and the next normal call has to
work and to remove what was left. Exits with 1 if anything was at fault. ``--training`` adds the scenarios that need torch.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import crash_neighbours, crash_scenarios
from benchmarks.crash_scenarios import Items, Scenario
from benchmarks.dying import Ended, in_child

_MOST_SHOWN = 12  # faults of a scenario


@dataclass
class Tally:
    """What became of the moments of one scenario; ``between``: some items old, some new."""

    points: int = 0
    old: int = 0
    new: int = 0
    between: int = 0
    not_reached: int = 0
    faults: list[str] = field(default_factory=list)


def measure(scenario: Scenario, work: Path) -> Tally:
    """Let a process die at every moment of a scenario, in the folder ``work``, and return what was found."""
    base, now, tally = work / "base", work / "now", Tally()
    shutil.rmtree(work, ignore_errors=True)

    def fresh() -> None:
        shutil.rmtree(now, ignore_errors=True)
        shutil.copytree(base, now)

    base.mkdir(parents=True)
    base.rename(now)
    _require(in_child(lambda _: scenario.prepare(now)))
    now.rename(base)
    fresh()
    states: list[Items] = _require(in_child(lambda _: _states(scenario, now))).value
    fresh()
    names: list[str] = _require(in_child(lambda told: scenario.act(now, told), counted=now)).value
    tally.points = len(names)
    for fatal, name in enumerate(names, 1):
        fresh()
        died = in_child(lambda told: scenario.act(now, told), counted=now, fatal=fatal)
        if died.error:
            tally.faults.append(f"{name}: {died.error}")
            continue
        tally.not_reached += not died.was_killed
        before, after = states[died.acknowledged], states[min(died.acknowledged + 1, len(states) - 1)]
        checked = in_child(lambda _: _after_death(scenario, now))
        if checked.error:
            tally.faults.append(f"{name}: {checked.error}")
            continue
        found, then, left = checked.value
        if wrong := [key for key in {*found, *before, *after} if found.get(key) not in (before.get(key), after.get(key))]:
            tally.faults.append(f"{name}: neither old nor new: {', '.join(map(str, wrong))}")
        elif then != (wanted := scenario.expected(found, states[-1])):
            wrong = [str(key) for key in {*then, *wanted} if then.get(key) != wanted.get(key)]
            tally.faults.append(f"{name}: after the next call, unexpected: {', '.join(wrong)}")
        elif left:
            tally.faults.append(f"{name}: left behind: {', '.join(left)}")
        elif found == after:
            tally.new += 1
        elif found == before:
            tally.old += 1
        else:
            tally.between += 1
    shutil.rmtree(work)
    return tally


def _require(ended: Ended) -> Ended:
    if ended.error or ended.was_killed:
        raise RuntimeError(ended.error or "an undisturbed process was killed")
    return ended


def _states(scenario: Scenario, folder: Path) -> list[Items]:
    """Return what is seen before the work and after each of its parts."""
    found = [scenario.look(folder)]
    scenario.act(folder, lambda: found.append(scenario.look(folder)))
    return found


def _after_death(scenario: Scenario, folder: Path) -> tuple[Items, Items, list[str]]:
    """Return what is seen after a death, and after the next normal call, and what that has left behind."""
    found = scenario.look(folder)
    crash_scenarios.age_left(folder)
    if scenario.again:
        scenario.again(folder)
    else:
        scenario.act(folder, lambda: None)
    return found, scenario.look(folder), crash_scenarios.files_left(folder)


def main(arguments: Sequence[str] | None = None, more: Sequence[Scenario] = ()) -> int:
    """Measure, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="scenarios whose name contains one of these, separated by commas")
    parser.add_argument("--training", action="store_true", help="add the scenarios that need torch")
    options = parser.parse_args(arguments)
    chosen: list[Any] = [*crash_scenarios.scenarios(), *crash_neighbours.scenarios(), *more]
    if options.training:
        from benchmarks import crash_training

        chosen += crash_training.scenarios()
    wanted = [part for part in options.only.split(",") if part]
    chosen = [one for one in chosen if not wanted or any(part in one.name for part in wanted)]
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    print(f"{'scenario':<32} {'points':>6} {'old':>6} {'new':>6} {'between':>8} {'faults':>7} {'seconds':>8}")
    faults: list[str] = []
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        root = Path(folder).resolve() / "work"
        os.environ |= {"GAN_RUNS": str(root / "now"), "GAN_DATA": str(root / "now" / "data"), "GAN_EXAMPLES": "0", "GAN_CORES": "2"}
        for scenario in chosen:
            began = time.monotonic()
            tally = measure(scenario, root)
            counts = f"{tally.points:>6} {tally.old:>6} {tally.new:>6} {tally.between:>8} {len(tally.faults):>7}"
            print(f"{scenario.name:<32} {counts} {time.monotonic() - began:>8.1f}", flush=True)
            faults += [f"{scenario.name}: {fault}" for fault in tally.faults[:_MOST_SHOWN]]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
