"""Refreshes of parts of a page that reach the server while it draws this page or another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

from gan import runs
from gan.runs import Run
from pages.parts import reruns
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptRequests]:
    """Return the requests of a script that draws the whole page "home"."""
    monkeypatch.setattr(ScriptRequests, "request_rerun", ScriptRequests.request_rerun)
    reruns.patch_streamlit()
    requests = ScriptRequests()
    assert requests.request_rerun(RerunData(page_script_hash="home"))
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.RERUN
    yield requests


def refresh(page: str, *, is_click: bool = False) -> RerunData:
    """Return the request of a timer, or of a click in a part of a page."""
    return RerunData(page_script_hash=page, fragment_id="part", is_auto_rerun=not is_click)


def drawn(place: int, text: str, part: str = "") -> ForwardMsg:
    """Return the message that shows a text at a place of the page."""
    message = ForwardMsg()
    message.metadata.delta_path.extend([0, place])
    message.delta.fragment_id = part
    message.delta.new_element.text.body = text
    return message


def next_run(requests: ScriptRequests) -> tuple[str, list[str]] | None:
    """End the script that runs; return the page and the parts that the next one draws, or None."""
    request = requests.on_scriptrunner_ready()
    if request.type is ScriptRequestType.STOP:
        return None
    return request.rerun_data.page_script_hash, request.rerun_data.fragment_id_queue


def test_parts_of_the_page_are_drawn(requests: ScriptRequests) -> None:
    assert requests.request_rerun(refresh("home", is_click=True))
    assert next_run(requests) == ("home", ["part"])
    assert requests.request_rerun(refresh("home"))
    assert requests.request_rerun(refresh("home", is_click=True))
    assert next_run(requests) == ("home", ["part"])
    assert next_run(requests) is None


def test_refresh_may_be_the_first_request_of_a_script(requests: ScriptRequests) -> None:
    fresh = ScriptRequests()
    assert fresh.request_rerun(refresh("home"))
    assert next_run(fresh) == ("home", ["part"])


def test_page_that_is_drawn_needs_no_refresh(requests: ScriptRequests) -> None:
    assert requests.request_rerun(refresh("home"))
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
    assert requests.request_rerun(refresh("home", is_click=True))
    assert next_run(requests) == ("home", ["part"])
    assert next_run(requests) is None
    assert requests.request_rerun(refresh("home")), "it is dropped; the timer asks again"
    assert not requests.request_rerun(refresh("home", is_click=True)), "a click needs a new script"
    assert not requests.request_rerun(RerunData(page_script_hash="watch"))


def test_first_page_of_a_visit_is_not_known_by_its_mark(requests: ScriptRequests) -> None:
    first = ScriptRequests()
    assert first.request_rerun(RerunData(page_script_hash=""))
    assert next_run(first) == ("", [])
    assert first.request_rerun(refresh("home", is_click=True))
    assert next_run(first) == ("home", ["part"])


def test_what_the_page_drew_in_a_part_is_sent_though_the_part_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForwardMsgQueue, "clear", ForwardMsgQueue.clear)
    reruns.patch_streamlit()
    queue = ForwardMsgQueue()
    queue.enqueue(drawn(0, "above"))
    queue.enqueue(drawn(1, "first", part="part"))
    queue.enqueue(drawn(2, "below"))
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["part"])
    queue.enqueue(drawn(1, "second", part="part"))
    assert [sent.delta.new_element.text.body for sent in queue.flush()] == ["above", "first", "below", "second"]

    queue.enqueue(drawn(0, "above"))
    queue.clear(retain_lifecycle_msgs=True)
    assert not queue.flush(), "the whole page is drawn again"


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


def test_page_stays_whole_when_its_part_is_asked_for_while_it_is_drawn(page: Page, serve: Serve, shown: Run) -> None:
    parts: list[str] = []
    times = 6
    runs.delete(shown)

    def between(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            server.send(message)
            assert isinstance(message, bytes)
            asked = BackMsg.FromString(message)
            if asked.HasField("rerun_script") and not asked.rerun_script.fragment_id and parts:
                asked.rerun_script.fragment_id = parts[-1]  # as a click in the part does
                server.send(asked.SerializeToString())

        def listen(message: str | bytes) -> None:
            assert isinstance(message, bytes)
            told = ForwardMsg.FromString(message)
            if told.HasField("auto_rerun"):
                parts.append(told.auto_rerun.fragment_id)
            browser.send(message)

        browser.on_message(pass_on)
        server.on_message(listen)

    page.route_web_socket(re.compile("/_stcore/stream"), between)
    page.goto(serve(shown.root).address)
    trash, restore = page.get_by_text("Trash", exact=True), page.get_by_role("button", name="Restore")
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    for time in range(times):
        trash.click()
        expect(restore).to_be_visible(visible=time % 2 == 0)
        page.wait_for_timeout(300)
        expect(page.get_by_text("No runs yet.")).to_be_visible()
    assert len(parts) > times
