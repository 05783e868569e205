"""The Data page: the contents for each kind of data set, error messages, and an import in a browser."""

from __future__ import annotations

import io
import json
import os
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from gan import config as configs
from gan.catalogue import data_sets
from gan.config import fitting, presets
from gan.config.data import DataConfig
from gan.data import imported, importer, prepared
from gan.execution import requests, speeds
from gan.storage.jobs import Task, read
from pages.parts import charts, words
from pages.parts.data_sets import albums
from tests.helpers import wait_until
from tests.pages.conftest import Server
from tests.pages.test_pages import assert_sound, texts

Visit = Callable[..., AppTest]
Serve = Callable[[Path], Server]

COLOURS = {"red": (200, 40, 40), "blue": (40, 60, 200)}
NASTY_FILE = "red/![x](y) <b>no picture<b>.png"


def ignore(sentence: str, share: float) -> None:
    """Ignore a progress report."""


def picture(seed: int, colour: tuple[int, int, int], size: tuple[int, int] = (60, 44)) -> bytes:
    """Return a PNG of one colour with a bright rectangle at a random place."""
    random = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), colour, dtype=np.uint8)
    x, y = random.integers(2, 24, 2)
    pixels[y : y + 16, x : x + 20] = random.integers(90, 255, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def archive(path: Path, *, per_class: int = 12) -> Path:
    """Make a ZIP with two classes of pictures, one duplicate, and one file that is not a picture."""
    with zipfile.ZipFile(path, "w") as file:
        for folder, colour in COLOURS.items():
            for number in range(per_class):
                file.writestr(f"{folder}/{number}.png", picture(number, colour))
        file.writestr("blue/again.png", picture(3, COLOURS["blue"]))
        file.writestr(NASTY_FILE, b"not a picture")
    return path


def bring(folder: Path, tmp_path: Path, title: str = "My *own* <b>set</b>", size: int = 16) -> str:
    """Import and prepare the archive; return the name of the data set."""
    name = importer.import_pictures(archive(tmp_path / "mine.zip"), title, ignore, root=folder)
    prepared.obtain(DataConfig(name=name, size=size), ignore)  # type: ignore[arg-type]
    return name


def said(test: AppTest) -> str:
    """Return all text that the page shows."""
    kinds = (test.subheader, test.markdown, test.caption, test.error, test.success)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def figures(test: AppTest) -> dict[str, str]:
    """Return the figures that the page shows, by title."""
    return {metric.label: metric.value for metric in test.metric}


def visit_at(visit: Visit, size: int, **query: str) -> AppTest:
    """Open the page and choose a size."""
    test = visit("data", **query)
    test.button_group(key="data/size").set_value(size).run()
    return test


def test_built_in_set_is_prepared_automatically_and_shown(visit: Visit, data: Path) -> None:
    test = visit("data")
    assert not test.exception and not test.error
    assert test.selectbox(key="data/name").value == "digits" and test.query_params["data"] == "digits"
    config = DataConfig(name="digits")
    wait_until(lambda: prepared.find(config), "the digits are prepared")
    test.run()
    assert not test.exception and not test.error
    shown = figures(test)
    assert shown["Images"] == "1,797" and shown["Classes"] == "10" and shown["Original size"] == "8 × 8"
    assert "60 of 1,797 images" in said(test)
    found = prepared.find(config)
    assert found and shown["Brightness"] == f"{found.facts['brightness']['mean']:.0f} ± {found.facts['brightness']['std']:.0f}"
    assert all(metric.help for metric in test.metric if metric.label not in ("Classes",))
    assert "E\\. Alpaydin" in said(test)


def test_download_is_offered_but_not_started(visit: Visit, data: Path) -> None:
    test = visit("data", data="mnist")
    assert not test.exception and not test.error
    assert test.button(key="prepare").label == "Download and prepare (12 MB)"
    assert not (data / "MNIST").exists() and read(requests.preparation_path(DataConfig(name="mnist"))) is None


def test_failed_preparation_is_one_sentence_and_can_be_tried_again(visit: Visit, data: Path) -> None:
    path = requests.preparation_path(DataConfig(name="digits"))
    path.parent.mkdir(parents=True)
    message = "The disk is full; *free* some."
    failed = {"state": "failed", "message": message, "share": 0.5, "seconds_left": None, "result": "", "time": 0}
    path.write_text(json.dumps(failed))
    test = visit("data")
    assert not test.exception
    assert [error.value for error in test.error] == [words.escape(message)]
    assert test.button(key="prepare").label == "Try again"
    test.button(key="prepare").click().run()
    assert not test.exception and not test.error
    wait_until(lambda: prepared.find(DataConfig(name="digits")), "the second attempt has succeeded")


def test_own_pictures_with_duplicates_and_skipped_files(visit: Visit, data: Path, tmp_path: Path) -> None:
    name = bring(data, tmp_path)
    test = visit_at(visit, 16, data=name)
    assert not test.exception and not test.error
    shown = figures(test)
    assert shown["Images"] == "25" and shown["Skipped"] == "1" and shown["Exact duplicates"] == "1"
    assert shown["Original size"] == "60 × 44" and "Median image" not in shown, "one size is said once"
    assert {"Red", "Green", "Blue"} <= set(shown)
    text = said(test)
    assert "<b>" not in text and "*own*" not in text
    assert "1 image identical to an earlier one" in text and "- 1 file: " in text
    (table,) = test.dataframe
    assert NASTY_FILE.rpartition("/")[2] in table.value["File"][0]


def test_one_class_only_and_another_random_draw(visit: Visit, data: Path, tmp_path: Path) -> None:
    name = bring(data, tmp_path)
    test = visit_at(visit, 16, data=name)
    classes = list(data_sets.find(name).classes)
    test.button_group(key=f"data/class/{name}").set_value(classes.index("red")).run()
    assert not test.exception
    assert "12 of 12 images of “red”, drawn at random (seed 0)" in said(test)
    test.button(key="shuffle").click().run()
    assert "(seed 1)" in said(test)


@pytest.mark.parametrize("name", ["ring", "spiral"])
def test_points_are_plotted(name: str, visit: Visit, data: Path) -> None:
    test = visit("data", data=name)
    assert not test.exception and not test.error
    assert len(test.get("plotly_chart")) == 1
    assert figures(test)["Points"] == "10,000"
    assert figures(test)["Modes"] == ("8" if name == "ring" else "none")


def test_own_points_are_plotted(visit: Visit, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("\n".join(f"{x},{y}" for x in range(5) for y in range(5)))
    name = importer.import_points(path, "Places", ignore, root=data)
    test = visit("data", data=name)
    assert not test.exception and not test.error
    assert figures(test)["Points"] == "25" and figures(test)["Modes"] == "unknown"
    assert len(test.get("plotly_chart")) == 1


@pytest.mark.parametrize("wanted", ["digts", "../../etc/passwd", "![x](http://127.0.0.1/x.png)", "<script>"])
def test_address_is_never_markup(wanted: str, visit: Visit, data: Path) -> None:
    test = visit("data", data=wanted)
    assert not test.exception
    assert len(test.error) == 1 and "![x](" not in test.error[0].value and "<script>" not in test.error[0].value
    assert test.query_params["data"] == wanted and test.selectbox(key="data/name").value is None
    test.selectbox(key="data/name").set_value("digits").run()
    assert not test.exception and not test.error
    assert test.query_params["data"] == "digits"


def test_own_set_can_be_removed(visit: Visit, data: Path, tmp_path: Path) -> None:
    name = bring(data, tmp_path)
    test = visit_at(visit, 16, data=name)
    test.button(key=f"data/remove/{name}/sure").click().run()
    assert not test.exception and not test.error
    assert name not in data_sets.all_sets()
    assert test.query_params["data"] == "digits" and "was removed" in said(test)


def test_train_says_that_the_chosen_set_was_removed(visit: Visit, data: Path, tmp_path: Path) -> None:
    name = bring(data, tmp_path)
    test = visit("train", data=name)
    imported.remove(name, data)
    for _ in range(2):  # the page may be drawn again at once
        test.run()
        assert not test.exception and "no longer exists; “Digits” is chosen instead" in test.warning[0].value
        assert test.selectbox(key="train/digits-dcgan/data.name").value == "digits"
    test.selectbox(key="train/digits-dcgan/data.name").set_value("shapes").run()
    assert "no longer exists" not in "".join(warning.value for warning in test.warning)


def test_built_in_set_cannot_be_removed(visit: Visit, data: Path) -> None:
    test = visit("data", data="ring")
    assert "Remove this data set" not in [button.label for button in test.button]


def test_damaged_own_set_is_reported_in_one_sentence(visit: Visit, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("\n".join(f"{x},{x * x}" for x in range(30)))
    name = importer.import_points(path, "Damaged", ignore, root=data)
    (data_sets.own_folder(name) / "points.npy").write_bytes(b"")
    test = visit("data", data=name)
    assert not test.exception
    assert len(test.error) == 1 and "import it again" in test.error[0].value


def note(state: str, **more: object) -> None:
    """Write the state of an import, as the importing process does."""
    path = requests.import_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**vars(Task("running")), "state": state, "time": time.time(), **more}))


