"""The class commands as processes: export with progress, archive and back, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from gan import runs
from gan.access import owners
from gan.access.classroom import Classroom
from gan.access.people import Person
from gan.execution import requests
from gan.runs import Run
from gan.storage import jobs
from tests.helpers import assert_one_sentence, make_run, run_gan

ANN = Person(id="a1", name="Ann")


@pytest.fixture
def mine(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return an ended run of Ann in a folder of this test."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    run = make_run(root, state="stopped")
    owners.write(run.path, ANN)
    return run


def test_codes(root: Path, tmp_path: Path) -> None:
    assert "No class has been opened" in assert_one_sentence(run_gan("class", "codes", root=root))
    opened = Classroom(tmp_path / "other").open()
    for order in (("class", "codes", "--root"), ("class", "--root")):
        rest = () if order[-2] == "codes" else ("codes",)
        done = run_gan(*order, tmp_path / "other", *rest, root=root)
        assert done.stdout == f"Code of the class: {opened.code}\nTeacher's code: {opened.teacher_code}\n"


@pytest.mark.parametrize(("options", "wrong"), [(["--port", "0"], "--port is 0"), (["--port", "x"], "--port")])
def test_a_class_that_cannot_start(root: Path, options: list[str], wrong: str) -> None:
    assert wrong in assert_one_sentence(run_gan("class", *options, root=root))


def test_export(root: Path, mine: Run, tmp_path: Path) -> None:
    waiting = make_run(root, state="queued")
    owners.write(waiting.path, Person(id="b1", name="Bo"))
    done = run_gan("class", "export", tmp_path / "class.zip", "--quiet", root=root)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'class.zip'}\n")
    assert done.stderr == "Bo: left out: 1 run still under way\n"
    with zipfile.ZipFile(tmp_path / "class.zip") as archive:
        assert "Ann/report.html" in archive.namelist()
    task = jobs.read(requests.class_export_path(root))
    assert task and (task.state, task.result) == ("finished", str(tmp_path / "class.zip"))


def test_export_without_runs_is_refused(root: Path, tmp_path: Path) -> None:
    root.mkdir()
    assert "no ended run" in assert_one_sentence(run_gan("class", "export", tmp_path / "class.zip", root=root))
    assert jobs.read(requests.class_export_path(root)) is None, "the failure is told in the terminal, not on the page"
    own = requests.class_export_path(root).with_suffix(".zip")  # as the page starts it
    assert "no ended run" in assert_one_sentence(run_gan("class", "export", own, root=root))
    task = jobs.read(requests.class_export_path(root))
    assert task and task.state == "failed" and "no ended run" in task.message
    assert "does not end in .zip" in assert_one_sentence(run_gan("class", "export", tmp_path / "class.txt", root=root))


def test_archive_and_back(root: Path, mine: Run) -> None:
    assert "There are no archives" in run_gan("class", "archives", root=root).stdout
    assert run_gan("class", "archive", root=root).stdout.startswith("Moved 1 run to the archive 2")
    assert runs.list_runs(root) == []
    (found,) = json.loads(run_gan("class", "archives", "--json", root=root).stdout)
    assert (found["runs"], found["contents"]) == (1, "1 run")
    assert run_gan("class", "restore", found["name"], root=root).stdout == "Restored 1 run.\n"
    assert runs.list_runs(root) == [mine]


def test_clear_stops_first_if_asked(root: Path, mine: Run) -> None:
    owners.write(make_run(root, state="queued").path, ANN)
    assert "stop all of them first" in assert_one_sentence(run_gan("class", "clear", root=root))
    assert run_gan("class", "clear", "--stop", root=root).stdout == "Moved 2 runs to the trash.\n"
    assert len(runs.list_trash(root)) == 2
    assert "nothing to move" in assert_one_sentence(run_gan("class", "clear", root=root))
