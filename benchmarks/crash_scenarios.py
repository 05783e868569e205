"""What the benchmark of crash points does: work that writes, how a reader sees its results, and the next normal call.

``look`` returns what is seen as items: each of them has to be in its old or its new state, whatever moment the process died at.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan import runs
from gan.config.fields import Span
from gan.runs import Run, Status, changes, forks, index, registry
from gan.runs import checkpoints as checkpoint_files
from gan.storage import sealed
from gan.storage.lines import LineWriter
from tests.helpers import make_run, tiny

Items = dict[str, Any]
Acknowledge = Callable[[], None]


def _nothing(folder: Path) -> None:
    pass


@dataclass(frozen=True)
class Scenario:
    """Work of several parts in a folder that ``prepare`` has filled; each part ends with ``acknowledge()``.

    ``again`` is the next normal call after a death, by default the same work; ``expected`` returns what is seen after it, given
    what was found and what an undisturbed process leaves.
    """

    name: str
    act: Callable[[Path, Acknowledge], None]
    look: Callable[[Path], Items]
    prepare: Callable[[Path], None] = _nothing
    again: Callable[[Path], None] | None = None
    expected: Callable[[Items, Items], Items] = lambda found, final: final


def only_run(folder: Path) -> Run:
    """Return the run of a scenario that has one."""
    (run,) = runs.list_runs(folder)
    return run


# Records of a run


def _status(folder: Path, acknowledge: Acknowledge) -> None:
    run = only_run(folder)
    for step in (1, 2):
        run.write_status(Status(state="stopped", step=step), durable=step == 2)
        acknowledge()


def _control(folder: Path, acknowledge: Acknowledge) -> None:
    run = only_run(folder)
    run.write_control(stop=True)
    acknowledge()
    run.write_control(length=Span(count=20))
    acknowledge()


def _label(folder: Path, acknowledge: Acknowledge) -> None:
    run = only_run(folder)
    run.rename("Ada's run")
    acknowledge()
    run.annotate(["good", "slow"], "a note " * 100)
    acknowledge()


def _label_seen(folder: Path) -> Items:
    told, (listed,) = only_run(folder).told(), index.read(folder)
    return {"name": told.name, "notes": (told.tags, told.note), "listed": listed.facts.label == only_run(folder).label()}


def _lines(folder: Path, acknowledge: Acknowledge, steps: tuple[int, ...] = (1, 2, 3)) -> None:
    writer = LineWriter(only_run(folder).metrics_path)
    for step in steps:
        writer.write({"step": step, "generator_loss": 0.5})
        acknowledge()
        writer.sync()
    writer.close()


def _lines_seen(folder: Path) -> Items:
    return {str(line["step"]): line for line in only_run(folder).metrics()}


# Changes of settings


_ASKED = ({"optimizer.generator_lr": 1e-4}, {"optimizer.generator_lr": 3e-4}, {"optimizer.discriminator_lr": 5e-4})
_LATER = {"optimizer.discriminator_lr": 7e-4}


def _changes(folder: Path, acknowledge: Acknowledge) -> None:
    """Ask for three changes; record the first, refuse the second, withdraw the third."""
    run = only_run(folder)
    held, asked = run.hold(), []  # as its trainer does
    for wanted in _ASKED:
        asked.append(changes.ask(run, wanted, who="Ada"))
        acknowledge()
    changes.record(run, asked[0])
    acknowledge()
    changes.withdraw(run, asked[0])
    acknowledge()
    changes.refuse(run, asked[1], "The class is over; ask again tomorrow.")
    acknowledge()
    changes.withdraw(run, asked[2])
    acknowledge()
    held.release()


def _changes_seen(folder: Path) -> Items:
    run = only_run(folder)
    made = changes.replayed(run)
    told = {change.coded(): "made" for change in made}
    return {one.coded(): one.refusal or "waits" for one in changes.requests(run)} | told


def _ask_again(folder: Path) -> None:
    run = only_run(folder)
    held = run.hold()
    changes.record(run, changes.ask(run, _LATER))
    for request in changes.requests(run):
        changes.withdraw(run, request)
    held.release()


# Runs


def one(folder: Path, count: int = 1) -> None:
    for number in range(count):
        make_run(folder, state="stopped", name=f"run {number}")


def trained(folder: Path) -> None:
    """Make a run of which there is a checkpoint, without training it."""
    run = make_run(folder, state="stopped", name="parent")
    run.write_status(run.status().model_copy(update={"step": 5, "seconds": 1.0}))
    tensors = random.Random(0).randbytes(3 << 20)
    checkpoint_files.tensors_path(run.checkpoints_path, 5).write_bytes(tensors)
    facts = {"step": 5, "sha256": hashlib.sha256(tensors).hexdigest(), "bytes": len(tensors), "seconds": 1.0, "threads": 1}
    checkpoint_files.facts_path(run.checkpoints_path, 5).write_bytes(sealed.seal(facts))
    (run.samples_path / "00000005.png").write_bytes(b"picture")
    run.write_opinions(5, runs.Opinions(is_probability=True, real=(0.5,), fake=(0.25,)))


def _make(folder: Path, acknowledge: Acknowledge) -> None:
    registry.create(folder, tiny(), "new")
    acknowledge()


def _fork(folder: Path, acknowledge: Acknowledge) -> None:
    (parent,) = (run for run in runs.list_runs(folder) if run.told().name == "parent")
    forks.make(parent, 5, {"optimizer.generator_lr": 1e-4}, "new")
    acknowledge()


def seen(run: Run) -> tuple[Any, ...]:
    """Return a run as a reader sees it, checkpoints verified. Raises if a part of it cannot be read."""
    status, origin = run.stored_status(), run.origin()
    folder = run.checkpoints_path
    for step in checkpoint_files.steps(folder):
        facts = checkpoint_files.read_facts(folder, step)
        if hashlib.sha256(checkpoint_files.tensors_path(folder, step).read_bytes()).hexdigest() != facts["sha256"]:
            raise ValueError(f"the checkpoint of step {step} is damaged")
    samples = tuple((step, path.read_bytes(), run.opinions(step)) for step, path in run.samples().items())
    steps = tuple(checkpoint_files.steps(folder))
    return run.config().model_dump_json(), status.state, status.step, steps, samples, bool(origin), run.membership() is not None


def runs_seen(folder: Path) -> Items:
    """Return all runs by name, and those in the trash."""
    there = {run.told().name: seen(run) for run in runs.list_runs(folder)}
    return there | {f"deleted {run.told().name}": seen(run) for run in runs.list_trash(folder)}


def _next_run(folder: Path) -> None:
    registry.create(folder, tiny(), "next")


def _with_next(found: Items, final: Items) -> Items:
    return {**found, "next": (tiny().model_dump_json(), "queued", 0, (), (), False, False)}


def _trash(folder: Path, acknowledge: Acknowledge) -> None:
    """Delete both runs, restore one, delete it again, and empty the trash."""
    there = {run.told().name: run for run in runs.list_runs(folder)}
    deleted = {run.told().name for run in runs.list_trash(folder)}
    if "run 0" in there:
        runs.delete(there["run 0"])
    acknowledge()
    if "run 0" in there or "run 0" in deleted:
        (first,) = (run for run in runs.list_trash(folder) if run.told().name == "run 0")
        back = runs.restore(folder, first.id)
        acknowledge()
        runs.delete(back)
    acknowledge()
    if "run 1" in there:
        runs.delete(there["run 1"])
    acknowledge()
    runs.empty_trash(folder)
    acknowledge()


def _trash_seen(folder: Path) -> Items:
    """Return for each run that it is there, or in the trash; that it is at two places would be two items."""
    where = [(run, "there") for run in runs.list_runs(folder)] + [(run, "deleted") for run in runs.list_trash(folder)]
    return {run.told().name: (place, seen(run)) for run, place in where}


def _running(folder: Path) -> None:
    """Make a run that is being trained."""
    make_run(folder, state="running")


def _after_asking(found: Mapping[str, Any], final: Items) -> Items:
    """Return the changes on record: those that were, and the new one."""
    return {key: value for key, value in found.items() if value == "made"} | {"lr_D 7e-4": "made"}


def scenarios() -> list[Scenario]:
    """Return the scenarios of runs and their records."""
    return [
        Scenario("status", _status, lambda folder: {"status": only_run(folder).stored_status()}, one),
        Scenario("requests to a trainer", _control, lambda folder: vars(only_run(folder).control()), one),
        Scenario("name, tags, note", _label, _label_seen, one),
        Scenario("metrics lines", _lines, _lines_seen, one, lambda folder: _lines(folder, lambda: None, (9,)),
                 lambda found, final: {**found, "9": {"step": 9, "generator_loss": 0.5}}),
        Scenario("changes of settings", _changes, _changes_seen, _running, _ask_again, _after_asking),
        Scenario("making a run", _make, runs_seen, again=_next_run, expected=_with_next),
        Scenario("fork", _fork, runs_seen, trained, _next_run, _with_next),
        Scenario("delete, restore, empty trash", _trash, _trash_seen, lambda folder: one(folder, 2)),
    ]  # fmt: skip


def files_left(folder: Path) -> list[str]:
    """Return what must not be left after the next normal call: temporary files and staged folders."""
    marks = (".tmp", ".making")
    prefixes = (".new-", ".gone-", ".importing-", ".reserve")
    return sorted(path.name for path in folder.rglob(".*") if path.name.endswith(marks) or path.name.startswith(prefixes))


def age_left(folder: Path) -> None:
    """Let two days pass for what is left, so that it does not count as in use."""
    old = time.time() - 2 * 86_400
    for path in list(folder.rglob(".*")):
        if path.is_dir():
            for inner in path.rglob("*"):
                os.utime(inner, (old, old))
        os.utime(path, (old, old))
