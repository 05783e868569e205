"""The data commands import, list, show, prepare and remove, called as on the command line, and imports in their own process."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan.access import limits
from gan.access.limits import Limits
from gan.access.people import Person, acting
from gan.catalogue import data_sets
from gan.commands.main import main
from gan.config.data import DataConfig
from gan.data import importer, loaders, prepared
from gan.data.grouping import Choice
from gan.errors import InputError
from gan.execution import queue, requests
from gan.storage import files
from gan.storage.jobs import Task, forget, read
from tests.helpers import assert_one_sentence, is_sentence, make_run, run_gan, train, wait_until


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty data folder."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def picture(seed: int, *, size: tuple[int, int] = (40, 30), kind: str = "PNG") -> bytes:
    """Return a picture file of random colours."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize(size).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of pictures in two classes, with one file that is not a picture."""
    place = tmp_path / "pictures"
    for name, count in (("cats", 30), ("dogs", 20)):
        (place / name).mkdir(parents=True)
        for index in range(count):
            (place / name / f"{index}.png").write_bytes(picture(index + 100 * len(name) + ord(name[0])))
    (place / "cats" / "notes.txt").write_text("no picture")
    return place


def zipped(folder: Path) -> bytes:
    """Return a folder as the bytes of a ZIP."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, str(path.relative_to(folder)))
    return buffer.getvalue()


def end_of_import() -> Task:
    """Wait for the end of the import process and return its final state."""
    return wait_until(
        lambda: (found := read(requests.import_path())) and found.state != "running" and found,
        "the import has ended",
        seconds=90,
    )


def run_quietly(*arguments: object) -> int:
    """Run a command in this process."""
    return main([str(argument) for argument in arguments])


def test_folder_is_imported_listed_shown_trained_on_and_removed(
    folder: Path, data_root: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_quietly("data", "import", folder, "--name", "Cats & dogs 🐈", "--size", 16) == 0
    said = capsys.readouterr().out
    assert "50 images imported as cats-dogs" in said
    assert "1 skipped" in said
    entry = data_sets.find("cats-dogs")
    assert (entry.title, entry.classes, entry.counts) == ("Cats & dogs 🐈", ("cats", "dogs"), (30, 20))
    assert prepared.find(DataConfig(name="cats-dogs", size=16)) is not None, "the import must also be prepared for training"

    assert run_quietly("data", "list", "--json") == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert listed["cats-dogs"]["images"] == 50
    assert set(data_sets.DATA_SETS) < set(listed)

    assert run_quietly("data", "show", "cats-dogs", "--size", 16, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["counts"] == [30, 20]
    assert facts["sizes"]["median"] == [40, 30]
    assert facts["skipped"] == 1
    assert len(facts["reasons"]) == 1
    assert run_quietly("data", "show", "cats-dogs", "--size", 16) == 0
    said = capsys.readouterr().out
    assert "notes.txt" in said
    assert "cats 30, dogs 20" in said

    run = make_run(root, {"data.name": "cats-dogs", "optimizer.batch_size": 16, "data.flips": True})
    assert train(run).state == "finished"

    assert run_quietly("data", "remove", "cats-dogs", "--root", root) == 0
    assert "cats-dogs" not in data_sets.all_sets()
    assert not data_sets.own_folder("cats-dogs").exists()
    assert not list((data_root / "prepared").glob("cats-dogs*")), "prepared copies must be removed too"
    assert run.config().data.name == "cats-dogs", "the config of the run must stay readable"
    with pytest.raises(InputError) as caught:
        queue.resume(run, None)
    assert is_sentence(str(caught.value))


def test_zip_and_folder_import_the_same_data(folder: Path, data_root: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures.zip").write_bytes(zipped(folder))
    assert run_quietly("data", "import", folder, "--name", "folder", "--size", 16, "--quiet") == 0
    assert run_quietly("data", "import", tmp_path / "pictures.zip", "--name", "zip", "--size", 16, "--quiet") == 0
    one, other = (loaders.load(DataConfig(name=name, size=16)) for name in ("folder", "zip"))
    assert torch.equal(one.pixels, other.pixels)
    assert torch.equal(one.labels, other.labels)


@pytest.fixture
def split_folder(tmp_path: Path) -> Path:
    """Return a folder of cats and dogs, in parts to train and to test with, and a stray picture."""
    place = tmp_path / "pets"
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (place / part / name).mkdir(parents=True)
            for index in range(10):
                (place / part / name / f"{index}.png").write_bytes(picture(index + 100 * len(part) + ord(name[0])))
    (place / "stray.png").write_bytes(picture(0))
    return place


def test_classes_are_shown_before_the_import(split_folder: Path, data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bring = ("data", "import", split_folder, "--name", "Pets", "--size", 16)
    found = (
        "Classes are the folders (test and train are splits of one data set, and imported together): cat 20, dog 20. "
        "Left out: 1 picture in no class folder.\n"
    )
    assert run_quietly(*bring, "--dry-run") == 0
    assert capsys.readouterr().out == found
    assert "pets" not in data_sets.all_sets()
    assert not (data_root / "own").exists()
    assert run_quietly(*bring) == 0
    assert capsys.readouterr().out.startswith(found)
    assert data_sets.find("pets").classes == ("cat", "dog")
    assert run_quietly("data", "show", "pets", "--size", 16) == 0
    assert found in capsys.readouterr().out


@pytest.mark.parametrize(
    ("choice", "classes", "counts"),
    [
        (["--classes", "no"], (), (41,)),
        (["--classes", "yes"], ("cat", "dog"), (20, 20)),
        (["--only", "cat"], (), (20,)),
        (["--only", "test", "--only", "train"], ("test", "train"), (20, 20)),
    ],
)
def test_classes_are_chosen(
    choice: list[str], classes: tuple[str, ...], counts: tuple[int, ...], split_folder: Path, data_root: Path
) -> None:
    assert run_quietly("data", "import", split_folder, "--name", "Pets", "--size", 16, "--quiet", *choice) == 0
    assert (data_sets.find("pets").classes, data_sets.find("pets").counts) == (classes, counts)


def test_folder_that_is_not_there_is_one_sentence(split_folder: Path, data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_quietly("data", "import", split_folder, "--name", "Pets", "--only", "cta", "--quiet") == 2
    said = capsys.readouterr().err.strip()
    assert is_sentence(said), said
    assert "did you mean “cat”" in said
    assert "pets" not in data_sets.all_sets()


def test_choice_of_an_upload_is_kept(split_folder: Path, data_root: Path) -> None:
    requests.start_import(io.BytesIO(zipped(split_folder)), ".zip", "Pets", 16, Choice(only=("dog",)))
    assert end_of_import().state == "finished"
    assert (data_sets.find("pets").counts, data_sets.find("pets").skipped) == ((20,), 21)


@pytest.fixture
def dark_folder(tmp_path: Path) -> Path:
    """Return a folder of 12-bit pictures in 16-bit files."""
    place = tmp_path / "microscope"
    place.mkdir()
    for index in range(20):
        values = np.random.default_rng(index).integers(0, 4096, (20, 20), dtype=np.uint16)
        values[0, 0] = 4095
        Image.fromarray(values).save(place / f"{index}.png")
    return place


def test_dark_pictures_are_reported_and_stretched(
    dark_folder: Path, data_root: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_quietly("data", "import", dark_folder, "--name", "Cells", "--size", 16) == 0
    said = capsys.readouterr().out
    assert "It uses 6 % of its range of values, so the images are dark." in said
    assert "python -m gan data stretch cells" in said
    dark, version = loaders.load(DataConfig(name="cells", size=16)).pixels, data_sets.find("cells").version
    assert run_quietly("data", "stretch", "cells", "--root", root) == 0
    assert "full range" in capsys.readouterr().out
    bright = loaders.load(DataConfig(name="cells", size=16)).pixels
    assert dark.max() <= 16
    assert bright.float().mean() > 100
    assert data_sets.find("cells").version != version
    assert run_quietly("data", "show", "cells", "--size", 16) == 0
    assert "Stretched: it used 6 % of its range of values." in capsys.readouterr().out

    run = make_run(root, {"data.name": "cells", "optimizer.batch_size": 16}, state="queued")
    for arguments in (("cells",), ("cells", "--undo"), ("digits",), ("digits", "--undo")):
        assert run_quietly("data", "stretch", *arguments, "--root", root) == 2
        assert is_sentence(said := capsys.readouterr().err.strip()), said
    run.write_status(run.status().model_copy(update={"state": "stopped"}))
    assert run_quietly("data", "stretch", "cells", "--undo", "--root", root) == 0
    assert torch.equal(loaders.load(DataConfig(name="cells", size=16)).pixels, dark)
    assert data_sets.find("cells").version == version


def test_pictures_that_use_their_range_are_not_stretched(
    folder: Path, data_root: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_quietly("data", "import", folder, "--name", "Pets", "--size", 16) == 0
    assert "range" not in capsys.readouterr().out
    assert run_quietly("data", "stretch", "pets", "--root", root) == 2
    assert "nothing to stretch" in capsys.readouterr().err


def test_points_are_imported_from_a_csv_file(data_root: Path, tmp_path: Path, root: Path) -> None:
    values = np.random.default_rng(0).normal(5, 3, (400, 2))
    np.savetxt(tmp_path / "points.csv", values, delimiter=",", header="x,y", comments="")
    assert run_quietly("data", "import", tmp_path / "points.csv", "--name", "Cloud", "--quiet") == 0
    entry = data_sets.find("cloud")
    assert (entry.kind, entry.images) == ("points", 400)
    found = loaders.load(DataConfig(name="cloud")).values
    assert found.shape == (400, 2)
    assert torch.allclose(found.std(), torch.tensor(1.0), atol=0.1)
    assert train(make_run(root, {"data.name": "cloud"}, family="mlp")).state == "finished"


@pytest.fixture
def wide_table(tmp_path: Path) -> Path:
    """Return a CSV file with an index, two coordinates and a label."""
    path = tmp_path / "wide.csv"
    values = np.random.default_rng(0).normal(5, 3, (100, 2))
    path.write_text(",a,b,label\n" + "\n".join(f"{row},{x},{y},{row % 4}" for row, (x, y) in enumerate(values)))
    return path


def test_columns_of_points_are_named(wide_table: Path, data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = "The points are the columns “a” and “b”; left out: number 1, “label”.\n"
    assert run_quietly("data", "import", wide_table, "--name", "Cloud", "--dry-run") == 0
    assert capsys.readouterr().out == found
    assert run_quietly("data", "import", wide_table, "--name", "Cloud") == 0
    assert capsys.readouterr().out.startswith(found)
    assert run_quietly("data", "show", "cloud") == 0
    assert found in capsys.readouterr().out
    assert run_quietly("data", "import", wide_table, "--name", "Turned", "--columns", "b", "2", "--quiet") == 0
    one, other = (loaders.load(DataConfig(name=name)).values for name in ("cloud", "turned"))
    assert torch.equal(one.flip(1), other)


def test_columns_are_asked_for(wide_table: Path, data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide_table.write_text("\n".join(f"{x},{x * x % 7.1},{x * x * x % 5.3}" for x in np.arange(0.3, 9, 0.1).tolist()))
    assert run_quietly("data", "import", wide_table, "--name", "Cloud", "--quiet") == 2
    said = capsys.readouterr().err.strip()
    assert is_sentence(said), said
    assert "choose them with --columns" in said


def test_columns_of_an_upload_are_kept(wide_table: Path, data_root: Path) -> None:
    requests.start_import(io.BytesIO(wide_table.read_bytes()), ".csv", "Cloud", 16, columns=(3, 2))
    assert end_of_import().state == "finished"
    assert "“b” and “a”" in (data_root / "own" / "cloud" / "data-set.json").read_text()


@pytest.mark.parametrize(
    ("content", "suffix", "word"),
    [
        (b"x,y\nein,zwei\n", ".csv", "Line 2"),
        (b"1\n2\n", ".csv", "two"),
        (b"1,nan\n" * 20, ".csv", "Line 1"),
        (b"", ".csv", "no points"),
        (b"no zip", ".zip", "ZIP"),
        (b"", ".zip", "ZIP"),
    ],
)
def test_bad_file_is_refused_in_one_sentence_and_leaves_nothing(
    content: bytes, suffix: str, word: str, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    assert run_quietly("data", "import", path, "--name", "bad", "--quiet") == 2
    said = capsys.readouterr().err.strip()
    assert is_sentence(said), said
    assert word in said
    assert "bad" not in data_sets.all_sets()
    left = [entry for entry in (data_root / "own").rglob("*") if entry.is_dir() or entry.suffix not in (".json", ".lock", ".pid")]
    assert not left


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["import", "/nowhere/at/all", "--name", "a"], "nowhere"),
        (["import", ".", "--name", " "], "name"),
        (["import", ".", "--name", "x" * 81], "80"),
        (["show", "minst"], "mnist"),
        (["remove", "digits"], "digits"),
        (["remove", "../../etc"], "no data set"),
        (["prepare", "digits", "--size", "48"], "48"),
        (["import", "."], "--name"),
        ([], "ACTION"),
    ],
)
def test_wrong_command_is_refused_in_one_sentence(
    arguments: list[str], word: str, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_quietly("data", *arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert is_sentence(said), said
    assert word in said


def test_duplicate_name_is_refused_and_the_first_set_stays(
    folder: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_quietly("data", "import", folder, "--name", "Mine", "--size", 16, "--quiet") == 0
    capsys.readouterr()
    assert run_quietly("data", "import", folder, "--name", "mine", "--size", 16, "--quiet") == 2
    assert is_sentence(capsys.readouterr().err.strip())
    assert data_sets.find("mine").images == 50


def test_data_set_in_use_is_not_removed(folder: Path, data_root: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_quietly("data", "import", folder, "--name", "mine", "--size", 16, "--quiet") == 0
    run = make_run(root, {"data.name": "mine", "optimizer.batch_size": 16}, state="queued")
    assert run_quietly("data", "remove", "mine", "--root", root) == 2
    said = capsys.readouterr().err.strip()
    assert is_sentence(said)
    assert run.id in said
    assert "mine" in data_sets.all_sets()


def test_upload_is_imported_in_its_own_process(folder: Path, data_root: Path) -> None:
    requests.start_import(io.BytesIO(zipped(folder)), ".zip", "Uploaded", 16)
    task = end_of_import()
    assert task.state == "finished", task.message
    assert task.result == "uploaded"
    assert data_sets.find("uploaded").images == 50
    wait_until(lambda: not list((data_root / "own" / ".uploads").iterdir()), "the upload is removed", seconds=20)
    forget(requests.import_path())
    assert read(requests.import_path()) is None


def test_error_in_uploaded_points_names_their_title(data_root: Path) -> None:
    requests.start_import(io.BytesIO(b"1,2\n"), ".csv", "-x- points", 16)
    task = end_of_import()
    assert task.state == "failed"
    assert is_sentence(task.message), task.message
    assert "“-x- points”" in task.message


def test_bad_upload_says_why(data_root: Path) -> None:
    requests.start_import(io.BytesIO(b"PK but no zip"), ".zip", "Broken", 16)
    with pytest.raises(InputError, match="under way"):
        requests.start_import(io.BytesIO(b"PK"), ".zip", "Second", 16)
    task = end_of_import()
    assert task.state == "failed"
    assert is_sentence(task.message), task.message


def test_import_by_command_that_fails_is_told_in_the_terminal_alone(tmp_path: Path, data_root: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK but no zip")
    assert_one_sentence(run_gan("data", "import", tmp_path / "broken.zip", "--name", "Broken", "--quiet", root=tmp_path / "runs"))
    assert read(requests.import_path()) is None


def test_preparation_in_its_own_process_reports_progress(data_root: Path) -> None:
    data = DataConfig(name="shapes", size=64)
    requests.start_preparing(data)
    seen = set()

    def is_over() -> bool:
        task = read(requests.preparation_path(data))
        assert task is not None
        seen.add(round(task.share, 3))
        return task.state == "finished"

    wait_until(is_over, "the preparation has ended", seconds=120)
    assert len(seen) > 2
    assert prepared.find(data) is not None


def test_dead_process_counts_as_failed(data_root: Path) -> None:
    path = requests.import_path()
    path.parent.mkdir(parents=True)
    files.write_json(path, {**vars(Task("running", "Starting", work="The import")), "time": time.time() - 100})
    task = read(path)
    assert task is not None
    assert task.state == "failed"
    assert is_sentence(task.message) and task.message.startswith("The import was ended from outside")
    for rubbish in (b"", b"[]", b'{"state": 1}', os.urandom(50)):
        path.write_bytes(rubbish)
        assert read(path) is None


def test_damaged_import_is_not_listed(folder: Path, data_root: Path) -> None:
    importer.import_pictures(folder, "Mine", lambda sentence, share: None, root=data_root)
    path = data_sets.own_folder("mine") / "data-set.json"
    for rubbish in (b"", b"{}", b'{"counts": [1], "classes": ["a", "b"]}', b"[" * 5000):
        path.write_bytes(rubbish)
        os.utime(path, ns=(time.time_ns(), time.time_ns()))
        assert "mine" not in data_sets.all_sets()


def test_uploads_of_students_are_limited(folder: Path, data_root: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    content, ann = zipped(folder), Person(id="ann", name="Ann")
    limits.write(root, Limits(upload_megabytes=1, upload_pictures=49))
    with acting(ann), pytest.raises(InputError) as caught:
        requests.start_import(io.BytesIO(content + bytes(1_000_000)), ".zip", "Large", 16)
    assert is_sentence(str(caught.value)) and "1 MB an upload, and this file is larger" in str(caught.value)
    assert not list((data_root / "own" / ".uploads").iterdir()) and read(requests.import_path()) is None
    with acting(ann):
        requests.start_import(io.BytesIO(content), ".zip", "Many", 16)
        task = end_of_import()
    assert task.state == "failed" and "49 pictures an upload, and this one has 50 or more" in task.message
    requests.start_import(io.BytesIO(content), ".zip", "Many", 16)
    assert end_of_import().state == "finished", "the teacher's is not"
