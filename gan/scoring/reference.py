"""What generated images are measured against: the features of all real images, and the floor, real against real."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gan.data import catalogue, loaders
from gan.data.loaders import Report
from gan.scoring import cache, metrics
from gan.scoring.extractor import Extractor


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


def load(name: str, size: int, extractor: Extractor, report: Report) -> Reference:
    """Return the reference of a data set at a size; computed on first use, and again when the real images changed."""
    pixels = loaders.load(name, size, report=report).pixels
    fingerprint = fingerprint_of(pixels)

    def make() -> tuple[dict[str, Tensor], dict[str, float]]:
        done = 0

        def advance(images: int) -> None:
            nonlocal done
            done += images
            report("Looking at the real images", done / len(pixels))

        found = extractor.extract(pixels.split(extractor.batch), advance)
        return {"features": found.features}, {"inception_score": metrics.inception_score(found.logits)[0]}

    key = f"{name}-{size}-{extractor.id}"
    seen = cache.obtain(_folder(), key, fingerprint, make)
    return Reference(key, fingerprint, seen.tensors["features"], seen.facts["inception_score"])


def fingerprint_of(pixels: Tensor) -> str:
    """Return the SHA-256 of uint8 images [N, C, H, W], shape included."""
    digest = hashlib.sha256(str(tuple(pixels.shape)).encode())
    digest.update(pixels.contiguous().numpy().data)
    return digest.hexdigest()


def _folder() -> Path:
    return catalogue.data_root() / "statistics"
