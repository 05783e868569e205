"""Rendered shapes with known factors, so that missing combinations can be counted; torch-free.

Every image shows one of four shapes in one of four colours and two sizes on one of two backgrounds. Only the position and a
slight rotation are random.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import NamedTuple

import numpy as np

COUNT = 8192

SHAPES = ("circle", "square", "triangle", "star")
COLOURS = {"red": (214, 48, 49), "green": (30, 158, 74), "blue": (46, 104, 224), "yellow": (248, 196, 20)}
SIZES = {"small": 0.18, "large": 0.31}  # circle radius in image widths; other shapes have a similar area
BACKGROUNDS = {"dark": (32, 34, 44), "light": (238, 238, 232)}

#: Shape, colour, size and background of each class, as indices [64, 4].
FACTORS = np.array(
    list(itertools.product(range(len(SHAPES)), range(len(COLOURS)), range(len(SIZES)), range(len(BACKGROUNDS)))), dtype=np.int64
)
CLASSES: tuple[str, ...] = tuple(
    f"{size} {colour} {shape} on {background}"
    for shape, colour, size, background in itertools.product(SHAPES, COLOURS, SIZES, BACKGROUNDS)
)

_SEED = 1
_CHUNK = 64  # images per chunk, so that coordinates fit in the CPU cache
_FURTHEST = {"small": 0.22, "large": 0.06}  # maximum offset from the image centre in image widths; nothing is cut off
_TURN = 0.25  # maximum rotation in radians to either side; a square must not look like a diamond
_STAR_DENT = 0.42  # radius of a star's inner corners relative to its tips


class _Plan(NamedTuple):
    """Random values of all images: ``labels`` [N], and ``places`` [N, 2] and ``turns`` [N] from −1 to 1."""

    labels: np.ndarray
    places: np.ndarray
    turns: np.ndarray


def render(size: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images ``start`` to ``stop`` − 1 of COUNT, uint8 [n, size, size, 3], and labels, int64 [n].

    Labels are indices of ``CLASSES``. An image does not depend on the requested range.
    """
    plan = _plan()
    rows = np.arange(start, min(stop, COUNT))
    pixels = np.empty((len(rows), size, size, 3), dtype=np.uint8)
    for first in range(0, len(rows), _CHUNK):
        some = slice(first, first + _CHUNK)
        pixels[some] = _draw(size, plan, rows[some])
    return pixels, plan.labels[rows]


@lru_cache(maxsize=1)
def _plan() -> _Plan:
    random = np.random.Generator(np.random.PCG64(_SEED))
    labels = random.permutation(np.repeat(np.arange(len(CLASSES), dtype=np.int64), COUNT // len(CLASSES)))
    return _Plan(labels, random.uniform(-1, 1, (COUNT, 2)), random.uniform(-1, 1, COUNT))


def _draw(size: int, plan: _Plan, rows: np.ndarray) -> np.ndarray:
    """Return the images of ``rows``, uint8 [n, size, size, 3]."""
    shape, colour, large, background = FACTORS[plan.labels[rows]].T
    radius = np.array(list(SIZES.values()))[large]
    middle = 0.5 + plan.places[rows] * np.array(list(_FURTHEST.values()))[large, None]
    axis = ((np.arange(size) + 0.5) / size)[None]
    x, y = (axis - middle[:, :1])[:, None, :], (axis - middle[:, 1:])[:, :, None]
    sine, cosine = np.sin(_TURN * plan.turns[rows])[:, None, None], np.cos(_TURN * plan.turns[rows])[:, None, None]
    x, y = cosine * x + sine * y, cosine * y - sine * x
    cover = np.empty((len(rows), size, size))
    for index, name in enumerate(SHAPES):
        which = shape == index
        outside = _DISTANCES[name](x[which], y[which], radius[which, None, None])
        # Antialiasing: coverage falls from 1 to 0 between half a pixel inside the edge and half a pixel outside.
        cover[which] = np.clip(0.5 - size * outside, 0, 1)
    front = np.array(list(COLOURS.values()), dtype=float)[colour][:, None, None]
    back = np.array(list(BACKGROUNDS.values()), dtype=float)[background][:, None, None]
    return np.rint(back + cover[..., None] * (front - back)).astype(np.uint8)


def _circle(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) - radius


def _square(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x), np.abs(y)) - 0.88 * radius


def _triangle(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Points upwards; shifted down slightly, because the tip is further from the centre than the base."""
    y = y - 0.2 * radius
    return np.maximum(y, np.sqrt(0.75) * np.abs(x) - 0.5 * y) - 0.64 * radius


def _star(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Five tips, one upwards: ten equal wedges are folded onto one, in which the edge is a straight line."""
    wedge = np.pi / 5
    angle = np.abs((np.arctan2(x, -y) + wedge) % (2 * wedge) - wedge)
    away = np.hypot(x, y)
    across, along = away * np.sin(angle), away * np.cos(angle)  # relative to the axis through the tip
    tip = 1.3 * radius
    inner_across, inner_along = _STAR_DENT * np.sin(wedge), _STAR_DENT * np.cos(wedge)  # in tip radii
    length = np.hypot(inner_across, 1 - inner_along)
    return (across * (1 - inner_along) + (along - tip) * inner_across) / length


_DISTANCES = {"circle": _circle, "square": _square, "triangle": _triangle, "star": _star}
