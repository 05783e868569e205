"""Complete imports: the same for any number of processes, nothing written outside their folder, originals checked for damage."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from gan.catalogue import data_sets
from gan.data import importer
from gan.errors import InputError
from gan.storage.locks import hold_lock
from tests.data.test_import import encoded, ignore, noise, zip_of
from tests.helpers import PROJECT, is_sentence


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty data folder that the catalogue also reads."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def pictures(count: int, size: int = 24) -> dict[str, bytes]:
    """Return small pictures in three classes, by file name."""
    return {f"{index % 3}/{index:05d}.png": encoded(noise(size, size, seed=index)) for index in range(count)}


def written(path: Path, files: dict[str, bytes]) -> Path:
    """Write a ZIP and return its path."""
    path.write_bytes(zip_of(files).getvalue())
    return path


def place_of(data: Path, name: str) -> Path:
    """Return the folder of an imported set."""
    return data / "own" / name


def test_written_files_do_not_depend_on_the_number_of_processes(tmp_path: Path, data: Path) -> None:
    files = pictures(900)
    names = sorted(files)
    for name in names[::50]:
        files[name] = b"no picture"
    content = bytearray(zip_of(files).getvalue())
    for name in names[25::50]:  # damaged in the archive, so found while reading, long before those found while decoding
        place = content.find(name.encode()) + len(name)
        content[place + 20] ^= 0xFF
    path = tmp_path / "some.zip"
    path.write_bytes(content)
    places = [
        place_of(data, importer.import_pictures(path, f"by {workers}", ignore, root=data, workers=workers)) for workers in (1, 2, 3)
    ]
    for name in ("originals.bin", "skipped.jsonl", "index.npz"):
        assert len({(place / name).read_bytes() for place in places}) == 1, name
    skipped = [json.loads(line)["name"] for line in (places[0] / "skipped.jsonl").read_text().splitlines()]
    assert skipped == sorted(names[::50] + names[25::50])
    facts = [json.loads((place / "data-set.json").read_text()) for place in places]
    assert len({json.dumps([one["counts"], one["sha256"], one["reasons"]]) for one in facts}) == 1
    assert sum(facts[0]["counts"]) == 900 - len(skipped)


def test_index_describes_the_originals(tmp_path: Path, data: Path) -> None:
    files = pictures(30) | {"10/wide.jpg": encoded(noise(50, 20), "JPEG")}
    place = place_of(data, importer.import_pictures(written(tmp_path / "some.zip", files), "mine", ignore, root=data))
    facts = json.loads((place / "data-set.json").read_text())
    assert facts["classes"] == ["0", "1", "2", "10"], "classes must be in natural order"
    assert facts["counts"] == [10, 10, 10, 1]
    whole = (place / "originals.bin").read_bytes()
    with np.load(place / "index.npz") as index:
        cut = [whole[start : start + length] for start, length in zip(index["offset"], index["length"], strict=True)]
        sizes, labels = list(zip(index["width"], index["height"], strict=True)), index["label"]
    assert cut == [files[name] for name in sorted(files)]
    assert sizes[sorted(files).index("10/wide.jpg")] == (50, 20)
    assert [facts["classes"][label] for label in labels] == [name.split("/")[0] for name in sorted(files)]


@pytest.mark.parametrize("place", [0, 13, 29])
def test_one_picture_settles_colour_and_range_for_its_chunk(place: int, tmp_path: Path, data: Path) -> None:
    """Wherever it stands among dark grey ones."""
    dark = encoded(Image.new("RGB", (20, 20), (30, 30, 30)))
    for value, channels in ((90, 1), (255, 1), (0, 3)):
        one = encoded(Image.new("RGB", (20, 20), (value or 90, value, value)))
        path = written(tmp_path / "few.zip", {f"{number:02d}.png": one if number == place else dark for number in range(30)})
        found = place_of(data, importer.import_pictures(path, f"Few {value}", ignore, root=data))
        facts = json.loads((found / "data-set.json").read_text())
        assert (facts["channels"], facts["range_used"]) == (channels, (value or 90) / 255)


def test_pages_with_a_thin_red_line_are_imported_in_colour(tmp_path: Path, data: Path) -> None:
    page = Image.new("L", (256, 256), 255).convert("RGB")
    page.paste((60, 60, 60), (20, 40, 200, 44))
    grey = encoded(page)
    page.paste((255, 0, 0), (0, 131, 256, 133))
    red = encoded(page)
    for title, content, channels in (("Red", red, 3), ("Grey", grey, 1)):
        path = written(tmp_path / "pages.zip", {f"{number:02d}.png": content for number in range(30)})
        place = place_of(data, importer.import_pictures(path, title, ignore, root=data))
        assert json.loads((place / "data-set.json").read_text())["channels"] == channels


def test_changed_original_is_detected_even_if_it_is_still_a_picture(tmp_path: Path, data: Path) -> None:
    files = {f"{index}.png": encoded(noise(16, 16, seed=index), compress_level=0) for index in range(4)}
    place = place_of(data, importer.import_pictures(written(tmp_path / "some.zip", files), "mine", ignore, root=data))
    whole = (place / "originals.bin").read_bytes()
    length = len(files["0.png"])
    assert {len(content) for content in files.values()} == {length}
    (place / "originals.bin").write_bytes(whole[length : 2 * length] + whole[:length] + whole[2 * length :])
    with pytest.raises(InputError, match="damaged") as caught:
        list(importer.decode_all(place, 16, "crop", 3))
    assert is_sentence(str(caught.value))
    (place / "originals.bin").write_bytes(whole)
    assert len(next(importer.decode_all(place, 16, "crop", 3))) == 4


def test_damaged_index_is_refused_in_one_sentence(tmp_path: Path, data: Path) -> None:
    path = written(tmp_path / "some.zip", pictures(20))
    place = place_of(data, importer.import_pictures(path, "mine", ignore, root=data))
    whole = (place / "index.npz").read_bytes()
    with np.load(place / "index.npz") as file:
        arrays = dict(file)
    for content in (b"", b"PK", whole[:-30], whole[:100], whole[:300] + b"\xff" * 40 + whole[340:], b"\x80\x04." * 9):
        (place / "index.npz").write_bytes(content)
        assert_damaged(place)
    swapped = np.concatenate([arrays["offset"][1:], arrays["offset"][:1]])
    negative = arrays["length"] * np.array([-1] + [1] * 19)
    for changes in ({"offset": swapped}, {"length": negative}, {"digest": arrays["digest"][:, :8]}):
        np.savez(place / "index.npz", **{**arrays, **changes})
        assert_damaged(place)
    (place / "index.npz").unlink()
    assert_damaged(place)


def assert_damaged(place: Path) -> None:
    """Assert that reading an imported set fails with one sentence that says what to do."""
    with pytest.raises(InputError, match="import it again") as caught:
        list(importer.decode_all(place, 16, "crop", 3))
    assert is_sentence(str(caught.value))


def test_title_in_use_is_refused_and_the_name_is_made_unique(tmp_path: Path, data: Path) -> None:
    path = written(tmp_path / "some.zip", pictures(4))
    titles = {
        "My cats": "my-cats",
        "my (cats)": "my-cats-2",
        "🐈": "pictures",
        "喵": "pictures-2",
        "CON": "con-2",
        "digits!": "digits-2",
        "x" * 80: "x" * 40,
    }
    for title, name in titles.items():
        assert importer.import_pictures(path, title, ignore, root=data) == name
        assert data_sets.find(name).title == title
    for title in ("My cats", " MY  CATS ", "Digits", "", "  ", "\n\t", "x" * 81):
        with pytest.raises(InputError) as caught:
            importer.import_pictures(path, title, ignore, root=data)
        assert is_sentence(str(caught.value)), title
        assert "choose another" in str(caught.value)
    assert len(list((data / "own").glob("[!.]*"))) == len(titles)


def test_rare_reasons_are_counted_together(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "_MOST_REASONS", 2)
    bad = {"a.png": b"", "b.png": b"x", "c.zip": b"PK", "d.tar": b"x", "e.png": encoded(noise(90, 90))[:-40]}
    place = place_of(data, importer.import_pictures(written(tmp_path / "some.zip", pictures(3) | bad), "mine", ignore, root=data))
    facts = json.loads((place / "data-set.json").read_text())
    assert list(facts["reasons"].values()) == [2, 2, 1]
    assert "other reasons" in facts["reasons"]
    assert facts["skipped"] == 5 == len((place / "skipped.jsonl").read_text().splitlines())


def test_nothing_is_written_outside_the_staging_folder(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    evil = {"../evil.png": encoded(noise(8, 8)), "/evil.png": encoded(noise(8, 8)), "a\\..\\evil.png": encoded(noise(8, 8))}
    path = written(tmp_path / "some.zip", pictures(300) | evil)
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    seen: set[str] = set()

    def look(sentence: str, share: float) -> None:
        seen.update(found.relative_to(data).parts[1] for found in data.glob("*/*"))
        assert {found.name for found in data.glob("*")} <= {"own"}

    name = importer.import_pictures(path, "mine", look, root=data, workers=1)
    assert all(part.startswith(".importing-") or part == ".import.lock" for part in seen), seen
    assert {found.name for found in (data / "own").iterdir()} == {".import.lock", name}
    assert {found.name for found in place_of(data, name).iterdir()} == {
        "originals.bin",
        "index.npz",
        "skipped.jsonl",
        "data-set.json",
    }
    assert not list(here.iterdir())
    assert not list(temporary.iterdir())
    assert {found.name for found in tmp_path.iterdir()} == {"here", "temporary", "data", "some.zip"}


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_import_leaves_nothing(tmp_path: Path, data: Path, workers: int) -> None:
    path = written(tmp_path / "some.zip", pictures(600))

    def interrupt(sentence: str, share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importer.import_pictures(path, "mine", interrupt, root=data, workers=workers)
    assert [found.name for found in (data / "own").iterdir()] == [".import.lock"]
    assert importer.import_pictures(path, "mine", ignore, root=data, workers=1) == "mine"


def test_second_import_at_the_same_time_is_refused(tmp_path: Path, data: Path) -> None:
    path = written(tmp_path / "some.zip", pictures(4))
    (data / "own").mkdir(parents=True)
    (data / "own" / ".importing-other").mkdir()
    held = hold_lock(data / "own" / ".import.lock", "taken")
    try:
        with pytest.raises(InputError, match="under way") as caught:
            importer.import_pictures(path, "mine", ignore, root=data)
        assert is_sentence(str(caught.value))
        assert (data / "own" / ".importing-other").exists(), "the files of another import must be left alone"
    finally:
        held.release()
    importer.import_pictures(path, "mine", ignore, root=data)
    assert not list((data / "own").glob(".importing-*"))


def test_killed_worker_is_reported_in_one_sentence(tmp_path: Path, data: Path) -> None:
    path = written(tmp_path / "some.zip", pictures(2500))
    mine = psutil.Process()

    def kill(sentence: str, share: float) -> None:
        if share > 0:
            for child in mine.children():
                with suppress(psutil.Error):  # killed by an earlier report, but not reaped yet
                    if "spawn_main" in " ".join(child.cmdline()):
                        child.kill()

    with pytest.raises(InputError, match="ended from outside") as caught:
        importer.import_pictures(path, "mine", kill, root=data, workers=2)
    assert is_sentence(str(caught.value))
    assert [found.name for found in (data / "own").iterdir()] == [".import.lock"]


def test_missing_source_is_refused_in_one_sentence(tmp_path: Path, data: Path) -> None:
    for path in (tmp_path / "gone.zip", tmp_path / ("x" * 300), tmp_path / "nul\0"):
        with pytest.raises(InputError) as caught:
            importer.import_pictures(path, "mine", ignore, root=data)
        assert is_sentence(str(caught.value))


@pytest.mark.parametrize(("size", "most"), [(16, 128), (256, 42)])
def test_chunks_stay_small_at_every_size(tmp_path: Path, data: Path, size: int, most: int) -> None:
    path = written(tmp_path / "some.zip", pictures(150))
    place = place_of(data, importer.import_pictures(path, "mine", ignore, root=data))
    chunks = [chunk.shape for chunk in importer.decode_all(place, size, "pad", 3)]
    assert sum(shape[0] for shape in chunks) == 150
    assert max(shape[0] for shape in chunks) <= most
    assert {shape[1:] for shape in chunks} == {(size, size, 3)}


def test_importer_does_not_import_torch_or_streamlit() -> None:
    code = "import sys; from gan.data import importer; print('torch' in sys.modules, 'streamlit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_too_many_pictures_are_refused_before_they_are_decoded(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "some.zip", pictures(12))
    assert importer.import_pictures(path, "All", ignore, root=data, most=12) == "all"
    with monkeypatch.context() as patch:
        patch.setattr(importer, "_check", lambda chunk: pytest.fail("decoded"))
        with pytest.raises(InputError) as caught:
            importer.import_pictures(path, "Some", ignore, root=data, most=11)
    assert is_sentence(str(caught.value)) and "11 pictures an upload, and this one has 12" in str(caught.value)

    # A picture may have any name; it is counted when it is found to be one.
    path = written(tmp_path / "named.zip", {name.replace(".png", ".dat"): content for name, content in pictures(12).items()})
    with pytest.raises(InputError, match="11 pictures an upload"):
        importer.import_pictures(path, "Some", ignore, root=data, most=11)
    assert [place.name for place in (data / "own").iterdir() if not place.name.startswith(".")] == ["all"]