def test_import_started_in_another_window_is_followed_to_its_end(visit: Visit, data: Path, tmp_path: Path) -> None:
    note("running", message="Reading *pictures*", share=0.25, seconds_left=12.0)
    test = visit("data")
    assert not test.exception and not test.error
    (bar,) = [bar for bar in test.get("progress") if "Reading" in bar.proto.text]
    assert bar.proto.text == r"Reading \*pictures\* · 12 s left" and bar.proto.value == 25
    assert test.button(key="import").disabled and "still under way" in test.button(key="import").help
    name = bring(data, tmp_path)
    note("finished", result=name, share=1.0)
    test.run()
    assert not test.exception and not test.error
    assert test.selectbox(key="data/name").value == name
    assert [notice.value for notice in test.success] == [
        f"“{words.escape('My *own* <b>set</b>')}” was added: 25 images; 1 file skipped, see below."
    ]
    test.run()
    assert not test.success


def test_a_form_keeps_its_upload_while_an_import_of_another_tab_is_under_way(visit: Visit, data: Path) -> None:
    note("running")
    test = visit("data", data="ring")
    content = b"".join(b"%d,%d\n" % (number, number % 7) for number in range(100))
    test.file_uploader(key="data/upload/0").set_value(("line.csv", content, "text/csv")).run()
    assert not test.exception and not test.error and test.button(key="import").disabled
    note("failed", message="The file is no ZIP.")
    test.run()
    test.button(key="dismiss").click().run()
    assert not test.button(key="import").disabled and test.file_uploader(key="data/upload/0").value


