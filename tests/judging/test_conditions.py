"""Conditions of guests: what is said, and what keeps scores from being ranked together."""

from __future__ import annotations

from typing import Any

import pytest

from gan.judging import comparison, conditions, lines
from tests.helpers import is_sentence

CONDITIONS: dict[str, Any] = {
    "pictures": 5000, "skipped": 0, "skipped_because": "", "width": 32, "height": 32, "sizes": 1, "resized": 0.0, "repeated": 0.0,
    "coloured": 0.0, "channels": 1, "jpeg": 0.0, "sheet": "", "low": 0.3, "high": 0.01, "traces": 0.02, "real_low": 0.3,
    "real_high": 0.01,
}  # fmt: skip
LINE: dict[str, Any] = {
    "source": "checkpoint", "checkpoint": "last", "step": 5, "epoch": 1.0, "images_seen": None, "data": "digits", "size": 32,
    "extractor": "digits CNN", "extractor_id": "digits-1", "images": 2000, "real_images": 1797, "weights": "raw", "draws": 2,
    "fid": 20.0, "fid_spread": 1.0, "floor_fid": 4.0, "real_digest": "abc", "inception_score": 9.0, "inception_score_spread": 0.1,
    "features": 64,
}  # fmt: skip


def guest(**changes: Any) -> dict[str, Any]:
    found = {**CONDITIONS, **changes}
    return {**LINE, "step": None, "epoch": None, "conditions": found, "altered": conditions.altered(found, 32)}


def test_a_guest_is_ranked_with_runs_if_nothing_was_changed() -> None:
    assert lines.is_comparable(LINE, guest()) and lines.is_comparable(guest(), LINE)
    assert conditions.tell(LINE) == [] and not conditions.is_guest(LINE) and conditions.is_guest(guest())
    assert lines.is_whole(guest()) and not lines.is_whole({**LINE, "step": None}), "only guests may lack a step"
    assert "step" not in lines.describe(guest()) and "step 5" in lines.describe(LINE)


@pytest.mark.parametrize("changes", [{"resized": 1.0, "width": 28, "height": 28}, {"coloured": 0.5}, {"resized": 0.1, "sizes": 9}])
def test_altered_pictures_are_ranked_only_with_those_altered_alike(changes: dict[str, Any]) -> None:
    altered = guest(**changes)
    assert altered["altered"] and not lines.is_comparable(LINE, altered) and not lines.is_comparable(guest(), altered)
    assert lines.is_comparable(altered, guest(**changes))
    assert [len(group) for group in comparison.groups([LINE, altered, guest()], lambda line: line)] == [2, 1]
    assert altered["altered"] in lines.made_from(altered)
    assert any("not ranked" in sentence for sentence in conditions.warnings(altered))


def test_averaged_and_raw_weights_stay_apart() -> None:
    assert not lines.is_comparable({**LINE, "weights": "EMA"}, guest())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "5,000 pictures of 32 × 32 pixels, grey."),
        ({}, "Raw weights, as declared: ranked only with runs without averaged weights"),
        ({"resized": 1.0, "width": 20, "height": 20}, "train their generator on images of 32 × 32 pixels."),
        (
            {"resized": 1.0, "width": 28, "height": 28},
            "import them at 28 × 28 pixels, and train the runs at that size (data.size 28).",
        ),
        ({"resized": 1.0, "width": 28, "height": 28}, "resized from 28 × 28 to 32 × 32 pixels, bilinear: not ranked"),
        ({"resized": 1.0, "width": 64, "height": 64}, "bilinear with antialiasing"),
        ({"resized": 0.5, "sizes": 3}, "3 sizes, mostly 32 × 32,"),
        ({"jpeg": 1.0}, "All pictures came from JPEG files"),
        ({"jpeg": 0.5}, "50 % of the pictures came from JPEG files"),
        ({"traces": 0.4}, "traces of JPEG (blocks of 8 × 8 pixels)"),
        ({"high": 0.2}, "20 % are 255 (real images: 30 % and 1.0 %): more than usual"),
        ({"coloured": 1.0}, "All pictures had colour, which was removed"),
        ({"channels": 3}, "The pictures are grey, and the real images have three channels"),
        ({"sheet": "8 rows × 8 columns, along its gaps"}, "Cut out of a contact sheet: 8 rows × 8 columns, along its gaps."),
        ({"repeated": 1.0}, "undone without loss"),
        ({"skipped": 3, "skipped_because": "damaged or cut off"}, "3 files skipped, most often because: damaged or cut off."),
        ({"low": None, "traces": None}, "5,000 pictures"),
    ],
)
def test_every_condition_is_said(changes: dict[str, Any], said: str) -> None:
    told = conditions.tell(guest(**changes))
    assert any(said in sentence for sentence in told), told
    assert all(map(is_sentence, told)), told


def test_averaged_weights_of_a_guest_are_said() -> None:
    assert any(
        "EMA weights, as declared: ranked only with runs with averaged" in one
        for one in conditions.tell({**guest(), "weights": "EMA"})
    )


def test_damaged_conditions_say_little_and_do_not_fail() -> None:
    for found in ({}, {"pictures": "many"}, {"width": None, "resized": "x", "jpeg": [], "sheet": None}, [], "x"):
        told = conditions.tell({**LINE, "conditions": found})
        assert all(map(is_sentence, told))


def test_fewer_images_than_usual_are_said_with_the_command_for_runs() -> None:
    line = {**guest(), "images": 400}
    assert any("score RUN --images 400" in sentence for sentence in conditions.tell(line))
