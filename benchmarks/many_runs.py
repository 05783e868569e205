"""10,000 runs in one folder: CPU of a turn of the queue and of a rerun of each page; this checkout and another one.

    python -m benchmarks.many_runs [--other PATH] [--runs 10000] [--waiting 1000] [--rounds 3] [--reruns 10] [--pause 6]
                                   [--pages NAME …]

Makes a folder of synthetic finished runs: 4 in 10 in sweeps of 100, the others of 30 students, with samples, scores and logged
lines. In a second state of the folder, ``--waiting`` of them wait behind a run that takes all cores. All checkouts have the same
files (hard links).

All figures are CPU time, user and system, so they hold on a busy machine. The queue is measured in a process of its own. Pages are
shown by real servers to a client without a browser (:mod:`benchmarks.viewer`), the checkouts in turn; what the server uses
without a visitor in the same time (its queue) is subtracted and listed apart. A run is at rest a minute after its last change:
``--pause 62`` measures pages when all are.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil
from filelock import FileLock

from benchmarks import machine
from benchmarks.dashboard import cpu, make_picture, serve, write_lines, write_scores, written_by
from benchmarks.viewer import Viewer
from gan import runs
from gan.access.people import Person
from gan.config import presets
from gan.machine import host
from gan.places import PROJECT
from gan.runs import Label, Membership, Run, Status
from gan.storage import files
from gan.sweeps.launched import Member, Record, Sweep

_OF_SWEEP, _STUDENTS, _LINES = 100, 30, 1000
_IDLE = 6.0  # seconds of watching a server without a visitor
_LONGEST = 120.0  # seconds to wait for a page
_WORKER = """
import json, sys, time
from pathlib import Path
from gan.execution import ahead, queue
from gan.runs import index
root, rounds, found = Path(sys.argv[1]), int(sys.argv[2]), {}
def measure(name, call, count=rounds):
    for _ in range(count):
        index.forget()
        began = time.process_time()
        call()
        found.setdefault(name, []).append(1000 * (time.process_time() - began))
def found_names(every):
    return every.names if hasattr(every, "names") else index.names_of(every)
