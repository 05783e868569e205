"""Contact sheets: a grid of pictures in one picture, cut along its gaps or into equal tiles; torch-free."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gan.errors import InputError

SMALLEST = 8  # pixels of a tile's side
MOST = 100  # tiles along one side
_MOST_GAP = 32  # pixels between tiles of a known size
_UNIFORM, _NOISY = 6, 60  # levels of 255 by which a line of one colour may vary, without and with the noise of a JPEG
_SAMPLED = 512  # values of a line that are looked at, where some will do
_OUTLIERS = 4  # per cent of a noisy line at either end that do not count
_LEAST_PERIODIC = 0.5  # share of the variance along a side that a repeated tile must explain
_BORDER = 1.5  # times the usual difference between neighbouring lines: a border between tiles without a gap

#: Spans of tiles along one side: first line, and the line after the last.
Spans = list[tuple[int, int]]


class Grid(NamedTuple):
    """Tiles of a sheet: their spans from top to bottom and from left to right, and how they were found, as a clause."""

    rows: Spans
    columns: Spans
    found: str

    @property
    def shape(self) -> str:
        """Rows and columns as text."""
        return f"{len(self.rows)} rows × {len(self.columns)} columns"


def find(pixels: np.ndarray, rows: int = 0, columns: int = 0) -> Grid:
    """Return the grid of a contact sheet, uint8 [H, W] or [H, W, C].

    Gaps of one colour come first; then gaps that look like the border of the tiles, as black ones around black digits; then equal
    tiles without gaps. ``rows`` and ``columns``: their known numbers, 0 to find them. Raises InputError if there is no such grid.
    """
    if bool(rows) != bool(columns) or not (0 <= rows <= MOST and 0 <= columns <= MOST):
        raise InputError(f"A contact sheet of {rows} rows and {columns} columns was asked for; give both, from 1 to {MOST}.")
    values = np.ascontiguousarray(np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0))
    sides = _Lines(values, 1), _Lines(values, 2)
    if int(values.max()) - int(values.min()) > _UNIFORM:
        found = [_by_period(sides, rows, columns)]
        whole, top, left = _trimmed(values)
        trimmed = _Lines(whole, 1), _Lines(whole, 2)
        for noise in (_UNIFORM, _NOISY):
            for both, place in ((sides, (0, 0)), (trimmed, (top, left))):
                if grid := _by_colour(both, place, rows, columns, noise):
                    return grid
            found.append(_by_size(sides, rows, columns, noise))
        if known := [grid for grid in found if grid]:
            return max(known, key=lambda grid: len(grid.rows) * len(grid.columns))
    high, wide = map(len, sides)
    if rows:
        raise InputError(
            f"The picture of {wide} × {high} pixels cannot be cut into {rows} rows and {columns} columns of equal tiles; check the "
            "numbers, or crop its margins."
        )
    raise InputError(
        f"No grid of pictures was found in the picture of {wide} × {high} pixels; give the numbers of its rows and columns, or "
        "single pictures."
    )


def tiles(pixels: np.ndarray, grid: Grid) -> Iterator[np.ndarray]:
    """Yield the tiles of a sheet row by row, without those of one colour at its end, which fill up the last row."""
    found = [pixels[top:bottom, left:right] for top, bottom in grid.rows for left, right in grid.columns]
    while found and int(found[-1].max()) - int(found[-1].min()) <= _UNIFORM:
        found.pop()
    yield from found


class _Lines:
    """The rows (``axis`` 1) or columns (2) of a picture, uint8 [C, H, W], and what is known of each; computed once."""

    def __init__(self, planes: np.ndarray, axis: int) -> None:
        self._planes, self._axis, self._along = planes, axis, 3 - axis
        self._uniform: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return int(self._planes.shape[self._axis])

    @cached_property
    def _sampled(self) -> np.ndarray:
        """Some values of each line, float32 [C, lines, n]."""
        every = -(-self._planes.shape[self._along] // _SAMPLED)
        found = self._planes[:, :, ::every] if self._along == 2 else self._planes[:, ::every].swapaxes(1, 2)
        return np.ascontiguousarray(found, np.float32)

    def uniform(self, noise: int) -> np.ndarray:
        """Return for each line whether it has one colour, up to ``noise`` and, if there is noise, a few outliers."""
        if noise not in self._uniform:
            if noise > _UNIFORM:
                low, high = np.percentile(self._sampled, [_OUTLIERS, 100 - _OUTLIERS], axis=2)
            else:
                low, high = (ends(axis=self._along).astype(np.float32) for ends in (self._planes.min, self._planes.max))
            self._uniform[noise] = (high - low).max(axis=0) <= noise
        return self._uniform[noise]

    @cached_property
    def steps(self) -> np.ndarray:
        """The mean difference of each line from the next one [lines − 1]."""
        return np.asarray(np.abs(np.diff(self._sampled, axis=1)).mean(axis=(0, 2)))

    @cached_property
    def busy(self) -> np.ndarray:
        """The standard deviation along each line [lines]."""
        return np.asarray(self._sampled.std(axis=(0, 2)))


Sides = tuple[_Lines, _Lines]


def _by_colour(sides: Sides, place: tuple[int, int], rows: int, columns: int, noise: int) -> Grid | None:
    """Return the grid whose gaps are lines of one colour, if its tiles are equally large; ``place``: of the upper left corner."""
    down, across = (_segments(lines.uniform(noise)) for lines in sides)
    if len(down) * len(across) < 2 or not (_are_equal(down) and _are_equal(across)):
        return None
    if rows and (len(down), len(across)) != (rows, columns):
        return None
    return Grid(_moved(down, place[0]), _moved(across, place[1]), "along its gaps")


def _segments(is_gap: np.ndarray) -> Spans:
    """Return the spans of lines between gaps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], is_gap, [True]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _are_equal(spans: Spans) -> bool:
    """Return whether tiles and the gaps between them are equally long, up to the rounding of a drawn figure."""
    lengths = [end - start for start, end in spans]
    steps = np.diff([start for start, _ in spans]) if len(spans) > 1 else np.zeros(1)
    return (
        min(lengths, default=0) >= SMALLEST and max(lengths) - min(lengths) <= 1 and int(np.ptp(steps)) <= 1 and len(spans) <= MOST
    )


