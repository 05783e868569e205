"""The tables of a report say what the Evaluate page and the scores say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gan import runs
from gan.report import contents, table
from gan.runs import Run
from gan.scoring.glossary import BETTER, SCORES
from tests.helpers import TINY_MLP, run_gan
from tests.report.conftest import PATIENCE, scored


def test_glossary_defines_all_that_is_measured() -> None:
    from gan.scoring import measures

    assert SCORES.keys() == set(measures.NUMBERS)
    for key, score in SCORES.items():
        assert score.key == key and score.better in BETTER
        assert all((score.title, score.formula, score.range, score.source)) and score.meaning.endswith(".")
        assert not score.floor or score.floor in (f"floor_{key}", f"real_{key}")


def test_same_as_the_evaluate_page(pair: tuple[Run, Run]) -> None:
    from pages.parts import results, tables

    run, fork = pair
    (found,) = table.tables([run, fork])
    wanted = results.table([run, fork], "digits-cnn-1-85490934")
    best = results.best(wanted)
    assert [row.run.id if row.run else "" for row in found.rows] == list(wanted["run"])
    for place, row in enumerate(found.rows):
        assert row.name == wanted["name"][place]
        for name, (value, spread) in row.values.items():
            assert (math.nan if value is None else value) == pytest.approx(wanted[name][place], nan_ok=True), (row.name, name)
            assert (math.nan if spread is None else spread) == pytest.approx(wanted[f"{name}_spread"][place], nan_ok=True)
            assert table.figure(value, spread) == tables.figure(*(wanted[column][place] for column in (name, f"{name}_spread")))
        assert [SCORES[key].title for key in row.best] == best[place]


def test_same_as_the_score_command_says(root: Path) -> None:
    settings = [part for key, value in (TINY_MLP | {"data.name": "ring"}).items() for part in ("--set", f"{key}={value}")]
    assert run_gan("train", *settings, root=root, seconds=PATIENCE).returncode == 0
    (run,) = runs.list_runs(root)
    done = run_gan("score", run.id, "--images", 200, "--draws", 2, "--json", root=root, seconds=PATIENCE)
    (line,) = json.loads(done.stdout)
    report = contents.gather([run])
    (found,) = report.tables
    (row,) = [row for row in found.rows if row.run]
    assert {key for key in SCORES if line.get(key) is not None} == set(found.figures)
    for key in found.figures:
        assert row.values[key] == (line[key], line[f"{key}_spread"])
        assert row.text(key) == table.figure(*(value * (100 if SCORES[key].is_share else 1) for value in row.values[key]))
    assert [verdict.title for verdict in report.entries[0].verdicts] == [verdict["title"] for verdict in line["verdicts"]]


def test_what_was_scored_differently_stands_apart(pair: tuple[Run, Run]) -> None:
    run, fork = pair
    scored(fork, images=500, fid=1.0)
    scored(fork, checkpoint="best", fid=2.0)
    found = table.tables([run, fork])
    assert [[row.line["fid"] for row in one.rows if row.run] for one in found] == [[9.0735], [1.0], [2.0]]
    assert all(not row.best for one in found for row in one.rows)


def test_only_a_clear_difference_is_best(pair: tuple[Run, Run]) -> None:
    run, fork = pair
    scored(fork, fid=9.5, fid_spread=0.3)  # 0.43 apart, spreads of 0.48 together
    (found,) = table.tables([run, fork])
    assert not any("fid" in row.best for row in found.rows)


@pytest.mark.parametrize("changes", [{"fid": None}, {"fid": "9"}, {"draws": None}, {"extractor": 3}, {"source": "?"}])
def test_damaged_lines_are_passed_over(changes: dict[str, Any], pair: tuple[Run, Run]) -> None:
    run, _ = pair
    scored(run, **changes)
    (line,) = table.latest(run)
    assert line["fid"] == 9.0735
