"""The Quiz page without a browser: one person from start to result, a round of a class, and what bad input gets."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.quiz import questions, rounds
from gan.quiz.questions import Quiz
from gan.quiz.rounds import Round
from gan.runs import Run
from pages.parts import charts
from tests.helpers import PROJECT, make_run, mount, unmount

Visit = Callable[..., AppTest]


@pytest.fixture
def example(empty: Path) -> Run:
    """Return a copy of the healthy example in a folder that the pages of this test show."""
    (source,) = (run for run in runs.list_runs(PROJECT / "examples") if "Healthy" in run.label())
    shutil.copytree(source.path, empty / source.id)
    return Run(empty / source.id)


@pytest.fixture
def opened(example: Run) -> tuple[Round, str]:
    return rounds.create(example.root, questions.draw(example, [160, 16800], 8))


def html(test: AppTest) -> str:
    return "".join(str(element.proto.body) for element in test.get("html"))


def told(test: AppTest) -> str:
    """Return all text that a page shows."""
    kinds = (test.title, test.subheader, test.markdown, test.caption, test.error, test.info, test.warning, test.success)
    return "\n".join(str(element.value) for kind in kinds for element in kind).replace("\\", "")


def alt(test: AppTest) -> str:
    """Return the alternative text of the picture that is asked about."""
    (picture,) = test.get("image")
    return str(picture.proto.imgs[0].alt)


def parameter(test: AppTest, name: str) -> str:
    """Return a parameter of the address."""
    value = test.query_params[name]
    return value if isinstance(value, str) else value[0]


def press(test: AppTest, label: str) -> AppTest:
    """Press the button with a label."""
    (button,) = (one for one in test.button if one.label == label)
    return button.click().run()


def answer_all(test: AppTest, pictures: int, label: Callable[[int], str] = lambda place: "Real") -> None:
    for place in range(pictures):
        assert alt(test) == f"Picture {place + 1} of {pictures}"
        press(test, label(place))
        assert not test.exception and not test.error


def test_one_person_plays_to_the_result(visit: Visit, example: Run) -> None:
    test = visit("quiz")
    assert test.multiselect[0].value == [160, 5600, 16800]
    test.multiselect[0].set_value([160, 16800])
    test.button_group(key="quiz/size").set_value(8)
    press(test.run(), "Start")
    truth: Quiz = test.session_state["quiz/alone"].quiz
    assert "Step 160" in told(test) and test.get("progress")[0].proto.text == "Moment 1 of 2, picture 1 of 8"
    runs.delete(example)  # the pictures are already drawn
    answer_all(test, 16, lambda place: "Real" if truth.pictures[place].is_real or place == 3 else "Generated")
    wrong = 0 if truth.pictures[3].is_real else 1
    assert f"{16 - wrong} of 16 right" in told(test) and "You tell them apart better than by guessing" in told(test)
    assert "The discriminator at step 160: AUC 1.00" in told(test)
    assert len(re.findall("<figure", html(test))) == 16 and html(test).count("quiz-wrong") == wrong + 1  # and in the style sheet
    assert len(test.get("plotly_chart")) == 3
    assert list(test.table[0].value.columns)[:2] == ["Step", "you: right"]
    press(test, "Another quiz")
    assert test.info and not test.exception


def test_nothing_sent_before_the_result_tells_which_pictures_are_real(visit: Visit, example: Run) -> None:
    test = visit("quiz")
    press(test, "Start")
    for _ in range(6):
        page = str(test._tree)
        assert "is_real" not in page and ".png" not in re.sub(r"/media/[0-9a-f]+\.png", "", page)
        assert not re.search(r"quiz-wrong|<figure", page)
        press(test, "Generated")


def test_a_reloaded_page_goes_on_with_the_quiz(visit: Visit, example: Run) -> None:
    test = visit("quiz")
    test.button_group(key="quiz/size").set_value(8)
    press(test.run(), "Start")
    press(press(test, "Real"), "Generated")
    address = {name: parameter(test, name) for name in test.query_params}
    mine = test.session_state["quiz/alone"]
    assert set(address) == {"run", "alone"} and re.fullmatch(r"[\w-]{16}", address["alone"])
    again = visit("quiz", **address)
    assert alt(again) == "Picture 3 of 24" and again.session_state["quiz/alone"].quiz == mine.quiz
    press(again, "Real")
    assert mine.answers == {0: True, 1: False, 2: True}
    press(again, "Stop")
    assert "alone" not in again.query_params and again.multiselect
    late = visit("quiz", **address)
    assert "no longer kept" in late.info[0].value and "alone" not in late.query_params and late.multiselect


def test_without_opinions_the_quiz_works_without_the_curve(visit: Visit, example: Run) -> None:
    for step in (160, 5600, 16800):
        example.opinions_path(step).unlink()
    test = visit("quiz")
    test.button_group(key="quiz/size").set_value(8)
    press(test.run(), "Start")
    answer_all(test, 24)
    assert "opinions were not stored, as in runs of earlier versions" in told(test)
    assert "12 of 24 right" in told(test) and "AUC" not in told(test)


def test_only_runs_with_pictures_are_offered(visit: Visit, example: Run) -> None:
    points = make_run(example.root, {"data.name": "ring"}, family="mlp")
    make_run(example.root, name="not yet trained")
    test = visit("quiz")
    assert test.selectbox[0].options == [example.label()]
    test = visit("quiz", run=points.id)
    assert "no sample images, which a quiz needs" in test.error[0].value and not test.exception


@pytest.mark.parametrize("damage", ["reals", "samples", "all"])
def test_a_run_that_lost_its_pictures_gets_a_sentence(damage: str, visit: Visit, example: Run) -> None:
    test = visit("quiz")
    if damage == "reals":
        example.reals_path.unlink()
    elif damage == "samples":
        example.samples()[5600].write_bytes(b"no picture")
    else:
        runs.delete(example)
    for label in ("Start", "Open a round for a class"):
        if any(button.label == label for button in test.button):
            press(test, label)
            assert not test.exception
            assert len(test.error) == 1 if damage != "all" else test.info


def test_a_class_answers_and_sees_the_result_only_after_the_reveal(visit: Visit, example: Run) -> None:
    teacher = visit("quiz")
    teacher.button_group(key="quiz/size").set_value(8)
    press(teacher.run(), "Open a round for a class")
    code, key = parameter(teacher, "round"), parameter(teacher, "key")
    room = rounds.find(example.root, code)
    links = [block.value for block in teacher.code]
    assert links[0] == code and links[1].endswith(f"?round={code}") and key not in links[1]

    student = visit("quiz", round=code.lower())
    student.text_input[0].set_value("<b>Ada</b>")
    press(student, "Join")
    assert key not in str(student.query_params)
    answer_all(student, 24)
    assert "All pictures answered" in told(student) and not student.get("plotly_chart")
    again = visit("quiz", round=code, me=parameter(student, "me"))  # another device with the same address
    assert "All pictures answered" in told(again)
    late = visit("quiz", round=code)
    press(late, "Join")
    press(late, "Real")

    teacher.run()
    assert [(one.label, one.value) for one in teacher.metric] == [("Students", "2"), ("Answers", "25"), ("Finished", "1 of 2")]
    intruder = visit("quiz", round=code, key="guess")
    assert "key in this address does not belong" in intruder.error[0].value
    assert not any(button.label == "Reveal" for button in intruder.button)
    press(teacher, "Reveal")
    assert room.standing().is_revealed
    assert "The class" in told(teacher) and len(teacher.get("plotly_chart")) == 4
    press(late, "Real")
    assert "has been revealed; later answers do not count" in late.error[0].value and "of 1 right" in told(late)
    assert room.standing().answers == 25
    student.run()
    assert "12 of 24 right" in told(student) and "The class" in told(student) and not student.exception
    runs.delete(example)
    stranger = visit("quiz", round=code)
    assert "revealed already" in stranger.info[0].value and "run of this round has been deleted" in told(stranger)


def test_session_finds_its_round_again(visit: Visit, opened: tuple[Round, str]) -> None:
    room, key = opened
    test = visit("quiz", round=room.code, key=key)
    test.query_params.clear()
    test.run()
    press(test, f"Back to round {room.code}")
    assert any(button.label == "Reveal" for button in test.button) and parameter(test, "key") == key


@pytest.mark.parametrize("code", ["ABCDEF", "../../etc", "<b>"])
def test_unknown_codes_get_a_sentence(code: str, visit: Visit, example: Run) -> None:
    test = visit("quiz", round=code)
    assert "There is no round" in test.error[0].value and not test.exception
    test = visit("quiz")
    test.text_input[0].set_value(code)
    press(test, "Join a round")
    assert "There is no round" in test.error[0].value and not test.exception


def test_a_damaged_or_removed_round_gets_a_sentence(visit: Visit, opened: tuple[Round, str]) -> None:
    room, _ = opened
    test = visit("quiz", round=room.code)
    press(test, "Join")
    room.path.write_bytes(room.path.read_bytes()[:-9])
    press(test, "Real")
    assert {one.value for one in test.error} == {f"The file of round {room.code} is missing or damaged; open a new round\\."}
    room.path.unlink()
    test.run()
    assert "There is no round" in test.error[0].value and not test.exception


@pytest.fixture
def small_disk(example: Run) -> Iterator[Path]:
    folder = example.root / "quiz"
    folder.mkdir()
    mount(folder, "size=200k")
    yield folder
    unmount(folder)


def test_a_full_disk_is_told_and_the_picture_is_asked_again(small_disk: Path, visit: Visit, example: Run) -> None:
    room, _ = rounds.create(example.root, questions.draw(example, [160], 8))
    test = visit("quiz", round=room.code)
    press(test, "Join")
    room.answers_path.write_bytes(room.answers_path.read_bytes() + b"\n" * (-room.answers_path.stat().st_size % 4096))
    with pytest.raises(OSError), open(small_disk / "ballast", "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    press(test, "Real")
    assert "disk is full" in test.error[0].value and alt(test) == "Picture 1 of 8"
    (small_disk / "ballast").unlink()
    press(test, "Real")
    assert not test.error and alt(test) == "Picture 2 of 8"


def test_charts_leave_out_what_is_unknown(example: Run) -> None:
    quiz = questions.draw(example, [160], 8)
    from gan.quiz import results

    nobody, half = results.point(quiz, []), results.point(quiz, [{quiz.places(160)[0]: True}])
    assert not nobody.is_whole and not half.is_whole
    assert len(charts.detection(None, {"you": nobody}, [("x", half)]).data) == 1
    assert len(charts.accuracies([160, 16800], {"you": [None, (0.5, (0.2, 0.8))]}).data[0].x) == 1
