"""The workers of live games: started for the first visitor, ended a while after the last, shared by all."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan.access import limits
from gan.access.people import TEACHER, Person
from gan.execution import processes
from gan.machine import has_memory_for
from gan.places import default_root
from gan.play import wire
from gan.words import count

FULL = 7  # games of a worker before a second one starts
MOST = 16  # games of a worker
WORKERS = 2
GRACE = 60.0  # seconds that a game waits for its visitor, and a worker for a game

GONE = "The process that played this game has ended; start the game again."
BEYOND = "The limit of this class is {} for a student, and you have {} open; close one in another tab first."
NOT_YOURS = "This game belongs to somebody else; reload the page."
NO_PLACE = "All {} places for live games are taken; close a game in another tab, or try again in a minute."
NO_MEMORY = "There is too little memory for a live game; close other programs, or wait until a training has ended."


class Game:
    """One visitor's game: its worker, and where its messages go. ``deliver`` is None while no browser listens."""

    def __init__(self, token: str, setup: dict[str, Any], worker: Worker, number: int, person: Person) -> None:
        self.token, self.setup, self.worker, self.number, self.person = token, setup, worker, number, person
        self.deliver: Callable[[bytes], None] | None = None
        self.left_at = time.monotonic()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the worker, without waiting for it."""
        self.worker.send(self.number, message)


class Worker:
    """A process that plays games (:mod:`gan.playground.worker`), with a thread for each of its pipes."""

    def __init__(self, root: Path, on_message: Callable[[Worker, int, bytes], None], on_end: Callable[[Worker], None]) -> None:
        self._root, self._on_message, self._on_end = root, on_message, on_end
        self._outbox: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self.idle_since = time.monotonic()
        self.has_ended = False
        threading.Thread(target=self._live, name="playground", daemon=True).start()

    def send(self, game: int, message: dict[str, Any]) -> None:
        """Send a message to a game; it waits until the worker has started."""
        self._outbox.put((game, json.dumps(message).encode()))

    def end(self) -> None:
        """Let the process end."""
        self._outbox.put(None)

    def _live(self) -> None:
        """Start the process, and pass on what it says until it ends."""
        try:
            self._process = processes.converse(["play", "--root", str(self._root)])
            threading.Thread(target=self._write, name="playground writer", daemon=True).start()
            assert self._process.stdout
            with contextlib.suppress(ValueError):
                while (received := wire.receive(self._process.stdout)) is not None:
                    self._on_message(self, *received)
            self._process.kill()
            self._process.wait()
        except OSError:
            pass  # no process can be started
        finally:
            self.has_ended = True
            self._on_end(self)

    def _write(self) -> None:
        assert self._process and self._process.stdin
        with contextlib.suppress(OSError), self._process.stdin as stream:
            while (order := self._outbox.get()) is not None:
                wire.send(stream, *order)


class Pool:
    """All workers and games of this server."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._workers: list[Worker] = []
        self._games: dict[str, Game] = {}
        self._numbers: dict[int, Game] = {}
        self._next = 0
        self._has_keeper = False

    def open(self, token: str, setup: dict[str, Any], deliver: Callable[[bytes], None], person: Person = TEACHER) -> Game:
        """Return the game of a token: the one that waits, if its set-up is the same, else a new one of this person.

        Raises LookupError with a sentence if there is no place, or if the limits of the class do not allow another game.
        """
        with self._lock:
            game = self._games.get(token)
            if game is not None and game.person.id != person.id:
                raise LookupError(NOT_YOURS)
            if game is not None and game.setup == setup:
                game.deliver = deliver
                game.send({"do": "continue"})
                return game
            if game is not None:
                self.close(game)
            self._keep_limit(person)
            worker = self._place()
            self._next += 1
            game = Game(token, setup, worker, self._next, person)
            game.deliver = deliver
            self._games[token] = self._numbers[game.number] = game
            game.send({"do": "open", "setup": setup})
            return game

    def leave(self, game: Game, deliver: Callable[[bytes], None]) -> None:
        """Let a game wait for its visitor, whose socket has closed; one that a newer socket has taken over goes on."""
        with self._lock:
            if game.deliver is deliver:
                game.deliver, game.left_at = None, time.monotonic()
                game.send({"do": "pause"})

    def close(self, game: Game) -> None:
        """End a game."""
        with self._lock:
            if self._games.get(game.token) is game:
                del self._games[game.token]
            self._numbers.pop(game.number, None)
            game.send({"do": "close"})
            if not self._count(game.worker):
                game.worker.idle_since = time.monotonic()

    def tend(self) -> None:
        """End games whose visitors stay away, and workers without games."""
        now = time.monotonic()
        with self._lock:
            for game in list(self._games.values()):
                if game.deliver is None and now - game.left_at > GRACE:
                    self.close(game)
            for worker in list(self._workers):
                if not self._count(worker) and now - worker.idle_since > GRACE:
                    self._workers.remove(worker)
                    worker.end()

    def facts(self) -> dict[str, int]:
        """Return the numbers of workers and games."""
        with self._lock:
            return {"workers": len(self._workers), "games": len(self._games)}

    def _keep_limit(self, person: Person) -> None:
        """Raise LookupError if a student has as many games open as the class allows; one that nobody looks at ends instead."""
        if person.is_teacher:
            return
        most = limits.read(default_root()).games
        own = [game for game in self._games.values() if game.person.id == person.id]
        left = sorted((game for game in own if game.deliver is None), key=lambda game: game.left_at)
        is_open = len(own) - len(left)
        if is_open >= most:
            raise LookupError(BEYOND.format(count(most, "live game"), is_open))
        for game in left[: len(own) + 1 - most]:
            self.close(game)

    def _place(self) -> Worker:
        """Return the worker with the fewest games; a new one if all are full.

        With no place left, the game whose visitor has been away longest ends: a class that goes from lesson to lesson leaves many.
        """
        least = min(self._workers, key=self._count, default=None)
        if least is None or (self._count(least) >= FULL and len(self._workers) < WORKERS):
            if has_memory_for(1):
                return self._start()
            if least is None:
                raise LookupError(NO_MEMORY)
        if self._count(least) < MOST:
            return least
        left = [game for game in self._games.values() if game.deliver is None]
        if not left:
            raise LookupError(NO_PLACE.format(MOST * len(self._workers)))
        oldest = min(left, key=lambda game: game.left_at)
        self.close(oldest)
        return oldest.worker

    def _count(self, worker: Worker) -> int:
        return sum(game.worker is worker for game in self._games.values())

    def _start(self) -> Worker:
        worker = Worker(default_root(), self._pass_on, self._ended)
        self._workers.append(worker)
        if not self._has_keeper:
            self._has_keeper = True
            threading.Thread(target=self._keep, name="playground keeper", daemon=True).start()
        return worker

    def _keep(self) -> None:
        while True:
            time.sleep(2.0)
            self.tend()

    def _pass_on(self, worker: Worker, number: int, payload: bytes) -> None:
        game = self._numbers.get(number)
        deliver = game.deliver if game else None
        if deliver is not None:
            deliver(payload)

    def _ended(self, worker: Worker) -> None:
        """Tell all visitors of a worker that it has ended."""
        with self._lock:
            if worker in self._workers:
                self._workers.remove(worker)
            lost = [game for game in self._games.values() if game.worker is worker]
            for game in lost:
                del self._games[game.token]
                self._numbers.pop(game.number, None)
        for game in lost:
            if game.deliver is not None:
                game.deliver(wire.pack({"kind": "sentence", "sentence": GONE, "is_end": True}))


pool = Pool()
