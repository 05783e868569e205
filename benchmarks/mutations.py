"""Mutated files: whatever is in them, a reader gets what is there or one sentence, soon, and memory stays flat.

    python -m benchmarks.mutations [--count 20000] [--only TEXT] [--seed 0]

Half of the cases are checkpoints and records of a run, a quiz, a sweep and an imported data set, half are configurations and sweep
files. Bytes are flipped, cut, inserted and swapped with pieces of other files; JSON values are replaced by other types, huge
numbers and deep nesting. A fault is any error but those for users, a message that is not one sentence, or a case that takes more
than two seconds of processor time. Exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import machine
from benchmarks.crash_neighbours import pictures
from gan import config as configs
from gan import runs
from gan.catalogue import data_sets
from gan.config import advice, presets
from gan.config.data import DataConfig
from gan.data import imported, importer, prepared, sources
from gan.errors import InputError, RunFailed
from gan.execution import ahead, queue, speeds
from gan.judging import comparison, doctor, lines
from gan.places import PROJECT
from gan.quiz import questions, rounds
from gan.runs import Run, atlas, changes, forks, index, listing
from gan.runs.checkpoints import facts_path, tensors_path
from gan.storage import jobs, sealed, signs
from gan.sweeps import editing, experiments, launched, plan, progress, variants
from gan.training import checkpoints
from tests.damage import STRANGE, spoilt, warped
from tests.helpers import is_sentence

LONGEST = 2.0  # seconds of processor time for one case
_HANGS = 30.0  # seconds, of any kind
_LINES = 12  # of a longer file of lines
_PART = 1000  # cases, after which the caches are emptied and the memory is looked at
_REFUSED = (InputError, RunFailed)


class Hang(BaseException):
    """A case takes too long."""


@dataclass(frozen=True)
class Target:
    """A file that is mutated, and what reads it; both are called for each case. ``others``: files that lend pieces."""

    name: str
    path: Path
    read: Callable[[], object]
    others: tuple[bytes, ...] = ()


def records(folder: Path) -> list[Target]:
    """Return the files of a run that is a fork and belongs to a sweep, of a quiz, a sweep, a task and an imported data set."""
    root = folder / "runs"
    root.mkdir()
    run = _furnished(root)
    sweep = launched.create(root, plan.parse({"base": "digits-mlp", "axes": {"optimizer.generator_lr": [1e-4]}, "name": "rates"}))
    room, _ = rounds.create(root, questions.draw(run, [160], 8, random.Random(0)))
    token = room.join("Ada")
    room.answer(token, 0, is_real=True)
    task = folder / "task.json"
    with jobs.Progress(task, "The import") as told:
        told.report("Reading", 0.5)
    facts = index._File(runs={one.run.id: one.facts for one in index.read(root)})
    sealed.store(root / index.FILE, facts.model_dump_json().encode())
    speeds.keep(root, run.config(), 500.0, 1, "fp32")
    own, points = _imported(folder)
    pets = DataConfig(name="pets", size=16)
    prepared.obtain(pets, lambda sentence, share: None)
    made = prepared.folder(pets)
    step = checkpoints.steps(run.checkpoints_path)[-1]
    names = ("status", "config", "control", "label", "scoring", "parent", "sweep", "atlas")
    request = next(run.requests_path.glob("*.json"))
    paths = [
        *(run.path / f"{name}.json" for name in names),
        run.metrics_path, run.scores_path, run.changes_path, request, run.opinions_path(160), run.path / "trainer.pid",
    ]  # fmt: skip
    sealed_facts = facts_path(run.checkpoints_path, step)
    tensors = tensors_path(run.checkpoints_path, step)

    def resealed() -> None:
        """Load tensors that match their SHA-256, as those of a careless program would."""
        facts = sealed.unseal(whole)
        content = tensors.read_bytes()
        sealed_facts.write_bytes(sealed.seal(facts | {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}))
        try:
            checkpoints.load(run.checkpoints_path, step)
        finally:
            sealed_facts.write_bytes(whole)

    whole = sealed_facts.read_bytes()
    return [
        *(Target(path.name if path is not request else "a request", path, lambda: look_at(run)) for path in paths),
        Target("facts of a checkpoint", sealed_facts, lambda: checkpoints.load(run.checkpoints_path, step)),
        Target("tensors of a checkpoint", tensors, lambda: checkpoints.load(run.checkpoints_path, step)),
        Target("tensors, with their SHA-256", tensors, resealed),
        Target("sweep", sweep.path, lambda: look_at_sweep(sweep.root)),
        Target("quiz", room.path, lambda: rounds.find(root, room.code).standing()),
        Target("answers of a quiz", room.answers_path, lambda: rounds.find(root, room.code).standing()),
        Target("progress of a task", task, lambda: jobs.read(task)),
        Target("index of runs", root / index.FILE, lambda: index._load(root / index.FILE)),
        Target("speed", speeds.path(root, run.config()), lambda: speeds.find(root, run.config())),
        *(
            Target(f"imported {path.name}", path, lambda: look_at_import(own))
            for path in sorted(own.iterdir())
            if path.stat().st_size
        ),
        Target("imported points", points / "points.npy", lambda: sources.points_of(data_sets.find("dots"))),
        *(Target(f"prepared {path.name}", path, lambda: prepared.find(pets)) for path in sorted(made.iterdir())),
    ]


def _furnished(root: Path) -> Run:
    """Return a copy of the healthy example with every kind of record, and short files of lines."""
    example = next(path for path in sorted((PROJECT / "examples").glob("2*")) if Run(path).label() == "Healthy example")
    run = Run(root / example.name)
    shutil.copytree(example, run.path)
    for path in (run.metrics_path, run.scores_path):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[-_LINES:]))
    run.write_status(run.status().model_copy(update={"state": "starting", "heartbeat": time.time()}))
    signs.announce(run.trainer_lock, os.getpid())
    run.annotate(["good"], "a note")
    run.write_control(stop=True)
    run.write_origin(runs.Origin(run="20260131-093000-1a2b3c", step=80, changes={"training.seed": 1}, before={"training.seed": 0}))
    run.write_membership(runs.Membership(sweep="20260131-093000-1a2b3d", place=0, variant="baseline"))
    first = changes.Change(id="0" * 24, step=80, changes={"optimizer.generator_lr": 1e-4}, before={"optimizer.generator_lr": 2e-4})
    changes.record(run, first)
    changes.store(run, [first.model_copy(update={"id": "1" * 24, "step": 90})])
    return run


def _imported(folder: Path) -> tuple[Path, Path]:
    """Import three pictures and 50 points, and return the folders of the data sets."""
    pictures(folder)
    name = importer.import_pictures(folder / "pictures", "pets", lambda sentence, share: None, root=folder / "data")
    dots = importer.import_points(folder / "points.csv", "dots", lambda sentence, share: None, root=folder / "data")
    return folder / "data" / "own" / name, folder / "data" / "own" / dots


def look_at(run: Run) -> None:
    """Read everything that pages show of a run; only some readers may refuse."""
    status = run.status()
    assert status.epoch >= 0
    assert status.seconds_left is None or status.seconds_left >= 0
    json.dumps([status.model_dump(), run.control().model_dump(mode="json"), run.told().model_dump(), run.scoring().model_dump()])
    assert run.label().isprintable()
    assert status.message == "" or is_sentence(status.message) or status.state != "interrupted", status.message
    curve, scored = run.metrics(), run.scores()
    run.samples(), run.opinions(160), run.membership(), changes.requests(run), atlas.read(run)
    changes.marks(changes.applied(run))
    for line in scored:
        lines.label(line), comparison.looks(line), comparison.classes(line), comparison.measured(line)
    (
        [lines.caution(line) for line in comparison.latest(run)],
        comparison.most_comparable([run]),
        comparison.quick(run),
        comparison.outcome(run),
    )
    for verdict in doctor.diagnose(run, scored[-1] if scored else {}, curve, scored):
        assert verdict.title
    if origin := run.origin():
        forks.describe(origin)
    listing.names_of(list(index.read(run.root)))
    forks.family(run), forks.checkpoints(run), queue.waiting_runs(run.root), ahead.reasons(run.root)
    for refusing in (run.config, lambda: changes.replayed(run), lambda: changes.flat(run), lambda: forks.length_from(run, 80)):
        try:
            refusing()
        except _REFUSED as error:
            assert is_sentence(str(error)), str(error)


def look_at_sweep(root: Path) -> None:
    """Read a launched sweep as its page does."""
    for sweep in launched.list_sweeps(root):
        progress.progress_of(sweep, 2)
        variants.expand(sweep.plan())
        sweep.runs(), sweep.made()


def look_at_import(place: Path) -> None:
    """Read an imported data set as pages and a preparation do."""
    for entry in data_sets.all_sets().values():
        if entry.origin == "own":
            imported.describe(entry), imported.skipped_of(entry), imported.on_range(imported.describe(entry))
    importer.labels_of(place)
    for _ in importer.decode_all(place, 16, "crop", 3, workers=1):
        pass


def plans(folder: Path) -> list[Target]:
    """Return files of configurations, as given and as stored, and of sweeps."""
    sources = [preset.config.model_dump_json().encode() for preset in presets.PRESETS.values()]
    old = {"schema_version": 1, "networks": {"family": "dcgan", "batch_norm": True}, "optimizer": {"ema_decay": 0.99}}
    sources.append(json.dumps(old).encode())
    sweeps = [json.dumps(one.raw).encode() for one in experiments.EXPERIMENTS.values()]
    targets = []
    for number, content in enumerate(sources):
        path = folder / f"configuration {number}.json"
        path.write_bytes(content)
        targets.append(Target("configuration", path, partial(parse, path, is_stored=False), tuple(sources)))
        targets.append(Target("stored configuration", path, partial(parse, path, is_stored=True), tuple(sources)))
    for number, content in enumerate(sweeps):
        path = folder / f"sweep {number}.json"
        path.write_bytes(content)
        targets += [Target("sweep file", path, partial(read_sweep, path), tuple(sweeps))] * 2
    return targets


def parse(path: Path, *, is_stored: bool) -> None:
    """Read a configuration, check it for a launch, and compare it."""
    from gan.storage.models import read_json

    config = configs.parse(read_json(path), stored=is_stored)
    assert configs.parse(config.model_dump(mode="json")) == config
    configs.flatten(config), config.total_steps, advice.warnings(config)
    configs.require_data(config, may_be_gone=True)


def read_sweep(path: Path) -> None:
    """Read a sweep file, and make and edit its table."""
    found = plan.read(path)
    if found.variants * found.seeds <= 200:
        expanded = variants.expand(found)
        assert all(one.config or is_sentence(one.reason) for one in expanded)
        editing.table(found)
    plan.parse(json.loads(json.dumps(plan.as_json(found))))


def damaged(target: Target, whole: bytes, number: int) -> bytes:
    """Return the content of a target with damage to its bytes, its JSON values, or one of its lines."""
    chance = random.Random(number)
    if chance.random() < 0.02:
        return chance.choice(STRANGE).encode("utf-8", "surrogatepass")
    if chance.random() < 0.05:
        return whole[: chance.randrange(len(whole) + 1)]
    if target.path.suffix in (".json", ".jsonl", ".pid") and chance.random() < 0.6:
        if target.path.name == index.FILE:  # begins with its SHA-256
            content = warped(whole.partition(b"\n")[2], number)
            return hashlib.sha256(content).hexdigest().encode() + b"\n" + content
        if target.path.suffix != ".jsonl":
            return warped(whole, number)
        rows = whole.splitlines(keepends=True)
        place = chance.randrange(len(rows))
        rows[place] = warped(rows[place], number) + b"\n"
        return b"".join(rows)
    return spoilt((whole, *target.others[:3]) if target.others else (whole,), number)


def _alarm(number: int, frame: Any) -> None:
    raise Hang


def measure(targets: Sequence[Target], numbers: range, seed: int) -> tuple[list[str], dict[str, Counter[str]], float]:
    """Read the mutated files of some ``numbers``; return the faults, the outcomes by target, and the longest time of one."""
    faults: list[str] = []
    outcomes: dict[str, Counter[str]] = {target.name: Counter() for target in targets}
    whole = {target.path: target.path.read_bytes() for target in targets}
    longest = 0.0
    handlers = {number: signal.signal(number, _alarm) for number in (signal.SIGALRM, signal.SIGPROF)}
    for number in numbers:
        target = targets[number % len(targets)]
        content = damaged(target, whole[target.path], seed * 1_000_000 + number)
        target.path.write_bytes(content)
        began = time.process_time()
        outcome, error = "read", ""
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        signal.setitimer(signal.ITIMER_REAL, _HANGS)
        try:
            target.read()
        except _REFUSED as refusal:
            outcome = "refused"
            if not is_sentence(str(refusal)):
                outcome, error = "fault", f"not one sentence: {str(refusal)[:200]!r}"
        except Hang:
            outcome, error = "fault", f"longer than {LONGEST:g} s of processor time, or {_HANGS:g} s"
        except BaseException:
            outcome, error = "fault", " / ".join(traceback.format_exc().strip().splitlines()[-4:])
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
        longest = max(longest, time.process_time() - began)
        outcomes[target.name][outcome] += 1
        if error:
            faults.append(f"{target.name}, number {number}: {error}")
        target.path.write_bytes(whole[target.path])
    for one, handler in handlers.items():
        signal.signal(one, handler)
    return faults, outcomes, longest


def memory_without_caches() -> int:
    """Return the bytes of this process after emptying the caches of the program, which are bounded."""
    for module in [one for name, one in sys.modules.items() if name.startswith("gan.")]:
        for value in list(vars(module).values()):
            if hasattr(value, "cache_clear"):
                value.cache_clear()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="cases of each half")
    parser.add_argument("--only", default="", help="targets whose name contains this")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print(f"Machine: {machine.describe()}")
    faults: list[str] = []
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        os.environ |= {"GAN_DATA": f"{name}/data", "GAN_EXAMPLES": "0"}
        print(f"{'file':<28} {'read':>7} {'refused':>8} {'faults':>7}")
        for made in (records, plans):
            targets = [one for one in made(Path(name)) if options.only in one.name]
            if not targets:
                continue
            measure(targets, range(min(1000, options.count // 4)), options.seed + 1)  # imports what is imported late
            began, longest, memories = time.monotonic(), 0.0, [memory_without_caches()]
            outcomes: dict[str, Counter[str]] = {target.name: Counter() for target in targets}
            for first in range(0, options.count, _PART):
                numbers = range(first, min(first + _PART, options.count))
                found, counted, slowest = measure(targets, numbers, options.seed)
                faults, longest = faults + found, max(longest, slowest)
                for target, more in counted.items():
                    outcomes[target] += more
                memories.append(memory_without_caches())
            for target, total in outcomes.items():
                print(f"{target:<28} {total['read']:>7} {total['refused']:>8} {total['fault']:>7}")
            taken = f"{options.count:,} cases in {time.monotonic() - began:.0f} s, the longest {longest:.2f} s of processor time"
            told = f"{memories[0] / 1e6:.0f} MB at the start, {memories[len(memories) // 2] / 1e6:.0f} half-way"
            print(f"{taken}; memory {told}, {memories[-1] / 1e6:.0f} at the end", flush=True)
    for fault in faults[:40]:
        print(fault)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
