"""What decides whether pictures may be compared: their own sizes, colour, clipped values, traces of JPEG; torch-free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from gan.data import decoder
from gan.guests.reading import Found

_BLOCK = 8  # pixels of the blocks of a JPEG
_LEAST_ENLARGED = 8  # pixels of a side before an enlargement by repeated pixels


class Blocks:
    """How far neighbouring values differ, by their place in blocks of 8 pixels."""

    def __init__(self) -> None:
        self._sums, self._counts = np.zeros(_BLOCK), np.zeros(_BLOCK)

    def add(self, pixels: np.ndarray) -> None:
        """Add pictures, uint8 [N, H, W] or [N, H, W, C]."""
        values = pixels.astype(np.int16)
        for axis in (1, 2):
            steps = np.abs(np.diff(values, axis=axis))
            each = steps.mean(axis=tuple(one for one in range(steps.ndim) if one != axis)) * len(pixels)
            phases = np.arange(1, len(each) + 1) % _BLOCK
            self._sums += np.bincount(phases, each, _BLOCK)
            self._counts += np.bincount(phases, minlength=_BLOCK) * len(pixels)

    def ratio(self) -> float | None:
        """Return the mean step across borders of blocks in relation to that inside of them, 1 without traces; None if unknown."""
        inside, count = self._sums[1:].sum(), self._counts[1:].sum()
        if not self._counts[0] or not count or not inside:
            return None
        return float(self._sums[0] / self._counts[0] / (inside / count))


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
        elif not found.from_sheet and min(pixels.shape[:2]) > _BLOCK:
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
            "blocks": self._blocks.ratio(),
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
