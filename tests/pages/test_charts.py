"""Charts and tables as pure functions: thinning keeps extremes, and rankings respect the spread."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from gan.errors import InputError
from gan.runs import Origin, changes
from gan.runs.changes import Change
from gan.runs.columns import COLUMNS
from gan.storage.files import to_json
from gan.storage.lines import LineWriter
from pages.parts import charts, logged, marks, words
from pages.parts.charts import style
from pages.parts.evaluation import columns
from pages.parts.evaluation import table as scores_table
from tests.helpers import make_run


def table(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"step": np.arange(1.0, len(values) + 1) * 10, "loss": values})


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5000), st.sampled_from([0.0, 0.6, 0.99]))
def test_thinning_keeps_every_extreme(values: list[float], smoothing: float) -> None:
    shown = charts.thin(table(values), {"a": "loss"}, smoothing)
    assert len(shown) <= 2 * charts.MOST_POINTS
    assert shown["a raw"].min() == min(values) and shown["a raw"].max() == max(values)
    assert shown["step"].is_monotonic_increasing
    assert shown["a"].between(min(values) - 1e-6, max(values) + 1e-6).all()


def test_smoothing_is_the_exponential_average_described_in_the_help() -> None:
    values = [1.0, 0.0, 0.0, 4.0]
    shown = charts.thin(table(values), {"a": "loss"}, 0.5)
    weights = [0.5**age for age in range(4)]
    expected = sum(weight * value for weight, value in zip(weights, reversed(values), strict=True)) / sum(weights)
    assert shown["a"].iloc[-1] == pytest.approx(expected)


def test_zoom_shows_more_detail() -> None:
    long = table([math.sin(index / 7) for index in range(100_000)])
    shown = charts.thin(long, {"a": "loss"}, 0.0, (500_000.0, 502_000.0))
    inside = shown[shown["step"].between(500_000, 502_000)]
    assert len(inside) == 201  # every logged line in the zoomed range
    assert shown["step"].min() < 500_000 and shown["step"].max() > 502_000  # the curves continue beyond both edges


def test_curves_depend_on_settings_alone() -> None:
    spec = charts.curves(["generator", "discriminator"], "loss", is_log=True, rule=0.5)
    assert "values" not in json.dumps({key: value for key, value in spec.items() if key != "layer"})
    assert json.loads(json.dumps(spec)) == spec
    assert "zoom" in json.dumps(spec)


def test_kept_curves_show_every_value_and_leave_gaps_for_missing_ones() -> None:
    shown = charts.thin(table([1.0, math.nan, 3.0]), {"<b>a": "loss"}, 0.0)
    raw, smooth = charts.kept_curves(shown, ["<b>a"], "loss", 200).data
    assert list(raw.x) == [10, 20, 30] and raw.y[0] == 1 and math.isnan(raw.y[1]) and raw.y[2] == 3
    assert smooth.showlegend is None and raw.showlegend is False and "&lt;b&gt;a" in smooth.hovertemplate
    assert smooth.name == "&lt;b&gt;a"


def test_curve_of_one_value_can_be_seen() -> None:
    marks = [layer["mark"] for layer in charts.curves(["FID"], "FID", has_points=True)["layer"][0]["layer"]]
    assert [mark.get("point", False) for mark in marks] == [False, True]


def test_tail_reads_new_lines_and_replaces_steps_logged_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = logged.Tail(path)
    assert tail.table().empty
    writer = LineWriter(path)
    for step in (10, 20, 30):
        writer.write({"step": step, "generator_loss": float(step)})
    assert list(tail.table()["generator_loss"]) == [10.0, 20.0, 30.0]
    path.open("ab").write(b'{"step": 40, "gener')  # cut in half by a crash
    assert len(tail.table()) == 3
    writer = LineWriter(path)
    for step in (20, 30, 40):  # resumed from step 10
        writer.write({"step": step, "generator_loss": step + 0.5})
    assert list(tail.table()["step"]) == [10, 20, 30, 40]
    assert list(tail.table()["generator_loss"]) == [10.0, 20.5, 30.5, 40.5]
    path.write_text("")
    assert tail.table().empty


def test_thinned_curves_follow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail, writer = logged.Tail(path), LineWriter(path)
    losses, norms = {"generator": "generator_loss"}, {"generator": "generator_grad_norm"}
    for step in range(1, 6):
        writer.write({"step": step, "generator_loss": float(step), "generator_grad_norm": 10.0 * step})
        for names in (losses, norms):
            for smoothing, zoom in ((0.0, None), (0.5, None), (0.0, (2.0, 3.0))):
                shown = tail.thin(names, smoothing, zoom)
                pd.testing.assert_frame_equal(shown.to_pandas(), charts.thin(tail.table(), names, smoothing, zoom))
                assert tail.thin(names, smoothing, zoom) is shown


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.lists(st.none(), max_size=2)
LINES = st.dictionaries(st.sampled_from([*COLUMNS, "another"]), VALUES, max_size=4).map(json.dumps)
#: Lines as a trainer writes them, and damaged ones.
SOUND = st.dictionaries(st.sampled_from([*COLUMNS, "another"]), st.none() | st.integers() | st.floats(allow_nan=False)).map(to_json)
DAMAGED = st.tuples(SOUND, st.integers(0, 40)).map(lambda pair: pair[0][: pair[1]])
DOUBLE = st.tuples(SOUND, SOUND).map("".join)


@given(st.lists(SOUND) | st.lists(SOUND | LINES | DAMAGED | DOUBLE | st.just("") | st.just("[1]") | st.text(max_size=5)))
@example([f'{{"step": {"1" * 400}}}', '{"step": 1, "step": 2}', '{"step": 1e999}', '{"step": 9007199254740993}'])
@example(["", "{}{}"])
def test_logged_lines_become_the_numbers_in_them(rows: list[str]) -> None:
    content = "".join(f"{row}\n" for row in rows).encode("utf-8", "surrogatepass")
    found = []
    for line in content.splitlines():
        with contextlib.suppress(ValueError):
            if isinstance(one := json.loads(line), dict):
                found.append([logged.as_number(one.get(name)) for name in COLUMNS])
    expected = pd.DataFrame(found, columns=list(COLUMNS), dtype="float64")
    pd.testing.assert_frame_equal(logged.as_numbers(content), expected, check_index_type=False)


@given(st.floats(0, 1e9))
def test_durations_are_short_and_plain(seconds: float) -> None:
    text = words.duration(seconds)
    assert 3 <= len(text) <= 14 and text[-1].isalpha()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (59.6, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (90_000, "1 d 1 h"), (None, "unknown")],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_messages_name_settings_as_the_form_does() -> None:
    told = "networks.depth is 9; set optimizer.batch_size to 1, or “training.length” to “1 epoch”, not data.zip, my.networks.odd"
    assert words.titled(told) == "“Depth” is 9; set “Batch size” to 1, or “Train for” to “1 epoch”, not data.zip, my.networks.odd"
    assert words.message(InputError("objective.r1 <b>")) == words.escape("“R1 γ” <b>")


@pytest.mark.parametrize(
    ("amount", "noun", "text"),
    [
        (1, "image", "1 image"),
        (0, "image", "0 images"),
        (1797, "image", "1,797 images"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
    ],
)
def test_count(amount: int, noun: str, text: str) -> None:
    assert words.count(amount, noun) == text


@pytest.mark.parametrize("count", [10, 5000])
def test_nan_loss_is_a_gap_and_not_a_zero(count: int) -> None:
    shown = charts.thin(table([0.7] * count + [math.nan]), {"a": "loss"}, 0.0)
    assert shown["a raw"].min() == 0.7 and shown["a"].min() == pytest.approx(0.7)


def test_run_names_with_numbers_or_tags_are_plain_text() -> None:
    scored = pd.DataFrame({"name": ["64", "<b>128</b>"], "value": [1.0, 2.0], "spread": [math.nan, 0.1], "best": [False, False]})
    figure = charts.scores(scored, "FID", 0.5, lower_is_better=True)
    assert figure.layout.yaxis.type == "category"
    assert list(figure.data[0].y) == ["64", "&lt;b&gt;128&lt;/b&gt;"]


def test_thumbnails_of_a_run_that_trains_are_kept_for_its_newest_samples_only(tmp_path: Path) -> None:
    def kept() -> list[str]:
        found = scores_table._small.kept.items()  # type: ignore[attr-defined]
        return [version[0] for key, (version, _) in found if key[0] == tmp_path]

    for step in ("000001.png", "000002.png"):
        Image.new("L", (64, 64)).save(tmp_path / step)
        assert scores_table.thumbnail(tmp_path / step) == scores_table.thumbnail(tmp_path / step)
        assert kept() == [step]
    Image.new("L", (64, 64), 255).save(tmp_path / "000002.png")
    first = scores_table.thumbnail(tmp_path / "000001.png")
    assert first != scores_table.thumbnail(tmp_path / "000002.png") and kept() == ["000002.png"]


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + bytes(200)])
def test_damaged_picture_has_no_thumbnail(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "00000000.png"
    path.write_bytes(damage)
    assert scores_table.thumbnail(path) is None


def test_scores_during_training_are_a_curve(root: Path) -> None:
    run = make_run(root)
    line = {"source": "training", "extractor": "digits CNN", "extractor_id": "digits-cnn-2"}
    lines = [line | {"step": 20, "fid": 5.0}, line | {"step": 10, "fid": 9.0}, {"source": "checkpoint", "step": 30, "fid": 1.0}]
    run.scores_path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    shown = logged.scores(run)
    assert shown["step"].tolist() == [10, 20] and shown["fid"].tolist() == [9.0, 5.0]
    assert shown.attrs["label"] == "FID · digits CNN"


def test_unknown_spread_is_not_zero() -> None:
    scored = pd.DataFrame({"name": ["a", "b"], "value": [1.0, 900.0], "spread": [math.nan, 0.25], "best": [True, False]})
    (dots,) = charts.scores(scored, "FID", None, lower_is_better=True).data
    assert list(dots.marker.symbol) == ["star", "circle"]
    assert list(dots.text) == ["1", "900.00 ± 0.25"] and list(dots.error_x.array) == [None, 0.25]
    dots = charts.against([("a", 1, 5.0, math.nan), ("b", 2, 7.0, 0.25)], "rate", "FID", None).data[-1]
    assert list(dots.customdata) == ["5", "7.00 ± 0.25"] and list(dots.error_y.array) == [None, 0.25]


@pytest.mark.parametrize(
    ("values", "is_log"), [([1.0, 9.9], False), ([1.0, 10.0], True), ([0.0, 10.0], False), ([-1.0, 10.0], False), ([], False)]
)
def test_axis_is_logarithmic_if_its_values_span_a_decade(values: list[float], *, is_log: bool) -> None:
    assert (style.axis("FID", [*values, None, math.nan]).get("type") == "log") == is_log
    scored = pd.DataFrame({"name": list(map(str, values)), "value": values, "spread": math.nan, "best": False})
    assert (charts.scores(scored, "FID", 0.0, lower_is_better=True).layout.xaxis.type == "log") == is_log
    if values:
        assert (charts.training([("a", [1, 2], values)], "FID", None).layout.yaxis.type == "log") == is_log
        assert (charts.against([("a", one, 1.0, 0.1) for one in values], "rate", "FID", None).layout.xaxis.type == "log") == is_log


def test_real_images_have_a_line_at_their_score_on_either_axis() -> None:
    for values in ([300.0, 400.0], [3.0, 400.0]):
        figure = charts.training([("a", [1, 2], values)], "FID", 2.0)
        low, high = figure.layout.yaxis.range
        place = math.log10(2.0) if figure.layout.yaxis.type == "log" else 2.0
        assert figure.layout.shapes[0].y0 == 2.0 and low < place < high
        assert [one.y for one in figure.layout.annotations if one.text == "real images"] == [pytest.approx(place)]
    assert not charts.training([("a", [1, 2], [3.0, 400.0])], "FID", 0.0).layout.shapes  # a log axis has no 0


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.01, 0.3))
def test_labels_keep_their_distance_and_order(places: list[float], least: float) -> None:
    found = style.apart(places, least, 0.0, 1.0)
    if found is None:
        assert least * (len(places) - 1) > 1
        return
    ordered = [found[place] for place in sorted(range(len(places)), key=places.__getitem__)]
    assert all(second - first >= least - 1e-9 for first, second in itertools.pairwise(ordered))
    assert all(-1e-9 <= one <= 1 + 1e-9 for one in found)


def test_curves_are_named_at_their_ends_where_there_is_room() -> None:
    curves = [("a · 1", [1, 2], [9.0, 5.0]), ("a · 2", [1, 2], [9.0, 7.0]), ("b", [1, 2], [9.0, 6.1])]
    figure = charts.training(curves, "FID", None, kinds=["<a>", "<a>", "b"])
    assert not figure.layout.showlegend and len({trace.line.color for trace in figure.data}) == 2
    named = {one.text: (one.y, one.font.color) for one in figure.layout.annotations}
    assert list(named) == ["&lt;a&gt;", "b"] and named["b"][1] == figure.data[2].line.color
    assert named["b"][0] - named["&lt;a&gt;"][0] > 0.1, "apart, though both end near 6"
    figure = charts.training([(f"{number}", [1], [1.0]) for number in range(30)], "FID", None)
    assert figure.layout.showlegend and not figure.layout.annotations
    assert charts.training([("a long name of a run", [1], [1.0])] * 2, "FID", None, kinds=["x" * 40] * 2).layout.showlegend


def test_dots_are_named_next_to_them_where_there_is_room() -> None:
    far, near = ("a", 0.9, 0.1, 0.0, 0.0), ("b", 0.1, 0.9, 0.0, 0.0)
    figure = charts.neighbours([far, near], (0.5, 0.5))
    assert [trace.textposition for trace in figure.data] == ["middle right", "middle left", "middle right"]
    assert not figure.layout.showlegend and [trace.text[0] for trace in figure.data] == ["a", "b", "real images"]
    crowded = charts.neighbours([far, ("c", 0.91, 0.12, 0.0, 0.0)], None)
    assert crowded.layout.showlegend and crowded.data[0].mode == "markers"


def test_titles_are_wrapped_and_never_cut() -> None:
    title = "Discriminator learning rate times something else"
    figure = charts.against([("a", 1, 5.0, 0.1)], title, "FID", None)
    assert figure.layout.xaxis.title.text.replace("<br>", " ") == title and "<br>" in figure.layout.xaxis.title.text
    (trace,) = charts.parallel([("Generator learning rate", [1, 2])], [("FID · digits CNN", [3.0, 2.0])]).data
    assert [one.label for one in trace.dimensions] == ["Generator<br>learning rate", "FID<br>digits CNN"]
    sizes = {trace.labelfont.size, trace.tickfont.size, trace.rangefont.size}
    assert sizes == {style.FONT} == {12}


def test_precision_and_recall_have_error_bars() -> None:
    known, unknown = charts.neighbours([("a", 0.5, 0.6, 0.01, 0.02), ("b", 0.1, 0.2, math.nan, math.nan)], None).data
    assert (known.error_y.array, known.error_x.array) == ((0.01,), (0.02,)) and known.hovertemplate.count("±") == 2
    assert unknown.error_y.array == (None,) and "±" not in unknown.hovertemplate


def test_long_legend_does_not_shrink_the_plot() -> None:
    few, many, crowd = (
        charts.training([("x" * 30 + str(number), [1, 2], [3.0, 0.5]) for number in range(count)], "FID", None).layout
        for count in (1, 5, 50)
    )
    assert many.height - few.height == 4 * (crowd.legend.maxheight // 9)  # one row per run on a phone
    assert crowd.height - crowd.legend.maxheight == few.height - few.legend.maxheight // 9 == 400


def test_line_joins_only_runs_that_otherwise_agree() -> None:
    rows = [("a", 1, 5.0, 0.1), ("b", 2, 7.0, 0.1), ("c", 2, 9.0, 0.1), ("d", 3, 1.0, 0.1), ("e", 1, 2.0, 0.1), ("f", 2, 2.0, 0.1)]
    others = ["same", "same", "same", "", "", "other"]
    line, dots = charts.against(rows, "rate", "FID", None, others=others).data
    assert list(line.x) == [1, 2] and list(line.y) == [5.0, 8.0] and len(dots.x) == 6
    (dots,) = charts.against(rows, "rate", "FID", None).data
    assert dots.mode == "markers"


def test_rows_are_as_high_as_their_badges_need() -> None:
    low = columns.height_of_rows({"verdicts": [["Mode collapse", "Too dark"], []], "best": [[]]})
    assert low == columns.height_of_rows({}) == 36 and columns.height_of_rows({}, is_pictured=True) == 84
    many = ["Mode collapse", "Unlike real images", "Missing classes", "Checkerboard pattern", "Discriminator too strong"]
    assert columns.height_of_rows({"verdicts": [many], "best": [[]]}) == low + 3 * 26  # four lines


def test_changes_are_marked_where_so_many_images_were_seen(root: Path) -> None:
    run = make_run(root)
    for number, step in enumerate((10, 30)):
        change = Change(
            id=f"{number:024x}", step=step, changes={"objective.r1": 1.0 + number}, before={"objective.r1": float(number)}
        )
        changes.record(run, change)
    scored = [{"step": 20, "images_seen": 2000}, {"step": 40, "images_seen": 6000}]
    assert marks.by_step(run) == [(10, "R1 1"), (30, "R1 2")]
    assert marks.by_images(run, scored) == [(1000, "R1 1"), (4000, "R1 2")]
    figure = charts.training([("a", [2000, 6000], [9.0, 8.0])], "FID", 2.0)
    charts.mark(figure, marks.by_images(run, scored))
    assert [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1] == [1000, 4000]
    assert {"R1 1", "R1 2"} <= {note.text for note in figure.layout.annotations}
    fork = make_run(root)
    fork.write_origin(Origin(run=run.id, step=20))
    assert marks.by_step(fork) == [(10, "R1 1")], "a fork shows the curve of its parent up to there"
