"""Evaluate page: scores, verdicts and their reasons, for new, old and damaged lines of scores."""

from __future__ import annotations

import base64
import io
import json
import math
import re
import shutil
import time
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from streamlit import dataframe_util

from gan import config as configs
from gan import runs, words
from gan.execution import queue
from gan.judging import comparison, doctor
from gan.judging.glossary import SCORES
from gan.runs import Run
from gan.storage.lines import LineWriter
from gan.words import figure
from pages.parts import charts
from pages.parts.evaluation import board, columns, listing, plots, reasons
from pages.parts.evaluation import table as scores_table
from pages.parts.evaluation import texts as table_texts
from tests.helpers import make_run, run_gan
from tests.pages.test_pages import Visit, assert_sound

COLLAPSED = {
    "images_seen": 100_000,
    "checkerboard": 1.0,
    "real_checkerboard": 1.0,
    "duplicates": 0.998,
    "real_duplicates": 0.015,
    "support": 36,
    "precision": 0.93,
    "floor_precision": 0.91,
    "recall": 0.001,
    "floor_recall": 0.9,
    "coverage": 0.2,
    "floor_coverage": 0.97,
    "ms_ssim": 0.45,
    "real_ms_ssim": 0.34,
    "class_counts": [60] * 9 + [0],
    "real_class_counts": [18] * 10,
    "classes_missing": [9],
    "classes_covered": 9.0,
}
SOUND = {
    **COLLAPSED,
    "duplicates": 0.02,
    "support": 9000,
    "recall": 0.85,
    "coverage": 0.95,
    "ms_ssim": 0.35,
    "classes_missing": [],
    "class_counts": [60] * 10,
    "classes_covered": 10.0,
    "looks": {},
}
COPIED = {"memorised": 0.9, "memorised_ratio": 0.1, "memorised_sources": 200, "memorised_likeness": 0.95}
FEW = ("fid", "inception_score")  # the scores that versions before 202bbe0 measured
DAMAGED: dict[str, Any] = dict.fromkeys(COLLAPSED, "x") | {"looks": [1], "classes_missing": {"a": 1}}


def rescored(run: Run, changes: dict[str, Any]) -> None:
    """Change values in the only line of a run's scores."""
    (line,) = [json.loads(text) for text in run.scores_path.read_text().splitlines()]
    run.scores_path.write_text(json.dumps({**line, **changes}) + "\n")


ALL = {"columns": "all"}  # the preset "all" of columns


def everything(test: Any) -> str:
    return " ".join(element.value for kind in ("markdown", "caption") for element in test.get(kind))


def test_reasons_are_given_in_words() -> None:
    told = " ".join(reasons.reasons(COLLAPSED))
    assert "99.8 % of the images are near duplicates" in told and "about 36 different images" in told
    assert "much of the data is never drawn" in told and "missing or almost missing: 9" in told
    assert reasons.reasons(SOUND) == ["Nothing stands out: all figures are close to the real images."]
    assert "score again" in reasons.reasons({"fid": 3.0})[0]


@pytest.mark.parametrize("line", [{}, DAMAGED, dict.fromkeys(COLLAPSED)], ids=["old", "damaged", "null"])
def test_line_without_measures_gives_no_plots_and_no_verdicts(line: dict[str, Any]) -> None:
    assert comparison.classes(line) is None and comparison.looks(line) == []
    assert doctor.examine(line) == []


def test_missing_classes_and_floor_are_in_the_plots() -> None:
    found = comparison.classes(COLLAPSED)
    assert found is not None and found.missing == (9,)
    assert sum(found.fake) == pytest.approx(1) == sum(found.real) and found.spread == ()
    spread = comparison.classes({**COLLAPSED, "draws": 3, "class_counts_spread": [1.8] * 10})
    assert spread is not None and spread.spread == pytest.approx([0.01] * 10), "as a share of one draw, 180 images here"
    figure = charts.neighbours((("a", 0.93, 0.001, 0.01, 0.001),), (0.91, 0.9))
    drawn = {(x, y) for trace in figure.data for x, y in zip(trace.x or (), trace.y or (), strict=False)}
    assert any({0.93, 0.001} == set(point) for point in drawn) and any({0.91, 0.9} == set(point) for point in drawn)


def test_collapse_is_shown_as_a_badge_and_explained(visit: Visit, shown: Run) -> None:
    rescored(shown, {**COLLAPSED, "looks": {}})
    test = visit("evaluate", ALL, runs=shown.id)
    assert_sound(test)
    assert {"Mode collapse", "Missing classes"} <= set(verdicts(test)) and "no fault found" not in verdicts(test)


def test_classifier_that_was_passed_over_is_named(visit: Visit, shown: Run) -> None:
    rescored(shown, {"extractor_note": "The Noise CNN was passed over."})
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert "The Noise CNN was passed over." in everything(test)


def test_young_run_gets_a_blue_badge_and_is_neither_blamed_nor_praised(visit: Visit, shown: Run) -> None:
    rescored(shown, {**COLLAPSED, "images_seen": 384, "looks": {}})
    test = visit("evaluate", ALL, runs=shown.id)
    assert verdicts(test) == ["Not trained yet"] and board.COLOURS["advice"] == "blue"
    test.session_state["why"] = True
    test.run()
    assert_sound(test)
    assert "The training has seen only 384 real images" in everything(test)
    assert not any(told in everything(test) for told in ("near duplicates of another", "much of the data", "Nothing stands out"))
    (button,) = [button for button in test.button if button.key == "fork/untrained"]
    assert "Train for 12 steps → 1375 steps" in button.help


@pytest.mark.parametrize(
    ("changes", "badge"),
    [(SOUND, "no fault found"), (DAMAGED, "not examined"), (dict.fromkeys(COLLAPSED), "not examined")],
    ids=["sound", "damaged", "null"],
)
def test_no_fault_found_needs_measurements(changes: dict[str, Any], badge: str, visit: Visit, shown: Run) -> None:
    rescored(shown, {"looks": {}, **changes})
    test = visit("evaluate", ALL, runs=shown.id)
    assert_sound(test)
    assert verdicts(test) == [badge]


LOOK = {
    "real_mean": 100.0,
    "fake_mean": 120.0,
    "effect": 0.5,
    "real_counts": [0, 3, 1, 0],
    "fake_counts": [0, 1, 1, 0],
    "highest": 255.0,
}


