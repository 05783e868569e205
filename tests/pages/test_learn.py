"""The page Learn without a browser: the course, and every lesson from its bet to its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gan.lessons import LESSONS
from gan.lessons.lesson import Game

Visit = Callable[..., AppTest]


def texts(test: AppTest) -> str:
    kinds = (test.title, test.markdown, test.caption, test.success, test.error, test.button)
    found = [str(getattr(element, "label", "") or element.value) for kind in kinds for element in kind]
    links = [link.proto.label for link in test.get("page_link")]
    return "\n".join([*found, *links]).replace("\\", "")


def stages(test: AppTest) -> list[dict[str, Any]]:
    """Return what the page sends to the components on it."""
    assert not test.exception, test.exception
    return [json.loads(found.proto.json or found.proto.mixed.json) for found in test.get("bidi_component")]


def bet(test: AppTest, name: str, index: int) -> AppTest:
    return test.button(key=f"learn/bet/{name}/{index}").click().run()


def test_course_lists_every_lesson(visit: Visit, empty: Path) -> None:
    test = visit("learn")
    assert not stages(test) and not test.error
    assert all(lesson.title in texts(test) for lesson in LESSONS.values())


@pytest.mark.parametrize("name", ["no-such-lesson", "../../etc/passwd", "<b>x</b>", "x" * 5000])
def test_unknown_lesson_gets_a_sentence_and_the_course(name: str, visit: Visit, empty: Path) -> None:
    test = visit("learn", lesson=name)
    (error,) = test.error
    assert "There is no lesson" in error.value and "\n" not in error.value
    assert test.title[0].value == "Learn"


@pytest.mark.parametrize("name", list(LESSONS))
def test_nothing_of_the_answer_shows_before_the_bet(name: str, visit: Visit, empty: Path) -> None:
    lesson, test = LESSONS[name], visit("learn", lesson=name)
    assert not stages(test)
    shown = texts(test)
    assert lesson.answer not in shown and lesson.take_home not in shown and "right" not in shown.replace("the right", "").lower()


@pytest.mark.parametrize("name", list(LESSONS))
def test_bet_brings_the_stage_and_the_answer_its_reason(name: str, visit: Visit, empty: Path) -> None:
    lesson, test = LESSONS[name], visit("learn", lesson=name)
    bet(test, name, (lesson.right + 1) % len(lesson.choices))
    (stage,) = stages(test)
    assert lesson.take_home not in texts(test)
    if isinstance(lesson.stage, Game):
        assert stage["lesson"]["names"] == [side.name for side in lesson.stage.sides()]
    test.button(key="learn/answer").click().run()
    shown = texts(test)
    assert lesson.take_home in shown and lesson.choices[lesson.right] in test.error[0].value
    assert all(paper.url in shown for paper in lesson.papers)
    test.button(key="learn/again").click().run()
    bet(test, name, lesson.right)
    assert test.success and not test.error
