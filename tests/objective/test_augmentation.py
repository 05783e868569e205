"""Augmentation and noise: each policy against a loop over single images with the same random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor

from gan.config import sections
from gan.objective.augmentation import POLICIES, augment

SIZES = [(6, 1, 16, 16), (5, 3, 8, 8), (4, 3, 16, 12), (3, 1, 9, 9)]


def images(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensor:
    """Return images from −1 to 1."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 - 1


# The policies as plain loops: the same draws, then one image and one pixel at a time


def naive_colour(batch: Tensor) -> Tensor:
    """Change brightness, saturation and contrast."""
    count = len(batch)
    brightness, saturation, contrast = (torch.rand(count, 1, 1, 1, dtype=batch.dtype).flatten() for _ in range(3))
    changed = []
    for place, image in enumerate(batch):
        bright = image + (brightness[place] - 0.5)
        grey = sum(bright) / len(bright)
        coloured = torch.stack([grey + 2 * saturation[place] * (channel - grey) for channel in bright])
        middle = coloured.sum() / coloured.numel()
        changed.append(middle + (0.5 + contrast[place]) * (coloured - middle))
    return torch.stack(changed)


def naive_translation(batch: Tensor) -> Tensor:
    """Take each pixel from its source in the image, or 0 if that is outside."""
    count, _, height, width = batch.shape
    most_down, most_right = round(height / 8), round(width / 8)
    down = torch.randint(2 * most_down + 1, (count, 1)).flatten() - most_down
    right = torch.randint(2 * most_right + 1, (count, 1)).flatten() - most_right
    moved = []
    for place, image in enumerate(batch):
        rows = []
        for y in range(height):
            for x in range(width):
                from_y, from_x = y + int(down[place]), x + int(right[place])
                is_inside = 0 <= from_y < height and 0 <= from_x < width
                rows.append(image[:, from_y, from_x] if is_inside else 0 * image[:, 0, 0])
        moved.append(torch.stack(rows, dim=1).reshape(image.shape))
    return torch.stack(moved)


def naive_cutout(batch: Tensor) -> Tensor:
    """Set a square to 0; its centre is anywhere in the image."""
    count, _, height, width = batch.shape
    tall, wide = round(height / 2), round(width / 2)
    y = torch.randint(height + (1 - tall % 2), (count, 1)).flatten()
    x = torch.randint(width + (1 - wide % 2), (count, 1)).flatten()
    masks = torch.ones(count, 1, height, width, dtype=batch.dtype)
    for place in range(count):
        top, left = int(y[place]) - tall // 2, int(x[place]) - wide // 2
        for row in range(max(0, top), min(height, top + tall)):
            for column in range(max(0, left), min(width, left + wide)):
                masks[place, 0, row, column] = 0
    return batch * masks


NAIVE: dict[str, Callable[[Tensor], Tensor]] = {
    "colour": naive_colour,
    "translation": naive_translation,
    "cutout": naive_cutout,
}
EACH = pytest.mark.parametrize("name", list(POLICIES))


def test_every_policy_of_the_settings_is_implemented() -> None:
    assert set(POLICIES) == set(get_args(sections.Policy)) == set(NAIVE)


@EACH
@pytest.mark.parametrize("shape", SIZES)
def test_policies_equal_loops_over_single_images(name: str, shape: tuple[int, ...]) -> None:
    for seed in range(5):
        batch = images(*shape, seed=seed)
        torch.manual_seed(seed)
        found = POLICIES[name](batch)
        torch.manual_seed(seed)
        assert torch.allclose(found, NAIVE[name](batch))


@EACH
def test_gradients_equal_those_of_the_loops(name: str) -> None:
    weigh = images(4, 3, 8, 8, seed=9)
    gradients = []
    for policy in (POLICIES[name], NAIVE[name]):
        batch = images(4, 3, 8, 8).requires_grad_()
        torch.manual_seed(2)
        (policy(batch).square() * weigh).sum().backward()
        assert batch.grad is not None
        gradients.append(batch.grad)
    assert torch.allclose(*gradients)
    assert gradients[0].flatten(1).norm(dim=1).min() > 0, "some images give the generator no gradient"


@EACH
def test_gradients_equal_finite_differences(name: str) -> None:
    def again(batch: Tensor) -> Tensor:
        torch.manual_seed(2)
        return POLICIES[name](batch)

    assert torch.autograd.gradcheck(again, (images(2, 2, 4, 4).requires_grad_(),))


