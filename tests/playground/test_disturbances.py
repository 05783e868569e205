"""Disturbances do what they say, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms.functional import adjust_contrast, gaussian_blur

from gan.playground.disturbances import choose, disturb


def random() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.fixture
def pixels() -> Tensor:
    return torch.randint(0, 256, (5, 1, 12, 12), dtype=torch.uint8, generator=random())


def test_nothing_is_changed_unasked(pixels: Tensor) -> None:
    assert torch.equal(disturb(pixels, random()), pixels)


@pytest.mark.parametrize("sigma", [0.5, 1.5])
def test_blur_is_a_gaussian(sigma: float) -> None:
    image = torch.zeros(1, 1, 21, 21, dtype=torch.uint8)
    image[..., 10, 10] = 255
    expected = gaussian_blur(image.float(), [2 * round(3 * sigma + 0.49) + 1] * 2, [sigma] * 2)
    assert (disturb(image, random(), blur=sigma).float() - expected).abs().max() <= 0.5


def test_contrast_brightness_and_noise_have_the_strength_asked_for(pixels: Tensor) -> None:
    for factor in (0.5, 1.25, 2.0):
        expected = adjust_contrast(pixels.float() / 255, factor) * 255
        assert (disturb(pixels, random(), contrast=factor).float() - expected).abs().max() <= 0.51
    assert torch.equal(disturb(pixels, random(), brightness=1), torch.full_like(pixels, 255))
    grey = torch.full((1, 1, 64, 64), 128, dtype=torch.uint8)
    assert int(disturb(grey, random(), brightness=-0.1)[0, 0, 0, 0]) == round(128 - 25.5)
    noisy = disturb(grey, random(), noise=0.1).float()
    assert float(noisy.mean()) == pytest.approx(128, abs=2) and float(noisy.std()) == pytest.approx(25.5, rel=0.05)


def test_all_are_chosen_once_if_nothing_is_left_out() -> None:
    labels = torch.arange(50) % 10
    assert sorted(choose(labels, 50, 10, 50, random()).tolist()) == list(range(50))


def test_classes_take_turns_and_few_pictures_are_repeated_equally_often() -> None:
    labels = torch.arange(50) % 10
    places = choose(labels, 40, 10, 20, random())
    assert sorted(places.unique(return_counts=True)[1].tolist()) == [2] * 20
    assert labels[places[:20]].bincount().tolist() == [2] * 10
    assert set(labels[choose(labels, 40, 3, 50, random())].tolist()) == {0, 1, 2}
    assert len(choose(labels, 40, 10, 1, random()).unique()) == 1
