"""The websocket of live games on a real server: games, tokens, origins, bad messages, killed processes."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gan.access import limits
from gan.access.limits import Limits
from gan.access.people import Person
from gan.execution import processes
from gan.play import messages, wire
from pages.parts.door.hosts import is_own_origin
from pages.parts.playing import pool as pools
from pages.parts.playing import relay
from tests.helpers import is_sentence, wait_until
from tests.pages.conftest import Server

Serve = Callable[[Path], Server]
_RING = {"data": "ring", "settings": {"networks.hidden": 16, "optimizer.batch_size": 16}}


class Visitor:
    """A browser's end of a live game."""

    def __init__(self, server: Server, token: str = "", **options: Any) -> None:
        self.token = token or secrets.token_hex(16)
        manager = connect(f"{server.address.replace('http', 'ws', 1)}/play/ws", **options)
        self.socket: ClientConnection = manager.__enter__()

    def send(self, do: str, **rest: Any) -> None:
        self.socket.send(json.dumps({"do": do, **rest}))

    def hear(self, *kinds: str) -> dict[str, Any]:
        """Return the head of the next message of one of these kinds."""
        while True:
            head: dict[str, Any] = wire.unpack(bytes(self.socket.recv(timeout=60)))[0]  # type: ignore[arg-type]
            if head["kind"] in kinds:
                return head

    def open(self, setup: dict[str, Any] = _RING) -> dict[str, Any]:
        self.send("open", token=self.token, setup=setup)
        return self.hear("opened", "sentence")


def workers(server: Server) -> list[psutil.Process]:
    """Return the processes of a server that play games or may yet do so."""
    return [one for one in psutil.Process(server.process.pid).children(recursive=True) if one.is_running()]


def player_of(server: Server) -> psutil.Process:
    """Return the process that holds the games: the one that computes."""
    return max(workers(server), key=lambda one: one.memory_info().rss)


@pytest.fixture
def server(serve: Serve, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("GAN_SPARE", "0")  # so that the worker is the only child
    yield serve(root)


def test_a_game_survives_its_socket_and_its_worker_does_not_survive_the_server(server: Server) -> None:
    first = Visitor(server)
    assert first.open()["is_continued"] is False
    first.send("step", who="both")
    assert [first.hear("frame")["step"] for _ in range(2)] == [0, 1]
    first.socket.close()

    again = Visitor(server, first.token)
    opened = again.open()
    assert (opened["is_continued"], opened["history"]["step"]) == (True, [1])
    assert again.hear("frame")["step"] == 1
    other = Visitor(server)
    assert other.open()["is_continued"] is False

    # Another set-up under the same token is a new game; what does not make sense is refused, and nothing else is disturbed.
    assert again.open({**_RING, "data": "grid"})["is_continued"] is False
    for text in ("", "[]", "{", json.dumps({"do": "speed", "value": 99}), json.dumps({"do": "open"})):
        other.socket.send(text)
        assert is_sentence(other.hear("sentence")["sentence"])
    other.send("step", who="d")
    assert other.hear("frame")["step"] == 0
    binary = Visitor(server)
    binary.socket.send(b"\x00")
    with pytest.raises(ConnectionClosed):
        binary.hear("nothing")
    other.socket.send("x" * (messages.MOST_BYTES + 1))
    with pytest.raises(ConnectionClosed):
        other.hear("nothing")

    # A killed worker is told, and the next game starts another.
    player_of(server).kill()
    lost = again.hear("sentence")
    assert lost["is_end"] is True
    assert is_sentence(lost["sentence"])
    assert again.open()["is_continued"] is False
    player = player_of(server)
    again.send("play")
    again.hear("frame")
    server.process.kill()
    wait_until(lambda: not player.is_running() or player.status() == psutil.STATUS_ZOMBIE, "the worker has ended")


def test_foreign_pages_are_refused(server: Server) -> None:
    with pytest.raises(InvalidStatus):
        Visitor(server, origin="http://elsewhere.example")
    Visitor(server, origin=server.address).socket.close()
    assert not workers(server)


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        (None, True), ("http://here:1", True), ("https://here:1", True), ("http://here", False), ("http://here:1.evil", False),
        ("null", False), ("http://[", False),
    ],
)  # fmt: skip
def test_own_origin(origin: str | None, is_own: bool) -> None:
    assert is_own_origin(origin, "here:1") is is_own


