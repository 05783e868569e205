"""Compare page: runs aligned on one axis, curves and groups, statements about differences, the URL and marks."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.runs import Origin, Run, index
from gan.storage import lines
from pages.parts import words
from pages.parts.comparison import overlay, stage, timeline, triangle
from tests.helpers import make_run
from tests.pages.test_pages import Visit, assert_sound, texts

#: A line of scores with the fields that the page needs.
LINE: dict[str, Any] = {
    "source": "checkpoint",
    "step": 12,
    "epoch": 1.0,
    "weights": "raw",
    "data": "digits",
    "size": 16,
    "extractor": "digits CNN",
    "extractor_id": "digits-cnn-1",
    "images": 500,
    "real_images": 1797,
    "draws": 1,
    "seed": 0,
    "features": 64,
    "fid": 10.0,
    "floor_fid": 0.5,
}


def score(run: Run, *lines: dict[str, Any]) -> Run:
    """Write lines of scores: ``LINE`` with the given changes."""
    run.scores_path.write_text("".join(json.dumps(LINE | line) + "\n" for line in lines))
    return run


def seeds(root: Path, values: dict[int, float], **changes: Any) -> list[Run]:
    """Return one scored run per seed with the given FID; ``changes`` are further settings."""
    settings = {key.replace("__", "."): value for key, value in changes.items()}
    return [score(make_run(root, {"training.seed": seed, **settings}), {"fid": fid}) for seed, fid in values.items()]


def write_lines(run: Run, losses: list[float], every: int = 10) -> None:
    lines = [
        {"step": every * place, "images_seen": every * place * 16, "seconds": place / 2, "generator_loss": loss, "epoch": place}
        for place, loss in enumerate(losses, 1)
    ]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def twin(run: Run, name: str, **changes: Any) -> Run:
    """Return a copy of a run under another id, with changed settings."""
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
    """Return two runs with different batch sizes, with logged lines and snapshots."""
    one, other = (make_run(root, {"optimizer.batch_size": size}) for size in (16, 32))
    for run, images in ((one, 16), (other, 32)):
        lines = [{"step": step, "images_seen": step * images, "seconds": step / 10, "d_real": 0.6} for step in range(10, 101, 10)]
        run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        for step in (0, 50, 100):
            (run.samples_path / f"{step:08d}.png").write_bytes(b"")
        score(run, *({"source": "training", "step": step, "fid": 100.0 - step} for step in (50, 100)))
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


def test_track_is_empty_without_lines_or_with_damaged_lines(root: Path) -> None:
    run = make_run(root)
    track = timeline.track(run, "images")
    assert (track.end, track.snapshot(5), track.fid(5)) == (0, None, None)
    run.metrics_path.write_text('{"step": "x"}\n[1]\nrubbish\n{"step": 10, "images_seen": null, "generator_loss": 1e999}\n')
    run.scores_path.write_text('{"source": "training", "step": 3, "fid": 1}\n[]\n')
    track = timeline.track(run, "images")
    assert not any(timeline.charts((track,), name, 0.5, ("a",)) for name in timeline.CURVES)


def test_only_parts_of_a_long_file_are_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare must open quickly on hundreds of megabytes of logged lines, so it must not read them all."""
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

    monkeypatch.setattr(
        lines,
        "open",
        lambda path, mode, buffering=io.DEFAULT_BUFFER_SIZE: io.BufferedReader(Counting(path, mode), buffering),
        raising=False,
    )
    track = timeline.track(run, "images")
    assert track.end == 50_000 * 10 * 16 and len(track.columns["at"]) > 200
    size = run.metrics_path.stat().st_size
    assert 0 < sum(taken) < 500_000 < size / 8, f"{sum(taken):,} of {size:,} bytes"


# Curves


def test_group_is_the_mean_of_its_runs_with_a_band_of_one_standard_deviation(root: Path) -> None:
    tracks = []
    for level in (1.0, 2.0, 6.0):
        run = make_run(root)
        write_lines(run, [level] * 20)
        tracks.append(timeline.track(run, "steps"))
    table = timeline.charts(tuple(tracks), "generator loss", 0.0, ("a", "a", "b"))["generator loss"].to_pandas()
    mean, alone = (table[table["curve"] == group] for group in "ab")
    assert mean["value"].to_numpy() == pytest.approx(1.5) and alone["value"].to_numpy() == pytest.approx(6.0)
    assert (mean["high"] - mean["low"]).to_numpy() == pytest.approx(2 * np.std([1, 2], ddof=1))
    assert alone["low"].isna().all()


