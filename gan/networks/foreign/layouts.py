"""Weights from Keras' layouts to torch's: kernels [height, width, …], and features in the order height, width, channel."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def kernel(value: Array) -> Array:
    """Return a kernel [h, w, C, O] of ``Conv2D`` as [O, C, h, w], or one [h, w, O, C] of ``Conv2DTranspose`` as [C, O, h, w]."""
    return value.transpose(3, 2, 0, 1)


def features(value: Array, side: int) -> Array:
    """Return values [side · side · C, …] of a map in Keras' order as [C · side · side, …]."""
    rest = value.shape[1:]
    return value.reshape(side, side, -1, *rest).transpose(2, 0, 1, *range(3, 3 + len(rest))).reshape(-1, *rest)


def dense_to_map(value: Array, side: int) -> Array:
    """Return the kernel [I, side · side · C] of a dense layer before a reshape to a map as [C · side · side, I]."""
    return features(value.T, side)


def dense_from_map(value: Array, side: int) -> Array:
    """Return the kernel [side · side · C, O] of a dense layer after a map was flattened as [O, C · side · side]."""
    return features(value, side).T