def _trimmed(values: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return a picture [C, H, W] without the margin in the colour of its first corner, and the place of its upper left corner."""
    is_inside = np.abs(values.astype(np.int16) - values[:, :1, :1]).max(axis=0) > _UNIFORM
    down, across = np.flatnonzero(is_inside.any(axis=1)), np.flatnonzero(is_inside.any(axis=0))
    if not len(down):
        return values, 0, 0
    part = values[:, down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    return np.ascontiguousarray(part), int(down[0]), int(across[0])


def _moved(spans: Spans, by: int) -> Spans:
    return [(start + by, end + by) for start, end in spans]


def _by_size(sides: Sides, rows: int, columns: int, noise: int) -> Grid | None:
    """Return the grid of square tiles with gaps of a fixed width, and possibly a margin as wide, where all gaps have one colour.

    Of several, the one with most tiles, then the one with the narrowest gaps: gaps may continue into the margins of digits.
    """
    high, wide = map(len, sides)
    is_uniform = [lines.uniform(noise) for lines in sides]
    best: tuple[int, int, Grid] | None = None
    for gap in range(1, _MOST_GAP + 1):
        for margin in (gap, 0):
            for across in range(columns or 1, (columns or MOST) + 1):
                side, rest = divmod(wide - 2 * margin - (across - 1) * gap, across)
                if rest or side < SMALLEST:
                    continue
                down, over = divmod(high - 2 * margin + gap, side + gap)
                if over or down < 1 or down * across < 2 or (rows and down != rows):
                    continue
                spans = [_spaced(count, side, gap, margin) for count in (down, across)]
                if best and down * across <= best[0]:
                    continue
                if all(_are_gaps(one, spans_) for one, spans_ in zip(is_uniform, spans, strict=True)):
                    best = down * across, -gap, Grid(spans[0], spans[1], "along its gaps")
    return best[2] if best else None


def _spaced(count: int, side: int, gap: int, margin: int) -> Spans:
    return [(margin + place * (side + gap), margin + place * (side + gap) + side) for place in range(count)]


def _are_gaps(is_uniform: np.ndarray, spans: Spans) -> bool:
    """Return whether all lines outside of the tiles have one colour."""
    is_tile = np.zeros(len(is_uniform), bool)
    for start, end in spans:
        is_tile[start:end] = True
    return bool(is_uniform[~is_tile].all())


def _by_period(sides: Sides, rows: int, columns: int) -> Grid | None:
    """Return the grid of equal tiles without gaps: as many as asked for, or the smallest square ones that repeat."""
    high, wide = map(len, sides)
    if rows:
        if high % rows or wide % columns or min(high // rows, wide // columns) < SMALLEST:
            return None
        return Grid(_spaced(rows, high // rows, 0, 0), _spaced(columns, wide // columns, 0, 0), "into equal tiles")
    common = math.gcd(high, wide)
    for side in (one for one in range(SMALLEST, common + 1) if common % one == 0):
        counts = high // side, wide // side
        if counts[0] * counts[1] < 4 or max(counts) > MOST:
            continue
        if all(count == 1 or _repeats(one, side) for one, count in zip(sides, counts, strict=True)):
            return Grid(_spaced(counts[0], side, 0, 0), _spaced(counts[1], side, 0, 0), "into equal tiles")
    return None


def _repeats(lines: _Lines, side: int) -> bool:
    """Return whether lines repeat every ``side`` lines: borders stand out, or the lines of all tiles are alike."""
    borders = lines.steps[side - 1 :: side]
    inside = np.delete(lines.steps, np.arange(side - 1, len(lines.steps), side))
    least = _BORDER * max(float(np.median(inside)), 1.0)
    if borders.min() > least and float(np.median(borders)) > float(np.percentile(inside, 90)):
        return True
    busy = lines.busy[: len(lines) // side * side].reshape(-1, side)
    spread = float(busy.var())
    return len(busy) > 1 and spread > 1 and float(busy.mean(axis=0).var()) > _LEAST_PERIODIC * spread
