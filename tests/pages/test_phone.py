"""Pages on a phone, in Chromium: pictures come before the controls; and the short tables that stand in for wide ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gan.execution import requests
from gan.runs import Run
from gan.storage.files import write_json
from gan.storage.jobs import Task
from pages.parts import phone
from tests.pages.conftest import Server


@pytest.mark.parametrize(
    ("address", "picture", "control"),
    [
        ("compare", ".st-key-compare-samples img", "Runs"),
        ("data?data=digits", ".st-key-data-picture img", "Data set"),
        ("evaluate", ".st-key-evaluate-views .js-plotly-plot", "Runs"),
    ],
)
def test_pictures_come_before_controls(
    page: Page, serve: Callable[[Path], Server], shown: Run, prepared_digits: None, address: str, picture: str, control: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{serve(shown.root).address}/{address}")
    seen, asked, title = page.locator(picture).first, page.get_by_text(control, exact=True).first, page.locator("h1")
    expect(seen).to_be_visible()
    expect(asked).to_be_visible()

    def top(what: str) -> float:
        box = {"title": title, "picture": seen, "control": asked}[what].bounding_box()
        assert box
        return box["y"]

    assert top("title") < top("picture") < top("control")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert top("title") < top("control") < top("picture"), "on a large screen, controls stand above"


def test_a_failed_import_is_told_above_the_pictures(
    page: Page, serve: Callable[[Path], Server], empty: Path, prepared_digits: None
) -> None:
    requests.import_path().parent.mkdir(parents=True, exist_ok=True)
    write_json(requests.import_path(), {**vars(Task("failed", message="No picture was found.")), "time": time.time()})
    try:
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{serve(empty).address}/data?data=digits")
        told, picture = page.get_by_text("No picture was found."), page.locator(".st-key-data-picture img").first
        expect(picture).to_be_visible()
        boxes = told.bounding_box(), picture.bounding_box()
        assert boxes[0] and boxes[1] and boxes[0]["y"] < boxes[1]["y"]
    finally:
        requests.dismiss(requests.import_path())


def test_short_tables_show_free_text_literally() -> None:
    drawn = phone.table(("Run", "FID"), [phone.Line("<b>a</b>", "x & y", "9 ± 1", is_best=True), phone.Line("b", "", "–")])
    assert "<b>a</b>" not in drawn and "&lt;b&gt;a" in drawn and "x &amp; y" in drawn
    assert "<b>9 ± 1</b>" in drawn and drawn.count("<small>") == 1
