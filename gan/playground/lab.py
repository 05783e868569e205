"""The laboratory of scores: real digits with something wrong, or truncated latent vectors, measured as a run is."""

from __future__ import annotations

import contextlib
from functools import cached_property
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from gan.config.data import DataConfig
from gan.data import loaders
from gan.data.feed import to_pixels
from gan.judging import lines
from gan.play import wire
from gan.play.setup import Setup
from gan.playground import disturbances
from gan.playground.views import as_array, number
from gan.runs import examples
from gan.scoring.extractors import classifier
from gan.scoring.extractors.extractor import Features
from gan.scoring.metrics import manifold, memorisation
from gan.scoring.metrics.fid import fid
from gan.scoring.metrics.inception_score import inception_score
from gan.storage.jobs import say_nothing
from gan.training import sampling

SHOWN = 36  # pictures of an answer
_FLOOR_SEEDS = range(1001, 1006)  # of divisions into real images and others, for the floor


class Lab:
    """A laboratory, for any number of visitors; every message is answered with pictures and scores.

    A seed divides the digits at random: 899 are the real images of every comparison, and count as the training images; 898 others
    play the part of a generator's pictures, until something is done to them.
    """

    def __init__(self, setup: Setup) -> None:
        """Load the digits, their classifier, and the generator whose latent vectors are truncated. Raises InputError."""
        config = examples.healthy().config() if setup.lab == "truncation" else None
        self._images = loaders.load(DataConfig(name="digits") if config is None else config.data)
        self._extractor = classifier.load("digits", torch.device("cpu"), say_nothing)
        self._seen = self._extractor.extract(self._images.pixels.split(self._extractor.batch))
        self._count = len(self._images) // 2
        self._generator, self._latent = None, 0
        if config is not None:
            saved = sampling.newest(examples.healthy(), "Measuring")
            self._generator, _ = sampling.restore(config, saved, torch.device("cpu"))
            self._latent = config.networks.latent

    def wait(self, now: float) -> float | None:
        """Return None: the laboratory waits for its visitor."""
        return None

    def turn(self) -> bytes:
        """Do nothing that was not asked for."""
        raise NotImplementedError

    def opened(self, *, is_continued: bool) -> bytes:
        """Return the message with which the laboratory begins, or goes on in a new socket."""
        found = self._extractor
        line = {"extractor": found.label, "extractor_id": found.id}
        head = {
            "kind": "opened",
            "is_continued": is_continued,
            "images": self._count,
            "real_images": len(self._images) - self._count,
            "extractor": found.label,
            "features": self._seen.features.shape[1],
            "fid_label": lines.label(line),
            "floor": self._floor,
        }
        return wire.pack(head)

    def frame(self) -> bytes:
        """Return the pictures that are shown first, with nothing wrong."""
        return self._answer({"seed": 0, "ticket": 0})

    def obey(self, message: dict[str, Any]) -> list[bytes]:
        """Answer a message "measure" (:class:`gan.play.messages.Measure`)."""
        return [self._answer(message)] if message["do"] == "measure" else []

    def _answer(self, message: dict[str, Any]) -> bytes:
        pixels = self.pictures(**{key: value for key, value in message.items() if key not in ("do", "ticket")})
        scores = {name: number(value) for name, value in self.measure(pixels, message["seed"]).items()}
        head = {"kind": "measured", "ticket": message["ticket"], "scores": scores}
        places = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))[:SHOWN]
        return wire.pack(head, [as_array("images", pixels[places].permute(0, 2, 3, 1))])

    def pictures(
        self,
        seed: int = 0,
        classes: int = 10,
        distinct: int = 898,
        copied: float = 0.0,
        truncation: float = 1.0,
        **changes: float,
    ) -> Tensor:
        """Return what is measured: uint8 [898, 1, H, W], dealt with ``seed``; see :class:`gan.play.messages.Measure`."""
        random = torch.Generator().manual_seed(seed)
        if self._generator is not None:
            z = truncation * torch.randn(self._count, self._latent, generator=random)
            return to_pixels(sampling.generate(self._generator, z, None, contextlib.nullcontext))
        others, real = self._halves(seed)
        chosen = disturbances.choose(self._images.labels[others], self._count, classes, distinct, random)
        pixels = disturbances.disturb(self._images.take(others[chosen]), random, **changes)
        copies = torch.randperm(self._count, generator=random)[: round(copied * self._count)]
        pixels[copies] = self._images.take(real[copies])
        return pixels

    def measure(self, pixels: Tensor, seed: int = 0) -> dict[str, float]:
        """Return the scores of uint8 images [N, 1, H, W], named as in :mod:`gan.judging.glossary`, against real images.

        These are dealt with ``seed``; those of a generator are always the same.
        """
        _, real = self._halves(seed if self._generator is None else 0)
        return self._compare(self._extractor.extract(pixels.split(self._extractor.batch)), real)

    def _halves(self, seed: int) -> tuple[Tensor, Tensor]:
        """Return the places of the other images and of the real ones."""
        order = torch.randperm(len(self._images), generator=torch.Generator().manual_seed(seed))
        return order[: self._count], order[self._count :]

    def _compare(self, found: Features, real: Tensor) -> dict[str, float]:
        features = self._seen.features[real]
        nearest, _ = memorisation.find(features, found.features)
        return {
            "fid": fid(features, found.features),
            **manifold.measure(features, found.features)._asdict(),
            "inception_score": inception_score(found.logits)[0],
            "memorised": memorisation.measure_distances(nearest, memorisation.usual(features, features[:0])).near,
        }

    @cached_property
    def _floor(self) -> dict[str, list[float | None]]:
        """Return the lowest, the mean and the highest score of real images compared with real ones, over five divisions."""
        found = []
        for seed in _FLOOR_SEEDS:
            others, real = self._halves(seed)
            found.append(self._compare(Features(*(part[others] for part in self._seen)), real))
        columns = {name: [one[name] for one in found] for name in found[0]}
        return {name: [number(of(values)) for of in (min, fmean, max)] for name, values in columns.items()}
