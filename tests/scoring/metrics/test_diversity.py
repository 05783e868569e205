"""Diversity of images: MS-SSIM against torchmetrics and closed forms, duplicates against the survey, the birthday paradox."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure, structural_similarity_index_measure

from gan.data import survey
from gan.data.rendered import bedrooms
from gan.scoring.metrics import diversity
from gan.scoring.metrics.diversity import Duplicates, ms_ssim, near_duplicates, support


def noise(count: int, side: int, channels: int = 3, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=random)


@pytest.fixture(scope="module")
def rooms() -> Tensor:
    """Return 60 rendered bedrooms, uint8 [60, 3, 32, 32], all different."""
    return torch.from_numpy(bedrooms.render(32, 0, 60)[0]).permute(0, 3, 1, 2)


# MS-SSIM


def test_five_scales_agree_with_torchmetrics() -> None:
    images = noise(2, 8, 1).repeat_interleave(32, 2).repeat_interleave(32, 3)
    expected = multiscale_structural_similarity_index_measure(images[:1].float(), images[1:].float(), data_range=255.0)
    assert ms_ssim(images) == pytest.approx(float(expected), rel=1e-4)


def test_one_scale_is_plain_ssim() -> None:
    images = noise(2, 11)
    images[1] = images[0] // 2
    expected = structural_similarity_index_measure(images[:1].float(), images[1:].float(), data_range=255.0)
    assert ms_ssim(images) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize(("side", "scales", "channels"), [(11, 1, 3), (13, 2, 3), (16, 2, 1), (45, 3, 3), (64, 3, 1), (128, 4, 3)])
def test_pairs_of_pictures_agree_with_torchmetrics(side: int, scales: int, channels: int) -> None:
    """Alike and unlike ones, of odd sides too, against float64."""
    count = 6 if side < 40 else 2 if side < 100 else 1  # large pictures in float64 take most of the time
    base = torch.nn.functional.interpolate(noise(count, 7, channels).double(), (side, side), mode="bilinear")
    images = torch.cat([base, base.roll(1, 3), base / 2 + 60, noise(2, side, channels).double()]).round().byte()
    weights = [0.0448, 0.2856, 0.3001, 0.2363][:scales]
    first, second = diversity.random_pairs(len(images), 500, 0)
    expected = multiscale_structural_similarity_index_measure(
        images[first].double(), images[second].double(), data_range=255.0, betas=tuple(weight / sum(weights) for weight in weights)
    )
    assert ms_ssim(images) == pytest.approx(float(expected), rel=3e-5)


@pytest.mark.parametrize(("side", "scales"), [(16, 2), (32, 2), (64, 3), (128, 4)])
def test_two_constants_differ_in_brightness_at_the_coarsest_scale(side: int, scales: int) -> None:
    images = torch.stack([torch.full((1, side, side), value, dtype=torch.uint8) for value in (50, 200)])
    c1 = (0.01 * 255) ** 2
    brightness = (2 * 50 * 200 + c1) / (50**2 + 200**2 + c1)
    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)[:scales]
    assert ms_ssim(images) == pytest.approx(brightness ** (weights[-1] / sum(weights)), rel=1e-3)


@pytest.mark.parametrize("side", range(9, 70, 3))
def test_images_smaller_than_eleven_pixels_have_no_figure(side: int) -> None:
    found = ms_ssim(noise(2, side, 1))
    assert math.isnan(found) if side < 11 else 0 <= found < 0.5


def test_ms_ssim_of_repeated_images_is_one_and_of_noise_near_zero(rooms: Tensor) -> None:
    assert ms_ssim(rooms[:1].repeat(20, 1, 1, 1)) == pytest.approx(1.0, abs=1e-3)
    assert ms_ssim(torch.full((5, 1, 32, 32), 90, dtype=torch.uint8)) == pytest.approx(1.0, abs=1e-3)
    assert ms_ssim(noise(10, 32)) < 0.1 < ms_ssim(rooms) < 0.9


def test_pairs_are_all_or_random_ones_of_two_different_images(rooms: Tensor) -> None:
    few = rooms[:5]
    pairs = [ms_ssim(few[[a, b]]) for a in range(5) for b in range(a)]
    assert ms_ssim(few, pairs=10) == pytest.approx(sum(pairs) / 10, rel=1e-5)
    assert min(pairs) <= ms_ssim(few, pairs=1) <= max(pairs)
    before = torch.get_rng_state()
    assert ms_ssim(rooms, pairs=40, seed=1) == ms_ssim(rooms, pairs=40, seed=1)
    assert ms_ssim(rooms, pairs=40, seed=1) != ms_ssim(rooms, pairs=40, seed=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_fewer_than_two_images_have_no_figure() -> None:
    assert math.isnan(ms_ssim(noise(1, 32)))
    assert math.isnan(ms_ssim(noise(0, 32)))


# Near duplicates


def test_rooms_and_noise_have_no_duplicates(rooms: Tensor) -> None:
    assert near_duplicates(rooms) == (0.0, 0, 60)
    assert near_duplicates(noise(50, 16)) == (0.0, 0, 50)


@pytest.mark.parametrize("value", [0, 90, 255])
def test_identical_constant_images_are_all_duplicates(value: int) -> None:
    assert near_duplicates(torch.full((40, 1, 16, 16), value, dtype=torch.uint8)) == (1.0, 40 * 39 // 2, 40)


def test_exact_and_near_copies_count_both_images_of_a_pair(rooms: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    brighter = (rooms[:4].int() + 1).clamp(max=255).to(torch.uint8)
    images = torch.cat([rooms, rooms[20:23], rooms[20:21], brighter])
    expected = Duplicates((3 + 2 * 2 + 4 * 2) / 68, 3 + 2 + 4, 68)  # one room occurs three times, which makes three pairs
    assert near_duplicates(images) == expected
    monkeypatch.setattr(diversity, "_BLOCK", 7 * 68)
    assert near_duplicates(images) == expected
    order = torch.randperm(68, generator=torch.Generator().manual_seed(0))
    assert near_duplicates(images[order]) == expected


def test_pairs_agree_with_the_survey() -> None:
    random = np.random.default_rng(0)
    base = bedrooms.render(32, 0, 60)[0][random.integers(0, 60, 200)]
    pixels = (base // 2 + random.integers(0, 6, base.shape)).astype(np.uint8)
    facts = survey.look(pixels, np.zeros(200, dtype=np.int64))
    found = near_duplicates(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    assert facts["near"] > 20
    assert found.share * 200 >= facts["near"] + 1  # here the first image of each group counts too
    hashes, thumbnails = survey.fingerprints(pixels)
    plain = {
        (a, b)
        for a in range(200)
        for b in range(a)
        if int(hashes[a] ^ hashes[b]).bit_count() <= 3 and np.corrcoef(thumbnails[a], thumbnails[b])[0, 1] >= 0.99
    }
    assert found.pairs == len(plain)
    assert found.share == len({row for pair in plain for row in pair}) / 200


def test_images_of_different_colours_are_no_near_duplicates() -> None:
    """A correlation takes a lack of saturation for a lack of contrast."""
    colours = torch.tensor([[0, 200, 200], [100, 145, 145], [2, 202, 202]], dtype=torch.uint8)
    flat = colours[:, :, None, None].expand(3, 3, 16, 16)
    assert near_duplicates(flat) == (2 / 3, 1, 3)


def test_nearly_flat_images_of_one_grey_are_near_duplicates() -> None:
    """Their thumbnails differ only by uncorrelated noise. An untrained generator makes images like these."""
    noise = torch.randint(-2, 3, (60, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    assert near_duplicates((120 + noise).to(torch.uint8)).share == 1
    steps = torch.arange(60)[:, None, None, None] * 4
    assert near_duplicates((steps + noise).clamp(0, 255).to(torch.uint8)).share < 0.1, "different greys are not duplicates"


def test_the_same_hash_alone_is_not_a_duplicate() -> None:
    ramp = (torch.arange(1, 10) / 9).repeat_interleave(2).expand(1, 1, 18, 18)
    images = torch.cat([ramp, ramp**3, 0.5 * ramp + 0.4]).mul(255).to(torch.uint8)  # all get brighter to the right
    hashes = survey.fingerprints(images.permute(0, 2, 3, 1).numpy())[0]
    assert len(set(hashes.tolist())) == 1
    assert near_duplicates(images) == (2 / 3, 1, 3)  # a linear ramp and one with less contrast


def test_one_image_has_no_share() -> None:
    assert math.isnan(near_duplicates(noise(1, 16)).share)
    assert support([near_duplicates(noise(1, 16))]) is None


# The birthday paradox


def test_support_solves_the_birthday_paradox() -> None:
    assert support([Duplicates(0.5, 183, 366)]) == 365  # 183 of 66,795 pairs


def test_without_duplicates_there_is_no_estimate(rooms: Tensor) -> None:
    assert support([near_duplicates(rooms)]) is None
    assert support([]) is None


@pytest.mark.parametrize("different", [1, 2, 20, 60])
def test_support_of_images_drawn_at_random(rooms: Tensor, different: int) -> None:
    drawn = torch.randint(different, (300,), generator=torch.Generator().manual_seed(0))
    assert support([near_duplicates(rooms[drawn])]) == pytest.approx(different, rel=0.1)


def test_draws_without_duplicates_count_too() -> None:
    assert support([Duplicates(0.1, 5, 100)]) == 990
    assert support([Duplicates(0.1, 5, 100), Duplicates(0.0, 0, 100)]) == 2 * 990
    random, found = torch.Generator().manual_seed(0), []
    for _ in range(200):  # three draws of 30 among 1,000 images, mostly without a pair
        counts = [torch.randint(1000, (30,), generator=random).bincount() for _ in range(3)]
        found += [support([Duplicates(0.0, int((count * (count - 1) // 2).sum()), 30) for count in counts])]
    assert sum(1 / one if one else 0.0 for one in found) / 200 == pytest.approx(1 / 1000, rel=0.2)
