"""The page Learn without a browser: the course, and every lesson from its bet to its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gan.catalogue.losses import LOSSES
from gan.judging.glossary import SCORES
from gan.judging.remedies import REMEDIES
from gan.lessons import course
from gan.lessons.course import LESSONS
from gan.lessons.lesson import Game, Lesson
from pages.parts.learning import drawings, stages
from pages.parts.learning.progress import MOST_ROWS, Progress

Visit = Callable[..., AppTest]


def texts(test: AppTest) -> str:
    kinds = (test.title, test.markdown, test.caption, test.success, test.error, test.button)
    found = [str(getattr(element, "label", "") or element.value) for kind in kinds for element in kind]
    links = [link.proto.label for link in test.get("page_link")]
    return "\n".join([*found, *links]).replace("\\", "")


def sent(test: AppTest) -> list[dict[str, Any]]:
    """Return what the page sends to the components on it."""
    assert not test.exception, test.exception
    return [json.loads(found.proto.json)[0] for found in test.get("bidi_component")]


def bet(test: AppTest, name: str, index: int) -> AppTest:
    return test.button(key=f"learn/bet/{name}/{index}").click().run()


def test_course_lists_every_lesson(visit: Visit, empty: Path) -> None:
    test = visit("learn")
    assert not sent(test) and not test.error
    assert all(lesson.title in texts(test) for lesson in LESSONS.values())
    assert list(drawings.DRAWINGS) == list(LESSONS) and len(test.get("image")) == len(LESSONS)


@pytest.mark.parametrize("name", ["no-such-lesson", "../../etc/passwd", "<b>x</b>", "x" * 5000])
def test_unknown_lesson_gets_a_sentence_and_the_course(name: str, visit: Visit, empty: Path) -> None:
    test = visit("learn", lesson=name)
    (error,) = test.error
    assert "There is no lesson “" in error.value and "'" not in error.value and "\n" not in error.value
    assert test.title[0].value == "Learn"


@pytest.mark.parametrize("name", list(LESSONS))
def test_nothing_of_the_answer_shows_before_the_bet(name: str, visit: Visit, empty: Path) -> None:
    lesson, test = LESSONS[name], visit("learn", lesson=name)
    assert not sent(test)
    shown = texts(test)
    assert lesson.answer not in shown and lesson.take_home not in shown and "Your bet was" not in shown


@pytest.mark.parametrize("name", list(LESSONS))
def test_bet_brings_the_stage_and_the_answer_its_reason(name: str, visit: Visit, empty: Path) -> None:
    lesson, test = LESSONS[name], visit("learn", lesson=name)
    wrong = (lesson.right + 1) % len(lesson.choices)
    bet(test, name, wrong)
    (stage,) = sent(test)
    assert lesson.take_home not in texts(test)
    if isinstance(lesson.stage, Game):
        assert stage["lesson"]["names"] == lesson.stage.names(wrong if len(lesson.stage.others) > 1 else 0)
    test.button(key="learn/answer").click().run()
    shown = texts(test)
    assert lesson.take_home in shown and f"Your bet was wrong. Right: {lesson.choices[lesson.right]}." in shown
    assert all(paper.url in shown for paper in lesson.papers)
    test.button(key="learn/again").click().run()
    bet(test, name, lesson.right)
    assert lesson.take_home not in texts(test)
    test.button(key="learn/answer").click().run()
    assert test.success and not test.error


def reached(lesson: Lesson, value: Any) -> Progress:
    """Return the progress after a browser has sent figures at the end of a game."""
    so_far = Progress(bet=0)
    so_far.add(stages._read(value, lesson.stage, 0, 7))
    return so_far


def test_measured_figures_show_next_to_what_is_certain(visit: Visit, empty: Path) -> None:
    lesson = LESSONS["two-players"]
    so_far = reached(lesson, {"step": 600, "boards": [{"modes": [7, 8], "d_real": 0.5}, {"modes": [0, 8]}]})
    test = visit("learn", {"learn/progress": {lesson.name: so_far}}, lesson=lesson.name)
    assert "| Both players learn | **7 of 8** | at least 4 of 8 |" in texts(test).replace("\u00a0", " ")
    assert test.error and lesson.answer in texts(test)  # the bet was wrong


def test_without_play_the_table_has_only_what_is_certain(visit: Visit, empty: Path) -> None:
    lesson = LESSONS["two-players"]
    so_far = Progress(bet=0, is_shown=True)
    shown = texts(visit("learn", {"learn/progress": {lesson.name: so_far}}, lesson=lesson.name))
    assert "| Both players learn | at least 4 of 8 |" in shown.replace("\u00a0", " ") and "| here |" not in shown


def test_limits_of_shares_are_whole_numbers_of_per_cent() -> None:
    assert stages.certain(LESSONS["what-fid-sees"])["C: copies"]["Memorised"] == "at least 95 %"
    certain = stages.certain(LESSONS["blind-spots-of-is"])
    assert certain["50 digits, repeated"]["Recall"] == "0 %" and certain["5 of 10 classes"]["Recall"] == "at least 20 %"


def test_tiny_figures_are_told_as_such() -> None:
    seen = stages._read({"boards": [{"g_norm": 0.00026}, {"g_norm": 18.54}]}, LESSONS["non-saturating"].stage, 0, 0)
    assert [figures["Gradient of G"] for figures in seen.values()] == ["below\u00a00.01", "18.5"]


def test_seeds_are_rows_and_the_oldest_go() -> None:
    lesson, so_far = LESSONS["seeds"], Progress(bet=0)
    for seed in range(20):
        so_far.add(stages._read({"boards": [{"modes": [seed % 9, 8]}, {"modes": [3, 8]}]}, lesson.stage, 0, seed))
    assert len(so_far.measured) == MOST_ROWS and "Seed 20" in so_far.measured


@pytest.mark.parametrize(
    "value",
    [None, 3, "x", [], {}, {"boards": 3}, {"boards": [1, 2]}, {"boards": [{}]}, {"boards": [{}, {}, {}]}],
)
def test_figures_that_are_not_of_this_game_are_dropped(value: Any) -> None:
    assert not reached(LESSONS["two-players"], value).has_answer


@pytest.mark.parametrize("value", ["<b>x</b>", [1, 2, 3], [], float("nan"), None, {"a": 1}, ["x", 8]])
def test_figure_that_is_no_number_becomes_a_dash(value: Any) -> None:
    so_far = reached(LESSONS["two-players"], {"boards": [{"modes": value}, {"modes": [0, 8]}]})
    assert so_far.measured["Both players learn"] == {"Modes": "–"}


def test_words_lead_to_their_lessons() -> None:
    assert [lesson.name for lesson in course.about("collapse")] == ["mode-collapse", "remedies"]
    assert [lesson.name for lesson in course.about("minimax")] == ["non-saturating"]
    assert not course.about("no such word")


def test_help_on_a_loss_leads_to_its_lesson(visit: Visit, empty: Path) -> None:
    test = visit("train", {"train/loss-facts": True})
    assert not test.exception and "Lesson: Why non-saturating?" in texts(test)


def test_every_word_of_a_lesson_is_known() -> None:
    known = {*SCORES, *LOSSES, *REMEDIES}
    for lesson in LESSONS.values():
        assert set(lesson.scores) <= set(SCORES) and set(lesson.losses) <= set(LOSSES) and set(lesson.about) <= known
