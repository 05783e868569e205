"""Importing guests: folders, ZIPs, arrays and contact sheets become the same pictures, or a sentence and nothing half-made."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gan import runs
from gan.access.people import Person, acting
from gan.data import decoder
from gan.errors import InputError
from gan.guests import importer
from gan.guests.guest import Guest, find, folder, list_guests, listed
from gan.guests.importer import Wish
from gan.guests.reading import Options, Sheet
from gan.judging import conditions
from gan.storage.jobs import say_nothing
from tests.damage import spoilt
from tests.helpers import is_sentence

WISH = Wish("Keras, epoch 500", "digits")
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 32, 32), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray, kind: str = "png") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path.with_suffix(f".{kind}"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder of 40 pictures of 32 × 32 pixels."""
    for place, one in enumerate(PIXELS):
        save(tmp_path / "in" / f"{place:03d}", one)
    return tmp_path / "in"


def zipped(path: Path) -> Path:
    return Path(shutil.make_archive(str(path.with_name("zipped")), "zip", path))


def bring(root: Path, path: Path, wish: Wish = WISH) -> Guest:
    return importer.bring(root, path, wish, say_nothing)


def refusal(root: Path, path: Path, wish: Wish = WISH) -> str:
    """Return the sentence with which an import fails, and check that it leaves nothing."""
    with pytest.raises(InputError) as caught:
        bring(root, path, wish)
    assert is_sentence(str(caught.value)), str(caught.value)
    assert not folder(root).exists() or list(folder(root).iterdir()) == []
    return str(caught.value)


def test_a_folder_its_zip_and_its_array_are_the_same_guest(pictures: Path, root: Path) -> None:
    np.savez(pictures.parent / "a.npz", arr_0=PIXELS)
    np.save(pictures.parent / "a.npy", PIXELS[..., None].astype(np.float32) / 127.5 - 1)
    made = [bring(root, path) for path in (pictures, zipped(pictures), pictures.parent / "a.npz", pictures.parent / "a.npy")]
    for guest in made:
        assert np.array_equal(guest.pixels(), PIXELS[..., None])
        facts = guest.facts()
        assert (facts.images, facts.size, facts.channels, facts.unit, facts.weights) == (40, 32, 1, "", "raw")
        assert guest.label() == "Keras, epoch 500 (guest)" and list(guest.samples()) == [0 if facts.unit == "" else 500]
    assert {guest.id for guest in list_guests(root)} == {guest.id for guest in made}
    assert runs.list_runs(root) == [], "a guest is no run"
    with pytest.raises(InputError, match="is a guest, made elsewhere; choose a run"):
        runs.find(root, made[0].id)


def test_folders_of_epochs_are_places_in_their_order(root: Path, tmp_path: Path) -> None:
    for number in (500, 5, 50):
        for place, one in enumerate(PIXELS[:20] ^ np.uint8(number % 256)):
            save(tmp_path / "out" / f"epoch_{number}" / str(place), one)
    (tmp_path / "out" / "notes.txt").write_text("by hand")
    (tmp_path / "out" / "epoch_50" / "losses.csv").write_text("1,2")
    for path in (tmp_path / "out", zipped(tmp_path / "out")):
        guest = bring(root, path)
        facts = guest.facts()
        assert facts.unit == "epoch" and [place.number for place in facts.places] == [5, 50, 500]
        for place in facts.places:
            part = guest.pixels()[place.start : place.start + place.count]
            assert sorted(map(bytes, part)) == sorted(map(bytes, PIXELS[:20] ^ np.uint8(place.number % 256)))
        assert list(guest.samples()) == [5, 50, 500] and guest.moment(500) == "Epoch 500"
        assert guest.moment_of(facts.places[0]) == {"step": None, "epoch": 5.0, "images_seen": 5 * 1797}


