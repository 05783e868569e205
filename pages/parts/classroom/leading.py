"""Where the teacher is, for students who follow: kept in the server's memory. One tab of a teacher leads at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SILENCE = 300.0  # seconds without a sign of the leading tab after which nobody leads

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


class Leading:
    """Where the leading tab is. Threads share it. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._tab, self._heard = "", 0.0
        self._place = Place(0, 0, "", {})

    def start(self, tab: str, page: str, query: Mapping[str, str]) -> None:
        """Let a tab lead. If another one leads, it takes over, and those who follow go on."""
        with self._lock:
            if not self._is_led():
                self._place = Place(self._place.lead + 1, self._place.move, "", {})
            self._tab = tab
            self._move(page, query)

    def tell(self, tab: str, page: str, query: Mapping[str, str]) -> bool:
        """Note where a tab is, and return whether it leads; nothing is noted of others."""
        with self._lock:
            if not self._is_led() or tab != self._tab:
                return False
            self._move(page, query)
            return True

    def stop(self) -> None:
        """End leading."""
        with self._lock:
            self._tab = ""

    def is_led_by(self, tab: str) -> bool:
        """Return whether a tab leads."""
        with self._lock:
            return self._is_led() and tab == self._tab

    def place(self) -> Place | None:
        """Return where the leading tab is; None if nobody leads."""
        with self._lock:
            return self._place if self._is_led() else None

    def _is_led(self) -> bool:
        return bool(self._tab) and self._clock() - self._heard <= SILENCE

    def _move(self, page: str, query: Mapping[str, str]) -> None:
        self._heard = self._clock()
        public = {name: value for name, value in query.items() if name not in PRIVATE}
        if (page, public) != (self._place.page, self._place.query):
            self._place = Place(self._place.lead, self._place.move + 1, page, public)


leading = Leading()
