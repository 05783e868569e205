"""Compare: runs laid along one axis, and what the page shows, keeps and says of them."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gan import runs
from gan.runs import Run
from pages.parts import overlay, timeline, words
from tests.helpers import make_run
from tests.pages.test_pages import Visit, assert_sound


def write_lines(run: Run, losses: list[float], every: int = 10) -> None:
    lines = [
        {"step": every * place, "images_seen": every * place * 16, "seconds": place / 2, "generator_loss": loss, "epoch": place}
        for place, loss in enumerate(losses, 1)
    ]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def twin(run: Run, name: str, **changes: Any) -> Run:
    """Return a copy of a run under another id, with other settings."""
    other = Run(run.root / name)
    shutil.copytree(run.path, other.path)
    config = json.loads(other.config_path.read_text())
    for key, value in changes.items():
        section, _, field = key.partition("__")
        config[section][field] = value
    other.config_path.write_text(json.dumps(config))
    return other


@pytest.fixture
def pair(root: Path) -> tuple[Run, Run]:
    """Return two runs whose batches differ in size, with lines and snapshots."""
    one, other = (make_run(root, {"optimizer.batch_size": size}) for size in (16, 32))
    for run, images in ((one, 16), (other, 32)):
        lines = [{"step": step, "images_seen": step * images, "seconds": step / 10, "d_real": 0.6} for step in range(10, 101, 10)]
        run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        for step in (0, 50, 100):
            (run.samples_path / f"{step:08d}.png").write_bytes(b"")
        scored = [{"source": "training", "step": step, "fid": 100.0 - step} for step in (50, 100)]
        run.scores_path.write_text("".join(json.dumps(line) + "\n" for line in scored))
    return one, other


# The axis


@pytest.mark.parametrize(("axis", "ends"), [("images", (1600, 3200)), ("steps", (100, 100)), ("time", (10, 10))])
def test_runs_are_aligned_by_images_steps_or_time(pair: tuple[Run, Run], axis: str, ends: tuple[float, float]) -> None:
    tracks = [timeline.track(run, axis) for run in pair]
    assert tuple(track.end for track in tracks) == ends
    for track, end in zip(tracks, ends, strict=True):
        shots = [track.snapshot(end * share) for share in (0, 0.49, 0.5, 0.99, 1)]
        assert [shot[0] for shot in shots if shot] == [0, 0, 50, 50, 100]
        assert [track.fid(end * share) for share in (0, 0.5, 1)] == [None, 50.0, 0.0]


def test_track_is_kept_until_a_file_changes(pair: tuple[Run, Run]) -> None:
    run = pair[0]
    first = timeline.track(run, "steps")
    assert timeline.track(run, "steps") is first
    with open(run.metrics_path, "a") as file:
        file.write('{"step": 110, "images_seen": 1760, "seconds": 11}\n')
    assert timeline.track(run, "steps").end == 110


def test_run_without_lines_or_with_damaged_ones_is_an_empty_track(root: Path) -> None:
    run = make_run(root)
    track = timeline.track(run, "images")
    assert (track.end, track.snapshot(5), track.fid(5)) == (0, None, None)
    run.metrics_path.write_text('{"step": "x"}\n[1]\nrubbish\n{"step": 10, "images_seen": null, "generator_loss": 1e999}\n')
    assert timeline.curve((timeline.track(run, "images"),), "generator loss", 0.5, ("a",)).num_rows == 0


def test_long_file_is_read_in_places_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening Compare on hundreds of megabytes of logged lines must not read them all."""
    run = make_run(root)
    write_lines(run, [0.5] * 50_000)
    taken = []

    class Counting(io.FileIO):
        def readinto(self, buffer: Any, /) -> int:
            taken.append(super().readinto(buffer) or 0)
            return taken[-1]

        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(size)
            taken.append(len(content))
            return content

        def readall(self) -> bytes:
            content = super().readall()
            taken.append(len(content))
            return content

    monkeypatch.setattr(runs, "open", lambda path, mode, buffering=io.DEFAULT_BUFFER_SIZE: io.BufferedReader(
        Counting(path, mode), buffering), raising=False)  # fmt: skip
    track = timeline.track(run, "images")
    assert track.end == 50_000 * 10 * 16 and len(track.columns["at"]) > 200
    size = run.metrics_path.stat().st_size
    assert 0 < sum(taken) < 500_000 < size / 8, f"{sum(taken):,} of {size:,} bytes"


# Curves


def test_group_is_the_mean_of_its_runs_with_one_deviation_to_either_side(root: Path) -> None:
    tracks = []
    for level in (1.0, 2.0, 6.0):
        run = make_run(root)
        write_lines(run, [level] * 20)
        tracks.append(timeline.track(run, "steps"))
    table = timeline.curve(tuple(tracks), "generator loss", 0.0, ("a", "a", "b")).to_pandas()
    mean, alone = (table[table["curve"] == group] for group in "ab")
    assert mean["value"].to_numpy() == pytest.approx(1.5) and alone["value"].to_numpy() == pytest.approx(6.0)
    assert (mean["high"] - mean["low"]).to_numpy() == pytest.approx(2 * np.std([1, 2], ddof=1))
    assert alone["low"].isna().all()


def test_smoothing_is_an_exponential_average(root: Path) -> None:
    run = make_run(root)
    write_lines(run, [0.0, 0.0, 1.0, 1.0])
    track = timeline.track(run, "steps")
    rough, smooth = (timeline.curve((track,), "generator loss", amount, ("a",))["value"].to_pylist() for amount in (0.0, 0.5))
    assert rough == [0, 0, 1, 1]
    assert smooth == pytest.approx([0, 0, 4 / 7, 12 / 15])