@pytest.mark.parametrize("axis", list(timeline.AXES))
def test_mean_fid_is_shown_only_where_every_seed_was_scored(root: Path, axis: str) -> None:
    """A dot stands for a measurement, so there must not be a dot where nothing was measured."""
    tracks = []
    for place, steps in enumerate(((10, 20, 40), (10, 40, 50))):
        run = score(make_run(root), *({"source": "training", "step": step, "fid": step + 2.0 * place} for step in steps))
        lines = [{"step": step, "images_seen": 16 * step, "seconds": (1 + place) * step} for step in range(0, 60, 10)]
        run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        tracks.append(timeline.track(run, axis))
    (table,) = timeline.charts(tuple(tracks), "FID", 0.5, ("a", "a")).values()
    each = {"images": 16, "steps": 1, "time": 1.5}[axis]
    assert table["at"].to_pylist() == [10 * each, 40 * each] and table["value"].to_pylist() == [11, 41]
    assert table["high"].to_pylist() == pytest.approx([11 + 2**0.5, 41 + 2**0.5])


def test_seeds_never_scored_at_the_same_step_have_no_mean(root: Path) -> None:
    chosen = [score(make_run(root), {"source": "training", "step": step}) for step in (5, 6, 7)]
    for run in chosen:
        write_lines(run, [1.0] * 3)
    tracks = tuple(timeline.track(run, "steps") for run in chosen)
    assert timeline.charts(tracks, "FID", 0.0, ("a", "a", "a")) == {}
    (table,) = timeline.charts(tracks, "FID", 0.0, ("a", "a", "b")).values()
    assert table["curve"].to_pylist() == ["b"]


def test_smoothing_is_an_exponential_average(root: Path) -> None:
    run = make_run(root)
    write_lines(run, [0.0, 0.0, 1.0, 1.0])
    track = timeline.track(run, "steps")
    tables = [timeline.charts((track,), "generator loss", amount, ("a",))["generator loss"] for amount in (0.0, 0.5)]
    rough, smooth = (table["value"].to_pylist() for table in tables)
    assert rough == [0, 0, 1, 1]
    assert smooth == pytest.approx([0, 0, 4 / 7, 12 / 15])


def test_runs_are_grouped_by_seeds_or_by_a_setting(root: Path) -> None:
    chosen = [make_run(root, {"training.seed": seed, "networks.latent": latent}) for latent in (8, 16) for seed in (0, 1)]
    named = zip(chosen, [(8, 0), (8, 1), (16, 0), (16, 1)], strict=True)
    names = {run.id: f"latent {latent} · seed {seed}" for run, (latent, seed) in named}
    assert list(timeline.groups(chosen, timeline.SEEDS, names).values()) == ["latent 8", "latent 8", "latent 16", "latent 16"]
    assert list(timeline.groups(chosen, "networks.latent", names).values()) == ["8", "8", "16", "16"]
    assert timeline.groups(chosen, "", names) == names


def test_groups_of_different_settings_never_share_a_name(root: Path) -> None:
    """Two sweeps that each call their base “baseline” must not become one mean."""
    chosen = [make_run(root, {"training.seed": seed, "networks.latent": latent}) for latent in (8, 16) for seed in (0, 1)]
    other = make_run(root)
    other.config_path.write_text("{")
    names = {run.id: f"baseline · seed {place % 2}" for place, run in enumerate(chosen)} | {other.id: "baseline"}
    found = timeline.groups([*chosen, other], timeline.SEEDS, names)
    first, second = found[chosen[0].id], found[chosen[2].id]
    assert [found[run.id] for run in chosen] == [first, first, second, second]
    assert len({first, second, found[other.id]}) == 3
    told = timeline.groups(chosen, timeline.SEEDS, names)
    assert [told[run.id] for run in chosen[::2]] == ["baseline · latent size 8", "baseline · latent size 16"]


