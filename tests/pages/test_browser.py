"""User flows in a real Chromium against a real server: from the first click to the table of scores."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gan import runs
from gan.execution import queue
from gan.runs import Run, changes
from tests.execution import quick
from tests.helpers import end_all, tiny, wait_until
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]

SAMPLES = re.compile(r"^Samples at step \d+$")


def curve(page: Page) -> str:
    """Return the drawn path of the first curve."""
    path = page.locator("[data-testid=stVegaLiteChart] svg .mark-line path").first
    return path.get_attribute("d") or ""


def ticks(page: Page) -> list[str]:
    """Return the labels of the first chart's step axis."""
    texts = page.locator("[data-testid=stVegaLiteChart]").first.locator(".role-axis-label").first.locator("text")
    return texts.all_text_contents()


def test_from_the_first_click_to_the_scores(page: Page, serve: Serve, root: Path) -> None:
    server = serve(root)
    page.goto(server.address)
    page.get_by_role("button", name="Train a GAN on digits now").click()

    # Samples and curves appear, live.
    expect(page.get_by_alt_text(SAMPLES).first).to_be_visible()
    page.locator("[data-testid=stVegaLiteChart] svg .mark-line path").first.wait_for()
    (run,) = runs.list_runs(root)
    assert f"run={run.id}" in page.url
    before = curve(page)
    wait_until(lambda: curve(page) not in ("", before), "the curve grows by itself")

    # A zoom survives new points and the announcement of the first score.
    page.evaluate("document.querySelector('[data-testid=stVegaLiteChart] svg').dataset.mine = 'yes'")
    box = page.locator("[data-testid=stVegaLiteChart]").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
    everything = ticks(page)
    page.keyboard.down("Control")
    for _ in range(6):
        page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    wait_until(lambda: ticks(page) != everything, "the chart has zoomed")
    page.wait_for_timeout(500)
    zoomed, step = ticks(page), run.status().step
    wait_until(lambda: run.status().step > step + 60 and run.scores(), "new points and the first score have arrived")
    page.wait_for_timeout(3000)
    assert ticks(page) == zoomed
    assert page.evaluate("document.querySelector('[data-testid=stVegaLiteChart] svg').dataset.mine") == "yes"

    # A reload in the middle changes nothing.
    page.reload()
    expect(page.get_by_alt_text(SAMPLES).first).to_be_visible()
    assert run.status().state == "running" and f"run={run.id}" in page.url

    # A knob is turned while it trains, and marked in the charts.
    page.get_by_role("button", name="Change settings").click()
    rate = page.get_by_role("spinbutton", name="Generator learning rate")
    rate.fill("0.001")
    rate.press("Tab")
    page.get_by_role("button", name="Change now").click()
    expect(page.get_by_text(re.compile(r"^After step [\d,]+: Generator learning rate [\d.]+ → 0\.001"))).to_be_visible()
    expect(page.locator("[data-testid=stVegaLiteChart] svg").first).to_contain_text("lr_G 0.001")
    assert [change.changes for change in changes.applied(run)] == [{"optimizer.generator_lr": 0.001}]

    # Stop and resume.
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    stopped_at = run.status().step
    wait_until(lambda: run.status().state == "running" and run.status().step > stopped_at, "the run goes on")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()

    # On a projector, keys step through the snapshots.
    page.get_by_text("Present", exact=True).click()
    expect(page.get_by_role("link", name="Evaluate")).to_be_hidden()
    caption = page.get_by_test_id("stCaptionContainer").filter(has_text="Generated")
    expect(caption).to_have_count(1)  # that of the page is gone
    newest = caption.inner_text()
    expect(page.get_by_role("button", name="Back")).to_be_visible()  # the keys are those of the buttons
    page.wait_for_timeout(200)  # the browser listens for keys a moment after it has drawn the buttons
    page.keyboard.press("ArrowLeft")
    expect(caption).not_to_have_text(newest)
    page.keyboard.press("Space")
    expect(caption).to_have_text(newest)
    assert "present=true" in page.url
    page.get_by_text("Present", exact=True).click()

    # Score, and read the table.
    page.get_by_role("link", name="Evaluate").click()
    page.get_by_role("button", name="Score 1 run now").click()
    expect(page.get_by_role("button", name="LaTeX")).to_be_visible(timeout=180_000)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible()
    assert "FID · digits CNN" in page.get_by_test_id("stPlotlyChart").first.inner_text()
    assert [line["source"] for line in run.scores()].count("checkpoint") == 1


