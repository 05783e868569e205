"""Who may do what: the whole table, owners on disk, and who acts."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

import pytest

from gan.access import limits, owners, people, rules
from gan.access.people import TEACHER, VISITOR, Person, acting, current
from gan.errors import InputError

ANN, BO = Person(id="a1", name="Ann"), Person(id="b1", name="Bo")

#: (teacher, owner, another student, visitor) by level.
TABLE = {
    "everyone": (True, True, True, False),
    "owner": (True, True, False, False),
    "teacher": (True, False, False, False),
}


@pytest.mark.parametrize("verb", rules.VERBS)
def test_who_may(verb: str) -> None:
    found = tuple(rules.may(who, verb, ANN) for who in (TEACHER, ANN, BO, VISITOR))
    assert found == TABLE[rules.VERBS[verb]]
    for who, allowed in zip((TEACHER, ANN, BO, VISITOR), found, strict=True):
        assert bool(rules.refusal(who, verb, ANN, "run 1")) != allowed


def test_what_has_no_owner_is_the_teachers() -> None:
    assert [rules.may(who, "delete") for who in (TEACHER, ANN, VISITOR)] == [True, False, False]


def test_a_visitor_does_not_own_what_has_an_owner_without_id() -> None:
    assert not rules.may(VISITOR, "delete", VISITOR)


def test_the_sentence_names_who_may() -> None:
    with acting(BO), pytest.raises(InputError, match="Only Ann or the teacher may delete run 1; fork it"):
        rules.require("delete", ANN, "run 1")
    with acting(ANN):
        rules.require("delete", ANN, "run 1")


def test_without_a_class_everyone_is_the_teacher() -> None:
    assert current() == TEACHER


def test_acting_is_of_one_thread_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people._Source, "ask", staticmethod(lambda: VISITOR))
    seen: list[Person] = []
    with acting(ANN):
        thread = Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        assert current() == ANN
    assert [*seen, current()] == [VISITOR, VISITOR]


def test_an_owner_is_kept(tmp_path: Path) -> None:
    assert owners.read(tmp_path) == TEACHER
    owners.write(tmp_path, TEACHER)
    assert not list(tmp_path.iterdir())
    owners.write(tmp_path, ANN)
    assert owners.read(tmp_path) == ANN


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"id": 1}', '{"id": ""}', "null", json.dumps({"id": "x" * 65})])
def test_a_damaged_owner_is_nobody_but_the_teacher(tmp_path: Path, content: str) -> None:
    (tmp_path / owners.FILE).write_text(content)
    assert owners.read(tmp_path) == owners.UNKNOWN
    assert not rules.may(ANN, "delete", owners.read(tmp_path))


def test_limits_are_kept_and_a_damaged_file_gives_the_usual_ones(tmp_path: Path) -> None:
    chosen = limits.Limits(waiting=7, minutes=2.5)
    limits.write(tmp_path, chosen)
    assert limits.read(tmp_path) == chosen
    (tmp_path / limits.FILE).write_text('{"waiting": -1}')
    assert limits.read(tmp_path) == limits.Limits()
