"""The class: codes, people, tokens, and what ends them."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from threading import Thread

import pytest

from gan.access import classroom
from gan.access.classroom import Classroom, NameTaken, Refused
from gan.access.people import TEACHER, VISITOR, Person, acting
from gan.errors import InputError


@pytest.fixture
def room(tmp_path: Path) -> Classroom:
    room = Classroom(tmp_path)
    room.open()
    return room


def join(room: Classroom, name: str) -> tuple[Person, str]:
    return room.enter(name, room.state().code)


def test_a_code_gives_a_token_that_stands_for_the_person(room: Classroom) -> None:
    ann, token = join(room, "Ann")
    assert ann.name == "Ann" and not ann.is_teacher
    assert room.person(token) == ann
    teacher, token = room.enter("", room.state().teacher_code.lower().replace("-", " "))
    assert teacher == TEACHER == room.person(token)


def test_secrets_are_readable_by_the_owner_alone(room: Classroom) -> None:
    folder = room.path.parent
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "key", room.path)}
    assert modes == {".class": 0o700, "key": 0o600, "class.json": 0o600}


@pytest.mark.parametrize("code", ["", "-", "----", "AAA-AAA", "x" * 10_000, "\0", "ß"])
def test_a_wrong_code_is_refused(room: Classroom, code: str) -> None:
    with pytest.raises(Refused, match="not the code of the class"):
        room.enter("Ann", code)
    assert not room.state().students


def test_a_code_in_wide_letters_is_the_same_code(room: Classroom) -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in room.state().code)  # as some keyboards type it
    assert room.enter("Ann", wide)[0].name == "Ann"


@pytest.mark.parametrize("name", ["", "  ", "\n", "x" * 31, "teacher", "Unknown", "Ｔeacher"])
def test_a_name_that_cannot_be_shown_is_refused(room: Classroom, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        join(room, name)


def test_a_taken_name_needs_the_personal_code(room: Classroom) -> None:
    ann, first = join(room, "Ann")
    with pytest.raises(InputError, match="There is a “Ann”"):
        join(room, "ann")
    student = room.student(ann)
    assert student
    wrong = f"{(int(student.code) + 1) % 10**4:04}"
    with pytest.raises(Refused, match="personal code"):
        room.enter("ann", room.state().code, wrong)
    again, second = room.enter("ann", room.state().code, student.code)
    assert again == ann == room.person(first) == room.person(second)


@pytest.mark.parametrize(("name", "other"), [("Bo", "Ｂｏ"), ("José", "Jose\N{COMBINING ACUTE ACCENT}"), ("Straße", "STRASSE")])
def test_names_that_look_alike_are_one(room: Classroom, name: str, other: str) -> None:
    assert name != other
    person, _ = join(room, name)
    with pytest.raises(InputError, match=f"There is a “{name}”"):
        join(room, other)
    room.remove(person.id)
    with pytest.raises(InputError, match="removed"):
        join(room, other)


def test_a_forged_or_old_token_stands_for_nobody(room: Classroom, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, token = join(room, "Ann")
    other = Classroom(tmp_path / "other")
    other.open()
    _, foreign = join(other, "Ann")
    for forged in ("", "x", token[:-1], token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), foreign, "x" * 100_000, "ä.b.c"):
        assert room.person(forged) is None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + classroom.LIFETIME + 2)
    assert room.person(token) is None


def test_a_new_code_ends_the_tokens_of_students_alone(room: Classroom) -> None:
    _, teacher = room.enter("", room.state().teacher_code)
    ann, token = join(room, "Ann")
    old = room.state().code
    assert room.change_code() == room.state().code != old
    assert room.person(token) is None
    assert room.person(teacher) == TEACHER
    student = room.student(ann)
    assert student
    assert room.enter("Ann", room.state().code, student.code)[0] == ann, "the same person, so the same owner"
    room.change_teacher_code()
    assert room.person(teacher) is None


def test_a_removed_student_is_out_until_let_in_again(room: Classroom) -> None:
    ann, token = join(room, "Ann")
    bo, other = join(room, "Bo")
    room.remove(ann.id)
    assert room.person(token) is None
    assert room.person(other) == bo
    with pytest.raises(InputError, match="has been removed"):
        join(room, "Ann")
    room.remove(ann.id, is_removed=False)
    student = room.student(ann)
    assert student
    assert room.person(token) is None, "tokens from before stay invalid"
    assert room.enter("Ann", room.state().code, student.code)[0] == ann


def test_the_end_of_the_class_shuts_students_out(room: Classroom) -> None:
    _, token = join(room, "Ann")
    _, teacher = room.enter("", room.state().teacher_code)
    code = room.state().code
    room.end()
    assert room.person(token) is None
    assert room.person(teacher) == TEACHER
    with pytest.raises(InputError, match="has ended"):
        room.enter("Bo", code)
    room.reopen()
    assert room.state().code != code
    assert join(room, "Bo")


def test_after_a_new_code_a_device_of_the_student_needs_no_personal_code(room: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    (ann, token), (_, other) = join(room, "Ann"), join(room, "Bo")
    old = room.state().code
    code = room.change_code()
    assert room.enter("ann", code, token=token)[0] == ann
    for forged in ("", other, token + "x", token[:-1]):
        with pytest.raises(NameTaken):
            room.enter("Ann", code, token=forged)
    with pytest.raises(Refused):
        room.enter("Ann", old, token=token)
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: now + classroom.LIFETIME + 2)
        with pytest.raises(NameTaken):
            room.enter("Ann", code, token=token)
    room.remove(ann.id)
    room.remove(ann.id, is_removed=False)
    with pytest.raises(NameTaken):
        room.enter("Ann", code, token=token)


def test_why_a_token_is_not_valid_any_more(room: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    (ann, token), (_, teacher) = join(room, "Ann"), room.enter("", room.state().teacher_code)
    assert room.former(token) == room.former(teacher) == room.former(token + "x") == room.former("") == ("", "")
    room.remove(ann.id)
    assert room.former(token) == ("", "“Ann” has been removed from the class; ask your teacher to let you in again.")
    room.remove(ann.id, is_removed=False)
    assert room.former(token) == ("Ann", "You are let in again; enter the code of the class.")
    _, again = room.enter("Ann", room.state().code, room.state().students[ann.id].code)
    room.change_code()
    assert room.former(again) == ("Ann", "The code of the class has changed; enter the new one.")
    room.change_teacher_code()
    assert room.former(teacher) == ("", "The teacher's code has changed; enter the new one.")
    _, last = room.enter("Ann", room.state().code, room.state().students[ann.id].code)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + classroom.LIFETIME + 2)
    assert room.former(last) == ("Ann", "You have to join again, because a sign-in is valid for 12 hours.")
    room.end()
    assert room.former(again) == ("", "The class has ended; ask your teacher to open it again.")


@pytest.mark.parametrize("who", [VISITOR, Person(id="a", name="Ann")])
@pytest.mark.parametrize("change", ["change_code", "change_teacher_code", "end", "reopen"])
def test_only_the_teacher_runs_the_class(room: Classroom, who: Person, change: str) -> None:
    before = room.path.read_bytes()
    with acting(who), pytest.raises(InputError, match=r"Only the teacher|not joined"):
        getattr(room, change)()
    assert room.path.read_bytes() == before


def test_forty_who_join_at_once_are_all_in(room: Classroom) -> None:
    threads = [Thread(target=join, args=(room, f"Student {number}")) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {student.name for student in room.state().students.values()} == {f"Student {number}" for number in range(40)}


def test_a_damaged_file_lets_nobody_in(room: Classroom) -> None:
    _, token = join(room, "Ann")
    room.path.write_bytes(b"{")
    assert room.person(token) is None
    with pytest.raises(InputError, match="cannot be read"):
        room.enter("Ann", "x")
