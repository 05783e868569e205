"""The export of a class: a folder per person, names made safe, and who is left out for which reason."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from gan import runs
from gan.access import owners
from gan.access.classroom import Classroom
from gan.access.people import TEACHER, Person, acting
from gan.errors import InputError
from gan.report import everyone
from gan.runs import Run
from tests.helpers import PROJECT, make_run

NAMES = ["../../etc/passwd", "..", "a/b\\c", "CON", "Åsa <b>", "李小龍", "💥", "ann", "ANN", "x" * 30, ". .", "contents.md"]


def give(run: Run, person: Person) -> Run:
    owners.write(run.path, person)
    return run


def example(root: Path, person: Person) -> Run:
    """Copy a finished run with scores and samples for a person."""
    source = sorted((PROJECT / "examples").glob("2*"))[0]
    copy = Run(root / runs.new_id())
    shutil.copytree(source, copy.path)
    return give(copy, person)


@pytest.fixture
def people(root: Path) -> dict[str, Person]:
    """Return a class: Ann with an ended run, Bo with a waiting one, Cy without runs."""
    root.mkdir()
    classroom = Classroom(root)
    code = classroom.open().code
    people = {name: classroom.enter(name, code)[0] for name in ("Ann", "Bo", "Cy")}
    example(root, people["Ann"])
    give(make_run(root, state="queued"), people["Bo"])
    return people


def test_one_folder_a_person_and_reasons_for_the_others(root: Path, people: dict[str, Person], tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    waiting = give(make_run(root, state="queued"), people["Ann"])
    example(root, TEACHER)
    out = tmp_path / "class.zip"
    shares = everyone.write(root, out, lambda sentence, share: told.append((sentence, share)))
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        contents = archive.read("contents.md").decode()
        page = archive.read("Ann/report.html").decode()
    assert {name.split("/")[0] for name in names} == {"Ann", "contents.md"}
    assert {"Ann/report.html", "Ann/report.md"} <= set(names) and waiting.id not in page
    assert [(share.person.name, share.runs, share.left_out) for share in shares] == [
        ("Ann", 1, "1 run still under way"),
        ("Bo", 0, "1 run still under way"),
        ("Cy", 0, "no runs"),
    ]
    assert "| Bo | none | 0 | 1 run still under way |" in contents and "| Ann | `Ann/` | 1 |" in contents
    assert [share for _, share in told] == [0.0, 1.0, 1.0] and "Ann" in told[0][0]
    assert list(tmp_path.glob(".*")) == []


def test_the_teachers_runs_on_request(root: Path, people: dict[str, Person], tmp_path: Path) -> None:
    example(root, TEACHER)
    everyone.write(root, tmp_path / "class.zip", with_teacher=True)
    with zipfile.ZipFile(tmp_path / "class.zip") as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"Ann", "Teacher", "contents.md"}


def test_names_make_no_paths_and_do_not_collide() -> None:
    found = everyone.folders([Person(id=str(place), name=name) for place, name in enumerate(NAMES)])
    folders = list(found.values())
    assert len({name.casefold() for name in folders}) == len(NAMES)
    assert all(name and not set(name) & set('/\\:*?"<>|. ') and len(name) <= 35 for name in folders)
    assert folders[0] == "etc-passwd" and folders[3] != "CON" and folders[7:9] == ["ann", "ANN-2"]


def test_two_same_names_have_two_folders(root: Path, people: dict[str, Person], tmp_path: Path) -> None:
    example(root, Person(id="other", name="ann"))  # of a class before
    shares = everyone.write(root, tmp_path / "class.zip")
    assert sorted(share.folder for share in shares if share.folder) == ["Ann", "ann-2"]


def test_nothing_to_export_is_told_and_an_old_file_stays(root: Path, people: dict[str, Person], tmp_path: Path) -> None:
    out = tmp_path / "class.zip"
    out.write_bytes(b"old")
    for run in runs.list_runs(root):
        if run.status().state != "queued":
            runs.delete(run)
    with pytest.raises(InputError, match="no ended run to export"):
        everyone.write(root, out)
    assert out.read_bytes() == b"old"


def test_a_damaged_run_does_not_keep_the_others_out(root: Path, people: dict[str, Person], tmp_path: Path) -> None:
    broken = example(root, people["Bo"])
    for name in ("config.json", "status.json", "metrics.jsonl", "scores.jsonl"):
        (broken.path / name).write_bytes(b"\xff{")
    shares = {share.person.name: share for share in everyone.write(root, tmp_path / "class.zip")}
    assert shares["Ann"].folder == "Ann" and shares["Bo"].folder == "Bo"


def test_without_a_class_owners_are_exported(root: Path, tmp_path: Path) -> None:
    root.mkdir()
    example(root, Person(id="a", name="Ann"))
    assert [share.folder for share in everyone.write(root, tmp_path / "class.zip")] == ["Ann"]


def test_only_the_teacher_exports(root: Path, people: dict[str, Person], tmp_path: Path) -> None:
    with acting(people["Ann"]), pytest.raises(InputError, match="Only the teacher"):
        everyone.write(root, tmp_path / "class.zip")


def test_the_owner_is_not_part_of_the_report(root: Path, people: dict[str, Person], tmp_path: Path) -> None:
    everyone.write(root, tmp_path / "class.zip")
    code = json.loads((root / ".class" / "class.json").read_text())["students"][people["Ann"].id]["code"]
    with zipfile.ZipFile(tmp_path / "class.zip") as archive:
        assert people["Ann"].id.encode() not in b"".join(archive.read(name) for name in archive.namelist())
        assert f"| {code} |" not in archive.read("contents.md").decode()
