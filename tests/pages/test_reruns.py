"""Refreshes of parts of a page that reach the server while it draws this page or another one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

from gan import runs
from gan.runs import Run
from pages.parts import reruns
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]


def change_streamlit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change Streamlit as the server does, for one test."""
    monkeypatch.setattr(ScriptRequests, "request_rerun", ScriptRequests.request_rerun)
    monkeypatch.setattr(ForwardMsgQueue, "clear", ForwardMsgQueue.clear)
    monkeypatch.setattr(AppSession, "request_rerun", AppSession.request_rerun)
    take_in = AppSession._handle_scriptrunner_event_on_event_loop
    monkeypatch.setattr(AppSession, "_handle_scriptrunner_event_on_event_loop", take_in)
    reruns.patch_streamlit()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptRequests]:
    """Return the requests of a script that draws the whole page "home"."""
    change_streamlit(monkeypatch)
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


def test_script_that_has_ended_takes_no_request(requests: ScriptRequests) -> None:
    assert requests.request_rerun(refresh("home", is_click=True))
    assert next_run(requests) == ("home", ["part"])
    assert next_run(requests) is None
    for late in (refresh("home"), refresh("home", is_click=True), RerunData(page_script_hash="watch")):
        assert not requests.request_rerun(late), "a new script has to be started"


def test_first_page_of_a_visit_is_not_known_by_its_mark(requests: ScriptRequests) -> None:
    first = ScriptRequests()
    assert first.request_rerun(RerunData(page_script_hash=""))
    assert next_run(first) == ("", [])
    assert first.request_rerun(refresh("home", is_click=True))
    assert next_run(first) == ("home", ["part"])


def test_what_the_page_drew_in_a_part_is_sent_though_the_part_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    change_streamlit(monkeypatch)
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


@pytest.fixture
def session_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], AppSession]:
    """Return a maker of sessions of a script, to be called inside an event loop; only the server around them is not there."""
    change_streamlit(monkeypatch)
    monkeypatch.setattr(Runtime, "_instance", MagicMock())

    def make(script: str) -> AppSession:
        path = tmp_path / "app.py"
        path.write_text(script)
        return AppSession(ScriptData(str(path), False), MemoryUploadedFileManager("/uploads"), ScriptCache(), None, {})

    return make


def texts(session: AppSession) -> list[str]:
    """Return the texts in the messages that wait for the browser."""
    messages = session.flush_browser_queue()
    return [sent.delta.new_element.text.body for sent in messages if sent.delta.new_element.HasField("text")]


async def ended(session: AppSession) -> None:
    async with asyncio.timeout(60):
        while session._scriptrunner is not None:
            await asyncio.sleep(0.01)


_PART = """
import streamlit as st

st.text("above")

@st.fragment
def part():
    st.text("part")

part()
st.text("below")
"""


def test_page_arrives_whole_though_a_click_in_its_part_comes_before_its_last_messages(
    session_of: Callable[[str], AppSession],
) -> None:
    async def click_early() -> list[str]:
        session = session_of(_PART)
        session.request_rerun(ClientState())
        assert session._scriptrunner and session._scriptrunner._script_thread
        session._scriptrunner._script_thread.join()  # blocks the event loop, so the messages of the script wait
        (part,) = session._fragment_storage._fragments  # type: ignore[attr-defined]
        session.request_rerun(ClientState(fragment_id=part))
        await ended(session)
        assert not reruns._ended(session)
        return texts(session)

    assert asyncio.run(click_early()) == ["above", "part", "below", "part"]


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
