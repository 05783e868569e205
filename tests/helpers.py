"""Helpers of all tests: tiny runs, the command line as a real process, and waiting with a deadline."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from gan import config as configs
from gan import runs
from gan.config import RunConfig, presets
from gan.errors import InputError
from gan.execution import queue
from gan.runs import Run, Status
from tests import nursery

PROJECT = Path(__file__).resolve().parents[1]
Value = TypeVar("Value")

#: Settings of the smallest training that is still a real one: some milliseconds a step.
TINY = {
    "cadence.checkpoint_room": 0,
    "networks.width": 4,
    "networks.depth": 2,
    "networks.latent": 8,
    "data.size": 16,
    "optimizer.batch_size": 32,
    "training.length": "12 steps",
    "training.device": "cpu",
    "training.precision": "fp32",
    "training.threads": 1,
    "cadence.log_every": "1 step",
    "cadence.sample_every": "0 steps",
    "cadence.early_samples": False,  # they depend on the time that passes
    "cadence.score_every": "0 steps",
    "cadence.score_share": 0,
    "cadence.checkpoint_every": "5 steps",
}

TINY_MLP = {
    "cadence.checkpoint_room": 0,
    "networks.family": "mlp",
    **{key: value for key, value in TINY.items() if key not in ("networks.width", "networks.depth")},
    "networks.hidden": 16,
}


def tiny(changes: dict[str, Any] | None = None, *, family: str = "dcgan") -> RunConfig:
    """Return a configuration of the smallest real training, with ``changes`` to it."""
    small = TINY if family == "dcgan" else TINY_MLP
    return configs.replace(presets.find("digits-dcgan").config, {**small, **(changes or {})})


def make_run(root: Path, changes: dict[str, Any] | None = None, *, family: str = "dcgan", **options: Any) -> Run:
    """Make the directory of a tiny run, ready for a trainer."""
    return runs.create(root, tiny(changes, family=family), **{"state": "starting", "threads": 1, **options})


def train(
    run: Run,
    observe: Callable[[Status, dict[str, Any] | None], None] = lambda status, line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Status:
    """Train a run in this process, with quick scores as the command makes them."""
    from gan.commands.training import scorer
    from gan.training.train import train as train_run

    return train_run(run, observe, should_stop, scorer)


def command(*arguments: object) -> list[str]:
    """Return the argument list of ``python -m gan``."""
    return [sys.executable, "-m", "gan", *map(str, arguments)]


def run_gan(
    *arguments: object, root: Path | None = None, env: dict[str, str] | None = None, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a process of its own, from the nursery if there is one; ``root`` becomes ``GAN_RUNS``."""
    if nursery.is_available:
        return nursery.run([str(one) for one in arguments], environment(root, env), seconds)
    return run_anew(*arguments, root=root, env=env, seconds=seconds)


def run_anew(
    *arguments: object, root: Path | None = None, env: dict[str, str] | None = None, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command as :func:`run_gan` does, but in a new interpreter, as a user would."""
    return subprocess.run(
        command(*arguments), cwd=PROJECT, env=environment(root, env), capture_output=True, text=True, timeout=seconds, check=False
    )


def start_gan(*arguments: object, root: Path | None = None, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command line and return its process; the caller waits for it or kills it."""
    return subprocess.Popen(
        command(*arguments), cwd=PROJECT, env=environment(root, env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def start_quickly(*arguments: object, root: Path, log: Path) -> nursery.Child | subprocess.Popen[bytes]:
    """Start a command whose output goes to the end of ``log``, from the nursery if there is one; the caller waits or kills."""
    if nursery.is_available:
        return nursery.start([str(one) for one in arguments], environment(root), log, log)
    with open(log, "ab") as output:
        return subprocess.Popen(command(*arguments), cwd=PROJECT, env=environment(root), stdout=output, stderr=output)


def environment(root: Path | None = None, extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process that works on the runs in ``root``."""
    chosen = {} if root is None else {"GAN_RUNS": str(root)}
    return {**os.environ, **chosen, **(extra or {})}


def wait_until(condition: Callable[[], Value], what: str, *, seconds: float = 120, every: float = 0.02) -> Value:
    """Return the first true value of ``condition``, polled; fail with ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {seconds:g} s for: {what}")
        time.sleep(every)
    return value


def is_sentence(text: str) -> bool:
    """Return whether a message is one line, ends like a sentence and has no words of a traceback."""
    return (
        bool(text)
        and "\n" not in text
        and "\r" not in text
        and text.isprintable()
        and text[-1] in ".?"
        and not any(word in text for word in ("Traceback", 'File "', "pydantic", "ValidationError", "https://errors"))
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], status: int = 2) -> str:
    """Assert that a command ended with ``status`` and exactly one sentence on standard error; return it."""
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.endswith("\n")
    sentence = done.stderr.removesuffix("\n")
    assert is_sentence(sentence), done.stderr
    return sentence


def imports(path: Path) -> Iterator[str]:
    """Yield the names of all modules that a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def trainers(root: Path) -> list[psutil.Process]:
    """Return all living processes that work on the runs in ``root``."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        is_alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if is_alive and str(root.resolve()) in (process.info["cmdline"] or []):
            found.append(process)
    return found


def trainer_of(run: Run) -> psutil.Process:
    """Return the living process that trains a run."""

    def found() -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):  # one of them has just ended
            return [process for process in trainers(run.root) if run.id in process.cmdline()]
        return []

    (one,) = wait_until(found, f"run {run.id} has a trainer", seconds=10)
    return one


def end_all(root: Path) -> None:
    """Remove all runs from the queue and kill their trainers."""
    for run in runs.list_runs(root):
        if run.status().state in runs.UNDER_WAY:
            with suppress(InputError):
                queue.stop(run)  # otherwise the queue restarts it after the kill
    for process in trainers(root):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until(lambda: not trainers(root), "all trainers have ended")


def advance_at_once(root: Path, callers: int) -> list[str]:
    """Let several processes advance a queue of 12 cores repeatedly at the same time; return the ids they started."""
    code = (
        "import sys; from pathlib import Path; from gan.execution import queue\n"
        "queue.processes.spawn = lambda arguments, log, **options: print(arguments[1])\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for _ in range(20): queue.advance(Path(sys.argv[1]))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(root)],
            cwd=PROJECT,
            env=environment(extra={"GAN_CORES": "12"}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(callers)
    ]
    for caller in started:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "ready\n"
    for caller in started:
        assert caller.stdin is not None
        caller.stdin.write("go\n")
        caller.stdin.flush()
    return [run_id for caller in started for run_id in caller.communicate(timeout=120)[0].split()]


def raw_lines(run: Run) -> list[dict[str, Any]]:
    """Return the logged lines with all fractions as text, exactly as in the file."""
    return [json.loads(line, parse_float=str) for line in run.metrics_path.read_text().splitlines()]


def losses(run: Run) -> dict[int, dict[str, Any]]:
    """Return by step what an exact resume has to repeat: everything but times and speeds, as text."""
    ours = {"seconds", "images_per_second"}
    return {line["step"]: {key: value for key, value in line.items() if key not in ours} for line in raw_lines(run)}


def mount(folder: Path, options: str) -> None:
    """Mount a disk in memory at ``folder``, or change its options; skip the test without the right to mount."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"this test needs the right to mount a disk in memory ({done.stderr.strip()})")


def unmount(folder: Path) -> None:
    """Unmount a disk in memory, even if it is still in use."""
    subprocess.run(["umount", "-l", str(folder)], check=True)
