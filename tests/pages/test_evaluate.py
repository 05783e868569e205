"""Evaluate: verdicts and reasons, on lines of every kind: new ones, old ones, and damaged ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gan.runs import Run
from gan.scoring import doctor
from pages.parts import charts, evidence
from tests.pages.test_pages import Visit, assert_sound

COLLAPSED = {
    "duplicates": 0.998, "real_duplicates": 0.015, "support": 36, "precision": 0.93, "floor_precision": 0.91, "recall": 0.001,
    "floor_recall": 0.9, "coverage": 0.2, "floor_coverage": 0.97, "ms_ssim": 0.45, "real_ms_ssim": 0.34,
    "class_counts": [60] * 9 + [0], "real_class_counts": [18] * 10, "classes_missing": [9], "classes_covered": 9.0,
}  # fmt: skip
SOUND = {
    **COLLAPSED, "duplicates": 0.02, "support": 9000, "recall": 0.85, "coverage": 0.95, "ms_ssim": 0.35, "classes_missing": [],
    "class_counts": [60] * 10, "classes_covered": 10.0, "looks": {},
}  # fmt: skip
DAMAGED: dict[str, Any] = dict.fromkeys(COLLAPSED, "x") | {"looks": [1], "classes_missing": {"a": 1}}


def rescored(run: Run, changes: dict[str, Any]) -> None:
    """Let the newest line of a run's scores say something else."""
    (line,) = [json.loads(text) for text in run.scores_path.read_text().splitlines()]
    run.scores_path.write_text(json.dumps({**line, **changes}) + "\n")


def everything(test: Any) -> str:
    return " ".join(element.value for kind in ("markdown", "caption") for element in test.get(kind))


def test_reasons_are_told_in_words() -> None:
    told = " ".join(evidence.reasons(COLLAPSED))
    assert "99.8 % of the images are near duplicates" in told and "about 36 different images" in told
    assert "much of the data is never drawn" in told and "missing, or nearly so: 9" in told
    assert evidence.reasons(SOUND) == ["Nothing stands out: these figures are near those of the real images."]
    assert "score again" in evidence.reasons({"fid": 3.0})[0]


@pytest.mark.parametrize("line", [{}, DAMAGED, dict.fromkeys(COLLAPSED)], ids=["old", "damaged", "null"])
def test_line_without_measures_gives_no_pictures_and_no_verdicts(line: dict[str, Any]) -> None:
    assert evidence.classes(line) is None and evidence.looks(line) == []
    assert doctor.examine(line) == []


def test_missing_classes_and_floor_are_in_the_pictures() -> None:
    found = evidence.classes(COLLAPSED)
    assert found is not None and found.missing == (9,)
    assert sum(found.fake) == pytest.approx(1) == sum(found.real)
    figure = charts.neighbours((("a", 0.93, 0.001),), (0.91, 0.9))
    drawn = {(x, y) for trace in figure.data for x, y in zip(trace.x or (), trace.y or (), strict=False)}
    assert any({0.93, 0.001} == set(point) for point in drawn) and any({0.91, 0.9} == set(point) for point in drawn)


def test_collapse_is_shown_as_a_badge_and_explained(visit: Visit, shown: Run) -> None:
    rescored(shown, {**COLLAPSED, "looks": {}})
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert "Mode collapse" in everything(test)
    assert "Missing classes" in everything(test)
    assert "no fault found" not in everything(test)


@pytest.mark.parametrize("changes", [SOUND, DAMAGED, dict.fromkeys(COLLAPSED)], ids=["sound", "damaged", "null"])
def test_run_without_a_fault_gets_a_clean_bill(changes: dict[str, Any], visit: Visit, shown: Run) -> None:
    rescored(shown, {"looks": {}, **changes})
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert "no fault found" in everything(test)
