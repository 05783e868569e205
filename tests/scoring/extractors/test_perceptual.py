"""LPIPS against torchmetrics with the same weights, and on grey, small and single images.

AlexNet's own weights are not needed: random ones test the computation just as well.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import learned_perceptual_image_patch_similarity
from torchvision.models import alexnet

from gan.errors import InputError
from gan.scoring.extractors import perceptual
from gan.scoring.extractors.perceptual import Lpips
from tests.helpers import is_sentence
from tests.scoring.conftest import CPU


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Return random AlexNet weights; the unused classifier layers are expanded zeros, which take no space in a file."""
    with torch.device("meta"):
        network = alexnet(weights=None)
    random = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(value.shape, generator=random) * math.sqrt(2 / value[0].numel())
        if name.startswith("features")
        else torch.zeros(1).expand(value.shape)
        for name, value in network.state_dict().items()
    }


@pytest.fixture(scope="module")
def network(state: dict[str, Tensor]) -> Lpips:
    return perceptual.build(state)


@pytest.fixture(autouse=True)
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Set and return a data folder without weights, and unset the variable that could point to others."""
    monkeypatch.delenv("GAN_ALEXNET", raising=False)
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def torchmetrics(state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Tensor, Tensor], Tensor]:
    """Return torchmetrics' LPIPS with the same AlexNet weights, saved where torchvision would have downloaded them."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(state, tmp_path / "hub" / "checkpoints" / perceptual.WEIGHTS.name)

    def measure(one: Tensor, other: Tensor) -> Tensor:
        pair = (pixels.float() / 127.5 - 1 for pixels in (one, other))
        return learned_perceptual_image_patch_similarity(*pair, net_type="alex", reduction="none").reshape(-1)

    return measure


def draw(count: int, channels: int = 3, size: int = 64, seed: int = 0) -> Tensor:
    """Return smooth random images."""
    coarse = torch.randint(0, 256, (count, channels, 8, 8), generator=torch.Generator().manual_seed(seed)).float()
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 255).round().byte()


@pytest.mark.parametrize("size", [64, 96])
def test_lpips_agrees_with_torchmetrics(size: int, network: Lpips, torchmetrics: Callable[[Tensor, Tensor], Tensor]) -> None:
    one, other = draw(4, size=size), draw(4, size=size, seed=1)
    found = network(one, other)
    assert found.min() > 0.01
    assert found.tolist() == pytest.approx(torchmetrics(one, other).tolist(), rel=1e-4)


def test_diversity_is_the_mean_over_all_pairs_of_few_images(
    network: Lpips, torchmetrics: Callable[[Tensor, Tensor], Tensor]
) -> None:
    images = draw(9)
    first, second = torch.triu_indices(9, 9, offset=1)
    expected = float(torchmetrics(images[first], images[second]).mean())
    assert network.diversity(images) == pytest.approx(expected, rel=1e-4)


def test_equal_images_have_distance_zero_and_order_does_not_matter(network: Lpips) -> None:
    one, other = draw(3), draw(3, seed=1)
    assert network(one, one).tolist() == [0, 0, 0]
    assert network(one, other).tolist() == pytest.approx(network(other, one).tolist())
    assert network.diversity(one[:1].expand(50, -1, -1, -1)) == 0


def test_varied_images_are_more_diverse_than_similar_ones(network: Lpips) -> None:
    varied = draw(60, size=32)
    alike = (varied[:1].int() + torch.randint(-3, 4, varied.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 255).byte()
    assert network.diversity(varied) > 3 * network.diversity(alike) > 0


def test_grey_images_go_to_all_three_channels(network: Lpips) -> None:
    grey = draw(6, channels=1)
    assert network.diversity(grey) == network.diversity(grey.repeat(1, 3, 1, 1))


@pytest.mark.parametrize("size", [16, 32])
def test_small_images_are_scaled_up(size: int, network: Lpips) -> None:
    small = draw(6, size=size)
    large = torch.nn.functional.interpolate(small.float(), (64, 64), mode="bilinear").round().byte()
    assert network.diversity(small) == pytest.approx(network.diversity(large), rel=0.05)  # the large ones were rounded


def test_seed_determines_pairs_and_leaves_the_global_random_state_alone(network: Lpips) -> None:
    images = draw(30, size=32)
    before = torch.get_rng_state()
    assert network.diversity(images, pairs=20, seed=1) == network.diversity(images, pairs=20, seed=1)
    assert network.diversity(images, pairs=20, seed=1) != network.diversity(images, pairs=20, seed=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_image_has_no_diversity(network: Lpips) -> None:
    assert math.isnan(network.diversity(draw(1)))
    assert math.isnan(network.diversity(draw(0)))


def test_without_weights_there_is_no_network_and_no_download(data_folder: Path) -> None:
    assert not perceptual.is_at_hand()
    assert perceptual.load(CPU) is None
    assert not data_folder.exists()


def test_published_weights_are_loaded_and_others_refused(
    state: dict[str, Tensor], network: Lpips, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    monkeypatch.setenv("GAN_ALEXNET", str(path))
    with pytest.raises(InputError) as caught:
        perceptual.load(CPU)
    assert is_sentence(str(caught.value))
    content = path.read_bytes()
    ours = replace(perceptual.WEIGHTS, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    monkeypatch.setattr(perceptual, "WEIGHTS", ours)
    loaded = perceptual.load(CPU)
    assert loaded is not None
    assert loaded.diversity(draw(5)) == network.diversity(draw(5))
