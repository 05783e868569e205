"""A round of the quiz in a real Chromium: a teacher and a student on a phone, with the server killed between two answers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from gan import runs
from gan.quiz import rounds
from tests.helpers import PROJECT
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]


def picture(page: Page, place: int) -> None:
    """Wait until the picture at a place can be answered."""
    expect(page.get_by_role("img", name=f"Picture {place + 1} of 8", exact=True)).to_be_visible()
    expect(page.get_by_text(f"picture {place + 1} of 8")).to_be_visible()
    page.wait_for_timeout(200)  # the browser listens for keys a moment after it has drawn the buttons


def test_a_class_plays_a_round_through_a_kill_of_the_server(page: Page, serve: Serve, root: Path) -> None:
    (source,) = (run for run in runs.list_runs(PROJECT / "examples") if "Healthy" in run.label())
    shutil.copytree(source.path, root / source.id)
    server = serve(root)

    # The teacher opens a round on the last moment.
    page.goto(f"{server.address}/quiz")
    page.get_by_role("radio", name="8", exact=True).click()
    for step in ("160", "5,600"):
        page.get_by_role("button", name=f"Remove Step {step}").click()
    page.get_by_role("button", name="Open a round for a class").click()
    expect(page.get_by_role("button", name="Reveal")).to_be_visible()
    teaching = page.url.removeprefix(server.address)
    (code,) = (path.stem for path in (root / "quiz").glob("*.json"))
    assert "key=" in teaching

    # A student joins on a phone and answers by touch.
    assert page.context.browser
    phone = page.context.browser.new_context(viewport={"width": 390, "height": 844})
    student = phone.new_page()
    student.set_default_timeout(30_000)
    student.goto(f"{server.address}/quiz?round={code}")
    student.get_by_role("textbox", name="Name").fill("Ada")
    student.get_by_role("button", name="Join").click()
    for place in range(3):
        picture(student, place)
        student.get_by_role("button", name="Real").click()
    picture(student, 3)
    assert student.evaluate("document.documentElement.scrollWidth") <= 390
    answers = student.get_by_role("button", name="Generated")
    box = answers.bounding_box()
    assert box and box["y"] + box["height"] < 844 and box["height"] >= 48
    mine = student.url.removeprefix(server.address)

    # The server is killed; on the next one, the round goes on at the fourth picture, by keyboard.
    page.goto("about:blank")
    server.process.kill()
    server.process.wait()
    server = serve(root)
    student.goto(f"{server.address}{mine}")
    page.goto(f"{server.address}{teaching}")
    for place in range(3, 8):
        picture(student, place)
        student.keyboard.press("ArrowRight" if place % 2 else "ArrowLeft")
    expect(student.get_by_text("All pictures answered.")).to_be_visible()
    expect(page.get_by_text("1 of 1", exact=True)).to_be_visible()
    room = rounds.find(root, code)
    (ada,) = room.standing().students.values()
    assert ada.name == "Ada" and ada.answers == {place: place < 3 or place % 2 == 0 for place in range(8)}

    # Another student is still at the first picture. The reveal reaches both others, and the third one with the next answer.
    late = phone.new_page()
    late.goto(f"{server.address}/quiz?round={code}")
    late.get_by_role("button", name="Join").click()
    picture(late, 0)
    page.get_by_role("button", name="Reveal").click()
    expect(student.get_by_role("heading", name="Against the discriminator")).to_be_visible()
    late.get_by_role("button", name="Real").click()
    expect(late.get_by_text("has been revealed; later answers do not count")).to_be_visible()
    for one in (page, student, late):
        expect(one.get_by_role("heading", name="Against the discriminator")).to_be_visible()
        expect(one.locator(".quiz-pictures img")).to_have_count(8)
    right = sum(ada.answers[place] == one.is_real for place, one in enumerate(room.record().pictures))
    expect(student.get_by_text(f"{right} of 8 right").first).to_be_visible()
    assert student.evaluate("document.documentElement.scrollWidth") <= 390
    assert room.standing().answers == 8
    phone.close()
