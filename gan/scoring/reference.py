"""What generated images are measured against: the features of all real images, and the floor, real against real."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gan.data import catalogue, loaders
from gan.data.catalogue import Report
from gan.data.loaders import Images
from gan.errors import InputError
from gan.scoring import cache, lines, metrics
from gan.scoring.extractor import Extractor
from gan.sections import DataConfig

_FEWEST = 20  # real images


@dataclass(frozen=True)
class Reference:
    """The real images as an extractor sees them: ``features`` [N, D] and the Inception Score they get themselves.

    ``name`` tells data set, size and extractor, ``fingerprint`` the images.
    """

    name: str
    fingerprint: str
    features: Tensor
    inception_score: float

    def floor_images(self, images: int) -> int:
        """Return how many real images stand for the generated ones when the floor is measured."""
        return min(images, len(self.features) // 2)

    def floor(self, images: int, draws: int, seed: int, report: Report) -> list[float]:
        """Return the FID of real images against the other real images, one value a draw: what chance alone gives.

        A draw parts the real images at random into ``floor_images(images)`` and the rest.
        """

        def make() -> tuple[dict[str, Tensor], dict[str, list[float]]]:
            values = []
            for draw in range(draws):
                report("Comparing real images with real images", draw / draws)
                order = torch.randperm(len(self.features), generator=torch.Generator().manual_seed(seed * 1_000_003 + draw))
                some, rest = order[: self.floor_images(images)], order[self.floor_images(images) :]
                values.append(metrics.fid(self.features[rest], self.features[some]))
            return {}, {"fid": values}

        name = f"{self.name}-floor-{self.floor_images(images)}-{draws}-{seed}"
        values: list[float] = cache.obtain(_folder(), name, self.fingerprint, make).facts["fid"]
        return values


def require_images(data: DataConfig) -> None:
    """Raise InputError for a data set of points."""
    if data.is_points:
        raise InputError(f"“{data.name}” holds points, and FID and IS are made for images; look at the samples instead.")


def load(data: DataConfig, extractor: Extractor, report: Report) -> Reference:
    """Return the reference of a data set as it is prepared; computed on first use, and again when the real images changed.

    Raises InputError for points and for fewer than two images.
    """
    require_images(data)
    images = loaders.load_for_scoring(data, report=report)
    if len(images) < _FEWEST:
        raise InputError(f"There are only {len(images)} real images to compare with, expected at least {_FEWEST}; hold out more.")
    fingerprint = fingerprint_of(images)

    def make() -> tuple[dict[str, Tensor], dict[str, float]]:
        done = 0

        def advance(seen: int) -> None:
            nonlocal done
            done += seen
            report("Looking at the real images", done / len(images))

        found = extractor.extract(images.batches(extractor.batch), advance)
        return {"features": found.features}, {"inception_score": metrics.inception_score(found.logits)[0]}

    key = f"{data.name}-{data.size}-{_digest_of(data)}-{extractor.id}"
    seen = cache.obtain(_folder(), key, fingerprint, make)
    return Reference(key, fingerprint, seen.tensors["features"], seen.facts["inception_score"])


def fingerprint_of(images: Images) -> str:
    """Return the SHA-256 of uint8 images [N, C, H, W], shape included."""
    digest = hashlib.sha256(str((len(images), *images.values.shape[1:])).encode())
    for pixels in images.batches(4096):
        digest.update(pixels.contiguous().numpy().data)
    return digest.hexdigest()


def _digest_of(data: DataConfig) -> str:
    """Return a short name for what chooses and prepares the real images that scores compare with."""
    return hashlib.sha256(repr(lines.real_part(data)).encode()).hexdigest()[:8]


def _folder() -> Path:
    return catalogue.data_root() / "statistics"
