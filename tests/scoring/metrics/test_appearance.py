"""Brightness, contrast and saturation of images against NumPy, Pillow's HSV and images with known values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gan.scoring.metrics import appearance
from gan.scoring.metrics.appearance import Looks, compare, look


def noise(count: int, channels: int = 3, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 12, 10), dtype=torch.uint8, generator=random)


def colour(red: int, green: int, blue: int) -> Tensor:
    return torch.tensor([red, green, blue], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 8, 8)


def looks(values: list[float]) -> Looks:
    return Looks(*(torch.tensor(values, dtype=torch.double) for _ in range(3)))


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_and_contrast_agree_with_numpy(channels: int) -> None:
    images = noise(9, channels)
    found, plain = look(images), images.numpy().astype(np.float64)
    assert found.brightness.numpy() == pytest.approx(plain.mean(axis=(1, 2, 3)))
    assert found.contrast.numpy() == pytest.approx(plain.mean(axis=1).std(axis=(1, 2)))
    assert found.brightness.dtype == torch.double


def test_saturation_agrees_with_pillow() -> None:
    images = noise(5)
    images[0, :, :4] = 0  # black pixels have no saturation
    hsv = [np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("HSV"))[..., 1].mean() / 255 for image in images]
    assert look(images).saturation.numpy() == pytest.approx(np.array(hsv), abs=1 / 255)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (colour(0, 0, 0), (0.0, 0.0, 0.0)),
        (colour(255, 255, 255), (255.0, 0.0, 0.0)),
        (colour(255, 0, 0), (85.0, 0.0, 1.0)),
        (colour(200, 150, 100), (150.0, 0.0, 0.5)),
        (torch.tensor([[[[0, 255], [255, 0]]]], dtype=torch.uint8), (127.5, 127.5, 0.0)),
    ],
)
def test_plain_images_have_known_looks(pixels: Tensor, expected: tuple[float, float, float]) -> None:
    assert tuple(float(values) for values in look(pixels)) == pytest.approx(expected)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(9)
    expected = look(images)
    monkeypatch.setattr(appearance, "_VALUES", 800)
    for found, values in zip(look(images), expected, strict=True):
        assert torch.allclose(found, values, rtol=1e-12)


def test_images_against_themselves_do_not_differ() -> None:
    images = look(noise(30))
    for name, found in compare(images, images).items():
        assert found.effect == 0
        assert found.real_counts == found.fake_counts
        assert len(found.real_counts) == 32
        assert sum(found.real_counts) == 30, name


def test_effect_is_the_difference_in_standard_deviations() -> None:
    real, fake = looks([0.1, 0.2, 0.3, 0.4]), looks([0.6, 0.7, 0.8])
    spread = math.sqrt((3 * np.var([1, 2, 3, 4], ddof=1) + 2 * np.var([6, 7, 8], ddof=1)) / 5) / 10
    found = compare(real, fake)["saturation"]
    assert (found.real_mean, found.fake_mean) == (pytest.approx(0.25), pytest.approx(0.7))
    assert found.effect == pytest.approx(0.45 / spread)
    assert compare(fake, real)["saturation"].effect == pytest.approx(-0.45 / spread)


def test_histograms_span_the_whole_range() -> None:
    found = compare(look(torch.cat([colour(0, 0, 0), colour(255, 255, 255)])), look(colour(255, 0, 0)))
    assert list(found) == ["brightness", "contrast", "saturation"]
    assert (found["brightness"].real_counts[0], found["brightness"].real_counts[-1]) == (1, 1)
    assert found["saturation"].fake_counts == [0] * 31 + [1]
    assert found["brightness"].fake_counts[int(85 / 255 * 32)] == 1
    assert [part.highest for part in found.values()] == [255.0, 127.5, 1.0]


def test_effect_of_constant_or_missing_values() -> None:
    half, other = looks([0.5, 0.5, 0.5]), looks([0.75, 0.75])
    assert compare(half, looks([0.5]))["contrast"].effect == 0
    assert compare(looks([0.1] * 3), looks([0.1] * 7))["contrast"].effect == 0  # the means differ only in the last digit
    assert compare(half, other)["contrast"].effect == math.inf
    assert compare(other, half)["contrast"].effect == -math.inf
    assert math.isnan(compare(looks([0.5]), looks([0.7]))["contrast"].effect)
    assert math.isnan(compare(half, looks([0.5, math.nan]))["contrast"].effect)
    for pair in ((half, looks([])), (looks([]), half)):
        found = compare(*pair)["contrast"]
        assert math.isnan(found.effect)
        assert sum(found.real_counts) + sum(found.fake_counts) == 3
    assert math.isnan(compare(looks([]), half)["contrast"].real_mean)


def test_no_images_have_no_looks() -> None:
    found = look(noise(0))
    assert [values.shape for values in found] == [(0,), (0,), (0,)]
