"""The laboratory measures what the product's scores measure, on the pictures that it says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from gan.data import loaders
from gan.lessons.laboratory import FEATURES
from gan.play import messages, wire
from gan.play import setup as setups
from gan.playground.lab import Lab
from gan.runs import examples
from gan.scoring import measures
from gan.scoring.extractors import classifier
from gan.scoring.metrics.inception_score import inception_score
from gan.storage.jobs import say_nothing
from tests.helpers import is_sentence


@pytest.fixture(scope="module")
def lab(own_folders: object) -> Lab:
    return Lab(setups.parse({"data": "digits", "lab": "pictures"}))


def ask(lab: Lab, **options: Any) -> tuple[dict[str, Any], np.ndarray]:
    message = messages.read(messages.Measure(do="measure", **options).model_dump_json())
    (payload,) = lab.obey(message.model_dump(mode="json"))
    head, arrays = wire.unpack(payload)
    _, shape, content = arrays["images"]
    return head, np.frombuffer(content, np.uint8).reshape(shape)


def pictures(values: torch.Tensor) -> set[bytes]:
    return {one.numpy().tobytes() for one in values}


def test_halves_are_the_digits_each_once(lab: Lab) -> None:
    digits = loaders.load(setups.base("digits").data).pixels
    shown, copies = lab.pictures(seed=5), lab.pictures(seed=5, copied=1)
    assert len(shown) == len(copies) == 898 and len(digits) == 1797
    assert pictures(shown) < pictures(digits) and not pictures(shown) & pictures(copies)
    assert pictures(shown) != pictures(lab.pictures(seed=6))


def test_scores_are_those_of_the_product(lab: Lab) -> None:
    changed, real = lab.pictures(seed=2, blur=1.5, copied=0.2), lab.pictures(seed=2, copied=1)
    extractor = classifier.load("digits", torch.device("cpu"), say_nothing)
    seen, known = (extractor.extract(pixels.split(100)) for pixels in (changed, real))
    expected = measures.distances(known.features, seen.features, seed=0)
    found = lab.measure(changed, seed=2)
    assert found["fid"] == pytest.approx(expected["fid"], rel=0.02)  # of 898 real images instead of 899
    assert found["inception_score"] == pytest.approx(inception_score(seen.logits)[0])
    for name in ("precision", "recall", "density", "coverage"):
        assert found[name] == pytest.approx(expected[name], abs=0.02)
    assert extractor.label == FEATURES


def test_floor_holds_the_digits_with_nothing_wrong(lab: Lab) -> None:
    head, _ = wire.unpack(lab.opened(is_continued=False))
    assert head["fid_label"] == f"FID · {FEATURES}"
    scores = ask(lab, seed=7)[0]["scores"]
    for name, (low, mean, high) in head["floor"].items():
        assert low <= mean <= high
        assert abs(scores[name] - mean) <= 3 * (high - low) + 1e-9, name


def test_answers_show_what_was_measured(lab: Lab) -> None:
    head, images = ask(lab, ticket=8, distinct=1)
    assert (head["kind"], head["ticket"], images.shape) == ("measured", 8, (36, 32, 32, 1))
    assert (images == images[0]).all() and head["scores"]["inception_score"] == 1
    assert lab.obey({"do": "pause"}) == [] and lab.wait(0.0) is None


def test_every_extreme_is_measured(lab: Lab) -> None:
    for name, field in messages.Measure.model_fields.items():
        for bound in field.metadata if name not in ("do", "ticket") else ():
            value = getattr(bound, "ge", getattr(bound, "le", None))
            head, _ = ask(lab, **{name: value})
            assert all(value is None or math.isfinite(value) for value in head["scores"].values()), (name, value)


def test_truncation_scales_the_latent_vectors_of_the_example(own_folders: object) -> None:
    lab = Lab(setups.parse({"data": "digits", "lab": "truncation"}))
    spreads = [float(lab.pictures(truncation=share).float().std(dim=0).mean()) for share in (1, 0.3, 0)]
    assert spreads[0] > spreads[1] > spreads[2] == 0
    assert ask(lab, truncation=0.5)[1].shape == (36, 16, 16, 1)


def test_missing_example_gets_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(examples, "FOLDER", tmp_path)
    with pytest.raises(setups.InputError) as caught:
        Lab(setups.parse({"data": "digits", "lab": "truncation"}))
    assert is_sentence(str(caught.value))