def test_groups_whose_runs_differ_in_other_settings_are_named(root: Path) -> None:
    chosen = [make_run(root, {"training.seed": seed, "networks.latent": latent}) for latent in (8, 16) for seed in (0, 1)]
    chosen.append(make_run(root, {"networks.latent": 8, "networks.width": 8}))
    group_of = timeline.groups(chosen, "networks.latent", {run.id: run.id for run in chosen})
    assert timeline.mixed(chosen, group_of) == ["8"] and timeline.mixed(chosen[:4], group_of) == []


def test_fids_that_cannot_be_compared_get_separate_charts(root: Path) -> None:
    kinds: list[dict[str, Any]] = [{}, {}, {"extractor_id": "inception-2015-1", "extractor": "Inception 2015"}, {"data": "shapes"}]
    kinds.append({"size": 64})
    chosen = [score(make_run(root), {**kind, "source": "training", "step": 5}) for kind in kinds]
    found = timeline.charts(tuple(timeline.track(run, "steps") for run in chosen), "FID", 0.0, ("a", "b", "c", "d", "e"))
    curves = {title: table["curve"].unique().to_pylist() for title, table in found.items()}
    few = "quick FID · digits CNN, 500 images of"
    size = chosen[0].scores()[0]["size"]
    assert curves == {
        f"{few} digits, {size} × {size} pixels": ["a", "b"],
        "quick FID": ["c"],
        f"{few} shapes, {size} × {size} pixels": ["d"],
        f"{few} digits, 64 × 64 pixels": ["e"],
    }


def test_a_run_later_scored_on_other_features_has_two_fid_curves(root: Path) -> None:
    kinds = ({"fid": 9.0}, {"fid": 5.0, "extractor_id": "inception-2015-1"})
    run = score(make_run(root), *({**kind, "source": "training", "step": 5 * place} for place, kind in enumerate(kinds, 1)))
    track = timeline.track(run, "steps")
    assert (track.label, track.fid(99)) == ("quick FID", 5.0)
    found = timeline.charts((track,), "FID", 0.0, ("a",))
    values = {title: table["value"].to_pylist() for title, table in found.items()}
    assert values == {"quick FID · digits CNN": [9.0], "quick FID": [5.0]}


def test_specification_does_not_depend_on_the_cursor() -> None:
    spec = overlay.chart(["a", "b"], "loss", "step", is_log=True)
    assert "data" not in spec and json.dumps(spec)


def test_legend_names_all_groups_in_the_colours_of_the_charts() -> None:
    names = ["latent size 128 · seed 0", "<b>baseline</b>"]
    colour = overlay.chart(names, "FID", "step", is_log=False)["layer"][1]["encoding"]["color"]
    assert colour["scale"] == {"domain": names, "range": overlay.colours(names)} and colour["legend"] is None
    drawn = overlay.legend(names)
    assert all(shade in drawn for shade in overlay.colours(names))
    assert names[0] in drawn and "&lt;b&gt;baseline&lt;/b&gt;" in drawn and "<b>" not in drawn


def test_fid_in_training_has_dots() -> None:
    marks = [overlay.chart(["a"], "FID", "step", is_log=False, has_points=has)["layer"][1]["mark"] for has in (True, False)]
    assert [mark["point"]["opacity"] for mark in marks] == [1, 0]


def test_cursor_is_a_separate_row_after_the_curves(pair: tuple[Run, Run]) -> None:
    tracks = tuple(timeline.track(run, "steps") for run in pair)
    table = timeline.charts(tracks, "D(real)", 0.0, ("a", "b"))["D(real)"]
    *rows, cursor = overlay.with_cursor(table, 7).to_pylist()
    assert rows == table.to_pylist() and len(rows) == 20 and {row["curve"] for row in rows} == {"a", "b"}
    assert cursor == {"curve": None, "at": 7.0, "value": None}


def test_common_parts_of_names_are_left_out() -> None:
    names = {"1": "table · hidden 512 · seed 0", "2": "table · baseline · seed 0"}
    assert words.short(names) == {"1": "hidden 512", "2": "baseline"}
    assert words.short({"1": "a · b"}) == {"1": "a · b"}
    same = {"1": "a", "2": "a · b"}
    assert words.short(same) == same, "shortening would leave one name empty"
    twins = {"20260101-000000-aaaaaa": "a · aaaaaa", "20260101-000000-bbbbbb": "a · bbbbbb"}
    assert words.short(twins) == twins, "shortening would leave only the ids"


