"""The runs that ship with the program come into an empty folder once, whole, and never again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gan import runs
from gan.runs import Run, examples
from tests.helpers import make_run


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAN_EXAMPLES", raising=False)


def test_an_empty_folder_gets_two_finished_runs(root: Path) -> None:
    examples.offer(root)
    found = runs.list_runs(root)
    assert sorted(run.id for run in found) == examples.ids() and len(found) == 2
    assert {run.status().state for run in found} == {"finished"}
    assert all(run.scores() and run.samples() and run.has_checkpoint and run.opinions(max(run.samples())) for run in found)
    assert examples.among(root) == sorted(found, key=lambda run: run.id)
    assert not list(root.glob(".new-*"))


def test_they_tell_a_healthy_run_from_a_collapsed_one(root: Path) -> None:
    from gan.judging import doctor

    examples.offer(root)
    told = {}
    for run in runs.list_runs(root):
        line = [line for line in run.scores() if line.get("source") != "training"][-1]
        found = doctor.diagnose(run, line, doctor.logged(run), run.scores())
        told[run.label()] = {verdict.name for verdict in found if verdict.kind == "fault"}
    assert told["Healthy example"] == set()
    assert "collapse" in told["Collapsed example"]


def test_they_are_small_and_say_nothing_of_the_machine() -> None:
    paths = [path for name in examples.ids() for path in (examples.FOLDER / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in paths) < 2.3e6
    assert not {path.name for path in paths} & {"log.txt", "trainer.lock"}
    for path in paths:
        assert b"/home/" not in path.read_bytes() and b"/tmp/" not in path.read_bytes(), path


@pytest.mark.parametrize("deleted", [1, 2])
def test_deleted_ones_do_not_come_back(root: Path, deleted: int) -> None:
    examples.offer(root)
    for run in runs.list_runs(root)[:deleted]:
        runs.delete(run)
    runs.empty_trash(root)
    examples.offer(root)
    assert len(runs.list_runs(root)) == 2 - deleted


def test_a_folder_with_runs_gets_none(root: Path) -> None:
    run = make_run(root)
    examples.offer(root)
    assert runs.list_runs(root) == [run]
    run.write_status(run.status().model_copy(update={"state": "stopped"}))
    runs.delete(run)
    examples.offer(root)
    assert runs.list_runs(root) == []


def test_a_copy_that_was_cut_short_is_completed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shutil.copytree

    def fails_at_the_second(source: Path, *arguments: Any, **options: Any) -> object:
        if source == examples.FOLDER / examples.ids()[1]:
            raise OSError(28, "No space left on device")
        return whole(source, *arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(shutil, "copytree", fails_at_the_second)
        examples.offer(root)
    assert len(runs.list_runs(root)) == 1 and not (root / examples.MARK).exists()
    assert not list(root.glob(".new-*"))
    examples.offer(root)
    assert len(runs.list_runs(root)) == 2


def test_another_server_may_be_quicker(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def late(old: Path, new: Path) -> None:
        shutil.copytree(old, new)
        rename(old, new)

    monkeypatch.setattr(os, "rename", late)
    examples.offer(root)
    assert len(runs.list_runs(root)) == 2


def test_they_can_be_switched_off(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_EXAMPLES", "0")
    examples.offer(root)
    assert not root.exists() and examples.among(root) == []


def test_an_installation_without_them_works(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "FOLDER", tmp_path / "gone")
    examples.offer(root)
    assert examples.among(root) == [] and not Run(root / examples.MARK).path.exists()
