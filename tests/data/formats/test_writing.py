"""What is written in a format is read again with the same pictures and classes, by our import and by other readers."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import importer, prepared
from gan.data.formats import opening, writing
from gan.data.formats.writing import KINDS, Kind, Shape
from gan.errors import InputError
from tests.data.formats.samples import CLASSES, COLOUR, GREY
from tests.helpers import assert_one_sentence, is_sentence, run_gan

NAMES = ("cat", "dog", "a “very” long — name, with 10 % more")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty data folder that the catalogue also reads."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def write(target: Path, kind: Kind, pixels: np.ndarray, classes: tuple[str, ...] = NAMES) -> None:
    shape = Shape(len(pixels), *pixels.shape[1:], classes)
    with writing.writing(target, kind, shape) as add:
        for start in range(0, len(pixels), 7):
            add(pixels[start : start + 7], CLASSES[start : start + 7])


@pytest.mark.parametrize("classes", [NAMES, ()], ids=["classes", "no labels"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("kind", KINDS)
def test_written_pictures_are_read_again(kind: Kind, pixels: np.ndarray, classes: tuple[str, ...], tmp_path: Path) -> None:
    target = tmp_path / f"set{KINDS[kind][1]}"
    assert writing.kind_of(target) == kind
    write(target, kind, pixels, classes)
    with opening.open_pictures(target) as source:
        found = list(source)
    assert np.array_equal(np.stack([picture.pixels() for picture in found]), pixels)
    assert [picture.group for picture in found] == ([NAMES[code] for code in CLASSES] if classes else [""] * 30)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_other_readers_find_what_they_expect(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", "npz", COLOUR)
    with np.load(tmp_path / "a.npz") as file:
        assert np.array_equal(file["images"], COLOUR)
        assert np.array_equal(file["labels"], CLASSES)
    write(tmp_path / "a.parquet", "parquet", COLOUR)
    table = pq.read_table(tmp_path / "a.parquet")
    assert json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"] == list(NAMES)
    assert table.column("label").to_pylist() == CLASSES.tolist()
    write(tmp_path / "a.zip", "stylegan", COLOUR)
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert json.loads(packed.read("dataset.json"))["labels"][4] == ["00000/img00000004.png", 1]
        with packed.open("00000/img00000004.png") as picture:
            assert np.array_equal(np.asarray(Image.open(picture)), COLOUR[4])


def test_equal_pictures_make_equal_files(tmp_path: Path) -> None:
    for kind in ("npz", "stylegan", "parquet"):
        for name in "ab":
            write(tmp_path / name, kind, GREY)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes(), kind
        (tmp_path / "a").unlink()
        (tmp_path / "b").unlink()


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_export_leaves_nothing(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), writing.writing(tmp_path / "some", kind, Shape(30, 28, 28, 1)) as add:
        add(GREY[:9], None)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_folders_with_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty") as caught:
        write(tmp_path, "folder", GREY)
    assert is_sentence(str(caught.value))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_set_is_imported_as_it_was(kind: Kind, data: Path, tmp_path: Path) -> None:
    """By command: a set imported from a NumPy archive, exported at its own size, imported again."""
    write(tmp_path / "first.npz", "npz", COLOUR)
    name = importer.import_pictures(tmp_path / "first.npz", "First", lambda sentence, share: None, root=data)
    target = tmp_path / f"second{KINDS[kind][1]}"
    done = run_gan("data", "export", name, "--as", kind, "--out", target, "--size", 32, "--quiet", env={"GAN_DATA": str(data)})
    assert done.returncode == 0, done.stderr
    again = importer.import_pictures(target, "Second", lambda sentence, share: None, root=data)
    first, second = (prepared.obtain(DataConfig(name=one, size=32), lambda sentence, share: None) for one in (name, again))
    assert np.array_equal(first.pixels, second.pixels)
    assert data_sets.find(again).classes == data_sets.find(name).classes
    assert np.array_equal(first.labels, second.labels)


def test_command_explains_mistakes(data: Path, tmp_path: Path) -> None:
    env = {"GAN_DATA": str(data)}
    assert "points" in assert_one_sentence(run_gan("data", "export", "ring", "--out", tmp_path / "a.npz", env=env))
    assert ".jpg" in assert_one_sentence(run_gan("data", "export", "digits", "--out", tmp_path / "a.jpg", env=env))
    assert not list(tmp_path.glob("a*"))
