"""The stage of lessons on scores: what it takes from a browser, and a lesson in a real one, on a phone and by keyboard."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from gan.lessons.course import LESSONS
from gan.lessons.laboratory import Laboratory
from pages.parts.learning import laboratory
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]
STAGES = [lesson.stage for lesson in LESSONS.values() if isinstance(lesson.stage, Laboratory)]


@pytest.mark.parametrize("raw", [None, 3, [], {}, {"cases": None}, {"cases": [1, 2, 3]}, {"cases": [{}]}, {"cases": [{}] * 99}])
def test_scores_of_another_shape_are_ignored(raw: Any) -> None:
    assert laboratory._read(raw, STAGES[0]) == {}


@pytest.mark.parametrize("value", [None, "<b>1</b>", True, math.nan, math.inf, [1], {}])
def test_scores_that_are_no_numbers_become_dashes(value: Any) -> None:
    stage = STAGES[0]
    seen = laboratory._read({"cases": [{claim.figure: value for claim in case.claims} for case in stage.cases]}, stage)
    assert seen and {text for figures in seen.values() for text in figures.values()} == {"–"}


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_certain_has_the_rows_of_what_is_measured(stage: Laboratory) -> None:
    seen = laboratory._read({"cases": [{claim.figure: 0.5 for claim in case.claims} for case in stage.cases]}, stage)
    certain = laboratory.certain(stage)
    assert seen and {row: list(figures) for row, figures in seen.items()} == {
        row: list(figures) for row, figures in certain.items()
    }
    assert all("FID · " in title for figures in certain.values() for title in figures if "FID" in title)


@pytest.mark.parametrize("name", [name for name, lesson in LESSONS.items() if isinstance(lesson.stage, Laboratory)])
def test_pictures_are_shown_before_the_bet(name: str, visit: Callable[..., AppTest], empty: Path) -> None:
    test = visit("learn", lesson=name)
    assert not test.exception and len(test.get("image")) == 1
    assert not any("missing" in caption.value for caption in test.caption)


def test_visitor_measures_all_cases(page: Page, serve: Serve, root: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{serve(root).address}/learn?lesson=what-fid-sees")
    page.get_by_role("button", name="B, the contrast").click()
    told = page.locator(".told")
    expect(told).to_contain_text("Nothing changed: FID · digits CNN")
    sheet = page.locator("canvas.sheet")
    before = sheet.evaluate("canvas => canvas.toDataURL()")

    # One case by click, one by keyboard, one by its slider.
    page.get_by_role("button", name="A: 100 pictures, repeated").click()
    expect(page.get_by_role("button", name="A: 100 pictures, repeated, measured")).to_have_attribute("aria-pressed", "true")
    expect(told).to_contain_text("Different pictures 100: FID")
    assert sheet.evaluate("canvas => canvas.toDataURL()") != before
    page.get_by_role("button", name="C: copies").focus()
    page.keyboard.press("Enter")
    expect(told).to_contain_text("below the floor")
    expect(page.get_by_text("Your bet was right.")).to_have_count(0)
    page.get_by_role("button", name="Back to normal").click()
    slider = page.get_by_role("slider", name="Contrast")
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "× 1.25")
    expect(page.get_by_text("Your bet was right.")).to_be_visible()
    expect(page.get_by_role("row", name="C: copies 100 %")).to_be_visible()
    label = re.compile(r"^FID · digits CNN against contrast: × 1: [\d.]+;.* × 1\.25: [\d.]+$")
    expect(page.locator("canvas.chart")).to_have_attribute("aria-label", label)

    # The game goes on after the answer, and another score can be drawn.
    recall = page.get_by_role("button", name="Recall")
    recall.click()
    expect(recall).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth + 1")
