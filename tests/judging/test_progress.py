"""Trainings that are too young for verdicts on their images: not trained yet, or on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gan.judging import comparison, doctor
from gan.runs import Status
from tests.helpers import make_run
from tests.judging.test_doctor import REAL, check, curve, logged


def scores_at(step: int, **figures: Any) -> dict[str, Any]:
    """Return the scores of a checkpoint whose images have many faults."""
    poor = {"precision": 0.1, "coverage": 0.1, "duplicates": 0.99, "real_duplicates": 0.01, "classes_missing": [3, 4]}
    return {"step": step, "images_seen": 64 * step, "class_counts": [60] * 8 + [0] * 2, **REAL, **poor, **figures}


_USUAL = {"optimizer.batch_size": 64}  # 28 steps per epoch of digits
_DEFAULT = curve(99, 55, 38, 30, 25, 22, 20, 18)  # every 100 steps

#: Case → (step of the scores, FIDs during training, length, verdicts that must fire, settings of the remedy); no others may.
PROGRESS: dict[str, tuple[int, list[dict[str, Any]], str, set[str], dict[str, Any]]] = {
    "nine steps": (9, [], "9 steps", {"untrained"}, {"training.length": "688 steps"}),
    "four seconds": (300, curve(600, 400, 300), "300 steps", {"untrained"}, {"training.length": "688 steps"}),
    "few epochs": (280, [], "10 epochs", {"untrained"}, {"training.length": "25 epochs"}),
    "few half-lives of a long training": (100, [], "100 epochs", {"untrained"}, {}),
    "falls steeply": (
        800,
        curve(800, 700, 600, 500, 400, 200, 120, 60),
        "800 steps",
        {"untrained"},
        {"training.length": "1600 steps"},
    ),
    "falls steeply before its end": (800, curve(800, 700, 600, 500, 400, 200, 120, 60), "2800 steps", {"untrained"}, {}),
    "half-way": (800, _DEFAULT, "1600 steps", {"on-the-way", "collapse"}, {}),
    "half-way, without scores during training": (800, [], "1600 steps", {"collapse", "imprecise", "missing-classes"}, {}),
    "half-way, but hardly better": (800, curve(*[99, 95] * 4), "1600 steps", {"collapse", "imprecise", "missing-classes"}, {}),
    "half-way, but worse": (
        800,
        curve(99, 20, 18, 18, 18, 18, 30, 40),
        "1600 steps",
        {"collapse", "imprecise", "missing-classes", "past-best"},
        {},
    ),
    "at its end": (800, _DEFAULT, "800 steps", {"collapse", "imprecise", "missing-classes", "still-improving"}, {}),
    "near the FID of real images": (
        800,
        [{**line, "floor_fid": 9.0} for line in curve(300, 200, 120, 60, 30, 20, 18, 16)],
        "800 steps",
        {"collapse", "imprecise", "missing-classes", "still-improving"},
        {},
    ),
}


@pytest.mark.parametrize("case", list(PROGRESS))
def test_training_that_is_too_young_gets_that_verdict_first(case: str, root: Path) -> None:
    step, scored, length, must, changes = PROGRESS[case]
    run = make_run(root, {**_USUAL, "training.length": length})
    found = doctor.diagnose(run, scores_at(step), [], scored)
    check(found, must, set())
    early = [verdict for verdict in found if verdict.name in doctor.EARLY]
    assert early == found[: len(early)] and all(verdict.changes == changes for verdict in early)


def test_default_run_half_way_is_on_the_way(root: Path) -> None:
    run = make_run(root, {**_USUAL, "training.length": "100 epochs"})
    scored = [{**line, "floor_fid": 3.5, "step": 2 * line["step"]} for line in curve(99, 50, 35, 28, 22, 20, 18)]
    (verdict,) = doctor.diagnose(run, scores_at(1400, duplicates=0.02, precision=0.8), [], scored)
    assert (verdict.title, verdict.kind) == ("On the way", "advice")
    assert verdict.sentence == "On the way: FID 18 from 99; real images 3.5, at step 1,400 of 2,800."
    assert comparison.summarise(scores_at(1400), [verdict]) == "", "the absence of faults means nothing yet"


def test_copies_are_found_on_the_way_too(root: Path) -> None:
    run = make_run(root, {**_USUAL, "training.length": "1600 steps"})
    line = scores_at(800, memorised=0.9, memorised_sources=100.0, memorised_likeness=0.9)
    check(doctor.diagnose(run, line, [], _DEFAULT), {"on-the-way", "collapse", "memorisation"}, set())


def test_best_checkpoint_of_a_finished_run_is_not_on_the_way(root: Path) -> None:
    run = make_run(root, {**_USUAL, "training.length": "1600 steps"})
    best = scores_at(800, checkpoint="best")
    assert "on-the-way" in {verdict.name for verdict in doctor.diagnose(run, best, [], _DEFAULT)}
    run.write_status(Status(state="finished", step=1600))
    assert "on-the-way" not in {verdict.name for verdict in doctor.diagnose(run, best, [], _DEFAULT)}


def test_untrained_images_are_no_evidence_against_the_discriminator(root: Path) -> None:
    run = make_run(root, {**_USUAL, "training.length": "300 steps"})
    even = [{**line, "step": line["step"] // 10} for line in logged(0.51, 0.49)]
    check(doctor.diagnose(run, scores_at(300), even), {"untrained"}, set())
    sure = [{**line, "step": line["step"] // 10} for line in logged(0.99, 0.01)]
    found = doctor.diagnose(run, scores_at(300), sure)
    check(found, {"untrained", "discriminator-too-strong"}, set())
    assert found[0].changes, "its remedy is its own"


def test_both_verdicts_have_cases() -> None:
    assert set().union(*(must for *_, must, _ in PROGRESS.values())) >= set(doctor.EARLY)
