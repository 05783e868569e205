"""Trainers that the queue of this process starts, as real processes forked by the nursery instead of new interpreters."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gan.execution import processes
from gan.runs import Run
from gan.storage import signs
from tests import nursery
from tests.helpers import environment


class Trainers:
    """The started processes with their arguments.

    Unless ``measures``, a measurement of speed is halted before it begins, as on a machine that has no time for it.
    """

    def __init__(self, *, measures: bool = True) -> None:
        self.started: list[tuple[list[str], nursery.Child]] = []
        self.measures = measures

    def spawn(self, arguments: Sequence[str], log: Path, **options: Any) -> nursery.Child:
        """Start a command as :func:`gan.execution.processes.spawn` does."""
        given = [str(one) for one in arguments]
        child = nursery.start(given, environment(), log, log)
        for lock in options.get("locks", ()):
            signs.announce(lock, child.pid)
        if given[0] == "estimate" and not self.measures:
            os.kill(child.pid, signal.SIGSTOP)
        self.started.append((given, child))
        return child

    def of(self, run: Run) -> nursery.Child:
        """Return the newest process that works on a run."""
        return next(child for arguments, child in reversed(self.started) if run.id in arguments)

    def end(self) -> None:
        """Kill all living processes and wait for them."""
        for _, child in self.started:
            child.kill()
            child.wait()


@contextmanager
def trainers(*, measures: bool = True) -> Iterator[Trainers]:
    """Let the queue start its trainers from the nursery, and kill them at the end. POSIX only; elsewhere new interpreters."""
    found = Trainers(measures=measures)
    with pytest.MonkeyPatch.context() as patch:
        if nursery.is_available:
            patch.setattr(processes, "spawn", found.spawn)
        yield found
        found.end()
