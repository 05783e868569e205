"""Evaluate: verdicts and reasons, on lines of every kind: new ones, old ones, and damaged ones."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from gan.runs import Run
from gan.scoring import doctor
from gan.scoring.glossary import SCORES
from pages.parts import charts, evidence, results
from tests.helpers import make_run
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
FEW = ("fid", "inception_score")  # what versions before 202bbe0 measured
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
    assert {"Mode collapse", "Missing classes"} <= set(verdicts(test)) and "no fault found" not in verdicts(test)


@pytest.mark.parametrize(
    ("changes", "badge"),
    [(SOUND, "no fault found"), (DAMAGED, "not examined"), (dict.fromkeys(COLLAPSED), "not examined")],
    ids=["sound", "damaged", "null"],
)
def test_only_what_was_measured_gets_a_clean_bill(changes: dict[str, Any], badge: str, visit: Visit, shown: Run) -> None:
    rescored(shown, {"looks": {}, **changes})
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert verdicts(test) == [badge]


LOOK = {"real_mean": 100.0, "fake_mean": 120.0, "effect": 0.5, "real_counts": [0, 3, 1, 0], "fake_counts": [0, 1, 1, 0],
        "highest": 255.0}  # fmt: skip


def verdicts(test: Any) -> list[str]:
    """Return the badges of all rows of the table."""
    (table,) = test.dataframe
    return [title for titles in table.value["Verdicts"] for title in titles]


def older(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of scores as versions before 202bbe0 wrote it: FID and IS, and nothing that explains them."""
    keys = {key for one in SCORES.values() if one.key not in FEW for key in (one.key, one.floor)}
    keys |= {"class_kl", "support", "class_counts", "classes_missing", "looks", "real_class_counts"}
    return {key: value for key, value in line.items() if key.removesuffix("_spread") not in keys}


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        (LOOK, "Brighter than the real ones by 0.5 standard deviations."),
        (LOOK | {"fake_mean": 80.0, "effect": -1.25}, "Darker than the real ones by 1.2 standard deviations."),
        (LOOK | {"effect": None}, "Brighter than the real ones: 120 on average instead of 100."),
    ],
    ids=["more", "less", "nothing varies"],
)
def test_looks_are_told_in_words(look: dict[str, Any], sentence: str) -> None:
    assert sentence in evidence.reasons({**SOUND, "looks": {"brightness": look}})


def test_looks_that_are_hardly_different_or_always_zero_are_not_told() -> None:
    flat = LOOK | {"real_mean": 0.0, "fake_mean": 0.0, "effect": 0.0}
    line = {**SOUND, "looks": {"brightness": LOOK | {"effect": 0.1}, "saturation": flat}}
    assert evidence.reasons(line) == evidence.reasons(SOUND)
    (found,) = evidence.looks(line)  # grey images have no saturation to look at
    assert found.name == "brightness" and found.real == (0.0, 0.75, 0.25, 0.0) and found.fake == (0.0, 0.5, 0.5, 0.0)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.5, "50 %"), (0.998, "99.8 %"), (0.99996, "more than 99.99 %"), (0.00001, "less than 0.01 %")],
)
def test_per_cent_never_claims_all_or_nothing(share: float, text: str) -> None:
    assert evidence.percent(share) == text


def test_classes_have_the_names_of_the_data_set_or_numbers() -> None:
    line = {**COLLAPSED, "data": "cifar10"}
    found = evidence.classes(line)
    assert found and found.names[9] == "truck"
    assert "missing, or nearly so: truck." in " ".join(evidence.reasons(line))
    gone = evidence.classes({**COLLAPSED, "data": "gone"})
    assert gone and gone.names == tuple("0123456789")


def test_more_classes_than_can_be_told_apart_are_counted_and_not_drawn() -> None:
    line = {"class_counts": [1] * 500 + [0] * 500, "real_class_counts": [1] * 1000, "classes_missing": list(range(500, 1000)),
            "classes_covered": 500.0}  # fmt: skip
    assert evidence.classes(line) is None
    assert any(sentence.startswith("Only 500 of 1,000 classes") for sentence in evidence.reasons(line))


