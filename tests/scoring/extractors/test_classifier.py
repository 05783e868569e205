"""The classifier: real training, its reported accuracy, and retraining if the file is damaged or outdated."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan.config.data import DataConfig
from gan.data import importer, loaders
from gan.data.loaders import Images
from gan.errors import InputError
from gan.judging import glossary
from gan.places import data_root
from gan.scoring import scores
from gan.scoring.extractors import classifier, efficientnet
from gan.scoring.extractors.extractor import Extractor
from tests.helpers import PROJECT, environment, is_sentence
from tests.scoring.conftest import CPU, ignore, make_quick


def load_quickly() -> tuple[Extractor, bool]:
    """Return the digits classifier and whether this call trained it."""
    reported: list[tuple[str, float]] = []
    found = classifier.load("digits", CPU, lambda sentence, share: reported.append((sentence, share)))
    return found, bool(reported)


@pytest.fixture(scope="module")
def quickly_trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder in which the quick classifier has been trained."""
    with pytest.MonkeyPatch.context() as patch:
        folder = make_quick(patch, tmp_path_factory.mktemp("trained"))
        assert load_quickly()[1]
    return folder


def held_out() -> Images:
    """Return the digits held out from training."""
    images = loaders.load(DataConfig(size=32))
    is_held = classifier.split(images.labels, 0.2, torch.Generator().manual_seed(0))
    return Images(images.pixels[is_held], images.labels[is_held])


def test_features_are_the_same_with_and_without_gradients() -> None:
    network = classifier.Classifier(3, 10).eval().to(memory_format=torch.channels_last)
    pixels = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = network(pixels)
    with torch.inference_mode():
        assert all(torch.allclose(one, other, rtol=1e-5) for one, other in zip(network(pixels), expected, strict=True))


def test_digits_are_read_correctly(digits: Extractor) -> None:
    unseen = held_out()
    assert len(unseen.labels) == pytest.approx(0.2 * 1797, abs=5)
    guesses = digits.extract(unseen.pixels.split(100)).logits.argmax(dim=1)
    accuracy = float((guesses == unseen.labels).double().mean())
    assert accuracy >= 0.97
    assert digits.accuracy == pytest.approx(accuracy)


def test_classifier_that_ships_is_used_unless_it_is_damaged_or_there_is_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick: Path
) -> None:
    trained, was_trained = load_quickly()
    assert was_trained
    monkeypatch.setattr(classifier, "_SHIPPED", Path(classifier.__file__).parent)
    assert load_quickly()[0].id == trained.id, "scores of this folder stay comparable"
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "another"))
    shipped, was_trained = load_quickly()
    assert not was_trained and shipped.id != trained.id and (shipped.accuracy or 0) >= 0.97
    copied = tmp_path / "copied"
    copied.mkdir()
    for suffix in ("json", "safetensors"):
        (copied / f"digits.{suffix}").write_bytes((Path(classifier.__file__).parent / f"digits.{suffix}").read_bytes())
    _flip(copied / "digits.safetensors")
    monkeypatch.setattr(classifier, "_SHIPPED", copied)
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "third"))
    assert load_quickly()[1]


