"""Measures of one draw, on sets of images with a known fault made by the test."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import alexnet

from gan.config.data import DataConfig
from gan.data import loaders
from gan.judging import doctor
from gan.judging.request import Plan
from gan.scoring import measures, reference, scores
from gan.scoring.extractors import perceptual
from gan.scoring.extractors.extractor import Extractor, Features
from gan.scoring.measures import Draw
from gan.scoring.reference import Reference
from tests.scoring.conftest import CPU, ignore


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    """Return all digits in a different order from the reference."""
    images = loaders.load(DataConfig(size=32)).pixels
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(5))]


def judged(pixels: Tensor, digits: Extractor, real: Reference) -> dict[str, object]:
    return measures.measure(Draw(pixels, digits.extract(pixels.split(256))), real.real, seed=0)


def line_of(pixels: Tensor, digits: Extractor, real: Reference) -> dict[str, object]:
    return measures.combine([judged(pixels, digits, real)], real.real)


def test_real_images_against_themselves_have_no_fault(pixels: Tensor, digits: Extractor, real: Reference) -> None:
    line = line_of(pixels, digits, real)
    assert line["fid"] == pytest.approx(0, abs=1e-3)
    assert line["precision"] == line["recall"] == line["coverage"] == 1
    assert line["classes_missing"] == [] and line["class_kl"] == pytest.approx(0, abs=1e-9)
    assert line["duplicates"] == pytest.approx(real.alone["duplicates"], abs=0.01)
    assert all(abs(look["effect"]) < 1e-9 for look in line["looks"].values())  # type: ignore[union-attr, attr-defined]


def test_ten_repeated_images_are_detected(pixels: Tensor, digits: Extractor, real: Reference) -> None:
    line = line_of(pixels[:10].repeat(100, 1, 1, 1), digits, real)
    assert line["precision"] > 0.9, "each of them is a good digit"  # type: ignore[operator]
    assert line["recall"] < 0.05 and line["coverage"] < 0.2 and line["duplicates"] == 1  # type: ignore[operator]
    assert line["support"] == pytest.approx(10, rel=0.02)
    assert line_of(pixels[:1].repeat(100, 1, 1, 1), digits, real)["support"] == 1


def test_darkened_images_are_seen_as_dark(pixels: Tensor, digits: Extractor, real: Reference) -> None:
    line = line_of((pixels.float() * 0.4).byte(), digits, real)
    looks = line["looks"]
    assert looks["brightness"]["effect"] < -2 and looks["contrast"]["effect"] < -2  # type: ignore[index]
    assert looks["brightness"]["fake_mean"] == pytest.approx(0.4 * looks["brightness"]["real_mean"], abs=1)  # type: ignore[index]


def test_noise_has_low_precision_and_coverage(digits: Extractor, real: Reference) -> None:
    noise = torch.randint(0, 256, (500, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    line = line_of(noise, digits, real)
    assert line["precision"] < 0.1 and line["coverage"] < 0.1  # type: ignore[operator]
    assert line["duplicates"] == 0 and line["support"] is None


def test_without_classes_the_class_scores_are_none(pixels: Tensor, digits: Extractor, real: Reference) -> None:
    seen = digits.extract(pixels[:300].split(256))
    found = measures.measure(Draw(pixels[:300], Features(seen.features, torch.empty(300, 0))), real.real, seed=0)
    line = measures.combine([found], real.real)
    assert line["inception_score"] is line["class_counts"] is line["classes_covered"] is line["classes_missing"] is None
    assert math.isfinite(line["fid"])


class Stranger(nn.Module):
    """uint8 pixels [N, 1, H, W] → features [N, 64] and logits [N, 1008], whose classes are not the data's, as with Inception."""

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = functional.avg_pool2d(pixels.float(), 4).flatten(1)
        return features, features.repeat(1, 16)[:, :1008]


def test_classes_of_an_extractor_for_other_data_are_not_counted(pixels: Tensor) -> None:
    extractor = Extractor("Inception 2015", "stranger", None, Stranger(), CPU, 256)
    known = reference.load(DataConfig(size=32), extractor, ignore)
    found = scores.judge(lambda seed: iter(pixels[:300].split(300)), extractor, known, Plan(images=300, draws=1))
    assert known.inception_score is not None and found["inception_score"] >= 1
    assert found["class_counts"] is found["classes_covered"] is found["classes_expected"] is found["class_kl"] is None
    assert found["classes_missing"] is None and not known.real.counts.tolist()
    earlier = {"class_counts": [30] + [0] * 1007, "classes_missing": [5], "extractor_id": "inception-2015-6726825d"}
    assert doctor.examine(earlier) == []
    assert doctor.examine({**earlier, "extractor_id": "digits-cnn-1-0a1b2c3d"})


