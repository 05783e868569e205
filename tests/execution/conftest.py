"""Fixtures of the queue and of sweeps: a folder of runs, and two ways to start trainers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gan.execution import processes
from tests.execution import quick
from tests.helpers import end_all


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Return a folder for runs; processes that still work on them are killed after the test."""
    folder = tmp_path / "runs"
    yield folder
    end_all(folder)


@pytest.fixture
def quickly() -> Iterator[quick.Trainers]:
    """Let the queue start its trainers from the nursery; they are killed after the test."""
    with quick.trainers() as found:
        yield found


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the ids of the runs that the queue starts, without starting a process; the runs stay "starting"."""
    ids: list[str] = []
    monkeypatch.setattr(processes, "spawn", lambda arguments, log, **options: ids.append(arguments[1]))
    return ids
