"""Runs laid along one axis: curves, snapshots and quick scores, aligned by images seen, steps or time; no streamlit."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gan import runs
from gan.errors import InputError
from gan.runs import Run
from gan.scoring import lines
from gan.scoring import results as core
from gan.scoring.results import text_of
from pages.parts import metrics, results, words
from pages.parts.results import Line

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
_FAMILY = "networks.family"


Points = tuple[tuple[float, float, int], ...]  # place, value, and what it shares with points of other runs at the same place


@dataclass(frozen=True, eq=False)
class Track:
    """One run along an axis: columns of logged lines (an even choice) with their place in ``at``, and snapshots by place.

    ``fids`` are the quick FIDs by place, for each kind that may be compared, the one in use last, with one of its lines of scores.
    The same object for as long as the run's files are the same, so that what is made of it can be kept.
    """

    run: Run
    columns: Mapping[str, np.ndarray]
    snapshots: tuple[tuple[float, int, Path], ...]
    fids: tuple[tuple[Line, Points], ...]

    @property
    def label(self) -> str:
        """What the quick FIDs are called that are made now; empty where there are none."""
        return _quick(self.fids[-1][0]) if self.fids else ""

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
        found = [value for place, value, _ in self.fids[-1][1] if place <= at] if self.fids else []
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
    fids = []
    for quick in core.quick(run):
        points = []
        for line in quick:
            place = float(np.interp(line["step"], steps, places))
            shared = line["step"] if axis == "time" else round(place)  # no two runs take equally long
            points.append((place, lines.number(line, "fid") or 0.0, shared))
        fids.append((quick[0], tuple(points)))
    return Track(run, columns, shots, tuple(fids))


def groups(chosen: Sequence[Run], by: str, names: Mapping[str, str]) -> dict[str, str]:
    """Return for each run's id the name of its group: that of runs which differ in nothing but the seed, or in a setting's value.

    ``by`` is ``SEEDS``, a setting ("networks.hidden"), or empty: then each run is a group of its own. No two groups share a name.
    """
    if not by:
        return {run.id: names[run.id] for run in chosen}
    settings, alike = {run.id: core.outcome(run) for run in chosen}, core.variants(chosen)
    key_of: dict[str, str] = {}
    named: dict[str, str] = {}
    first: dict[str, dict[str, Any]] = {}
    for run in chosen:
        flat = settings[run.id]
        key_of[run.id] = key = alike[run.id] if by == SEEDS or flat is None else json.dumps(flat.get(by))
        own = names[run.id].partition(" · seed ")[0] if by == SEEDS else names[run.id] if flat is None else text_of(flat.get(by))
        named.setdefault(key, own)
        first.setdefault(key, flat or {})
    called = _told_apart(named, first)
    return {run_id: called[key] for run_id, key in key_of.items()}


def _told_apart(named: Mapping[str, str], settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return names by key of which no two are the same: with the first setting that tells them apart, else with a number."""
    found: dict[str, str] = {}
    for key, name in named.items():
        alike = [settings[other] for other, one in named.items() if one == name]
        longer = name
        if len(alike) > 1:
            values = {setting: {text_of(one.get(setting)) for one in alike} - {text_of(None)} for setting in alike[0]}
            usable = (one for one, each in values.items() if one not in (core.SEED, core.FORK) and len(each) == len(alike))
            if apart := next(usable, None):
                longer = f"{name} · {apart.rpartition('.')[2]} {text_of(settings[key][apart])}"
        candidates = (longer, *(f"{longer} · {number}" for number in range(2, len(named) + 1)))
        found[key] = next(one for one in candidates if one not in found.values())
    return found


def mixed(chosen: Sequence[Run], group_of: Mapping[str, str]) -> list[str]:
    """Return the groups whose runs differ in more than their seed."""
    kinds: dict[str, set[str]] = {}
    for run_id, variant in core.variants(chosen).items():
        kinds.setdefault(group_of[run_id], set()).add(variant)
    return [group for group, each in kinds.items() if len(each) > 1]


