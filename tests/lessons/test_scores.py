"""Every lesson on scores is true: five draws each, in the laboratory of the product."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from gan.lessons.course import LESSONS
from gan.lessons.laboratory import Laboratory
from gan.play.messages import Measure
from gan.playground.lab import Lab

SEEDS = range(5)
STAGES = {name: lesson.stage for name, lesson in LESSONS.items() if isinstance(lesson.stage, Laboratory)}


@pytest.fixture(autouse=True)
def alone(own_folders: object, one_thread: None) -> None:
    """Compute as the worker of live games does."""


@cache
def lab(kind: str) -> Lab:
    return Lab(next(stage for stage in STAGES.values() if stage.lab == kind).setup)


@cache
def _measured(kind: str, settings: tuple[tuple[str, float], ...], seed: int) -> dict[str, float]:
    torch.set_num_threads(1)
    return lab(kind).measure(lab(kind).pictures(seed, **dict(settings)), seed)  # type: ignore[arg-type]


def measured(kind: str = "pictures", seed: int = 0, **settings: float) -> dict[str, float]:
    return _measured(kind, tuple(settings.items()), seed)


@pytest.mark.parametrize("name", list(STAGES))
def test_every_case_keeps_its_claims(name: str) -> None:
    for case in STAGES[name].cases:
        for claim in case.claims:
            values = [measured(STAGES[name].lab, seed, **case.settings)[claim.figure] for seed in SEEDS]
            assert all(claim.holds(value) for value in values), (case.name, claim, values)


@pytest.mark.parametrize("name", list(STAGES))
def test_cases_and_sliders_can_be_asked_for(name: str) -> None:
    stage = STAGES[name]
    assert set(stage.sliders) <= set(Measure.model_fields)
    for case in stage.cases:
        Measure(do="measure", **case.settings)  # type: ignore[arg-type]
        assert set(case.settings) <= set(stage.sliders) and {claim.figure for claim in case.claims} <= set(stage.scores)


@pytest.mark.parametrize("seed", SEEDS)
def test_fid_prefers_repetition_to_contrast_and_copies_to_new_pictures(seed: int) -> None:
    usual, contrast = measured(seed=seed), measured(seed=seed, contrast=1.25)
    repeated, copies = measured(seed=seed, distinct=100), measured(seed=seed, copied=1)
    assert copies["fid"] < usual["fid"] / 10 < repeated["fid"] < contrast["fid"] / 2
    assert contrast["fid"] > 5 * usual["fid"]
    assert repeated["recall"] == 0 and usual["memorised"] < 0.15


@pytest.mark.parametrize("seed", SEEDS)
def test_inception_score_of_fifty_digits_is_that_of_all(seed: int) -> None:
    assert measured(seed=seed, distinct=50)["inception_score"] > 0.96 * measured(seed=seed)["inception_score"]


@pytest.mark.parametrize("seed", SEEDS)
def test_truncation_trades_variety_for_quality_until_vectors_are_too_short(seed: int) -> None:
    long, usual, short, shortest = (measured("truncation", seed, truncation=share) for share in (2, 1, 0.6, 0.25))
    assert 0.1 < usual["precision"] - long["precision"] < 0.22 and 0 < long["recall"] - usual["recall"] < 0.08
    assert short["precision"] < usual["precision"] + 0.06 and 0.08 < usual["recall"] - short["recall"] < 0.2
    assert usual["fid"] < 0.8 * min(long["fid"], short["fid"])
    assert shortest["precision"] < 0.6 * short["precision"] and shortest["recall"] < short["recall"] - 0.2
