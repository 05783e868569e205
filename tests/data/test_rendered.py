"""Data sets drawn by the program: their interface, and pictures that match their labels."""

from __future__ import annotations

import colorsys
import hashlib
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from gan.data.rendered import bedrooms, shapes
from tests.helpers import PROJECT

SIZES = (16, 32, 50, 64, 131)

both = pytest.mark.parametrize("rendered", [shapes, bedrooms], ids=lambda module: module.__name__.rpartition(".")[2])


@both
@pytest.mark.parametrize("size", SIZES)
def test_images_and_labels_have_the_documented_shape_and_type(rendered: ModuleType, size: int) -> None:
    pixels, labels = rendered.render(size, 3, 10)
    assert pixels.shape == (7, size, size, 3)
    assert pixels.dtype == np.uint8
    assert labels.shape == (7,)
    assert labels.dtype == np.int64
    assert pixels.std(axis=(1, 2, 3)).min() > 10, "an image is empty"
    assert labels.min() >= 0
    assert labels.max() < max(1, len(rendered.CLASSES))


@both
@pytest.mark.parametrize("size", SIZES)
def test_image_is_the_same_in_every_call_and_range(rendered: ModuleType, size: int) -> None:
    whole, whole_labels = rendered.render(size, 0, 9)
    for start, stop in ((5, 9), (0, 9), (8, 9)):
        pixels, labels = rendered.render(size, start, stop)
        assert pixels.tobytes() == whole[start:stop].tobytes()
        assert labels.tobytes() == whole_labels[start:stop].tobytes()


@both
def test_ranges_end_where_the_set_ends(rendered: ModuleType) -> None:
    pixels, labels = rendered.render(16, rendered.COUNT - 2, rendered.COUNT + 5)
    assert len(pixels) == len(labels) == 2
    assert rendered.render(16, 4, 4)[0].shape == (0, 16, 16, 3)


@both
@pytest.mark.parametrize("size", [16, 64])
def test_no_two_images_are_equal(rendered: ModuleType, size: int) -> None:
    count = rendered.COUNT if (rendered, size) == (shapes, 16) else 200
    pixels, _ = rendered.render(size, 0, count)
    assert len({image.tobytes() for image in pixels}) == count