def test_held_out_images_are_a_share_of_every_class_and_never_trained_on(monkeypatch: pytest.MonkeyPatch, quick: Path) -> None:
    images = loaders.load(DataConfig(size=32))
    is_held = classifier.split(images.labels, 0.2, torch.Generator().manual_seed(0))
    for digit in range(10):
        assert float(is_held[images.labels == digit].double().mean()) == pytest.approx(0.2, abs=0.003)

    trained_on: list[torch.Tensor] = []
    shift = classifier._shift

    def watch(pixels: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        trained_on.append(pixels)
        return shift(pixels, random)

    monkeypatch.setattr(classifier, "_shift", watch)
    load_quickly()
    seen = {bytes(image.numpy().data) for image in torch.cat(trained_on)}
    assert len(seen) > 1300
    duplicates = {bytes(image.numpy().data) for image in images.pixels[~is_held]}
    assert not seen & ({bytes(image.numpy().data) for image in images.pixels[is_held]} - duplicates)


def test_features_and_logits_of_any_size_come_in_one_pass(digits: Extractor) -> None:
    for size in (16, 32, 64):
        pixels = loaders.load(DataConfig(size=size)).pixels[:70]
        found = digits.extract(pixels.split(32))
        assert found.features.shape == (70, 64) and found.logits.shape == (70, 10)
        assert torch.allclose(found.logits, digits.network.head(found.features), atol=1e-4)
    with torch.inference_mode():
        alone = digits.network(pixels[:1])[0]
    assert torch.allclose(alone, found.features[:1], atol=1e-4), "batch norm must not use batch statistics"


def test_training_is_deterministic_and_leaves_the_process_unchanged(
    quick: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, threads = [], torch.get_num_threads()
    for count in (1, 2):
        monkeypatch.setenv("GAN_DATA", str(tmp_path / str(count)))
        torch.set_num_threads(count)
        torch.manual_seed(count)
        before = torch.get_rng_state()
        extractor, was_trained = load_quickly()
        assert was_trained
        assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == count
        found.append((extractor.id, extractor.accuracy))
    torch.set_num_threads(threads)
    assert found[0] == found[1]


def test_second_use_loads_the_saved_classifier(quick: Path) -> None:
    first, was_trained = load_quickly()
    second, was_trained_again = load_quickly()
    assert was_trained and not was_trained_again
    assert first.id == second.id and first.accuracy == second.accuracy
    assert all(map(torch.equal, first.network.state_dict().values(), second.network.state_dict().values()))


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _praise(path: Path) -> None:
    path.write_text(path.read_text().replace('"accuracy": 0.', '"accuracy": 0.9'))


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        ("safetensors", _flip),
        ("safetensors", lambda path: path.write_bytes(path.read_bytes()[:-100])),
        ("safetensors", lambda path: path.write_bytes(b"")),
        ("safetensors", Path.unlink),
        ("json", _praise),
        ("json", lambda path: path.write_text("[" * 100_000)),
        ("json", lambda path: path.write_text("[1, 2]")),
        ("json", lambda path: path.write_text('{"version": 1')),
        ("json", Path.unlink),
    ],
    ids=["bit", "cut", "empty", "missing", "accuracy", "nested", "list", "half", "missing-facts"],
)
def test_damaged_classifier_is_trained_again(
    quick: Path, quickly_trained: Path, suffix: str, damage: Callable[[Path], object]
) -> None:
    shutil.copytree(quickly_trained, quick)
    first, was_trained = load_quickly()
    assert not was_trained
    damage(quick / "classifiers" / f"digits.{suffix}")
    second, was_trained = load_quickly()
    assert was_trained
    assert second.id == first.id and second.accuracy == first.accuracy
    assert not load_quickly()[1]


