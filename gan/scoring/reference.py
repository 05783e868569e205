"""The reference of a data set: features of all real images, and the floor (real images compared with real images)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan.config.data import DataConfig
from gan.data import loaders
from gan.data.loaders import Images
from gan.data.rendered import points
from gan.errors import InputError
from gan.judging import lines
from gan.places import data_root
from gan.scoring import cache, measures
from gan.scoring.extractors import coordinates
from gan.scoring.extractors.extractor import Extractor, Features
from gan.scoring.extractors.perceptual import Lpips
from gan.scoring.measures import Real
from gan.scoring.metrics import appearance, classes, diversity, memorisation
from gan.scoring.metrics import fid as frechet
from gan.scoring.metrics import inception_score as inception_scores
from gan.scoring.metrics.appearance import Looks
from gan.storage.jobs import Report

_FEWEST = 20  # real images
_VERSION = 5  # of the cached entries


@dataclass(frozen=True)
class Reference:
    """The real images as seen by an extractor, their own Inception Score, and how alike they are.

    ``name`` identifies data set, size and extractor; ``fingerprint`` the images. ``alone``: the figures of ``measures.ALONE`` and
    the support, for as many real images as a draw has generated ones, each None if not measurable. The Inception Score is None if
    the extractor has no logits.
    """

    name: str
    fingerprint: str
    real: Real
    inception_score: float | None
    alone: dict[str, float | None]

    @property
    def features(self) -> Tensor:
        """Features of all real images [N, D]."""
        return self.real.features

    def floor_images(self, images: int) -> int:
        """Return the number of real images that take the place of the generated ones in the floor."""
        return min(images, len(self.features) // 2)

    def floor(self, images: int, draws: int, seed: int, report: Report) -> list[dict[str, float | None]]:
        """Return the figures of real images compared with other real images, one set per draw: the effect of chance alone.

        Each draw splits the real images at random into ``floor_images(images)`` and the rest. The FID is that of a score of
        ``images`` generated images against all real ones (:func:`gan.scoring.metrics.fid.for_counts`); the other figures depend
        little on the numbers and are as measured.
        """

        def make() -> tuple[dict[str, Tensor], dict[str, Any]]:
            found = []
            for draw in range(draws):
                report("Comparing real images with real images", draw / draws)
                order = torch.randperm(len(self.features), generator=torch.Generator().manual_seed(seed * 1_000_003 + draw))
                some, rest = order[: self.floor_images(images)], order[self.floor_images(images) :]
                values = measures.distances(self.features[rest], self.features[some], seed)
                found.append(_plain(values) | measures.count_modes(self.features[some], self.real.modes))
            return {}, {"distances": found}

        name = f"{self.name}-floor-{self.floor_images(images)}-{draws}-{seed}"
        values: list[dict[str, float | None]] = cache.obtain(_folder(), name, self.fingerprint, make).facts["distances"]
        some, everything = self.floor_images(images), len(self.features)
        return [{**one, "fid": frechet.for_counts(one["fid"], (some, everything - some), (images, everything))} for one in values]


def load(
    data: DataConfig, extractor: Extractor, report: Report, lpips: Lpips | None = None, compared: int = measures.MOST_COMPARED
) -> Reference:
    """Return the reference of a prepared data set; computed on first use, and again if the real images have changed.

    Without ``lpips``, perceptual differences are not measured. ``compared``: generated images per draw. More images have more
    duplicates, so the same number of real ones, at most 2,000, is examined. Raises InputError for fewer than 20 images.
    """
    images = loaders.load_for_scoring(data, report=report)
    if len(images) < _FEWEST:
        raise InputError(f"Only {len(images)} real images to compare with, expected at least {_FEWEST}; hold out more images.")
    fingerprint = fingerprint_of(images)

    def make() -> tuple[dict[str, Tensor], dict[str, Any]]:
        looks: list[Looks] = []
        found = _extract(images, extractor, report, looks)
        has_logits = found.logits.shape[1] > 0
        facts = {"inception_score": inception_scores.inception_score(found.logits)[0] if has_logits else None}
        looks = looks or [Looks(*(torch.empty(0) for _ in Looks._fields))]
        tensors = {name: torch.cat(values) for name, values in zip(Looks._fields, zip(*looks, strict=True), strict=True)}
        counts = classes.histogram(found.logits) if extractor.tells_classes else torch.empty(0)
        mean, root = frechet.moments(found.features)
        return {"features": found.features, "mean": mean, "root": root, "counts": counts, **tensors}, facts

    count = min(compared, len(images), measures.MOST_COMPARED)

    def look_alone() -> tuple[dict[str, Tensor], dict[str, Any]]:
        chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:count]
        found, pairs = measures.alone(images.take(chosen), lpips, seed=0)
        return {}, {**_plain(found), "support": diversity.support([pairs])}

    key = f"{data.name}-{data.size}-{_digest_of(data)}-{extractor.id}-{_VERSION}"
    seen = cache.obtain(_folder(), key, fingerprint, make)
    features = seen.tensors["features"]
    alone: dict[str, float | None] = dict.fromkeys((*measures.ALONE, "support"))
    if not data.is_points:
        name = f"{key}-by-themselves-{count}" + ("-lpips" if lpips else "")
        alone = cache.obtain(_folder(), name, fingerprint, look_alone).facts
    known = None
    if data.is_points:
        known = coordinates.chosen(points.modes(data.name), data.classes, data.entry.classes)
    real = Real(
        features,
        seen.tensors["counts"],
        Looks(*(seen.tensors[name] for name in Looks._fields)),
        *_trained_on(data, extractor, key, features, fingerprint, report),
        known,
        lpips,
        frechet.Moments(seen.tensors["mean"], seen.tensors["root"]),
        None if data.is_points else _originals(data, images, report),
        tuple(place for place, name in enumerate(data.entry.classes) if name in data.classes),
    )
    return Reference(key, fingerprint, real, seen.facts["inception_score"], alone)


def _originals(data: DataConfig, images: Images, report: Report) -> Callable[[Tensor], Tensor]:
    """Return a function from rows to a run's training images, in the order of :func:`_trained_on`; ``images``: the real ones."""
    places = loaders.training_places(data, report=report)
    training = loaders.load(data, report=report) if places is None else images
    return lambda rows: training.take(rows if places is None else places[rows])


