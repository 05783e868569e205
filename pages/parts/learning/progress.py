"""How far a visitor has come: bets, measured figures, answers seen; kept in the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

#: What a visitor measured: name of a row, such as a board → title of a figure → its value in words.
Seen = Mapping[str, Mapping[str, str]]


MOST_ROWS = 12


@dataclass
class Progress:
    """What a visitor has done in one lesson. ``turn`` counts how often it was begun again: each has a game of its own."""

    bet: int | None = None
    turn: int = 0
    is_shown: bool = False
    is_done: bool = False
    measured: dict[str, Mapping[str, str]] = field(default_factory=dict)
    seeds: dict[int, int] = field(default_factory=dict)  # number of the right board → seed

    @property
    def has_answer(self) -> bool:
        """Whether the answer may be shown: something was measured, or the visitor asked for it."""
        return self.is_shown or bool(self.measured)

    def add(self, seen: Seen) -> None:
        """Keep what was measured; the oldest rows go if there are many."""
        self.measured = dict([*{**self.measured, **seen}.items()][-MOST_ROWS:])

    def again(self) -> None:
        """Begin the lesson again; it stays done."""
        self.bet, self.is_shown, self.turn = None, False, self.turn + 1
        self.measured, self.seeds = {}, {}


def of(name: str) -> Progress:
    """Return the progress in a lesson."""
    kept: dict[str, Progress] = st.session_state.setdefault("learn/progress", {})
    return kept.setdefault(name, Progress())
