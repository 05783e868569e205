"""Who waits ahead of a new run, and when it would start."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan.execution import ahead, holds
from gan.execution.ahead import Job
from gan.sweeps import launched
from gan.sweeps import plan as plans
from tests.helpers import TINY_MLP, make_run, tiny


@pytest.mark.parametrize(
    ("busy", "waiting", "seconds"),
    [
        ([], [(1, None)], 0),
        ([(1, None)], [(1, None)], 0),  # a core is free
        ([(2, 30.0)], [(1, None)], 30),
        ([(1, 30.0), (1, 20.0)], [(1, None)], 20),
        ([(1, 30.0), (1, 20.0)], [(1, 5.0), (1, None)], 25),
        ([(1, 30.0), (1, 20.0)], [(2, 5.0), (1, None)], 35),  # none overtakes the one with two threads
        ([(2, None)], [(1, None)], None),
        ([(2, 30.0)], [(2, None), (1, None)], None),
        ([(2, 30.0)], [(1, None), (1, None)], 30),  # both fit at once, however long the first takes
        ([(2, 30.0)], [(0, 10.0), (0, None)], 30),  # both get one thread
    ],
)
def test_start_is_forecast(busy: list, waiting: list, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "2")
    assert ahead.starts_in([Job(*one) for one in busy], [Job(*one) for one in waiting], 2, {}) == seconds


def test_runs_of_a_paused_sweep_hold_up_no_other(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    first = make_run(root, state="queued")
    plan = plans.parse({"base": "digits-mlp", "set": TINY_MLP, "axes": {"networks.hidden": [8]}})
    sweep = launched.create(root, plan)
    launched.complete(sweep)
    assert ahead.look(root, tiny()).waiting == [first, *sweep.runs()]
    sweep.change(is_paused=True)
    assert ahead.look(root, tiny()).waiting == [first]
    other = make_run(root, state="queued")
    held = {run.id: holds.PAUSED for run in sweep.runs()}
    assert ahead.reasons(root) == {first.id: "place 1 of 2 in the queue", other.id: "place 2 of 2 in the queue"} | held
    monkeypatch.setattr(holds, "lacks_room", lambda sweep, following=None: True)
    sweep.change(is_paused=False)
    assert set(ahead.reasons(root).values()) == {"place 1 of 2 in the queue", "place 2 of 2 in the queue", holds.NO_ROOM}
