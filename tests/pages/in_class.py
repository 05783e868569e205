"""Shared by the tests of a class: a class with two students, pages as one of its persons, and what pages show."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.access import owners, people
from gan.access.classroom import Classroom
from gan.access.leading import leading
from gan.access.people import Person
from gan.runs import Run
from pages.parts.classroom import tiles
from tests.helpers import PROJECT

__all__ = ["Act", "Visit", "ann", "as_", "bo", "classroom", "example", "here", "html", "nobody_leads", "press", "told"]

Visit = Callable[..., AppTest]
Act = Callable[[Person], None]


@pytest.fixture
def as_(monkeypatch: pytest.MonkeyPatch) -> Act:
    """Return a function that lets the following page runs be those of a person of a class."""
    monkeypatch.setenv("GAN_CLASS", "1")

    def act(person: Person) -> None:
        monkeypatch.setattr(people._Source, "ask", staticmethod(lambda: person))

    return act


@pytest.fixture(autouse=True)
def nobody_leads() -> Iterator[None]:
    leading.end_leading()
    yield
    leading.end_leading()


@pytest.fixture
def classroom(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classroom:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(tiles, "FRESH", -1.0)  # each look reads anew
    room = Classroom(empty)
    room.open()
    return room


@pytest.fixture
def ann(classroom: Classroom) -> Person:
    return classroom.enter("Ann", classroom.state().code)[0]


@pytest.fixture
def bo(classroom: Classroom) -> Person:
    return classroom.enter("Bo <b>*x*", classroom.state().code)[0]


def example(root: Path, person: Person, name: str = "", **status: object) -> Run:
    """Copy a finished run with scores and samples for a person."""
    run = Run(root / runs.new_id())
    original = sorted((PROJECT / "examples").glob("2*"))[0]
    shutil.copytree(original, run.path, copy_function=shutil.copyfile)  # with new times, which belong to the new id
    owners.write(run.path, person)
    run.rename(name)
    run.write_status(run.status().model_copy(update=status))
    return run


def html(test: AppTest) -> str:
    return "".join(str(element.proto.body) for element in test.get("html"))


def told(test: AppTest) -> str:
    """Return all text that a page shows."""
    kinds = (test.title, test.markdown, test.caption, test.error, test.info, test.warning, test.success, test.code)
    text = "\n".join(str(element.value) for kind in kinds for element in kind)
    return text.replace("\\", "") + html(test)


def press(test: AppTest, key: str) -> AppTest:
    test.button(key=key).click().run()
    assert not test.exception, test.exception
    return test


def here(test: AppTest) -> str:
    """Return the page that is shown."""
    page: str = test.session_state["frame/here"]
    return page
