"""Some hundred odd requests against real servers, with and without a class."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fuzz_routes
from benchmarks.odd_requests import Odd


@pytest.mark.parametrize("is_class", [True, False])
def test_odd_requests_get_ordinary_answers(is_class: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_SPARE", "0")
    monkeypatch.setattr(fuzz_routes, "LONGEST", 15.0)  # on a busy machine; what is slow is for the benchmark
    found = fuzz_routes.fuzz(tmp_path / "runs", 200, 1, is_class=is_class)
    assert not found.faults
    assert found.statuses["200"] > 0
    assert found.statuses["401"] > 0 or not is_class


def test_the_same_seed_asks_for_the_same(tmp_path: Path) -> None:
    first, second = Odd("1", ["a"]), Odd("1", ["a"])
    for _ in range(200):
        assert first.request() == second.request()
        assert first.order() == second.order()
        assert first.back("", "") == second.back("", "")


def test_errors_of_this_program_are_told_from_those_of_others() -> None:
    ours = f'Traceback (most recent call last):\n  File "{fuzz_routes.PROJECT}/pages/watch.py", line 1\n    x\nKeyError: 1\n'
    theirs = 'Traceback (most recent call last):\n  File "/lib/streamlit/x.py", line 1\n    x\nValueError: no\n'
    assert fuzz_routes.tracebacks(f"text\n{ours}{theirs}") == ({"KeyError: 1": 1}, {"ValueError: no": 1})