def test_size_of_an_import_is_selected_without_a_warning_and_survives_leaving_the_page(
    visit: Visit, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    note("running")
    test = visit("data")
    assert test.button_group(key="data/size").value == 32
    test.session_state["data/import"] = 16  # as set by the form
    note("finished", result=bring(data, tmp_path), share=1.0)
    test.run()
    assert not test.exception and not test.error
    assert test.button_group(key="data/size").value == 16
    assert not [line.message for line in caplog.records if "default value" in line.message]
    test.switch_page("pages/home.py").run()
    test.switch_page("pages/data.py").run()
    assert test.button_group(key="data/size").value == 16


def test_failed_import_is_reported_in_one_sentence_until_dismissed(visit: Visit, data: Path) -> None:
    note("running")
    test = visit("data", data="ring")
    note("failed", message="The file is no ZIP; <b>choose</b> another.")
    test.run()
    assert test.error[0].value == visit("data", data="ring").error[0].value  # also by a page that was reloaded meanwhile
    assert [error.value for error in test.error] == [words.escape("The file is no ZIP; <b>choose</b> another.")]
    test.button(key="dismiss").click().run()
    assert not test.exception and not test.error
    assert not visit("data", data="ring").error  # not shown in later sessions either


def test_upload_shows_what_is_taken_for_classes_before_the_import(visit: Visit, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as file:
        for part in ("train", "test"):
            for kind, colour in COLOURS.items():
                for number in range(6):
                    file.writestr(f"{part}\\{kind}\\{number}.png", picture(number, colour))
        file.writestr("stray.png", picture(0, COLOURS["red"]))
    test = visit("data", data="ring")
    test.file_uploader(key="data/upload/0").set_value(("pets.zip", path.read_bytes(), "application/zip")).run()
    assert not test.exception and not test.error
    (info,) = test.info
    assert "blue 12, red 12" in info.value and "1 picture in no class folder" in info.value
    test.button_group(key="data/classes/0").set_value("no").run()
    assert [info.value for info in test.info] == [words.escape("No classes: as chosen.")]
    test.button_group(key="data/classes/0").set_value("these").run()
    assert not test.info and test.button(key="import").disabled
    test.multiselect(key="data/only/0").set_value(["red"]).run()
    assert "red 12" in test.info[0].value and "13 pictures in none of the chosen folders" in test.info[0].value
    test.button(key="import").click().run()
    assert not test.exception and not test.error
    wait_until(lambda: (task := read(requests.import_path())) and task.state != "running", "the end of the import")
    entry = data_sets.find("pets")
    assert (entry.classes, entry.counts) == ((), (12,))


def test_columns_of_points_are_shown_and_chosen(visit: Visit, data: Path) -> None:
    rows = "\n".join(f"{row},{row * row % 7.3},{row * 0.37 % 2.9},{row % 3}" for row in range(60))
    test = visit("data", data="ring")
    test.file_uploader(key="data/upload/0").set_value(("cloud.csv", f",a,b,label\n{rows}".encode(), "text/csv")).run()
    assert not test.exception and not test.error
    assert [test.selectbox(key=f"data/column/{axis}/0").value for axis in "xy"] == [1, 2]
    test.selectbox(key="data/column/x/0").set_value(2).run()
    assert test.button(key="import").disabled
    test.selectbox(key="data/column/y/0").set_value(1).run()
    test.button(key="import").click().run()
    assert not test.exception and not test.error
    wait_until(lambda: (task := read(requests.import_path())) and task.state != "running", "the end of the import")
    assert "“b” and “a”" in (data_sets.own_folder("cloud") / "data-set.json").read_text()
    test.run()
    assert "“b” and “a”" in said(test).replace("\\", "")


def test_dark_pictures_are_stretched_by_a_click(visit: Visit, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "cells.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(12):
            buffer = io.BytesIO()
            Image.fromarray(np.linspace(0, 4095, 400).astype(np.uint16).reshape(20, 20)).rotate(number).save(buffer, "PNG")
            file.writestr(f"{number}.png", buffer.getvalue())
    name = importer.import_pictures(path, "Cells", ignore, root=data)
    prepared.obtain(DataConfig(name=name, size=16), ignore)  # type: ignore[arg-type]
    test = visit_at(visit, 16, data=name)
    (warning,) = test.warning
    assert "uses 6 % of its range" in warning.value
    test.button(key="stretch").click().run()
    assert not test.exception and not test.error
    prepared.obtain(DataConfig(name=name, size=16), ignore)  # type: ignore[arg-type]
    test.run()
    assert not test.warning and "it used 6 % of its range" in test.info[0].value and test.button(key="stretch").label == "Undo"
    assert prepared.find(DataConfig(name=name, size=16)).facts["brightness"]["mean"] > 60  # type: ignore[union-attr]


def test_damaged_upload_is_one_sentence_before_the_import(visit: Visit, data: Path) -> None:
    test = visit("data", data="ring")
    test.file_uploader(key="data/upload/0").set_value(("pets.zip", b"PK and more", "application/zip")).run()
    assert not test.exception
    assert ["not a ZIP" in error.value for error in test.error] == [True]
    assert test.button(key="import").disabled


# Pictures and charts


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 28, 32, 64, 128, 256])
def test_sheet_shows_exact_pixels(size: int, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (13, size, size, channels), dtype=np.uint8)
    plan = albums.layout(size)
    with Image.open(io.BytesIO(albums.sheet(images, plan.cell, plan.columns))) as drawn:
        pixels = np.asarray(drawn)
        assert drawn.width <= 730
    assert 48 <= plan.most <= 64
    step = plan.cell + albums.GAP
    second = pixels[: plan.cell, step : step + plan.cell]
    assert (second[..., -1] == 255).all() and (pixels[:, plan.cell : step, -1] == 0).all()
    if plan.cell % size == 0:
        factor = plan.cell // size
        assert np.array_equal(second[::factor, ::factor, :channels], images[1])
        assert np.array_equal(second[factor - 1 :: factor, factor - 1 :: factor, :channels], images[1])
    else:
        assert abs(second[..., :channels].mean() - images[1].mean()) < 3


def test_pairs_are_side_by_side() -> None:
    images = np.arange(6 * 2, dtype=np.uint8).reshape(6, 2, 1, 1, 1).repeat(16, 2).repeat(16, 3)
    with Image.open(io.BytesIO(albums.pairs_sheet(images, 16))) as drawn:
        pixels = np.asarray(drawn)
    values = [[int(cell) for cell in row[row[:, 1] == 255][::16, 0]] for row in (pixels[0], pixels[-1])]
    assert values == [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11]]


