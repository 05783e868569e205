"""Points in the plane: synthetic distributions, some with known modes, and a CSV reader; torch-free."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan.errors import InputError, explained, shown

COUNT = 10_000  # points per set

FEWEST_POINTS = 16
MOST_POINTS = 1_000_000
MOST_BYTES = 64 * 2**20

_LONGEST_LINE = 1000  # characters
_SEED = 1
_SPIRAL_NOISE = 0.02
_MOONS_NOISE = 0.05


class Modes(NamedTuple):
    """Modes of a Gaussian mixture: ``centres``, float64 [M, 2], with standard deviation ``sigma`` along both axes."""

    centres: np.ndarray
    sigma: float


def _circle(number: int) -> np.ndarray:
    angles = 2 * np.pi * np.arange(number) / number
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _square(ticks: tuple[int, ...]) -> np.ndarray:
    return np.array([(x, y) for y in ticks for x in ticks], dtype=float)


#: As in PacGAN (Lin et al. 2017, 1712.04086).
_MODES = {"ring": Modes(_circle(8), 0.01), "grid": Modes(_square((-4, -2, 0, 2, 4)), 0.05)}

CLASSES: dict[str, tuple[str, ...]] = {
    "ring": tuple(f"{45 * number}°" for number in range(8)),
    "grid": tuple(f"({x:g}, {y:g})" for x, y in _MODES["grid"].centres),
    "spiral": ("first arm", "second arm"),
    "moons": ("upper moon", "lower moon"),
}


def modes(name: str) -> Modes | None:
    """Return the modes of a set, or None if the set is unknown or has no countable modes."""
    return _MODES.get(name)


def sample(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of a set, float32 [COUNT, 2], and their labels, int64 [COUNT], indices of its ``CLASSES``.

    Deterministic: the same points on every call, with balanced labels in random order. Raises KeyError for an unknown set.
    """
    names = CLASSES[name]
    random = np.random.Generator(np.random.PCG64([_SEED, list(CLASSES).index(name)]))
    labels = random.permutation(np.arange(COUNT, dtype=np.int64) % len(names))
    if (known := modes(name)) is not None:
        points = known.centres[labels] + random.normal(0, known.sigma, (COUNT, 2))
    elif name == "spiral":
        points = _spiral(labels, random)
    else:
        points = _moons(labels, random)
    return points.astype(np.float32), labels


def _spiral(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Two arms of an Archimedean spiral, half a turn apart; each makes one turn from radius 0.2 to 1."""
    radius = np.sqrt(random.uniform(0.2**2, 1, len(labels)))  # nearly uniform along the arm
    angle = 2.5 * np.pi * radius + np.pi * labels
    arm = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return arm + random.normal(0, _SPIRAL_NOISE, arm.shape)


def _moons(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Half circles of radius 1 around (∓0.5, ∓0.25): upper moon on the left, lower moon on the right."""
    angle = random.uniform(0, np.pi, len(labels))
    side = 1 - 2 * labels
    moon = side[:, None] * np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)
    return moon + random.normal(0, _MOONS_NOISE, moon.shape)


def read_csv(path: Path) -> np.ndarray:
    """Read points from a CSV file, float32 [N, 2], centred and scaled so that all coordinates together have std 1.

    Both axes are scaled by the same factor. The file has two columns of numbers, separated by commas, semicolons or tabs, and
    optionally a heading line. With semicolons or tabs, a comma is read as a decimal point. Limits: FEWEST_POINTS to MOST_POINTS
    points, MOST_BYTES. Raises InputError otherwise.
    """
    file = f"“{shown(path.name)}”"
    with explained(f"reading {file}"):
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{file} is larger than the limit of {MOST_BYTES // 2**20} MB; remove some of its points.")
        try:
            points = _parse(path, file)
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not UTF-8 text; save it as CSV in UTF-8, not as a spreadsheet.") from error
    if len(points) < FEWEST_POINTS:
        has = f"has only {len(points)} point{'s' * (len(points) != 1)}" if len(points) else "has no points"
        raise InputError(f"{file} {has}, but at least {FEWEST_POINTS} are needed; add lines with two numbers each.")
    return _standardized(points, file)


def _parse(path: Path, file: str) -> np.ndarray:
    """Return the numbers in a CSV file, float64 [N, 2], all finite."""
    values = array("d")
    separator = ""
    number = blank = 0
    # utf-8-sig skips a byte order mark. Lines are read with a limit, so that a file without line breaks cannot fill memory.
    with open(path, encoding="utf-8-sig") as lines:
        while line := lines.readline(_LONGEST_LINE):
            number += 1
            if "\0" in line:
                raise InputError(f"{file} is a binary file, not text; choose a CSV file with two numbers on each line.")
            if len(line) == _LONGEST_LINE:
                raise InputError(
                    f"Line {number} of {file} has {_LONGEST_LINE:,} characters or more, but two numbers were expected; "
                    f"put each point on its own line."
                )
            if not line.strip():
                blank += 1
                if blank > MOST_POINTS:
                    raise InputError(f"{file} has more than {MOST_POINTS:,} blank lines; remove them.")
                continue
            is_first = not separator
            separator = separator or next((one for one in ";\t" if one in line), ",")
            cells = [cell.strip().strip("\"'") for cell in line.split(separator)]
            if len(cells) != 2:
                columns = f"{len(cells)} column{'s' * (len(cells) != 1)}"
                raise InputError(
                    f"Line {number} of {file} has {columns}, but two were expected; write each point as “x,y”, “x;y” or "
                    f"two numbers separated by a tab."
                )
            pair = [_number(cell if separator == "," else cell.replace(",", ".")) for cell in cells]
            if is_first and pair == [None, None]:
                continue  # heading line
            for cell, value in zip(cells, pair, strict=True):
                if value is None or not math.isfinite(value):
                    wrong = (
                        f"“{shown(cell)}”, which is {'not a number' if value is None else 'not finite'}"
                        if cell
                        else "an empty column"
                    )
                    raise InputError(
                        f"Line {number} of {file} has {wrong}, but two finite numbers were expected; correct or remove that line."
                    )
                values.append(value)
            if len(values) > 2 * MOST_POINTS:
                raise InputError(f"{file} has more than {MOST_POINTS:,} points, the limit; remove some of them.")
    return np.array(values, dtype=np.float64).reshape(-1, 2)


def _number(cell: str) -> float | None:
    if "_" in cell:  # float() accepts underscores between digits
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _standardized(points: np.ndarray, file: str) -> np.ndarray:
    """Centre points [N, 2] and divide them by the std of all coordinates together; returns float32."""
    # Exact steps first, to keep precision for huge or tiny numbers and for a small cloud far from the origin.
    points = _near_one(points)
    points = _near_one(points - points[0])
    points = points - points.mean(axis=0)
    spread = points.std()
    if not spread:
        raise InputError(f"All points in {file} are equal; provide points that differ.")
    return (points / spread).astype(np.float32)


def _near_one(points: np.ndarray) -> np.ndarray:
    """Scale points by the power of two that brings the largest absolute coordinate into [0.5, 1)."""
    _, exponent = np.frexp(np.abs(points).max())
    return np.ldexp(points, -exponent)