def test_outdated_classifier_is_trained_again(quick: Path, quickly_trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(quickly_trained, quick)
    first, was_trained = load_quickly()
    assert not was_trained
    monkeypatch.setattr(classifier, "VERSION", classifier.VERSION + 1)
    second, was_trained = load_quickly()
    assert was_trained and second.id != first.id
    assert json.loads((quick / "classifiers" / "digits.json").read_text())["version"].startswith(f"{classifier.VERSION}-")


@pytest.mark.skipif(os.name != "posix", reason="the processes are forked")
def test_two_processes_at_once_train_it_once(tmp_path: Path) -> None:
    code = (
        "import os, sys, torch; from dataclasses import replace; from gan.scoring.extractors import classifier\n"
        "classifier.RECIPES['digits'] = replace(classifier.RECIPES['digits'], epochs=1)\n"
        "classifier._FEWEST_STEPS, classifier._SHIPPED = 1, classifier.data_root()\n"
        "said = []\n"
        "os.fork()\n"  # before anything is computed: the two share nothing but their imports
        "os.write(1, b'ready\\n'); os.read(0, 1)\n"
        "found = classifier.load('digits', torch.device('cpu'), lambda sentence, share: said.append(sentence))\n"
        "os.write(1, f'{found.id} {bool(said)}\\n'.encode())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(extra={"GAN_DATA": str(tmp_path), "OMP_NUM_THREADS": "1"}),
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
    answers = [line.split() for line in process.communicate("gg", timeout=240)[0].splitlines()]
    assert answers[0][0] == answers[1][0]
    assert sorted(answer[1] for answer in answers) == ["False", "True"]


def test_folder_that_cannot_be_written_gives_one_sentence(quick: Path) -> None:
    quick.mkdir()
    (quick / "classifiers").write_text("in the way")
    with pytest.raises(InputError) as caught:
        load_quickly()
    assert is_sentence(str(caught.value))


@pytest.mark.parametrize("name", ["bedrooms", "stacked-digits", "ring"])
def test_data_set_without_classifier_gives_one_sentence(name: str) -> None:
    with pytest.raises(InputError, match=f"no classifier for the data set “{name}”") as caught:
        classifier.load(name, CPU, ignore)
    assert is_sentence(str(caught.value))


def test_every_labelled_set_of_images_has_a_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fraction of the usual training is enough to show that it learns."""
    monkeypatch.setitem(classifier.RECIPES, "shapes", replace(classifier.recipe_of("shapes"), epochs=2, images=3000))
    found = classifier.load("shapes", CPU, ignore)
    assert found.label == "Shapes (rendered) CNN"
    assert found.accuracy is not None and found.accuracy > 0.9
    grey = loaders.load(DataConfig(name="shapes", size=16, colour="grey")).pixels[:8]
    assert found.extract([grey]).logits.shape == (8, 64), "grey images of a colour data set are accepted too"


@pytest.mark.parametrize(("classes", "each"), [(2, 10), (80, 10)], ids=["few images", "many classes"])
def test_small_data_sets_and_many_classes_have_a_classifier_too(
    classes: int, each: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each class has its own colour, so ten images per class are enough."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    random = np.random.default_rng(0)
    colours = random.integers(40, 216, (classes, 3))
    with zipfile.ZipFile(tmp_path / "colours.zip", "w") as made:
        for number in range(classes * each):
            picture = np.clip(colours[number % classes] + random.integers(-8, 9, (16, 16, 3)), 0, 255).astype(np.uint8)
            content = io.BytesIO()
            Image.fromarray(picture).save(content, "PNG")
            made.writestr(f"{number % classes}/{number}.png", content.getvalue())
    name = importer.import_pictures(tmp_path / "colours.zip", "Colours", ignore, root=data_root())
    found = classifier.load(name, CPU, ignore)
    assert found.label == "Colours CNN" and found.accuracy is not None and found.accuracy >= min(0.9, 10 / classes)


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Import pictures of noise in six folders that mean nothing, so that nothing can be learnt; return the data set's name."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("GAN_INCEPTION", raising=False)
    monkeypatch.setattr(classifier, "_FEWEST_STEPS", 20)
    random = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "noise.zip", "w") as made:
        for number in range(300):
            content = io.BytesIO()
            Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(content, "PNG")
            made.writestr(f"{number % 6}/{number}.png", content.getvalue())
    return importer.import_pictures(tmp_path / "noise.zip", "Noise", ignore, root=data_root())


def test_classifier_at_chance_is_passed_over(noise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataConfig(name=noise, size=16)
    monkeypatch.setattr(efficientnet, "is_at_hand", lambda: False)
    for is_quick in (False, True):
        found = scores.choose_extractor("auto", data, CPU, ignore, is_quick=is_quick)
        assert found.id.startswith("random-vgg") and found.accuracy is None
        assert is_sentence(found.note) and "Noise CNN was passed over" in found.note and "guessing (17 %)" in found.note
    asked = scores.choose_extractor("classifier", data, CPU, ignore)
    assert asked.label == "Noise CNN" and asked.note == "" and asked.is_at_chance and asked.chance == pytest.approx(1 / 6)
    line = {"fid": 1.0, "images": 500, "real_images": 500}
    assert glossary.missing({**line, "extractor_note": found.note}) == [found.note]
    (told,) = glossary.missing({**line, "extractor_accuracy": asked.accuracy, "extractor_chance": asked.chance})
    assert "hardly more than guessing" in told and is_sentence(told)


@pytest.mark.parametrize(
    ("accuracy", "chance", "is_at_chance"),
    [
        (0.175, 1 / 6, True),  # 1 % of the way from guessing to certainty
        (0.24, 1 / 6, True),
        (0.26, 1 / 6, False),
        (0.92, 0.9, False),  # a fifth of the way
        (0.905, 0.9, True),  # nearly always the largest class
        (0.12, 0.01, False),
        (0.53, 0.1, False),
        (None, None, False),
        (0.5, None, False),
        (1.0, 1.0, False),  # one class
    ],
)
def test_chance_depends_on_the_number_and_sizes_of_the_classes(
    accuracy: float | None, chance: float | None, is_at_chance: bool
) -> None:
    assert Extractor("", "", accuracy, torch.nn.Identity(), CPU, 1, chance=chance).is_at_chance is is_at_chance


def test_only_accurate_classifiers_count_classes() -> None:
    """A classifier that is wrong more often than right would report classes as missing that are present."""
    for accuracy, is_trusted in ((0.67, True), (0.31, False), (None, False)):
        assert Extractor("", "", accuracy, torch.nn.Identity(), CPU, 1).tells_classes is is_trusted
        (told,) = glossary.missing({"fid": 1.0, "images": 500, "real_images": 500, "extractor_accuracy": accuracy}) or ("",)
        assert bool(told) is (accuracy == 0.31) and (not told or is_sentence(told))


def test_mnist_is_read_correctly(real_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "MNIST").symlink_to(real_data / "MNIST", target_is_directory=True)
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    monkeypatch.setitem(classifier.RECIPES, "mnist", replace(classifier.RECIPES["mnist"], epochs=3, images=4000))
    found = classifier.load("mnist", CPU, ignore)
    assert found.label == "MNIST CNN" and found.accuracy is not None and found.accuracy >= 0.98
