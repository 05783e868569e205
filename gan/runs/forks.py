"""Forks: runs that continue from a checkpoint of another run with changed settings, and their family trees.

A fork is an independent run that holds a verified copy of its parent's checkpoint and resumes from it. Its logged lines begin at
that step; ``parent.json`` records the origin. If a changed setting affects the contents of a checkpoint or the meaning of its step
count, the fork starts afresh instead: from step 0, with the parent's seed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan import config as configs
from gan import words
from gan.access.rules import require
from gan.config import RunConfig
from gan.config.changing import kept_reason
from gan.config.fields import LONGEST, Span
from gan.errors import InputError, RunFailed
from gan.runs import changes as live
from gan.runs import checkpoints as checkpoint_files
from gan.runs import index, records, registry
from gan.runs.changes import Change
from gan.runs.records import Origin
from gan.runs.run import Run
from gan.storage import files

_MOST_TOLD = 4  # changes listed in a description
_ENDING = " · fork"


@dataclass(frozen=True)
class Plan:
    """Plan of a fork: its ``config``, and whether it ``goes_on`` from a checkpoint or starts afresh for the given ``reason``.

    ``changes`` are the settings that differ from the parent's, ``before`` their values in the parent.
    """

    goes_on: bool
    reason: str
    config: RunConfig
    changes: dict[str, Any]
    before: dict[str, Any]


@dataclass(frozen=True)
class Relative:
    """A run in a family tree: its origin, if it is a fork, and its depth in generations below the oldest run."""

    run: Run
    origin: Origin | None
    depth: int


def plan(config: RunConfig, changes: Mapping[str, Any]) -> Plan:
    """Return the plan of a fork of a run with this ``config``. Raises InputError if the changes are invalid."""
    changed = configs.require_data(configs.replace(config, dict(changes)), may_be_gone=True)
    old, new = configs.flatten(config), configs.flatten(changed)
    keys = [key for key in configs.difference([config, changed]) if key in new]
    kept = {key: reason for key in keys if (reason := kept_reason(config, key))}
    reason = next((f"{key} cannot change when a run continues: {reason}." for key, reason in kept.items()), "")
    return Plan(not kept, reason, changed, {key: new[key] for key in keys}, {key: old.get(key) for key in keys})


def checkpoints(run: Run) -> dict[int, Path]:
    """Return the steps with a checkpoint to fork from, in ascending order, with their folders: the newest ones and the best."""
    folders = (run.best_path, run.checkpoints_path)
    return dict(sorted((step, folder) for folder in folders for step in checkpoint_files.steps(folder)))


def best(run: Run) -> int | None:
    """Return the step of the best checkpoint; None if it is missing."""
    return max(checkpoint_files.steps(run.best_path), default=None)


def usual_name(parent: Run) -> str:
    """Return the default name of a fork."""
    return records.shortened(f"{parent.label().removesuffix(_ENDING)}{_ENDING}")


def length_from(run: Run, step: int) -> Span:
    """Return the default total length of a fork at ``step``: the parent's, or its next multiple after ``step``."""
    config = run.config()
    asked = run.control().length or config.training.length
    times = step // max(1, asked.in_steps(config.steps_per_epoch)) + 1
    return Span(count=min(times * asked.count, LONGEST), unit=asked.unit)


