"""What is taken for classes: folders, labels of StyleGAN, and folders that are splits, shards or strays."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.catalogue import data_sets
from gan.data import archive, grouping, importer
from gan.data.archive import Entry, Source
from gan.data.grouping import Choice, Grouping
from gan.errors import InputError
from tests.data.test_import import encoded, ignore, noise, zip_of
from tests.helpers import is_sentence

PNG = encoded(noise(16, 16))


def grouped(names: list[str], choice: Choice = grouping.AUTO, labels: bytes | None = None) -> Grouping:
    """Return the grouping of pictures with ``names``, and a ``dataset.json`` with ``labels``."""
    found = [(name, b"") for name in names] + ([] if labels is None else [("dataset.json", labels)])
    entries = [Entry(name, PurePosixPath(name).parts, content) for name, content in sorted(found)]
    return grouping.group(Source(entries, [], io.BytesIO, "damaged"), choice)


def files(folders: dict[str, int], ending: str = "png") -> list[str]:
    """Return numbered files, so many in each folder."""
    return [f"{folder}/{number}.{ending}".lstrip("/") for folder, count in folders.items() for number in range(count)]


def labelled(pairs: object) -> bytes:
    """Return a ``dataset.json``."""
    return json.dumps({"labels": pairs}).encode()


def test_an_archive_without_pictures_does_not_speak_of_its_pictures() -> None:
    for names in (["readme.txt"], ["a/readme.txt"], []):
        assert grouped(names).sentence == "No classes: no file is named like a picture."


STYLEGAN = [f"{number // 1000:05d}/img{number:08d}.png" for number in range(2500)]


def test_labels_of_stylegan_are_the_classes() -> None:
    found = grouped(STYLEGAN, labels=labelled([[name, number % 3] for number, name in enumerate(STYLEGAN)]))
    assert found.counts == {"0": 834, "1": 833, "2": 833}
    assert [entry.group for entry in found.entries[:4]] == ["0", "1", "2", "0"]
    assert len(found.entries) == 2500, "dataset.json is no picture"
    assert not found.left_out
    assert found.sentence == "Classes are the labels in dataset.json: “0” 834, “1” 833, “2” 833."
    for labels in (None, [[name, [0.1, 0.9]] for name in STYLEGAN]):
        none = grouped(STYLEGAN, labels=labelled(labels))
        assert (none.counts, none.sentence) == ({}, "No classes: dataset.json has none.")
        assert len(none.entries) == 2500
    assert grouped(STYLEGAN, Choice("yes"), labels=labelled([[name, 1] for name in STYLEGAN])).counts == {
        "00000": 1000,
        "00001": 1000,
        "00002": 500,
    }


def test_labels_written_on_windows_and_labels_that_are_missing() -> None:
    names = files({"00000": 40})
    pairs = [[name.replace("/", "\\"), number % 2] for number, name in enumerate(names)]
    found = grouped(names, labels=labelled(pairs[1:]))
    assert found.counts == {"0": 19, "1": 20}
    assert [one.reason for one in found.left_out] == ["is without a label in dataset.json"]
    assert (
        grouped(names, labels=labelled(pairs[20:])).sentence == "No classes: 20 of 40 pictures are without a label in dataset.json."
    )


@pytest.mark.parametrize(
    "labels", [b"", b"{}", b"[]", b"[" * 100_000, b'{"labels": 3}', b'{"labels": [1]}', b'{"labels": [["a", 1, 2]]}', b"\xff"]
)
def test_other_files_of_that_name_say_nothing(labels: bytes) -> None:
    assert grouped(files({"cat": 2, "dog": 3}), labels=labels).counts == {"cat": 2, "dog": 3}


@pytest.mark.parametrize("splits", [("train", "test"), ("Train", "Val", "TEST"), ("training", "validation")])
def test_splits_are_not_classes(splits: tuple[str, ...]) -> None:
    names = [f"{split}/{name}" for split in splits for name in files({"cat": 3, "dog": 2, "frog": 4})]
    found = grouped(names)
    number = len(splits)
    assert found.counts == {"cat": 3 * number, "dog": 2 * number, "frog": 4 * number}
    assert "are splits of one data set" in found.sentence
    assert splits[0] in found.sentence


def test_splits_without_classes_have_none() -> None:
    found = grouped(files({"train": 30, "test": 10}))
    assert (found.counts, len(found.entries)) == ({}, 40)
    assert found.sentence == "No classes: test and train are splits of one data set."
    assert grouped(files({"train": 30, "test": 10}), Choice("yes")).counts == {"test": 10, "train": 30}


def shards(folders: list[str], each: int = 1000, last: int = 1000) -> list[str]:
    sizes = [each] * (len(folders) - 1) + [last]
    number = iter(range(10**6))
    return [f"{folder}/{next(number):08d}.png" for folder, size in zip(folders, sizes, strict=True) for _ in range(size)]


@pytest.mark.parametrize(
    "names",
    [
        files(dict.fromkeys("0123456789abcdef", 1000)),
        files({f"{number:02x}": 9 + number for number in range(256)}),
        shards([f"{number:05d}" for number in range(0, 7000, 1000)], last=400),
        shards([str(number) for number in range(12)]),
        files({f"shard-{number:04d}": 5 + number for number in range(4)}),
        files({f"{first}/{first}{second}": 2 for first in "0123456789abcdef" for second in "0123456789abcdef"}),
    ],
    ids=["0 … f", "00 … ff", "FFHQ", "numbered on", "named shards", "two levels"],
)
def test_shards_are_not_classes(names: list[str]) -> None:
    found = grouped(names)
    assert found.counts == {}
    assert len(found.entries) == len(names)
    assert "shards of one data set" in found.sentence
    assert len(grouped(names, Choice("yes")).counts) == len({name.split("/")[0] for name in names})


@pytest.mark.parametrize(
    "folders",
    [
        {str(digit): 1000 for digit in range(10)},
        {str(digit): 980 + digit for digit in range(10)},
        {f"{number:05d}": 150 + 30 * number for number in range(43)},
        dict.fromkeys("abcdef", 20),
        dict.fromkeys("0123456789abcdefghijklmnopqrstuvwxyz", 20),
        {f"{number:02x}": 20 for number in [*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B)]},
        {"n01440764": 1300, "n01443537": 1300},
        {"001.Albatross": 60, "002.Auklet": 44},
        {"cat": 20, "dog": 20},
        {"train": 5, "plane": 5},
    ],
    ids=["digits", "MNIST", "traffic signs", "letters", "EMNIST", "NIST", "ImageNet", "birds", "pets", "vehicles"],
)
def test_folders_of_classes_stay_classes(folders: dict[str, int]) -> None:
    found = grouped(files(folders))
    assert found.counts == folders
    assert list(found.counts) == sorted(folders, key=grouping.natural)
    assert found.folders == folders


def test_stray_picture_is_left_out() -> None:
    found = grouped(["stray.png", *files({"pets/cat": 20, "pets/dog": 20})])
    assert found.counts == {"cat": 20, "dog": 20}
    assert [(one.name, one.reason) for one in found.left_out] == [("stray.png", "is in no class folder")]
    assert found.sentence == "Classes are the folders: cat 20, dog 20. Left out: 1 picture in no class folder."


def test_many_pictures_outside_are_not_left_out_unasked() -> None:
    names = [*files({"": 30}), *files({"cat": 20, "dog": 20})]
    found = grouped(names)
    assert (found.counts, len(found.entries), found.left_out) == ({}, 70, [])
    assert found.sentence == "No classes: 30 of 70 pictures are in no class folder."
    chosen = grouped(names, Choice("yes"))
    assert (chosen.counts, len(chosen.left_out)) == ({"cat": 20, "dog": 20}, 30)


def test_no_and_these() -> None:
    names = files({"pets/cat": 3, "pets/dog": 4, "pets/thumbnails": 7})
    none = grouped(names, Choice("no"))
    assert (none.counts, len(none.entries), none.sentence) == ({}, 14, "No classes: as chosen.")
    these = grouped(names, Choice(only=("dog", "cat")))
    assert these.counts == {"cat": 3, "dog": 4}
    assert {one.reason for one in these.left_out} == {"is in none of the chosen folders"}
    assert grouped(files({"train/cat": 3, "test/cat": 2}), Choice(only=("train",))).counts == {"train": 3}
    for only, places in ((("dgo",), names), (("cat", "x" * 300), names), (("cat",), files({"": 4}))):
        with pytest.raises(InputError) as caught:
            grouped(places, Choice(only=only))
        assert is_sentence(str(caught.value))


def test_folders_around_everything_and_other_files_say_nothing() -> None:
    found = grouped(
        ["README.txt", "all/list.csv", "all/images/cats/a.PNG", "all/images/cats/notes.txt", "all/images/dogs/deep/b.jpeg"]
    )
    assert found.counts == {"cats": 1, "dogs": 1}
    assert {entry.name for entry in found.entries} == {
        "all/images/cats/a.PNG",
        "all/images/cats/notes.txt",
        "all/images/dogs/deep/b.jpeg",
    }
    assert grouped(files({"one": 5})).sentence == "No classes: the pictures are not in separate folders."


names = st.lists(
    st.sampled_from(
        ["train", "test", "0", "1", "a", "f", "part-1", "part-2", "..", ".", "cat", "dog", "a.png", "b.jpg", "dataset.json", "7"]
    ),
    min_size=1,
    max_size=5,
)


@given(st.lists(names.map("/".join), min_size=1, max_size=12, unique=True), st.sampled_from(["auto", "yes", "no"]))
def test_any_tree_is_grouped_without_losing_a_file(paths: list[str], folders: str) -> None:
    with archive.open_zip(zip_of(dict.fromkeys(paths, b"x"))) as source:
        found = grouping.group(source, Choice(folders))  # type: ignore[arg-type]
        assert len(found.entries) + len(found.left_out) == len(source.entries)
    assert is_sentence(found.sentence.replace(". Left out:", "; left out:"))
    assert all(bool(entry.group) == bool(found.counts) for entry in found.entries)


def test_import_follows_the_choice_and_makes_other_data_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    pictures = {
        f"{split}/{name}/{number}.png": encoded(noise(16, 16, seed=number))
        for split in ("train", "test")
        for name in ("cat", "dog")
        for number in range(3)
    }
    path = tmp_path / "pets.zip"
    path.write_bytes(zip_of(pictures | {"stray.png": PNG}).getvalue())
    entries = {}
    for title, choice in {"auto": grouping.AUTO, "none": Choice("no"), "train": Choice(only=("train", "test"))}.items():
        entries[title] = data_sets.find(importer.import_pictures(path, title, ignore, root=tmp_path / "data", choice=choice))
    assert (entries["auto"].classes, entries["auto"].counts, entries["auto"].skipped) == (("cat", "dog"), (6, 6), 1)
    assert (entries["none"].classes, entries["none"].counts, entries["none"].skipped) == ((), (13,), 0)
    assert (entries["train"].classes, entries["train"].counts) == (("test", "train"), (6, 6))
    assert len({entry.version for entry in entries.values()}) == 3


def test_folder_on_disk_is_grouped_like_its_zip() -> None:
    with tempfile.TemporaryDirectory() as place:
        for name in files({"cat": 2, "dog": 3}):
            (Path(place) / name).parent.mkdir(exist_ok=True)
            (Path(place) / name).write_bytes(PNG)
        assert importer.look(Path(place)).counts == {"cat": 2, "dog": 3}
