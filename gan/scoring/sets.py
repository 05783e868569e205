"""Comparing any two sets of pictures: folders, archives, arrays and data sets, streamed, with intervals and the floor."""

from __future__ import annotations

import math
import statistics
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
from gan.judging.glossary import SCORES
from gan.scoring.extractors import efficientnet, inception, vgg
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.metrics import kid as kernel
from gan.scoring.metrics import manifold
from gan.scoring.metrics.fid import for_counts
from gan.scoring.metrics.streamed import GROUPS, Stream, distance, jackknife, quick_distance
from gan.scoring.scores import choose_extractor
from gan.storage.jobs import Report, say_nothing
from gan.words import figure, percent

FEWEST = 16  # pictures of a set
_PARTS, _MOST_PART = 10, 1000  # random parts of both samples for the intervals of precision and the like, and their pictures
_TAIL = 2.262  # quantile of Student's t for 95 % with _PARTS − 1 degrees of freedom


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
    """Return FID, KID, precision, recall, density and coverage of two sets, A taken as the real one; each is a data set or a path.

    Features are not kept: FID comes from streamed moments in float64, the other figures from a random sample of ``plan.most``
    pictures of each set. Memory does not grow with the number of pictures. Raises InputError if a set cannot be read.
    """
    chosen, data = _choose(one, other, plan, report)
    channels = data.channels if data else 0
    streams: list[Stream] = []
    notes = [chosen.note] if chosen.note else []
    for index, name in enumerate((one, other)):
        stream, known = Stream(plan.most, plan.seed), len(notes)
        for features in _features(name, plan, chosen, channels, _part(report, 0.05 + 0.4 * index), notes):
            stream.add(features)
        if stream.count < FEWEST:
            found = words.count(stream.count, "picture")
            why = [f"“{shown(name)}” has {found}, expected at least {FEWEST}; add more.", *notes[known:]]
            raise InputError(" ".join(why))
        streams.append(stream)
    a, b = streams
    report("Comparing", 0.85)
    figures = {"fid": _fid(a, b, plan.most, lambda share: report("Comparing", 0.85 + 0.08 * share))}
    report("Comparing", 0.93)
    figures |= _others(a.sample, b.sample, plan.seed)
    dimensions = a.sample.shape[1]
    if min(a.count, b.count) <= dimensions:
        notes.append(f"Fewer pictures than the {dimensions:,} features: FID is too high; compare it with its floor, and read KID.")
    if max(a.count, b.count) > plan.most:
        notes.append(f"All but FID come from {plan.most:,} random pictures a set (--most).")
    label = chosen.label if plan.resizing == "original" else f"{chosen.label}, clean resizing"
    return Found(figures, (one, other), (a.count, b.count), label, chosen.id, notes)


def _part(report: Report, start: float) -> Report:
    return lambda said, share: report(said, start + 0.4 * share)


def _fid(a: Stream, b: Stream, most: int, advance: Callable[[float], None]) -> Figure:
    """Return FID with a jackknife interval over groups, and its floor converted to the numbers of both sets."""
    value = distance(a.sample, b.sample) if max(a.count, b.count) <= most else distance(a.total(), b.total())
    parts = []
    for number in range(GROUPS):
        advance(number / GROUPS)
        parts.append(quick_distance(a.total(number), b.total(number)))
    counts = a.count // 2, a.count - a.count // 2
    floor = for_counts(distance(a.half(0), a.half(1)), counts, (a.count, b.count))
    return Figure(value, *jackknife(value, parts), math.nan if floor is None else floor)


def _others(a: Tensor, b: Tensor, seed: int) -> dict[str, Figure]:
    """Return all figures but FID, from as many features of A as of B, and the same for two halves of A.

    Intervals: KID's over its subsets; of the others, from random parts (delete-d jackknife, Shao and Wu 1989).
    """
    count = min(len(a), len(b))
    a, b = a[:count], b[:count]
    part = min(count // 2, _MOST_PART)
    scale = _TAIL * math.sqrt(part / (count - part))
    parts = [manifold.measure(_some(a, part, number), _some(b, part, number))._asdict() for number in range(_PARTS)]
    half = count // 2
    found, floor = manifold.measure(a, b)._asdict(), manifold.measure(a[:half], a[half : 2 * half])._asdict()
    known, usual = kernel.kid(a, b, seed=seed), kernel.kid(a[:half], a[half : 2 * half], seed=seed)
    low, high = (math.nan if end is None else end for end in (known.low, known.high))
    figures = {"kid": Figure(known.mean, low, high, usual.mean)}
    for name, value in found.items():
        reach = scale * statistics.stdev([each[name] for each in parts])
        most = math.inf if name == "density" else 1.0
        figures[name] = Figure(value, max(0.0, value - reach), min(most, value + reach), floor[name])
    return figures


def _some(features: Tensor, count: int, seed: int) -> Tensor:
    return features[torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))[:count]]


