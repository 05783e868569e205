"""URL parameters that the server has set and the browser has yet to hear of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from gan.runs import Run
from pages.parts.parameters import Known
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]


def settle(known: Known, sent: str, present: str = "", page: str = "watch", *, is_new: bool = False) -> str:
    """Let a browser send parameters like "run=1 at=2"; return those that hold."""
    sides = ({name: (value,) for name, value in (part.split("=") for part in side.split())} for side in (sent, present))
    held = known.settle(page, *sides, is_new=is_new)
    return " ".join(f"{name}={value}" for name, (value,) in held.items())


@pytest.fixture
def known() -> Known:
    """Return what is known of a browser that shows run 1."""
    known = Known()
    assert settle(known, "run=1", is_new=True) == "run=1"
    return known


def test_parameter_of_the_server_holds_until_the_browser_has_heard_of_it(known: Known) -> None:
    assert settle(known, "run=1", "run=2") == "run=2"
    assert settle(known, "run=1", "run=3") == "run=3"
    assert settle(known, "run=2", "run=3") == "run=3", "it has heard of the first change only"
    assert settle(known, "run=3", "run=3") == "run=3"
    assert settle(known, "run=1", "run=3") == "run=1", "it knew of the change, and has gone back by itself"


def test_parameters_that_the_server_has_added_or_removed_hold_too(known: Known) -> None:
    assert settle(known, "run=1", "run=1 at=5") == "run=1 at=5"
    assert settle(known, "run=1 at=5", "at=5") == "at=5"
    assert settle(known, "at=5", "at=5") == "at=5"


def test_change_in_the_browser_holds_next_to_one_of_the_server(known: Known) -> None:
    assert settle(known, "present=true run=1", "run=2") == "present=true run=2"
    assert settle(known, "run=2", "present=true run=2") == "run=2", "switched off again"


def test_value_that_the_server_has_set_twice_is_known(known: Known) -> None:
    assert settle(known, "run=1", "run=2") == "run=2"
    assert settle(known, "run=1", "run=1") == "run=1"
    assert settle(known, "run=1", "run=1") == "run=1"


@pytest.mark.parametrize(("page", "is_new"), [("watch", True), ("home", False)])
def test_another_address_holds(page: str, is_new: bool, known: Known) -> None:
    assert settle(known, "run=1", "run=2") == "run=2"
    assert settle(known, "run=1", "run=2", page, is_new=is_new) == "run=1"


def test_first_page_of_a_visit_has_no_mark_at_first() -> None:
    known = Known()
    assert settle(known, "", page="") == ""
    assert settle(known, "", "run=2") == "run=2"


def test_choice_stays_when_the_next_click_comes_before_the_browser_has_heard_of_it(
    page: Page, serve: Serve, conditional: Run, shown: Run
) -> None:
    held: list[str | bytes] = []
    is_slow = False

    def between(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        server.on_message(lambda message: held.append(message) if is_slow else browser.send(message))
        release.append(browser.send)

    release: list[Callable[[str | bytes], None]] = []
    page.route_web_socket(re.compile("/_stcore/stream"), between)
    server = serve(shown.root)
    page.goto(f"{server.address}/watch?run={shown.id}")
    picker = page.get_by_role("combobox", name="Run")
    expect(picker).to_be_visible()
    before = picker.input_value()
    picker.click()
    other = page.get_by_role("option").filter(has_not_text=before)
    chosen = other.inner_text()
    is_slow = True
    other.click()
    for _ in range(300):
        if any(b"run=" + conditional.id.encode() in message for message in held if isinstance(message, bytes)):
            break
        page.wait_for_timeout(100)
    page.get_by_text("Present", exact=True).click()
    page.wait_for_timeout(1000)
    is_slow = False
    for message in held:
        release[-1](message)
    expect(page.get_by_role("heading", name=chosen)).to_be_visible()
    expect(page).to_have_url(re.compile(f"run={conditional.id}"))
