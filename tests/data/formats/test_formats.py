"""Every format gives the right pictures, classes and sentence; a format joins by being listed."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from gan.catalogue import data_sets
from gan.data import importer
from gan.data.formats import opening
from gan.data.grouping import AUTO, Choice
from gan.errors import InputError
from tests.data.formats.samples import (
    CLASSES,
    COLOUR,
    GREY,
    SAMPLES,
    Sample,
    csv,
    idx,
    npy,
    npz,
    parquet,
    png,
    stylegan,
    tarred,
    webdataset,
    zipped,
)  # fmt: skip
from tests.helpers import is_sentence


def test_every_listed_format_has_a_sample() -> None:
    assert {sample.format for sample in SAMPLES} == {*(format.name for format in opening.FORMATS), *opening.CONTAINERS}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_pictures_classes_and_sentence(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / sample.name
    path.write_bytes(sample.content)
    with opening.open_pictures(path) as source:
        pictures = list(source)
        assert source.count == len(pictures) == len(sample.pixels)
        assert source.counts == sample.classes
        assert sample.words in source.sentence, source.sentence
        assert is_sentence(source.sentence)
    found = np.stack([picture.pixels() for picture in pictures])
    assert found.dtype == np.uint8
    assert np.array_equal(found, sample.pixels)
    if sample.classes:
        names = list(sample.classes)
        folded = [names.index(picture.group) for picture in pictures]
        is_in_order = "quickdraw" in sample.name or "flowers" in sample.name
        assert folded == ([n // 10 for n in range(30)] if is_in_order else [n % 3 for n in range(30)])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_a_format_is_recognised_by_content(sample: Sample) -> None:
    """Under another name, and from memory, as an upload is."""
    file = io.BytesIO(sample.content)
    assert opening.is_recognised(file)
    with opening.open_file(file, "upload.bin") as source:
        assert source.count == len(sample.pixels)
        assert sum(1 for _ in source) == source.count


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.classes], ids=lambda sample: sample.id)
def test_classes_can_be_chosen(sample: Sample) -> None:
    first, second, *_ = sample.classes
    for choice, counts in ((Choice("no"), {}), (Choice(only=(first, second)), {first: 10, second: 10})):
        with opening.open_file(io.BytesIO(sample.content), sample.name, choice) as source:
            groups = [picture.group for picture in source]
            assert source.count == len(groups) == (20 if choice.only else 30)
            assert {name: groups.count(name) for name in sorted(set(groups)) if name} == counts
    with pytest.raises(InputError) as caught, opening.open_file(io.BytesIO(sample.content), sample.name, Choice(only=("zebra",))):
        pass
    assert is_sentence(str(caught.value))
    assert "zebra" in str(caught.value)


# Files that belong together


def put(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder and return it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def seen(path: Path, choice: Choice = AUTO) -> tuple[np.ndarray, list[str]]:
    """Return the pixels and classes of what is at a path."""
    with opening.open_pictures(path, choice) as source:
        found = list(source)
        assert source.count == len(found)
    return np.stack([picture.pixels() for picture in found]), [picture.group for picture in found]


THIRDS = [str(label) for label in CLASSES]


def test_labels_lie_next_to_a_file_of_pictures(tmp_path: Path) -> None:
    put(tmp_path, {"train-images-idx3-ubyte": idx(GREY[..., 0]), "train-labels-idx1-ubyte.gz": gzip.compress(idx(CLASSES))})
    pixels, groups = seen(tmp_path / "train-images-idx3-ubyte")
    assert np.array_equal(pixels, GREY)
    assert groups == THIRDS


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_parts_are_joined_with_the_labels_of_each(kind: str, tmp_path: Path) -> None:
    """Two IDX files, two tables, two Parquet tables; in a folder, a ZIP and a tar archive."""
    images = [{"bytes": png(one), "path": None} for one in GREY]
    joined = {
        "idx": {
            "raw/a-images-idx3-ubyte": idx(GREY[:12, ..., 0]),
            "raw/a-labels-idx1-ubyte": idx(CLASSES[:12]),
            "raw/b-images-idx3-ubyte.gz": gzip.compress(idx(GREY[12:, ..., 0])),
            "raw/b-labels-idx1-ubyte.gz": gzip.compress(idx(CLASSES[12:])),
            "raw/LICENSE": b"CC",
        },
        "csv": {
            "a.csv": csv(GREY[:12], CLASSES[:12], heading=True),
            "b.csv": csv(GREY[12:], CLASSES[12:]),
            "c.csv": csv(GREY, None),
        },
        "parquet": {"data/0.parquet": parquet(images[:12], CLASSES[:12]), "data/1.parquet": parquet(images[12:], CLASSES[12:])},
        "npy": {"x_train.npy": npy(GREY), "y_train.npy": npy(CLASSES)},
    }
    for name, files in joined.items():
        path = tmp_path / f"{name}.{kind}"
        if kind == "folder":
            put(path, files)
        else:
            path.write_bytes((zipped if kind == "zip" else tarred)(files))
        pixels, groups = seen(path)
        assert np.array_equal(pixels, GREY), name
        assert groups == THIRDS, name


def test_shards_of_a_webdataset_in_a_folder(tmp_path: Path) -> None:
    files = list(webdataset().items())
    put(tmp_path / "shards", {"000000.tar": tarred(dict(files[:24])), "000001.tar.gz": tarred(dict(files[24:]), "w:gz")})
    pixels, groups = seen(tmp_path / "shards")
    assert np.array_equal(pixels, GREY)
    assert groups == THIRDS


def test_a_stylegan_folder_is_read_like_its_zip(tmp_path: Path) -> None:
    pixels, groups = seen(put(tmp_path / "set", stylegan(CLASSES)))
    assert np.array_equal(pixels, GREY)
    assert groups == THIRDS


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    clear = np.concatenate([COLOUR, np.zeros_like(COLOUR[..., :1])], axis=3)
    pixels, _ = seen(put(tmp_path, {"a.npy": npy(clear)}) / "a.npy")
    assert pixels.shape == COLOUR.shape
    assert pixels.min() == 255


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (10, 1023), (12, 4095), (16, 65_535)])
def test_whole_numbers_use_the_range_of_their_bits(bits: int, top: int, tmp_path: Path) -> None:
    values = np.linspace(0, top, 30 * 64).round().astype(np.int32).reshape(30, 8, 8)
    pixels, _ = seen(put(tmp_path, {"a.npy": npy(values)}) / "a.npy")
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert np.abs(pixels[..., 0] - values * (255 / top)).max() <= 0.5


def test_floats_a_little_outside_are_clipped_and_said(tmp_path: Path) -> None:
    path = put(tmp_path, {"a.npy": npy(np.linspace(-1.01, 1.01, 30 * 64).reshape(30, 8, 8))}) / "a.npy"
    with opening.open_pictures(path) as source:
        assert "from −1 to 1, clipped" in source.sentence
    assert seen(path)[0].min() == 0


def test_names_of_webdataset_with_long_paths_are_read(tmp_path: Path) -> None:
    """GNU's and POSIX's ways to store names of more than 100 letters."""
    folder = "a" * 120
    files = {f"{folder}/{name}": content for name, content in webdataset().items()}
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as file:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
        with opening.open_file(io.BytesIO(buffer.getvalue()), "a.tar") as source:
            found = list(source)
        assert [picture.group for picture in found] == THIRDS
        assert found[0].name.startswith(folder)


def test_the_limit_of_a_class_holds_for_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    for sample in SAMPLES[::5]:
        path = put(tmp_path, {sample.name: sample.content}) / sample.name
        with pytest.raises(InputError, match="limit of this class is 29 pictures"):
            importer.import_pictures(path, "Mine", lambda sentence, share: None, root=tmp_path / "data", most=29)


def test_a_set_has_the_same_version_from_every_form_of_its_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So runs on it can be compared, whichever file was imported."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    forms = {
        "a.npz": npz(x=GREY, y=CLASSES),
        "b.csv": csv(GREY),
        "c.npz": npz(packed=True, images=GREY[..., 0], labels=np.eye(3)[CLASSES]),
    }
    versions = set()
    for name, content in forms.items():
        path = put(tmp_path, {name: content}) / name
        made = importer.import_pictures(path, name, lambda sentence, share: None, root=tmp_path / "data")
        versions.add(data_sets.find(made).version)
    assert len(versions) == 1
