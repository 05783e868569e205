"""What an engine is: something that runs commands on machines that share the folder of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from gan.runs.dispatch import Dispatch

REQUEUE = 75  # exit status of a trainer that another is to follow, or has replaced (EX_TEMPFAIL of sysexits.h)
NOT_SHARED = 76  # exit status if the folder of the run is not there


class EngineAway(Exception):
    """The engine cannot be reached for now; ``str(error)`` says why, without a full stop."""


class Refused(Exception):
    """The engine refuses a job for good; ``str(error)`` says why, without a full stop."""


class Task(NamedTuple):
    """A command for an engine: the arguments of ``python -m gan``, the folder it needs, its log, and its resources."""

    name: str
    arguments: Sequence[str]
    folder: Path
    log: Path
    needs: Dispatch


class Seen(NamedTuple):
    """What an engine says of a job. ``code``: the exit status of an ended one, None if unknown; ``why``: its own words."""

    state: Literal["waiting", "running", "ended"]
    node: str = ""
    why: str = ""
    code: int | None = None


class Engine(Protocol):
    """An engine. Its methods raise EngineAway if it cannot be reached."""

    def submit(self, task: Task) -> str:
        """Send a command and return the id of its job. Raises Refused if the engine will not take it."""

    def look(self, ids: Sequence[str]) -> dict[str, Seen]:
        """Return what is known of jobs; those missing are unknown to the engine, so they have ended."""

    def cancel(self, job: str) -> None:
        """End a job, or remove it from the engine's queue. One that has ended already is no error."""
