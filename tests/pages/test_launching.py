"""Clicks that launch a run, made again before the browser shows the next page."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.execution import queue, speeds
from gan.runs import Run
from pages.parts import frame
from tests.pages.test_actions import Visit, refuse


def test_launch_arrives_although_a_second_click_interrupts_the_change_of_page(
    visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "advance", lambda root: None)
    test, usual = visit("home"), frame._query

    def interrupted() -> frozenset[tuple[str, str]]:
        monkeypatch.setattr(frame, "_query", usual)
        raise RerunException(RerunData())

    launch = queue.launch

    def launching(*arguments: Any) -> Run:
        monkeypatch.setattr(frame, "_query", interrupted)
        return launch(*arguments)

    monkeypatch.setattr(queue, "launch", launching)
    test.button(key="start").click().run()
    (run,) = runs.list_runs(empty)
    assert test.query_params["run"] in (run.id, [run.id]) and "stop" in [button.key for button in test.button]


def test_change_of_page_is_repeated_until_the_new_page_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(here: str, *, is_interrupted: bool = False, is_back: bool = False) -> str:
        """Draw a page as the router does; return the page to which it leads on."""
        monkeypatch.setattr(frame, "is_back", lambda: is_back)
        with suppress(RerunException), frame.drawing():
            st.session_state[frame._HERE] = here
            frame._go_on()
            if is_interrupted:
                raise RerunException(RerunData())
            return ""
        return state.pop("to", "")

    def switch(page: str, **options: Any) -> NoReturn:
        state["to"] = page
        raise RerunException(RerunData())

    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(st, "switch_page", switch)
    monkeypatch.setattr(frame, "_query", frozenset)
    draw("pages/home.py")
    with suppress(RerunException):
        frame.go("pages/watch.py", run="1")
    state.pop("to")
    assert draw("pages/watch.py", is_interrupted=True) == ""  # by a second click on Home
    assert draw("pages/home.py") == "pages/watch.py"
    assert draw("pages/watch.py") == ""
    assert draw("pages/home.py") == "", "it has arrived, so the way back is free"
    with suppress(RerunException):
        frame.go("pages/watch.py", run="1")
    state.pop("to")
    assert draw("pages/watch.py", is_interrupted=True) == ""
    assert draw("pages/home.py", is_back=True) == "", "Back leads home from a page that is still drawn, too"


@pytest.mark.parametrize(("page", "key"), [("home", "start"), ("train", "launch")])
def test_second_click_on_a_page_that_is_not_replaced_yet_does_nothing(
    page: str, key: str, visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speeds, "start_measuring", lambda root, config: None)
    monkeypatch.setattr(queue, "advance", lambda root: None)
    test = visit(page)
    pressed = test.button(key=key)
    pressed.click().run()
    test.switch_page(f"pages/{page}.py").run()
    assert pressed.proto.id not in [button.proto.id for button in test.button], "the second click names a button that has gone"
    test.button(key=f"{key}/1").click().run()
    assert len(runs.list_runs(empty)) == 2, "the page was drawn again, so this is another launch"


def test_refused_launch_can_be_asked_for_again(visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "advance", lambda root: None)
    test = visit("home")
    with monkeypatch.context() as patch:
        patch.setattr(queue, "launch", refuse)
        test.button(key="start").click().run()
    test.button(key="start").click().run()
    assert len(runs.list_runs(empty)) == 1


def test_refresh_that_finds_a_data_set_removed_says_so() -> None:
    def draw() -> None:
        import streamlit as st

        from gan.config.data import DataConfig
        from pages.parts import frame

        @frame.fragment(None)
        def part() -> None:
            _ = DataConfig.model_construct(name="gone").shape

        part()
        st.caption("the rest")

    test = AppTest.from_function(draw).run()
    assert not test.exception and "“gone” no longer exists" in test.error[0].value
    assert test.caption[0].value == "the rest"