measure("list of runs, first time of a process", lambda: index.read(root), 1)
measure("turn of the queue, first of a process", lambda: queue.advance(root), 1)
time.sleep(2.5)
index.read(root)
index.keep(root)
measure("list of runs", lambda: index.read(root))
measure("names of runs", lambda: found_names(index.read(root)))
measure("turn of the queue", lambda: queue.advance(root))
time.sleep(2.1)
measure("turn of the queue, after 2 s", lambda: queue.advance(root), 1)
measure("why runs wait", lambda: ahead.reasons(root))
print(json.dumps(found))
"""


def make_folder(root: Path, count: int, project: Path) -> list[Run]:
    """Fill a folder with finished runs, oldest first; many files are hard links to those of the first one."""
    config, picture = written_by(project), make_picture()
    first = runs.create(root, presets.find(presets.DEFAULT).config, state="starting")
    (first.samples_path / "00001000.png").write_bytes(picture)
    (first.checkpoints_path / "00010000.json").write_text("{}")
    write_lines(first, _LINES)
    write_scores(first, _LINES)
    made = [first]
    sweeps: list[Sweep] = []
    for place in range(count):
        moment = time.time() - 60 * (count - place)
        run = first if place == 0 else Run(root / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(moment))}-{place:06x}")
        if place:
            for folder in (run.path, run.samples_path, run.checkpoints_path):
                folder.mkdir()
            for name in ("samples/00001000.png", "checkpoints/00010000.json", "metrics.jsonl", "scores.jsonl"):
                os.link(first.path / name, run.path / name)
            made.append(run)
        rate = (1e-4, 2e-4, 5e-4)[place % 3]
        changed = {
            "training": {**config["training"], "seed": place},
            "optimizer": {**config["optimizer"], "generator_lr": rate},
        }
        files.write_json(run.config_path, {**config, **changed}, durable=False)
        assert place or run.config()
        files.write_json(run.path / "status.json", finished(moment).model_dump(), durable=False)
        if place % 10 < 4:
            if place % (_OF_SWEEP * 10 // 4) == 0:
                sweeps.append(Sweep(root, f"{run.id[:-6]}{place:06x}"))
            part = sum(one % 10 < 4 for one in range(place % (_OF_SWEEP * 10 // 4)))
            label, member = f"rates · baseline · seed {place}", Membership(sweep=sweeps[-1].id, place=part, variant="baseline")
            files.write_json(run.path / "sweep.json", member.model_dump(), durable=False)
        else:
            student = place % _STUDENTS
            label = f"try {place}" if place % 2 else ""
            person = Person(id=f"{student:016x}", name=f"Student {student}")
            files.write_json(run.path / "owner.json", person.model_dump(), durable=False)
        files.write_json(run.path / "label.json", Label(name=label).model_dump(mode="json"), durable=False)
    of_sweep = defaultdict(list)
    for run in made:
        if found := run.membership():
            of_sweep[found.sweep].append(run)
    (root / "sweeps").mkdir()
    for number, sweep in enumerate(sweeps):
        members = tuple(Member(variant="baseline", seed=place, run=run.id) for place, run in enumerate(of_sweep[sweep.id]))
        plan = {"schema_version": 1, "name": f"rates {number}"}
        record = Record(schema_version=1, plan=plan, members=members, made_at=time.time(), is_whole=True)
        files.write_json(sweep.path, record.model_dump(mode="json"), durable=False)
    return made


def finished(moment: float) -> Status:
    """Return the status of a run that was made then and has finished."""
    return Status(
        state="finished",
        step=10 * _LINES,
        total_steps=10 * _LINES,
        steps_per_epoch=28,
        seconds=60.0,
        made_at=moment,
        queued_at=moment,
        started_at=moment,
        heartbeat=moment + 60,
    )


def linked(root: Path, copy: Path) -> Path:
    """Return a copy of a folder whose files are hard links."""
    shutil.copytree(root, copy, copy_function=os.link)
    return copy


@contextlib.contextmanager
def crowded(root: Path, made: list[Run], waiting: int) -> Iterator[None]:
    """Let the latest run hold all cores in the block and write its progress every second, and ``waiting`` others wait.

    Those are from all parts of the list.
    """
    now = time.time()
    busy, *others = made[::-1]
    chosen = others[:: max(1, len(others) // waiting)][:waiting] if waiting else []
    for run in chosen:
        status = finished(now).model_copy(update={"state": "queued", "step": 0, "queued_at": now})
        Run(root / run.id).write_status(status, durable=False)
    lock = FileLock(Run(root / busy.id).trainer_lock)
    lock.acquire()
    status = finished(now).model_copy(update={"state": "running", "step": 10, "threads": 1000, "host": host(), "heartbeat": now})
    is_over = threading.Event()

    def train() -> None:
        step = 10
        while not is_over.wait(1.0):
            step += 1
            progress = {"step": step, "heartbeat": time.time(), "beat": step}
            Run(root / busy.id).write_status(status.model_copy(update=progress), durable=False)

    Run(root / busy.id).write_status(status, durable=False)
    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        yield
    finally:
        is_over.set()
        trainer.join()
        lock.release()
        for run in (busy, *chosen):
            Run(root / run.id).write_status(finished(now), durable=False)


def environment_of(root: Path) -> dict[str, str]:
    return {**os.environ, "GAN_RUNS": str(root), "GAN_DATA": str(root / ".data"), "GAN_EXAMPLES": "0"}


def turns(root: Path, project: Path, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of CPU of what the queue does, in a process of a checkout."""
    command = [sys.executable, "-c", _WORKER, str(root), str(rounds)]
    done = subprocess.run(command, cwd=project, env=environment_of(root), check=True, stdout=subprocess.PIPE)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def used_by(process: psutil.Process) -> tuple[float, float]:
    """Return the CPU seconds of a process and the time."""
    return cpu(process), time.monotonic()