def test_drawing_is_repeatable_and_stays_within_the_class() -> None:
    labels = np.arange(1000) % 7
    rows = albums.draw(labels, 3, 5, 60)
    assert np.array_equal(rows, albums.draw(labels, 3, 5, 60))
    assert len(set(rows.tolist())) == 60 and (labels[rows] == 3).all()
    assert not np.array_equal(rows, albums.draw(labels, 3, 6, 60))
    assert len(albums.draw(labels, 8, 0, 60)) == 0 and len(albums.draw(labels[:5], None, 0, 60)) == 5


def test_counts_in_words() -> None:
    assert albums.counts_in_words("abc", [60, 60, 60]) == "3 classes of 60 images each."
    assert albums.counts_in_words(["a", "*b*"], [1, 5], "point") == (
        r"2 classes: the smallest, “a”, has 1 point, the largest, “\*b\*”, has 5; 3 on average."
    )


def test_names_that_are_not_valid_unicode_are_shown() -> None:
    table = albums.skipped_table([{"name": "a\udcff.png", "reason": "damaged"}])
    assert table["File"][0].encode() == b"a?.png"


def test_histogram_covers_all_levels() -> None:
    bars = charts.brightness([1, 2, 3, 4], 100.0, 20.0)["layer"][1]["data"]["values"]
    assert [bar["from"] for bar in bars] == [0, 64, 128, 192] and bars[-1]["to"] == 256
    assert [bar["count"] for bar in bars] == [1, 2, 3, 4]


