"""The course: all lessons in their order, and which of them a word belongs to."""

from __future__ import annotations

from gan.errors import InputError, quoted
from gan.lessons import collapse, players, scores
from gan.lessons.lesson import Lesson

#: Name → lesson, in the order of the course. A lesson joins by being listed.
LESSONS: dict[str, Lesson] = {
    lesson.name: lesson
    for lesson in (
        players.TWO_PLAYERS,
        players.NON_SATURATING,
        players.TOO_STRONG,
        collapse.COLLAPSE,
        collapse.REMEDIES,
        scores.FID,
        scores.INCEPTION_SCORE,
        scores.TRADE_OFF,
        collapse.SEEDS,
    )
}


def find(name: str) -> Lesson:
    """Return a lesson by its name. Raises InputError if there is none."""
    if name not in LESSONS:
        raise InputError(f"There is no lesson {quoted(name)}, expected one of those below; choose one.")
    return LESSONS[name]


def about(*words: str) -> list[Lesson]:
    """Return the lessons on any of some words: keys of scores or losses, names of verdicts."""
    return [lesson for lesson in LESSONS.values() if set(words) & {*lesson.scores, *lesson.losses, *lesson.about}]
