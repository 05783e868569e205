"""What decides whether pictures may be compared: their own sizes, colour, clipped values, traces of JPEG; torch-free."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from gan.data import decoder
from gan.guests.reading import Found

_BLOCK = 8  # pixels of the blocks of a JPEG
_FLAT = 16  # levels of 255; blocks with a smaller range say nothing
_MOST_EXAMINED = 1000  # pictures searched for traces of JPEG
_PLACES = np.arange(_BLOCK)
_COSINES = np.cos((2 * _PLACES + 1) * _PLACES[:, None] * np.pi / (2 * _BLOCK)) * np.where(_PLACES[:, None], 0.5, math.sqrt(1 / 8))
_IS_FINE = _PLACES + _PLACES[:, None] >= _BLOCK // 2
_LEAST_ENLARGED = 8  # pixels of a side before an enlargement by repeated pixels


class Blocks:
    """Traces of JPEG: its 8 × 8 blocks have more cosine coefficients near 0 than blocks that are shifted by half of that."""

    def __init__(self) -> None:
        self._near, self._counts = np.zeros(2), np.zeros(2)

    def add(self, pixels: np.ndarray) -> None:
        """Add pictures, uint8 [N, H, W] or [N, H, W, C], whose upper left corner is that of a block."""
        grey = pixels.mean(axis=-1, dtype=np.float32) if pixels.ndim == 4 else pixels.astype(np.float32)
        for place, shift in enumerate((0, _BLOCK // 2)):
            blocks = _blocks(grey[:, shift:, shift:])
            blocks = blocks[np.ptp(blocks.reshape(len(blocks), -1), axis=1) > _FLAT]
            coefficients = (_COSINES @ blocks @ _COSINES.T)[:, _IS_FINE]
            self._near[place] += (np.abs(coefficients) < 1).sum()
            self._counts[place] += coefficients.size

    def excess(self) -> float | None:
        """Return the share of fine coefficients near 0 in aligned blocks minus that in shifted ones; None if unknown.

        Below 0.07 in the digits, shapes and other pictures without traces, 0.2 to 0.5 in JPEGs of quality 95 to 50.
        """
        if not self._counts.all():
            return None
        aligned, shifted = self._near / self._counts
        return float(aligned - shifted)


def _blocks(grey: np.ndarray) -> np.ndarray:
    """Return pictures [N, H, W] as blocks [M, 8, 8]; incomplete ones are left out."""
    high, wide = (length // _BLOCK for length in grey.shape[1:])
    parts = grey[:, : high * _BLOCK, : wide * _BLOCK].reshape(len(grey), high, _BLOCK, wide, _BLOCK)
    return parts.swapaxes(2, 3).reshape(-1, _BLOCK, _BLOCK)


def clipped(pixels: np.ndarray) -> tuple[int, int, int]:
    """Return how many values are 0, how many are 255, and how many there are."""
    return int((pixels == 0).sum()), int((pixels == 255).sum()), pixels.size


class Fitting:
    """Brings pictures to one size and number of channels, and counts what had to be changed."""

    def __init__(self, size: int, channels: int) -> None:
        self._size, self._channels = size, channels
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._blocks = Blocks()
        self._jpegs = self._resized = self._coloured = self._grey = self._undone = 0
        self._low = self._high = self._values = 0
        self._sheets: Counter[str] = Counter()

    def fit(self, found: Sequence[Found]) -> np.ndarray:
        """Return pictures as uint8 [N, S, S, C]."""
        fitted = np.empty((len(found), self._size, self._size, self._channels), np.uint8)
        for row, one in enumerate(found):
            fitted[row] = self._fit(one)
        low, high, values = clipped(fitted)
        self._low, self._high, self._values = self._low + low, self._high + high, self._values + values
        return fitted

    def _fit(self, found: Found) -> np.ndarray:
        pixels = found.pixels
        if (factor := repeated(pixels)) > 1:
            pixels = pixels[::factor, ::factor]
            self._undone += 1
        elif not found.from_sheet and min(pixels.shape[:2]) > _BLOCK and self._sizes.total() < _MOST_EXAMINED:
            self._blocks.add(pixels[None])
        high, wide = pixels.shape[:2]
        self._sizes[wide, high] += 1
        self._jpegs += found.is_jpeg
        if found.from_sheet:
            self._sheets[found.from_sheet] += 1
        image = Image.fromarray(np.ascontiguousarray(pixels))
        has_colour = decoder.Picture(image, wide, high).has_colour
        self._coloured += has_colour
        self._grey += not has_colour
        self._resized += (high, wide) != (self._size, self._size)
        return decoder.fit(image, self._size, "crop", self._channels)

    def conditions(self) -> dict[str, Any]:
        """Return what was found and changed; :mod:`gan.judging.conditions` puts it into words."""
        count = max(1, self._sizes.total())
        wide, high = self._sizes.most_common(1)[0][0] if self._sizes else (0, 0)
        return {
            "width": wide,
            "height": high,
            "sizes": len(self._sizes),
            "resized": self._resized / count,
            "repeated": self._undone / count,
            "coloured": self._coloured / count,
            "channels": self._channels,
            "jpeg": self._jpegs / count,
            "sheet": self._sheets.most_common(1)[0][0] if self._sheets else "",
            "low": self._low / max(1, self._values),
            "high": self._high / max(1, self._values),
            "traces": self._blocks.excess(),
        }


def repeated(pixels: np.ndarray) -> int:
    """Return how often each pixel is repeated along both sides, as an enlargement without smoothing does; 1 if it is not."""
    high, wide = pixels.shape[:2]
    if (pixels == pixels[0, 0]).all():
        return 1
    for factor in range(min(high, wide) // _LEAST_ENLARGED, 1, -1):
        if high % factor or wide % factor:
            continue
        first = pixels[::factor, ::factor]
        if np.array_equal(first.repeat(factor, 0).repeat(factor, 1), pixels):
            return factor
    return 1
