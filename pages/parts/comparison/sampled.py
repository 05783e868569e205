"""Evenly sampled logged lines of a run, averaged over the lines in between; of a long file only these lines are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np

from gan.runs import Run
from gan.runs.columns import COLUMNS
from gan.storage.lines import sample_stretches
from pages.parts.logged import as_number

LINES = 240  # sampled per run
PLACES = ("step", "epoch", "images_seen", "seconds")  # columns that are positions, which are not averaged
FADED = 0.005  # share of a moving average below which its oldest lines are not read
_CURVES = tuple(name for name in COLUMNS if name not in PLACES)


@lru_cache(maxsize=512)
def columns(run: Run, place: str, stamp: object, smoothing: float) -> dict[str, np.ndarray]:
    """Return the columns of evenly sampled logged lines in order of steps, with their position (column ``place``) in ``at``.

    Each curve is the exponential moving average of all lines up to the sampled one, sᵢ = Σⱼ aⁱ⁻ʲ·vⱼ / Σⱼ aⁱ⁻ʲ, as on the Watch
    page, with a = ``smoothing`` from 0 (none) to below 1. Lines that make up less than ``FADED`` of it are not read. ``stamp``
    changes with the file.
    """
    length = 1 + (math.ceil(math.log(FADED) / math.log(smoothing)) if smoothing else 0)
    stretches = [_without_repeated(stretch) for stretch in sample_stretches(run.metrics_path, LINES, length)]
    found = dict(zip(COLUMNS, _numbers([stretch[-1] for stretch in stretches], tuple(COLUMNS)).T, strict=True))
    if smoothing:
        found |= zip(_CURVES, _averages(stretches, length, smoothing).T, strict=True)
    usable = np.flatnonzero(np.isfinite(found["step"]) & np.isfinite(found[place]))[::-1]
    kept = usable[np.unique(found["step"][usable], return_index=True)[1]]  # if a step was logged twice, the later line
    ordered = {name: values[kept] for name, values in found.items()}
    return ordered | {"at": ordered[place]}


def _without_repeated(stretch: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return consecutive lines without those whose step was logged again after a crash; the last line stays the last."""
    kept: list[dict[str, Any]] = [stretch[-1]]
    first = as_number(stretch[-1].get("step"))
    for line in reversed(stretch[:-1]):
        if (step := as_number(line.get("step"))) < first:
            kept.append(line)
            first = step
    return kept[::-1]


def _averages(stretches: Sequence[Sequence[dict[str, Any]]], length: int, smoothing: float) -> np.ndarray:
    """Return the moving averages [stretches, curves] at the ends of stretches of at most ``length`` lines.

    They are NaN where the last line has no value.
    """
    values = np.full((len(stretches), length, len(_CURVES)), np.nan)
    counts = np.array([len(stretch) for stretch in stretches], dtype=int)
    values[np.arange(length) >= length - counts[:, None]] = _numbers([line for one in stretches for line in one], _CURVES)
    there, weights = np.isfinite(values), smoothing ** np.arange(length - 1, -1, -1)
    total, weight = (np.einsum("slc,l->sc", one, weights) for one in (np.where(there, values, 0.0), there))
    return np.divide(total, weight, out=np.full(total.shape, np.nan), where=there[:, -1])


def _numbers(lines: Sequence[dict[str, Any]], names: tuple[str, ...]) -> np.ndarray:
    """Return columns of logged lines as an array [lines, names], NaN for everything that is not a number."""
    try:
        return np.array(list(map(itemgetter(*names), lines)), dtype="float64").reshape(-1, len(names))
    except (KeyError, ValueError, TypeError, OverflowError):  # a damaged line, or one of another version
        return np.array([[as_number(line.get(name)) for name in names] for line in lines], dtype="float64")
