"""Several servers of one class: who is served where, and that they start, are started again and end together."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from gan.access import presence, servers
from gan.access.classroom import Classroom
from gan.access.people import TEACHER, Person
from gan.errors import InputError
from tests.helpers import PROJECT, environment, is_sentence, wait_until


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
    assert presence.elsewhere() == {"ann", "bo", "di"}
    (root / ".class" / "present-8503.json").write_bytes(b"{")
    assert presence.elsewhere() == {"ann", "bo"}
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    assert presence.elsewhere() == set()


def ask(port: int, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str, str]:
    """Return status, the address sent to and the cookie of an answer; status 0 if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0, "", ""
    finally:
        connection.close()
    return answer.status, answer.getheader("location") or "", (answer.getheader("set-cookie") or "").partition(";")[0]


def join(port: int, name: str, code: str) -> dict[str, str]:
    """Sign in; return the headers with which a browser then opens a page."""
    form = urlencode({"name": name, "code": code})
    status, _, cookie = ask(port, "POST", "/door", {"Content-Type": "application/x-www-form-urlencoded"}, form)
    assert status == 303
    return {"Accept": "text/html", "Cookie": cookie}


def neighbours() -> int:
    """Return a port that is free, as is the next one."""
    while True:
        with socket.socket() as one, socket.socket() as two, contextlib.suppress(OSError, OverflowError):
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            two.bind(("127.0.0.1", port + 1))
            return port


@pytest.fixture
def two(root: Path, tmp_path: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Start a class with two servers; yield the port and the process of the first."""
    port = neighbours()
    command = [sys.executable, "-m", "gan", "class", "--root", str(root), "--port", str(port), "--servers", "2"]
    env = environment(root, {"STREAMLIT_SERVER_HEADLESS": "true", "GAN_SPARE": "0"})
    with open(tmp_path / "log", "wb") as log:
        first = subprocess.Popen([*command, "--address", "127.0.0.1"], cwd=PROJECT, env=env, stdout=log, stderr=log)
    try:
        wait_until(lambda: all(is_up(one) for one in (port, port + 1)), "both servers answer")
        yield port, psutil.Process(first.pid)
    finally:
        first.kill()
        first.wait()
        wait_until(lambda: not is_up(port + 1), "the second server has ended with the first, however that ended")


def is_up(port: int) -> bool:
    return ask(port, "GET", "/_stcore/health", {})[0] == 200


def test_a_class_with_two_servers_sends_everybody_to_their_own(two: tuple[int, psutil.Process], root: Path) -> None:
    port, first = two
    code = Classroom(root).state()
    ann, bo, teacher = (join(port, *one) for one in (("Ann", code.code), ("Bo", code.code), ("", code.teacher_code)))
    page = "/watch?run=20260101-000000-abcdef"
    for headers, own in ((ann, port + 1), (bo, port), (teacher, port)):
        other = 2 * port + 1 - own
        assert ask(own, "GET", page, headers)[0] == 200
        assert ask(other, "GET", page, headers)[:2] == (303, f"http://127.0.0.1:{own}{page}")
        assert ask(other, "GET", "/_stcore/host-config", {"Cookie": headers["Cookie"]})[0] == 200, "only pages are sent on"
    assert ask(port, "GET", page, {**ann, "Host": "127.0.0.1"})[0] == 200, "a proxy decides by itself"

    second = next(one for one in first.children() if str(port + 1) in one.cmdline())
    second.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    wait_until(lambda: not is_up(port + 1), "the second server is gone")
    wait_until(lambda: ask(port, "GET", page, ann)[0] == 200, "the first one shows the pages of both meanwhile")
    wait_until(lambda: is_up(port + 1), "the second server has been started again")
    wait_until(lambda: ask(port, "GET", page, ann)[0] == 303, "and has its visitors again")