class Confused(nn.Module):
    """The digits classifier, wrong about every second image, which it takes for any digit."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.network(pixels)
        mixed = (pixels.long() * torch.arange(pixels[0].numel()).view(pixels[0].shape)).sum(dim=(1, 2, 3)) % 19
        shift = torch.where(mixed < 10, mixed, 0)
        return features, logits.gather(1, (torch.arange(10) + shift[:, None]) % 10)


def test_exactly_the_chosen_classes_are_expected_whatever_the_classifier_confuses(digits: Extractor) -> None:
    confused = dataclasses.replace(digits, id="confused", network=Confused(digits.network), accuracy=0.53)
    data = DataConfig(size=32, classes=("3", "5"))
    known, images = reference.load(data, confused, ignore), loaders.load(data)
    assert int((known.real.counts > 0).sum()) == 10 and known.real.asked == (3, 5)
    for kept, covered, missing in (((3, 5), 2, []), ((3,), 1, [5])):
        some = images.pixels[torch.isin(images.labels, torch.tensor(kept))]
        clear = measures.measure(Draw(some, digits.extract(some.split(256))), known.real, seed=0)
        line = measures.combine([clear], known.real)
        assert (line["classes_expected"], line["classes_covered"], line["classes_missing"]) == (2, covered, missing)
        line = line_of(some, confused, known)
        assert line["classes_expected"] == 2 and line["classes_missing"] == []
        found = doctor.examine({**line, "data": "digits"}, data.entry.classes)
        assert "missing-classes" not in {verdict.name for verdict in found}


def test_training_images_are_found_by_row_for_subsets_and_held_out_references(digits: Extractor) -> None:
    for data in (DataConfig(size=16, subset=100), DataConfig(size=16, held_out=0.5, subset=100), DataConfig(size=16)):
        known, images = reference.load(data, digits, ignore), loaders.load(data)
        rows = torch.tensor([5, 0, 99])
        assert known.real.originals is not None
        assert torch.equal(known.real.originals(rows), images.take(rows))
        line = line_of(images.take(torch.arange(100)), digits, known)
        assert line["memorised_sources"] > 80 and line["memorised_likeness"] == pytest.approx(1)  # type: ignore[operator]


def test_duplicates_are_sought_among_equal_numbers_of_generated_and_real_images(
    pixels: Tensor, digits: Extractor, real: Reference
) -> None:
    few = reference.load(DataConfig(size=32), digits, ignore, compared=500)
    assert 0 < few.alone["duplicates"] < 0.7 * real.alone["duplicates"], "fewer images have fewer duplicates"  # type: ignore[operator]
    assert reference.load(DataConfig(size=32), digits, ignore, compared=5000).alone == real.alone
    blank = torch.zeros(300, 1, 32, 32, dtype=torch.uint8)
    some = real.real._replace(features=real.features[:200])
    drawn = Draw(torch.cat([pixels[:200], blank]), Features(real.features[:500], torch.empty(500, 0)))
    line = measures.combine([measures.measure(drawn, some, seed=0)], some)
    assert line["duplicates"] < 0.05, "only the first 200 are searched, one per real image; the 300 identical ones come later"


def test_combined_line_has_means_and_spreads_and_is_plain_json(pixels: Tensor, digits: Extractor, real: Reference) -> None:
    draws = [judged(pixels[place : place + 400], digits, real) for place in (0, 400, 800)]
    line = measures.combine(draws, real.real)
    for name in measures.NUMBERS:
        if name in (*measures.MODES, "lpips"):
            assert line[name] is line[f"{name}_spread"] is None, "images have no known modes, and no AlexNet is at hand"
            continue
        values = torch.tensor([float(draw[name]) for draw in draws], dtype=torch.float64)  # type: ignore[arg-type]
        assert line[name] == pytest.approx(float(values.mean()))
        assert line[f"{name}_spread"] == pytest.approx(float(values.std()))
    assert sum(line["class_counts"]) == 1200
    counts = torch.tensor([draw["class_counts"] for draw in draws], dtype=torch.float64)
    assert line["class_counts_spread"] == pytest.approx(counts.std(dim=0).tolist())
    assert line["support"] > 0 and line["support_spread"] is None, "one draw has no duplicates"
    crowded = [judged(pixels[place : place + 40].repeat(10, 1, 1, 1), digits, real) for place in (0, 40)]
    supports = [math.comb(400, 2) / draw["pairs"].pairs for draw in crowded]
    assert measures.combine(crowded, real.real)["support_spread"] == pytest.approx(abs(supports[0] - supports[1]) / 2**0.5)
    brightness = torch.stack([draw["looks"].brightness for draw in draws])
    assert line["looks"]["brightness"]["fake_mean_spread"] == pytest.approx(float(brightness.mean(dim=1).std()))
    assert 0 < line["looks"]["brightness"]["effect_spread"] < 1
    json.dumps(line, allow_nan=False)


def test_unmeasurable_figures_are_none_in_a_line(digits: Extractor, real: Reference) -> None:
    line = line_of(torch.zeros(2, 1, 32, 32, dtype=torch.uint8), digits, real)
    assert line["recall"] is None, "two images have no third neighbour"
    json.dumps(line, allow_nan=False)


def test_lpips_is_measured_if_its_network_is_at_hand(pixels: Tensor, digits: Extractor, real: Reference) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = perceptual.build(alexnet(weights=None).state_dict())
    assert measures.alone(pixels[:100], network, seed=0)[0]["lpips"] == network.diversity(pixels[:100])
    assert measures.alone(pixels[:1].repeat(50, 1, 1, 1), network, seed=0)[0]["lpips"] == 0
    found = measures.measure(Draw(pixels[:50], digits.extract([pixels[:50]])), real.real._replace(lpips=network), seed=0)
    assert found["lpips"] > 0
    known = reference.load(DataConfig(size=32), digits, ignore, network)
    assert known.alone["lpips"] == pytest.approx(network.diversity(pixels), rel=0.2)
    assert real.alone["lpips"] is None, "the reference without LPIPS is kept separately"