def verdicts(test: Any) -> list[str]:
    """Return the verdict badges of all rows of the table with all columns."""
    (table,) = test.dataframe
    return [title for titles in table.value["Verdicts"] for title in titles]


def older(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of scores as versions before 202bbe0 wrote it: FID and IS without the explaining measures."""
    keys = {key for one in SCORES.values() if one.key not in FEW for key in (one.key, one.floor)}
    keys |= {"class_kl", "class_counts", "classes_missing", "looks", "real_class_counts"}
    return {key: value for key, value in line.items() if key.removesuffix("_spread") not in keys}


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        (LOOK, "Brighter than the real images by 0.5 standard deviations."),
        (LOOK | {"fake_mean": 80.0, "effect": -1.25}, "Darker than the real images by 1.2 standard deviations."),
        (LOOK | {"effect": None}, "Brighter than the real images: 120 on average instead of 100."),
    ],
    ids=["more", "less", "nothing varies"],
)
def test_looks_are_described_in_words(look: dict[str, Any], sentence: str) -> None:
    assert sentence in reasons.reasons({**SOUND, "looks": {"brightness": look}})


def test_looks_that_hardly_differ_or_are_always_zero_are_not_mentioned() -> None:
    flat = LOOK | {"real_mean": 0.0, "fake_mean": 0.0, "effect": 0.0}
    line = {**SOUND, "looks": {"brightness": LOOK | {"effect": 0.1}, "saturation": flat}}
    assert reasons.reasons(line) == reasons.reasons(SOUND)
    (found,) = comparison.looks(line)  # grey images have no saturation
    assert found.means == "generated 120, real 100; d = 0.1"
    assert found.name == "brightness" and found.real == (0.0, 0.75, 0.25, 0.0) and found.fake == (0.0, 0.5, 0.5, 0.0)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.5, "50 %"), (0.998, "99.8 %"), (0.99996, "more than 99.99 %"), (0.00001, "less than 0.01 %")],
)
def test_per_cent_never_claims_all_or_nothing(share: float, text: str) -> None:
    assert words.percent(share) == text


def test_classes_are_named_by_the_data_set_or_numbered() -> None:
    line = {**COLLAPSED, "data": "cifar10"}
    found = comparison.classes(line)
    assert found and found.names[9] == "truck"
    assert "missing or almost missing: truck." in " ".join(reasons.reasons(line))
    gone = comparison.classes({**COLLAPSED, "data": "gone"})
    assert gone and gone.names == tuple("0123456789")


def test_too_many_classes_to_tell_apart_are_counted_but_not_drawn() -> None:
    line = {
        "class_counts": [1] * 500 + [0] * 500,
        "real_class_counts": [1] * 1000,
        "classes_missing": list(range(500, 1000)),
        "classes_covered": 500.0,
    }
    assert comparison.classes(line) is None
    assert any(sentence.startswith("Only 500 of 1,000 classes") for sentence in reasons.reasons(line))


def test_classes_that_may_be_missing_by_chance_are_not_reported() -> None:
    line = {**SOUND, "classes_covered": 8.0, "class_counts": [2] * 8 + [0] * 2}
    assert reasons.reasons(line) == reasons.reasons(SOUND)


def test_names_of_runs_and_classes_are_escaped() -> None:
    figure = charts.neighbours((("<b>a</b>", 0.5, 0.5, 0.1, 0.1),), None)
    assert "<b>" not in figure.data[0].name and "<b>" not in figure.data[0].hovertemplate
    figure = charts.shares_of_classes(("<i>x</i>", "y"), (0.0, 1.0), (0.5, 0.5), (0,), (0.0, 0.01))
    assert [list(trace.x) for trace in figure.data] == [["&lt;i&gt;x&lt;/i&gt;", "y"]] * 2 + [["&lt;i&gt;x&lt;/i&gt;"]]


def test_steps_keep_the_last_bin() -> None:
    real, fake = charts.look("contrast", (0.0, 0.0, 0.0, 1.0), (0.0, 0.5, 0.5, 0.0), 100.0, "").data
    assert list(real.x) == [0.0, 25.0, 50.0, 75.0, 100.0] and list(real.y) == [0.0, 0.5, 0.5, 0.0, 0.0]
    assert list(fake.y) == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_table_of_new_and_old_lines(shown: Run) -> None:
    (line,) = shown.scores()
    other = make_run(shown.root)
    other.scores_path.write_text(json.dumps(older(line)) + "\n")
    found = scores_table.table([shown, other], line["extractor_id"]).set_index("run")
    assert found["precision"][shown.id] == line["precision"] and found["precision"][""] == line["floor_precision"]
    assert found["duplicates"][""] == line["real_duplicates"] and found["classes_covered"][""] == found["expected"][shown.id] == 10
    assert found["fid"][other.id] == line["fid"] and found["group"][other.id] == found["group"][shown.id]
    assert all(math.isnan(found[name][other.id]) for name in SCORES if name not in FEW)


@pytest.mark.parametrize("kind", ["new", "old", "null", "no logits"])
def test_page_explains_lines_of_every_kind(kind: str, visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    nothing = {key: None for key in line if key not in older(line)}
    logits = {"inception_score": None, "inception_score_spread": None, "real_inception_score": None, "extractor": "random VGG"}
    changed = {"new": line, "old": older(line), "null": line | nothing, "no logits": line | logits}[kind]
    shown.scores_path.write_text(json.dumps(changed) + "\n")
    test = visit("evaluate", ALL, runs=shown.id)
    assert_sound(test)
    (table,) = test.dataframe
    columns = list(table.value.columns)
    assert columns[:2] == ["Run", "Samples"] and {"Verdicts", "Best in"} <= set(columns)
    assert ({"Precision", "Recall", "Coverage", "Duplicates", "KID", "MS-SSIM"} <= set(columns)) == (kind in ("new", "no logits"))
    assert ("IS" in columns) == (kind != "no logits")  # columns without any value are left out
    assert "Run to explain" not in [box.label for box in test.selectbox]  # built only when opened
    test.session_state["why"] = True
    test.run()
    assert_sound(test)
    assert "Run to explain" in [box.label for box in test.selectbox]
    assert ("score again" in everything(test)) == (kind in ("old", "null"))


def test_inception_with_few_images_puts_kid_first(visit: Visit, shown: Run) -> None:
    rescored(shown, {"extractor": "Inception 2015", "extractor_id": "inception-2015-x"})
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    (table,) = test.dataframe
    columns = list(table.value.columns)
    assert columns.index("KID") < columns.index("FID")
    assert len(test.get("plotly_chart")) == 3


def test_settings_named_like_a_score_get_separate_columns(visit: Visit, shown: Run) -> None:
    other = make_run(shown.root, {"training.precision": "bf16", "data.classes": ["1", "7"]})
    other.scores_path.write_text(shown.scores_path.read_text())
    test = visit("evaluate", ALL, runs=f"{shown.id},{other.id}")
    assert_sound(test)
    (table,) = test.dataframe
    assert {"Precision", "Precision (setting)", "Classes", "Classes (setting)"} <= set(table.value.columns)


@pytest.mark.parametrize("many", [False, True])
def test_scores_stay_in_view_beside_many_settings(many: bool, shown: Run) -> None:
    (line,) = shown.scores()
    other = remade(shown, 3, fid=10.0)
    config = json.loads(other.config_path.read_text())
    config["optimizer"] |= {"batch_size": 8, "beta1": 0.1, "generator_lr": 0.1, "discriminator_lr": 0.2} if many else {"beta1": 0.1}
    config["training"]["length"] = "13 steps"
    other.config_path.write_text(json.dumps(config))
    paper = selection_of([shown, other], line["extractor_id"]).paper
    assert (paper.index("fid") < paper.index("Momentum β₁")) == many, paper


def test_reasons_do_not_repeat_the_verdicts() -> None:
    looks = {"brightness": LOOK | {"effect": 3.0}}
    line = {**COLLAPSED, "precision": 0.2, "looks": looks}
    verdicts = doctor.examine(line)
    assert {"collapse", "missing-classes", "imprecise", "bright"} <= {verdict.name for verdict in verdicts}
    told = reasons.reasons(line, [verdict.name for verdict in verdicts])
    assert len(told) == 2 and "MS-SSIM" in told[0] and "never drawn" in told[1]


def remade(run: Run, seed: int, **changes: Any) -> Run:
    """Return another scored run that differs only in its seed, with ``changes`` to its line of scores."""
    other = make_run(run.root, {"training.seed": seed})
    (line,) = run.scores()
    other.scores_path.write_text(json.dumps({**line, **changes}) + "\n")
    return other


def test_runs_that_differ_only_in_their_seed_become_one_row(shown: Run) -> None:
    (line,) = shown.scores()
    first, second, other = (remade(shown, seed, fid=fid) for seed, fid in ((1, 10.0), (2, 14.0), (3, 5.0)))
    config = json.loads(other.config_path.read_text())
    config["optimizer"]["batch_size"] = 8
    other.config_path.write_text(json.dumps(config))
    made = scores_table.table([first, second, other], line["extractor_id"])
    assert scores_table.has_seeds(made)
    made["verdicts"] = [[]] * len(made)
    folded = scores_table.fold(made, "variant").set_index("run")
    row = folded.loc[first.id]
    assert row["fid"] == 12.0 and row["fid_spread"] == pytest.approx(math.sqrt(8)) and row["over"] == "2 seeds" and row["runs"] == 2
    assert folded.loc[other.id]["fid_spread"] == line["fid_spread"] and folded.loc[other.id]["over"] == "2 draws"
    assert row["Seed"] == "1, 2" and len(folded) == 3  # including the row of real images
    by_batch = scores_table.fold(made, "Batch size")
    assert list(by_batch["runs"].dropna()) == [2, 1] and "2 runs" in list(by_batch["over"])


def test_repeated_runs_of_a_seed_count_once(shown: Run) -> None:
    """In a class, many train the same seeds: copies say nothing about chance."""
    (line,) = shown.scores()
    fids = {1: (10.0, 10.0, 13.0), 2: (14.0, 14.0, 14.0)}
    runs = [remade(shown, seed, fid=fid) for seed, each in fids.items() for fid in each]
    made = scores_table.table(runs, line["extractor_id"]).assign(verdicts=[[]] * 7)
    row = scores_table.fold(made, "variant").set_index("run").loc[runs[0].id]
    assert row["fid"] == 12.5 and row["fid_spread"] == pytest.approx(math.sqrt(4.5))
    assert (row["over"], row["runs"]) == ("2 seeds", 2)
    alone = scores_table.table(runs[:3], line["extractor_id"]).assign(verdicts=[[]] * 4)
    assert scores_table.fold(alone, "variant").set_index("run").loc[runs[0].id]["over"] == "2 draws"
    assert scores_table.best(alone, by="variant")[1] == []


def test_rows_that_must_not_be_ranked_are_neither_folded_nor_compared(shown: Run) -> None:
    (line,) = shown.scores()
    near, far = remade(shown, 1, fid=1.0, fid_spread=0.1), remade(shown, 2, fid=900.0, fid_spread=0.1)
    odd = remade(shown, 3, fid=0.1, images=77)
    made = scores_table.table([near, far, odd], line["extractor_id"]).assign(verdicts=[[]] * 5)
    assert len(scores_table.fold(made, "variant")) == 4  # two rows of real images; the odd run stays separate
    best = dict(zip(made["run"], scores_table.best(made), strict=True))
    assert "FID" in best[near.id] and not best[far.id] and not best[odd.id] and not best[""]
    reason = scores_table.apart(scores_table.groups([run.scores()[0] for run in (near, far, odd)]))
    assert reason == f"number of generated images ({line['images']}, 77)"


def test_changed_real_images_are_a_separate_reason(shown: Run) -> None:
    (line,) = shown.scores()
    changed, fewer = line | {"real_digest": "0" * 64}, line | {"images": 77, "real_digest": "1" * 64}
    assert len(scores_table.groups([line, changed, fewer])) == 3
    assert scores_table.apart([line, changed]) == "real images (same name, different content)"
    assert scores_table.apart([line, fewer]) == f"number of generated images ({line['images']}, 77)"
    altered = line | {"altered": "colour removed"}
    assert scores_table.apart([{**line, "images": 2000}, fewer]) == "number of generated images (2,000, 77)"
    assert scores_table.apart([line, altered]) == "changes of the pictures before scoring (none, colour removed)"
    assert scores_table.apart([line, changed, fewer]).endswith(" and real images (same name, different content)")


def test_no_row_is_best_within_the_spread_or_without_others(shown: Run) -> None:
    (line,) = shown.scores()
    made = scores_table.table(
        [remade(shown, 1, fid=10.0, fid_spread=1.0), remade(shown, 2, fid=11.0, fid_spread=1.0)], line["extractor_id"]
    )
    assert not any("FID" in titles for titles in scores_table.best(made))
    alone = scores_table.table([remade(shown, 4)], line["extractor_id"])
    assert scores_table.best(alone) == [[], []]


def test_filter_keeps_the_real_images_of_the_remaining_rows(shown: Run) -> None:
    (line,) = shown.scores()
    first, second = remade(shown, 1), remade(shown, 2)
    made = scores_table.table([first, second], line["extractor_id"]).assign(verdicts=[[], ["Mode collapse"], ["Too dark"]])
    assert list(scores_table.filtered(made, verdicts=["Too dark"])["run"]) == ["", second.id]
    assert list(scores_table.filtered(made, wanted={"Seed": ["1"]})["run"]) == ["", first.id]
    assert list(scores_table.filtered(made, text="S2")["run"]) == ["", second.id]
    assert scores_table.filtered(made, text="nobody").empty
    assert scores_table.values(made, "Seed") == ["1", "2"]


def test_last_and_best_checkpoints_are_never_mixed(visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    best = line | {"checkpoint": "best", "fid": 0.25, "step": 4}
    shown.scores_path.write_text("".join(json.dumps(one) + "\n" for one in (line, best)))
    assert scores_table.latest(shown)[line["extractor_id"]]["fid"] == line["fid"]
    assert scores_table.latest(shown, "best")[line["extractor_id"]]["fid"] == 0.25
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert 0.25 not in list(test.dataframe[0].value["FID · digits CNN"])
    test.session_state["checkpoint"] = "best"
    test.run()
    assert_sound(test)
    assert list(test.dataframe[0].value["FID · digits CNN"]) == pytest.approx([line["floor_fid"], 0.25])


def cells(test: Any) -> pd.DataFrame:
    """Return the table as it reads in the browser."""
    (table,) = test.dataframe
    return dataframe_util.convert_arrow_bytes_to_pandas_df(table.proto.arrow_data.styler.display_values)


def test_page_shows_the_numbers_of_the_command(visit: Visit, shown: Run) -> None:
    shown.scores_path.unlink()
    done = run_gan("score", shown.id, "--images", 200, "--draws", 2, "--json", root=shown.root)
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    test = visit("evaluate", ALL, runs=shown.id)
    assert_sound(test)
    table, read = test.dataframe[0].value, cells(test)
    for key, score in SCORES.items():
        title = "FID · digits CNN" if key == "fid" else score.title
        if told.get(key) is not None:
            floor = told.get(score.floor)
            assert table[title].iloc[1] == told[key], title
            assert floor is None or table[title].iloc[0] == floor, title
            if (spread := told.get(f"{key}_spread")) is not None:
                assert read[title].iloc[1].partition(" of ")[0] == figure(told[key], spread, is_share=score.is_share), title
    assert set(table["Verdicts"].iloc[1]) - {"no fault found"} == {verdict["title"] for verdict in told["verdicts"]}


def test_points_are_shown_with_their_modes(visit: Visit, shown: Run) -> None:
    nothing = dict.fromkeys(("inception_score", "ms_ssim", "duplicates", "looks", "class_counts", "classes_missing"))
    modes = {"modes": 6.0, "modes_spread": 0.5, "modes_expected": 8, "floor_modes": 8.0, "high_quality": 0.7, "reverse_kl": 0.3}
    rescored(shown, {**nothing, **modes, "extractor": "coordinates", "extractor_id": "coordinates-1", "data": "ring"})
    test = visit("evaluate", ALL, runs=shown.id)
    assert_sound(test)
    columns = list(test.dataframe[0].value.columns)
    assert {"FID · coordinates", "Modes", "High quality", "Reverse KL"} <= set(columns) and "IS" not in columns
    assert list(test.dataframe[0].value["Modes"]) == [8.0, 6.0]
    assert {"Points", "Real points"} <= set(columns) and next(iter(test.dataframe[0].value["Run"])) == "Real points (ring)"
    assert "images" not in test.get("plotly_chart")[0].proto.spec


def test_thumbnails_of_points_show_the_whole_plot(shown: Run) -> None:
    plot, far = Image.new("L", (64, 64)), Image.new("L", (32, 32), 255)
    plot.paste(far, (32, 32))
    points = make_run(shown.root, {"data.name": "ring"}, family="mlp", name="dots")
    for run in (points, shown):
        for path in run.samples().values():
            path.unlink()
        run.samples_path.mkdir(exist_ok=True)
        plot.save(run.samples_path / "00000004.png")
    whole = selection_of([shown, points], shown.scores()[0]["extractor_id"]).board.table.set_index("run")["samples"]
    corners = [
        Image.open(io.BytesIO(base64.b64decode(whole[run.id].partition(",")[2]))).getpixel((135, 135)) for run in (shown, points)
    ]
    assert corners == [0, 255]


def test_lines_join_rows_that_otherwise_differ_only_in_the_seed(shown: Run) -> None:
    (line,) = shown.scores()
    kinds = [(8, 8, 0), (16, 8, 1), (8, 16, 0), (32, 16, 0), (64, 24, 0)]
    chosen = [
        write_lines(make_run(shown.root, {"optimizer.batch_size": batch, "networks.latent": latent, "training.seed": seed}), line)
        for batch, latent, seed in kinds
    ]
    selection = selection_of(chosen, line["extractor_id"])
    drawn = plots.plot_against(board.part(selection, 1), "fid", "Batch size").data
    assert [list(trace.x) for trace in drawn if trace.mode == "lines"] == [[8, 16], [8, 32]]
    assert [list(trace.x) for trace in drawn if trace.mode == "markers"] == [[8, 16, 8, 32, 64]]


def test_rows_folded_over_more_than_seeds_are_not_joined(shown: Run) -> None:
    (line,) = shown.scores()
    kinds = [{"optimizer.batch_size": batch, "networks.latent": latent} for batch in (8, 16) for latent in (8, 16)]
    chosen = tuple(write_lines(make_run(shown.root, kind), line) for kind in kinds)
    whole = board.board(chosen, line["extractor_id"], "last", tuple(map(board.stamp, chosen)))
    folded = board.select(whole, "", (), (), "Batch size")
    assert [trace.mode for trace in plots.plot_against(board.part(folded, 1), "fid", "Batch size").data] == ["markers"]


@pytest.mark.parametrize("view", ["training", "against", "neighbours", "parallel"])
def test_every_view_shows_a_plot_or_says_why_not(view: str, visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    other = remade(shown, 5, fid=1.0)
    quick = [line | {"source": "training", "step": step, "images_seen": 64 * step, "draws": 1} for step in (2, 4)]
    shown.scores_path.write_text("".join(json.dumps(one) + "\n" for one in (*quick, line)))
    test = visit("evaluate", {"view": view}, runs=f"{shown.id},{other.id}")
    assert_sound(test)
    assert len(test.get("plotly_chart")) == 1


def test_groups_and_filters_change_the_table(visit: Visit, shown: Run) -> None:
    others = [remade(shown, seed) for seed in (11, 12)]
    test = visit("evaluate", ALL, runs=",".join(run.id for run in others))
    assert_sound(test)
    assert len(test.dataframe[0].value) == 2 and "2 seeds" in list(test.dataframe[0].value["Spread over"])
    test.selectbox(key="group-by/seeds").set_value("").run()
    assert_sound(test)
    assert len(test.dataframe[0].value) == 3
    test.session_state["filter"] = True
    test.run()
    test.multiselect(key="filter/Seed").set_value(["12"]).run()
    assert_sound(test)
    assert len(test.dataframe[0].value) == 2 and "1 of 2 runs match the filter" in everything(test)
    test.session_state["filter"] = False
    test.run().run()
    assert len(test.dataframe[0].value) == 2  # a closed filter still filters
    test.session_state["filter"] = True
    test.run()
    test.text_input(key="filter/text").set_value("nobody").run()
    assert_sound(test)
    assert not test.dataframe


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4), st.text(max_size=12))
def test_written_tables_hold_any_text(texts: list[str], told: str) -> None:
    sheet = table_texts.Sheet([["Run"], ["a|b"]], [[text, "1 ± 2"] for text in texts], {(0, 1)}, {1}, told)
    rows = table_texts.markdown(sheet).rstrip("\n").split("\n")
    assert len(rows) == len(texts) + 4  # the caption and an empty line come first
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3 for row in rows[2:])  # unescaped pipes, not part of a text
    assert "**1 ± 2**" in rows[4]
    body = table_texts.latex(sheet).partition("\n")[2]  # without the comment
    assert body.count(r"\\" + "\n") == len(texts) + 1 and body.count(r"\textbf{1 $\pm$ 2}") == 1
    assert not re.search(r"(?<!\\)[%#_]", body.replace("$_1$", "").replace("$_2$", ""))
    assert body.count("&") - body.count(r"\&") == len(texts) + 1
    assert sum((letter == "{") - (letter == "}") for letter in re.sub(r"\\[{}]", "", body)) == 0


def test_latex_knows_every_letter_of_titles() -> None:
    settings = [configs.title(key) for key in configs.flatten(configs.RunConfig())]
    words_told = [*settings, *(score.title for score in SCORES.values()), *(title for title, _, _ in columns.FACTS.values())]
    words_told += [comparison.criterion(is_seeded=True), "FID ↓ − IS ↑ · 1 ± 2 –"]
    assert [told for told in words_told if not table_texts._in_latex(told).isascii()] == []


def test_downloads_match_the_page(shown: Run) -> None:
    (line,) = shown.scores()
    selection = selection_of([shown], line["extractor_id"])
    titles = selection.board.titles
    read = pd.read_csv(io.StringIO(table_texts.csv(selection.table, titles)))
    assert "Samples" not in read.columns and "LPIPS" not in read.columns  # neither pictures nor empty columns
    assert read["FID · digits CNN"].iloc[1] == line["fid"] and read["± FID"].iloc[1] == line["fid_spread"]
    sheet = listing.sheet_of(selection, ["name", "samples", "fid", "precision", "best"])
    assert sheet.heads == [["Run"], ["FID ↓", "digits CNN"], ["Precision ↑", "(%)"]] and sheet.rules == {1}
    assert sheet.rows[1][1:] == [
        figure(line["fid"], line["fid_spread"]),
        figure(line["precision"], line["precision_spread"], is_share=True),
    ]
    assert sheet.rows[0][0] == "Real images"


def test_paper_says_how_the_scores_were_made_and_which_are_clearly_best(shown: Run) -> None:
    (line,) = shown.scores()
    fids = {1: 10.0, 2: 14.0}
    good = [remade(shown, seed, fid=fid) for seed, fid in fids.items()]
    bad = [remade(shown, seed, fid=990 + fid) for seed, fid in fids.items()]
    for run in bad:
        config = json.loads(run.config_path.read_text())
        config["optimizer"]["batch_size"] = 8
        config["cadence"]["sample_every"] = "7 steps"
        run.config_path.write_text(json.dumps(config))
    chosen = (*bad, *good)
    whole = board.board(chosen, line["extractor_id"], "last", tuple(map(board.stamp, chosen)))
    selection = board.select(whole, "", (), (), "variant")
    scores = ["fid", "inception_score", "precision", "recall"]
    assert selection.paper == ["name", "Batch size", *scores, "verdicts"], "neither seeds, which rows average over, nor cadences"
    assert list(selection.table["fid"])[1:] == [12.0, 1002.0], "sorted by FID, below the real images"
    sheet = listing.sheet_of(selection, selection.paper)
    assert sheet.bold == {(1, 2)}
    for told in (f"{line['images']} images", f"{line['real_images']:,} real ones", "digits CNN", "over 2 seeds of the training"):
        assert told in sheet.caption
    assert "Bold: better than in every other row by more than the seeds explain." in sheet.caption
    assert "Bold" not in listing.sheet_of(selection_of(bad[:1], line["extractor_id"]), ["name", "fid"]).caption
    tex = table_texts.latex(sheet)
    for told in (
        r"\begin{tabular}{lrrrrr}",
        r"\caption{",
        r"\label{tab:scores}",
        r"\toprule",
        r"IS $\uparrow$",
        r"& \textbf{12.0 $\pm$ 2.8} &",
    ):
        assert told in tex
    assert r"\shortstack[r]{FID $\downarrow$ \\ digits CNN}" in tex and "resizebox" not in tex


def test_table_is_sorted_by_fid_and_reads_as_mean_and_spread(visit: Visit, shown: Run) -> None:
    others = [remade(shown, seed, fid=fid, fid_spread=0.2 * seed) for seed, fid in ((1, 30.0), (2, 9.0), (3, 9.0))]
    unscored = make_run(shown.root, name="silent")
    test = visit("evaluate", {"group-by/seeds": ""}, runs=",".join(run.id for run in (*others, unscored)))
    assert_sound(test)
    (table,) = test.dataframe
    assert list(table.value["FID · digits CNN"])[1:4] == pytest.approx([9.0, 9.0, 30.0]) and table.value["Run"].iloc[4] == "silent"
    assert list(cells(test)["FID · digits CNN"])[1:4] == ["9.0 ± 0.4", "9.0 ± 0.6", "30.00 ± 0.20"], "each with its own spread"
    assert set(table.value.columns) == {"Run", "Seed", "FID · digits CNN", "IS", "Precision", "Recall", "Verdicts"}


def test_opens_with_runs_that_can_be_ranked_together(visit: Visit, shown: Run) -> None:
    alike = {shown.id, remade(shown, 11).id}
    rescored(other := remade(shown, 12), {"images": 777})
    make_run(shown.root, name="silent")
    test = visit("evaluate")
    assert_sound(test)
    assert set(test.multiselect(key="evaluate/runs").value) == alike and other.id not in alike


def test_summary_for_a_phone_has_names_verdicts_and_distances(visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    test = visit("evaluate", runs=shown.id)
    (summary,) = [found.proto.body for found in test.get("html") if "<table>" in found.proto.body]
    assert figure(line["fid"], line["fid_spread"]) in summary and 'onclick="x"' not in summary
    assert summary.count("<tr>") == 3, "a head, the real images and the run"


def test_own_columns_are_chosen_from_all(visit: Visit, shown: Run) -> None:
    test = visit("evaluate", runs=shown.id)
    test.session_state["columns"] = "own"
    test.run()
    picker = next(box for box in test.multiselect if box.label == "Own columns")
    picker.set_value(["kid", "name"]).run()
    assert_sound(test)
    assert list(test.dataframe[0].value.columns) == ["Run", "KID"]


def test_collapse_can_be_forked_with_its_remedy(visit: Visit, shown: Run) -> None:
    rescored(shown, {**COLLAPSED, "looks": {}})
    shown.metrics_path.unlink()  # after so few steps the discriminator is weak, and that remedy would come first
    test = visit("evaluate", {"why": True}, runs=shown.id)
    assert_sound(test)
    assert [button.label for button in test.button].count("Fork with this remedy") == 1, "one remedy at a time"
    button = test.button(key="fork/collapse")
    assert not button.disabled and "relativistic" in button.help
    button.click().run()
    children = [run for run in runs.list_runs(shown.root) if run.id != shown.id]
    assert len(children) == 1 and children[0].config().objective.loss == "relativistic"
    queue.stop(children[0])


def write_lines(run: Run, *lines: dict[str, Any]) -> Run:
    """Write these lines of scores and return the run."""
    run.scores_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def quick_of(line: dict[str, Any], *steps: int, **changes: Any) -> list[dict[str, Any]]:
    """Return quick scores derived from a line of scores, with an FID that falls over the steps."""
    quick = line | {"source": "training", "draws": 1, "images": 500, **changes}
    return [quick | {"step": step, "images_seen": 64 * step, "fid": 1000.0 / step} for step in steps]


def selection_of(chosen: list[Run], extractor: str) -> board.Selection:
    """Return the unfiltered, ungrouped selection of a board of runs."""
    return board.select(board.board(tuple(chosen), extractor, "last", tuple(map(board.stamp, chosen))), "", (), (), "")


def training_of(*chosen: Run) -> tuple[list[Any], list[str]]:
    """Return the plots of the quick scores of runs, and the names of runs without quick scores."""
    figures, ways, silent = plots.plot_training(chosen, tuple(run.label() for run in chosen), tuple(map(board.stamp, chosen)))
    assert len(ways) == len(figures)
    return figures, silent


def test_training_plots_group_all_runs_by_comparability(shown: Run) -> None:
    (line,) = shown.scores()
    other = line | {"data": "mnist"}
    first, silent, second, third, unscored = (make_run(shown.root, {"training.seed": seed}, name=f"r{seed}") for seed in range(5))
    write_lines(first, *quick_of(line, 2, 4), line)
    write_lines(silent, line)
    write_lines(second, *quick_of(other, 3, 6, 9), other)
    write_lines(third, *quick_of(other, 2, 4, images=250), other)
    write_lines(unscored, *quick_of(line, 2, 4, 6))
    figures, left_out = training_of(first, silent, second, third, unscored)
    drawn = [[(trace.hovertemplate.partition("<br>")[0], len(trace.x)) for trace in one.data] for one in figures]
    assert drawn == [[("r0", 2), ("r4", 3)], [("r2", 3)], [("r3", 2)]] and left_out == ["r1"]


def test_quick_scores_are_drawn_even_if_the_shown_scores_use_other_features(visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    inception = line | {"extractor": "Inception 2015", "extractor_id": "inception-2015-x"}
    write_lines(shown, *quick_of(line, 2, 4), inception)
    (figure,), left_out = training_of(shown)
    assert len(figure.data) == 1 and not left_out and "FID · digits CNN" in figure.layout.yaxis.title.text
    test = visit(
        "evaluate", {"view": "training"}, runs=f"{shown.id},{write_lines(make_run(shown.root, name='mute'), inception).id}"
    )
    assert_sound(test)
    assert len(test.get("plotly_chart")) == 1 and r"No scores from training\: mute" in everything(test)


def test_unscored_runs_show_their_training_and_its_faults(visit: Visit, shown: Run) -> None:
    write_lines(shown, *quick_of(shown.scores()[0], 2, 4))
    diverged = make_run(shown.root, name="burst")
    diverged.write_status(diverged.status().model_copy(update={"state": "diverged"}))
    test = visit("evaluate", runs=f"{shown.id},{diverged.id}")
    assert_sound(test)
    assert len(test.get("plotly_chart")) == 1 and r"No scores from training\: burst" in everything(test)
    assert "Diverged before the first checkpoint; start again with a smaller learning rate: burst." in everything(test)
    assert "train longer" not in everything(test) and "Divergence" in everything(test)


def test_rows_without_these_scores_come_last_and_say_why(visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    diverged, other, best = (make_run(shown.root, name=name) for name in ("burst", "elsewhere", "early"))
    diverged.write_status(diverged.status().model_copy(update={"state": "diverged"}))
    write_lines(other, line | {"extractor": "Inception 2015", "extractor_id": "inception-2015-x"})
    write_lines(best, line | {"checkpoint": "best"})
    chosen = [diverged, other, best, shown, remade(shown, 7)]
    test = visit("evaluate", runs=",".join(run.id for run in chosen))
    assert_sound(test)
    assert list(test.dataframe[0].value["Verdicts"].iloc[3]) == ["Divergence", "+1"]
    test.session_state["columns"] = "all"
    test.run()
    rows = test.dataframe[0].value
    assert list(rows["Run"])[3:] == ["burst", "elsewhere", "early"]
    assert [list(titles) for titles in rows["Verdicts"]][3:] == [
        ["not scored", "Divergence"],
        ["other features"],
        ["other checkpoint"],
    ]
    test.session_state["why"] = True
    test.run()
    test.selectbox(key="why/run").set_value(diverged.id).run()
    assert_sound(test)
    assert "smaller" in everything(test) and "Judged by its training curves alone" in everything(test)


def test_training_is_shown_if_no_two_rows_can_be_compared(visit: Visit, shown: Run) -> None:
    other = remade(shown, 7, images=77)
    write_lines(other, *quick_of(shown.scores()[0], 2, 4), other.scores()[0])
    test = visit("evaluate", runs=f"{shown.id},{other.id}")
    assert_sound(test)
    assert len(test.warning) == 1 and not test.get("plotly_chart") and "No two of these rows" in everything(test)
    test.session_state["view"] = "training"
    test.run()
    assert_sound(test)
    assert len(test.get("plotly_chart")) == 1


def test_quick_scores_of_few_images_show_kid(shown: Run) -> None:
    (line,) = shown.scores()
    write_lines(shown, *quick_of(line, 2, 4, features=4096), line)
    (figure,), _ = training_of(shown)
    assert list(figure.data[0].y) == [line["kid"]] * 2 and "KID" in figure.layout.yaxis.title.text


def test_page_and_command_give_the_same_verdicts(shown: Run) -> None:
    (line,) = shown.scores()
    line = {**line, **COLLAPSED, "extractor": "Inception 2015", "extractor_id": "inception-2015-x", "step": 3000}
    run = make_run(shown.root, {"training.length": "3000 steps"})
    write_lines(run, *quick_of(line, *range(300, 3001, 300), extractor="digits CNN", extractor_id="digits-cnn-1"), line)
    writer = LineWriter(run.metrics_path)
    for step in range(1, 3001):  # a period of six steps, invisible in every sixth line
        swing = math.sin(2 * math.pi * step / 6)
        writer.write(
            {
                "step": step,
                "discriminator_loss": 1.0 + 0.7 * swing,
                "generator_loss": 1.0,
                "d_real": 0.5 + 0.3 * swing,
                "d_fake": 0.4,
                "generator_grad_norm": 1.0,
            }
        )
    writer.close()
    told = [verdict.name for verdict in doctor.diagnose(run, line, doctor.logged(run), run.scores())]
    assert {"oscillation", "collapse", "still-improving"} <= set(told)
    whole = board.board((run,), line["extractor_id"], "last", (board.stamp(run),))
    assert [verdict.name for verdict in board.verdicts(whole, run)] == told


def test_single_draws_have_no_winner(shown: Run) -> None:
    (line,) = shown.scores()
    chosen = [remade(shown, 1, fid=1.0, fid_spread=None, draws=1), remade(shown, 2, fid=900.0, fid_spread=None, draws=1)]
    assert not any("FID" in titles for titles in scores_table.best(scores_table.table(chosen, line["extractor_id"])))


def test_every_measure_is_shown_with_its_spread_and_seed(visit: Visit, shown: Run) -> None:
    test = visit("evaluate", ALL, runs=shown.id)
    assert_sound(test)
    (line,) = shown.scores()
    whole, read = board.board((shown,), line["extractor_id"], "last", (board.stamp(shown),)), cells(test)
    measures = [name for name in whole.every if name in SCORES]
    assert {"fid", "precision", "recall", "coverage", "kid", "classes_covered"} <= set(measures) and "seed" in whole.every
    for name in measures:
        assert line[f"{name}_spread"] is None or " ± " in read[whole.titles[name]].iloc[1], name
    assert read["Classes"].iloc[1].endswith(" of 10")


def test_kid_is_first_in_downloads_too(shown: Run) -> None:
    rescored(shown, {"features": 4096, **COLLAPSED})
    (line,) = shown.scores()
    selection = selection_of([shown], line["extractor_id"])
    whole = selection.board
    read = pd.read_csv(io.StringIO(table_texts.csv(selection.table, whole.titles)))
    assert list(read.columns).index("KID") < list(read.columns).index("FID · digits CNN")
    assert selection.paper[1:3] == ["kid", "fid"] and board.part(selection, 1).main == ["kid", "fid"]
    written = table_texts.markdown(listing.sheet_of(selection, whole.every))
    assert r"| Run | KID ↓ | FID ↓ · digits CNN | IS ↑ | Precision ↑ \(%\) | Recall ↑ \(%\) | Verdicts |" in written
    assert "Samples" not in written and "Mode collapse, Missing classes" in written and "this FID is too high" in written
    assert "Mode collapse" not in table_texts.markdown(listing.sheet_of(selection, selection.paper))


def test_samples_and_evidence_come_from_the_best_checkpoint(visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    best = line | {**COLLAPSED, "looks": {}, "checkpoint": "best", "step": 7}
    write_lines(shown, line, best)
    assert list(shown.samples()) == [0, 4, 8, 12]
    assert scores_table.snapshot(shown, best) == (4, shown.samples()[4]) and scores_table.snapshot(shown, None) == (
        12,
        shown.samples()[12],
    )
    test = visit("evaluate", ALL, runs=shown.id)
    last = test.dataframe[0].value["Samples"].iloc[1]
    test.session_state["checkpoint"] = "best"
    test.session_state["why"] = True
    test.run()
    assert_sound(test)
    assert "up to the best checkpoint: step 4" in everything(test) and test.dataframe[0].value["Samples"].iloc[1] != last
    assert [one.caption for image in test.get("image") for one in image.proto.imgs] == ["Samples at step 4"]


def test_evidence_already_shown_above_is_referred_to(visit: Visit, shown: Run) -> None:
    shown.atlas_path.unlink()
    rescored(shown, {**COLLAPSED, "looks": {}, **COPIED, "checkerboard": 9})
    test = visit("evaluate", {"why": True}, runs=shown.id)
    assert_sound(test)
    # Without the atlas, memorisation and checkerboard have no other evidence.
    assert everything(test).count("See the samples above.") == 2
    assert "shown below" not in everything(test)


def test_collapse_shows_pairs_of_near_duplicates(visit: Visit, shown: Run) -> None:
    rescored(shown, {**COLLAPSED, "looks": {}, **COPIED})
    found = json.loads(shown.atlas_path.read_text())
    image = found["samples"][0]["picture"]
    shown.atlas_path.write_text(json.dumps(found | {"pairs": [[image, image]]}))
    test = visit("evaluate", {"why": True}, runs=shown.id)
    assert_sound(test)
    assert "Near duplicates among generated images" in everything(test) and "shown below" in everything(test)
    assert not test.get("image")


def test_runs_that_cannot_be_scored_are_named_with_the_reason(visit: Visit, shown: Run) -> None:
    fresh, other = make_run(shown.root, name="fresh"), make_run(shown.root, name="plain")
    shutil.copytree(shown.checkpoints_path, other.checkpoints_path, dirs_exist_ok=True)
    shutil.copytree(shown.checkpoints_path, shown.best_path, dirs_exist_ok=True)
    test = visit("evaluate", runs=f"{shown.id},{fresh.id},{other.id}")
    assert_sound(test)
    assert "train longer before scoring: fresh." in everything(test) and "plain" not in everything(test)
    test.session_state["score/checkpoint"] = "best"
    test.run()
    assert_sound(test)
    assert "train longer before scoring: fresh." in everything(test) and "last checkpoint instead: plain." in everything(test)


def test_scoring_is_followed_to_its_end(visit: Visit, shown: Run) -> None:
    (line,) = shown.scores()
    shown.scores_path.unlink()
    assert "None of these runs has been scored yet" in visit("evaluate", runs=shown.id).info[0].value
    scorer = shown.hold_scoring()
    shown.write_scoring(runs.Scoring(state="running", message="Drawing", heartbeat=time.time()))
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert [info.value for info in test.info] == ["The scores appear here as soon as they are measured."] and not test.success
    write_lines(shown, line)
    shown.write_scoring(runs.Scoring(state="finished"))
    scorer.release()
    test.run()
    assert_sound(test)
    assert [message.value for message in test.success] == [words.escape(f"Scored “{shown.label()}”.", is_block=True)]
    assert not test.info and len(test.dataframe) == 1
    assert not visit("evaluate", runs=shown.id).success, "a new visitor has not waited for it"


def test_row_without_scores_says_that_it_is_being_scored(visit: Visit, shown: Run) -> None:
    other = remade(shown, 7)
    other.scores_path.unlink()
    other.write_scoring(runs.Scoring(state="running", message="Waiting", heartbeat=time.time()))
    test = visit("evaluate", ALL, runs=f"{shown.id},{other.id}")
    assert_sound(test)
    assert "being scored" in verdicts(test) and "not scored" not in verdicts(test)


def test_score_that_could_not_be_measured_is_reported(visit: Visit, shown: Run) -> None:
    rescored(shown, {"fid": None})
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert len(test.warning) == 1 and "has no FID" in test.warning[0].value and "not finite" in test.warning[0].value


def test_runs_at_the_same_point_are_drawn_as_rings() -> None:
    figure = charts.neighbours(
        [(name, *place, 0.1, 0.1) for name, place in zip("abc", ((0.5, 0.5), (0.5, 0.5), (0.9, 0.1)), strict=True)], None
    )
    sizes = [trace.marker.size for trace in figure.data]
    assert sizes[1] > sizes[0] == sizes[2] and figure.data[1].marker.symbol == "circle-open"


def test_numeric_settings_get_a_numeric_axis_and_others_categories() -> None:
    rows = [("a", 0.001, 5.0, math.nan), ("b", 0.1, 7.0, 0.2)]
    figure = charts.against(rows, "rate", "FID", 1.0)
    assert figure.layout.xaxis.type == "log" and list(figure.data[-1].x) == [0.001, 0.1]
    figure = charts.against([("a", None, 5.0, 0.1), ("b", "<i>x</i>", 7.0, 0.2)], "norm", "FID", None)
    assert figure.layout.xaxis.type == "category" and list(figure.data[-1].x) == ["–", "&lt;i&gt;x&lt;/i&gt;"]


def test_parallel_coordinates_have_a_tick_for_each_of_few_values() -> None:
    settings = [("loss", ["hinge", "hinge", "minimax"]), ("rate", [0.1, 5e-05, 0.1]), ("many", list(range(20)))]
    (trace,) = charts.parallel(settings, [("FID", [300.0, 20.0, 1.0]), ("Recall (%)", [0.0, 0.0, 0.0])]).data
    loss, rate, many, fid, recall = trace.dimensions
    assert list(loss.values) == [0, 0, 1] and list(loss.ticktext) == ["hinge", "minimax"]
    assert list(rate.values) == [1, 0, 1] and list(rate.ticktext) == ["5e-05", "0.1"], "in order and far enough apart to be read"
    assert many.ticktext is None and list(trace.line.color) == list(fid.values) == pytest.approx(
        [math.log10(300), math.log10(20), 0]
    )
    assert "100" in fid.ticktext and list(recall.tickvals) == [0]


def test_parallel_coordinates_have_a_line_per_variant(shown: Run) -> None:
    (line,) = shown.scores()
    kinds = [(batch, seed) for batch in (8, 16) for seed in (0, 1)]
    chosen = [
        write_lines(
            make_run(shown.root, {"optimizer.batch_size": batch, "training.seed": seed}), line | {"fid": 100.0 * batch + seed}
        )
        for batch, seed in kinds
    ]
    part = board.part(selection_of(chosen, line["extractor_id"]), 1)
    (trace,) = plots.plot_parallel(part, ("Batch size",)).data
    fid = next(one for one in trace.dimensions if one.label.startswith("FID"))
    assert list(fid.values) == [800.5, 1600.5] and trace.dimensions[0].label == "Run"