@pytest.mark.parametrize(
    ("names", "unit", "numbers"),
    [
        (("step-200", "step-4000"), "step", [200, 4000]),
        (("Epoch 1", "Epoch 2"), "epoch", [1, 2]),
        (("iter_000100", "iter_000200"), "step", [100, 200]),
        (("100", "25"), "epoch", [25, 100]),
        (("0", "7"), "", [0]),  # classes of the digits
        (("good", "bad"), "", [0]),
        (("epoch_1", "step_2"), "", [0]),
    ],
)
def test_names_of_folders_tell_epochs_steps_or_nothing(
    names: tuple[str, str], unit: str, numbers: list[int], root: Path, tmp_path: Path
) -> None:
    for name in names:
        for place, one in enumerate(PIXELS[:16]):
            save(tmp_path / "out" / name / str(place), one)
    facts = bring(root, tmp_path / "out").facts()
    assert facts.unit == unit and [place.number for place in facts.places] == numbers
    pooled = bring(root, tmp_path / "out", Wish("pooled", "digits", options=Options("no"))).facts()
    assert len(pooled.places) == 1 and pooled.images == 32


def test_a_single_epoch_is_told_by_the_name_of_the_source(pictures: Path, root: Path) -> None:
    guest = importer.bring(root, pictures, WISH, say_nothing, "dcgan_epoch_0500.zip")
    assert (
        guest.facts().unit == "epoch" and guest.facts().places[0].number == 500 and guest.facts().source == "dcgan_epoch_0500.zip"
    )


def test_a_contact_sheet_gives_its_pictures(root: Path, tmp_path: Path) -> None:
    importer.grid(PIXELS[:36, :, :, None]).save(tmp_path / "sheet.png")
    guest = bring(root, tmp_path / "sheet.png")
    assert np.array_equal(guest.pixels()[..., 0], PIXELS[:36]), "enlarged twice, which is undone"
    found = guest.facts().conditions
    assert found["sheet"].startswith("5 rows × 8 columns") and found["repeated"] == 1 and found["resized"] == 0


