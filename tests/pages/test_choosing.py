"""The choice of a run by URL, changes made in other tabs, and the way back from a launch."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.execution import queue
from gan.runs import Run
from pages.parts import picking, words
from tests.helpers import make_run, wait_until
from tests.pages.conftest import Server

Visit = Callable[..., AppTest]
Serve = Callable[[Path], Server]

BOGUS = "20200101-000000-abcdef"


@pytest.mark.parametrize("wanted", ["bogus", BOGUS, "../../etc/passwd"])
def test_watch_shows_no_other_run_in_place_of_an_unknown_one(wanted: str, visit: Visit, shown: Run) -> None:
    test = visit("watch", run=wanted)
    assert not test.exception
    (error,) = test.error
    assert error.value.count("\n") == 0 and words.escape(wanted) in error.value
    assert test.query_params["run"] == wanted, "the URL stays as it is"
    assert not test.get("vega_lite_chart") and not test.button, "no run is shown"
    picker = test.selectbox(key="watch/choice")
    assert picker.value is None and len(picker.options) == 1
    picker.set_value(shown.id).run()
    assert not test.exception and not test.error
    assert test.query_params["run"] == shown.id and test.get("vega_lite_chart")


def test_watch_says_that_a_deleted_run_is_in_the_trash(visit: Visit, shown: Run) -> None:
    other = make_run(shown.root, state="stopped")
    test = visit("watch", run=other.id)
    runs.delete(other)
    test.run()
    assert not test.exception and len(test.error) == 1 and "has been deleted" in test.error[0].value
    assert test.query_params["run"] == other.id and test.selectbox(key="watch/choice").value is None


@pytest.mark.parametrize("page", ["evaluate", "compare"])
def test_unknown_runs_are_not_replaced_by_others(page: str, visit: Visit, shown: Run) -> None:
    test = visit(page, runs=BOGUS)
    assert not test.exception and len(test.error) == 1
    assert test.multiselect(key=f"{page}/runs").value == [] and test.query_params["runs"] == BOGUS


@pytest.mark.parametrize("page", ["evaluate", "compare"])
def test_runs_deleted_meanwhile_are_said_and_leave_the_address(page: str, visit: Visit, shown: Run) -> None:
    other, third = (make_run(shown.root, state="stopped") for _ in range(2))
    test = visit(page, runs=f"{shown.id},{other.id}")
    assert not test.error
    for gone, left in ((other, [shown.id]), (shown, [])):
        runs.delete(gone)
        for _ in range(2):  # the sentence outlasts a refresh
            test.run()
            assert not test.exception
            assert [error.value for error in test.error if f"{words.escape(gone.id)} has been deleted" in error.value]
            assert test.multiselect(key=f"{page}/runs").value == left and test.query_params["runs"] == ",".join(left)
    test.multiselect(key=f"{page}/runs").set_value([third.id]).run()
    assert not test.error and test.query_params["runs"] == third.id

    # So it is on the way back from another page.
    test.switch_page("pages/home.py").run()
    del test.query_params["runs"]
    runs.delete(third)
    fourth = make_run(shown.root, state="stopped")
    test.switch_page(f"pages/{page}.py").run()
    assert words.escape(third.id) in test.error[0].value and test.query_params["runs"] == fourth.id


@pytest.mark.parametrize("page", ["evaluate", "compare"])
def test_address_of_deleted_runs_alone_says_so_where_there_are_no_others(page: str, visit: Visit, empty: Path) -> None:
    test = visit(page, runs=BOGUS)
    assert not test.exception and words.escape(BOGUS) in test.error[0].value


@pytest.mark.parametrize("page", ["evaluate", "compare"])
def test_run_named_twice_is_chosen_once(page: str, visit: Visit, shown: Run) -> None:
    test = visit(page, runs=f"{shown.id},{shown.id},")
    assert not test.exception and test.multiselect(key=f"{page}/runs").value == [shown.id]


@pytest.mark.parametrize("page", ["evaluate", "compare"])
def test_choice_of_several_runs_is_kept_for_a_return(page: str, visit: Visit, shown: Run) -> None:
    other = make_run(shown.root, state="stopped")
    test = visit(page, runs=other.id)
    assert test.multiselect(key=f"{page}/runs").value == [other.id]
    test.switch_page("pages/home.py").run()
    del test.query_params["runs"]
    test.switch_page(f"pages/{page}.py").run()
    assert test.multiselect(key=f"{page}/runs").value == [other.id]


# Other tabs


@pytest.mark.parametrize("page", ["home", "watch", "evaluate", "compare"])
def test_page_without_active_runs_looks_for_changes_by_itself(
    page: str, visit: Visit, shown: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    intervals: list[float] = []
    enqueue = ScriptRunContext.enqueue

    def noted(script: ScriptRunContext, message: ForwardMsg) -> None:
        if message.HasField("auto_rerun"):
            intervals.append(message.auto_rerun.interval)
        enqueue(script, message)

    monkeypatch.setattr(ScriptRunContext, "enqueue", noted)
    test = visit(page)
    intervals.clear()  # those of Home, which is drawn first
    test.run()
    assert intervals and min(intervals) <= 5


def test_rename_reaches_an_open_tab(page: Page, serve: Serve, shown: Run) -> None:
    server = serve(shown.root)
    page.goto(f"{server.address}/watch?run={shown.id}")
    page.locator("[data-testid=stVegaLiteChart] svg").first.wait_for()
    shown.rename("renamed elsewhere")
    expect(page.get_by_role("combobox", name="Run")).to_have_value("renamed elsewhere", timeout=20_000)
    page.goto(server.address)
    expect(page.get_by_role("link", name="renamed elsewhere")).to_be_visible()
    shown.rename("renamed again")
    expect(page.get_by_role("link", name="renamed again")).to_be_visible(timeout=20_000)


# A choice of which the browser has yet to hear


def test_choice_stays_when_the_next_click_brings_the_url_of_before(
    visit: Visit, conditional: Run, shown: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = visit("watch", run=shown.id)
    test.selectbox(key="watch/choice").set_value(conditional.id).run()
    test.query_params["run"] = shown.id
    test.run()
    assert test.query_params["run"] in (conditional.id, [conditional.id])
    assert test.selectbox(key="watch/choice").value == conditional.id
    monkeypatch.setattr(picking, "LATE", 0.0)
    test.query_params["run"] = shown.id
    test.run()
    assert test.selectbox(key="watch/choice").value == shown.id, "later, the URL is meant"


def test_link_to_a_former_choice_on_another_page_is_meant(visit: Visit, conditional: Run, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    test.selectbox(key="watch/choice").set_value(conditional.id).run()
    test.switch_page("pages/home.py").run()
    test.query_params["run"] = shown.id
    test.switch_page("pages/watch.py").run()
    assert test.selectbox(key="watch/choice").value == shown.id


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


# Back, and confirmations, in a real browser


def test_back_from_a_launch_leads_home(page: Page, serve: Serve, root: Path) -> None:
    server = serve(root)
    page.goto(server.address)
    page.get_by_role("button", name="Train a GAN on digits now").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    (run,) = runs.list_runs(root)
    assert page.url == f"{server.address}/watch?run={run.id}"
    page.go_back()
    expect(page.get_by_role("button", name="Train a GAN on digits now")).to_be_visible()
    wait_until(lambda: page.evaluate("location.pathname + location.search") == "/", "the URL is that of Home")
    page.get_by_role("link", name="digits-dcgan").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    assert page.url == f"{server.address}/watch?run={run.id}"
    queue.stop(run)


def test_confirmations_close_after_their_action(page: Page, serve: Serve, shown: Run) -> None:
    server = serve(shown.root)
    doomed = make_run(shown.root, name="doomed", state="stopped")
    page.goto(f"{server.address}/watch?run={doomed.id}")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("soon gone")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Save")).to_be_hidden()
    assert doomed.label() == "soon gone"
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Move “soon gone” to the trash?")).to_be_visible()
    page.get_by_role("button", name="Delete this run").click()
    page.locator("[data-testid=stVegaLiteChart] svg").first.wait_for()
    expect(page.get_by_role("button", name="Delete this run")).to_be_hidden()
    assert runs.list_runs(shown.root) == [shown]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()
    assert runs.list_runs(shown.root) == [doomed, shown]
