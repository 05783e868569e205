"""The worker of live games: many tables, one thread that plays them in turn, messages over two pipes.

Its server starts it (``python -m gan play``). It ends when its input closes, thus also when the server is killed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, Any, Protocol

import torch

from gan.errors import InputError
from gan.places import without_folders
from gan.play import setup as setups
from gan.play import wire
from gan.play.setup import Setup
from gan.playground.explore import Explorer
from gan.playground.table import Table

log = logging.getLogger("gan")


class Seat(Protocol):
    """What one visitor sits at: a game (:mod:`gan.playground.table`), a trained generator or the laboratory."""

    def wait(self, now: float) -> float | None:
        """Return the seconds until there is work; None until the visitor asks for something."""

    def turn(self) -> bytes:
        """Work for a moment, and return a frame."""

    def opened(self, *, is_continued: bool) -> bytes:
        """Return the message with which it begins, or goes on in a new socket."""

    def frame(self) -> bytes:
        """Return what the visitor sees now."""

    def obey(self, message: dict[str, Any]) -> list[bytes]:
        """Do what a message (:mod:`gan.play.messages`) asks for; return what is sent at once. Raises InputError."""


class Worker:
    """Plays all tables of a process, round robin."""

    def __init__(self, output: IO[bytes], root: Path) -> None:
        self._output, self._root = output, root
        self._tables: dict[int, Seat] = {}
        self._labs: dict[str, Seat] = {}
        self._inbox: deque[tuple[int, dict[str, Any]]] = deque()
        self._has_news = threading.Event()

    def listen(self, stream: IO[bytes]) -> None:
        """Receive messages until the stream ends, then end the process, in the middle of whatever it does."""
        try:
            while (received := wire.receive(stream)) is not None:
                game, payload = received
                self._inbox.append((game, json.loads(payload)))
                self._has_news.set()
        finally:
            os._exit(0)

    def work(self) -> None:
        """Obey messages and play tables, for ever."""
        while True:
            self._has_news.clear()
            while self._inbox:
                self._receive(*self._inbox.popleft())
            now = time.monotonic()
            waits = {game: wait for game, table in self._tables.items() if (wait := table.wait(now)) is not None}
            ready = [game for game, wait in waits.items() if wait <= 0]
            for game in ready:
                if self._inbox:  # a click does not wait for the others' turns
                    break
                self._guarded(game, lambda table: [table.turn()])
                if game in self._tables:
                    self._tables[game] = self._tables.pop(game)  # to the end of the round
            if not ready:
                self._has_news.wait(min(waits.values(), default=None))  # type: ignore[type-var]

    def _receive(self, game: int, message: dict[str, Any]) -> None:
        do = message["do"]
        if do == "close":
            self._tables.pop(game, None)
        elif do == "open":
            self._tables.pop(game, None)
            self._open(game, message["setup"])
        elif game not in self._tables:
            return  # it has ended with a sentence
        elif do == "continue":
            self._guarded(game, lambda table: [table.opened(is_continued=True), table.frame()])
        else:
            self._guarded(game, lambda table: table.obey(message))

    def _open(self, game: int, raw: Any) -> None:
        try:
            setup = setups.parse(raw)
            table = self._seat(setup)
            for payload in (table.opened(is_continued=False), table.frame()):
                wire.send(self._output, game, payload)
            self._tables[game] = table
        except Exception as error:
            self._say(game, _in_words(error), is_end=True)

    def _seat(self, setup: Setup) -> Seat:
        """Return what a visitor sits at."""
        if setup.lab:
            from gan.playground.lab import Lab  # scoring takes two seconds to import

            if setup.lab not in self._labs:  # shared by all visitors, because it keeps nothing of theirs
                self._labs[setup.lab] = Lab(setup)
            return self._labs[setup.lab]
        return Explorer(setup, self._root) if setup.explore else Table(setup, self._root)

    def _guarded(self, game: int, do: Any) -> None:
        """Let a table do something and send what comes of it; an error becomes a sentence, and disturbs no other table."""
        try:
            payloads = do(self._tables[game])
        except InputError as error:
            self._say(game, str(error), is_end=False)
        except Exception as error:
            self._tables.pop(game, None)
            self._say(game, _in_words(error), is_end=True)
        else:
            for payload in payloads:
                wire.send(self._output, game, payload)

    def _say(self, game: int, sentence: str, *, is_end: bool) -> None:
        wire.send(self._output, game, wire.pack({"kind": "sentence", "sentence": without_folders(sentence), "is_end": is_end}))


def _in_words(error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    log.exception("A live game failed", exc_info=error)
    return "The game failed for a reason that was not foreseen; start it again, or choose other settings."


def serve(root: Path) -> int:
    """Play games over standard input and output until the input closes."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may be printed between the messages
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    worker = Worker(output, root)
    threading.Thread(target=worker.listen, args=(sys.stdin.buffer,), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        worker.work()
    os._exit(0)
