"""The tables of a report agree with the Evaluate page and with the scores."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gan import runs, words
from gan.judging.glossary import BETTER, SCORES
from gan.report import contents, notes, page, table
from gan.report.table import Table
from gan.runs import Run
from gan.words import figure
from tests.helpers import TINY_MLP, make_run, run_gan
from tests.report.conftest import PATIENCE, scored


def test_glossary_defines_every_score() -> None:
    from gan.scoring import measures

    assert SCORES.keys() == {*measures.NUMBERS, "support"}
    for key, score in SCORES.items():
        assert score.key == key and score.better in BETTER
        assert all((score.title, score.formula, score.range, score.source)) and score.meaning.endswith(".")
        assert not score.floor or score.floor in (f"floor_{key}", f"real_{key}")


def test_same_as_the_evaluate_page(pair: tuple[Run, Run]) -> None:
    from pages.parts.evaluation import table as scores_table

    run, fork = pair
    (found,) = table.tables([run, fork])
    wanted = scores_table.table([run, fork], "digits-cnn-1-85490934")
    best = scores_table.best(wanted)
    assert [row.runs[0].id if row.runs else "" for row in found.rows] == list(wanted["run"])
    for place, row in enumerate(found.rows):
        assert row.name == wanted["name"][place]
        for name, (value, spread) in row.values.items():
            assert (math.nan if value is None else value) == pytest.approx(wanted[name][place], nan_ok=True), (row.name, name)
            assert (math.nan if spread is None else spread) == pytest.approx(wanted[f"{name}_spread"][place], nan_ok=True)
            assert figure(value, spread) == figure(*(wanted[column][place] for column in (name, f"{name}_spread")))
        assert [SCORES[key].title for key in row.best] == best[place]


def test_same_as_the_score_command(root: Path) -> None:
    settings = [part for key, value in (TINY_MLP | {"data.name": "ring"}).items() for part in ("--set", f"{key}={value}")]
    assert run_gan("train", *settings, root=root, seconds=PATIENCE).returncode == 0
    (run,) = runs.list_runs(root)
    done = run_gan("score", run.id, "--images", 200, "--draws", 2, "--json", root=root, seconds=PATIENCE)
    (line,) = json.loads(done.stdout)
    report = contents.gather([run])
    (found,) = report.tables
    (row,) = [row for row in found.rows if row.runs]
    assert {key for key in SCORES if line.get(key) is not None} == set(found.figures)
    for key in found.figures:
        assert row.values[key] == (line[key], line[f"{key}_spread"])
        assert row.text(key) == figure(*row.values[key], is_share=SCORES[key].is_share)
    assert [verdict.title for verdict in report.entries[0].verdicts] == [verdict["title"] for verdict in line["verdicts"]]


def test_scores_with_different_settings_get_separate_tables(pair: tuple[Run, Run]) -> None:
    run, fork = pair
    scored(fork, images=500, fid=1.0)
    scored(fork, checkpoint="best", fid=2.0)
    found = table.tables([run, fork])
    assert [[row.lines[0]["fid"] for row in one.rows if row.runs] for one in found] == [[9.0735], [1.0], [2.0]]
    assert all(not row.best for one in found for row in one.rows)


def seeds(root: Path, figures: dict[int, list[float]], **changes: Any) -> list[Run]:
    """Return scored runs: for each network width, one seed per FID in ``figures``."""
    found = []
    for width, values in figures.items():
        for seed, value in enumerate(values):
            found.append(make_run(root, {"networks.width": width, "training.seed": seed}))
            scored(found[-1], **{"fid": value, "fid_spread": 0.2} | changes)
    return found


def only(chosen: list[Run]) -> Table:
    (found,) = table.tables(chosen)
    return found


def winners(chosen: list[Run], key: str = "fid") -> list[str]:
    found = only(chosen)
    return [found.settings[row.runs[0].id]["Width"] for row in found.rows if key in row.best]


def test_seeds_are_one_row_and_decide_what_is_best(root: Path) -> None:
    chosen = seeds(root, {4: [10.0, 36.0], 8: [40.0, 42.0]})
    found = only(chosen)
    assert [row.seeds for row in found.rows] == [(), ("0", "1"), ("0", "1")]
    assert found.rows[1].text("fid") == "23 ± 18" and "over 2 seeds" in found.about
    assert winners(chosen) == [], "the two seeds differ by 26, far more than the draws"
    (sentence,) = found.told
    assert "this may be chance" in sentence and "digits CNN" in sentence
    report = contents.gather(chosen)
    text, _ = notes.write(report)
    html = page.write(report)
    (cell,) = [row for row in html.split("<tr>") if "23</span>" in row]
    assert all(f'href="#{run.id}"' in cell and f'id="{run.id}"' in html for run in chosen[:2])
    assert words.escape(sentence) in text and "over 2 seeds" in text and "over 2 seeds" in html and "this may be chance" in html


def test_row_names_leave_out_the_common_prefix(root: Path) -> None:
    chosen = seeds(root, {4: [10.0, 11.0], 8: [40.0]})
    for run, name in zip(chosen, ("width 4 · seed 0", "width 4 · seed 1", "width 8"), strict=True):
        run.rename(f"A sweep · {name}")
    assert [row.name for row in only(chosen).rows] == ["Real images (digits)", "width 4", "width 8"]
    chosen[1].rename("A sweep")
    chosen[2].rename("A sweep")
    assert [row.name for row in only(chosen).rows[1:]] == ["width 4 · seed 0", "w 8 · s0"], "equal names are told apart by settings"


def test_difference_that_seeds_do_not_explain_is_best(root: Path) -> None:
    assert winners(seeds(root, {4: [10.0, 10.1], 8: [40.0, 40.2]})) == ["4"]


def test_seed_noise_is_pooled_over_all_rows(root: Path) -> None:
    """The first two rows alone have about 1.1 degrees of freedom, hence an interval of ±22."""
    figures = {4: [10.0, 14.0], 8: [26.0, 27.0], 12: [50.0, 51.0]}
    three, two = seeds(root / "three", figures), seeds(root / "two", {4: figures[4], 8: figures[8]})
    assert "more than the seeds explain" in only(three).told[0] and "this may be chance" in only(two).told[0]
    assert winners(three) == ["4"]
    assert winners(two) == []
    assert len(only(seeds(root / "four", figures | {16: [60.0]})).told) == 3, "four rows: only pairs with the first"


def test_seeds_have_the_winners_of_the_evaluate_page(root: Path) -> None:
    from pages.parts.evaluation import table as scores_table

    chosen = seeds(root, {4: [10.0, 14.0], 8: [18.0, 19.0], 12: [17.5]}, inception_score=3.0, kid=None)
    made = scores_table.table(chosen, "digits-cnn-1-85490934").assign(verdicts=[[] for _ in range(len(chosen) + 1)])
    rows = only(chosen).rows
    assert [[SCORES[key].title for key in row.best] for row in rows] == scores_table.best(made, by="variant")
    alone = [run for run in chosen if run.config().training.seed == 0]
    assert winners(alone) == ["4"], "with one seed each, the spreads over draws decide"


def test_no_best_from_one_draw_or_an_unscored_second_seed(root: Path) -> None:
    chosen = seeds(root, {4: [10.0], 8: [90.0]})
    assert winners(chosen) == ["4"] and "one seed" in only(chosen).told[0]
    sibling = make_run(root, {"networks.width": 4, "training.seed": 7})
    assert "over draws" not in table.tables([*chosen, sibling])[0].bold, "a second seed exists, although it has not been scored"
    assert all(not row.best for one in table.tables([*chosen, sibling]) for row in one.rows), "draws do not count with two seeds"
    scored(sibling, fid=11.0, step=6)
    assert [len(row.runs) for row in only([*chosen, sibling]).rows] == [0, 1, 1, 1], "scored at another step"
    assert not any(row.best for row in only([*chosen, sibling]).rows)
    assert winners(seeds(root / "draws", {4: [10.0], 8: [90.0]}, draws=1, fid_spread=None)) == []


def test_same_seed_twice_is_not_a_second_seed(root: Path) -> None:
    chosen = [make_run(root), make_run(root)]
    for run in chosen:
        scored(run)
    assert [len(row.runs) for row in only(chosen).rows] == [0, 1, 1]


def test_runs_without_scores_have_rows_too(pair: tuple[Run, Run], root: Path) -> None:
    run, fork = pair
    fork.scores_path.unlink()
    for step in (4, 8):
        scored(fork, source="training", step=step, images=500, draws=1, fid=300.0 + step, fid_spread=None)
    bare = make_run(root, {"networks.width": 8})
    bare.write_status(bare.status().model_copy(update={"state": "diverged"}))
    report = contents.gather([run, fork, bare])
    _, second, third = report.tables
    assert [one.heading for one in report.tables] == [
        "Scores of the last checkpoints",
        "Not scored yet: FID in training",
        "Not scored yet",
    ]
    assert second.title("fid") == "FID · digits CNN in training" and second.rows[1].text("fid") == "308"
    assert "1 draw of 500 images" in second.about and "digits CNN" in second.about and second.rows[1].when.endswith("step 8")
    assert contents.badges([report.entries[2]]) == {"not scored": "unknown", "Divergence": "fault"}
    assert third.about == "" and third.figures == () and not any(row.best for row in (*second.rows, *third.rows))
    html, (text, _) = page.write(report), notes.write(report)
    (row,) = [row for row in html.split("<tr>") if "308</span>" in row]
    assert "<img" in row and "not scored" in row and "no fault found" not in row
    assert "FID · digits CNN in training" in html and "in training" in text and "not scored" in text


def test_single_snapshot_is_shown_in_the_table(pair: tuple[Run, Run]) -> None:
    run, _ = pair
    for path in list(run.samples().values())[1:]:
        path.unlink()
    html = page.write(contents.gather([run]))
    (row,) = [row for row in html.split("<tr>") if "9.07" in row]
    assert "<img" in row


def test_tables_say_how_scores_were_computed(pair: tuple[Run, Run]) -> None:
    report = contents.gather(pair)
    html, (text, _) = page.write(report), notes.write(report)
    for part in ("3 draws of 2,000 images", "EMA weights", "seed 0", "1,797 real ones from digits", "features: digits CNN"):
        assert part in html and words.escape(part) in text, part
    assert report.tables[0].main == ("fid", "inception_score")


def test_kid_comes_first_if_there_are_few_images(pair: tuple[Run, Run]) -> None:
    run, _ = pair
    scored(run, images=100, features=128)
    assert only([run]).figures[:3] == ("kid", "fid", "inception_score") == only([run]).main
    head = page.write(contents.gather([run])).partition("<thead>")[2].partition("</thead>")[0]
    assert 0 < head.index("KID") < head.index("FID")


def test_old_scores_are_not_called_sound(pair: tuple[Run, Run]) -> None:
    run, _ = pair
    scored(run, **dict.fromkeys(("precision", "duplicates", "ms_ssim", "kid", "recall", "coverage", "density", "memorised")))
    report = contents.gather([run])
    for made in (page.write(report), notes.write(report)[0]):
        assert "not examined" in made and "no fault found" not in made


def test_verdicts_are_shown_with_their_distributions(pair: tuple[Run, Run]) -> None:
    run, _ = pair
    look = {"real_mean": 40.0, "fake_mean": 10.0, "effect": -2.0, "real_counts": [1, 3], "fake_counts": [4, 0], "highest": 255.0}
    scored(run, class_counts=[900] * 9 + [0], classes_missing=[9], looks={"brightness": look, "contrast": {"highest": "x"}, "x": 1})
    report = contents.gather([run])
    (entry,) = report.entries
    assert set(entry.evidence) == {"classes", "brightness"}
    assert entry.evidence["classes"].count("<rect") == 1 + 2 * 10 and ">25" not in entry.evidence["classes"]
    html, (text, files) = page.write(report), notes.write(report)
    assert html.count('class="evidence"') == 2
    assert {f"images/{run.id}-classes.svg", f"images/{run.id}-brightness.svg"} <= set(files) and "-brightness.svg" in text


def test_verdicts_on_some_of_the_seeds_say_how_many(root: Path) -> None:
    chosen = seeds(root, {4: [10.0, 11.0]}, duplicates=0.0, coverage=0.9)
    scored(chosen[1], fid=11.0, duplicates=0.9, coverage=0.9)
    assert contents.badges(contents.gather(chosen).entries) == {
        "no fault found (1 of 2 seeds)": "good",
        "Mode collapse (1 of 2 seeds)": "fault",
    }


def test_verdicts_in_a_table_belong_to_its_scores(pair: tuple[Run, Run]) -> None:
    run, _ = pair
    scored(run, checkpoint="best", duplicates=0.0, coverage=0.9)
    report = contents.gather([run])
    told = [contents.badges(report.entries, one.rows[1].lines) for one in report.tables]
    assert [one.kind for one in report.tables] == ["last", "best"]
    assert "Mode collapse" in told[0] and "Mode collapse" not in told[1]
    badge = '<span class="badge fault">Mode collapse</span>'
    assert page.write(report).count(badge) == 2, "once in the tables and once in the section on the run"
    text = notes.write(report)[0].partition("\n## " + words.escape(report.entries[0].name))[0]
    assert text.count("Mode collapse") == 1
