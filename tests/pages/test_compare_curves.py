"""Curves on Compare: means end where a run of their group ends, smoothing is Watch's, and single values and edges are drawn."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.runs import Run
from pages.parts import charts, logged, vega
from pages.parts.comparison import overlay, timeline
from pages.parts.comparison.timeline import Cut, Track
from tests.helpers import make_run
from tests.pages.test_compare import charts as charts_of
from tests.pages.test_compare import write_lines
from tests.pages.test_pages import Visit, assert_sound, texts

LOSS = "generator loss"
EVERY = 10  # steps per logged line


def logs(root: Path, *losses: list[float]) -> list[Run]:
    """Return a run for each list of logged losses; the runs differ in their seed."""
    found = [make_run(root, {"training.seed": seed}) for seed in range(len(losses))]
    for run, values in zip(found, losses, strict=True):
        write_lines(run, values, EVERY)
    return found


def tracks(root: Path, *losses: list[float]) -> tuple[Track, ...]:
    return tuple(timeline.track(run, "steps") for run in logs(root, *losses))


def curve(chosen: tuple[Track, ...], smoothing: float = 0.0) -> pd.DataFrame:
    """Return the curve of one group of all tracks; empty if it has no mean."""
    found = timeline.charts(chosen, LOSS, smoothing, ("a",) * len(chosen))
    return found[LOSS].to_pandas() if found else pd.DataFrame()


# Means


def test_mean_ends_with_the_shorter_run_instead_of_jumping(root: Path) -> None:
    chosen = tracks(root, [0.0] * 10, [10.0] * 20)
    shown = curve(chosen)
    assert set(shown["value"]) == {5.0} and shown["at"].iloc[-1] == 100
    assert (shown["high"] - shown["low"]).to_numpy() == pytest.approx(2 * np.std([0, 10], ddof=1), rel=1e-6)
    assert timeline.cut_off(chosen, (LOSS, "FID"), ("a", "a")) == [Cut("a", 100.0, 1, 2)]
    assert timeline.cut_off(chosen, (LOSS,), ("a", "b")) == [], "runs by themselves are shown in full"


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(-9, 9)), min_size=2, max_size=4))
def test_mean_of_constant_runs_is_constant(lengths: list[tuple[int, int]]) -> None:
    parts = [np.array([np.arange(1.0, length + 1), np.full(length, float(level))]) for length, level in lengths]
    at, mean, low, high = timeline._merged(parts)
    assert mean == pytest.approx(np.mean([level for _, level in lengths]))
    assert high - low == pytest.approx(2 * np.std([level for _, level in lengths], ddof=1))
    assert (at[0], at[-1]) == (1, min(length for length, _ in lengths)) and (np.diff(at) > 0).all()


def test_runs_without_a_common_part_have_no_mean(root: Path) -> None:
    first, fork = logs(root, [1.0] * 5, [2.0] * 20)
    fork.metrics_path.write_text("".join(fork.metrics_path.read_text().splitlines(keepends=True)[9:]))
    chosen = tuple(timeline.track(run, "steps") for run in (first, fork))
    assert curve(chosen).empty
    assert timeline.cut_off(chosen, (LOSS,), ("a", "a")) == [Cut("a", None, 1, 2)]


def test_loss_that_became_nan_ends_the_mean(root: Path) -> None:
    chosen = tracks(root, [1.0] * 10 + [math.nan] * 10, [3.0] * 20)
    assert set(curve(chosen)["value"]) == {2.0} and curve(chosen)["at"].iloc[-1] == 100
    assert timeline.cut_off(chosen, (LOSS,), ("a", "a")) == [Cut("a", 100.0, 1, 2)]


@pytest.mark.parametrize(
    ("axis", "end"),
    [("images", "at 1,600 images"), ("steps", "at step 100"), ("time", "at 5.0 s")],
    ids=["images", "steps", "time"],
)
def test_page_says_where_a_mean_ends(axis: str, end: str, root: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    chosen = logs(root, [0.0] * 10, [10.0] * 20)
    for run in chosen:
        run.rename("wide")
    test = visit("compare", runs=",".join(run.id for run in chosen), axis=axis, group="seeds of the same settings", curves=LOSS)
    assert_sound(test)
    assert f"{end} (1 of 2 runs goes on)" in texts(test).replace("\\", "")


# Smoothing


def lag(root: Path, count: int) -> int:
    """Return the steps after which a smoothed curve, 0.9, has followed half of a fall in the middle of a log of ``count`` lines."""
    run = make_run(root)
    write_lines(run, [0.0] * count, EVERY)
    places = timeline.track(run, "steps").smoothed(0.9)["at"]
    place = int(places[len(places) // 2]) // EVERY  # a line that is shown
    for behind in range(count):
        fall = place - behind
        write_lines(run, [1.0] * (fall - 1) + [0.0] * (count - fall + 1), EVERY)
        shown = curve((timeline.track(run, "steps"),), 0.9).set_index("at")["value"]
        if shown[place * EVERY] < 0.5:
            return behind * EVERY
    raise AssertionError("the curve never falls")


@pytest.mark.parametrize("count", [240, 24_000])
def test_smoothing_lags_alike_in_short_and_long_logs(count: int, root: Path) -> None:
    assert lag(root, count) == 60


@pytest.mark.parametrize("count", [5, 300, 30_000])
@pytest.mark.parametrize("smoothing", [0.5, 0.95])
def test_smoothing_is_that_of_watch(count: int, smoothing: float, root: Path) -> None:
    values = np.random.default_rng(count).normal(1.0, 0.3, count).round(3).tolist()
    (run,) = logs(root, values)
    table = logged.Tail(run.metrics_path).table()
    watch = table[["step"]].assign(value=table["generator_loss"].ewm(alpha=1 - smoothing).mean()).set_index("step")["value"]
    shown = curve((timeline.track(run, "steps"),), smoothing)
    assert len(shown) >= min(count, 200)
    assert shown["value"].to_numpy() == pytest.approx(watch[shown["at"]].to_numpy(), abs=0.02)
    if count == 5:
        assert charts.thin(table, {"a": "generator_loss"}, smoothing)["a"].to_numpy() == pytest.approx(shown["value"].to_numpy())


def test_lines_logged_again_after_a_crash_are_smoothed_once(root: Path) -> None:
    (run,) = logs(root, [1.0] * 6)
    again = [{"step": step, "images_seen": 16 * step, "seconds": step, "generator_loss": 0.0} for step in (30, 40, 50, 60, 70)]
    with run.metrics_path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in again)
    table = logged.Tail(run.metrics_path).table()
    shown = curve((timeline.track(run, "steps"),), 0.9)
    assert shown["at"].tolist() == table["step"].tolist()
    assert shown["value"].to_numpy() == pytest.approx(table["generator_loss"].ewm(alpha=0.1).mean().to_numpy())


# What is drawn


def encodings(part: object) -> list[dict[str, Any]]:
    """Return all encodings of positions with a scale in a specification."""
    if isinstance(part, dict):
        own = [value for key, value in part.items() if key in ("x", "y") and isinstance(value, dict) and "scale" in value]
        return own + [one for value in part.values() for one in encodings(value)]
    return [one for value in part for one in encodings(value)] if isinstance(part, list) else []


SPECS = {
    "watch": charts.curves(["D(real)"], "output", domain=(0, 1), rule=0.5),
    "watch, FID": charts.curves(["FID"], "FID", is_log=True, has_points=True),
    "compare": overlay.chart(["a", "b"], LOSS, "step", is_log=False),
    "compare, FID": overlay.chart(["a", "b"], "FID", "images seen", is_log=True, has_points=True),
}


@pytest.mark.parametrize("name", SPECS)
def test_first_last_and_highest_values_are_not_cut(name: str) -> None:
    found = encodings(SPECS[name])
    assert found and all(one["scale"]["padding"] == vega.PADDING >= 6 and not one["scale"]["nice"] for one in found)


@pytest.mark.parametrize("name", SPECS)
def test_curve_with_a_single_value_has_a_dot(name: str) -> None:
    dots = [layer for layer in SPECS[name]["layer"] if isinstance(layer.get("mark"), dict) and layer["mark"]["type"] == "point"]
    assert len(dots) == 1 and any("joinaggregate" in step for step in dots[0]["transform"])


def test_counts_have_whole_ticks() -> None:
    axes = [
        overlay.chart(["a"], LOSS, "x", is_log=False, is_whole=is_whole)["layer"][1]["encoding"]["x"] for is_whole in (True, False)
    ]
    assert axes[0]["axis"]["tickMinStep"] == 1 and "tickMinStep" not in axes[1]["axis"]


def test_run_with_one_line_has_a_chart(root: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    (run,) = logs(root, [0.7])
    test = visit("compare", runs=run.id, curves=LOSS)
    assert_sound(test)
    (chart,) = charts_of(test)
    spec = json.loads(chart.proto.spec)
    assert spec["layer"][1]["encoding"]["x"]["axis"]["tickMinStep"] == 1
    test = visit("compare", runs=run.id, curves=LOSS, axis="time")
    assert "tickMinStep" not in json.loads(charts_of(test)[0].proto.spec)["layer"][1]["encoding"]["x"]["axis"]
