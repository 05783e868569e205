"""What a student of a class reads before a launch: the runs waiting, the place and the start of this one, or why it is refused.

The teacher, and everybody without a class, has no limits and reads nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from gan.access import limits, people
from gan.config import RunConfig
from gan.errors import InputError
from gan.execution import ahead, quotas
from gan.runs import Run
from pages.parts import actions, frame, words

Alignment = Literal["left", "right"]


@dataclass(frozen=True)
class Asked:
    """What a button launches: new runs that begin at ``step``, or a stopped ``run`` that goes on to ``total`` steps."""

    configs: Sequence[RunConfig]
    step: int = 0
    run: Run | None = None
    total: int = 0


def has_limits() -> bool:
    """Return whether the acting person is a student."""
    return not people.current().is_teacher


def refusal(root: Path, asked: Asked) -> str:
    """Return why the acting person may not launch this now, as a sentence; empty if they may."""
    if has_limits() and asked.configs:
        try:
            admit = quotas.gate(root, len(asked.configs))
            for config in asked.configs:
                admit(config, step=asked.step, run=asked.run, total=asked.total)
        except InputError as error:
            return str(error)
    return ""


def outlook(root: Path, asked: Asked) -> str:
    """Return how many runs a student has waiting, which place this one would have, and when it would start."""
    have, most = quotas.waiting(root, people.current()), limits.read(root).waiting
    found = ahead.look(root, asked.configs[0])
    this = "this one" if len(asked.configs) == 1 else f"the first of these {len(asked.configs)}"
    if found.seconds == 0 and not found.waiting:
        when = "start at once"
    else:
        start = "its start cannot be forecast yet" if found.seconds is None else f"start in about {roughly(found.seconds)}"
        when = f"be {ordinal(len(found.waiting) + 1)}{'; ' if found.seconds is None else ' and '}{start}"
    return f"You have {words.count(have, 'run') if have else 'no run'} waiting (limit {most}); {this} would {when}."


def tell(root: Path, asked: Asked, alignment: Alignment = "left") -> bool:
    """Tell a student the outlook or the refusal of a launch; return whether it is refused. Not for the inside of a fragment.

    The words follow the queue, and the page is drawn anew when it changes whether the launch is refused.
    """
    if not has_limits() or not asked.configs:
        return False
    is_refused = bool(refusal(root, asked))
    _follow(root, asked, is_refused, alignment)
    return is_refused


def button(label: str, action: Callable[[], object], root: Path, asked: Asked | None, *, why_not: str = "", **options: Any) -> bool:
    """Draw a button that launches, as :func:`pages.parts.actions.button`; disabled, with the reason, if it is refused."""
    why_not = why_not or (words.message(refusal(root, asked)) if asked else "")
    if why_not:
        st.caption(f":material/block: {why_not}")
    return actions.button(label, action, why_not=why_not, **options)


@frame.fragment(frame.SLOW_TICK)
def _follow(root: Path, asked: Asked, was_refused: bool, alignment: Alignment) -> None:
    with frame.spoken_errors():
        sentence = refusal(root, asked)
        told = f":material/block: {words.message(sentence)}" if sentence else f":material/group: {outlook(root, asked)}"
        st.caption(told, text_alignment=alignment)
        if bool(sentence) != was_refused:
            st.rerun()


def roughly(seconds: float) -> str:
    """Return a forecast without false precision: in steps of 10 seconds up to 2 minutes, then of minutes."""
    step = 10 if seconds < 120 else 60
    return words.duration(max(step, step * round(seconds / step)))


def ordinal(place: int) -> str:
    """Return "1st", "2nd", "3rd", "4th", …"""
    ending = "th" if 10 < place % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