def test_names_of_runs_and_classes_are_never_tags() -> None:
    figure = charts.neighbours((("<b>a</b>", 0.5, 0.5),), None)
    assert "<b>" not in figure.data[0].name and "<b>" not in figure.data[0].hovertemplate
    figure = charts.shares_of_classes(("<i>x</i>", "y"), (0.0, 1.0), (0.5, 0.5), (0,))
    assert [list(trace.x) for trace in figure.data] == [["&lt;i&gt;x&lt;/i&gt;", "y"]] * 2 + [["&lt;i&gt;x&lt;/i&gt;"]]


def test_steps_keep_the_last_bin() -> None:
    real, fake = charts.look("contrast", (0.0, 0.0, 0.0, 1.0), (0.0, 0.5, 0.5, 0.0), 100.0).data
    assert list(real.x) == [0.0, 25.0, 50.0, 75.0, 100.0] and list(real.y) == [0.0, 0.5, 0.5, 0.0, 0.0]
    assert list(fake.y) == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_table_of_new_and_old_lines(shown: Run) -> None:
    (line,) = shown.scores()
    other = make_run(shown.root)
    other.scores_path.write_text(json.dumps(older(line)) + "\n")
    found = results.table([shown, other], line["extractor_id"]).set_index("run")
    assert found["precision"][shown.id] == line["precision"] and found["precision"][""] == line["floor_precision"]
    assert found["duplicates"][""] == line["real_duplicates"] and found["classes_covered"][""] == found["expected"][shown.id] == 10
    assert found["fid"][other.id] == line["fid"] and found["group"][other.id] == found["group"][shown.id]
    assert all(math.isnan(found[name][other.id]) for name in SCORES if name not in FEW)


@pytest.mark.parametrize("kind", ["new", "old", "null", "no logits"])
def test_page_opens_why_with_lines_of_every_kind(kind: str, visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    nothing = {key: None for key in line if key not in older(line)}
    logits = {"inception_score": None, "inception_score_spread": None, "real_inception_score": None, "extractor": "random VGG"}
    changed = {"new": line, "old": older(line), "null": line | nothing, "no logits": line | logits}[kind]
    shown.scores_path.write_text(json.dumps(changed) + "\n")
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    (table,) = test.dataframe
    columns = list(table.value.columns)
    assert columns[:4] == ["Run", "Samples", "Verdicts", "Best in"]
    assert ({"Precision", "Recall", "Coverage", "Duplicates", "KID", "MS-SSIM"} <= set(columns)) == (kind in ("new", "no logits"))
    assert ("IS" in columns) == (kind != "no logits")  # columns without any figure are left out
    assert "Look closer at" not in [box.label for box in test.selectbox]  # nothing is built before it is asked for
    test.session_state["why"] = True
    test.run()
    assert_sound(test)
    assert "Look closer at" in [box.label for box in test.selectbox]
    assert ("score again" in everything(test)) == (kind in ("old", "null"))


def test_inception_with_few_images_puts_kid_first(visit: Visit, shown: Run) -> None:
    rescored(shown, {"extractor": "Inception 2015", "extractor_id": "inception-2015-x"})
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    (table,) = test.dataframe
    columns = list(table.value.columns)
    assert columns.index("KID") < columns.index("FID")
    assert len(test.get("plotly_chart")) == 3


def test_settings_that_are_called_like_a_score_stay_apart(visit: Visit, shown: Run) -> None:
    other = make_run(shown.root, {"training.precision": "bf16", "data.classes": ["1", "7"]})
    other.scores_path.write_text(shown.scores_path.read_text())
    test = visit("evaluate", runs=f"{shown.id},{other.id}")
    assert_sound(test)
    (table,) = test.dataframe
    assert {"Precision", "Precision (setting)", "Classes", "Classes (setting)"} <= set(table.value.columns)


def test_nothing_is_told_twice() -> None:
    looks = {"brightness": LOOK | {"effect": 3.0}}
    line = {**COLLAPSED, "precision": 0.2, "looks": looks}
    verdicts = doctor.examine(line)
    assert {"collapse", "missing-classes", "imprecise", "bright"} <= {verdict.name for verdict in verdicts}
    told = evidence.reasons(line, [verdict.name for verdict in verdicts])
    assert len(told) == 2 and "MS-SSIM" in told[0] and "never drawn" in told[1]
