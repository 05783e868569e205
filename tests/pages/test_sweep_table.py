"""The table of a sweep: one row a variant, scores and verdicts of its seeds, and why runs wait."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gan.execution import ahead, holds
from gan.runs import Run
from gan.sweeps import launched
from gan.sweeps import plan as plans
from gan.sweeps.launched import Sweep
from pages.parts.sweeping import listing, rows
from tests.helpers import TINY_MLP
from tests.pages.test_pages import Visit, assert_sound, texts
from tests.report.conftest import LINE


def made(root: Path, seeds: int = 2, **plan: Any) -> Sweep:
    """Make a sweep of three variants; its runs wait."""
    axes = {"networks.hidden": [8], "optimizer.generator_lr": [1e-4]}
    wanted = {"name": "Sizes", "base": "digits-mlp", "set": TINY_MLP, "axes": axes, "seeds": seeds, **plan}
    sweep = launched.create(root, plans.parse(wanted))
    launched.complete(sweep)
    return sweep


def finish(run: Run, fid: float | None, quick: float | None = None) -> None:
    """End a run with a score, unless ``fid`` is None, and with a quick one."""
    run.write_status(run.status().model_copy(update={"state": "finished", "step": 12, "total_steps": 12}))
    found = [LINE | {"source": "training", "step": 6, "fid": quick}] if quick else []
    found += [LINE | {"fid": fid, "step": 12}] if fid is not None else []
    run.scores_path.write_text("".join(json.dumps(line) + "\n" for line in found))


def board(sweep: Sweep, patience: float = 60) -> rows.Board:
    return rows.board(sweep.root, sweep.record().members, patience)


def standings(sweep: Sweep) -> dict[str, listing.Standing]:
    found, statuses = board(sweep), {run.id: run.status() for run in sweep.runs()}
    return {row.name: listing.standing(row, statuses, ahead.reasons(sweep.root)) for row in found.rows}


def test_seeds_are_folded_and_the_lowest_fid_comes_first(root: Path) -> None:
    sweep = made(root)
    for run, fid in zip(sweep.runs(), (30.0, 10.0, None, 32.0, 10.5, None), strict=True):
        finish(run, fid, 99.0)
    found = board(sweep)
    assert [(row.name, row.mean("fid"), row.quick) for row in found.rows] == [
        ("h 8", 10.25, None),
        ("baseline", 31.0, None),
        ("lr_G 1e-4", None, 99.0),
    ]
    assert [list(row.settings.items()) for row in found.rows[:1]] == [[("Hidden size", 8), ("Generator learning rate", 2e-4)]]
    shown = listing.styled(found, tuple(standings(sweep).values()))
    assert list(shown.data["Quick FID"][2:]) == [99.0]
    html = shown.to_html()
    assert "10.25 ± 0.35" in html and "31.0 ± 1.4" in html


@pytest.mark.parametrize(("other", "is_bold"), [((30.0, 32.0), True), ((10.0, 30.0), False)])
def test_best_is_marked_only_if_seeds_allow(root: Path, other: tuple[float, float], is_bold: bool) -> None:
    sweep = made(root, axes={"networks.hidden": [8]})
    for run, fid in zip(sweep.runs(), (other[0], 9.0, other[1], 9.2), strict=True):
        finish(run, fid)
    found = board(sweep)
    assert ["fid" in row.best for row in found.rows] == [is_bold, False]
    assert ("font-weight: 700" in listing.styled(found, tuple(standings(sweep).values())).to_html()) == is_bold


def test_one_seed_of_several_is_never_the_best(root: Path) -> None:
    sweep = made(root)
    for run, fid in zip(sweep.runs()[:2], (30.0, 10.0), strict=True):
        finish(run, fid)
    assert not any(row.best for row in board(sweep).rows)


def test_reason_for_waiting_is_in_words(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = made(root)
    finish(sweep.runs()[0], None)
    assert standings(sweep)["baseline"].state == "1 of 2 finished; 1 waiting: place 3 of 5 in the queue"
    monkeypatch.setattr(holds, "lacks_room", lambda sweep, following=None: True)
    assert standings(sweep)["h 8"].state == "2 of 2 waiting: no disk space"
    sweep.change(is_paused=True)
    assert standings(sweep)["h 8"].state == "2 of 2 waiting: paused"
    assert standings(sweep)["baseline"].progress == 0.5


def test_new_scores_show_and_an_unchanged_sweep_is_not_read_again(root: Path) -> None:
    sweep = made(root)
    finish(sweep.runs()[0], 30.0)
    first = board(sweep)
    assert board(sweep) is first
    finish(sweep.runs()[0], 20.0)
    assert board(sweep).rows[0].mean("fid") == 20.0


def test_many_runs_are_judged_a_few_at_a_time(empty: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = made(empty)
    for run in sweep.runs():
        finish(run, 30.0)
    now = iter(range(1000))
    monkeypatch.setattr(rows, "time", SimpleNamespace(monotonic=lambda: next(now)))  # each look at the clock takes a second
    left = [sum(rows.JUDGING in row.verdicts for row in board(sweep, 2.5).rows) for _ in range(3)]
    assert left == [2, 1, 0] and board(sweep) is board(sweep)
    monkeypatch.undo()
    monkeypatch.setenv("GAN_RUNS", str(empty))
    test = visit("sweeps", sweep=sweep.id)
    assert_sound(test)
    assert rows.JUDGING not in test.dataframe[0].value.to_string()


def test_a_page_shows_what_is_not_judged_yet(empty: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = made(empty)
    for run in sweep.runs():
        finish(run, 30.0)
    for name in ("FIRST_LOOK", "AT_A_TIME"):
        monkeypatch.setattr(rows, name, -1)
    test = visit("sweeps", sweep=sweep.id)
    assert_sound(test)
    assert rows.JUDGING in test.dataframe[0].value.to_string()
    monkeypatch.setattr(rows, "AT_A_TIME", 60)
    test.run()
    assert_sound(test)
    assert rows.JUDGING not in test.dataframe[0].value.to_string()


def test_runs_are_handed_on_to_compare_and_evaluate(empty: Path, visit: Visit) -> None:
    sweep = made(empty)
    for run in sweep.runs():
        finish(run, 30.0)
        run.metrics_path.write_text("")
    test: AppTest = visit("sweeps", sweep=sweep.id)
    assert_sound(test)
    links = {link.proto.label: link.proto.query_string for link in test.get("page_link")}
    assert all(run.id in links[label] for label in ("Compare runs", "Evaluate runs") for run in sweep.runs())
    assert "All 6 runs" in texts(test)
    (table,) = test.dataframe
    assert list(table.value["State"]) == ["2 of 2 finished"] * 3 and "Progress" not in table.value