# The page


def test_two_runs_are_shown_side_by_side(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa", optimizer__generator_lr=0.0042)
    test = visit("compare", runs=f"{shown.id},{other.id}")
    assert_sound(test)
    assert len(test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")) >= 2
    assert "0.0042" in test.dataframe[0].value.to_string()


def test_opens_with_the_newest_runs_with_samples_of_one_data_set(visit: Visit, shown: Run) -> None:
    alike = [twin(shown, f"20270101-000000-00000{place}") for place in range(4)]
    twin(shown, "20270102-000000-000000", data__name="shapes")
    bare = twin(shown, "20270103-000000-000000")
    shutil.rmtree(bare.samples_path)
    test = visit("compare")
    assert_sound(test)
    assert test.multiselect(key="compare/runs").value == [run.id for run in reversed(alike)]


def last_stop(test: AppTest) -> int:
    """Return the position at the end of the slider."""
    return int(test.select_slider(key="at").options[-1].replace(",", ""))


@pytest.mark.parametrize(("end", "last", "most"), [(640, 640, 108), (0.0, 1, 2), (12.4, 13, 14), (63_999, 63_999, 102)])
def test_slider_ends_where_the_longest_run_does(end: float, last: int, most: int) -> None:
    stops = stage.stops_to(end)
    assert stops[0] == 0 and stops[-1] == last and len(stops) <= most and stops == sorted(set(stops))


def test_slider_and_player_move_the_samples(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa")
    test = visit("compare", runs=f"{shown.id},{other.id}")
    assert test.select_slider(key="at").value == last_stop(test), "the slider starts at the end"
    test.select_slider(key="at").set_value(0).run()
    assert_sound(test)
    pictures = [picture.proto.imgs[0] for picture in test.get("image")]
    assert [picture.caption.partition(" ·")[0] for picture in pictures] == ["Step 0", "Step 0"]
    test.button(key="play").click().run()
    assert_sound(test)
    assert test.select_slider(key="at").value > 0
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
    test = visit("compare", runs=",".join(run.id for run in chosen), group="Generator learning rate")
    assert_sound(test)
    assert any("more than the seeds explain" in markdown.value for markdown in test.markdown)


def test_damaged_configuration_does_not_break_the_page(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa")
    other.config_path.write_text("{")
    test = visit("compare", runs=f"{shown.id},{other.id}")
    assert not test.exception
    assert len(test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")) >= 2


def test_nothing_to_compare(visit: Visit, empty: Path) -> None:
    assert any("No runs yet" in info.value for info in visit("compare").info)


# Statements about differences


def measure(chosen: list[Run], name: str = "fid") -> timeline.Measured:
    names = {run.id: f"v{place} · seed {run.config().training.seed}" for place, run in enumerate(chosen)}
    return timeline.measure(chosen, name, timeline.groups(chosen, timeline.SEEDS, names))


def test_scores_made_differently_are_left_out_and_named(root: Path) -> None:
    chosen = [*seeds(root, {0: 10.0, 1: 11.0}), *seeds(root, {2: 1.0, 3: 1.0})]
    score(chosen[2], {"images": 77})
    score(chosen[3])
    found = measure(chosen)
    assert found.line and found.line["extractor"] == "digits CNN" and found.values == {"v0": [10.0, 11.0]}
    assert found.left_out == {
        chosen[2].id: "scored differently: number of generated images (77, 500)",
        chosen[3].id: "without this score",
    }
    nothing = measure(chosen, "lpips")
    assert nothing.line is None and not nothing.values and len(nothing.left_out) == 4


def test_runs_with_the_same_seed_count_once(root: Path) -> None:
    chosen = [*seeds(root, {0: 10.0, 1: 12.0}), *seeds(root, {0: 11.0})]
    assert measure(chosen).values == {"v0": [10.5, 12.0]}


@pytest.mark.parametrize(("state", "word"), [("stopped", "stopped"), ("diverged", "diverged"), ("finished", "finished")])
def test_runs_of_unequal_training_are_left_out_with_the_reason(root: Path, state: runs.State, word: str) -> None:
    chosen = [*seeds(root, {0: 10.0, 1: 11.0}), *seeds(root, {0: 20.0, 1: 21.0}, networks__latent=16)]
    step = 24 if state == "finished" else 6
    score(chosen[3], {"step": step})
    chosen[3].write_status(runs.Status(state=state, step=step, total_steps=step))
    found = measure(chosen)
    assert found.values == {"v0": [10.0, 11.0], "v2": [20.0]}
    assert found.left_out == {chosen[3].id: f"{word}, scored at step {step}, most others at step 12"}


def test_a_longer_planned_training_is_not_unequal(root: Path) -> None:
    chosen = [*seeds(root, {0: 10.0, 1: 11.0}), *seeds(root, {0: 5.0, 1: 6.0}, training__length="24 steps")]
    for run in chosen[2:]:
        score(run, {"step": 24})
    assert measure(chosen).left_out == {}
    score(chosen[2], {"step": 12})
    assert list(measure(chosen).left_out) == [chosen[2].id], "of two runs, the one trained as planned is kept"


def test_partners_differ_in_one_setting_only(root: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"networks.latent": 16},
        {"networks.latent": 16, "networks.width": 8},
        {"networks.width": 8},
    ]
    chosen = [make_run(root, change) for change in changes]
    norms = {"networks.generator_norm": "batch", "networks.discriminator_norm": "batch"}
    chosen += [make_run(root, {**norms, "networks.latent": latent}, family="mlp") for latent in (8, 16)]
    group_of = {run.id: str(place) for place, run in enumerate(chosen)}
    assert timeline.partners(chosen, "networks.latent", group_of) == [("0", "1"), ("2", "3"), ("4", "5")]
    assert timeline.partners(chosen, "networks.width", group_of) == [("0", "3"), ("1", "2")]
    assert timeline.partners(chosen, "networks.family", group_of) == [("0", "4"), ("1", "5"), ("2", "5"), ("3", "4")]


def test_setting_is_judged_between_otherwise_equal_runs(root: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wide runs share the latent size of the base runs, but are not further seeds of them."""
    monkeypatch.setenv("GAN_RUNS", str(root))
    chosen = [*seeds(root, {0: 10.0, 1: 10.1}), *seeds(root, {0: 20.0, 1: 20.1}, networks__latent=16)]
    wide = seeds(root, {0: 50.0, 1: 50.2}, networks__width=8)
    for seed, run in enumerate(wide):
        run.rename(f"wide · seed {seed}")
    test = visit("compare", runs=",".join(run.id for run in chosen + wide), group="Latent size")
    assert_sound(test)
    shown = texts(test).replace("\\", "")
    assert "“Latent size 8” has a better FID (digits CNN) than “Latent size 16”" in shown and "2 and 2 seeds" in shown
    assert "no other scored run differs only in Latent size: “wide”" in shown
    assert "The runs in “8” differ in more than the seed, so their bands are not pure seed noise" in shown


def test_pairs_form_a_triangle_with_a_sentence_each(root: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    levels = (10.0, 10.2, 10.4, 10.6, 10.8, 900.0)
    chosen = [run for place, fid in enumerate(levels) for run in seeds(root, {0: fid, 1: fid + 5}, networks__latent=8 + place)]
    test = visit("compare", runs=",".join(run.id for run in chosen), group="seeds of the same settings")
    assert_sound(test)
    (told,) = [text.value.splitlines() for text in test.markdown if text.value.startswith("- ")]
    assert ["more than the seeds explain" in line for line in told] == [True] * 5 + [False] * 10, "the clear differences come first"
    assert "In words: 5 of 15 differences larger than seed noise" in [part.label for part in test.expander]
    (drawn,) = [part.body.partition("<table>")[2] for part in test.get("html") if "triangle" in part.body]
    assert drawn.count("<td tabindex") == 15 and drawn.count("↑") == 5 and "←" not in drawn
    assert "5 % at most (Holm)" in texts(test)
    test.toggle(key="holm").set_value(False).run()
    assert_sound(test)
    assert "5 % error rate" in texts(test)
    assert "standard deviation over seeds" in texts(test)


def test_pairs_of_too_few_seeds_are_unknown_not_equal(root: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    chosen = [run for place in range(3) for run in seeds(root, {0: 10.0 + place}, networks__latent=8 + place)]
    test = visit("compare", runs=",".join(run.id for run in chosen))
    assert_sound(test)
    (title,) = [part.label for part in test.expander if part.label.startswith("In words")]
    assert title == "In words: 0 of 3 differences larger than seed noise, 3 unknown with so few seeds"


def test_summary_for_phones_leaves_out_unknown_settings(root: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    chosen = [make_run(root, {"networks.latent": latent}) for latent in (8, 9, 10)]
    (chosen[2].path / "config.json").write_text("{")
    test = visit("compare", runs=",".join(run.id for run in chosen))
    (drawn,) = [part.body for part in test.get("html") if "Latent size 9" in part.body]
    assert "–" not in drawn


def test_triangle_shows_names_and_sentences_literally() -> None:
    cell = triangle.Cell(-2.0, True, 0.004, "“<b>” is better")
    drawn = triangle.table(["<b>", "c"], {(0, 1): cell})
    assert "<b>" not in drawn and "&lt;b&gt;" in drawn and "↑ 2" in drawn
    assert "?" in triangle.table(["a", "c"], {(0, 1): cell._replace(size=None, p=None)})
    assert [triangle.strength(p)[0] for p in (0.0001, 0.01, 0.05, 0.06, None)] == ["very clear", "clear", "just clear", "", ""]


def test_runs_left_out_are_named(root: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    chosen = [*seeds(root, {0: 10.0, 1: 11.0}), *seeds(root, {0: 20.0, 1: 21.0}, networks__latent=16), make_run(root)]
    chosen[-1].rename("<b>new</b>")
    score(chosen[0], {"fid": 10.0, "images": 60})
    for run in chosen[1:4]:
        score(run, {"fid": 20.0, "images": 60})
    test = visit("compare", runs=",".join(run.id for run in chosen))
    assert_sound(test)
    assert words.escape("“<b>new</b>” (without this score)") in texts(test)
    assert "this FID is too high" in texts(test), "60 images for 64 features"


# The view in the URL


def cursors(test: AppTest) -> set[float]:
    """Return the positions of the dashed cursor lines in the charts."""
    tables = [pa.ipc.open_stream(chart.proto.datasets[0].data.data).read_all() for chart in charts(test)]
    return {row["at"] for table in tables for row in table.to_pylist() if row["curve"] is None}


def charts(test: AppTest) -> list[Any]:
    return list(test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart"))


def test_url_holds_the_whole_view(visit: Visit, pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(pair[0].root))
    for run in pair:
        score(run, {"fid": 5.0, "kid": 0.1})
    test = visit(
        "compare",
        runs=",".join(run.id for run in pair),
        axis="steps",
        at="50",
        smooth="0.9",
        log="true",
        curves="D(real)",
        score="KID",
    )
    assert_sound(test)
    assert test.select_slider(key="at").value == 50 and cursors(test) == {50.0}
    assert test.slider(key="smooth").value == 0.9 and test.toggle(key="log").value
    assert test.multiselect(key="curves").value == ["D(real)"] and test.selectbox(key="score").value == "kid"
    (chart,) = charts(test)
    spec = json.loads(chart.proto.spec)
    assert spec["layer"][1]["encoding"]["y"]["scale"]["type"] == "symlog" and spec["layer"][1]["encoding"]["x"]["title"] == "step"


def test_cursor_moves_with_the_slider(visit: Visit, pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(pair[0].root))
    test = visit("compare", runs=",".join(run.id for run in pair), axis="steps", curves="D(real)")
    assert cursors(test) == {100.0}
    test.select_slider(key="at").set_value(40).run()
    assert cursors(test) == {40.0} and test.query_params["at"] in ("40", ["40"])


def test_slider_keeps_its_share_when_the_axis_changes(visit: Visit, pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(pair[0].root))
    test = visit("compare", runs=",".join(run.id for run in pair), axis="steps", at="50")
    test.segmented_control(key="axis").set_value("images").run()
    assert_sound(test)
    assert last_stop(test) >= 3200
    assert test.select_slider(key="at").value == pytest.approx(1600, abs=32)
    test.select_slider(key="at").set_value(last_stop(test)).run()
    test.segmented_control(key="axis").set_value("steps").run()
    assert test.select_slider(key="at").value == last_stop(test) == 100


def test_slider_at_the_end_stays_there_while_a_run_grows(
    visit: Visit, pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_RUNS", str(pair[0].root))
    test = visit("compare", runs=",".join(run.id for run in pair), axis="steps")
    with open(pair[1].metrics_path, "a") as file:
        file.write('{"step": 200, "images_seen": 6400, "seconds": 20, "d_real": 0.5}\n')
    test.run()
    assert test.select_slider(key="at").value == last_stop(test) == 200


# Marks


def edit(test: AppTest, row: int, cells: dict[str, Any]) -> AppTest:
    """Edit cells of the table the way the browser does."""
    states = test._tree.get_widget_states()
    states.widgets.add(id=test.data_editor[0].proto.id, string_value=json.dumps({"edited_rows": {str(row): cells}}))
    test._run(states)
    assert_sound(test)
    assert not test.error
    return test


def test_edited_marks_are_kept(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa")
    test = visit("compare", runs=f"{shown.id},{other.id}")
    edit(test, 1, {"Pin": True})
    assert test.query_params["pin"] in (other.id, [other.id])
    edit(test, 0, {"Hide": True})
    assert test.query_params["hide"] in (shown.id, [shown.id])
    edit(test, 1, {"Tags": ["odd", "wide"]})
    edit(test, 1, {"Note": "look again"})
    assert (other.told().tags, other.told().note) == (("odd", "wide"), "look again")
    edit(test, 1, {"Pin": False})
    assert "pin" not in test.query_params
    assert shown.told().note == "" and not shown.told().tags


@pytest.mark.parametrize("empty", [None, ""])
def test_emptied_note_and_tags_are_empty(visit: Visit, shown: Run, empty: str | None) -> None:
    """An emptied cell comes back as NaN."""
    shown.annotate(["odd"], "look again")
    other = twin(shown, "20260101-000000-aaaaaa")
    test = visit("compare", runs=f"{shown.id},{other.id}")
    edit(test, 0, {"Note": empty})
    edit(test, 0, {"Tags": None if empty is None else []})
    assert (shown.told().tags, shown.told().note) == ((), "")
    assert (other.told().tags, other.told().note) == (("odd",), "look again")


# Forks


def test_each_run_links_to_its_page(visit: Visit, shown: Run) -> None:
    other = twin(shown, "20260101-000000-aaaaaa")
    test = visit("compare", runs=f"{shown.id},{other.id}")
    links = [link.proto for link in test.get("page_link") if link.proto.page == "watch" and "run=" in link.proto.query_string]
    assert [link.query_string for link in links] == [f"run={shown.id}", f"run={other.id}"]
    assert all(link.label.startswith("**") for link in links)


def test_chosen_runs_are_kept_when_returning_from_watch(visit: Visit, shown: Run) -> None:
    others = [twin(shown, f"20260101-000000-00000{place}") for place in range(2)]
    test = visit("compare", runs=",".join(run.id for run in others))
    test.switch_page("pages/watch.py").run()
    test.query_params.clear()
    test.switch_page("pages/compare.py").run()
    assert_sound(test)
    assert test.multiselect(key="compare/runs").value == [run.id for run in others]


def test_card_of_a_fork_names_its_parent(visit: Visit, shown: Run) -> None:
    child = twin(shown, "20260101-000000-aaaaaa")
    child.write_origin(Origin(run=shown.id, step=5))
    orphan = twin(shown, "20260101-000000-bbbbbb")
    orphan.write_origin(Origin(run="20250101-000000-cccccc", step=5))
    test = visit("home")
    assert_sound(test)
    told = [caption.value for caption in test.caption if caption.value.startswith("fork of")]
    parent = index.read(shown.root).names[shown.id]
    assert parent.startswith(shown.label()) and sorted(told) == sorted([f"fork of {words.escape(parent)}", "fork of a deleted run"])