@both
def test_the_same_picture_is_drawn_at_every_size(rendered: ModuleType) -> None:
    small, large = (rendered.render(size, 0, 40)[0].astype(float) for size in (32, 64))
    reduced = large.reshape(40, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(reduced - small).mean(axis=(1, 2, 3)).max() < 4
    assert np.abs(reduced - np.roll(small, 1, axis=0)).mean() > 20, "the comparison cannot tell different pictures apart"


def test_combinations_of_shapes_are_balanced_and_shuffled() -> None:
    _, labels = shapes.render(16, 0, shapes.COUNT)
    assert np.bincount(labels).tolist() == [128] * 64
    for part in np.array_split(labels, 8):
        assert len(np.unique(part)) == 64
    assert len(set(shapes.CLASSES)) == 64
    assert shapes.CLASSES[0] == "small red circle on dark"


@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes_have_the_colour_background_and_size_of_their_label(size: int) -> None:
    pixels, labels = shapes.render(size, 0, 512)
    share: dict[str, list[float]] = {}
    for image, label in zip(pixels.astype(float), labels, strict=True):
        extent, colour, shape, _, background = shapes.CLASSES[label].split()
        ground, front = np.array(shapes.BACKGROUNDS[background]), np.array(shapes.COLOURS[colour])
        rim = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert np.abs(rim - ground).max() < 0.5 * np.abs(front - ground).max(), f"{shapes.CLASSES[label]} is cut off"
        covered = np.abs(image - ground).sum(axis=2)
        purest = image[np.unravel_index(covered.argmax(), covered.shape)]
        nearest = min(shapes.COLOURS, key=lambda name: float(np.abs(purest - shapes.COLOURS[name]).sum()))
        assert nearest == colour
        share.setdefault(f"{extent} {shape}", []).append(covered.sum() / np.abs(front - ground).sum() / size**2)
    for name, shares in share.items():
        extent, shape = name.split()
        assert np.mean(shares) == pytest.approx(area(shape, shapes.SIZES[extent]), rel=0.15 if size == 16 else 0.05), name


def area(shape: str, radius: float) -> float:
    """Return the area of a shape in closed form, as a share of the image."""
    fifth = np.pi / 5
    tip = 1.3 * radius
    return {
        "circle": np.pi * radius**2,
        "square": (2 * 0.88 * radius) ** 2,
        "triangle": 3 * np.sqrt(3) * (0.64 * radius) ** 2,  # 0.64 radius is that of the inscribed circle
        "star": 10 * 0.5 * tip * (0.42 * tip) * np.sin(fifth),
    }[shape]


def test_second_moments_of_shapes_match_their_outlines() -> None:
    """The second moment over the squared area is invariant under scaling and rotation; compare it with its closed form."""
    tip, dent, fifth = 1, 0.42, np.pi / 5
    expected = {
        "circle": 1 / (2 * np.pi),
        "square": 1 / 6,
        "triangle": 1 / (3 * np.sqrt(3)),
        "star": (tip**2 + dent**2 + tip * dent * np.cos(fifth)) / (30 * tip * dent * np.sin(fifth)),
    }
    pixels, labels = shapes.render(64, 0, 256)
    y, x = np.mgrid[:64, :64]
    for image, label in zip(pixels.astype(float), labels, strict=True):
        covered = np.abs(image - image[0, 0]).sum(axis=2)
        covered /= covered.max()
        size = covered.sum()
        middle_x, middle_y = (covered * x).sum() / size, (covered * y).sum() / size
        moment = (covered * ((x - middle_x) ** 2 + (y - middle_y) ** 2)).sum() / size**2
        assert moment == pytest.approx(expected[shapes.CLASSES[label].split()[2]], rel=0.02), shapes.CLASSES[label]


def test_colours_match_their_names() -> None:
    hues = {name: colorsys.rgb_to_hls(*(value / 255 for value in colour)) for name, colour in shapes.COLOURS.items()}
    degrees = {"red": 0, "yellow": 50, "green": 140, "blue": 225}
    for name, (hue, _, saturation) in hues.items():
        assert abs((360 * hue - degrees[name] + 180) % 360 - 180) < 15
        assert saturation > 0.6
    assert max(shapes.BACKGROUNDS["dark"]) < 64
    assert min(shapes.BACKGROUNDS["light"]) > 192


def test_another_process_draws_the_same_without_torch() -> None:
    code = (
        "import hashlib, sys; from gan.data.rendered import bedrooms, shapes;"
        "print(*(hashlib.sha256(rendered.render(32, 7, 12)[0].tobytes()).hexdigest() for rendered in (shapes, bedrooms)));"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    ours = [hashlib.sha256(rendered.render(32, 7, 12)[0].tobytes()).hexdigest() for rendered in (shapes, bedrooms)]
    assert done.stdout.split() == ours


def test_bedrooms_are_bright_and_varied() -> None:
    pixels, labels = bedrooms.render(32, 0, 250)
    assert bedrooms.CLASSES == ()
    assert not labels.any()
    brightness = pixels.mean(axis=(1, 2, 3))
    assert 110 < brightness.mean() < 160
    assert brightness.min() > 100
    assert brightness.max() < 180
    # Two rooms differ visibly in most pixels; the mean room is only a blur.
    others = np.abs(pixels[:-1].astype(float) - pixels[1:]).mean(axis=(1, 2, 3))
    assert np.quantile(others, 0.02) > 20
    hues = pixels.astype(float).mean(axis=(1, 2)) - brightness[:, None]
    assert hues.std(axis=0).min() > 5