def test_bars_keep_the_order_of_classes() -> None:
    spec = charts.counts(["b", "a"], [2, 1], "images")
    assert spec["data"]["values"] == [{"class": "b", "count": 2}, {"class": "a", "count": 1}]
    assert spec["encoding"]["x"]["sort"] is None


# In a browser


def test_own_pictures_from_upload_to_training(page: Page, serve: Serve, data: Path, empty: Path, tmp_path: Path) -> None:
    server = serve(empty)
    page.goto(f"{server.address}/data")
    page.get_by_role("button", name="Add your own pictures").click()
    expect(page.get_by_role("button", name="Add data set")).to_be_visible()  # the dialog is drawn to its end
    page.locator("input[type=file]").set_input_files(archive(tmp_path / "pictures.zip", per_class=150))
    expect(page.get_by_text("Classes are the folders: blue 151, red 151.")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("My own *pictures*")
    page.get_by_role("button", name="Add data set").click()

    # Progress, then the pictures, their number, and the skipped files.
    expect(page.get_by_test_id("stProgress").first).to_be_visible()
    expect(page.get_by_text("“My own *pictures*” was added: 301 images; 1 file skipped")).to_be_visible()
    expect(page.get_by_alt_text("60 images of the data set My own *pictures*")).to_be_visible()
    (name,) = (name for name, entry in data_sets.all_sets().items() if entry.origin == "own")
    assert f"data={name}" in page.url
    expect(page.get_by_alt_text("Pairs of exact duplicates")).to_be_visible()
    page.get_by_text("Names of skipped files").click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    assert page.get_by_text("not a PNG, JPEG, WebP, TIFF, BMP, GIF or PPM picture").count()

    # One class, then the whole page on a phone.
    page.get_by_role("radio", name="blue").click()
    expect(page.get_by_text("60 of 151 images of “blue”")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth + 1")

    # On to the training.
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.get_by_role("button", name="Train with this data set").click()
    expect(page).to_have_url(re.compile(rf"/train\?.*data={name}"))
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("My own *pictures*")


# On the Train page


def test_own_pictures_get_settings_of_their_own_until_another_set_is_chosen(visit: Visit, data: Path, tmp_path: Path) -> None:
    name, form = bring(data, tmp_path), f"train/{presets.DEFAULT}"
    test = visit("train", {f"{form}/data/more": True}, data=name)
    assert_sound(test)
    state = test.session_state
    assert state[f"{form}/optimizer.batch_size"] == 16, "there are 25 pictures"
    assert state[f"{form}/training.length/count"] == 150_000 / 16 and state[f"{form}/training.length/unit"] == "steps"
    assert state[f"{form}/augmentation.policies"] == ["colour", "translation", "cutout"] and not state[f"{form}/data.flips"]
    assert test.text_input(key="train/name").placeholder == "My *own* <b>set</b>"
    assert "Set for your" in texts(test) and "150,000 images" in texts(test) and "DiffAugment" in texts(test)

    test.number_input(key=f"{form}/training.length/count").set_value(77).run()
    assert state[f"{form}/training.length/count"] == 77 and "150,000 images" not in texts(test)
    test.selectbox(key=f"{form}/data.name").set_value("digits").run()
    assert_sound(test)
    preset = presets.find(presets.DEFAULT).config
    assert state[f"{form}/training.length/count"] == preset.training.length.count and not state[f"{form}/augmentation.policies"]
    assert "Set for your" not in texts(test)


def test_own_pictures_take_half_an_hour_at_most(visit: Visit, data: Path, tmp_path: Path) -> None:
    name = bring(data, tmp_path)
    start = configs.replace(presets.find(presets.DEFAULT).config, {"data.name": name})
    speeds.keep(Path(os.environ["GAN_RUNS"]), configs.replace(start, fitting.fit(start)), 10.0, 1, "fp32")
    test = visit("train", data=name)
    assert_sound(test)
    assert test.session_state[f"train/{presets.DEFAULT}/training.length/count"] == 10 * 1800 / 16
    assert "18,000 images" in texts(test)


def test_train_shows_real_images_of_the_data_set_once_it_is_prepared(visit: Visit, data: Path) -> None:
    test = visit("train", state={"train/preset": "digits-mlp"})
    assert not test.get("image")
    prepared.obtain(DataConfig(), ignore)
    (shown,) = test.run().get("image")
    assert "Digits" in shown.proto.imgs[0].alt
