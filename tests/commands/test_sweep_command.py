"""The command `sweep` measures speeds as the pages do: in processes of their own, which give up steps that take too long."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gan.commands.main import main
from gan.config import RunConfig
from gan.execution import speeds
from tests.helpers import TINY


@pytest.fixture
def arguments(root: Path, tmp_path: Path) -> list[str]:
    """Return a command that shows a sweep of two kinds of runs."""
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps({"base": "digits-dcgan", "set": TINY, "axes": {"networks.latent": [4]}}))
    return ["sweep", str(path), "--dry-run", "--root", str(root)]


def measure_with(monkeypatch: pytest.MonkeyPatch, code: str, *, is_bound: bool | None) -> list[subprocess.Popen[bytes]]:
    """Let measurements store a speed of 1 image per second, or nothing, and run ``code``; return their processes as they start."""
    begun: list[subprocess.Popen[bytes]] = []

    def start(root: Path, config: RunConfig) -> subprocess.Popen[bytes]:
        if is_bound is not None:
            speeds.keep(root, config, 1.0, 1, "fp32", is_bound=is_bound)
        begun.append(subprocess.Popen([sys.executable, "-c", code]))
        return begun[-1]

    monkeypatch.setattr(speeds, "start_measuring", start)
    return begun


@pytest.mark.parametrize(("is_bound", "about"), [(True, "more than "), (False, "about ")])
def test_measurement_that_was_given_up_is_a_lower_bound(
    is_bound: bool, about: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = measure_with(monkeypatch, "", is_bound=is_bound)
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert [process.poll() for process in begun] == [0, 0]
    assert "Measuring speed 2 of 2" in shown.err
    assert f", {about}" in shown.out and "on this machine" in shown.out


def test_failed_measurement_is_told_and_the_sweep_goes_on(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure_with(monkeypatch, "raise SystemExit(2)", is_bound=None)
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert shown.err.count("could not be measured") == 2
    assert "whose speed has not been measured here" in shown.out


def test_interrupted_command_ends_its_measurement(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    class Measuring:
        def wait(self) -> int:
            raise KeyboardInterrupt

        def terminate(self) -> None:
            ended.append(self)

    monkeypatch.setattr(speeds, "start_measuring", lambda root, config: Measuring())
    monkeypatch.setattr("signal.signal", lambda *given: None)
    assert main(arguments) == 130
    assert len(ended) == 1