def page_cost(process: psutil.Process, address: str, link: str, count: int, idle: float) -> tuple[float, float, float]:
    """Return milliseconds of CPU for opening a page and for a rerun of it, and kilobytes of a rerun.

    ``idle``: CPU seconds per second that the server uses without visitors.
    """
    viewer = Viewer(address, *link.partition("?")[::2])
    with viewer.connected() as line:
        figures = []
        size = 0
        for times in (1, 1, count):
            size, (before, began) = 0, used_by(process)
            for _ in range(times):
                viewer.scripts_done = 0
                viewer.ask(line)
                while viewer.scripts_done == 0:
                    size += len(content := line.recv(timeout=_LONGEST))
                    viewer.take_in(content)
            after, ended = used_by(process)
            figures.append(1000 * (after - before - idle * (ended - began)) / times)
        if viewer.exceptions:
            print(f"{link}: {viewer.exceptions} exceptions")
    return figures[0], figures[-1], size / count / 1000


def idle_of(process: psutil.Process) -> float:
    """Return the CPU seconds per second of a server without visitors."""
    before, began = used_by(process)
    time.sleep(_IDLE)
    after, ended = used_by(process)
    return (after - before) / (ended - began)


def pages_of(made: list[Run]) -> dict[str, str]:
    """Return path and query of each page by name."""
    last = made[-2]
    some = ",".join(run.id for run in made[-6:-2])
    return {
        "Home": "",
        "Train": "train",
        "Sweeps": "sweeps",
        "Watch": f"watch?run={last.id}",
        "Evaluate": f"evaluate?runs={some}",
        "Compare": f"compare?runs={some}",
        "Explore": f"explore?run={last.id}",
        "Quiz": f"quiz?run={last.id}",
        "Data": "data?data=digits",
        "Play": "play",
    }


def tell(found: list[dict[str, list[float]]]) -> None:
    """Print the table."""
    print("\n| | this |" + " other |" * (len(found) > 1))
    print("| --- | ---: |" + " ---: |" * (len(found) > 1))
    for name in found[0]:
        unit = "kB" if name.endswith("sent") else "ms"
        print(f"| {name} | " + " | ".join(f"{machine.spread(one[name], 1)} {unit}" if one[name] else "" for one in found) + " |")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--other", type=Path, help="another checkout, to compare with")
    for name, default in (("runs", 10_000), ("waiting", 1000), ("rounds", 3), ("reruns", 10), ("pause", 6)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--pages", nargs="*", help="names of pages, by default all")
    options = parser.parse_args()
    projects = [PROJECT, *([options.other.resolve()] if options.other else [])]
    found: list[dict[str, list[float]]] = [defaultdict(list) for _ in projects]
    with tempfile.TemporaryDirectory() as folder:
        made = make_folder(first := Path(folder) / "0", options.runs, projects[-1])
        roots = [first, *(linked(first, Path(folder) / str(place)) for place in range(1, len(projects)))]
        print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}; {options.runs:,} runs", flush=True)
        sides = list(zip(projects, roots, found, strict=True))
        for state, waiting in (("all ended", 0), (f"{options.waiting:,} waiting", options.waiting)):
            with contextlib.ExitStack() as stack:
                if waiting:
                    for root in roots:
                        stack.enter_context(crowded(root, made, waiting))
                for project, root, figures in sides:
                    for name, values in turns(root, project, 5 * options.rounds).items():
                        figures[f"{name}, {state}"] += values
                chosen = {name: link for name, link in pages_of(made).items() if not options.pages or name in options.pages}
                served = [(*stack.enter_context(serve(root, project))[:2], figures) for project, root, figures in sides]
                time.sleep(options.pause)
                idle = [idle_of(process) for process, _, _ in served]
                for one, (_, _, figures) in zip(idle, served, strict=True):
                    figures[f"server without visitors, per second, {state}"].append(1000 * one)
                for _ in range(options.rounds):
                    for name, link in chosen.items():
                        for one, (process, address, figures) in zip(idle, served, strict=True):
                            opened, rerun, size = page_cost(process, address, link, options.reruns, one)
                            figures[f"{name}, opened, {state}"].append(opened)
                            figures[f"{name}, rerun, {state}"].append(rerun)
                            figures[f"{name}, rerun, {state}, sent"].append(size)
    tell(found)


if __name__ == "__main__":
    main()
