"""Guests on the pages: beside the runs on Evaluate and Compare, and in reports."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.execution import requests
from gan.guests import importer
from gan.guests.guest import Guest, list_guests
from gan.guests.importer import Wish
from gan.judging.request import Plan
from gan.report import as_zip
from gan.runs import Run, adopted
from gan.scoring.guests import score_guest
from gan.storage import files
from gan.storage.jobs import say_nothing
from tests.networks.made_elsewhere import FOLDER, guest_of
from tests.pages.test_pages import Visit, assert_sound

NAME = "Keras *epoch* <b>2</b>"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Return a scored guest with two epochs; tests copy it."""
    folder = tmp_path_factory.mktemp("made")
    random = np.random.default_rng(0)
    for number in (1, 2):
        (folder / "in" / f"epoch_{number}").mkdir(parents=True)
        for place in range(20):
            noise = random.integers(0, 256 // number, (28, 28), dtype=np.uint8)
            Image.fromarray(noise).save(folder / "in" / f"epoch_{number}" / f"{place}.jpg")
    guest = importer.bring(folder / "runs", folder / "in", Wish(NAME, "digits", 16, "from a report"), say_nothing)
    score_guest(guest, Plan(images=20, draws=1))
    return guest


@pytest.fixture
def guest(made: Guest, shown: Run) -> Guest:
    """Return a copy of the guest beside the trained run."""
    import shutil

    found = Guest(shown.root / ".guests" / made.id)
    shutil.copytree(made.path, found.path)
    return found


def told(test: AppTest) -> str:
    """Return all Markdown, captions and warnings of a page."""
    return "\n".join(one.value for kind in (test.markdown, test.caption, test.warning, test.info) for one in kind)


def test_evaluate_shows_a_guest_beside_a_run_with_its_conditions(guest: Guest, shown: Run, visit: Visit) -> None:
    test = visit("evaluate", runs=f"{shown.id},{guest.id}")
    assert_sound(test)
    assert not test.error, [one.value for one in test.error]
    (table,) = test.dataframe
    names = list(table.value["Run"])
    assert f"{NAME} (guest)" in names and sum("Real images" in name for name in names) == 2, "in groups of their own"
    text = told(test)
    assert "cannot be ranked together" in text and "resized from 28 × 28 to 16 × 16 pixels" in text
    assert "All pictures came from JPEG files" in text and "from a report" in text and "<b>" not in text.replace("\\<b", "")
    assert {button.label for button in test.button} >= {"Score 2 runs now"}


def test_its_curve_and_its_explanation_are_shown(guest: Guest, visit: Visit) -> None:
    test = visit("evaluate", {"view": "training"}, runs=guest.id)
    assert_sound(test)
    assert "Quick scores" in told(test) and "No scores from training" not in told(test)
    test = visit("evaluate", {"why": True}, runs=guest.id)
    assert_sound(test)
    assert "guest's images" in told(test) and "What to try" in told(test) and "at step" not in told(test)


def test_a_guest_is_renamed_and_deleted(guest: Guest, shown: Run, visit: Visit) -> None:
    key = f"guests/change/{guest.id}"
    test = visit("evaluate", {key: True}, runs=guest.id)
    test.text_input(key=f"{key}/name").set_value("  Colab  ")
    test.text_area(key=f"{key}/note").set_value("again")
    test.button(key=f"{key}/save").click().run()
    assert_sound(test)
    assert guest.label() == "Colab (guest)" and guest.told().note == "again"
    test.text_input(key=f"{key}/name").set_value(" ")
    test.button(key=f"{key}/save").click().run()
    assert "The name is empty" in test.error[0].value and guest.label() == "Colab (guest)"
    test.button(key=f"guests/delete/{guest.id}/sure").click().run()
    assert_sound(test)
    assert list_guests(shown.root) == [] and [run.id for run in runs.list_trash(shown.root)] == [guest.id]


def test_compare_shows_its_pictures_and_its_curve(guest: Guest, shown: Run, visit: Visit) -> None:
    test = visit("compare", runs=f"{shown.id},{guest.id}")
    assert_sound(test)
    assert not test.error and "settings are unknown" in told(test)
    assert "different data sets" not in told(test)
    test = visit("compare", {"axis": "steps"}, runs=guest.id)
    assert_sound(test)


def test_a_report_says_that_it_is_a_guest_and_on_what_conditions(guest: Guest, shown: Run) -> None:
    with zipfile.ZipFile(BytesIO(as_zip([shown, guest]))) as archive:
        text, page = archive.read("report.md").decode(), archive.read("report.html").decode()
        assert f"runs/{guest.id}/scores.jsonl" in archive.namelist()
    for content in (text, page):
        assert "made elsewhere" in content and "resized from 28 × 28 to 16 × 16 pixels" in content
        assert "JPEG files" in content and "has no settings" not in content and "no logged lines" not in content
    assert "*epoch* &lt;b&gt;2&lt;/b&gt; (guest)" in page and "*epoch* <b>" not in page


def test_an_import_is_followed_to_its_end(guest: Guest, shown: Run, visit: Visit) -> None:
    path = requests.guest_path(shown.root)
    state = {"guests/followed": True}
    task = {"state": "failed", "message": "Only 3 pictures.", "share": 0, "seconds_left": None, "result": "", "time": 0}
    files.write_json(path, task)
    test = visit("evaluate")  # also a page that was reloaded meanwhile
    assert "Only 3 pictures" in test.error[0].value
    test.button(key="guests/dismiss").click().run()
    assert not test.error and not visit("evaluate").error
    files.write_json(path, task | {"state": "finished", "result": guest.id})
    test = visit("evaluate", state, runs=shown.id)
    assert_sound(test)
    assert test.multiselect(key="evaluate/runs").value == [shown.id, guest.id] and "was added" in test.success[0].value


def test_a_damaged_guest_is_a_sentence(guest: Guest, visit: Visit) -> None:
    guest.facts_path.write_text("{")
    for page in ("evaluate", "compare"):
        assert_sound(visit(page, runs=guest.id))


def test_a_folder_with_a_guest_alone_can_be_evaluated(made: Guest, monkeypatch: pytest.MonkeyPatch, visit: Visit) -> None:
    monkeypatch.setenv("GAN_RUNS", str(made.root))
    test = visit("evaluate")
    assert_sound(test)
    assert test.multiselect(key="evaluate/runs").value == [made.id]


def test_a_pair_is_trained_on_from_its_card(shown: Run, tmp_path: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.execution.forking.advance", lambda root: None)
    pair = guest_of(shown.root, tmp_path, FOLDER / "pair_generator.keras", FOLDER / "pair_discriminator.keras")
    alone = guest_of(shown.root, tmp_path, FOLDER / "faces.keras", data="shapes")
    key = f"guests/fork/{pair.id}"
    test = visit("evaluate", {key: True}, runs=f"{pair.id},{alone.id}")
    assert_sound(test)
    assert "not one of the networks here" in told(test) and "28 pixels, from step 0" in told(test)
    assert {one.label for one in test.get("download_button")} >= {"Export generator"}
    assert not [one for one in test.button if one.key == f"guests/fork/{alone.id}/start"]
    test.text_input(key=f"{key}/name").set_value("Mine")
    test.number_input(key=f"{key}/epochs").set_value(2).run()
    test.button(key=f"{key}/start").click().run()
    (run,) = (run for run in runs.list_runs(shown.root) if run.label() == "Mine")
    origin = adopted.read(run)
    assert origin and origin.guest == pair.id and run.config().total_steps == 2 * (1797 // 256)
    test = visit("watch", run=run.id)
    assert_sound(test)
    assert "Trains on the networks of" in told(test)
