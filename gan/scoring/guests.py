"""Scoring a guest: its pictures against the real images of a data set, measured as those of a run are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan.config.data import DataConfig
from gan.data import loaders
from gan.guests import importer
from gan.guests.guest import Facts, Guest, Place
from gan.guests.measuring import clipped
from gan.judging import conditions
from gan.judging.request import Plan
from gan.scoring import projection, reference
from gan.scoring.extractors import perceptual
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.measures import Draw
from gan.scoring.scores import Progress, append_line, choose_extractor, log, measured_line, recorded
from gan.storage.jobs import Report, say_nothing

CURVE = Plan(images=500, draws=1)  # as scores during a training are
_EXAMINED = 2000  # real images whose values are counted


def score_guest(guest: Guest, plan: Plan, report: Report = say_nothing) -> dict[str, Any]:
    """Score a guest, append the line to its scores and return it; the format is that of a run, see ``gan.judging.lines``.

    Draws are disjoint parts of its pictures, so there are fewer of them, or smaller ones, than the ``plan`` asks for if it has too
    few pictures. A guest with several epochs or steps is scored at the last; all of them are also scored like scores during a
    training, unless they have been. Raises InputError if it cannot be scored.
    """
    return recorded(guest, report, lambda progress: _score(guest, plan, progress))


def _score(guest: Guest, plan: Plan, progress: Progress) -> dict[str, Any]:
    started = time.monotonic()
    facts, data, pixels = guest.facts(), guest.data(), guest.pixels()
    data.require()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    extractor = choose_extractor(plan.extractor, data, device, progress.phase(0.0, 0.1))
    last = max(facts.places, key=lambda place: place.number)
    plan = _fitting(plan, last.count)
    real = reference.load(data, extractor, progress.phase(0.1, 0.3), perceptual.load(device), plan.images)
    images = loaders.load_for_scoring(data)
    if not guest.reals_path.exists():
        shown = images.take(torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:64])
        importer.grid(shown.permute(0, 2, 3, 1).contiguous().numpy()).save(guest.reals_path)
    found = _conditions(facts, images)
    is_curve = len(facts.places) > 1
    drawn: list[Draw] = []
    line = measured_line(
        data,
        _parts(pixels, last, plan, extractor.batch),
        extractor,
        real,
        plan,
        _facts(guest, data, last, "checkpoint", found),
        started,
        lambda start, end: progress.phase(start, end if not is_curve else start + (end - start) / 2),
        drawn.append,
    )
    if is_curve:
        _score_curve(guest, facts, data, found, device, progress.phase(0.75, 1.0))
    append_line(guest, line)
    try:
        projection.write(guest, data, extractor, real.real, drawn[0], line["step"] or 0)
    except Exception:
        log.exception("Making the map of guest %s failed; its scores are kept", guest.id)
    return line


def _fitting(plan: Plan, count: int) -> Plan:
    """Return a plan for as many images and draws as there are pictures for."""
    images = min(plan.images, count)
    return replace(plan, images=images, draws=max(1, min(plan.draws, count // images)))


def _parts(pixels: np.ndarray, place: Place, plan: Plan, batch: int) -> Any:
    """Return a function from seeds to batches of uint8 pixels [n, C, H, W]: a disjoint random part of a place at each call."""
    order = torch.randperm(place.count, generator=torch.Generator().manual_seed(plan.seed)).numpy() + place.start
    parts = iter([order[start : start + plan.images] for start in range(0, plan.images * plan.draws, plan.images)])

    def sample(seed: int) -> Iterator[Tensor]:
        rows = np.sort(next(parts))
        for start in range(0, len(rows), batch):
            yield torch.from_numpy(pixels[rows[start : start + batch]]).permute(0, 3, 1, 2)

    return sample


def _score_curve(guest: Guest, facts: Facts, data: DataConfig, found: dict[str, Any], device: torch.device, report: Report) -> None:
    """Append a score of each epoch or step, from as many pictures of each; those that have one are left out."""
    extractor: Extractor = choose_extractor("auto", data, device, say_nothing, is_quick=True)
    plan = replace(CURVE, images=min(CURVE.images, *(place.count for place in facts.places)))
    pixels, real = guest.pixels(), reference.load(data, extractor, say_nothing, compared=plan.images)
    known = [line for line in guest.scores() if line["source"] == "training" and line["extractor_id"] == extractor.id]
    scored = {(line.get("step"), line.get("epoch")) for line in known if line.get("images") == plan.images}
    for index, place in enumerate(facts.places):
        report(f"Examining {facts.unit} {place.number:,}", index / len(facts.places))
        moment = _facts(guest, data, place, "training", found)
        if (moment["step"], moment["epoch"]) not in scored:
            sample = _parts(pixels, place, plan, extractor.batch)
            append_line(guest, measured_line(data, sample, extractor, real, plan, moment, time.monotonic()))


def _facts(guest: Guest, data: DataConfig, place: Place, source: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return what a line says of a guest: where its training was, as far as its names tell, its weights and its conditions."""
    made = {"source": source} | ({"checkpoint": "last"} if source == "checkpoint" else {})
    altered = conditions.altered(found, data.size)
    return {**guest.moment_of(place), **made, "weights": guest.facts().weights, "conditions": found, "altered": altered}


def _conditions(facts: Facts, images: loaders.Images) -> dict[str, Any]:
    """Return the conditions of a guest, with the clipped values of real images beside its own."""
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:_EXAMINED]
    low, high, values = clipped(images.take(chosen).numpy())
    return {**facts.conditions, "real_low": low / values, "real_high": high / values}
