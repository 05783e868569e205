"""Shared by benchmarks that compare trainings: train a configuration and extract features of its generated images."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from gan import runs
from gan.commands.training import scorer
from gan.config import RunConfig
from gan.data import loaders
from gan.scoring import scores
from gan.scoring.extractors import classifier
from gan.scoring.extractors.extractor import Features
from gan.scoring.metrics import fid as frechet
from gan.training import loop

CPU = torch.device("cpu")


class Trained(NamedTuple):
    """Result of a training: features of generated images, final state and seconds."""

    drawn: Features
    state: str
    seconds: float


def play(config: RunConfig, threads: int) -> tuple[loop.Trainer, str, float]:
    """Train ``config`` in a temporary folder; return the trainer, the final state and the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run = runs.create(Path(folder), config, state="starting", threads=threads)
        held = run.hold()
        try:
            trainer = loop.Trainer(run, lambda status, line: None, scorer)
            began = time.perf_counter()
            status = trainer.play(lambda: False)
            return trainer, status.state, time.perf_counter() - began
        finally:
            held.release()


def train(config: RunConfig, images: int, threads: int, seed: int = 0) -> Trained:
    """Train ``config``; return features of ``images`` generated images from the data set's classifier."""
    trainer, state, seconds = play(config, threads)
    extractor = classifier.load(config.data.name, CPU, _say_nothing)
    drawn = extractor.extract(scores.draw(trainer.sampler(), config, images, seed, extractor.batch, CPU))
    return Trained(drawn, state, seconds)


def real(config: RunConfig) -> Features:
    """Return the classifier's features of all real images of the data set."""
    extractor = classifier.load(config.data.name, CPU, _say_nothing)
    return extractor.extract(loaders.load_for_scoring(config.data).batches(extractor.batch))


def training_images(config: RunConfig) -> Features:
    """Return the classifier's features of the images that a run trains on."""
    extractor = classifier.load(config.data.name, CPU, _say_nothing)
    return extractor.extract(loaders.load(config.data).batches(extractor.batch))


def fid(real: Features, drawn: Features) -> float:
    """Return the Fréchet distance on the classifier's features."""
    return frechet.fid(real.features, drawn.features)


def of_seeds(values: Sequence[float], digits: int) -> str:
    """Return mean ± standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{statistics.fmean(values):.{digits}f} ± {error:.{digits}f}"


def _say_nothing(sentence: str, share: float) -> None:
    pass
