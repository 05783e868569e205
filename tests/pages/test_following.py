"""The bar of a class, leading and following, without a browser."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from gan import runs
from gan.access.classroom import Classroom
from gan.access.leading import leading
from gan.access.people import TEACHER, Person
from tests.pages.in_class import Act, Visit, ann, as_, bo, classroom, example, here, html, nobody_leads

__all__ = ["ann", "as_", "bo", "classroom", "nobody_leads"]


def lead(visit: Visit, as_: Act, page: str = "home", **query: str) -> AppTest:
    """Open a page as the teacher, and switch “Lead” on."""
    as_(TEACHER)
    test = visit(page, **query)
    test.toggle(key="class/lead").set_value(True).run()
    assert not test.exception and test.toggle(key="class/lead").value
    return test


def follow(test: AppTest) -> AppTest:
    (switch,) = (one for one in test.toggle if one.label == "Follow the teacher")
    return switch.set_value(True).run()


def test_the_bar_names_the_person(visit: Visit, classroom: Classroom, bo: Person, as_: Act) -> None:
    as_(bo)
    for page in ("home", "watch", "learn"):
        test = visit(page)
        assert "Class · <b>Bo &lt;b&gt;*x*</b>" in html(test) and not test.exception
        assert not any(one.label in ("Follow the teacher", "Lead") for one in test.toggle)
    as_(TEACHER)
    assert "Class · <b>Teacher</b> · 0 present" in html(visit("home"))


def test_a_student_follows_if_asked_and_stays_if_not(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    run = example(classroom.root, TEACHER)
    teacher = lead(visit, as_)
    as_(ann)
    student, other = visit("train"), visit("data")
    assert here(student) == "pages/train.py"
    follow(student)
    assert here(student) == "pages/home.py" and not student.exception

    as_(TEACHER)
    teacher.query_params["run"] = run.id
    teacher.switch_page("pages/watch.py").run()
    as_(ann)
    student.run()
    assert here(student) == "pages/watch.py" and student.query_params["run"] in (run.id, [run.id])
    other.run()
    assert here(other) == "pages/data.py"

    student.switch_page("pages/train.py").run()  # between two moves of the teacher, one may look elsewhere
    assert here(student) == "pages/train.py"
    as_(TEACHER)
    teacher.switch_page("pages/compare.py").run()
    as_(ann)
    student.run()
    assert here(student) == "pages/compare.py"

    as_(TEACHER)
    teacher.toggle(key="class/lead").set_value(False).run()
    assert leading.place() is None
    as_(ann)
    student.run()
    assert not any(one.label == "Follow the teacher" for one in student.toggle)
    as_(TEACHER)
    teacher.toggle(key="class/lead").set_value(True).run()
    teacher.switch_page("pages/learn.py").run()
    as_(ann)
    student.run()
    (switch,) = (one for one in student.toggle if one.label == "Follow the teacher")
    assert not switch.value and here(student) != "pages/learn.py"


def test_a_student_sees_the_runs_that_the_teacher_chooses(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    first, second = example(classroom.root, TEACHER), example(classroom.root, ann)
    for page, key in (("compare", "compare/runs"), ("evaluate", "evaluate/runs")):
        teacher = lead(visit, as_, page, runs=first.id)
        as_(ann)
        student = follow(visit(page, runs=first.id))
        assert student.multiselect(key=key).value == [first.id]

        as_(TEACHER)
        teacher.multiselect(key=key).set_value([second.id, first.id]).run()
        teacher.run()  # the bar is above the picker, and tells of a choice at the next look
        as_(ann)
        student.run()
        assert student.multiselect(key=key).value == [second.id, first.id] and not student.exception

        student.multiselect(key=key).set_value([second.id]).run()  # one's own choice stays until the next move
        student.run()
        assert student.multiselect(key=key).value == [second.id]
        as_(TEACHER)
        leading.end_leading()


def test_on_compare_everybody_aligns_curves_alone(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    first, second = example(classroom.root, TEACHER), example(classroom.root, ann)
    lead(visit, as_, "compare", runs=first.id)
    as_(ann)
    student = follow(visit("compare", runs=first.id))
    as_(TEACHER)
    leading.note_move(leading._read().tab, "pages/compare.py", {"axis": "steps", "runs": second.id, "log": "true"})
    as_(ann)
    student.run()
    assert not student.exception and student.multiselect(key="compare/runs").value == [second.id]


def test_what_a_student_typed_stays_until_the_student_follows(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    teacher = lead(visit, as_)
    as_(ann)
    student = visit("train")
    student.text_input(key="train/name").set_value("my run").run()
    as_(TEACHER)
    teacher.switch_page("pages/learn.py").run()
    as_(ann)
    student.run()
    assert here(student) == "pages/train.py" and student.text_input(key="train/name").value == "my run"


def test_a_deleted_run_of_the_teacher_gets_the_usual_sentence(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    run = example(classroom.root, TEACHER)
    lead(visit, as_, "watch", run=run.id)
    runs.delete(run)
    as_(ann)
    student = follow(visit("home"))
    assert here(student) == "pages/watch.py" and "has been deleted" in student.error[0].value and not student.exception


def test_the_key_of_a_round_is_not_passed_on(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    lead(visit, as_, "quiz", round="ABCDEF", key="secret")
    place = leading.place()
    assert place and (place.page, dict(place.query)) == ("pages/quiz.py", {"round": "ABCDEF"})


def test_another_tab_of_the_teacher_takes_over(visit: Visit, classroom: Classroom, as_: Act) -> None:
    first = lead(visit, as_)
    second = lead(visit, as_, "data")
    place = leading.place()
    assert place and place.page == "pages/data.py" and second.toggle(key="class/lead").value
    first.run()
    assert not first.toggle(key="class/lead").value


def test_a_student_cannot_lead(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    as_(ann)
    test = visit("home", state={"class/lead": True})
    assert leading.place() is None and not any(one.label == "Lead" for one in test.toggle)
