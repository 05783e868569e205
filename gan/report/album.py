"""The pictures of a report: sample grids, verified as PNG files and scaled down to limit the size of the report."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gan.config import GRID, RunConfig
from gan.errors import InputError
from gan.runs import Run

FEW = 5  # number of first and of last snapshots
_VALUES = 7_500_000  # pixels × channels of all pictures of a report: at most 7.5 MB of PNG, for pure noise
_SHARES = {"newest": 0.3, "reals": 0.2, "snapshot": 0.05}  # shares of one run's budget; ten snapshots take half
_SMALLEST = 64  # pixels per side
_MOST_PIXELS = 50_000_000  # limit for opening a file
_THREADS = 4
_GAP = 2  # pixels between the images of a grid
_LEVEL = 1  # compression level; higher levels barely shrink sample grids


class Picture(NamedTuple):
    """A picture as a PNG file, and its size in pixels."""

    content: bytes
    width: int
    height: int


class Album(NamedTuple):
    """The pictures of a run; missing ones are None or left out.

    ``first`` and ``last``: snapshots with their steps, cropped to the upper left quarter of the grid, like ``some_reals``.
    ``damaged``: number of files that are not valid PNGs.
    """

    newest: tuple[int, Picture] | None
    reals: Picture | None
    some_reals: Picture | None
    first: Sequence[tuple[int, Picture]]
    last: Sequence[tuple[int, Picture]]
    damaged: int

    @property
    def small(self) -> Picture | None:
        """The upper left quarter of the newest snapshot, which may also be the first."""
        return next((picture for _, picture in reversed([*self.first, *self.last])), None)


class _Wish(NamedTuple):
    path: Path
    native: int
    is_part: bool
    values: int


def albums(chosen: Sequence[Run]) -> dict[str, Album]:
    """Return the pictures of all runs by id; more runs mean smaller pictures."""
    budget = _VALUES // max(1, len(chosen))
    wished: dict[str, tuple[list[tuple[int, Path]], list[_Wish]]] = {}
    for run in chosen:
        steps = list(run.samples().items())
        some = steps if len(steps) <= 2 * FEW else [*steps[:FEW], *steps[-FEW:]]
        native, is_part = _kind(run)
        wishes = [_Wish(path, native, is_part, int(budget * _SHARES["snapshot"])) for _, path in some]
        wishes += [_Wish(path, native, False, int(budget * _SHARES["newest"])) for _, path in steps[-1:]]
        wishes.append(_Wish(run.reals_path, native, False, int(budget * _SHARES["reals"])))
        wishes.append(_Wish(run.reals_path, native, is_part, int(budget * _SHARES["snapshot"])))
        wished[run.id] = (some, wishes)
    flat = [wish for _, wishes in wished.values() for wish in wishes]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = dict(zip(flat, pool.map(_picture, flat), strict=True))
    return {run_id: _album(some, wishes, found) for run_id, (some, wishes) in wished.items()}


def _album(some: list[tuple[int, Path]], wishes: list[_Wish], found: dict[_Wish, Picture | None]) -> Album:
    pictures = [found[wish] for wish in wishes]
    snapshots = [(step, picture) for (step, _), picture in zip(some, pictures, strict=False) if picture]
    newest = pictures[len(some)] if some else None
    half = min(FEW, math.ceil(len(snapshots) / 2))
    damaged = sum(picture is None and wish.path.exists() for wish, picture in zip(wishes[: len(some)], pictures, strict=False))
    shown = (some[-1][0], newest) if newest else None
    return Album(shown, pictures[-2], pictures[-1], snapshots[:half], snapshots[half:], damaged)


def _kind(run: Run) -> tuple[int, bool]:
    """Return the width of a run's grid before enlargement (0 if unknown), and whether snapshots may be cropped."""
    try:
        config: RunConfig = run.config()
        if config.data.is_points:
            return 0, False
        return (len(config.columns) or GRID) * (config.data.size + _GAP) - _GAP, True
    except InputError:
        return 0, True


def _picture(wish: _Wish) -> Picture | None:
    try:
        found = wish.path.stat()
    except OSError:
        return None
    return _shrunk(wish, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1024)
def _shrunk(wish: _Wish, inode: int, changed: int, size: int) -> Picture | None:
    """Return the picture at a path, scaled down to at most ``wish.values`` values; None if it is not a valid PNG file.

    A grid enlarged for the screen is first reduced to its original pixels. A snapshot is cropped to its upper left quarter.
    """
    try:
        with warnings.catch_warnings(), Image.open(wish.path, formats=("PNG",)) as opened:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if opened.width * opened.height > _MOST_PIXELS:
                return None
            mode = "RGBA" if "transparency" in opened.info else "L" if opened.mode in ("L", "1") else "RGB"
            picture = opened.convert(mode)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    factor = picture.width // wish.native if wish.native and picture.width % wish.native == 0 else 1
    if factor > 1 and picture.height % factor == 0:
        picture = picture.resize((picture.width // factor, picture.height // factor), Image.Resampling.NEAREST)
    if wish.is_part:
        picture = picture.crop((0, 0, math.ceil(picture.width / 2), math.ceil(picture.height / 2)))
    values = picture.width * picture.height * len(picture.getbands())
    if values > wish.values:
        shrink = math.sqrt(wish.values / values)
        sides = (max(_SMALLEST, round(side * shrink)) for side in picture.size)
        picture = picture.resize((next(sides), next(sides)), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=_LEVEL)
    return Picture(buffer.getvalue(), *picture.size)
