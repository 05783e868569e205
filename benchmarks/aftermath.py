"""What must hold after :mod:`benchmarks.chaos`: what was acknowledged is there, readable, and of the right owner."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from benchmarks import people
from benchmarks.people import Line
from gan import runs
from gan.access.people import Person
from gan.catalogue import data_sets
from gan.data import imported
from gan.errors import InputError
from gan.execution import queue, requests
from gan.places import data_root
from gan.runs import Run, changes
from gan.sweeps import launched


def steered(journal: list[Line]) -> dict[str, str]:
    """Return for each run the last acknowledged "stop" or "resume"; empty if another one was begun after it."""
    found = last(journal, "stop", "resume")
    return {thing: lines[0].action if len(lines) == 1 else "" for thing, lines in found.items()}


def last(journal: list[Line], *actions: str) -> dict[str, list[Line]]:
    """Return for each thing what may hold: the last acknowledged action of these kinds, and those begun after it.

    Things without an acknowledged action are left out. An action that was refused changes nothing, so it may hold or not.
    """
    found: dict[str, list[Line]] = {}
    for line in journal:
        if line.action in actions:
            if line.is_done:
                found[line.thing] = [line]
            elif line.thing in found:
                found[line.thing].append(line)
    return found


def faults(root: Path, members: list[Person]) -> list[str]:
    """Return all faults, as sentences."""
    journal = people.read(root)
    there = {run.id: run for run in runs.list_runs(root)}
    deleted = {run.id: run for run in runs.list_trash(root)}
    every = there | deleted
    found = [
        f"{line.person} was allowed to {line.value} {line.thing}" for line in journal if line.action == "meddle" and line.is_done
    ]
    for line in journal:
        if line.action in ("launch", "fork"):
            run = every.get(line.thing)
            if run is None:
                found.append(f"run {line.thing} was acknowledged ({line.action}) and is gone")
            elif run.owner().id != line.person:
                found.append(f"run {line.thing} of {line.person} belongs to {run.owner().id}")
            elif line.action == "fork" and ((origin := run.origin()) is None or origin.run != line.value):
                found.append(f"fork {line.thing} does not know its origin {line.value}")
        elif line.action == "sweep":
            found += _of_sweep(root, line, every)
        elif line.action == "upload" and line.is_done:
            entry = people.find_set(line.thing)
            if entry is None or imported.owner(entry).id != line.person:
                found.append(f"the upload {line.thing} of {line.person} is gone or belongs to somebody else")
    for action, value in (("rename", lambda run: run.told().name), ("annotate", lambda run: run.told().note)):
        for run_id, lines in last(journal, action).items():
            if run_id in every and (now := value(every[run_id])) not in [line.value for line in lines]:
                found.append(f"run {run_id}: “{now}” after {action}, acknowledged was “{lines[0].value}”")
    for run_id, lines in last(journal, "delete", "restore").items():
        places = {"delete": deleted, "restore": there}
        if not any(run_id in places[line.action] for line in lines):
            found.append(f"run {run_id} is not where “{lines[0].action}” has put it")
    for run_id, action in steered(journal).items():
        if action == "stop" and run_id in every and every[run_id].status().state in runs.UNDER_WAY:
            found.append(f"run {run_id} was stopped and is under way")
    names = {person.id: person.name for person in members}
    for run in every.values():
        found += _of_run(run, names)
        is_given_up = bool(run.membership()) and run.status().restarts >= queue.MOST_RESTARTS  # killed too often for its sweep
        if run.id in there and run.status().state == "interrupted" and not run.control().stop and not is_given_up:
            found.append(f"run {run.id} was resumed after the kills and is interrupted")
    found += _of_data(root)
    found += [f"printed by the people: {line}" for line in _printed(root / ".people.txt")]
    found += [f"printed by the server: {line}" for line in _printed(root / ".server.txt")]
    return found


def _of_run(run: Run, names: dict[str, str]) -> list[str]:
    """Return what is wrong with a run: not readable, not ended well, or changed by others."""
    found = []
    try:
        run.config()
        status = run.stored_status()
        changes.replayed(run)
    except Exception as error:  # whatever it is, the run is unreadable
        return [f"run {run.id} is unreadable: {error}"]
    state = run.status().state
    if state not in ("finished", "stopped", "interrupted"):
        found.append(f"run {run.id} is {state}: {status.message}")
    if state == "finished" and status.step != status.total_steps:
        found.append(f"run {run.id} has finished at step {status.step} of {status.total_steps}")
    steps = [line["step"] for line in run.metrics()]
    if steps and state == "finished" and steps[-1] != status.total_steps:
        found.append(f"the logged lines of run {run.id} end at step {steps[-1]} of {status.total_steps}")
    if run.owner().id not in names:
        found.append(f"run {run.id} belongs to {run.owner().id}")
    label = run.told()
    if "stolen" in (label.name, label.note) or (label.note and not label.note.startswith(names.get(run.owner().id, "-") + ":")):
        found.append(f"run {run.id} was changed by somebody else: “{label.name}”, “{label.note}”")
    if run.scoring().state == "running":
        found.append(f"run {run.id} is still being scored")
    return found


def _of_sweep(root: Path, line: Line, every: dict[str, Run]) -> list[str]:
    sweep = launched.Sweep(root, line.thing)
    try:
        record = sweep.record()
    except InputError as error:
        return [f"sweep {line.thing} is unreadable: {error}"]
    missing = [member for member in record.members if member.run not in every]
    found = [f"sweep {line.thing} lacks {len(missing)} runs"] if missing else []
    if sweep.owner().id != line.person or any(
        every[member.run].owner().id != line.person for member in record.members if member.run in every
    ):
        found.append(f"sweep {line.thing} of {line.person} or one of its runs belongs to somebody else")
    return found


def _of_data(root: Path) -> list[str]:
    """Return what is wrong with the imported sets: unreadable, or half made under their own names."""
    found = []
    own = {entry.name: entry for entry in data_sets.all_sets().values() if entry.origin == "own"}
    for entry in own.values():
        try:
            imported.describe(entry)
        except Exception as error:
            found.append(f"the data set “{entry.title}” is unreadable: {error}")
    folder = data_root() / data_sets.OWN
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.name.startswith(".") and path.name not in own:
            found.append(f"a half-made data set is left: {path.name}")
    if requests.imports(root):
        found.append("an import is still under way")
    return found


def _printed(path: Path) -> list[str]:
    """Return the last lines of tracebacks in what a process has printed, each once."""
    found: dict[str, None] = {}
    is_inside = False
    for line in path.read_text("utf-8", "replace").splitlines() if path.exists() else ():
        if line.lstrip().startswith("Traceback"):
            is_inside = True
        elif is_inside and line and not line.startswith((" ", "\t")):
            found[line[:300]] = None
            is_inside = False
    return list(found)


def rows(root: Path) -> list[str]:
    """Return what was done, as rows of a table."""
    journal = people.read(root)
    done = Counter(line.action for line in journal if line.is_done)
    tried: defaultdict[str, int] = defaultdict(int)
    for line in journal:
        tried[line.action] += not line.is_done
    every = [*runs.list_runs(root), *runs.list_trash(root)]
    states = Counter(run.status().state for run in every)
    return [
        f"| acknowledged | {', '.join(f'{times} × {action}' for action, times in done.most_common())} |",
        f"| foreign changes tried, refused | {tried['meddle']}, {tried['meddle'] - done['meddle']} |",
        f"| uploads, finished | {tried['upload']}, {done['upload']} |",
        f"| runs at the end | {', '.join(f'{times} {state}' for state, times in states.most_common())} |",
        f"| lines in the journal | {len(journal)} |",
    ]
