"""What is measured of a guest's pictures: traces of JPEG, enlargements, clipped values."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gan.config.data import DataConfig
from gan.data import prepared
from gan.guests.measuring import Blocks, Fitting, clipped, repeated
from gan.guests.reading import Found
from gan.judging.conditions import TRACES
from gan.storage.jobs import say_nothing


def traces(pixels: np.ndarray) -> float:
    blocks = Blocks()
    blocks.add(pixels)
    found = blocks.excess()
    assert found is not None
    return found


def as_jpegs(pixels: np.ndarray, quality: int) -> np.ndarray:
    found = []
    for one in pixels:
        buffer = io.BytesIO()
        Image.fromarray(one.squeeze()).save(buffer, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(buffer)))
    return np.stack(found)


@pytest.mark.parametrize(("name", "size"), [("digits", 16), ("digits", 32), ("shapes", 32)])
def test_traces_of_jpeg_are_found_even_in_pictures_saved_again(name: str, size: int) -> None:
    real = prepared.obtain(DataConfig(name=name, size=size), say_nothing).pixels[:300]
    assert abs(traces(real)) < TRACES / 2
    for quality in (95, 75, 50):
        assert traces(as_jpegs(real, quality)) > TRACES


def test_flat_pictures_have_no_traces_and_no_answer() -> None:
    assert Blocks().excess() is None
    blocks = Blocks()
    blocks.add(np.zeros((3, 32, 32), np.uint8))
    assert blocks.excess() is None


@pytest.mark.parametrize("channels", [(), (3,)])
def test_repeated_pixels_are_recognised(channels: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, *channels), dtype=np.uint8)
    for factor in (1, 2, 3, 5):
        assert repeated(noise.repeat(factor, 0).repeat(factor, 1)) == factor
    assert repeated(np.zeros((64, 64), np.uint8)) == 1, "a black picture may have any size"


def test_fitting_counts_what_it_changes() -> None:
    random = np.random.default_rng(0)
    grey, colour = random.integers(0, 256, (32, 32), dtype=np.uint8), random.integers(0, 256, (16, 32, 3), dtype=np.uint8)
    as_colour = np.stack([grey] * 3, axis=-1)
    fitting = Fitting(32, 1)
    fitted = fitting.fit([Found(grey), Found(as_colour), Found(colour, is_jpeg=True), Found(grey.repeat(2, 0).repeat(2, 1))])
    for place in (0, 1, 3):
        assert np.array_equal(fitted[place, ..., 0], grey), "grey is kept exactly"
    found = fitting.conditions()
    assert (found["sizes"], found["width"], found["height"]) == (2, 32, 32)
    assert (found["resized"], found["coloured"], found["jpeg"], found["repeated"]) == (0.25, 0.25, 0.25, 0.25)
    low, high, values = clipped(fitted)
    assert (found["low"], found["high"]) == (low / values, high / values)
