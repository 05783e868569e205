"""Live games in a real Chromium: points and pictures, by mouse, by keyboard, and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.helpers import wait_until
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]


def drawn(board: Locator) -> str:
    """Return the pixels of a canvas."""
    return str(board.evaluate("canvas => canvas.toDataURL()"))


def step_of(page: Page) -> int:
    """Return the step shown; −1 before a game has one."""
    told = page.locator(".numbers td").first.inner_text().replace(",", "")
    return int(told) if told.isdecimal() else -1


def draw(page: Page, board: Locator, *places: tuple[float, float]) -> None:
    """Draw a line through places, as shares of a canvas."""
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    assert box
    for index, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if not index:
            page.mouse.down()
    page.mouse.up()


def test_points_are_played_by_hand_by_keyboard_and_on_their_own(page: Page, serve: Serve, root: Path) -> None:
    page.goto(f"{serve(root).address}/play?data=ring")
    board, told = page.locator(".boards canvas"), page.locator(".told")
    expect(told).to_contain_text("Step 0")

    # By hand: each turn changes the picture and says what has happened.
    for name, sentence in (
        ("Step D", "its map changes"),
        ("Step G", "The generator has learnt"),
        ("Step both", "Both have learnt"),
    ):
        before = drawn(board)
        page.get_by_role("button", name=name, exact=True).click()
        expect(told).to_contain_text(sentence)
        assert drawn(board) != before
    assert step_of(page) == 2

    # By keyboard, while the board has the focus.
    board.focus()
    page.keyboard.press("b")
    wait_until(lambda: step_of(page) == 3, "a whole step has been played")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    wait_until(lambda: step_of(page) > 20, "both players play")

    # A turned knob leaves the game and its board alone.
    board.evaluate("canvas => canvas.dataset.mine = 'yes'")
    rate = page.get_by_role("spinbutton", name="Generator learning rate")
    rate.fill("0.0005")
    rate.press("Enter")
    page.wait_for_url(re.compile(r"optimizer\.generator_lr=0\.0005"))
    assert board.get_attribute("data-mine") == "yes" and step_of(page) > 20
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()

    # After another page, the same game goes on.
    step = step_of(page)
    page.get_by_role("link", name="Data", exact=True).click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    page.get_by_role("link", name="Play", exact=True).click()
    expect(told).to_contain_text("Step")
    assert step_of(page) == step

    # Own points.
    page.get_by_role("button", name="Draw your own points").click()
    draw(page, board, (0.2, 0.2), (0.8, 0.5), (0.2, 0.8))
    page.get_by_role("button", name="Use these points").click()
    expect(page.get_by_role("button", name="Make it a run")).to_be_disabled()
    wait_until(lambda: step_of(page) == 0, "a new game has begun")
    assert "data=" not in page.url


def test_controls_of_a_game_whose_process_was_killed_start_a_new_one(
    page: Page, serve: Serve, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_SPARE", "0")  # so that the player is the only child
    server = serve(root)
    page.goto(f"{server.address}/play?data=ring")
    told, veil = page.locator(".told"), page.locator(".veil")
    play = page.get_by_role("button", name="Play", exact=True)
    for control in ("Step D", "Play"):
        expect(told).to_contain_text("Step 0")
        play.click()
        wait_until(lambda: step_of(page) > 3, "both players play")
        psutil.Process(server.process.pid).children()[0].kill()
        expect(veil).to_contain_text("has ended")
        expect(told).to_have_css("opacity", "0")
        expect(play).to_be_visible()
        page.set_viewport_size({"width": 1100 if control == "Play" else 1000, "height": 1000})  # draws the last picture again
        page.wait_for_timeout(500)
        expect(play).to_be_visible()

        # The sentence stays when the page is drawn again, as for a turned knob.
        rate = page.get_by_role("spinbutton", name="Generator learning rate")
        rate.fill("0.001" if control == "Play" else "0.002")
        rate.press("Enter")
        page.wait_for_url(re.compile(r"optimizer\.generator_lr=0\.00[12]"))
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        expect(veil.get_by_role("button", name="Start a new game")).to_be_visible()
        page.get_by_role("button", name=control, exact=True).click()
        expect(veil).to_be_hidden()
        expect(told).to_have_css("opacity", "1")
    expect(told).to_contain_text("Step 0")


def test_pictures_are_judged_on_a_phone(page: Page, serve: Serve, root: Path) -> None:
    held: list[str | bytes] = []
    release: list[Callable[[str | bytes], None]] = []
    is_slow = False

    def between(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        server.on_message(lambda message: held.append(message) if is_slow else browser.send(message))
        release.append(browser.send)

    page.route_web_socket(re.compile("/play/ws"), between)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{serve(root).address}/play?data=digits&controls=off")
    board = page.locator(".boards canvas")
    expect(page.locator(".told")).to_contain_text("Step 0")
    expect(page.get_by_test_id("stSelectbox")).to_have_count(0)
    before = drawn(board)
    page.get_by_role("button", name="Step both").click()
    expect(page.locator(".told")).to_contain_text("Both have learnt")
    assert drawn(board) != before
    board.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".told")).to_contain_text("Generated picture 1")

    paper = page.locator(".judge canvas").first
    draw(page, paper, (0.3, 0.2), (0.7, 0.2), (0.5, 0.8))
    expect(page.locator(".verdict")).to_contain_text("of the real digits")
    is_slow = True
    draw(page, paper, (0.3, 0.5), (0.7, 0.5))
    for _ in range(300):
        if held:
            break
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Clear").click()
    is_slow = False
    for message in held:
        release[-1](message)
    page.wait_for_timeout(500)  # in which a late opinion would arrive
    expect(page.locator(".verdict")).to_contain_text("Draw something")
    blank = drawn(paper)
    paper.focus()
    page.keyboard.press("Shift+ArrowDown")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".verdict")).to_contain_text("of the real digits")
    assert drawn(paper) != blank
    assert "real" in page.locator(".opinion").inner_text()
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth + 1")
