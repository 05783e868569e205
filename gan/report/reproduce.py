"""Commands that reproduce a run from its configuration, including the runs that it was forked from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gan import config as configs
from gan.config import RunConfig, presets
from gan.errors import InputError
from gan.runs import Run, adopted, changes
from gan.runs.changes import Change

Line = Mapping[str, Any]

#: Prefix of an extractor's id → its name on the command line.
_EXTRACTORS = {"inception": "inception", "efficientnet": "efficientnet", "random-vgg": "random-vgg", "coordinates": "coordinates"}


@dataclass(frozen=True)
class Recipe:
    """Commands to run in order, and notes on manual steps and limits."""

    commands: tuple[str, ...]
    notes: tuple[str, ...] = ()


def train(config: RunConfig, changed: Sequence[Change] = ()) -> str:
    """Return the command that trains with this configuration: its preset (or the default one) plus the settings that differ.

    ``changed``: the changes while it trains.
    """
    preset = presets.PRESETS.get(config.preset) or presets.find(presets.DEFAULT)
    settings = configs.assignments(preset.config, config)
    return shlex.join(["python", "-m", "gan", "train", "--preset", preset.name, *settings, *_planned(changed)])


def _planned(changed: Sequence[Change]) -> list[str]:
    """Return the arguments that plan changes while a run trains."""
    return [
        part
        for change in changed
        for part in ("--change", str(change.step), *(f"{key}={configs.as_text(value)}" for key, value in change.changes.items()))
    ]


def score(run: Run, line: Line) -> str:
    """Return the command that reproduces a line of scores with the same features, counts and checkpoint."""
    identity = str(line.get("extractor_id", ""))
    extractor = next((name for start, name in _EXTRACTORS.items() if identity.startswith(start)), "classifier")
    options = ["--extractor", extractor, "--images", f"{line.get('images')}", "--draws", f"{line.get('draws')}"]
    if line.get("checkpoint") == "best":
        options += ["--checkpoint", "best"]
    return shlex.join(["python", "-m", "gan", "score", run.id, *options])


def recipe(run: Run) -> Recipe:
    """Return the recipe for a run. Raises InputError if its configuration cannot be read."""
    return _recipe(run, until=None, seen=frozenset())


def _recipe(run: Run, until: int | None, seen: frozenset[str]) -> Recipe:
    """Return the recipe for a run, up to step ``until`` if a fork starts from its checkpoint of that step."""
    config, notes = _prolonged(run), []
    made = [change for change in changes.applied(run) if until is None or change.step < until]
    if until is not None and until < config.total_steps:
        if config.optimizer.lr_decay == "none":
            config = configs.replace(config, {"training.length": f"{until} steps"})
        else:  # a shorter length would make the learning rates decay sooner
            notes.append(f"Stop run {run.id} at step {until:,}, where it was forked.")
    origin = run.origin()
    if found := adopted.read(run):
        settings = [*configs.assignments(RunConfig(), config), *_planned(made)]
        files = f"“{found.source}” and “{found.discriminator}”"
        named = f"The guest {found.guest} is {files}; if it is imported again, use its new id."
        return Recipe((shlex.join(["python", "-m", "gan", "fork", found.guest, *settings]),), (*notes, named))
    if origin is None or not origin.step or run.id in seen:
        return Recipe((train(config, made),), tuple(notes))
    parent = Run(run.root / origin.run)
    try:
        passed = [change for change in changes.applied(parent) if change.step < origin.step]
        before, above = changes.with_changes(parent.config(), passed), _recipe(parent, origin.step, seen | {run.id})
    except InputError:
        lost = f"The run was forked from run {origin.run}, which no longer exists; its settings alone do not reproduce it."
        return Recipe((train(config, made),), (*notes, lost))
    length = config.training.length
    same_length = before.model_copy(update={"training": before.training.model_copy(update={"length": length})})
    settings = [*configs.assignments(same_length, config), "--set", f"training.length={length}", *_planned(made)]
    fork = shlex.join(["python", "-m", "gan", "fork", parent.id, "--step", f"{origin.step}", *settings])
    named = f"If run {parent.id} is trained again, use its new id in the fork command."
    return Recipe((*above.commands, fork), (*above.notes, *notes, named))


def _prolonged(run: Run) -> RunConfig:
    """Return the configuration of a run with its current length, which the user may have changed since it was created."""
    config, length = run.config(), run.control().length
    return config if length is None else configs.replace(config, {"training.length": str(length)})
