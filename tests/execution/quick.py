"""Trainers that the queue of this process starts, as real processes from the nursery instead of new interpreters."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gan.execution import processes
from gan.runs import Run
from tests import nursery
from tests.helpers import environment, run_gan


class Trainers:
    """The processes that were started, with the arguments of each."""

    def __init__(self) -> None:
        self.started: list[tuple[list[str], nursery.Child]] = []

    def spawn(self, arguments: Sequence[str], log: Path, **options: Any) -> nursery.Child:
        """Start a command as :func:`gan.execution.processes.spawn` does."""
        given = [str(one) for one in arguments]
        child = nursery.start(given, environment(), log, log)
        self.started.append((given, child))
        return child

    def of(self, run: Run) -> nursery.Child:
        """Return the newest process that works on a run."""
        return next(child for arguments, child in reversed(self.started) if run.id in arguments)

    def end(self) -> None:
        """Kill all that still live, and wait for them."""
        for _, child in self.started:
            child.kill()
            child.wait()


@contextmanager
def trainers() -> Iterator[Trainers]:
    """Let the queue start its trainers quickly, and leave none behind. POSIX only; elsewhere they start the usual way."""
    found = Trainers()
    with pytest.MonkeyPatch.context() as patch:
        if nursery.is_available:
            patch.setattr(processes, "spawn", found.spawn)
        yield found
        found.end()


def run_quickly(*arguments: object, root: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run any command to its end as :func:`tests.helpers.run_gan` does, from the nursery though it needs no torch."""
    if nursery.is_available:
        return nursery.run([str(one) for one in arguments], environment(root, env), 120)
    return run_gan(*arguments, root=root, env=env)
