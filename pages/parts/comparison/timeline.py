"""Runs aligned on one axis (images seen, steps or time): curves, snapshots and quick scores; no streamlit."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gan import config as configs
from gan.errors import InputError
from gan.guests.guest import Guest
from gan.judging import comparison as core
from gan.judging import lines
from gan.judging.comparison import text_of
from gan.judging.glossary import SCORES
from gan.runs import Run, changes
from gan.runs.columns import COLUMNS
from gan.storage import models
from gan.storage.newest import newest
from pages.parts import words
from pages.parts.comparison import guests, sampled
from pages.parts.evaluation import table as scores_table
from pages.parts.evaluation.table import Line

#: Axis name → column of a logged line, and title.
AXES = {
    name: (column, COLUMNS[column].title) for name, column in (("images", "images_seen"), ("steps", "step"), ("time", "seconds"))
}
#: Curve name → column of a logged line ("fid": from quick scores).
CURVES = {
    SCORES["fid"].title if column == "fid" else COLUMNS[column].title: column
    for column in (
        "generator_loss",
        "discriminator_loss",
        "d_real",
        "d_fake",
        "fid",
        "penalty",
        "generator_grad_norm",
        "discriminator_grad_norm",
        "images_per_second",
    )
}
SEEDS = "seed"  # groups runs that differ only in the seed

_GRID = 160  # positions at which runs are averaged
_EARLY = 0.02  # share of the longest run of a group that its mean may miss unsaid
_FAMILY = "networks.family"

Points = tuple[tuple[float, float, int], ...]  # position, value, and key shared by runs scored at the same point


@dataclass(frozen=True, eq=False)
class Track:
    """One run on an axis: columns of evenly sampled logged lines with their position in ``at``, and snapshots by position.

    ``place`` is the column of the axis. ``fids`` holds the quick FIDs by position, per comparable kind with one of its lines of
    scores; the current kind is last. ``marks``: position and text of each change of settings while it
    trained. The object stays the same until the run's files change, so it can serve as a cache key.
    """

    run: Run
    place: str
    stamp: object  # of the logged lines
    snapshots: tuple[tuple[float, int, Path], ...]
    fids: tuple[tuple[Line, Points], ...]
    marks: tuple[tuple[float, str], ...]
    columns: Mapping[str, np.ndarray] = field(repr=False)

    def smoothed(self, amount: float) -> Mapping[str, np.ndarray]:
        """Return the columns with their curves as moving averages; see :func:`sampled.columns`."""
        return sampled.columns(self.run, self.place, amount, self.stamp)

    @property
    def subject(self) -> tuple[Run, str]:
        """What this is a version of, see :func:`gan.storage.newest.newest`."""
        return self.run, self.place

    @property
    def label(self) -> str:
        """The title of the current kind of quick FID; empty if there are none."""
        return _quick(self.fids[-1][0]) if self.fids else ""

    @property
    def end(self) -> float:
        """The last position with data."""
        return max([0.0, *self.columns["at"][-1:], *(place for place, _, _ in self.snapshots[-1:])])

    def snapshot(self, at: float) -> tuple[int, Path] | None:
        """Return step and picture of the last samples up to a position, or the first samples if none are that early."""
        found = [shot for shot in self.snapshots if shot[0] <= at] or list(self.snapshots[:1])
        return found[-1][1:] if found else None

    def fid(self, at: float) -> float | None:
        """Return the last quick FID up to a position, or None."""
        found = [value for place, value, _ in self.fids[-1][1] if place <= at] if self.fids else []
        return found[-1] if found else None


def track(run: Run, axis: str) -> Track:
    """Return a run on one of ``AXES``, cached until its files change."""
    return _track(
        run,
        axis,
        models.stamp(run.metrics_path),
        models.stamp(run.scores_path),
        models.stamp(run.samples_path),
        models.stamp(run.changes_path),
    )


@newest(256, subject=2)
def _track(run: Run, axis: str, logged: object, *stamps: object) -> Track:
    place, _ = AXES[axis]
    columns = sampled.columns(run, place, 0.0, logged)
    if isinstance(run, Guest):
        return Track(run, place, logged, guests.snapshots(run, place), guests.fids(run, place), (), columns)
    steps, places = np.array([0.0, *columns["step"]]), np.array([0.0, *columns["at"]])
    shots = tuple((float(np.interp(step, steps, places)), step, path) for step, path in run.samples().items())
    fids = []
    for quick in core.quick(run):
        points = []
        for line in quick:
            at = float(np.interp(line["step"], steps, places))
            shared = line["step"] if axis == "time" else round(at)  # elapsed times never match between runs
            points.append((at, lines.number(line, "fid") or 0.0, shared))
        fids.append((quick[0], tuple(points)))
    marks = tuple((float(np.interp(step, steps, places)), text) for step, text in changes.marks(changes.applied(run)))
    return Track(run, place, logged, shots, tuple(fids), marks, columns)


def groups(chosen: Sequence[Run], by: str, names: Mapping[str, str]) -> dict[str, str]:
    """Return run id → unique group name. A group shares a setting's value, or everything but the seed.

    ``by`` is ``SEEDS``, a setting ("networks.hidden"), or empty, which makes each run its own group.
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
        name = names[run.id]
        own = words.without_seed(name) if by == SEEDS else name if flat is None else text_of(flat.get(by))
        named.setdefault(key, own)
        first.setdefault(key, flat or {})
    called = _told_apart(named, first)
    return {run_id: called[key] for run_id, key in key_of.items()}


