"""Owners: whose runs, forks, sweeps and data sets are, and that work done for everyone goes on whoever starts it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from gan import runs
from gan.access import limits, owners
from gan.access.limits import Limits
from gan.access.people import TEACHER, Person, acting
from gan.catalogue import data_sets
from gan.data import imported
from gan.errors import InputError
from gan.execution import processes, queue, requests, steering
from gan.runs import changes, forks, index
from gan.storage import jobs
from gan.sweeps import launched
from gan.sweeps import plan as plans
from tests.execution import quick
from tests.helpers import make_run, tiny, train, wait_until

ANN, BO, ASA = Person(id="a1", name="Ann"), Person(id="b1", name="Bo"), Person(id="c1", name='--Åsa <b> "x"')
RING = {"data.name": "ring"}
PLAN = plans.parse({"base": "ring-mlp", "axes": {"networks.hidden": [16, 32]}})


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the ids of the runs that the queue starts, without starting a process."""
    ids: list[str] = []
    monkeypatch.setenv("GAN_CORES", "16")
    monkeypatch.setattr(processes, "spawn", lambda arguments, log, **options: ids.append(arguments[1]))
    return ids


def test_a_run_belongs_to_who_makes_it(root: Path) -> None:
    with acting(ASA):
        run = make_run(root)
    assert run.owner() == ASA
    (listed,) = index.read(root)
    assert listed.facts.owner == ASA


def test_a_run_of_the_teacher_has_no_file(root: Path) -> None:
    run = make_run(root)
    assert not (run.path / owners.FILE).exists()
    assert run.owner() == TEACHER == index.read(root)[0].facts.owner


def test_an_owner_is_kept_through_names_notes_and_the_trash(root: Path) -> None:
    with acting(ANN):
        run = make_run(root, state="stopped")
        run.rename("name")
        run.annotate(["tag"], "note")
        runs.delete(run)
        assert runs.restore(root, run.id).owner() == ANN


def test_a_fork_belongs_to_who_forks(root: Path) -> None:
    with acting(ANN):
        run = make_run(root, RING, family="mlp")
        train(run)
    with acting(BO):
        assert forks.make(run, None, {}).owner() == BO
    assert forks.make(run, None, {}).owner() == TEACHER


def test_runs_of_a_sweep_belong_to_its_owner_whoever_completes_it(root: Path, spawned: list[str]) -> None:
    limits.write(root, Limits(training=8))
    with acting(ANN):
        sweep = launched.create(root, PLAN)
    sweep.change(is_paused=True)
    assert sweep.owner() == ANN
    with acting(BO):
        queue.launch(root, tiny(), "of Bo")
    found = {run.label(): run.owner() for run in runs.list_runs(root)}
    assert len(found) == 4 and found.pop("of Bo") == BO and set(found.values()) == {ANN}
    assert len(spawned) == 1, "the sweep is paused"
    with acting(ANN):
        steering.pause(sweep, is_paused=False)
    assert len(spawned) == 4


def test_a_launch_of_a_student_starts_what_waits_of_others(root: Path, spawned: list[str]) -> None:
    waiting = make_run(root, state="queued", threads=0)
    with acting(BO):
        own = queue.launch(root, tiny())
    assert spawned == [waiting.id, own.id]


def test_a_damaged_sweep_is_the_teachers_to_remove(root: Path) -> None:
    with acting(ANN):
        sweep = launched.create(root, PLAN)
        sweep.path.write_text("{")
        with pytest.raises(InputError, match="its owner is not known"):
            steering.remove(sweep)
    steering.remove(sweep)


def test_a_sweep_of_before_there_were_owners_is_the_teachers(root: Path) -> None:
    sweep = launched.create(root, PLAN)
    stored = json.loads(sweep.path.read_text())
    assert stored.pop("owner") is None
    sweep.path.write_text(json.dumps(stored))
    assert sweep.owner() == TEACHER


def test_in_a_class_a_change_bears_the_name_of_who_acts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with acting(ANN):
        run = make_run(root, RING, family="mlp", state="queued")
        assert changes.ask(run, {"objective.r1": 2.0}, step=5, who="Bo").who == "Bo", "without a class, who says so"
        monkeypatch.setenv("GAN_CLASS", "1")
        assert changes.ask(run, {"objective.r1": 3.0}, step=5, who="Bo").who == "Ann"


def test_an_import_belongs_to_who_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    with quick.trainers(), acting(ASA):
        requests.start_import(io.BytesIO(b"1,2\n3,5\n" * 20), ".csv", "mine", 32)
        task = wait_until(lambda: (found := jobs.read(requests.import_path())) and found.state != "running" and found, "the import")
    assert task.state == "finished", task
    mine = data_sets.find("mine")
    assert imported.owner(mine) == ASA
    with acting(BO), pytest.raises(InputError, match="delete the data set “mine”; ask them"):
        imported.remove("mine", tmp_path, tmp_path / "runs")
    with acting(ASA):
        imported.remove("mine", tmp_path, tmp_path / "runs")
