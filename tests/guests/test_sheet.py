"""Contact sheets as tools of the field draw them: cut into exactly their pictures, or refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits

from gan.errors import InputError
from gan.guests import sheet
from tests.helpers import is_sentence

RANDOM = np.random.default_rng(0)


def digits() -> list[np.ndarray]:
    """Return 64 digits of 28 × 28 pixels with black margins."""
    small = (load_digits().images[:64] * 15.9).astype(np.uint8)
    return [np.pad(np.asarray(Image.fromarray(one).resize((24, 24), Image.Resampling.BILINEAR)), 2) for one in small]


def shapes() -> list[np.ndarray]:
    """Return 64 rectangles in colour on grounds in colour."""
    found = []
    for seed in range(64):
        random = np.random.default_rng(seed)
        one = np.full((32, 32, 3), random.integers(0, 255, 3), np.uint8)
        one[random.integers(2, 10) : random.integers(16, 30), random.integers(2, 10) : random.integers(16, 30)] = random.integers(
            0, 255, 3
        )
        found.append(one)
    return found


def laid(pictures: list[np.ndarray], gap: int, margin: int, shade: int, columns: int = 8) -> np.ndarray:
    """Return a sheet as torchvision and others draw them."""
    rows, side = -(-len(pictures) // columns), pictures[0].shape[0]
    size = tuple(count * side + (count - 1) * gap + 2 * margin for count in (rows, columns))
    found = np.full((*size, *pictures[0].shape[2:]), shade, np.uint8)
    for place, one in enumerate(pictures):
        top, left = margin + place // columns * (side + gap), margin + place % columns * (side + gap)
        found[top : top + side, left : left + side] = one
    return found


def figure(pictures: list[np.ndarray], columns: int = 4) -> np.ndarray:
    """Return a sheet as a figure of matplotlib: enlarged and smooth, with white margins, and gaps that differ by a pixel."""
    rows = len(pictures) // columns
    found = np.full((40 + rows * 60, 50 + columns * 60 + columns // 2, *pictures[0].shape[2:]), 255, np.uint8)
    for place, one in enumerate(pictures):
        top, left = 20 + place // columns * 60, 25 + place % columns * 60 + place % columns // 2
        found[top : top + 51, left : left + 51] = np.asarray(Image.fromarray(one).resize((51, 51), Image.Resampling.BILINEAR))
    return found


def as_jpeg(pixels: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=75)
    return np.asarray(Image.open(buffer))


LAYOUTS = {
    "grey gaps": laid(digits(), 2, 0, 127),
    "black gaps around black digits": laid(digits(), 2, 2, 0),
    "a last row that is not full": laid(digits()[:60], 2, 2, 0),
    "digits without gaps": laid(digits(), 0, 0, 0),
    "shapes without gaps": laid(shapes(), 0, 0, 0),
    "shapes with black gaps": laid(shapes(), 2, 2, 0),
    "enlarged": laid(digits(), 2, 0, 127).repeat(3, 0).repeat(3, 1),
    "one row": laid(digits()[:8], 2, 0, 127),
    "a figure of digits": figure(digits()[:16]),
    "a figure of shapes": figure(shapes()[:16]),
}
SHAPES = dict.fromkeys(LAYOUTS, (8, 8)) | {"one row": (1, 8), "a figure of digits": (4, 4), "a figure of shapes": (4, 4)}


@pytest.mark.parametrize("is_jpeg", [False, True], ids=["png", "jpeg"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_sheets_are_cut_into_their_pictures(name: str, is_jpeg: bool) -> None:
    pixels = as_jpeg(LAYOUTS[name]) if is_jpeg else LAYOUTS[name]
    grid = sheet.find(pixels)
    assert (len(grid.rows), len(grid.columns)) == SHAPES[name]
    found = list(sheet.tiles(pixels, grid))
    assert len(found) == (60 if "not full" in name else SHAPES[name][0] * SHAPES[name][1])


@pytest.mark.parametrize("name", ["grey gaps", "black gaps around black digits", "digits without gaps"])
def test_the_pictures_are_those_that_were_laid(name: str) -> None:
    found = list(sheet.tiles(LAYOUTS[name], sheet.find(LAYOUTS[name])))
    assert all(np.array_equal(one, other) for one, other in zip(found, digits(), strict=True))


@settings(max_examples=40)
@given(
    rows=st.integers(2, 6),
    columns=st.integers(2, 6),
    side=st.integers(8, 40),
    gap=st.integers(1, 6),
    has_margin=st.booleans(),
    shade=st.integers(0, 255),
    seed=st.integers(0, 99),
)
def test_pictures_of_noise_are_found_whatever_the_gaps(
    rows: int, columns: int, side: int, gap: int, has_margin: bool, shade: int, seed: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (rows * columns, side, side), dtype=np.uint8)
    pixels = laid(list(noise), gap, gap if has_margin else 0, shade, columns)
    assert np.array_equal(np.stack(list(sheet.tiles(pixels, sheet.find(pixels)))), noise)


def smooth(high: int, wide: int) -> np.ndarray:
    """Return a picture with the smoothness of a photograph."""
    coarse = Image.fromarray(RANDOM.integers(0, 255, (9, 9, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((wide, high), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    "pixels",
    [smooth(192, 256), smooth(256, 256), np.zeros((256, 256), np.uint8), RANDOM.integers(0, 255, (256, 256), dtype=np.uint8)],
    ids=["photograph", "square photograph", "black", "noise"],
)
def test_a_picture_that_is_no_sheet_is_refused_unless_its_rows_are_known(pixels: np.ndarray) -> None:
    with pytest.raises(InputError) as caught:
        sheet.find(pixels)
    assert is_sentence(str(caught.value)) and "No grid" in str(caught.value)
    if np.ptp(pixels):
        assert sheet.find(pixels, 4, 4).shape == "4 rows × 4 columns"


@pytest.mark.parametrize(("rows", "columns"), [(7, 5), (0, 4), (200, 200), (-1, 3)])
def test_rows_and_columns_that_do_not_fit_are_refused(rows: int, columns: int) -> None:
    with pytest.raises(InputError) as caught:
        sheet.find(smooth(192, 256), rows, columns)
    assert is_sentence(str(caught.value))
