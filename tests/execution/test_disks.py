"""Every action of a user on a disk that is full or read-only: done, or refused in one sentence, with nothing lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.crash_neighbours import pictures
from benchmarks.crash_scenarios import files_left, seen, trained
from gan import runs
from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import imported, importer, prepared
from gan.errors import InputError
from gan.execution import holds, processes, queue, requests, steering
from gan.quiz import rounds
from gan.quiz.questions import Picture, Quiz
from gan.runs import Run, changes, forks
from gan.sweeps import launched, plan
from tests.helpers import is_sentence, make_run, mount, tiny, unmount

SWEEP = {"base": "digits-mlp", "set": {"training.length": "20 steps"}, "axes": {"optimizer.generator_lr": [1e-4]}, "name": "rates"}
QUIZ = Quiz(run="", name="", pictures=tuple(Picture(step=1, is_real=bool(place % 2), png="") for place in range(4)))


def say_nothing(sentence: str, share: float) -> None:
    pass


class Disk:
    """A small disk with runs, a sweep, a round of a quiz and imported data, and what users do with them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.data = folder, folder / "runs", folder / "data"
        pictures(folder)
        importer.import_pictures(folder / "pictures", "pets", say_nothing, root=self.data)
        trained(self.root)
        (self.parent,) = runs.list_runs(self.root)
        self.stopped, self.deleted, self.training = (make_run(self.root, state="stopped", name=name) for name in ("a", "b", "c"))
        runs.delete(self.deleted)
        self.training.write_status(self.training.status().model_copy(update={"state": "starting"}))
        self.sweep = launched.create(self.root, plan.parse(SWEEP))
        launched.complete(self.sweep)
        self.waiting = self.sweep.runs()
        self.round, self.key = rounds.create(self.root, QUIZ)
        self.student = self.round.join("Ada")
        self.round.answer(self.student, 0, is_real=True)

    def actions(self) -> dict[str, Callable[[], object]]:
        """Return what is tried, in this order: what takes something away comes last."""
        sweep = self.sweep
        return {
            "launch": lambda: queue.launch(self.root, tiny(), "new"),
            "rename": lambda: self.stopped.rename("another name"),
            "annotate": lambda: self.stopped.annotate(["slow"], "a note " * 500),
            "change settings": lambda: changes.ask(self.training, {"optimizer.generator_lr": 1e-4}),
            "stop": lambda: queue.stop(self.training),
            "fork": lambda: forks.make(self.parent, 5, {"optimizer.generator_lr": 1e-4}, "child"),
            "resume": lambda: queue.resume(self.stopped),
            "put first": lambda: queue.move_first(self.root, self.waiting[-1:]),
            "score": lambda: requests.score([self.waiting[0]]),
            "draw": lambda: requests.start_sampling(self.parent, None, 0),
            "launch a sweep": lambda: steering.launch_sweep(self.root, plan.parse(SWEEP)),
            "pause a sweep": lambda: steering.pause(sweep),
            "cancel a sweep": lambda: steering.cancel(sweep),
            "retry a sweep": lambda: steering.retry(sweep, ("stopped",)),
            "open a round": lambda: rounds.create(self.root, QUIZ),
            "join a round": lambda: self.round.join("Grace"),
            "answer": lambda: self.round.answer(self.student, 1, is_real=True),
            "reveal": lambda: self.round.reveal(self.key),
            "import pictures": lambda: importer.import_pictures(self.folder / "pictures", "more", say_nothing, root=self.data),
            "import points": lambda: importer.import_points(self.folder / "points.csv", "dots", say_nothing, root=self.data),
            "upload": lambda: requests.start_import(open(self.folder / "points.csv", "rb"), ".csv", "up", 16),
            "prepare": lambda: prepared.obtain(DataConfig(name="pets", size=64), say_nothing),
            "start preparing": lambda: requests.start_preparing(DataConfig(name="pets", size=32)),
            "restore": lambda: runs.restore(self.root, self.deleted.id),
            "delete": lambda: runs.delete(self.parent),
            "empty the trash": lambda: runs.empty_trash(self.root),
            "remove data": lambda: imported.remove("pets", self.data, self.root),
        }

    def contents(self) -> dict[str, object]:
        """Return everything that a user has, read whole."""
        there: dict[str, object] = {run.id: (run.told(), seen(run)) for run in runs.list_runs(self.root)}
        there |= {f"deleted {run.id}": seen(run) for run in runs.list_trash(self.root)}
        there |= {sweep.id: sweep.record() for sweep in launched.list_sweeps(self.root)}
        there["answers"] = self.round.standing().answers
        there["data"] = sorted(entry.name for entry in data_sets.all_sets().values() if entry.origin == "own")
        return there


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Return a furnished disk of 16 megabytes; processes that are started do nothing."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=16m")
    monkeypatch.setenv("GAN_DATA", str(folder / "data"))
    monkeypatch.setenv("GAN_CORES", "1")  # taken, so that what is launched waits
    monkeypatch.setattr(holds, "LEAST_ROOM", 0)
    monkeypatch.setattr(processes, "_start", lambda arguments, **options: subprocess.Popen(["true"]))
    try:
        yield Disk(folder)
    finally:
        unmount(folder)


def fill(disk: Disk) -> Path:
    """Take the last byte of the disk, also those at the ends of files, and return the file that holds them."""
    ballast = disk.folder / "ballast"
    with pytest.raises(OSError), open(ballast, "wb", buffering=0) as file:  # ends when the disk is full
        while file.write(bytes(4096)):
            pass
    return ballast


def test_read_only_disk_refuses_every_action_in_one_sentence(disk: Disk) -> None:
    before = disk.contents()
    mount(disk.folder, "remount,ro")
    done = []
    for name, act in disk.actions().items():
        try:
            act()
            done.append(name)
        except InputError as error:
            assert is_sentence(str(error)), f"{name}: {error}"
            assert "No permission" in str(error), f"{name}: {error}"
    assert done == [], "a read-only disk cannot have done this"
    assert queue.advance(disk.root) == []
    assert disk.contents() == before
    mount(disk.folder, "remount,rw")
    assert files_left(disk.folder) == []


def test_full_disk_refuses_in_one_sentence_loses_nothing_and_room_lets_everything_go_on(disk: Disk) -> None:
    before, ballast = disk.contents(), fill(disk)
    refused = []
    for name, act in list(disk.actions().items())[:-4]:
        try:
            act()
        except InputError as error:
            assert is_sentence(str(error)), f"{name}: {error}"
            assert "disk is full" in str(error), f"{name}: {error}"
            refused.append(name)
    assert len(refused) >= 15, refused
    now = disk.contents()
    assert {key for key in before if key not in now} == set()
    assert before[disk.parent.id] == now[disk.parent.id]
    assert files_left(disk.folder) == []
    ballast.unlink()
    for name, act in disk.actions().items():
        if name in refused or name in list(disk.actions())[-4:]:
            try:
                act()
            except InputError as error:
                pytest.fail(f"{name} still fails: {error}")
    assert Run(disk.root / disk.deleted.id).path.is_dir()
    assert os.listdir(disk.root / runs.TRASH) == []
