"""Contact sheets: a grid of pictures in one picture, cut along its gaps or into equal tiles; torch-free."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gan.errors import InputError

SMALLEST = 8  # pixels of a tile's side
MOST = 100  # tiles along one side
_MOST_GAP = 32  # pixels between tiles of a known size
_UNIFORM, _NOISY = 6, 60  # levels of 255 by which a line of one colour may vary, without and with the noise of a JPEG
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
    values = pixels.reshape(*pixels.shape[:2], -1).astype(np.int16)
    if bool(rows) != bool(columns) or not (0 <= rows <= MOST and 0 <= columns <= MOST):
        raise InputError(f"A contact sheet of {rows} rows and {columns} columns was asked for; give both, from 1 to {MOST}.")
    if int(np.ptp(values)) > _UNIFORM:
        found = [_by_period(values, rows, columns)]
        for noise in (_UNIFORM, _NOISY):
            if grid := _by_colour(values, rows, columns, noise):
                return grid
            found.append(_by_size(values, rows, columns, noise))
        if known := [grid for grid in found if grid]:
            return max(known, key=lambda grid: len(grid.rows) * len(grid.columns))
    high, wide = values.shape[:2]
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


def _by_colour(values: np.ndarray, rows: int, columns: int, noise: int) -> Grid | None:
    """Return the grid whose gaps are lines of the colour of the margins or of the widest gaps, if its tiles are equally large."""
    for whole, top, left in ((values, 0, 0), _trimmed(values)):
        down, across = _segments(whole, noise), _segments(whole.swapaxes(0, 1), noise)
        if len(down) * len(across) < 2 or not (_are_equal(down) and _are_equal(across)):
            continue
        if rows and (len(down), len(across)) != (rows, columns):
            continue
        return Grid(_moved(down, top), _moved(across, left), "along its gaps")
    return None


def _segments(values: np.ndarray, noise: int) -> Spans:
    """Return the spans of lines between lines of one colour."""
    is_gap = _is_uniform(values, noise)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], is_gap, [True]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _are_equal(spans: Spans) -> bool:
    """Return whether tiles and the gaps between them are equally long, up to the rounding of a drawn figure."""
    lengths = [end - start for start, end in spans]
    steps = np.diff([start for start, _ in spans]) if len(spans) > 1 else np.zeros(1)
    return (
        min(lengths, default=0) >= SMALLEST and max(lengths) - min(lengths) <= 1 and int(np.ptp(steps)) <= 1 and len(spans) <= MOST
    )


def _is_uniform(values: np.ndarray, noise: int) -> np.ndarray:
    """Return for each line [H, W, C] whether it has one colour, up to ``noise`` and, if there is noise, a few outliers."""
    if noise <= _UNIFORM:
        return np.asarray(np.ptp(values, axis=1).max(axis=-1) <= noise)
    low, high = np.percentile(values, [_OUTLIERS, 100 - _OUTLIERS], axis=1)
    return np.asarray((high - low).max(axis=-1) <= noise)


def _trimmed(values: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return a picture without the margin that has the colour of its first corner, and the place of its upper left corner."""
    is_inside = (np.abs(values - values[0, 0]) > _UNIFORM).any(axis=-1)
    down, across = np.flatnonzero(is_inside.any(axis=1)), np.flatnonzero(is_inside.any(axis=0))
    if not len(down):
        return values, 0, 0
    return values[down[0] : down[-1] + 1, across[0] : across[-1] + 1], int(down[0]), int(across[0])


def _moved(spans: Spans, by: int) -> Spans:
    return [(start + by, end + by) for start, end in spans]


def _by_size(values: np.ndarray, rows: int, columns: int, noise: int) -> Grid | None:
    """Return the grid of square tiles with gaps of a fixed width, and possibly a margin as wide, where all gaps have one colour.

    Of several, the one with most tiles, then the one with the narrowest gaps: gaps may continue into the margins of digits.
    """
    high, wide = values.shape[:2]
    is_uniform = _is_uniform(values, noise), _is_uniform(values.swapaxes(0, 1), noise)
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


def _by_period(values: np.ndarray, rows: int, columns: int) -> Grid | None:
    """Return the grid of equal tiles without gaps: as many as asked for, or the smallest square ones that repeat."""
    high, wide = values.shape[:2]
    if rows:
        if high % rows or wide % columns or min(high // rows, wide // columns) < SMALLEST:
            return None
        return Grid(_spaced(rows, high // rows, 0, 0), _spaced(columns, wide // columns, 0, 0), "into equal tiles")
    common = math.gcd(high, wide)
    for side in (one for one in range(SMALLEST, common + 1) if common % one == 0):
        counts = high // side, wide // side
        if counts[0] * counts[1] < 4 or max(counts) > MOST:
            continue
        lines = (values, values.swapaxes(0, 1))
        if all(count == 1 or _repeats(one, side) for one, count in zip(lines, counts, strict=True)):
            return Grid(_spaced(counts[0], side, 0, 0), _spaced(counts[1], side, 0, 0), "into equal tiles")
    return None


def _repeats(values: np.ndarray, side: int) -> bool:
    """Return whether lines [H, W, C] repeat every ``side`` lines: borders stand out, or the lines of all tiles are alike."""
    steps = np.abs(np.diff(values, axis=0)).mean(axis=(1, 2))
    borders = steps[side - 1 :: side]
    inside = np.delete(steps, np.arange(side - 1, len(steps), side))
    if borders.min() > _BORDER * max(float(np.median(inside)), 1.0) and float(np.median(borders)) > float(
        np.percentile(inside, 90)
    ):
        return True
    busy = values.std(axis=(1, 2))[: len(values) // side * side].reshape(-1, side)
    spread = float(busy.var())
    return len(busy) > 1 and spread > 1 and float(busy.mean(axis=0).var()) > _LEAST_PERIODIC * spread
