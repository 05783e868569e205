"""A lesson in a real Chromium, by keyboard on a phone: bet, play to the end, answer, another seed, back to the course."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from gan.lessons.course import LESSONS
from tests.pages.conftest import Server


def test_lesson_from_the_bet_to_the_answer(page: Page, serve: Callable[[Path], Server], root: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{serve(root).address}/learn?lesson=seeds")
    bet = page.get_by_role("button", name="It cannot be told")
    expect(page.get_by_role("img", name="10,000 points around 8 positions")).to_be_visible()
    expect(page.locator(".boards canvas")).to_have_count(0)
    bet.focus()
    page.keyboard.press("Enter")

    # The game shows the controls of the lesson only, and stops at its end.
    board, told = page.locator(".boards canvas").first, page.locator(".told")
    expect(told).to_contain_text("Step 0")
    expect(page.locator(".controls button")).to_have_count(3)
    expect(page.get_by_text("To take home.")).to_have_count(0)
    board.focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Your bet was right.")).to_be_visible()
    expect(told).to_contain_text("Step 300: Seed 0")
    expect(page.get_by_role("row", name="Seed 1")).to_contain_text("of 8")
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth + 1")

    # Another seed is another pair of boards, whose figures join the table.
    page.get_by_role("button", name="New seed").click()
    expect(told).to_contain_text("Step 0")
    expect(page.locator("figcaption").first).not_to_have_text("Seed 0")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("row", name="of 8")).to_have_count(4)

    # The course knows what is done.
    page.get_by_role("link", name="All lessons").click()
    expect(page.get_by_text(f"1 of {len(LESSONS)} lessons done")).to_be_visible()
    expect(page.locator(".st-key-learn-course").get_by_text("done")).to_have_count(1)


def test_a_lesson_opened_by_a_link_is_in_the_address(page: Page, serve: Callable[[Path], Server], root: Path) -> None:
    page.goto(f"{serve(root).address}/learn")
    page.get_by_role("link", name=LESSONS["seeds"].title).click()
    expect(page).to_have_url(re.compile(r"/learn\?lesson=seeds$"))
    page.get_by_role("button", name="It cannot be told").click()
    expect(page.locator(".told")).to_contain_text("Step 0")

    page.get_by_role("link", name="All lessons").click()
    expect(page.get_by_text(f"0 of {len(LESSONS)} lessons done")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/learn$"))
    page.go_back()
    expect(page.locator(".told")).to_contain_text("Step 0")
