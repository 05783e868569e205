"""Points in the plane: synthetic distributions, some with known modes; torch-free."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

COUNT = 10_000  # points per set

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
