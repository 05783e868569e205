"""The random VGG: the same weights on all machines, distances that grow with damage, and scores for data without labels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from gan.config.data import DataConfig
from gan.data import loaders
from gan.scoring import scores
from gan.scoring.extractors import classifier, efficientnet, inception, stacked, vgg
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.metrics.fid import fid
from tests.helpers import run_gan
from tests.scoring.conftest import CPU, ignore
from tests.scoring.extractors.rooms import trained_on_rooms

#: SHA-256 of the weights. If it differs, scores are not comparable with other machines: find out why, or raise VERSION.
DIGEST = "e0013173d35eeb15ce7d1a26a772d483a3de545fef7867e261a6f2e30a7e2f50"


@pytest.fixture(scope="module")
def network() -> Extractor:
    """Return the random VGG on the CPU."""
    return vgg.load(CPU, ignore)


def noise(*shape: int) -> Tensor:
    """Return random uint8 pixels, the same on every call."""
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


# The weights


def test_weights_are_the_same_on_all_machines(network: Extractor) -> None:
    assert vgg.digest(network.network) == DIGEST
    assert network.id == f"random-vgg-1-{DIGEST[:8]}" and network.label == "random VGG" and network.accuracy is None


def test_weights_do_not_depend_on_random_state_or_threads_of_the_process() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    try:
        assert vgg.digest(vgg.build()) == DIGEST
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), before), "the random state is left alone"


# The features


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 28, 32, 64, 128, 256])
def test_features_of_grey_and_colour_images_of_any_size(channels: int, size: int, network: Extractor) -> None:
    pixels = noise(5, channels, size, size)
    found = network.extract(pixels.split(3))
    assert found.features.shape == (5, 64) and found.logits.shape == (5, 0)
    assert found.features.dtype == torch.float32 and found.features.isfinite().all()
    assert found.features.std(dim=0).min() > 1e-3, "signals must not vanish"
    assert torch.equal(network.extract(pixels.split(3)).features, found.features)
    alone = network.extract(pixels.split(1)).features
    assert torch.allclose(alone, found.features, rtol=1e-3, atol=1e-3), "features must not depend on the other images of the batch"


def test_grey_images_go_to_all_three_channels(network: Extractor) -> None:
    grey = noise(4, 1, 32, 32)
    coloured = network.extract([grey.repeat(1, 3, 1, 1)]).features
    assert torch.allclose(network.extract([grey]).features, coloured, rtol=1e-4, atol=1e-4)


def test_colour_is_seen(network: Extractor) -> None:
    pixels = noise(4, 3, 32, 32)
    swapped = network.extract([pixels.flip(1)]).features
    assert not torch.allclose(network.extract([pixels]).features, swapped, atol=0.1)


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_distance_is_zero_for_equal_images_and_grows_with_noise(name: str, network: Extractor) -> None:
    images = loaders.load(DataConfig(name=name, size=32))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    some, others = images.take(order[:100]), images.take(order[100:200])
    real = network.extract(some.split(50)).features
    assert fid(real, real) == pytest.approx(0.0, abs=1e-3)
    found = []
    for strength in (0.0, 0.1, 0.2, 0.4):
        wrong = others + 255 * strength * torch.randn(others.shape, generator=torch.Generator().manual_seed(1))
        found.append(fid(real, network.extract(wrong.round().clamp(0, 255).byte().split(50)).features))
    assert found == sorted(found) and found[-1] > 5 * found[0], found


# Which extractor scores what


@pytest.mark.parametrize(
    ("wanted", "name", "has_weights", "expected"),
    [
        ("auto", "digits", True, "classifier"),
        ("auto", "bedrooms", True, "inception"),
        ("auto", "bedrooms", False, "vgg"),
        ("auto", "stacked-digits", True, "stacked"),
        ("random-vgg", "digits", True, "vgg"),
        ("inception", "bedrooms", False, "inception"),
    ],
)
def test_best_extractor_at_hand_is_chosen(
    wanted: str, name: str, has_weights: bool, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GAN_INCEPTION", raising=False)
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    if has_weights:
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / inception.WEIGHTS.name).touch()
    asked: list[str] = []

    def load(name: str) -> Extractor:
        asked.append(name.rpartition(".")[2])
        return Extractor(name, name, 0.9, torch.nn.Identity(), CPU, 1, chance=0.1)

    monkeypatch.setattr(efficientnet, "is_at_hand", lambda: False)
    for module in (classifier, inception, stacked, vgg):
        monkeypatch.setattr(module, "load", lambda *_, name=module.__name__: load(name))
    scores.choose_extractor(wanted, DataConfig(name=name), CPU, ignore)
    assert asked == [expected]


def test_weights_named_by_the_variable_count_as_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    monkeypatch.delenv("GAN_INCEPTION", raising=False)
    assert not inception.is_at_hand()
    monkeypatch.setenv("GAN_INCEPTION", str(tmp_path / "mistyped.pth"))
    assert inception.is_at_hand(), "a wrong path must lead to an error, not to another extractor"


def test_bedrooms_without_labels_are_scored_without_internet_access(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("GAN_INCEPTION", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # no server listens here
    run = trained_on_rooms(root, tmp_path, 48)
    done = run_gan("score", run.id, "--images", 30, "--draws", 2, "--extractor", "random-vgg", root=root)
    assert done.returncode == 0, done.stderr
    assert "FID · random VGG " in done.stdout and "IS –" in done.stdout and "Traceback" not in done.stderr
    (line,) = run.scores()
    assert line["fid"] > line["floor_fid"] > 0
    assert line["extractor"] == "random VGG" and line["extractor_id"].startswith("random-vgg-")
    assert line["inception_score"] is None and line["real_inception_score"] is None
