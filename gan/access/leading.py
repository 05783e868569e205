"""Where the teacher is, for students who follow: a file of the class, for all its servers. One tab of a teacher leads at a time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gan.access import classroom
from gan.access.rules import require
from gan.errors import InputError
from gan.places import default_root
from gan.storage.files import write_json
from gan.storage.models import read_model

FILE = "leading.json"

_SIGN_EVERY = 30.0  # seconds between signs of life of the leading tab
SILENCE = 300.0  # seconds without a sign of the leading tab after which its lead ends

#: URL parameters that belong to the teacher's screen: the key that reveals a round of the quiz, a student's token there, the quiz
#: of one person, and views for a projector. Students who follow do not get them.
PRIVATE = frozenset({"key", "me", "alone", "view", "present"})


@dataclass(frozen=True)
class Place:
    """Where the leading tab is: a page with its URL parameters. ``lead`` counts the leads, ``move`` all moves."""

    lead: int
    move: int
    page: str
    query: Mapping[str, str]


class _Lead(BaseModel):
    """The file: the tab that leads, if any, when it was heard last, and its place."""

    model_config = ConfigDict(frozen=True)

    tab: str = ""
    heard: float = 0.0
    lead: int = 0
    move: int = 0
    page: str = ""
    query: dict[str, str] = {}


class Leading:
    """Where the leading tab is. Threads and servers share it. ``clock`` gives seconds."""

    def __init__(self, folder: Callable[[], Path], clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock, self._lock = folder, clock, threading.Lock()

    def begin_leading(self, tab: str, page: str, query: Mapping[str, str]) -> None:
        """Let a tab lead. If another one leads, it takes over, and those who follow go on."""
        require("run the class")
        with self._lock:
            before = self._read()
            if not self._is_led(before):
                before = _Lead(lead=before.lead + 1, move=before.move)
            self._write(self._moved(before.model_copy(update={"tab": tab}), page, query))

    def note_move(self, tab: str, page: str, query: Mapping[str, str]) -> bool:
        """Note where a tab is, and return whether it leads; nothing is noted of others."""
        require("run the class")
        with self._lock:
            before = self._read()
            if not self._is_led(before) or tab != before.tab:
                return False
            after = self._moved(before, page, query)
            if after.move != before.move or abs(after.heard - before.heard) > _SIGN_EVERY:
                self._write(after)
            return True

    def end_leading(self) -> None:
        """End leading."""
        require("run the class")
        with self._lock:
            before = self._read()
            if before.tab:
                self._write(before.model_copy(update={"tab": ""}))

    def is_led_by(self, tab: str) -> bool:
        """Return whether a tab leads."""
        found = self._read()
        return self._is_led(found) and tab == found.tab

    def place(self) -> Place | None:
        """Return where the leading tab is; None without a lead."""
        found = self._read()
        return Place(found.lead, found.move, found.page, found.query) if self._is_led(found) else None

    def _is_led(self, found: _Lead) -> bool:
        return bool(found.tab) and self._clock() - found.heard <= SILENCE

    def _moved(self, before: _Lead, page: str, query: Mapping[str, str]) -> _Lead:
        """Return the lead with its tab heard now, at a page."""
        public = {name: value for name, value in query.items() if name not in PRIVATE}
        has_moved = (page, public) != (before.page, before.query)
        changes = {"heard": self._clock(), "move": before.move + has_moved, "page": page, "query": public}
        return before.model_copy(update=changes)

    def _read(self) -> _Lead:
        with contextlib.suppress(InputError):
            return read_model(_Lead, self._folder() / FILE)
        return _Lead()

    def _write(self, lead: _Lead) -> None:
        with contextlib.suppress(OSError):  # a full disk, which the page says elsewhere
            write_json(self._folder() / FILE, lead.model_dump(), durable=False)


leading = Leading(lambda: default_root() / classroom.FOLDER)
