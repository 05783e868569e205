"""Work requested by many people at once."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from gan.access import owners
from gan.access.people import Person, acting
from gan.catalogue import data_sets
from gan.data import imported
from gan.data.grouping import Choice
from gan.data.importer import import_points
from gan.errors import InputError
from gan.execution import processes, requests
from gan.guests import importer
from gan.guests.guest import list_guests
from gan.places import data_root
from gan.storage import signs
from gan.storage.jobs import Task, read, say_nothing
from tests.execution import quick
from tests.helpers import is_sentence, wait_until
from tests.networks.made_elsewhere import FOLDER


def test_of_many_uploads_at_once_one_is_imported_and_the_others_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    started = []

    def spawn(arguments: list[str], log: Path, *, locks: Sequence[Path], **options: Any) -> None:
        started.append(arguments)
        signs.announce(locks[0], os.getpid())  # alive, and about to take its lock

    def upload(number: int) -> str:
        try:
            requests.start_import(io.BytesIO(b"1,2\n3,4\n"), ".csv", f"Points {number}", 16)
        except InputError as error:
            return str(error)
        return ""

    monkeypatch.setattr(processes, "spawn", spawn)
    with ThreadPoolExecutor(8) as people:
        answers = sorted(people.map(upload, range(8)))
    assert len(started) == 1
    assert answers[0] == ""
    assert all(is_sentence(answer) for answer in answers[1:])
    assert len(list((tmp_path / data_sets.OWN / ".uploads").iterdir())) == 1, "refused uploads leave nothing"


ANN, BO, CY = (Person(id=f"{name}1", name=name) for name in ("Ann", "Bo", "Cy"))


def ask_for_points(person: Person) -> None:
    with acting(person):
        requests.start_import(io.BytesIO(b"1,2\n3,5\n" * 20), ".csv", f"Points of {person.name}", 16)


def import_of(person: Person) -> Task | None:
    with acting(person):
        return read(requests.import_path())


def test_imports_of_several_people_wait_for_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    monkeypatch.setattr(requests, "_MOST_IMPORTS", 2)
    requests.import_lock().parent.mkdir(parents=True)
    with quick.trainers():
        with FileLock(requests.import_lock()):  # the import of somebody else works
            for person in (ANN, BO):
                ask_for_points(person)
            for person in (ANN, BO):
                wait_until(lambda: "Waiting" in import_of(person).message, "it waits")  # type: ignore[union-attr]  # noqa: B023
            with pytest.raises(InputError, match="2 imports are under way or wait; try again in a minute"):
                ask_for_points(CY)
            assert len(list((tmp_path / data_sets.OWN / ".uploads").iterdir())) == 2, "nothing of the refused one"
        for person in (ANN, BO):
            wait_until(lambda: import_of(person).state == "finished", "it ends")  # type: ignore[union-attr]  # noqa: B023
        ask_for_points(CY)
        wait_until(lambda: import_of(CY).state == "finished", "it ends")  # type: ignore[union-attr]
    made = [entry for entry in data_sets.all_sets().values() if entry.origin == "own"]
    assert {(entry.title, imported.owner(entry)) for entry in made} == {(f"Points of {one.name}", one) for one in (ANN, BO, CY)}


def test_a_guest_waits_for_other_imports_as_data_does(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GAN_RUNS", str(root))
    content = io.BytesIO()
    np.save(content, np.zeros((24, 16, 16), np.uint8))

    def guest_of(person: Person) -> Task | None:
        with acting(person):
            return read(requests.guest_path(root))

    def ask(person: Person) -> None:
        with acting(person):
            content.seek(0)
            requests.start_guest(root, content, "x.npy", ["--no-score"], name=f"From {person.name}", data="digits")

    requests.import_lock().parent.mkdir(parents=True)
    with quick.trainers():
        with FileLock(requests.import_lock()):
            for person in (ANN, BO):
                ask(person)
            for person in (ANN, BO):
                wait_until(lambda: "Waiting" in guest_of(person).message, "it waits")  # type: ignore[union-attr]  # noqa: B023
            assert len(requests.imports(root)) == 2
            with pytest.raises(InputError, match="already under way"):
                ask(ANN)
        for person in (ANN, BO):
            wait_until(lambda: guest_of(person).state == "finished", "it ends")  # type: ignore[union-attr]  # noqa: B023
    assert {(one.label(), owners.read(one.path)) for one in list_guests(root)} == {
        (f"From {one.name} (guest)", one) for one in (ANN, BO)
    }
    assert not list((data_root() / data_sets.OWN / ".uploads").iterdir())


def test_an_upload_stays_while_its_import_waits_and_is_removed_after_the_import_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    requests.import_lock().parent.mkdir(parents=True)
    uploads = tmp_path / data_sets.OWN / ".uploads"

    def old(person: Person) -> Path:
        """Ask for an import that waits, as if for more than an hour."""
        before = set(uploads.glob("*"))
        ask_for_points(person)
        wait_until(lambda: "Waiting" in import_of(person).message, "it waits")  # type: ignore[union-attr]
        (upload,) = set(uploads.glob("*")) - before
        os.utime(upload, (1.0, 1.0))
        return upload

    with quick.trainers() as trainers:
        with FileLock(requests.import_lock()):
            waiting = old(ANN)
            ask_for_points(BO)
            assert waiting.exists()
        for person in (ANN, BO):
            wait_until(lambda: import_of(person).state != "running", "it ends")  # type: ignore[union-attr]  # noqa: B023
            assert import_of(person).state == "finished", import_of(person)  # type: ignore[union-attr]
        with FileLock(requests.import_lock()):
            left = old(ANN)
            os.kill(trainers.started[-1][1].pid, signal.SIGKILL)
            wait_until(lambda: import_of(ANN).state == "failed", "its end is seen")  # type: ignore[union-attr]
            ask_for_points(BO)
            assert not left.exists()


ODD = "Dark\0 \x1b[31m\x07\ud800\u202e rooms\r\n"


def test_control_characters_in_names_become_spaces(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    points = io.BytesIO(b"1,2\n3,5\n" * 20)
    requests.start_import(points, ".csv", ODD, 16)
    task = wait_until(lambda: (found := read(requests.import_path())) and found.state != "running" and found, "the import ends")
    assert task.state == "finished", task.message
    assert data_sets.find(task.result).title == "Dark [31m rooms"
    content = io.BytesIO()
    np.save(content, np.random.default_rng(0).integers(0, 256, (16, 16, 16), dtype=np.uint8))
    content.seek(0)
    requests.start_guest(root, content, f"{ODD}.npy", ["--no-score"], name=ODD, data="digits")
    task = wait_until(lambda: (found := read(requests.guest_path(root))) and found.state != "running" and found, "it is imported")
    assert task.state == "finished", task.message
    (guest,) = list_guests(root)
    assert (guest.label(), guest.facts().source) == ("Dark [31m rooms (guest)", "Dark [31m rooms .npy")


@pytest.mark.parametrize("name", ["\0", "\r\n", "\ud800", " "])
def test_names_of_control_characters_alone_are_refused(tmp_path: Path, root: Path, name: str) -> None:
    for act, said in (
        (lambda: imported_names(tmp_path, name), "expected 1 to"),
        (lambda: importer.bring(root, tmp_path, importer.Wish(name, "digits"), say_nothing), "has no name"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            act()
        assert is_sentence(str(caught.value))


def imported_names(tmp_path: Path, name: str) -> None:
    (tmp_path / "points.csv").write_text("1,2\n3,5\n" * 20)
    import_points(tmp_path / "points.csv", name, say_nothing, root=tmp_path / "data")


def test_what_no_command_can_be_given_is_refused_with_nothing_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    for folder in ("a\0b", "\ud800"):
        with pytest.raises(InputError, match="cannot be passed on") as caught:
            requests.start_import(io.BytesIO(b"x"), ".zip", "Pets", 16, Choice(only=(folder,)))
        assert is_sentence(str(caught.value))
    assert read(requests.import_path()) is None, "another import can start at once"
    assert not list((tmp_path / data_sets.OWN / ".uploads").iterdir())


def test_a_students_slow_generator_ends_with_a_sentence(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is set to next to nothing; the process ends by itself and leaves no guest."""
    monkeypatch.setattr(requests, "DRAWING", 1e-9)
    upload = io.BytesIO((FOLDER / "tutorial.keras").read_bytes())
    with acting(Person(id="0123456789abcdef", name="Ann")):
        requests.start_guest(root, upload, "slow.keras", ["--images=100"], name="Slow", data="digits", extractor="random-vgg")
        path = requests.guest_path(root)
    task = wait_until(lambda: (found := read(path)) and found.state != "running" and found, "the process ends")
    assert task.state == "failed" and is_sentence(task.message)
    assert "too slow: 50 of 300 pictures were drawn" in task.message and "limit of this class" in task.message
    assert list_guests(root) == [] and not list((data_root() / data_sets.OWN / ".uploads").glob("*"))
