"""Scripted people of a class, who do through the program's functions what its pages do, and keep a journal.

    python -m benchmarks.people FOLDER SEED ID=NAME …

Each person is a thread that acts as that person. Before an action a line with ``is_done`` false is written to the journal
(``.journal`` in the folder of runs), and another one when the function has returned: then the action is acknowledged. The process
may be killed at any time. Now and then a person tries to change what belongs to somebody else, which has to be refused.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from gan import config as configs
from gan import runs
from gan.access import people
from gan.access.people import Person
from gan.catalogue import data_sets
from gan.config import RunConfig, presets
from gan.data import imported
from gan.errors import InputError
from gan.execution import queue, requests, steering
from gan.places import data_root
from gan.runs import Run, changes, forks
from gan.storage import jobs
from gan.sweeps import plan as plans

JOURNAL = ".journal"
MOST_WAITING = 12  # runs under way in all; beyond it nobody launches another one

_SMALL = {
    "training.length": "150 steps",
    "training.threads": 1,
    "training.precision": "fp32",
    "networks.hidden": 16,
    "data.size": 16,
    "optimizer.batch_size": 32,
    "cadence.log_every": "1 step",
    "cadence.sample_every": "50 steps",
    "cadence.score_every": "0 steps",
    "cadence.checkpoint_every": "10 steps",
}
_SWEEP = {"base": "digits-mlp", "name": "two seeds", "set": _SMALL, "seeds": 2}
_LONGEST_IMPORT = 60.0  # seconds


@dataclass(frozen=True)
class Line:
    """An action of a person on a thing (a run, sweep or title): begun, acknowledged (``is_done``), or not allowed."""

    person: str
    action: str
    thing: str
    value: str = ""
    is_done: bool = False


def small() -> RunConfig:
    """Return the settings of a run of a second."""
    return configs.replace(presets.find("digits-mlp").config, _SMALL)


def read(root: Path) -> list[Line]:
    """Return the journal in order; a line that a kill cut off is left out."""
    found = []
    for line in (root / JOURNAL).read_text().splitlines() if (root / JOURNAL).exists() else ():
        with contextlib.suppress(ValueError):
            found.append(Line(**json.loads(line)))
    return found


def write(root: Path, line: Line) -> None:
    """Append a line with one system call, so that a kill leaves whole lines."""
    descriptor = os.open(root / JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, (json.dumps(asdict(line)) + "\n").encode())
    finally:
        os.close(descriptor)


class Scripted:
    """A person with an own sequence of random decisions."""

    def __init__(self, root: Path, person: Person, seed: str) -> None:
        self.root, self.person, self.dice = root, person, random.Random(seed)

    def live(self) -> None:
        """Act until the process ends."""
        with people.acting(self.person):
            while True:
                with contextlib.suppress(InputError):  # refused, in a sentence
                    self.act()
                time.sleep(self.dice.uniform(0.2, 1.5))

    def act(self) -> None:
        """Do one thing."""
        every = runs.list_runs(self.root)
        mine = [run for run in every if run.owner() == self.person]
        others = [run for run in every if run.owner() != self.person]
        if others and self.dice.random() < 0.15:
            self.meddle(self.dice.choice(others))
            return
        room = MOST_WAITING - sum(run.status().state in runs.UNDER_WAY for run in every)
        weight = 3 / (1 + len(mine) / 4) if room > MOST_WAITING // 3 else 0  # leave room for forks and resumed runs
        actions: list[Callable[[], None] | None] = [self.launch, self.sweep, self.upload, self.restore, None]
        if chosen := self.dice.choices(actions, [weight, weight / 10, 0.3, 0.5, 4])[0]:
            chosen()
        elif mine:
            self.change_one(self.dice.choice(mine), is_full=room <= 0)

    def change_one(self, run: Run, *, is_full: bool = False) -> None:
        """Do something with an own run."""
        offered = [self.stop, self.rename, self.annotate, self.delete, self.score, self.ask]
        self.dice.choice(offered if is_full else [*offered, self.resume, self.resume, self.fork])(run)

    def journal(self, action: str, thing: str, value: str, do: Callable[[], object]) -> object:
        """Do something, with a line before and one after it; a refusal has no second line."""
        write(self.root, Line(self.person.id, action, thing, value))
        found = do()
        write(self.root, Line(self.person.id, action, thing, value, is_done=True))
        return found

    def launch(self) -> None:
        run = queue.launch(self.root, small())
        write(self.root, Line(self.person.id, "launch", run.id, is_done=True))

    def sweep(self) -> None:
        sweep = steering.launch_sweep(self.root, plans.parse(_SWEEP))
        write(self.root, Line(self.person.id, "sweep", sweep.id, is_done=True))

    def stop(self, run: Run) -> None:
        if self.dice.random() < 0.3:
            self.journal("stop", run.id, "", lambda: queue.stop(run))

    def resume(self, run: Run) -> None:
        self.journal("resume", run.id, "", lambda: queue.resume(run))

    def rename(self, run: Run) -> None:
        name = f"{self.person.name} {self.dice.randrange(10**6)}"
        self.journal("rename", run.id, name, lambda: run.rename(name))

    def annotate(self, run: Run) -> None:
        note = f"{self.person.name}: {self.dice.randrange(10**6)}"
        self.journal("annotate", run.id, note, lambda: run.annotate([], note))

    def delete(self, run: Run) -> None:
        if self.dice.random() < 0.3:
            self.journal("delete", run.id, "", lambda: runs.delete(run))

    def restore(self) -> None:
        mine = [run for run in runs.list_trash(self.root) if run.owner() == self.person]
        if mine:
            run_id = self.dice.choice(mine).id
            self.journal("restore", run_id, "", lambda: runs.restore(self.root, run_id))

    def score(self, run: Run) -> None:
        if run.has_checkpoint and self.dice.random() < 0.3:
            requests.score([run])

    def ask(self, run: Run) -> None:
        rate = self.dice.choice([1e-4, 2e-4, 3e-4])
        self.journal("ask", run.id, str(rate), lambda: changes.ask(run, {"optimizer.generator_lr": rate}))

    def fork(self, parent: Run) -> None:
        length = {"training.length": f"{parent.status().step + 50} steps"}
        child = forks.make(parent, None, {"optimizer.generator_lr": 1e-4, **length})
        write(self.root, Line(self.person.id, "fork", child.id, parent.id, is_done=True))
        queue.advance(self.root)

    def upload(self) -> None:
        """Upload a few pictures, and wait until the import has ended."""
        title = f"{self.person.name} {self.dice.randrange(10**6)}"
        requests.start_import(io.BytesIO(pictures(self.dice)), ".zip", title, 16)
        write(self.root, Line(self.person.id, "upload", title))
        deadline = time.monotonic() + _LONGEST_IMPORT
        while time.monotonic() < deadline and (task := jobs.read(requests.import_path())) and task.state == "running":
            time.sleep(0.1)
        if find_set(title):
            write(self.root, Line(self.person.id, "upload", title, is_done=True))

    def meddle(self, run: Run) -> None:
        """Try to change what belongs to somebody else; whatever succeeds is a fault."""
        attempts: dict[str, Callable[[], object]] = {
            "rename": lambda: run.rename("stolen"),
            "annotate": lambda: run.annotate(["stolen"], "stolen"),
            "stop": lambda: queue.stop(run),
            "resume": lambda: queue.resume(run),
            "delete": lambda: runs.delete(run),
            "ask": lambda: changes.ask(run, {"optimizer.generator_lr": 0.5}),
            "score": lambda: requests.score([run]),
            "empty": lambda: runs.empty_trash(self.root),
            "first": lambda: queue.move_first(self.root, [run]),
        }
        for entry in list(data_sets.all_sets().values()):
            if entry.origin == "own" and imported.owner(entry) != self.person:
                attempts["remove"] = partial(imported.remove, entry.name, data_root(), self.root)
        name, attempt = self.dice.choice(list(attempts.items()))
        write(self.root, Line(self.person.id, "meddle", run.id, name))
        attempt()
        write(self.root, Line(self.person.id, "meddle", run.id, name, is_done=True))


def find_set(title: str) -> data_sets.DataSet | None:
    """Return an imported data set by its title."""
    return next((entry for entry in data_sets.all_sets().values() if entry.title == title), None)


def pictures(dice: random.Random) -> bytes:
    """Return a ZIP of a few pictures in two folders."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for place in range(40):
            picture, file = Image.frombytes("L", (16, 16), dice.randbytes(256)), io.BytesIO()
            picture.save(file, "PNG")
            archive.writestr(f"{'ab'[place % 2]}/{place}.png", file.getvalue())
    return content.getvalue()


def main() -> None:
    """Let everybody act until the process is ended."""
    root, seed, *named = sys.argv[1:]
    everybody = [Person(id=one.partition("=")[0], name=one.partition("=")[2]) for one in named]
    threads = [
        threading.Thread(target=Scripted(Path(root), person, f"{seed} {person.name}").live, daemon=True) for person in everybody
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
