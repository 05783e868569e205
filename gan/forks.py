"""Forks: going on from a checkpoint of another run with other settings, and who descends from whom.

A fork is a run of its own, which holds a verified copy of its parent's checkpoint and simply resumes from it. Its lines
begin at that step; ``parent.json`` says where it came from. Where a setting decides what a checkpoint holds or how far it
counts, the fork starts afresh instead: from step 0, with the parent's seed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan import config as configs
from gan import launcher, runs
from gan.config import RunConfig
from gan.errors import InputError, RunFailed
from gan.runs import Origin, Run
from gan.sections import LONGEST, Span
from gan.training import files

_MOST_TOLD = 4  # changes that a description names
_ENDING = " · fork"

#: Section or setting → why it cannot change in a run that goes on; the setting counts before its section.
_KEPT = {
    "networks": "the weights in a checkpoint fit the networks that they were trained in",
    "data": "the order of the images and the count of epochs follow from the data set",
    "data.flips": "",
    "optimizer.algorithm": "what one optimiser remembers of past gradients means nothing to another",
    "optimizer.batch_size": "the images seen, and the place among them, are counted in steps of so many images",
    "optimizer.discriminator_steps": "the images seen, and the place among them, are counted in steps of so many images",
    "training.seed": "the order of the images and the latent vectors of the samples follow from the seed",
    "training.threads": "another number of cores rounds differently, so a run that goes on keeps the number it has",
}


@dataclass(frozen=True)
class Plan:
    """What would become of a fork: ``config``, and whether it ``goes_on`` from a checkpoint or, for a ``reason``, starts afresh.

    ``changes`` are the settings that differ from the parent's, ``before`` what they were there.
    """

    goes_on: bool
    reason: str
    config: RunConfig
    changes: dict[str, Any]
    before: dict[str, Any]


@dataclass(frozen=True)
class Relative:
    """A run in a family tree: what it was forked from, if from anything, and how many generations below the oldest it is."""

    run: Run
    origin: Origin | None
    depth: int


def kept_reason(config: RunConfig, key: str) -> str:
    """Return why a setting ("networks.width") cannot change when a run goes on from a checkpoint; an empty text when it can."""
    optimizer = config.optimizer
    if key == "optimizer.ema_half_life" and not optimizer.ema_half_life:
        return "a checkpoint that was written without an average of the weights has none to go on with"
    if key == "optimizer.beta1" and optimizer.algorithm == "rmsprop" and not optimizer.beta1:
        return "RMSprop without momentum has written none to go on with"
    return _KEPT.get(key, _KEPT.get(key.partition(".")[0], ""))


def plan(config: RunConfig, changes: Mapping[str, Any]) -> Plan:
    """Return what a fork of a run with this ``config`` would be. Raises InputError for changes that cannot be trained."""
    changed = configs.replace(config, dict(changes), stored=True)
    old, new = configs.flatten(config), configs.flatten(changed)
    keys = [key for key in configs.difference([config, changed]) if key in new]
    kept = {key: reason for key in keys if (reason := kept_reason(config, key))}
    reason = next((f"{key} cannot change in a run that goes on: {reason}." for key, reason in kept.items()), "")
    return Plan(not kept, reason, changed, {key: new[key] for key in keys}, {key: old.get(key) for key in keys})


def checkpoints(run: Run) -> dict[int, Path]:
    """Return the steps that one can fork from, in order, each with the folder of its checkpoint: the newest and the best."""
    folders = (run.best_path, run.checkpoints_path)
    return dict(sorted((step, folder) for folder in folders for step in files.steps(folder)))


def best(run: Run) -> int | None:
    """Return the step of the best checkpoint; None where there is none."""
    return max(files.steps(run.best_path), default=None)


def usual_name(parent: Run) -> str:
    """Return what a fork is called that nobody named."""
    return runs.shortened(f"{parent.label().removesuffix(_ENDING)}{_ENDING}")


def length_from(run: Run, step: int) -> Span:
    """Return how long a fork at ``step`` lasts in all unless asked: as long as its parent, or at its end as long again."""
    config = run.config()
    asked = run.control().length or config.training.length
    times = step // max(1, asked.in_steps(config.steps_per_epoch)) + 1
    return Span(count=min(times * asked.count, LONGEST), unit=asked.unit)


def start(parent: Run, step: int | None, changes: Mapping[str, Any], name: str = "") -> Run:
    """Make a fork and put it at the end of the queue; see :func:`make`."""
    child = make(parent, step, changes, name)
    launcher.advance(parent.root)
    return child


def make(
    parent: Run, step: int | None, changes: Mapping[str, Any], name: str = "", *, state: runs.State = "queued", threads: int = 0
) -> Run:
    """Make a fork of ``parent`` with ``changes`` to its settings, which goes on from the checkpoint of ``step``; return it.

    Without a step that is the newest whole one, and a change that does not let it go on makes it start afresh; with a step
    such a change is refused. ``threads`` are for a fresh start, since what goes on keeps its number. Raises InputError.
    """
    runs.find(parent.root, parent.id)  # deleted meanwhile?
    name = runs.checked_name(name) or usual_name(parent)
    start = configs.replace(parent.config(), {"training.length": str(length_from(parent, 0))}, stored=True)
    found = plan(start, changes)
    if not found.goes_on and step is not None:
        raise InputError(f"{found.reason[:-1]}; leave it out, or leave out the step to start afresh.")

    there = checkpoints(parent) if found.goes_on else {}
    if step is not None and step not in there:
        raise InputError(f"Run {parent.id} has no checkpoint of step {step}; {_hint(there)}.")
    if found.goes_on and not there:
        raise InputError(f"Run {parent.id} has no checkpoint to go on from; {_hint(there)}.")
    tried = [step] if step is not None else sorted(there, reverse=True)
    config = found.config
    if tried and "training.length" not in changes:
        config = configs.replace(config, {"training.length": str(length_from(parent, tried[0]))}, stored=True)
    if tried and config.total_steps <= tried[0]:
        raise InputError(
            f"training.length is “{config.training.length}”, which is {config.total_steps} steps, but the fork begins at step "
            f"{tried[0]}; ask for more, or fork from an earlier step."
        )

    def fill(child: Run) -> None:
        facts = _copy_one(parent, there, tried, child) if tried else {}
        begun = int(facts.get("step", 0))
        child.write_origin(Origin(run=parent.id, step=begun, changes=found.changes, before=found.before))
        if not begun:
            return
        images, total = begun * config.optimizer.images_per_step, config.total_steps
        update = {
            "step": begun,
            "images_seen": images,
            "seconds": facts["seconds"],
            "threads": facts["threads"],
            "total_steps": total,
        }
        child.write_status(child.status().model_copy(update=update))
        if picture := parent.samples().get(begun):
            runs.write_atomically(child.samples_path / picture.name, picture.read_bytes())

    return runs.create(parent.root, config, name, state=state, threads=threads, fill=fill)


def family(run: Run) -> list[Relative]:
    """Return a run and all its relatives, from the oldest that is still there downwards, each before its own forks."""
    everyone = {one.id: one for one in runs.list_runs(run.root)}
    origins = {run_id: origin for run_id, one in everyone.items() if (origin := one.origin())}
    children = defaultdict(list)
    for run_id, origin in origins.items():
        children[origin.run].append(run_id)  # the newest first
    oldest, above = run.id, {run.id}
    while (origin := origins.get(oldest)) and origin.run in everyone and origin.run not in above:
        oldest = origin.run
        above.add(oldest)
    found: dict[str, Relative] = {}
    waiting = [(oldest, 0)]
    while waiting:
        run_id, depth = waiting.pop()
        if run_id in everyone and run_id not in found:
            found[run_id] = Relative(everyone[run_id], origins.get(run_id), depth)
            waiting += [(child, depth + 1) for child in children[run_id]]
    return list(found.values())


def describe(origin: Origin) -> str:
    """Return in words where a fork began and what was changed, e.g. "at step 400: optimizer.generator_lr 0.0002 → 0.0001"."""
    where = f"at step {origin.step:,}" if origin.step else "afresh"
    told = tell(origin.changes, origin.before)
    return f"{where}: {told}" if told else f"{where}, nothing changed"


def tell(changes: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Return in words what was changed; an empty text for nothing."""
    told = [f"{key} {_text(before.get(key))} → {_text(value)}" for key, value in changes.items()]
    more = len(told) - _MOST_TOLD
    return ", ".join([*told[:_MOST_TOLD], f"and {more} more"] if more > 0 else told)


def _text(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _hint(there: Mapping[int, Path]) -> str:
    """Return what to do where a checkpoint is not there."""
    return f"choose one of {', '.join(map(str, there))}" if there else "let it train until it has written one"


def _copy_one(parent: Run, there: Mapping[int, Path], steps: list[int], child: Run) -> dict[str, Any]:
    """Copy the first whole checkpoint of ``steps`` to a child and return its facts. Raises InputError when there is none."""
    complaints = []
    for step in steps:
        try:
            return files.copy(there[step], step, child.checkpoints_path)
        except RunFailed as error:
            complaints.append(str(error).rstrip("."))
        except FileNotFoundError:
            runs.find(parent.root, parent.id)  # the whole run may be gone
            complaints.append(f"The checkpoint of step {step} is not there any more")
    raise InputError(f"{'; '.join(complaints)}; fork from another step.")