def _told_apart(named: Mapping[str, str], settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return unique names by key: duplicates get the first setting that distinguishes them, otherwise a number."""
    found: dict[str, str] = {}
    for key, name in named.items():
        alike = [settings[other] for other, one in named.items() if one == name]
        longer = name
        if len(alike) > 1:
            values = {setting: {text_of(one.get(setting)) for one in alike} - {text_of(None)} for setting in alike[0]}
            usable = (one for one, each in values.items() if one not in (core.SEED, core.FORK) and len(each) == len(alike))
            if apart := next(usable, None):
                longer = f"{name} · {words.lowered(configs.title(apart))} {text_of(settings[key][apart])}"
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
    """Return the pairs of seed groups (names) that differ only in the setting ``by``."""
    found = {group_of[run.id]: flat for run in chosen if (flat := core.outcome(run)) is not None}
    return [(one, other) for one, other in combinations(found, 2) if _differ_in(found[one], found[other], by)]


def _differ_in(one: Mapping[str, Any], other: Mapping[str, Any], by: str) -> bool:
    """Return whether settings differ only in ``by`` and the seed; if ``by`` is the network family, ignore family-specific ones."""
    apart = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)} - {core.SEED}
    if by == _FAMILY:
        apart -= {key for key in apart if key.startswith("networks.") and not (key in one and key in other)}
    return apart == {by}


@newest(128)
def charts(tracks: tuple[Track, ...], name: str, smoothing: float, groups: tuple[str, ...]) -> dict[str, pa.Table]:
    """Return one curve for all ``groups`` (one name per track) as tables by title; FID has one table per comparable kind.

    Columns: ``curve`` (the group), ``at`` and ``value``. Smoothing is an exponential moving average over all logged lines, from 0
    (none) to below 1. A group of several runs becomes its mean; the columns ``low`` and ``high`` are then one sample standard
    deviation to either side, null for single runs. The mean exists only where all runs of the group have values (see
    :func:`cut_off`), so that it never jumps where a run ends. FIDs are neither smoothed nor interpolated. Tables without rows are
    left out.
    """
    if name == "FID":
        return {title: _table(rows) for title, rows in _fids(tracks, groups).items() if rows}
    members = _members(tracks, CURVES[name], smoothing, groups)
    merged = {group: rows for group, parts in members.items() if (rows := _merged(parts)).size}
    return {name: _table(merged)} if merged else {}


def _members(tracks: Sequence[Track], column: str, smoothing: float, groups: Sequence[str]) -> dict[str, list[np.ndarray]]:
    """Return group → rows of position and value, one array for each of its runs that has values."""
    members: dict[str, list[np.ndarray]] = {}
    for one, group in zip(tracks, groups, strict=True):
        columns = one.smoothed(smoothing)
        part = np.stack([columns["at"], columns[column]])
        part = part[:, np.isfinite(part[1])]
        if part.size:
            members.setdefault(group, []).append(part)
    return members


@dataclass(frozen=True)
class Cut:
    """A group whose mean ends at the position ``end``, while ``longer`` of its ``runs`` go on.

    ``end`` is None if the runs have no position in common, so there is no mean.
    """

    group: str
    end: float | None
    longer: int
    runs: int


@newest(128)
def cut_off(tracks: tuple[Track, ...], names: tuple[str, ...], groups: tuple[str, ...]) -> list[Cut]:
    """Return the groups whose mean in one of the curves ``names`` misses a visible part of a run, because another ended before."""
    found: dict[str, Cut] = {}
    for column in (CURVES[name] for name in names if name != "FID"):
        for group, parts in _members(tracks, column, 0.0, groups).items():
            begin, ends = max(at[0] for at, _ in parts), sorted(at[-1] for at, _ in parts)
            longer = sum(end - ends[0] > _EARLY * ends[-1] for end in ends)
            if longer or ends[0] < begin:
                found.setdefault(group, Cut(group, ends[0] if ends[0] >= begin else None, longer, len(ends)))
    return list(found.values())


def _fids(tracks: Sequence[Track], groups: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Return title → group → rows of quick FIDs, one title per comparable kind; groups without FIDs are left out."""
    curves = [(line, points, group) for one, group in zip(tracks, groups, strict=True) for line, points in one.fids]
    kinds = core.groups(curves, lambda curve: curve[0])
    often = Counter(_quick(kind[0][0]) for kind in kinds)
    sizes = {title: {kind[0][0].get("size") for kind in kinds if _quick(kind[0][0]) == title} for title in often}
    found: dict[str, dict[str, np.ndarray]] = {}
    for kind in kinds:
        line = kind[0][0]
        members: dict[str, list[Points]] = {}
        for _, points, group in kind:
            members.setdefault(group, []).append(points)
        title = _quick(line)
        if often[title] > 1:
            pixels = f", {line.get('size')} × {line.get('size')} pixels" if len(sizes[title]) > 1 else ""
            title = f"{title}, {words.count(line['images'], 'image')} of {line['data']}{pixels}"
        found[title if title not in found else f"{title} ({len(found) + 1})"] = {
            group: rows for group, parts in members.items() if (rows := _scored_by_all(parts)).size
        }
    return found


def _quick(line: Line) -> str:
    """Return the title of a quick FID; it uses fewer images than the FID of the Evaluate page."""
    return f"quick {lines.label(line)}"


def _table(members: Mapping[str, np.ndarray]) -> pa.Table:
    """Return a table of the rows of each group: position, mean, low and high."""
    rows = list(members.values())
    places = np.repeat(np.arange(len(rows), dtype="int32"), [part.shape[1] for part in rows])
    at, *others = np.concatenate(rows, axis=1)
    table = {"curve": pa.DictionaryArray.from_arrays(places, pa.array(list(members), pa.string())), "at": at}
    if np.isfinite(others[1]).any():
        return pa.table(table | dict(zip(("value", "low", "high"), map(_column, others), strict=True)))
    return pa.table(table | {"value": _column(others[0])})


def _column(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype("float32"), from_pandas=True)  # NaN becomes null


def _merged(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return rows: position, mean, and mean ± one standard deviation (NaN for a single run), from the common part of all runs."""
    if len(parts) == 1:
        return _averaged(parts[0][0], parts[0][1:])
    first, last = max(at[0] for at, _ in parts), min(at[-1] for at, _ in parts)
    places = np.unique(np.linspace(first, last, min(_GRID, max(len(at) for at, _ in parts)))) if first <= last else np.empty(0)
    return _averaged(places, np.stack([np.interp(places, at, value) for at, value in parts]))


def _scored_by_all(parts: Sequence[Points]) -> np.ndarray:
    """Return the rows of :func:`_merged` at the positions where every run has a value."""
    found = [{shared: (place, value) for place, value, shared in points} for points in parts]
    common = sorted(set.intersection(*(set(each) for each in found)))
    both = np.array([[each[shared] for shared in common] for each in found], "float64").reshape(len(found), len(common), 2)
    return _averaged(both[..., 0].mean(axis=0), both[..., 1])


def _averaged(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return rows of position, mean, low and high for finite values [runs, positions]."""
    mean = values.mean(axis=0)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(len(places), np.nan)
    return np.stack([places, mean, mean - spread, mean + spread])


@dataclass(frozen=True)
class Measured:
    """One score of the chosen runs: ``values`` per seed group, one per seed, and one of the ``line``s they come from.

    ``left_out`` maps the ids of excluded runs to the reason.
    """

    line: Line | None
    values: Mapping[str, Sequence[float]]
    left_out: Mapping[str, str]


def measure(chosen: Sequence[Run], name: str, group_of: Mapping[str, str]) -> Measured:
    """Return the values of a score per seed group (:func:`groups`), from the newest scores of the last checkpoints.

    Only the largest comparable set counts. Of runs planned with equal length, only those scored at the most common step count.
    Repeated runs of one seed are averaged, because copies are not independent evidence.
    """
    found = {run.id: [line for line in _latest(run, models.stamp(run.scores_path)) if _has(line, name)] for run in chosen}
    best: dict[str, Line] = {}
    for one in scores_table.groups([line for each in found.values() for line in each]):
        alike = {run_id: line for run_id, each in found.items() for line in each if lines.is_comparable(line, one)}
        best = max(best, alike, key=len)
    line = next(iter(best.values()), None)
    left_out = {run_id: _why_apart(each, line) for run_id, each in found.items() if run_id not in best}
    left_out |= _unequal([run for run in chosen if run.id in best], best)
    seeds, measured = core.seeds(chosen), defaultdict[str, list[tuple[Hashable, float]]](list)
    for run in chosen:
        if run.id not in left_out:
            measured[group_of[run.id]].append((seeds[run.id], lines.number(best[run.id], name) or 0.0))
    return Measured(line, {group: core.per_seed(pairs) for group, pairs in measured.items()}, left_out)


def _has(line: Line, name: str) -> bool:
    return lines.number(line, name) is not None


def _why_apart(scored: Sequence[Line], line: Line | None) -> str:
    if not scored or line is None:
        return "without this score"
    return f"scored differently: {scores_table.apart([scored[-1], line]) or 'real images'}"


def _unequal(chosen: Sequence[Run], scored: Mapping[str, Line]) -> dict[str, str]:
    """Return run id → reason for runs scored at another step than most of equal planned length: stopped, diverged or extended."""
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
    """Return the originally planned number of steps, or the run id if the configuration is unreadable."""
    try:
        return run.config().total_steps
    except InputError:
        return run.id


@newest(1024, subject=1)
def _latest(run: Run, stamp: object) -> tuple[Line, ...]:
    return tuple(scores_table.latest(run).values())