def partners(chosen: Sequence[Run], by: str, group_of: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of groups of seeds that differ in the setting ``by`` and in nothing else, by name."""
    found = {group_of[run.id]: flat for run in chosen if (flat := core.outcome(run)) is not None}
    return [(one, other) for one, other in combinations(found, 2) if _differ_in(found[one], found[other], by)]


def _differ_in(one: Mapping[str, Any], other: Mapping[str, Any], by: str) -> bool:
    """Return whether settings differ in ``by`` alone, the seed aside; another family of networks brings settings of its own."""
    apart = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)} - {core.SEED}
    if by == _FAMILY:
        apart -= {key for key in apart if key.startswith("networks.") and not (key in one and key in other)}
    return apart == {by}


@lru_cache(maxsize=128)
def charts(tracks: tuple[Track, ...], name: str, smoothing: float, groups: tuple[str, ...]) -> dict[str, pa.Table]:
    """Return a curve of all ``groups`` (one name a track) as tables by title: FID has one for each kind that may be compared.

    The rows of a table are ``curve`` (the group), ``at``, ``value``. Smoothing is an exponential average over the chosen lines,
    from 0 (none) to below 1. A group of several runs is their mean at common places; where there is one, ``low`` and ``high`` are
    one sample standard deviation to either side, else null. FIDs are neither smoothed nor interpolated: their mean is only where
    each run of the group that was scored alike has one. A table without rows is left out.
    """
    if name == "FID":
        return {title: _table(rows) for title, rows in _fids(tracks, groups).items() if rows}
    members: dict[str, list[np.ndarray]] = {}
    for one, group in zip(tracks, groups, strict=True):
        part = np.stack([one.columns["at"], one.columns[CURVES[name]]])
        part = part[:, np.isfinite(part[1])]
        part[1] = _smooth(part[1], smoothing)
        if part.size:
            members.setdefault(group, []).append(part)
    return {name: _table({group: _merged(parts) for group, parts in members.items()})} if members else {}


def _fids(tracks: Sequence[Track], groups: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Return the rows of each group's quick FIDs by title, those together that may be compared; without groups that have none."""
    curves = [(line, points, group) for one, group in zip(tracks, groups, strict=True) for line, points in one.fids]
    kinds = core.groups(curves, lambda curve: curve[0])
    often = Counter(_quick(kind[0][0]) for kind in kinds)
    found: dict[str, dict[str, np.ndarray]] = {}
    for kind in kinds:
        line = kind[0][0]
        members: dict[str, list[Points]] = {}
        for _, points, group in kind:
            members.setdefault(group, []).append(points)
        title = _quick(line)
        if often[title] > 1:
            title = f"{title}, {line['images']:,} images of {line['data']}"
        found[title if title not in found else f"{title} ({len(found) + 1})"] = {
            group: rows for group, parts in members.items() if (rows := _scored_by_all(parts)).size
        }
    return found


def _quick(line: Line) -> str:
    """Return what an FID made during training is called, which is not that of the Evaluate page: it is of fewer images."""
    return f"quick {lines.label(line)}"


def _table(members: Mapping[str, np.ndarray]) -> pa.Table:
    """Return a table of the rows of each group: place, mean, low and high."""
    rows = list(members.values())
    places = np.repeat(np.arange(len(rows), dtype="int32"), [part.shape[1] for part in rows])
    at, *others = np.concatenate(rows, axis=1)
    table = {"curve": pa.DictionaryArray.from_arrays(places, pa.array(list(members), pa.string())), "at": at}
    if np.isfinite(others[1]).any():
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
    return _averaged(places, values)


def _scored_by_all(parts: Sequence[Points]) -> np.ndarray:
    """Return the rows of :func:`_merged` at the places where each run has a value of its own."""
    found = [{shared: (place, value) for place, value, shared in points} for points in parts]
    common = sorted(set.intersection(*(set(each) for each in found)))
    both = np.array([[each[shared] for shared in common] for each in found], "float64").reshape(len(found), len(common), 2)
    return _averaged(both[..., 0].mean(axis=0), both[..., 1])


def _averaged(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return place, mean, low and high as rows for values [runs, places]; places where all are NaN are left out."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(len(places), np.nan), where=count > 0)
    squared = np.where(there, (values - mean) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(np.divide(squared, count - 1, out=np.full(len(places), np.nan), where=count > 1))
    return np.stack([places, mean, mean - spread, mean + spread])[:, count > 0]


@dataclass(frozen=True)
class Measured:
    """One score of the chosen runs: ``values`` of each group of seeds, one a seed, and one of the ``line``s that they are from.

    ``left_out`` says of each run that is not among them why, by id.
    """

    line: Line | None
    values: Mapping[str, Sequence[float]]
    left_out: Mapping[str, str]


def measure(chosen: Sequence[Run], name: str, group_of: Mapping[str, str]) -> Measured:
    """Return the figures of a score for groups of seeds (:func:`groups`): of the last checkpoints' newest scores.

    Only the largest set counts that may be compared with one another, of it only runs that were trained as long as most that were
    to be trained as long, and of a seed that was trained several times the mean: its copies are no further evidence.
    """
    found = {run.id: [line for line in _latest(run, runs.stamp(run.scores_path)) if _has(line, name)] for run in chosen}
    best: dict[str, Line] = {}
    for one in results.groups([line for each in found.values() for line in each]):
        alike = {run_id: line for run_id, each in found.items() for line in each if lines.is_comparable(line, one)}
        best = max(best, alike, key=len)
    line = next(iter(best.values()), None)
    left_out = {run_id: _why_apart(each, line) for run_id, each in found.items() if run_id not in best}
    left_out |= _unequal([run for run in chosen if run.id in best], best)
    seeds: dict[str, dict[object, list[float]]] = {}
    for run in chosen:
        if run.id not in left_out:
            seed = (core.outcome(run) or {}).get(core.SEED, run.id)
            seeds.setdefault(group_of[run.id], {}).setdefault(seed, []).append(lines.number(best[run.id], name) or 0.0)
    values = {group: [statistics.fmean(each) for each in by_seed.values()] for group, by_seed in seeds.items()}
    return Measured(line, values, left_out)


def _has(line: Line, name: str) -> bool:
    return lines.number(line, name) is not None


def _why_apart(scored: Sequence[Line], line: Line | None) -> str:
    if not scored or line is None:
        return "without this score"
    return f"scored with other {results.apart([scored[-1], line]) or 'real images'}"


def _unequal(chosen: Sequence[Run], scored: Mapping[str, Line]) -> dict[str, str]:
    """Return which runs were scored at another step than most that were to train as long: stopped, diverged or prolonged ones."""
    alike: dict[object, list[Run]] = {}
    for run in chosen:
        alike.setdefault(_planned(run), []).append(run)
    found = {}
    for planned, members in alike.items():
        often = Counter(scored[run.id]["step"] for run in members)
        usual = max(often, key=lambda step: (often[step], step == planned, step))
        for run in members:
            if (step := scored[run.id]["step"]) != usual:
                state = words.STATES[run.status().state][0]
                found[run.id] = f"{state}, scored at step {step:,}, most others at step {usual:,}"
    return found


def _planned(run: Run) -> object:
    """Return how many steps a run was to take at first, or something of its own where that cannot be told."""
    try:
        return run.config().total_steps
    except InputError:
        return run.id


@lru_cache(maxsize=1024)
def _latest(run: Run, stamp: object) -> tuple[Line, ...]:
    return tuple(results.latest(run).values())
