"""Several servers of one class: who is served where, and who is there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gan.access import presence, servers
from gan.access.classroom import Classroom
from gan.access.people import TEACHER, Person
from gan.errors import InputError
from tests.helpers import is_sentence


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the class have three servers."""
    monkeypatch.setenv("GAN_CLASS_PORTS", "8501,8502,8503")


@pytest.mark.usefixtures("three")
def test_students_take_turns_and_stay_where_they_are(root: Path) -> None:
    room = Classroom(root)
    room.open()
    people = [room.enter(f"Student {number}", room.state().code)[0] for number in range(7)]
    found = [servers.port_of(root, one) for one in people]
    assert found == [8502, 8503, 8501, 8502, 8503, 8501, 8502] and servers.port_of(root, TEACHER) == 8501
    room.enter("Late", room.state().code)
    assert [servers.port_of(root, one) for one in people] == found
    other = Person(id="a school's own", name="Ann")
    assert servers.port_of(root, other) == servers.port_of(root, other) in servers.ports()


@pytest.mark.parametrize("text", ["0", "17", "-1", "two", "1.5", "٣", "9" * 100])
def test_a_senseless_number_of_servers_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CLASS_SERVERS", text)
    with pytest.raises(InputError) as caught:
        servers.asked()
    assert is_sentence(str(caught.value))


@pytest.mark.usefixtures("three")
def test_servers_tell_one_another_who_is_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    (root / ".class").mkdir(parents=True)
    presence.tell(8501, {"ann", "bo"})
    presence.tell(8502, {"cy"})
    presence.tell(8502, set())
    presence.tell(8503, {"di"})
    assert presence.elsewhere(8502) == {"ann", "bo", "di"} and presence.elsewhere(8503) == {"ann", "bo"}
    (root / ".class" / "present-8503.json").write_bytes(b"{")
    assert presence.elsewhere(8502) == {"ann", "bo"}
    assert [presence.is_there(port) for port in servers.ports()] == [True, True, False]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    assert presence.elsewhere(8502) == set() and not presence.is_there(8501)
