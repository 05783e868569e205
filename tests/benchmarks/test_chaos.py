"""Some seconds of a class whose processes are killed, and what is found if something acknowledged is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import aftermath, chaos, people
from benchmarks.people import Line
from gan import runs
from gan.access.people import Person, acting
from gan.runs import Run
from tests.helpers import make_run

ANN, BO = Person(id="a" * 16, name="Ann"), Person(id="b" * 16, name="Bo")


def test_nothing_is_lost_in_some_seconds_of_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_SPARE", "0")
    monkeypatch.setattr(chaos, "_SETTLED", 5.0)
    monkeypatch.setattr(chaos, "_PLAYERS", 0)
    monkeypatch.setattr(chaos, "_VISITORS", 1)
    monkeypatch.setattr(people, "MOST_WAITING", 1)
    found = chaos.wreak(tmp_path / "runs", 6, 3, seed=3, patience=120)
    assert found.killed.total() > 0
    assert found.faults == []


@pytest.fixture
def ended(root: Path) -> Run:
    """Return a run of Ann that has finished."""
    with acting(ANN):
        run = make_run(root)
    run.write_status(run.status().model_copy(update={"state": "finished", "step": 12}))
    return run


def rename(run: Run) -> Line:
    run.rename("another name")
    return Line(ANN.id, "rename", run.id, "Ann 1", is_done=True)


def gone(run: Run) -> Line:
    os.rename(run.path, run.path.with_name("elsewhere"))
    return Line(ANN.id, "launch", run.id, is_done=True)


def foreign(run: Run) -> Line:
    return Line(BO.id, "launch", run.id, is_done=True)


def kept(run: Run) -> Line:
    return Line(ANN.id, "delete", run.id, is_done=True)


def deleted(run: Run) -> Line:
    runs.delete(run)
    return Line(ANN.id, "restore", run.id, is_done=True)


def damaged(run: Run) -> Line:
    run.status_path.write_text("{")
    return Line(ANN.id, "launch", run.id, is_done=True)


def meddled(run: Run) -> Line:
    run.annotate([], "Bo: 1")
    return Line(BO.id, "meddle", run.id, "rename", is_done=True)


@pytest.mark.parametrize("harm", [rename, gone, foreign, kept, deleted, damaged, meddled])
def test_each_kind_of_loss_is_found(
    harm: Callable[[Run], Line], ended: Run, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    assert aftermath.faults(root, [ANN, BO]) == []
    people.write(root, harm(ended))
    assert aftermath.faults(root, [ANN, BO])


def test_what_was_begun_after_the_last_acknowledged_action_may_hold_too() -> None:
    journal = [
        Line("a", "rename", "1", "x"),
        Line("a", "rename", "1", "x", is_done=True),
        Line("a", "rename", "1", "y"),
        Line("a", "stop", "1", is_done=True),
        Line("a", "stop", "2", is_done=True),
        Line("a", "resume", "2"),
    ]
    assert [line.value for line in aftermath.last(journal, "rename")["1"]] == ["x", "y"]
    assert aftermath.steered(journal) == {"1": "stop", "2": ""}