# Reading and features


def _choose(one: str, other: str, plan: Plan, report: Report) -> tuple[Extractor, DataConfig | None]:
    """Return the extractor, as for the score of a run, and the data set among the two sets, if any."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = _data(one, plan.size) or _data(other, plan.size)
    if data is not None:
        found = choose_extractor(plan.extractor, data, device, report)
    elif plan.extractor == "classifier":
        raise InputError("The extractor is “classifier”, but neither set is a data set with labels; choose another.")
    elif plan.extractor == "inception" or (plan.extractor == "auto" and inception.is_at_hand()):
        found = inception.load(device, report)
    elif plan.extractor == "efficientnet" or (plan.extractor == "auto" and efficientnet.is_at_hand()):
        found = efficientnet.load(device, report)
    else:
        found = vgg.load(device, report)
    if plan.resizing == "clean":
        found = inception.clean(found)
    return found, data


def _data(name: str, size: int) -> DataConfig | None:
    """Return the data set of this name; None if there is none, or if it is a path."""
    entry = None if Path(name).expanduser().exists() else data_sets.all_sets().get(name)
    if entry is not None and entry.kind == "points":
        raise InputError(f"“{entry.title}” holds points; choose sets of pictures.")
    return DataConfig(name=name, size=size) if entry else None  # type: ignore[arg-type]


def _features(name: str, plan: Plan, extractor: Extractor, channels: int, report: Report, notes: list[str]) -> Iterator[Tensor]:
    """Yield the features of a set in batches."""
    done, total = 0, 0

    def watched(batches: Iterator[tuple[int, Tensor]]) -> Iterator[Tensor]:
        nonlocal done, total
        for count, pixels in batches:
            done, total = done + len(pixels), max(count, done)
            yield pixels

    for pixels in watched(_batches(name, plan, extractor.batch, channels, notes)):
        yield extractor.extract([pixels]).features
        report(f"Examining {shown(Path(name).name or name)}: {done:,} of {total:,}", min(1.0, done / max(1, total)))


def _batches(name: str, plan: Plan, batch: int, channels: int, notes: list[str]) -> Iterator[tuple[int, Tensor]]:
    """Yield how many pictures a set has, as far as known, with batches of uint8 pixels [n, C, H, W] of one size."""
    if (data := _data(name, plan.size)) is not None:
        images = loaders.load_for_scoring(data)
        for part in images.batches(batch):
            yield len(images), part
        return
    sizes: set[tuple[int, ...]] = set()
    waiting: dict[tuple[int, ...], list[np.ndarray]] = {}
    with reading.open_pictures(Path(name).expanduser(), reading.Options("no")) as opened:
        for _, _, found in opened.pictures():
            for one in found:
                pixels = _in_channels(one.pixels, channels)
                sizes.add(pixels.shape)
                (same := waiting.setdefault(pixels.shape, [])).append(pixels)
                if len(same) == batch:
                    yield opened.files, _stacked(waiting.pop(pixels.shape))
        for same in waiting.values():
            yield opened.files, _stacked(same)
        if opened.skipped:
            first = opened.skipped[0]
            notes.append(
                f"{words.count(len(opened.skipped), 'file')} of {shown(name)} skipped, the first: {first.reason.rstrip('.')}."
            )
    if len(sizes) > 1:
        notes.append(f"The pictures of {shown(name)} have {len(sizes):,} sizes; each is resized by itself for the features.")


def _in_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Return a picture [H, W] or [H, W, 3] as [H, W, C] with 1 or 3 ``channels``; 0 keeps its own."""
    if channels == 1 and pixels.ndim == 3:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    found = pixels.reshape(*pixels.shape[:2], -1)
    return found.repeat(3, axis=2) if channels == 3 and found.shape[2] == 1 else found


def _stacked(pictures: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


# Words


def describe(found: Found) -> str:
    """Return the figures as a table of text."""
    a, b = (f"{shown(name)} ({words.count(count, 'picture')})" for name, count in zip(found.names, found.counts, strict=True))
    rows = [f"A: {a}\nB: {b}\nFeatures: {found.extractor}\n", f"{'':<12}{'value':>10}  {'95 % interval':<22}{'floor':>10}"]
    for name, one in found.figures.items():
        tell = percent if SCORES[name].is_share else lambda value: figure(value, None)
        interval = "" if math.isnan(one.low) else f"{tell(one.low)} to {tell(one.high)}"
        rows.append(f"{SCORES[name].title:<12}{tell(one.value):>10}  {interval:<22}{tell(one.floor):>10}")
    return "\n".join([*rows, "", "Floor: the same for two halves of A, as for a perfect B."])


def as_json(found: Found) -> dict[str, Any]:
    """Return the figures and how they were made as JSON values."""
    figures = {name: vars(one) for name, one in found.figures.items()}
    return {**vars(found), "figures": figures}
