"""Evenly sampled logged lines of a run, averaged over the lines in between; of a long file only these lines are read."""

from __future__ import annotations

import math

import numpy as np

from gan.runs import Run
from gan.runs.columns import COLUMNS
from gan.storage.lines import parse_stretches, raw_stretches
from gan.storage.newest import newest
from pages.parts.logged import as_number, as_numbers

LINES = 240  # sampled per run
PLACES = ("step", "epoch", "images_seen", "seconds")  # columns that are positions, which are not averaged
FADED = 0.005  # share of a moving average below which its oldest lines are not read
_CURVES = tuple(name for name in COLUMNS if name not in PLACES)


@newest(512, subject=3)
def columns(run: Run, place: str, smoothing: float, stamp: object) -> dict[str, np.ndarray]:
    """Return the columns of evenly sampled logged lines in order of steps, with their position (column ``place``) in ``at``.

    Each curve is the exponential moving average of all lines up to the sampled one, sᵢ = Σⱼ aⁱ⁻ʲ·vⱼ / Σⱼ aⁱ⁻ʲ, as on the Watch
    page, with a = ``smoothing`` from 0 (none) to below 1. Lines that make up less than ``FADED`` of it are not read. ``stamp``
    changes with the file.
    """
    length = 1 + (math.ceil(math.log(FADED) / math.log(smoothing)) if smoothing else 0)
    values, counts = _lines(run, length)
    found = dict(zip(COLUMNS, values[np.cumsum(counts) - 1].T, strict=True))
    if smoothing:
        found |= zip(_CURVES, _averages(values, counts, length, smoothing).T, strict=True)
    usable = np.flatnonzero(np.isfinite(found["step"]) & np.isfinite(found[place]))[::-1]
    kept = usable[np.unique(found["step"][usable], return_index=True)[1]]  # if a step was logged twice, the later line
    ordered = {name: values[kept] for name, values in found.items()}
    return ordered | {"at": ordered[place]}


def _lines(run: Run, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return stretches of logged lines one after the other as an array [lines, columns], and the number of lines in each."""
    raw = raw_stretches(run.metrics_path, LINES, length)
    if isinstance(raw, list):
        table = as_numbers(b"".join(line for stretch in raw for line in stretch))
        if len(table) == sum(map(len, raw)):
            return table.to_numpy(), np.array(list(map(len, raw)))
    stretches = parse_stretches(raw, LINES, length)  # the file is short, or has damaged lines
    every = [[as_number(line.get(name)) for name in COLUMNS] for stretch in stretches for line in stretch]
    return np.array(every, "float64").reshape(-1, len(COLUMNS)), np.array(list(map(len, stretches)), int)


def _averages(values: np.ndarray, counts: np.ndarray, length: int, smoothing: float) -> np.ndarray:
    """Return the moving averages [stretches, curves] at the ends of stretches of at most ``length`` lines.

    They are NaN where the last line has no value.
    """
    padded = np.full((len(counts), length, values.shape[1]), np.nan)
    padded[np.arange(length) >= length - counts[:, None]] = values
    curves = _without_repeated(padded)[:, :, [list(COLUMNS).index(name) for name in _CURVES]]
    there, weights = np.isfinite(curves), smoothing ** np.arange(length - 1, -1, -1)
    total, weight = (np.einsum("slc,l->sc", one, weights) for one in (np.where(there, curves, 0.0), there))
    return np.divide(total, weight, out=np.full(total.shape, np.nan), where=there[:, -1])


def _without_repeated(stretches: np.ndarray) -> np.ndarray:
    """Return stretches [stretches, lines, columns] without lines whose step was logged again after a crash.

    The last line stays the last; what is missing is NaN at the beginning.
    """
    steps = stretches[:, :, list(COLUMNS).index("step")]
    later = np.fmin.accumulate(steps[:, ::-1], axis=1)[:, ::-1][:, 1:]
    is_kept = np.column_stack([(steps[:, :-1] < later) & np.isfinite(steps[:, -1:]), np.ones(len(steps), bool)])
    for place in np.flatnonzero(~(is_kept | np.isnan(stretches).all(axis=2)).all(axis=1)):
        kept = stretches[place][is_kept[place]]
        stretches[place] = np.nan
        stretches[place, len(steps[place]) - len(kept) :] = kept
    return stretches
