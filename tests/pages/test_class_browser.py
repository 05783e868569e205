"""A class in Chromium: the code, a training, the board, following the teacher, and the way out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gan import runs
from gan.access.classroom import Classroom
from tests.helpers import wait_until
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]


def join(page: Page, server: Server, name: str, code: str) -> None:
    page.goto(server.address)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Code of the class").fill(code)
    page.get_by_role("button", name="Join").click()


def test_a_class(page: Page, serve: Serve, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CLASS", "1")
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "127.0.0.1")
    server = serve(root)
    room = Classroom(root)
    browser = page.context.browser
    assert browser
    teacher, student = (browser.new_page(viewport={"width": 1280, "height": 900}) for _ in range(2))  # each with its own cookies
    broken: list[str] = []
    for one in (teacher, student):  # the consoles hold the door's refusals too
        one.on("pageerror", lambda error: broken.append(str(error)))
    join(teacher, server, "", room.state().teacher_code)

    # A student joins and trains; the run is the student's, and on the teacher's board.
    join(student, server, "Åsa <b>", room.state().code)
    student.get_by_role("button", name="Train a GAN on digits now").click()
    expect(student.get_by_text("by Åsa <b>")).to_be_visible()
    (run,) = runs.list_runs(root)
    assert run.owner().name == "Åsa <b>"
    teacher.goto(f"{server.address}/class")
    expect(teacher.get_by_text("Åsa <b>").first).to_be_visible()

    # The student follows the teacher.
    teacher.get_by_text("Lead", exact=True).click()
    student.get_by_text("Follow the teacher").click()
    expect(student).to_have_url(re.compile(r"/class"))
    teacher.get_by_role("link", name="Data").first.click()
    expect(student).to_have_url(re.compile(r"/data"))

    # Who is removed finds the form; the run trains on.
    room.remove(next(iter(room.state().students)))
    expect(student.get_by_text("Join the class")).to_be_visible()
    assert run.status().state in ("starting", "running", "finished")
    wait_until(lambda: run.status().step > 0, "the training goes on")

    # The projector, too, shows a new code, and says that the class has ended.
    teacher.goto(f"{server.address}/class?view=projector")
    expect(teacher.get_by_text(room.state().code)).to_be_visible()
    expect(teacher.get_by_text(room.change_code())).to_be_visible()
    people = browser.new_page()
    join(people, server, "", room.state().teacher_code)
    people.goto(f"{server.address}/class?view=people")
    expect(people.get_by_text(room.change_code())).to_be_visible()
    room.end()
    expect(teacher.get_by_text("The class has ended")).to_be_visible()
    expect(people.get_by_text("The class has ended")).to_be_visible()
    assert broken == []