def test_groups_are_seeds_or_values_of_a_setting(root: Path) -> None:
    chosen = [make_run(root, {"training.seed": seed, "networks.latent": latent}) for latent in (8, 16) for seed in (0, 1)]
    named = zip(chosen, [(8, 0), (8, 1), (16, 0), (16, 1)], strict=True)
    names = {run.id: f"latent {latent} · seed {seed}" for run, (latent, seed) in named}
    assert list(timeline.groups(chosen, timeline.SEEDS, names).values()) == ["latent 8", "latent 8", "latent 16", "latent 16"]
    assert list(timeline.groups(chosen, "networks.latent", names).values()) == ["8", "8", "16", "16"]
    assert timeline.groups(chosen, "", names) == names


def test_specification_does_not_depend_on_the_cursor() -> None:
    spec = overlay.chart(["a", "b"], "loss", "step", is_log=True)
    json.dumps(spec)
    table = overlay.with_cursor(timeline.curve((), "FID", 0.0, ()), 7.0)
    assert table.to_pylist() == [{"curve": None, "at": 7.0, "value": None}]


def test_cursor_is_a_row_of_its_own_behind_the_curves(pair: tuple[Run, Run]) -> None:
    tracks = tuple(timeline.track(run, "steps") for run in pair)
    table = timeline.curve(tracks, "D(real)", 0.0, ("a", "b"))
    *rows, cursor = overlay.with_cursor(table, 7).to_pylist()
    assert rows == table.to_pylist() and len(rows) == 20 and {row["curve"] for row in rows} == {"a", "b"}
    assert cursor == {"curve": None, "at": 7.0, "value": None}


def test_common_parts_of_names_are_left_out() -> None:
    names = {"1": "table · hidden 512 · seed 0", "2": "table · baseline · seed 0"}
    assert words.short(names) == {"1": "hidden 512", "2": "baseline"}
    assert words.short({"1": "a · b"}) == {"1": "a · b"}
    same = {"1": "a", "2": "a · b"}
    assert words.short(same) == same, "nothing would be left of one of them"


# The page


def test_two_runs_stand_side_by_side(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa", optimizer__generator_lr=0.0042)
    test = visit("compare", runs=f"{shown.id},{other.id}")
    assert_sound(test)
    assert len(test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")) >= 2
    assert "0.0042" in str(test.dataframe[0].value)


def test_slider_and_player_move_the_samples(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa")
    test = visit("compare", runs=f"{shown.id},{other.id}")
    slider = test.slider(key="at")
    assert slider.value == slider.max, "it begins at the end"
    test.slider(key="at").set_value(0).run()
    assert_sound(test)
    assert sum("step 0" in caption.value for caption in test.caption) == 2
    test.button(key="play").click().run()
    assert_sound(test)
    assert test.slider(key="at").value > 0
    assert test.button(key="play").label == "Pause"


def test_marks_stay_in_the_url_and_notes_with_the_run(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa")
    other.annotate(["odd"], "look at <b>this</b>")
    test = visit("compare", runs=f"{shown.id},{other.id}", pin=other.id, hide=shown.id)
    assert_sound(test)
    table = test.dataframe[0]
    assert list(table.value["Pin"]) == [False, True] and list(table.value["Hide"]) == [True, False]
    assert list(table.value["Note"])[1] == "look at <b>this</b>"


def test_runs_with_nothing_in_common_are_shown_and_not_ranked(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa", data__name="shapes")
    test = visit("compare", runs=f"{shown.id},{other.id}")
    assert_sound(test)
    assert any("different data" in info.value for info in test.info)


def test_seeds_decide_whether_a_difference_counts(visit: Visit, shown: Run) -> None:
    line = json.loads(shown.scores_path.read_text().splitlines()[-1])
    chosen = [shown]
    for place, (seed, lr, fid) in enumerate([(1, 2e-4, 10.1), (0, 4e-4, 20.0), (1, 4e-4, 20.2)]):
        run = twin(shown, f"20260101-000000-00000{place}", training__seed=seed, optimizer__generator_lr=lr)
        run.scores_path.write_text(json.dumps({**line, "fid": fid}) + "\n")
        chosen.append(run)
    config = json.loads(shown.config_path.read_text())
    config["optimizer"]["generator_lr"], config["training"]["seed"] = 2e-4, 0
    shown.config_path.write_text(json.dumps(config))
    shown.scores_path.write_text(json.dumps({**line, "fid": 10.0}) + "\n")
    test = visit("compare", runs=",".join(run.id for run in chosen), group="optimizer.generator_lr")
    assert_sound(test)
    assert any("more than the seeds explain" in markdown.value for markdown in test.markdown)


def test_damaged_configuration_costs_one_sentence(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa")
    other.config_path.write_text("{")
    test = visit("compare", runs=f"{shown.id},{other.id}")
    assert not test.exception
    assert len(test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")) >= 2


def test_nothing_to_compare(visit: Visit, empty: Path) -> None:
    assert any("No runs yet" in info.value for info in visit("compare").info)


def test_scores_that_were_made_differently_are_not_mixed(shown: Run) -> None:
    line = json.loads(shown.scores_path.read_text().splitlines()[-1])
    chosen = [shown, *(twin(shown, f"20260101-000000-00000{place}") for place in range(2))]
    chosen[2].scores_path.write_text(json.dumps({**line, "images": 77, "fid": 1.0}) + "\n")
    label, values = timeline.means(chosen, "fid", {run.id: "all" for run in chosen})
    assert label == line["extractor"] and values == {"all": [line["fid"]] * 2}
    assert timeline.means(chosen, "lpips", {run.id: "all" for run in chosen}) == ("", {})