def test_games_wait_for_their_visitor_and_workers_for_a_game(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_SPARE", "0")
    monkeypatch.setenv("GAN_RUNS", str(root))
    for name, value in (("FULL", 1), ("MOST", 2), ("WORKERS", 1)):
        monkeypatch.setattr(pools, name, value)
    pool = pools.Pool()
    heard: list[bytes] = []
    deliver = heard.append
    first, second = (pool.open(str(number), _RING, deliver) for number in (1, 2))
    assert pool.facts() == {"workers": 1, "games": 2}
    with pytest.raises(LookupError) as caught:
        pool.open("3", _RING, deliver)
    assert is_sentence(str(caught.value.args[0]))
    wait_until(lambda: len(heard) >= 4, "both games have begun")
    process = first.worker._process
    assert process

    pool.leave(first, deliver)
    pool.tend()
    assert pool.facts()["games"] == 2, "the first one still waits"
    third = pool.open("3", _RING, deliver)  # takes the place of the game that waits
    assert pool.facts() == {"workers": 1, "games": 2}
    pool.leave(third, deliver)
    pool.leave(second, deliver)
    monkeypatch.setattr(pools, "GRACE", 0.0)
    wait_until(lambda: pool.tend() or pool.facts() == {"workers": 0, "games": 0}, "nobody came back")
    wait_until(lambda: process.poll() is not None, "the worker has ended")
    assert process.returncode == 0


ANN, BO = Person(id="ann", name="Ann"), Person(id="bo", name="Bo")
_SILENT = "import sys; sys.stdin.buffer.read()"


@pytest.fixture
def silent(root: Path, monkeypatch: pytest.MonkeyPatch) -> pools.Pool:
    """Return a pool whose worker never answers; a student may have one game."""
    monkeypatch.setenv("GAN_RUNS", str(root))
    limits.write(root, Limits(games=1))

    def converse(arguments: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", _SILENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    monkeypatch.setattr(processes, "converse", converse)
    return pools.Pool()


def test_a_student_has_as_many_games_as_the_class_allows(silent: pools.Pool, root: Path) -> None:
    deliver, other = [].append, [].append
    first = silent.open("first", _RING, deliver, ANN)
    assert silent.open("first", _RING, deliver, ANN) is first, "a reload is no second game"
    assert silent.open("first", {**_RING, "data": "grid"}, deliver, ANN) is not first
    with pytest.raises(LookupError) as caught:
        silent.open("second", _RING, deliver, ANN)
    assert is_sentence(str(caught.value.args[0])) and "1 live game for a student, and you have 1 open" in caught.value.args[0]
    silent.open("bo", _RING, deliver, BO)
    for number in range(3):
        silent.open(f"teacher {number}", _RING, deliver)
    with pytest.raises(LookupError) as caught:
        silent.open("bo", _RING, other, ANN)
    assert is_sentence(str(caught.value.args[0])) and silent.facts()["games"] == 5

    silent.leave(silent.open("first", _RING, deliver, ANN), deliver)
    second = silent.open("second", _RING, deliver, ANN)
    assert silent.facts()["games"] == 5, "a game that nobody looks at any more makes room"
    limits.write(root, Limits(games=2))
    silent.leave(second, deliver)
    silent.open("third", _RING, deliver, ANN)
    assert silent.facts()["games"] == 6
    assert silent.open("second", _RING, deliver, ANN) is second
    for worker in silent._workers:
        worker.end()


def test_the_relay_knows_the_person_from_the_door(silent: pools.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "pool", silent)

    async def visit(**scope: Any) -> tuple[asyncio.Queue[dict[str, Any]], asyncio.Queue[dict[str, Any]], asyncio.Task[None]]:
        """Open a game on a socket with this scope; return what goes in, what comes out, and the task that serves it."""
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        text = json.dumps({"do": "open", "token": secrets.token_hex(16), "setup": _RING})
        for message in ({"type": "websocket.connect"}, {"type": "websocket.receive", "text": text}):
            inbox.put_nowait(message)
        socket = WebSocket({"type": "websocket", "headers": [], **scope}, inbox.get, outbox.put)
        task = asyncio.create_task(relay.serve(socket))
        assert (await outbox.get())["type"] == "websocket.accept"
        return inbox, outbox, task

    async def meet() -> None:
        visits = [await visit(person=ANN)]
        while silent.facts()["games"] < 1:
            await asyncio.sleep(0)
        visits.append(await visit(person=ANN))
        head = wire.unpack((await visits[1][1].get())["bytes"])[0]
        assert head["kind"] == "sentence" and "close one in another tab first" in head["sentence"] and head["is_end"]
        visits += [await visit(), await visit()]  # the teacher
        while silent.facts()["games"] < 3:
            await asyncio.sleep(0)
        for inbox, _, task in visits:
            inbox.put_nowait({"type": "websocket.disconnect"})
            await task

    asyncio.run(asyncio.wait_for(meet(), 60))
    for worker in silent._workers:
        worker.end()
