"""Who acts: the teacher, a student of the class, or a visitor who has not joined.

Functions that change things ask :func:`current`, as a system call asks for the user of its process. Without a class, and on the
command line, that is the teacher. The dashboard of a class sets :func:`ask`; work that it does by itself runs as :func:`acting`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from pydantic import BaseModel, ConfigDict, Field

LONGEST_NAME = 30  # characters of a student's name


class Person(BaseModel):
    """A person of the class. ``id`` is made by the program, never changes and is empty for a visitor; ``name`` is for display."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(default="", max_length=64)
    name: str = Field(default="", max_length=LONGEST_NAME)

    @property
    def is_teacher(self) -> bool:
        """Whether the person may do everything."""
        return self.id == TEACHER.id


TEACHER = Person(id="teacher", name="Teacher")
VISITOR = Person()

_acting: ContextVar[Person | None] = ContextVar("acting", default=None)


class _Source:
    ask: Callable[[], Person] = staticmethod(lambda: TEACHER)


def current() -> Person:
    """Return who acts now."""
    return _acting.get() or _Source.ask()


@contextlib.contextmanager
def acting(person: Person) -> Iterator[None]:
    """Let the block act as a person, in this thread."""
    token = _acting.set(person)
    try:
        yield
    finally:
        _acting.reset(token)


def ask(source: Callable[[], Person]) -> None:
    """Set who acts outside of :func:`acting`: the dashboard of a class looks at the cookie of the page that is being drawn."""
    _Source.ask = staticmethod(source)
