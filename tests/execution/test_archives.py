"""After class: the students' work is moved to an archive and back, or to the trash, and never while it is under way."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gan import runs
from gan.access import limits, owners
from gan.access.people import TEACHER, Person, acting
from gan.catalogue import data_sets
from gan.data import importer
from gan.errors import InputError
from gan.execution import archives, queue, quotas, steering
from gan.execution.archives import Belongings
from gan.guests import importer as guest_importer
from gan.guests.guest import Guest, list_guests
from gan.guests.importer import Wish
from gan.places import data_root
from gan.runs import Run
from gan.storage.jobs import say_nothing
from gan.sweeps import launched
from gan.sweeps.launched import Sweep
from gan.sweeps.plan import Plan, parse
from tests.helpers import make_run, tiny

ANN, BO = Person(id="a1", name="Ann"), Person(id="b1", name="Bo")


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep imported sets in a folder of this test."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def give(run: Run, person: Person) -> Run:
    owners.write(run.path, person)
    return run


def imported(tmp_path: Path, title: str, person: Person | None = None) -> str:
    """Import points as a data set of a person."""
    path = tmp_path / "points.csv"
    path.write_text("x,y\n" + "\n".join(f"{number},{number}" for number in range(64)))
    name = importer.import_points(path, title, lambda sentence, share: None, root=data_root())
    if person:
        owners.write(data_sets.own_folder(name), person)
    return name


def plan() -> Plan:
    config = tiny().model_dump(mode="json")
    return parse({"schema_version": 1, "name": "two", "base": config, "axes": {"training.seed": [0]}})


@pytest.fixture
def mine(root: Path, own_data: Path, tmp_path: Path) -> tuple[Run, str]:
    """Return a run and a data set of the teacher, next to two runs of Ann, one of Bo, and a data set of Bo."""
    for person in (ANN, ANN, BO):
        give(make_run(root, state="finished"), person)
    imported(tmp_path, "Spirals", BO)
    return make_run(root, state="finished"), imported(tmp_path, "Mine")


def there(root: Path) -> set[str]:
    return {run.id for run in runs.list_runs(root)} | {name for name, one in data_sets.all_sets().items() if one.origin == "own"}


def test_archive_and_back(root: Path, mine: tuple[Run, str]) -> None:
    before = there(root)
    found = archives.belongings(root)
    assert (str(found), found.people) == ("3 runs and 1 imported data set", 2)
    name = archives.archive(root)
    assert there(root) == {mine[0].id, mine[1]}
    (kept,) = archives.list_archives(root)
    assert (kept.name, str(kept)) == (name, "3 runs and 1 imported data set")
    assert not archives.belongings(root)
    with pytest.raises(InputError, match="nothing to move"):
        archives.archive(root)
    archives.restore(root, name)
    assert there(root) == before and archives.list_archives(root) == []
    assert {owner.name for owner in map(owners.read, (run.path for run in runs.list_runs(root)))} == {"Ann", "Bo", "Teacher"}


def test_clear_moves_runs_to_the_trash_and_sets_to_an_archive(root: Path, mine: tuple[Run, str]) -> None:
    name = archives.clear(root)
    assert there(root) == {mine[0].id, mine[1]} and len(runs.list_trash(root)) == 3
    assert [str(one) for one in archives.list_archives(root)] == ["1 imported data set"]
    archives.restore(root, name)
    assert len(there(root)) == 3


def test_clearing_says_what_goes_where() -> None:
    run, guest = Run(Path("r")), Guest(Path("g"))
    assert Belongings((run, run), sets=("a",)).cleared("2026-11-30-1a2b") == (
        "2 runs to the trash; 1 imported data set to the archive 2026-11-30-1a2b"
    )
    assert Belongings(sets=("a", "b")).cleared() == "2 imported data sets to an archive"
    assert Belongings((run,), (guest,)).cleared() == "1 run and 1 guest to the trash"
    kept = Belongings((run,), sweeps=(Sweep(Path("r"), "s"),), sets=("a",))
    assert kept.cleared() == "1 run to the trash; 1 sweep and 1 imported data set to an archive"


@pytest.mark.parametrize("put_away", [archives.archive, archives.clear])
def test_a_click_at_the_moment_of_the_move_says_what_happened(put_away: Callable[[Path], str], root: Path, own_data: Path) -> None:
    run = give(make_run(root, state="stopped"), ANN)
    put_away(root)
    for action in (lambda: run.rename("new"), lambda: queue.stop(run), lambda: queue.resume(run), lambda: runs.delete(run)):
        with acting(ANN), pytest.raises(InputError, match="has been moved or deleted meanwhile; reload the page"):
            action()
    assert not run.path.exists()


def test_nothing_is_moved_while_a_run_is_under_way(root: Path, mine: tuple[Run, str]) -> None:
    give(make_run(root, state="queued"), ANN)
    before = there(root)
    for move in (archives.archive, archives.clear):
        with pytest.raises(InputError, match="Students have 1 run under way; stop all of them first"):
            move(root)
    assert there(root) == before
    assert archives.stop(root) == 1
    archives.archive(root)
    assert there(root) == {mine[0].id, mine[1]}


def test_a_training_run_is_stopped_before_it_is_moved(root: Path, own_data: Path) -> None:
    run = give(make_run(root), ANN)
    with run.hold():
        run.write_status(run.status().model_copy(update={"state": "running"}))
        with pytest.raises(InputError, match="under way"):
            archives.archive(root)
        assert archives.stop(root) == 1 and run.control().stop
    assert archives.belongings(root).active == ()
    archives.archive(root)


def test_the_teachers_training_does_not_matter_unless_it_uses_a_set(root: Path, mine: tuple[Run, str]) -> None:
    training = make_run(root, {"data.name": "spirals"}, family="mlp", state="queued")
    with pytest.raises(InputError, match=f"Run {training.id} uses “Spirals”; stop it first"):
        archives.archive(root)
    queue.stop(training)
    archives.archive(root)
    assert training.id in there(root)


def test_a_sweep_goes_with_its_runs(root: Path, own_data: Path) -> None:
    with acting(ANN):
        sweep = launched.create(root, plan())
    launched.complete(sweep)
    for run in sweep.runs():
        owners.write(run.path, ANN)
    with pytest.raises(InputError, match="under way"):
        archives.archive(root)
    archives.stop(root)
    name = archives.archive(root)
    assert launched.list_sweeps(root) == [] and runs.list_runs(root) == []
    assert str(archives.list_archives(root)[0]) == "1 run and 1 sweep"
    archives.restore(root, name)
    assert [one.id for one in launched.list_sweeps(root)] == [sweep.id] and len(sweep.runs()) == 1
    (run,), name = sweep.runs(), archives.clear(root)
    assert launched.list_sweeps(root) == [] and len(runs.list_trash(root)) == 1
    assert [str(one) for one in archives.list_archives(root)] == ["1 sweep"]
    archives.restore(root, name)
    runs.restore(root, run.id)
    assert [one.id for one in launched.list_sweeps(root)] == [sweep.id] and sweep.runs() == [run]


def test_a_sweep_of_the_teacher_stays(root: Path, own_data: Path) -> None:
    sweep = launched.create(root, plan())
    launched.complete(sweep)
    steering.cancel(sweep)
    give(make_run(root, state="finished"), ANN)
    archives.archive(root)
    assert launched.list_sweeps(root) == [Sweep(root, sweep.id)]


def test_after_a_kill_in_between_the_next_call_moves_the_rest(
    root: Path, mine: tuple[Run, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename = there(root), os.rename
    calls: list[object] = []

    def killed(*paths: Path) -> None:
        calls.append(paths)
        if len(calls) == 3:
            raise KeyboardInterrupt
        rename(*paths)

    monkeypatch.setattr(archives.os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        archives.archive(root)
    monkeypatch.undo()
    monkeypatch.setenv("GAN_DATA", str(root.parent / "data"))
    assert len(there(root)) == len(before) - 2
    archives.archive(root)
    for one in archives.list_archives(root):
        archives.restore(root, one.name)
    assert there(root) == before


def test_a_set_whose_name_is_taken_stays_in_the_archive(root: Path, mine: tuple[Run, str], tmp_path: Path) -> None:
    name = archives.archive(root)
    imported(tmp_path, "Spirals")
    with pytest.raises(InputError, match="All was restored except 1 data set"):
        archives.restore(root, name)
    assert len(runs.list_runs(root)) == 4
    assert [str(one) for one in archives.list_archives(root)] == ["1 imported data set"]


@pytest.mark.parametrize("name", ["", "..", "2026-11-30-1a2b", "../../etc", "sweeps"])
def test_restoring_what_is_not_there_gets_a_sentence(root: Path, own_data: Path, name: str) -> None:
    run = make_run(root, state="finished")
    (root / archives.FOLDER).mkdir()
    with pytest.raises(InputError, match="There is no archive"):
        archives.restore(root, name)
    assert runs.list_runs(root) == [run]


def test_only_the_teacher_moves(root: Path, mine: tuple[Run, str]) -> None:
    for move in (archives.archive, archives.clear, archives.stop, lambda root: archives.restore(root, "x")):
        with acting(ANN), pytest.raises(InputError, match="Only the teacher"):
            move(root)


def test_a_damaged_owner_is_a_students(root: Path, own_data: Path) -> None:
    run = make_run(root, state="finished")
    (run.path / owners.FILE).write_text(json.dumps({"id": ""}))
    assert str(archives.belongings(root)) == "1 run"


def test_guests_go_with_the_rest(root: Path, mine: tuple[Run, str], tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (16, 32, 32), dtype=np.uint8)
    np.save(tmp_path / "pictures.npy", pictures)
    for person in (ANN, TEACHER):
        with acting(person):
            guest_importer.bring(root, tmp_path / "pictures.npy", Wish("Keras", "digits"), say_nothing)
    assert str(archives.belongings(root)) == "3 runs, 1 guest and 1 imported data set"
    name = archives.archive(root)
    assert [guest.owner() for guest in list_guests(root)] == [TEACHER]
    assert [str(one) for one in archives.list_archives(root)] == ["3 runs, 1 guest and 1 imported data set"]
    archives.restore(root, name)
    assert {guest.owner() for guest in list_guests(root)} == {TEACHER, ANN}
    archives.clear(root)
    assert [guest.owner() for guest in list_guests(root)] == [TEACHER]


def test_guests_count_against_the_megabytes_of_a_student(root: Path, own_data: Path, tmp_path: Path) -> None:
    limits.write(root, limits.read(root).model_copy(update={"megabytes": 1}))
    np.save(tmp_path / "pictures.npy", np.zeros((1200, 32, 32), dtype=np.uint8))
    with acting(ANN):
        quotas.gate(root, 1)(tiny())
        guest_importer.bring(root, tmp_path / "pictures.npy", Wish("Keras", "digits"), say_nothing)
        with pytest.raises(InputError, match="1 MB for all runs and guests of a student"):
            quotas.gate(root, 1)(tiny())
