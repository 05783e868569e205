"""Checkerboard patterns are found in images that contain them, and only there."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from gan.config.data import DataConfig
from gan.data import loaders
from gan.scoring.metrics import texture

#: Pattern → function of row y and column x, with values from -1 to 1.
PATTERNS = {
    "checkerboard of 2": lambda y, x: (-1.0) ** (x + y),
    "stripes of 2": lambda y, x: (-1.0) ** (x + 0 * y),
    "dots of 2": lambda y, x: 2.0 * (x % 2) * (y % 2) - 1,
    "checkerboard of 4": lambda y, x: torch.cos(torch.pi / 2 * x) * torch.cos(torch.pi / 2 * y),
}


@pytest.fixture(scope="module", params=[("digits", 16), ("digits", 32), ("shapes", 32)], ids=str)
def real(request: pytest.FixtureRequest) -> Tensor:
    name, size = request.param
    images = loaders.load(DataConfig(name=name, size=size))
    return images.take(torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:200])


def with_pattern(pixels: Tensor, pattern: str, strength: float) -> Tensor:
    rows, columns = torch.arange(pixels.shape[2])[:, None], torch.arange(pixels.shape[3])
    return (pixels.float() + strength * PATTERNS[pattern](rows, columns)).clamp(0, 255).round().byte()


@pytest.mark.parametrize("pattern", list(PATTERNS))
def test_pattern_stands_out_and_real_images_have_none(real: Tensor, pattern: str) -> None:
    assert 0.5 < texture.checkerboard(real) < 1.3
    assert texture.checkerboard(with_pattern(real, pattern, 40)) > 2
    assert texture.checkerboard(with_pattern(real, pattern, 0.5)) < 1.6, "half a grey level is invisible"


@pytest.mark.parametrize(("side", "patch"), [(8, 8), (13, 8), (16, 16), (37, 16)])
def test_strength_agrees_with_transforms_of_single_patches(side: int, patch: int) -> None:
    images = torch.randint(0, 256, (40, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    window = torch.hann_window(patch, dtype=torch.double)
    window = window[:, None] * window
    patches = images.double().unfold(2, patch, patch // 2).unfold(3, patch, patch // 2).reshape(-1, patch, patch)
    spectra = torch.fft.fft2((patches - patches.mean(dim=(1, 2), keepdim=True)) * window).abs().square()
    power = (spectra.mean(dim=0) + 12.0**2 * window.square().sum()).log()
    beside = patch // 8
    around = [(power.roll(beside, place) + power.roll(-beside, place)) / 2 for place in (0, 1)]
    peaks = torch.minimum(power - around[0], power - around[1])[:: patch // 4, :: patch // 4].flatten()[1:]
    assert texture.checkerboard(images) == pytest.approx(float(peaks.max().exp()), rel=1e-6)


def test_strided_transposed_convolution_leaves_a_pattern_and_resizing_does_not() -> None:
    """As in Odena et al. 2016: a kernel of 3 with stride 2 overlaps unevenly; upsampling followed by a convolution does not."""
    source = torch.Generator().manual_seed(0)
    small = torch.rand(100, 1, 16, 16, generator=source)
    kernel = torch.ones(1, 1, 3, 3) / 9
    uneven = functional.conv_transpose2d(small, kernel, stride=2)[..., 1:, 1:] * 255
    even = functional.conv2d(functional.interpolate(small, scale_factor=2), kernel, padding=1) * 255
    assert texture.checkerboard(uneven.round().clamp(0, 255).byte()) > 3
    assert texture.checkerboard(even.round().byte()) < 1.5


def test_noise_and_flat_images_have_no_pattern() -> None:
    noise = torch.randint(0, 256, (200, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert texture.checkerboard(noise) == pytest.approx(1, abs=0.2)
    assert texture.checkerboard(torch.full((20, 1, 32, 32), 77, dtype=torch.uint8)) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3), st.sampled_from([1, 3]), st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_any_shape_has_a_value_or_is_too_small(images: int, channels: int, height: int, width: int, grey: int) -> None:
    found = texture.checkerboard(torch.full((images, channels, height, width), grey, dtype=torch.uint8))
    assert math.isnan(found) == (images == 0 or min(height, width) < texture.SMALLEST)
