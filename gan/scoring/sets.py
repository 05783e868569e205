"""Comparing any two sets of pictures: folders, archives, arrays and data sets, streamed, with intervals and the floor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan import words
from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import loaders
from gan.errors import InputError, shown
from gan.guests import reading
from gan.judging.lines import LEARNT
from gan.scoring import measures
from gan.scoring.extractors import inception, vgg
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.metrics.fid import Moments, fid, for_counts
from gan.scoring.metrics.streamed import GROUPS, Stream, jackknife
from gan.scoring.scores import choose_extractor
from gan.storage.jobs import Report, say_nothing
from gan.words import figure, percent

FEWEST = 16  # pictures of a set
NAMES = ("fid", "kid", "precision", "recall", "density", "coverage")
_TITLES = {"fid": "FID", "kid": "KID"}
_HALVES = 10  # random halves of A, for the floor of all but FID
_RESAMPLED = 20  # halves of both samples, for the intervals of precision and the like
_MOST_HALF = 2000  # pictures of such a half
_CLEAN_SIZE = 299  # pixels of Inception


@dataclass(frozen=True)
class Plan:
    """How to compare. ``size``: pixels of data sets; other pictures keep their own. ``most``: pictures of each for all but FID."""

    extractor: str = "auto"
    resizing: Literal["original", "clean"] = "original"
    size: int = 32
    most: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("most", FEWEST, 50_000), ("seed", 0, 2**31 - 1)):
            if not low <= (value := getattr(self, name)) <= high:
                raise InputError(f"“{name}” is {value}, expected a whole number from {low} to {high}; change it.")


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval and its floor: the same for two random halves of A, as of a perfect copy of A."""

    value: float
    low: float
    high: float
    floor: float


@dataclass(frozen=True)
class Found:
    """All figures by name, the names and numbers of pictures of both sets, and sentences on what is to be known of them."""

    figures: dict[str, Figure]
    names: tuple[str, str]
    counts: tuple[int, int]
    extractor: str
    extractor_id: str
    notes: list[str] = field(default_factory=list)


def compare(one: str, other: str, plan: Plan, report: Report = say_nothing) -> Found:
    """Return the figures of ``NAMES`` for two sets, A taken as the real one; each is the name of a data set or a path.

    Features are not kept: FID comes from streamed moments in float64, the other figures from a random sample of ``plan.most``
    pictures of each set. Memory does not grow with the number of pictures. Raises InputError if a set cannot be read.
    """
    chosen = _choose(one, other, plan, report)
    streams, notes = [], [chosen.note] if chosen.note else []
    for index, name in enumerate((one, other)):
        start = 0.05 + 0.4 * index
        stream = Stream(plan.most, plan.seed)
        for features in _features(name, plan, chosen, lambda said, share, start=start: report(said, start + 0.4 * share), notes):
            stream.add(features)
        if stream.count < FEWEST:
            raise InputError(f"“{shown(name)}” has {words.count(stream.count, 'picture')}, expected at least {FEWEST}; add more.")
        streams.append(stream)
    a, b = streams
    report("Comparing", 0.85)
    figures = {"fid": _fid(a, b, lambda share: report("Comparing", 0.85 + 0.08 * share))}
    report("Comparing", 0.93)
    figures |= _others(a.sample, b.sample, plan.seed)
    dimensions = a.sample.shape[1]
    if min(a.count, b.count) <= dimensions:
        notes.append(f"Fewer pictures than the {dimensions:,} features: FID is too high; compare it with its floor, and read KID.")
    if max(a.count, b.count) > plan.most:
        notes.append(f"All but FID come from {plan.most:,} random pictures a set (--most).")
    label = chosen.label if plan.resizing == "original" else f"{chosen.label}, clean resizing"
    return Found(figures, (one, other), (a.count, b.count), label, chosen.id, notes)


def _fid(a: Stream, b: Stream, advance: Callable[[float], None]) -> Figure:
    """Return FID with a jackknife interval over groups, and its floor converted to the numbers of both sets."""
    value = fid(a.moments(), b.moments())
    parts = []
    for number in range(GROUPS):
        advance(number / GROUPS)
        parts.append(fid(a.moments(number), b.moments(number)))
    halves = a.half(0), a.half(1)
    floor = for_counts(fid(halves[0].moments(), halves[1].moments()), (halves[0].count, halves[1].count), (a.count, b.count))
    return Figure(value, *jackknife(value, parts), math.nan if floor is None else floor)


def _others(a: Tensor, b: Tensor, seed: int) -> dict[str, Figure]:
    """Return all figures but FID, from as many features of A as of B; intervals from random halves, floors from halves of A."""
    found = measures.distances(a, b, seed, Moments(torch.zeros(1), torch.zeros(0, 1))) if False else _distances(a, b, seed)
    half = min(len(a), len(b), 2 * _MOST_HALF) // 2
    resampled = [_distances(_drawn(a, half, number), _drawn(b, half, number), seed) for number in range(_RESAMPLED)]
    floors = []
    for number in range(_HALVES):
        order = torch.randperm(len(a), generator=torch.Generator().manual_seed(number))[: 2 * (len(a) // 2)]
        one, other = (a[part][:_MOST_HALF] for part in order.chunk(2))
        floors.append(_distances(one, other, seed))
    figures = {}
    for name in NAMES[1:]:
        values = [each[name] for each in resampled]
        spread = float(np.std(values, ddof=1)) * math.sqrt(half / min(len(a), len(b)))
        reach = 2.093 * spread  # Student's t with 19 degrees of freedom
        figures[name] = Figure(found[name], found[name] - reach, found[name] + reach, float(np.mean([each[name] for each in floors])))
    return figures
