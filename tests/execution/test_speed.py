"""Measuring the speed of a training, and warnings about steps that take too long or too much memory."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gan.execution import forecast, processes, speeds
from gan.execution.speeds import Estimate
from gan.networks import layers
from gan.storage import signs
from gan.training import speed
from gan.training.game import Game
from tests.helpers import is_sentence, tiny

pytestmark = pytest.mark.usefixtures("one_thread")


def test_speed_and_layers_are_measured_and_kept(root: Path) -> None:
    config = tiny()
    found = speed.measure(root, config)
    assert found == speeds.find(root, config)
    assert not found.is_bound
    assert found.images_per_second > 10
    assert speeds.find_layers(root, config) is not None
    assert forecast.burden(root, config) == ""


def test_measurement_is_given_up_with_a_bound(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, given_up = tiny(), list[Estimate]()
    monkeypatch.setattr(speed, "LONGEST_STEP", 1e-4)
    speed.measure(root, config, given_up.append)
    assert given_up[0].is_bound
    assert given_up[0].images_per_second == pytest.approx(config.optimizer.images_per_step / 1e-4)


def test_bound_is_kept_and_told(root: Path) -> None:
    config = tiny()
    speeds.keep(root, config, config.optimizer.images_per_step / 30, 1, "fp32", is_bound=True)
    found = speeds.find(root, config)
    assert found is not None
    assert found.is_bound
    assert found.seconds == pytest.approx(30 * config.total_steps)


def test_first_step_of_some_seconds_is_the_measurement(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    usual = Game.step
    monkeypatch.setattr(Game, "step", lambda *given, **options: steps.append(1) or usual(*given, **options))
    monkeypatch.setattr(speed, "_SECONDS", 0.0)
    speed.measure(root, tiny())
    assert len(steps) == 1


@pytest.mark.parametrize(("memory", "words"), [(64_000_000_000, "multiply-adds"), (1_000_000, "GB of memory")])
def test_heavy_training_is_warned_about(memory: int, words: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny({"data.size": 256, "networks.depth": 1, "networks.width": 128, "networks.extra_layers": 2})
    assert forecast.burden(root, config) == "", "nothing is known yet"
    speeds.keep_layers(root, config, dataclasses.asdict(layers.describe(config)))
    monkeypatch.setattr(forecast, "memory_bytes", lambda: memory)
    sentence = forecast.burden(root, config)
    assert is_sentence(sentence)
    assert words in sentence


def test_a_class_that_opens_a_page_starts_one_measurement(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def spawn(arguments: list[str], log: Path, *, locks: Sequence[Path] = (), **options: Any) -> object:
        started.append(arguments[0])
        for lock in locks:
            signs.announce(lock, os.getpid())  # alive, and importing torch
        return object()

    monkeypatch.setattr(processes, "spawn", spawn)
    for start in (speeds.start_measuring, speeds.start_describing):
        with ThreadPoolExecutor(8) as visitors:
            found = [visitors.submit(start, root, tiny()) for _ in range(8)]
        assert sum(one.result() is not None for one in found) == (start is speeds.start_measuring)
    assert started == ["estimate", "layers"]
    assert speeds.is_measuring(root)


def test_the_next_measurement_starts_as_soon_as_one_has_ended(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(processes, "spawn", lambda arguments, log, *, locks, **options: signs.announce(locks[0], ended.pid))
    speeds.start_measuring(root, tiny())
    assert not speeds.is_measuring(root)
