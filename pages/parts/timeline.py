"""Runs laid along one axis: curves, snapshots and quick scores, aligned by images seen, steps or time; no streamlit."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from gan import config as configs
from gan import runs
from gan.errors import InputError
from gan.runs import Run
from gan.scoring import lines
from pages.parts import metrics

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
    """One run along an axis: logged lines (an even choice) with their place in ``at``, snapshots and quick FIDs by place.

    The same object for as long as the run's files are the same, so that what is made of it can be kept.
    """

    run: Run
    table: pd.DataFrame
    snapshots: tuple[tuple[float, int, Path], ...]
    fids: tuple[tuple[float, float], ...]
    label: str

    @property
    def end(self) -> float:
        """The last place at which there is anything."""
        return max([0.0, *self.table["at"][-1:], *(place for place, _, _ in self.snapshots[-1:])])

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
    found = pd.DataFrame(runs.sample_lines(run.metrics_path, _LINES)).reindex(columns=metrics.COLUMNS)
    found = found.map(metrics.as_number).dropna(subset=["step", column])
    table = found.drop_duplicates("step", keep="last").sort_values("step", ignore_index=True).assign(at=lambda one: one[column])
    steps, places = np.array([0.0, *table["step"]]), np.array([0.0, *table["at"]])
    shots = tuple((float(np.interp(step, steps, places)), step, path) for step, path in run.samples().items())
    quick = metrics.scores(run)
    fids = tuple(
        (float(np.interp(step, steps, places)), value)
        for step, value in zip(quick["step"], quick["fid"], strict=True)
        if np.isfinite(value)
    )
    return Track(run, table, shots, fids, quick.attrs["label"])


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
def curve(tracks: tuple[Track, ...], name: str, smoothing: float, groups: tuple[str, ...]) -> pd.DataFrame:
    """Return a curve of all ``groups`` (one name a track) as rows: ``curve`` (the group), ``at``, ``value``, ``low``, ``high``.

    Smoothing is an exponential average over the chosen lines, from 0 (none) to below 1. A group of several runs is their mean at
    common places, with one sample standard deviation to either side. The table must not be changed.
    """
    members: dict[str, list[pd.DataFrame]] = {}
    for one, group in zip(tracks, groups, strict=True):
        if name == "FID":
            part = pd.DataFrame(one.fids, columns=["at", "value"], dtype="float64")
        else:
            values = one.table[CURVES[name]]
            smooth = values.ewm(alpha=1 - smoothing).mean() if smoothing else values
            part = pd.DataFrame({"at": one.table["at"], "value": smooth}).dropna()
        if len(part):
            members.setdefault(group, []).append(part)
    rows = [_merged(parts).assign(curve=group) for group, parts in members.items()]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["at", "value", "low", "high", "curve"])


def _merged(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if len(parts) == 1:
        return parts[0].assign(low=np.nan, high=np.nan)
    first, last = min(part["at"].iloc[0] for part in parts), max(part["at"].iloc[-1] for part in parts)
    places = np.linspace(first, last, min(_GRID, max(len(part) for part in parts)))
    values = np.stack([np.interp(places, part["at"], part["value"], left=np.nan, right=np.nan) for part in parts])
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(len(places), np.nan), where=count > 0)
    squared = np.where(there, (values - mean) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(np.divide(squared, count - 1, out=np.full(len(places), np.nan), where=count > 1))
    return pd.DataFrame({"at": places, "value": mean, "low": mean - spread, "high": mean + spread}).dropna(subset=["value"])


def score(run: Run, name: str) -> dict[str, float]:
    """Return a figure of a run's newest scores of its last checkpoint, by extractor; empty where it was not scored."""
    return {
        str(line["extractor_id"]): value
        for line in run.scores()
        if line.get("source") == "checkpoint"
        and line.get("checkpoint", "last") == "last"
        and "extractor_id" in line
        and (value := lines.number(line, name)) is not None
    }


def means(chosen: Sequence[Run], name: str, group_of: Mapping[str, str]) -> tuple[str, dict[str, list[float]]]:
    """Return the extractor that scored most of the runs, and the figures of its scores in each group, one a run."""
    found = {run.id: score(run, name) for run in chosen}
    extractors = [extractor for scores in found.values() for extractor in scores]
    if not extractors:
        return "", {}
    extractor = statistics.mode(extractors)
    values: dict[str, list[float]] = {}
    for run_id, scores in found.items():
        if extractor in scores:
            values.setdefault(group_of[run_id], []).append(scores[extractor])
    return extractor, values