def test_killed_server_loses_nothing(page: Page, serve: Serve, root: Path, quick_trainers: quick.Trainers) -> None:
    server = serve(root)
    run = queue.launch(root, tiny({"training.length": "100000 steps", "cadence.log_every": "50 steps"}))
    page.goto(f"{server.address}/watch?run={run.id}")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.goto("about:blank")
    server.process.kill()
    server.process.wait()
    step = wait_until(lambda: run.status().step, "the training is on")
    wait_until(lambda: run.status().step > step, "the training goes on without a server")

    server = serve(root)
    page.goto(f"{server.address}/watch?run={run.id}")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert run.status().state == "stopped"
    assert quick_trainers.of(run).wait() == 0, "the trainer has ended"


def test_deep_link_to_a_fresh_server(page: Page, serve: Serve, shown: Run) -> None:
    """The frame that all pages begin with takes care of it."""
    page.goto(f"{serve(shown.root).address}/watch?run={shown.id}")
    expect(page.get_by_role("link", name="Evaluate", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="dashboard", exact=True)).to_have_count(0)  # Streamlit's own menu of file names
    page.locator("h1, [data-testid=stVegaLiteChart] svg").first.wait_for()


def test_queue_goes_on_without_an_open_page(serve: Serve, root: Path, page: Page) -> None:
    server = serve(root)
    page.goto(server.address)
    expect(page.get_by_role("button", name="Train a GAN on digits now")).to_be_visible()
    page.goto("about:blank")
    run = runs.create(root, tiny())
    wait_until(lambda: run.status().state == "finished", "the server has started what waits")
    end_all(root)


def test_pages_fit_a_phone(page: Page, serve: Serve, shown: Run) -> None:
    server = serve(shown.root)
    shown.rename("Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz")
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("", "data", "train", "watch", "evaluate", f"compare?runs={shown.id}"):
        page.goto(f"{server.address}/{name}")
        page.locator("h1, [data-testid=stVegaLiteChart] svg").first.wait_for()
        page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")
            assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth + 1"), (name, scheme)
        if name == "train":
            check_foot_bar(page)


def check_foot_bar(page: Page) -> None:
    """Check that the button stays at the foot of the screen, and covers nothing at the end of the page."""
    bar, last = page.locator(".st-key-train-bar"), page.get_by_text("The same on the command line")
    last.wait_for()
    for place in (0, 400, 99_999):
        page.evaluate(f"document.querySelector('[data-testid=stMain]').scrollTo(0, {place})")
        found = bar.bounding_box()
        assert found and 844 - 20 <= found["y"] + found["height"] <= 844 + 1, place
    end = last.bounding_box()
    assert found and end and end["y"] + end["height"] <= found["y"]


def test_first_training_by_keyboard_alone(page: Page, serve: Serve, root: Path) -> None:
    server = serve(root)
    page.goto(server.address)
    button = page.get_by_role("button", name="Train a GAN on digits now")
    button.wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    queue.stop(runs.list_runs(root)[0])


@pytest.mark.parametrize("name", ["Data", "1. Two players"])
def test_focus_shows_in_the_list_of_pages_and_on_cards(page: Page, serve: Serve, empty: Path, name: str) -> None:
    page.goto(f"{serve(empty).address}/learn")
    link = page.get_by_role("link", name=name, exact=True)
    expect(link).to_be_visible()
    page.keyboard.press("Tab")  # browsers outline the focus only for those who use the keyboard
    link.focus()
    expect(link).to_have_css("outline-style", "solid")
