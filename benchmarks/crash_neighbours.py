"""The scenarios of the benchmark of crash points for what lies next to the runs: sweeps, imported data, quizzes, the index."""

from __future__ import annotations

import hashlib
import os
import random
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.crash_scenarios import Acknowledge, Items, Scenario, one, runs_seen
from gan import runs
from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import imported, importer, prepared
from gan.errors import InputError
from gan.execution import processes, queue, steering
from gan.quiz import rounds
from gan.quiz.questions import Picture, Quiz
from gan.runs import index
from gan.storage.lines import read_lines
from gan.sweeps import launched, plan

# Sweeps


_SWEEP = {"base": "digits-mlp", "set": {"training.length": "20 steps"}, "axes": {"optimizer.generator_lr": [1e-4]}, "seeds": 2}


def _sweep(folder: Path, acknowledge: Acknowledge) -> None:
    """Launch a sweep of four runs, pause it, go on, cancel it, put it back, cancel it again, and remove it."""
    processes.spawn = lambda *arguments, **options: None  # type: ignore[assignment]
    sweep = next(iter(launched.list_sweeps(folder)), None)
    if sweep is None:
        sweep = launched.create(folder, plan.parse(_SWEEP | {"name": "rates"}))
        acknowledge()
    launched.complete(sweep)
    acknowledge()
    steering.pause(sweep)
    acknowledge()
    steering.pause(sweep, is_paused=False)
    acknowledge()
    steering.cancel(sweep)
    for run in sweep.runs():  # a starting one is stopped by its trainer
        if run.status().state == "starting":
            run.write_status(run.status().model_copy(update={"state": "stopped"}))
    acknowledge()
    steering.pause(sweep)
    steering.retry(sweep, ("stopped",))
    acknowledge()
    steering.cancel(sweep)
    acknowledge()
    steering.remove(sweep)
    acknowledge()


def _sweep_seen(folder: Path) -> Items:
    found: Items = {}
    for sweep in launched.list_sweeps(folder):
        record = sweep.record()
        found |= {"sweep": record.plan["name"], "whole": record.is_whole, "paused": record.is_paused}
        made = list(sweep.made().values())
        assert len(made) == len(set(made)) <= 4
        assert not record.is_whole or all(member.run in made for member in record.members)
    places = []
    for run in runs.list_runs(folder):
        member = run.membership()
        assert member
        places.append(member.place)
        found[f"run {member.place}"] = (run.config().model_dump_json(), run.told().name)
        found[f"state {member.place}"] = run.stored_status().state
    assert len(places) == len(set(places)), "a run was made twice"
    return found


def _sweep_again(folder: Path) -> None:
    """Do what the server does each second, then all of it again, if the sweep has not been removed."""
    processes.spawn = lambda *arguments, **options: None  # type: ignore[assignment]
    queue.advance(folder)
    if launched.list_sweeps(folder):
        for run in runs.list_runs(folder):
            if run.status().state == "starting":
                run.write_status(run.status().model_copy(update={"state": "stopped"}))
        _sweep(folder, lambda: None)
    elif not runs.list_runs(folder):
        _sweep(folder, lambda: None)


# The user's own data


def pictures(folder: Path) -> None:
    """Write a folder with pictures of two classes."""
    source = random.Random(0)
    for name in ("cats/1", "cats/2", "dogs/1"):
        path = folder / "pictures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (40, 40), source.randbytes(4800)).save(path)
    (folder / "pictures" / "dogs" / "text.png").write_text("no picture")
    (folder / "points.csv").write_text("".join(f"{source.random()},{source.random()}\n" for _ in range(50)))


def _report(sentence: str, share: float) -> None:
    pass


def _import(folder: Path, acknowledge: Acknowledge) -> None:
    """Import pictures and points, prepare the pictures, and remove the points."""
    root = folder / "data"
    known = set(_own(folder))
    if "pets" not in known:
        importer.import_pictures(folder / "pictures", "pets", _report, root=root)
    acknowledge()
    if "dots" not in known:
        importer.import_points(folder / "points.csv", "dots", _report, root=root)
    acknowledge()
    prepared.obtain(DataConfig(name="pets", size=16), _report)
    acknowledge()
    imported.remove("dots", root, folder / "runs")
    acknowledge()


def _own(folder: Path) -> list[str]:
    return [entry.name for entry in data_sets.all_sets().values() if entry.origin == "own"]


def _import_seen(folder: Path) -> Items:
    found: Items = {}
    for name in _own(folder):
        place = folder / "data" / "own" / name
        skipped = len(read_lines(place / "skipped.jsonl")[0])
        if name == "pets":
            pixels = b"".join(part.tobytes() for part in importer.decode_all(place, 16, "crop", 3))
            found[name] = (importer.labels_of(place).tolist(), hashlib.sha256(pixels).hexdigest(), skipped)
            if whole := prepared.find(DataConfig(name="pets", size=16)):
                found["prepared"] = hashlib.sha256(whole.pixels.tobytes()).hexdigest()
        else:
            found[name] = hashlib.sha256(np.load(place / "points.npy").tobytes()).hexdigest()
    return found


# Rounds of a quiz


def _quiz(folder: Path, acknowledge: Acknowledge) -> None:
    """Open a round; two join, answer, and the round ends."""
    asked = tuple(Picture(step=1, is_real=bool(place % 2), png="") for place in range(4))
    room, key = rounds.create(folder, Quiz(run="", name="", pictures=asked))
    acknowledge()
    for name in ("Ada", "Grace"):
        token = room.join(name)
        acknowledge()
        for place in range(2):
            room.answer(token, place, is_real=True)
            acknowledge()
    room.reveal(key)
    acknowledge()


def _quiz_seen(folder: Path) -> Items:
    found: Items = {}
    for path in sorted((folder / rounds.FOLDER).glob("*.json")):
        if path.name.startswith("."):
            continue
        room = rounds.find(folder, path.stem)
        standing = room.standing()
        found |= {"pictures": len(room.record().pictures), "revealed": standing.is_revealed}
        for student in standing.students.values():
            found |= {student.name: True, **{f"{student.name} {place}": one for place, one in student.answers.items()}}
    return found


def _quiz_again(folder: Path) -> None:
    """Let another student join and answer; without a round, open one."""
    for path in sorted((folder / rounds.FOLDER).glob("*.json")):
        if path.name.startswith("."):
            continue
        room = rounds.find(folder, path.stem)
        with suppress(InputError):  # it has been revealed
            room.answer(room.join("Late"), 3, is_real=False)
        return
    _quiz(folder, lambda: None)


def _quiz_expected(found: Items, final: Items) -> Items:
    if not found:
        return final
    return found if found["revealed"] else {**found, "Late": True, "Late 3": False}


# The index


def _index(folder: Path, acknowledge: Acknowledge) -> None:
    old = time.time() - 60
    for run in runs.list_runs(folder):
        for path in (run.path, *run.path.iterdir()):
            os.utime(path, (old, old))
    index._index.cache_clear()
    index.read(folder)
    index.keep(folder)
    acknowledge()


def scenarios() -> list[Scenario]:
    """Return the scenarios of what lies next to the runs."""
    return [
        Scenario("sweep", _sweep, _sweep_seen, again=_sweep_again),
        Scenario("imports", _import, _import_seen, pictures),
        Scenario("quiz", _quiz, _quiz_seen, again=_quiz_again, expected=_quiz_expected),
        Scenario("index of runs", _index, runs_seen, lambda folder: one(folder, 2)),
    ]
