"""Timed refreshes that reach the server after a change of page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

from gan.runs import Run
from pages.parts import reruns
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptRequests]:
    """Return the requests of a script that draws the page "home"."""
    monkeypatch.setattr(ScriptRequests, "request_rerun", ScriptRequests.request_rerun)
    reruns.make_way()
    requests = ScriptRequests()
    assert requests.request_rerun(RerunData(page_script_hash="home"))
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.RERUN
    yield requests


def refresh(page: str, *, is_click: bool = False) -> RerunData:
    """Return the request of a timer, or of a click in a part of a page."""
    return RerunData(page_script_hash=page, fragment_id="part", is_auto_rerun=not is_click)


def next_run(requests: ScriptRequests) -> tuple[str, list[str]] | None:
    """End the script that runs; return the page and the parts that the next one draws, or None."""
    request = requests.on_scriptrunner_ready()
    if request.type is ScriptRequestType.STOP:
        return None
    return request.rerun_data.page_script_hash, request.rerun_data.fragment_id_queue


def test_refreshes_of_the_page_are_drawn(requests: ScriptRequests) -> None:
    assert requests.request_rerun(refresh("home"))
    assert next_run(requests) == ("home", ["part"])
    assert requests.request_rerun(refresh("home", is_click=True))
    assert requests.request_rerun(refresh("home"))
    assert next_run(requests) == ("home", ["part"])
    assert next_run(requests) is None


@pytest.mark.parametrize("is_click", [False, True])
def test_refresh_of_another_page_is_dropped(is_click: bool, requests: ScriptRequests) -> None:
    assert requests.request_rerun(refresh("watch", is_click=is_click))
    assert next_run(requests) is None


def test_refresh_does_not_take_the_place_of_a_change_of_page(requests: ScriptRequests) -> None:
    assert requests.request_rerun(RerunData(page_script_hash="watch"))
    assert requests.request_rerun(refresh("home"))
    assert requests.request_rerun(refresh("watch"))
    assert next_run(requests) == ("watch", [])
    assert next_run(requests) is None


def test_refresh_starts_no_script_before_the_last_messages_of_the_one_before_have_left(requests: ScriptRequests) -> None:
    assert next_run(requests) is None
    assert requests.request_rerun(refresh("home")), "it is dropped; the timer asks again"
    assert not requests.request_rerun(refresh("home", is_click=True)), "a click needs a new script"
    assert not requests.request_rerun(RerunData(page_script_hash="watch"))


def test_first_page_of_a_visit_is_not_known_by_its_mark(monkeypatch: pytest.MonkeyPatch, requests: ScriptRequests) -> None:
    first = ScriptRequests()
    assert first.request_rerun(RerunData(page_script_hash=""))
    assert next_run(first) == ("", [])
    assert first.request_rerun(refresh("home"))
    assert next_run(first) == ("home", ["part"])


def test_page_stays_whole_when_a_refresh_of_the_page_before_is_late(page: Page, serve: Serve, shown: Run) -> None:
    timed: list[bytes] = []
    changes: list[str] = []  # of the page

    def between(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            server.send(message)
            assert isinstance(message, bytes)
            asked = BackMsg.FromString(message).rerun_script
            if asked.is_auto_rerun:
                timed.append(message)
            elif timed and asked.page_script_hash != BackMsg.FromString(timed[-1]).rerun_script.page_script_hash:
                changes.append(asked.page_script_hash)
                for _ in range(3):
                    server.send(timed[-1])

        browser.on_message(pass_on)

    page.route_web_socket(re.compile("/_stcore/stream"), between)
    server = serve(shown.root)
    page.goto(server.address)
    watched, listed = page.get_by_role("combobox", name="Run"), page.get_by_role("heading", name="Ended")
    for link, shows in (("Watch", watched), ("Home", listed)):
        for _ in range(300):
            if timed:
                break
            page.wait_for_timeout(100)
        page.get_by_role("link", name=link, exact=True).click()
        expect(shows).to_be_visible()
        page.wait_for_timeout(1000)  # in which the late refreshes would clear the page
        expect(shows).to_be_visible()
        timed.clear()
    assert len(changes) == 2