def test_sheets_named_after_epochs_are_a_curve(root: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        importer.grid(PIXELS[:16, :, :, None] // number).save(tmp_path / f"image_at_epoch_{number:04d}.png")
    facts = bring(root, tmp_path, Wish("Keras", "digits", options=Options(sheet=Sheet()))).facts()
    assert facts.unit == "epoch" and [(place.number, place.count) for place in facts.places] == [(1, 16), (2, 16)]


def test_other_sizes_and_colours_are_fitted_and_noted(root: Path, tmp_path: Path) -> None:
    for place in range(20):
        save(tmp_path / "in" / str(place), np.random.default_rng(place).integers(0, 256, (36, 36, 3), dtype=np.uint8), "jpg")
    guest = bring(root, tmp_path / "in")
    found = guest.facts().conditions
    assert guest.pixels().shape == (20, 32, 32, 1)
    assert (found["width"], found["height"], found["resized"], found["coloured"], found["jpeg"]) == (36, 36, 1, 1, 1)
    assert bring(root, tmp_path / "in", Wish("in colour", "shapes", 64)).pixels().shape == (20, 64, 64, 3)


def test_bad_sources_are_refused_in_a_sentence_and_leave_nothing(pictures: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("no picture")
    cut = zipped(pictures)
    cut.write_bytes(cut.read_bytes()[:2000])
    save(tmp_path / "one" / "a", PIXELS[0])
    save(tmp_path / "few" / "a", PIXELS[0])
    save(tmp_path / "few" / "b", PIXELS[1])
    assert "holds no pictures" in refusal(root, tmp_path / "empty")
    assert "holds no pictures" in refusal(root, tmp_path / "text")
    assert "damaged" in refusal(root, cut)
    assert "No grid of pictures" in refusal(root, tmp_path / "one")
    assert "Only 2 pictures found, expected at least 16" in refusal(root, tmp_path / "few")
    assert "if they are contact sheets, give their rows and columns" in refusal(root, tmp_path / "few")
    importer.grid(PIXELS[:4, :, :, None]).save(tmp_path / "four.png")
    assert "Only 4 pictures found on the contact sheet" in (told := refusal(root, tmp_path / "four.png")) and "crop titles" in told
    assert "nothing to read" in refusal(root, tmp_path / "missing")
    assert "holds points" in refusal(root, pictures, Wish("a", "ring"))
    assert "mnits" in refusal(root, pictures, Wish("a", "mnits"))
    assert "has no name" in refusal(root, pictures, Wish(" ", "digits"))
    assert "limit of this class is 10 pictures" in refusal(root, pictures, Wish("a", "digits", most=10))
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    assert refusal(root, tmp_path / "objects.npz")


def test_an_epoch_with_too_few_pictures_is_named(root: Path, tmp_path: Path) -> None:
    for number, count in ((1, 20), (2, 3)):
        for place, one in enumerate(PIXELS[:count]):
            save(tmp_path / "in" / f"epoch_{number}" / str(place), one)
    assert "in epoch 2" in refusal(root, tmp_path / "in")


def test_damaged_pictures_are_skipped_and_counted(pictures: Path, root: Path) -> None:
    (pictures / "005.png").write_bytes((pictures / "005.png").read_bytes()[:60])
    found = bring(root, pictures).facts().conditions
    assert found["pictures"] == 39 and found["skipped"] == 1 and "damaged" in found["skipped_because"]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(number=st.integers(0, 10**6))
def test_spoilt_archives_give_a_guest_or_a_sentence(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for place, one in enumerate(PIXELS[:17]):
            picture = io.BytesIO()
            Image.fromarray(one).save(picture, "PNG")
            archive.writestr(f"epoch_{place % 2}/{place}.png", picture.getvalue())
    path = tmp_path_factory.mktemp("spoilt") / "a.zip"
    path.write_bytes(spoilt([buffer.getvalue()], number))
    root = path.parent / "runs"
    try:
        bring(root, path, Wish("a", "digits", options=Options("no")))
        assert len(list_guests(root)) == 1
    except InputError as error:
        assert is_sentence(str(error)), str(error)
        assert not folder(root).exists() or list(folder(root).iterdir()) == []


def test_a_guest_has_an_owner_and_goes_to_the_trash_and_back(pictures: Path, root: Path) -> None:
    ann = Person(id="a1", name="Ann")
    with acting(ann):
        guest = bring(root, pictures)
    assert guest.owner() == ann == listed(root)[0].facts.owner
    with acting(Person(id="b1", name="Bo")), pytest.raises(InputError):
        guest.rename("mine")
    guest.rename("Colab")
    guest.annotate([], "drawn by hand")
    assert guest.label() == "Colab (guest)" and guest.told().note == "drawn by hand"
    runs.delete(guest)
    assert list_guests(root) == [] and [run.id for run in runs.list_trash(root)] == [guest.id]
    runs.restore(root, guest.id)
    assert list_guests(root) == [guest] and runs.list_runs(root) == [] and find(root, guest.id) == guest


def test_damaged_files_of_a_guest_are_a_sentence(pictures: Path, root: Path) -> None:
    guest = bring(root, pictures)
    path = guest.path / "pictures.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError) as caught:
        guest.pixels()
    assert is_sentence(str(caught.value))
    guest.facts_path.write_text("{")
    with pytest.raises(InputError):
        guest.facts()
    assert guest.label() and guest.moment(0) == ""


def test_pictures_of_28_pixels_keep_their_size_as_mnist_does(root: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    np.save(tmp_path / "drawn.npy", pixels)
    guest = bring(root, tmp_path / "drawn.npy")
    facts = guest.facts()
    assert (facts.size, guest.data().size, facts.conditions["resized"]) == (28, 28, 0)
    assert np.array_equal(guest.pixels()[..., 0], pixels)
    assert conditions.altered(facts.conditions, facts.size) is None, "so it is ranked with runs of 28 pixels"
    assert np.array_equal(decoder.fit(Image.fromarray(pixels[0]), 28, "crop", 1)[..., 0], pixels[0]), "real images likewise"