def _trained_on(
    data: DataConfig, extractor: Extractor, key: str, real: Tensor, fingerprint: str, report: Report
) -> tuple[Tensor, Tensor]:
    """Return the features of a run's training images [T, D], and the usual distances of other real images from them [H]."""
    places = loaders.training_places(data, report=report)
    images = loaders.load(data, report=report) if places is None else None

    def make() -> tuple[dict[str, Tensor], dict[str, Any]]:
        if images is not None:
            training = _extract(images, extractor, report).features
            return {"training": training, "usually": memorisation.usual(training, real)}, {}
        is_other = torch.ones(len(real), dtype=torch.bool)
        is_other[places] = False
        return {"usually": memorisation.usual(real[places], real[is_other])}, {}

    name = f"{key}-trained-{data.subset}-{data.subset_seed}"
    version = fingerprint if images is None else f"{fingerprint}-{fingerprint_of(images)}"
    found = cache.obtain(_folder(), name, version, make).tensors
    return real[places] if places is not None else found["training"], found["usually"]


def _extract(images: Images, extractor: Extractor, report: Report, looks: list[Looks] | None = None) -> Features:
    """Return the features of all images; append their looks to ``looks``, if given."""
    done = 0

    def advance(seen: int) -> None:
        nonlocal done
        done += seen
        report("Examining the real images", done / len(images))

    def watched() -> Iterator[Tensor]:
        for pixels in images.batches(extractor.batch):
            if looks is not None and pixels.ndim == 4:
                looks.append(appearance.look(pixels))
            yield pixels

    return extractor.extract(watched(), advance)


def _plain(values: dict[str, float]) -> dict[str, float | None]:
    """Replace non-finite values, which JSON cannot hold, by None."""
    return {key: value if math.isfinite(value) else None for key, value in values.items()}


def fingerprint_of(images: Images) -> str:
    """Return the SHA-256 of uint8 images [N, C, H, W] or points [N, 2], including their shape."""
    digest = hashlib.sha256(str((len(images), *images.values.shape[1:])).encode())
    for pixels in images.batches(4096):
        digest.update(pixels.contiguous().numpy().data)
    return digest.hexdigest()


def _digest_of(data: DataConfig) -> str:
    """Return a short digest of the settings that choose and prepare the real images."""
    return hashlib.sha256(repr(lines.real_part(data)).encode()).hexdigest()[:8]


def _folder() -> Path:
    return data_root() / "statistics"
