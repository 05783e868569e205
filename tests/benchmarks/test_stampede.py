"""A few people press the launch button at once, on a real server and in threads."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import stampede


def test_one_run_each_on_a_server_although_some_click_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_SPARE", "0")
    monkeypatch.setattr(stampede, "AFTERWARDS", 1.0)
    assert stampede.on_a_server(tmp_path / "runs", 6, seed=0).faults == []


def test_one_run_each_in_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stampede, "LONGEST_WAIT", 60.0)  # how long it takes is for the benchmark
    result = stampede.in_threads(tmp_path / "runs", 6)
    assert result.faults == []
