"""Reading stacked digits: the numbers of real images, and which data cannot be read."""

from __future__ import annotations

import torch

from gan.config.data import DataConfig
from gan.data import loaders
from gan.scoring.extractors import stacked
from gan.scoring.extractors.extractor import Extractor
from tests.scoring.conftest import CPU, ignore

DATA = DataConfig(name="stacked-digits", size=32)


def test_numbers_of_real_images_are_read(digits: Extractor) -> None:
    images = loaders.load(DATA)
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:500]
    extractor = stacked.load(DATA.name, CPU, ignore)
    seen = extractor.extract(images.take(chosen).split(extractor.batch))
    assert seen.features.shape == (500, 192) and seen.logits.shape == (500, 1000)
    assert torch.allclose(seen.logits.exp().sum(dim=1), torch.ones(500), atol=1e-4)
    assert float((seen.logits.argmax(dim=1) == images.labels[chosen]).double().mean()) > 0.9
    assert extractor.accuracy == digits.accuracy and digits.id in extractor.id


def test_each_channel_is_read_separately(digits: Extractor) -> None:
    pixels = loaders.load(DataConfig(size=32)).pixels[:3]
    with torch.inference_mode():
        features, numbers = stacked.Reader(digits.network)(pixels.transpose(0, 1))
        alone, logits = digits.network(pixels)
    assert torch.equal(features, alone.flatten()[None])
    first, second, third = logits.argmax(dim=1).tolist()
    assert numbers.argmax().item() == 100 * first + 10 * second + third


def test_only_colour_images_of_stacked_digits_can_be_read() -> None:
    assert stacked.can_read(DATA)
    assert not stacked.can_read(DATA.model_copy(update={"colour": "grey"}))
    assert not stacked.can_read(DataConfig(name="digits", size=32))
