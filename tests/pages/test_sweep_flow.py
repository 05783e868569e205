"""A sweep from plan to report in a real Chromium: three variants are trained, compared with the slider, and read offline."""

from __future__ import annotations

import contextlib
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect

from gan.runs import names
from gan.sweeps import launched
from tests.helpers import run_gan, wait_until
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]

LINE, LATENT = 35, 320  # pixels: height of a row of the table, and x of its second column
SAMPLES = re.compile(r"^Samples of .* at step \d+$")


def type_into(page: Page, label: str | re.Pattern[str], text: str) -> None:
    """Type into the field with this label and press Enter, as a user does."""
    field = page.get_by_label(label).and_(page.locator("input"))
    field.fill(text)
    field.press("Enter")


def arrived(page: Page) -> tuple[int, int]:
    """Return the numbers of loaded pictures and of all pictures on a page, without its logo."""
    pictures = "[...document.images].filter(one => !one.closest('[data-testid=stHeader]'))"
    found = page.evaluate(f"{pictures}.map(one => one.complete && one.naturalWidth > 0)")
    return sum(found), len(found)


def test_sweep_from_plan_to_report(page: Page, serve: Serve, root: Path, tmp_path: Path) -> None:
    server = serve(root)
    page.goto(f"{server.address}/train?preset=digits-mlp")

    # Plan a short run and two other sizes of the latent vector. First wait for the measured speed: it redraws the page, which
    # could lose a key pressed in the table at that moment.
    type_into(page, re.compile("^Train for"), "6")  # epochs, with samples every 5
    expect(page.get_by_text("Expected time on this machine")).to_be_visible()
    page.get_by_role("button", name="Vary these settings in a sweep").click()
    type_into(page, "Seeds", "1")
    vary, latent = page.get_by_role("combobox", name="Vary"), page.get_by_role("option", name="Latent size")
    wait_until(lambda: latent.is_visible() or vary.fill("Latent size"), "the settings are listed", every=0.5)
    latent.click()
    page.keyboard.press("Escape")
    type_into(page, re.compile(r"^Latent size · now"), "8, 16")
    page.keyboard.press("Escape")
    expect(page.get_by_text("3 variants × 1 seed = 3 runs")).to_be_visible()

    # Change one value in the table; the variant is named after it.
    table = page.get_by_test_id("stDataFrame")

    editor = page.locator(".gdg-input")

    def is_edited() -> bool:  # the table takes its time to be drawn and is redrawn, which closes the editor
        table.scroll_into_view_if_needed()
        corner = wait_until(table.bounding_box, "the table is drawn")
        page.mouse.click(corner["x"] + LATENT, corner["y"] + 2.5 * LINE)
        page.keyboard.press("Enter")
        with contextlib.suppress(AssertionError, PlaywrightError):
            editor.fill("24", timeout=300)
            editor.press("Enter", timeout=300)
            expect(table.locator("td", has_text="latent size 24")).to_have_count(1, timeout=4_000)
            return True
        return False

    wait_until(is_edited, "the value in the table has changed", every=0.2)
    page.get_by_role("button", name="Start 3 runs").click()

    # Watch the progress to the end.
    expect(page.get_by_text(re.compile("^[0-2] of 3 runs ended"))).to_be_visible()
    (sweep,) = launched.list_sweeps(root)
    assert f"sweep={sweep.id}" in page.url
    expect(page.get_by_text("3 of 3 runs ended")).to_be_visible(timeout=180_000)
    assert [run.status().state for run in sweep.runs()] == ["finished"] * 3
    assert sorted(run.config().networks.latent for run in sweep.runs()) == [16, 24, 64]

    # Compare: the slider moves all samples, by keyboard only.
    page.get_by_role("link", name="Compare runs").click()
    slider = page.get_by_role("slider", name="Images seen")
    expect(page.get_by_alt_text(SAMPLES)).to_have_count(3)
    first, *_, middle, last = sweep.runs()[0].samples()
    for key, step in (("Home", first), ("End", last), ("ArrowLeft", middle), ("ArrowRight", last)):
        slider.press(key)
        for alone in range(3):
            expect(page.get_by_text(re.compile(rf"^Step {step:,}\b")).nth(alone)).to_be_visible()
    wait_until(lambda: arrived(page) == (3, 3), "the samples are on screen")

    # Score with few images on the command line, export the report and read it without a network.
    done = run_gan("score", *(run.id for run in sweep.runs()), "--images", 200, "--draws", 1, root=root)
    assert done.returncode == 0, done.stderr
    page.reload()  # it would redraw itself for the new scores, and a button clicked at that moment offers an outdated report
    expect(page.get_by_alt_text(SAMPLES)).to_have_count(3)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export report").click()
    waiting.value.save_as(tmp_path / "report.zip")
    with zipfile.ZipFile(tmp_path / "report.zip") as report:
        report.extractall(tmp_path / "report")
    (written,) = (tmp_path / "report").rglob("*.html")
    browser = page.context.browser
    assert browser
    offline = browser.new_context(offline=True)
    requests: list[str] = []
    offline.on("request", lambda request: requests.append(request.url))
    reader = offline.new_page()
    reader.goto(written.as_uri())
    for name in names.names(sweep.runs()).values():
        expect(reader.get_by_text(name, exact=True).first).to_be_visible()
    shown, expected = wait_until(lambda: arrived(reader), "the report is drawn")
    assert shown == expected >= 3 and reader.locator("table td").count() > 4
    assert [url for url in requests if not url.startswith("data:")] == [written.as_uri()]
    assert reader.evaluate("document.documentElement.scrollWidth <= innerWidth")