@EACH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (3, 3, 32, 32), (1, 3, 16, 16)])
def test_policies_keep_shape_and_dtype(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    batch = images(*shape).to(dtype)
    found = POLICIES[name](batch)
    assert found.shape == batch.shape
    assert found.dtype == dtype
    assert torch.isfinite(found).all()


@EACH
def test_policies_do_not_change_their_input(name: str) -> None:
    batch = images(4, 3, 16, 16)
    before = batch.clone()
    POLICIES[name](batch)
    assert torch.equal(batch, before)


@EACH
def test_each_image_and_each_call_has_its_own_draw(name: str) -> None:
    torch.manual_seed(0)
    batch = images(1, 3, 16, 16).repeat(16, 1, 1, 1)
    first, second = POLICIES[name](batch), POLICIES[name](batch)
    assert len({tuple(image.flatten().tolist()) for image in first}) > 8
    assert not torch.equal(first, second)


# What each policy does


def test_colour_changes_brightness_saturation_and_contrast_within_their_ranges() -> None:
    torch.manual_seed(0)
    count = 4000
    batch = images(1, 3, 4, 4).repeat(count, 1, 1, 1)
    found = POLICIES["colour"](batch)

    brightness = (found - batch).mean(dim=(1, 2, 3))
    assert -0.5 <= brightness.min() < -0.48
    assert 0.48 < brightness.max() <= 0.5
    assert abs(float(brightness.mean())) < 0.02

    # Contrast alone scales the grey image; contrast and saturation together scale the colours.
    grey, grey_before = found.mean(dim=1), batch.mean(dim=1)
    contrast = (grey - grey.mean(dim=(1, 2), keepdim=True)).flatten(1).norm(dim=1)
    contrast = contrast / (grey_before - grey_before.mean(dim=(1, 2), keepdim=True)).flatten(1).norm(dim=1)
    assert 0.5 - 1e-9 <= contrast.min() < 0.52
    assert 1.48 < contrast.max() <= 1.5 + 1e-9
    assert abs(float(contrast.mean()) - 1) < 0.02

    colours = (found - grey.unsqueeze(1)).flatten(1).norm(dim=1) / (batch - grey_before.unsqueeze(1)).flatten(1).norm(dim=1)
    saturation = colours / contrast
    assert saturation.min() < 0.02
    assert 1.98 < saturation.max() <= 2 + 1e-9
    assert abs(float(saturation.mean()) - 1) < 0.04
    draws = torch.stack([brightness, contrast, saturation])
    assert (torch.corrcoef(draws) - torch.eye(3)).abs().max() < 0.06, "the three draws should be independent"


def test_colour_leaves_grey_images_grey() -> None:
    grey = images(8, 1, 8, 8).repeat(1, 3, 1, 1)
    found = POLICIES["colour"](grey)
    assert torch.allclose(found[:, 0], found[:, 1])
    assert torch.allclose(found[:, 0], found[:, 2])


@pytest.mark.parametrize("size", [8, 16, 32])
def test_translation_moves_by_an_eighth_at_most_and_fills_with_grey(size: int) -> None:
    torch.manual_seed(0)
    count, most = 500, size // 8
    numbered = torch.arange(1.0, size * size + 1, dtype=torch.float64).reshape(1, 1, size, size)
    found = POLICIES["translation"](numbered.repeat(count, 1, 1, 1))
    ways = set()
    for image in found[:, 0]:
        inside = image.nonzero()
        y, x = inside[0].tolist()
        was_y, was_x = divmod(int(image[y, x]) - 1, size)
        down, right = y - was_y, x - was_x
        ways.add((down, right))
        kept = image != 0
        assert int(kept.sum()) == (size - abs(down)) * (size - abs(right)), "exactly the pixels from outside should be 0"
        moved = numbered[0, 0].roll((down, right), dims=(0, 1))
        assert torch.equal(image[kept], moved[kept]), "the pixels that stay inside should move together"
    assert {down for down, _ in ways} == set(range(-most, most + 1))
    assert {right for _, right in ways} == set(range(-most, most + 1))


@pytest.mark.parametrize("size", [8, 16, 17, 32])
def test_cutout_removes_a_quarter_at_most_anywhere_and_keeps_the_rest(size: int) -> None:
    torch.manual_seed(0)
    batch = torch.ones(2000, 3, size, size)
    found = POLICIES["cutout"](batch)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(found[:, 0], found[:, 1])
    assert torch.equal(found[:, 0], found[:, 2])
    gone = (found[:, 0] == 0).flatten(1).sum(dim=1)
    assert gone.max() == round(size / 2) ** 2
    assert gone.min() >= (round(size / 2) // 2) ** 2, "at least a quarter of the square should lie inside the image"
    shares = (found[:, 0] == 0).double().mean(dim=0)
    assert shares.min() > 0, "every pixel should be cut out sometimes"
    assert torch.allclose(shares, shares.flip(0, 1), atol=0.06), "no side should be preferred"


# Several policies, and noise


def test_without_policies_and_noise_nothing_changes() -> None:
    batch = images(4, 3, 16, 16)
    state = torch.get_rng_state()
    assert augment(batch, ()) is batch
    assert torch.equal(torch.get_rng_state(), state), "no random numbers should be drawn, to keep runs without noise reproducible"


def test_policies_are_applied_one_after_the_other_and_noise_last() -> None:
    batch = images(4, 3, 16, 16)
    torch.manual_seed(4)
    found = augment(batch, ("colour", "translation", "cutout"), 0.1)
    torch.manual_seed(4)
    expected = naive_cutout(naive_translation(naive_colour(batch)))
    assert torch.allclose(found, expected + 0.1 * torch.randn_like(found))  # randn_like draws in memory order


@pytest.mark.parametrize("deviation", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("shape", [(100, 1, 16, 16), (20_000, 2)])
def test_noise_has_the_requested_deviation(shape: tuple[int, ...], deviation: float) -> None:
    torch.manual_seed(0)
    batch = torch.randn(shape)
    added = (augment(batch, (), deviation) - batch) / deviation
    assert added.shape == shape
    assert abs(float(added.mean())) < 0.03
    assert float(added.std()) == pytest.approx(1, rel=0.03)
    assert float(added.pow(4).mean()) == pytest.approx(3, rel=0.1), "the noise should be normal, not uniform"
    assert len(added.flatten().unique()) > added.numel() * 0.9, "each number should have its own draw"


def test_noise_lets_gradients_through_unchanged() -> None:
    points = torch.randn(5, 2, requires_grad=True)
    weigh = torch.randn(5, 2)
    (augment(points, (), 0.3) * weigh).sum().backward()
    assert points.grad is not None
    assert torch.equal(points.grad, weigh)
