"""Runs laid along one axis: curves, snapshots and quick scores, aligned by images seen, steps or time; no streamlit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from gan import config as configs
from gan import runs
from gan.errors import InputError
from gan.runs import Run
from gan.scoring import lines
from pages.parts import metrics, results

#: Name of an axis → the column of a logged line, and its title.
AXES = {
    "images": ("images_seen", "images seen"),
    "steps": ("step", "step"),
    "time": ("seconds", "seconds of training"),
}
#: Name of a curve → the column of a logged line ("fid": that of quick scores).
CURVES = {
    "generator loss": "generator_loss",
    "discriminator loss": "discriminator_loss",
    "D(real)": "d_real",
    "D(fake)": "d_fake",
    "FID": "fid",
    "penalty": "penalty",
    "generator gradient": "generator_grad_norm",
    "discriminator gradient": "discriminator_grad_norm",
    "images per second": "images_per_second",
}
SEEDS = "seed"  # group runs that differ in nothing but it

_LINES = 240  # read of each run, spread over all of it
_GRID = 160  # places at which runs are averaged
_SEED = "training.seed"


@dataclass(frozen=True, eq=False)
class Track:
    """One run along an axis: columns of logged lines (an even choice) with their place in ``at``; snapshots, quick FIDs by place.

    The same object for as long as the run's files are the same, so that what is made of it can be kept.
    """

    run: Run
    columns: Mapping[str, np.ndarray]
    snapshots: tuple[tuple[float, int, Path], ...]
    fids: tuple[tuple[float, float], ...]
    label: str

    @property
    def end(self) -> float:
        """The last place at which there is anything."""
        return max([0.0, *self.columns["at"][-1:], *(place for place, _, _ in self.snapshots[-1:])])

    def snapshot(self, at: float) -> tuple[int, Path] | None:
        """Return step and picture of the newest samples not after a place; the first ones where none are so early."""
        found = [shot for shot in self.snapshots if shot[0] <= at] or list(self.snapshots[:1])
        return found[-1][1:] if found else None

    def fid(self, at: float) -> float | None:
        """Return the newest quick FID not after a place; None where there is none."""
        found = [value for place, value in self.fids if place <= at]
        return found[-1] if found else None


def track(run: Run, axis: str) -> Track:
    """Return a run along an axis, one of ``AXES``; kept for as long as its files are the same."""
    return _track(run, axis, runs.stamp(run.metrics_path), runs.stamp(run.scores_path), runs.stamp(run.samples_path))


@lru_cache(maxsize=256)
def _track(run: Run, axis: str, *stamps: object) -> Track:
    column, _ = AXES[axis]
    logged = runs.sample_lines(run.metrics_path, _LINES)
    found = {name: np.array([metrics.as_number(line.get(name)) for line in logged], "float64") for name in metrics.COLUMNS}
    usable = np.flatnonzero(np.isfinite(found["step"]) & np.isfinite(found[column]))[::-1]
    kept = usable[np.unique(found["step"][usable], return_index=True)[1]]  # of a step logged twice the later line
    columns = {name: values[kept] for name, values in found.items()}
    columns["at"] = columns[column]
    steps, places = np.array([0.0, *columns["step"]]), np.array([0.0, *columns["at"]])
    shots = tuple((float(np.interp(step, steps, places)), step, path) for step, path in run.samples().items())
    label, quick = metrics.quick_fids(run)
    fids = tuple((float(np.interp(step, steps, places)), value) for step, value in quick if np.isfinite(value))
    return Track(run, columns, shots, fids, label)


def groups(chosen: Sequence[Run], by: str, names: Mapping[str, str]) -> dict[str, str]:
    """Return for each run's id the name of its group: that of runs which differ in nothing but the seed, or in a setting's value.

    ``by`` is ``SEEDS``, a setting ("networks.hidden"), or empty: then each run is a group of its own.
    """
    found, seen = {}, {}
    for run in chosen:
        own = names[run.id]
        try:
            flat = configs.flatten(run.config())
        except InputError:
            found[run.id] = own
            continue
        if by == SEEDS:
            rest = json.dumps({key: value for key, value in flat.items() if key != _SEED}, sort_keys=True)
            found[run.id] = seen.setdefault(rest, own.partition(" · seed ")[0])
        elif by:
            value = flat.get(by)
            found[run.id] = "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        else:
            found[run.id] = own
    return found


@lru_cache(maxsize=128)
def curve(tracks: tuple[Track, ...], name: str, smoothing: float, groups: tuple[str, ...]) -> pa.Table:
    """Return a curve of all ``groups`` (one name a track) as rows: ``curve`` (the group), ``at``, ``value``.

    Smoothing is an exponential average over the chosen lines, from 0 (none) to below 1. A group of several runs is their mean at
    common places; where there is one, ``low`` and ``high`` are one sample standard deviation to either side, else null.
    """
    members: dict[str, list[np.ndarray]] = {}
    for one, group in zip(tracks, groups, strict=True):
        if name == "FID":
            part = np.array(one.fids, "float64").reshape(-1, 2).T
        else:
            part = np.stack([one.columns["at"], one.columns[CURVES[name]]])
            part = part[:, np.isfinite(part[1])]
            part[1] = _smooth(part[1], smoothing)
        if part.size:
            members.setdefault(group, []).append(part)
    rows = [_merged(parts) for parts in members.values()]
    places = np.repeat(np.arange(len(rows), dtype="int32"), [part.shape[1] for part in rows])
    at, *others = np.concatenate([np.empty((4, 0)), *rows], axis=1)
    table = {"curve": pa.DictionaryArray.from_arrays(places, pa.array(list(members), pa.string())), "at": at}
    if any(len(parts) > 1 for parts in members.values()):
        return pa.table(table | dict(zip(("value", "low", "high"), map(_column, others), strict=True)))
    return pa.table(table | {"value": _column(others[0])})


def _column(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype("float32"), from_pandas=True)  # NaN becomes null


def _smooth(values: np.ndarray, amount: float) -> np.ndarray:
    """Return the average sᵢ = Σⱼ aⁱ⁻ʲ·vⱼ / Σⱼ aⁱ⁻ʲ, so that the first values do not weigh more than others."""
    if not amount:
        return values
    total = weight = 0.0
    smooth = []
    for value in values.tolist():
        total, weight = amount * total + value, amount * weight + 1
        smooth.append(total / weight)
    return np.array(smooth)


def _merged(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return place, mean, and one standard deviation below and above it, as rows; NaN where there is one run only."""
    if len(parts) == 1:
        return np.concatenate([parts[0], np.full_like(parts[0], np.nan)])
    first, last = min(at[0] for at, _ in parts), max(at[-1] for at, _ in parts)
    places = np.linspace(first, last, min(_GRID, max(len(at) for at, _ in parts)))
    values = np.stack([np.interp(places, at, value, left=np.nan, right=np.nan) for at, value in parts])
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(len(places), np.nan), where=count > 0)
    squared = np.where(there, (values - mean) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(np.divide(squared, count - 1, out=np.full(len(places), np.nan), where=count > 1))
    return np.stack([places, mean, mean - spread, mean + spread])[:, count > 0]


def means(chosen: Sequence[Run], name: str, group_of: Mapping[str, str]) -> tuple[str, dict[str, list[float]]]:
    """Return the figures of a score in each group, one a run, and what the features are called.

    Of the last checkpoints' newest scores, the largest set that may be compared with one another; empty without any.
    """
    found = [
        (run.id, line)
        for run in chosen
        for line in _latest(run, runs.stamp(run.scores_path))
        if lines.number(line, name) is not None
    ]
    best: list[tuple[str, results.Line]] = []
    for one in results.groups([line for _, line in found]):
        alike = [(run_id, line) for run_id, line in found if lines.is_comparable(line, one)]
        best = max(best, alike, key=len)
    values: dict[str, list[float]] = {}
    for run_id, line in best:
        values.setdefault(group_of[run_id], []).append(lines.number(line, name) or 0.0)
    return str(best[0][1]["extractor"]) if best else "", values


@lru_cache(maxsize=1024)
def _latest(run: Run, stamp: object) -> tuple[results.Line, ...]:
    return tuple(results.latest(run).values())
