"""Small convolutional classifier of a data set's own labels; its penultimate layer gives the features for FID.

Inception was trained on photographs. For handwritten digits, features of a digit classifier are more informative, and it
trains in seconds. A FID is comparable only on the same features, so its label names them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import loaders
from gan.data.feed import to_float
from gan.data.loaders import Images, resize
from gan.data.sources import STACKED
from gan.errors import InputError
from gan.places import data_root
from gan.scoring import cache
from gan.scoring.extractors.extractor import Extractor
from gan.storage.jobs import Report

log = logging.getLogger("gan")

#: Increase with every change to the network or its training; classifiers of other versions are retrained.
VERSION = 2

SIZE: Literal[32] = 32  # pixels; images of other sizes are resized
FEATURES = 64

#: Trained classifiers that ship with the program; ``examples/make.py`` makes them.
_SHIPPED = Path(__file__).parent

_BATCH = 64
_SEEN = 64  # images per pass when scoring: their maps fit into the processor's cache
_FEWEST_STEPS = 150  # small sets get more epochs than the recipe says
_LEARNING_RATE = 3e-3
_SHIFT = 2  # pixels; random shift as augmentation
_SEED = 0


@dataclass(frozen=True)
class Recipe:
    """Training recipe of a classifier: at least ``epochs`` passes over ``images`` training images (0: all not held out).

    The accuracy is measured on the data set's own test part, or on a held-out share taken equally from all classes.
    """

    label: str
    epochs: int
    images: int = 0
    has_test_part: bool = False
    held_out: float = 0.2


RECIPES = {
    "digits": Recipe("digits CNN", epochs=8),
    "mnist": Recipe("MNIST CNN", epochs=6, images=10_000, has_test_part=True),
}
_FEWEST_EACH = 10  # images per class, on average


def can_learn(name: str) -> bool:
    """Return whether a classifier can be trained on a data set: it needs two classes or more and enough images per class.

    Stacked sets use the classifier of their digits instead (``gan.scoring.extractors.stacked``).
    """
    entry = data_sets.find(name)
    is_enough = len(entry.classes) >= 2 and entry.images >= _FEWEST_EACH * len(entry.classes)
    return entry.kind == "images" and is_enough and name not in STACKED


def recipe_of(name: str) -> Recipe:
    """Return the listed recipe for a labelled data set, or the default recipe."""
    entry = data_sets.find(name)
    return RECIPES.get(name) or Recipe(f"{entry.title} CNN", epochs=8, images=10_000, has_test_part=entry.origin == "download")


class _HalfPool(nn.MaxPool2d):
    """The highest of 2 × 2 pixels; equal to the library's, which without gradients takes twice as long."""

    def forward(self, input: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            found: Tensor = super().forward(input)
            return found
        rows = torch.maximum(input[:, :, ::2], input[:, :, 1::2])
        return torch.maximum(rows[..., ::2], rows[..., 1::2])


class Classifier(nn.Module):
    """uint8 pixels [N, channels, H, W] → features [N, 64] (non-negative) and logits [N, classes], in one pass."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.channels = channels

        def block(inputs: int, outputs: int) -> list[nn.Module]:
            return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), _HalfPool(2), nn.BatchNorm2d(outputs), nn.ReLU()]

        self.body = nn.Sequential(
            *block(channels, 16),
            *block(16, 32),
            *block(32, 64),
            nn.Flatten(),
            nn.Linear(64 * (SIZE // 8) ** 2, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        if pixels.shape[1] > self.channels:
            pixels = pixels.float().mean(dim=1, keepdim=True).round().byte()
        pixels = pixels.expand(-1, self.channels, -1, -1)
        images = to_float(resize(pixels, SIZE)).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.body(images)
        return features, self.head(features)


def load(name: str, device: torch.device, report: Report) -> Extractor:
    """Return the classifier of a data set as an extractor; trained on first use and cached in the data folder.

    That of the digits ships with the program, so that their scores are comparable between machines: training gives slightly
    different weights on each.

    The global random state is left unchanged. Raises InputError if no classifier can be trained, or if the data or disk space is
    missing.
    """
    if not can_learn(name):
        raise InputError(
            f"There is no classifier for the data set “{name}”: a classifier needs at least two classes and an average of "
            f"{_FEWEST_EACH} images per class; score with the extractor “random-vgg” or “inception” instead."
        )

    def make() -> tuple[dict[str, Tensor], dict[str, float]]:
        if shipped := cache.find(_SHIPPED, name, version):
            return shipped.tensors, shipped.facts
        network, accuracy = train(name, report)
        return network.state_dict(), {"accuracy": accuracy}

    entry = data_sets.find(name)
    version = f"{VERSION}-{entry.version}"
    trained = cache.obtain(data_root() / "classifiers", name, version, make)
    network = _untrained(name)
    network.load_state_dict(trained.tensors)
    network.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)
    identity = f"{name}-cnn-{VERSION}-{trained.sha256[:8]}"
    chance = max(entry.counts) / entry.images
    return Extractor(recipe_of(name).label, identity, trained.facts["accuracy"], network, device, batch=_SEEN, chance=chance)


def _untrained(name: str) -> Classifier:
    """Return an untrained classifier with fixed initial weights."""
    data = data_sets.find(name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_SEED)
        return Classifier(data.channels, len(data.classes))


def train(name: str, report: Report) -> tuple[Classifier, float]:
    """Train the classifier of a data set; return it with its accuracy (0 to 1) on held-out images.

    Runs on one CPU core. This does not disturb a run on the GPU, weights do not depend on the number of threads, and other runs
    on the machine slow it down little (with two threads, each waits for the other after every small operation).
    """
    with _one_thread():
        return _train(name, report)


def _train(name: str, report: Report) -> tuple[Classifier, float]:
    recipe = recipe_of(name)
    sentence = f"Training the {recipe.label}"
    report(sentence, 0.0)
    seen, unseen = _divide(name, recipe, report)
    random = torch.Generator().manual_seed(_SEED)
    network = _untrained(name).to(memory_format=torch.channels_last).train()
    batch = min(_BATCH, len(seen.labels))
    each = len(seen.labels) // batch
    epochs = max(recipe.epochs, math.ceil(_FEWEST_STEPS / each))
    steps = epochs * each
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps)
    step = 0
    for _ in range(epochs):
        for chosen in torch.randperm(len(seen.labels), generator=random).split(batch):
            if len(chosen) < batch:
                continue
            _, logits = network(_shift(seen.pixels[chosen], random))
            optimizer.zero_grad()
            functional.cross_entropy(logits, seen.labels[chosen]).backward()
            optimizer.step()
            schedule.step()
            step += 1
            report(sentence, step / steps)
    accuracy = measure_accuracy(network.eval(), unseen)
    log.info("The %s classifies %.2f %% of %d held-out images correctly", recipe.label, 100 * accuracy, len(unseen.labels))
    return network, accuracy


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def measure_accuracy(network: Classifier, images: Images) -> float:
    """Return the share of images classified correctly; the network must be in evaluation mode."""
    guesses = torch.cat([network(pixels)[1].argmax(dim=1) for pixels in images.pixels.split(512)])
    return int((guesses == images.labels).sum()) / len(images.labels)


def _divide(name: str, recipe: Recipe, report: Report) -> tuple[Images, Images]:
    """Return the training images and the images for measuring the accuracy."""
    images = loaders.load(DataConfig(name=name, size=SIZE), report=report)
    random = torch.Generator().manual_seed(_SEED)
    if recipe.has_test_part:
        chosen = torch.randperm(len(images.labels), generator=random)[: recipe.images or None]
        return Images(images.take(chosen), images.labels[chosen]), loaders.load_test(name, SIZE, report)
    is_held = split(images.labels, recipe.held_out, random)
    seen, unseen = (~is_held).nonzero().flatten(), is_held.nonzero().flatten()
    if recipe.images and len(seen) > recipe.images:
        seen = seen[torch.randperm(len(seen), generator=random)[: recipe.images]]
    return Images(images.take(seen), images.labels[seen]), Images(images.take(unseen), images.labels[unseen])


def split(labels: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Return a boolean mask [N] of held-out images: the same ``share`` of every class in ``labels`` [N]."""
    is_held = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=random)]
        is_held[members[: round(len(members) * share)]] = True
    return is_held


def _shift(pixels: Tensor, random: torch.Generator) -> Tensor:
    """Shift a batch by up to two pixels in a random direction, with black padding."""
    height, width = pixels.shape[-2:]
    top, left = torch.randint(2 * _SHIFT + 1, (2,), generator=random).tolist()
    return functional.pad(pixels, (_SHIFT,) * 4)[..., top : top + height, left : left + width]