def make(
    parent: Run,
    step: int | None,
    changes: Mapping[str, Any],
    name: str = "",
    *,
    passed: Sequence[Change] | None = None,
    state: records.State = "queued",
    threads: int = 0,
    then: Callable[[Run, int], None] = lambda child, begun: None,
) -> Run:
    """Create a fork of ``parent`` with changed settings that continues from the checkpoint of ``step``, and return it.

    It belongs to the acting person, whoever owns the parent.

    ``step`` None means the newest intact checkpoint. A change that rules out continuing then makes the fork start afresh; with an
    explicit step it raises InputError. ``passed``: the changes made while the parent trained that its settings include, by default
    all up to ``step``. ``then`` adds files to the fork before others can see it, given the step at which it begins. ``threads``
    only applies to a fresh start, because a continued run keeps its number. Raises InputError if the fork cannot be created.
    """
    require("fork", parent.owner(), f"run {parent.id}")
    registry.find(parent.root, parent.id)  # raises InputError if the parent has been deleted
    name = records.checked_name(name) or usual_name(parent)
    passed = live.until(parent, step) if passed is None else passed
    start = live.with_changes(parent.config(), passed)
    found = plan(configs.replace(start, {"training.length": str(length_from(parent, 0))}), changes)
    if not found.goes_on and step is not None:
        raise InputError(f"{found.reason[:-1]}; leave this setting unchanged, or leave out the step to start afresh.")

    there = checkpoints(parent) if found.goes_on else {}
    if step is not None and step not in there:
        raise InputError(f"Run {parent.id} has no checkpoint of step {step}; {_hint(there)}.")
    if found.goes_on and not there:
        raise InputError(f"Run {parent.id} has no checkpoint to continue from; {_hint(there)}.")
    tried = [step] if step is not None else sorted(there, reverse=True)
    config = found.config
    if tried and "training.length" not in changes:
        length = length_from(parent, tried[0])
        if config.optimizer.images_per_step != parent.config().optimizer.images_per_step:  # an epoch has other steps
            length = Span(count=length.in_steps(parent.config().steps_per_epoch))
        config = configs.replace(config, {"training.length": str(length)})
    if tried and config.total_steps <= tried[0]:
        raise InputError(
            f"training.length is “{config.training.length}”, which is {words.count(config.total_steps, 'step')}, but the fork "
            f"begins at step {tried[0]}; increase it or fork from an earlier step."
        )

    def fill(child: Run) -> None:
        facts = _copy_one(parent, there, tried, child) if tried else {}
        begun = int(facts.get("step", 0))
        on_the_way = live.flat(parent, passed) if begun else {}
        before = found.before | {key: on_the_way[key] for change in passed for key in change.changes if begun}
        seconds = float(facts.get("seconds", 0.0))
        child.write_origin(Origin(run=parent.id, step=begun, changes=found.changes, before=before, seconds=seconds))
        if not begun:
            then(child, 0)
            return
        total = config.total_steps
        update = {
            "step": begun,
            "images_seen": facts.get("images_seen", begun * config.optimizer.images_per_step),
            "epochs": facts.get("epoch", 0.0),
            "seconds": facts["seconds"],
            "threads": facts["threads"],
            "total_steps": total,
        }
        child.write_status(child.status().model_copy(update=update))
        if picture := parent.samples().get(begun):
            files.write_atomically(child.samples_path / picture.name, picture.read_bytes())
            if opinions := parent.opinions(begun):
                child.write_opinions(begun, opinions)
        then(child, begun)

    return registry.create(parent.root, config, name, state=state, threads=threads, fill=fill)


def undo(run: Run, change: Change, name: str = "", **options: Any) -> Run:
    """Fork a run from the checkpoint before a change, with the settings of before it; ``options`` are those of :func:`make`.

    Raises InputError if that is impossible.
    """
    name = name or records.shortened(f"{run.label()} · before “{change.coded()}”")
    return make(run, change.step, {}, name, passed=live.made_before(run, change), **options)


def family(run: Run) -> list[Relative]:
    """Return the family tree of a run, starting with its oldest existing ancestor, each run before its own forks."""
    everyone = {listed.id: listed for listed in index.read(run.root)}
    children = defaultdict(list)
    for run_id, listed in everyone.items():
        children[listed.facts.parent].append(run_id)  # newest first
    oldest, above = run.id, {run.id}
    while oldest in everyone and (parent := everyone[oldest].facts.parent) in everyone and parent not in above:
        oldest = parent
        above.add(oldest)
    found: dict[str, Relative] = {}
    waiting = [(oldest, 0)]
    while waiting:
        run_id, depth = waiting.pop()
        if run_id in everyone and run_id not in found:
            found[run_id] = Relative(everyone[run_id].run, everyone[run_id].run.origin(), depth)
            waiting += [(child, depth + 1) for child in children[run_id]]
    return list(found.values())


def describe(origin: Origin) -> str:
    """Describe where a fork began and its changes, e.g. "at step 400: Generator learning rate 0.0002 → 0.0001"."""
    where = f"at step {origin.step:,}" if origin.step else "afresh"
    told = tell(origin.changes, origin.before)
    return f"{where}: {told}" if told else f"{where}, no settings changed"


def tell(changes: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Describe changes of settings by their titles; empty if there are none."""
    told = [f"{configs.title(key)} {_text(before.get(key))} → {_text(value)}" for key, value in changes.items()]
    more = len(told) - _MOST_TOLD
    return ", ".join([*told[:_MOST_TOLD], f"and {more} more"] if more > 0 else told)


def _text(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _hint(there: Mapping[int, Path]) -> str:
    """Return advice for a missing checkpoint."""
    return f"choose one of {', '.join(map(str, there))}" if there else "train it until one is written"


def _copy_one(parent: Run, there: Mapping[int, Path], steps: list[int], child: Run) -> dict[str, Any]:
    """Copy the first intact checkpoint of ``steps`` to ``child`` and return its facts. Raises InputError if none is intact."""
    complaints = []
    for step in steps:
        try:
            return checkpoint_files.copy(there[step], step, child.checkpoints_path)
        except RunFailed as error:
            complaints.append(str(error).rstrip("."))
        except FileNotFoundError:
            registry.find(parent.root, parent.id)  # raises InputError if the parent has been deleted
            complaints.append(f"The checkpoint of step {step} no longer exists")
    raise InputError(f"{'; '.join(complaints)}; fork from another step.")
