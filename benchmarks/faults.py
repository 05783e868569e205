"""Faults that take minutes: a trainer is halted, asked to stop while it is halted, or killed again and again.

    python -m benchmarks.faults [--seconds 60]

Real trainers, started by the queue. After each fault the run goes on, and its logged lines have to be those of a run that was never
disturbed. Exits with 1 if they are not, or if something else is at fault. Full and read-only disks, clocks that are set and ids of
processes that are used again take no time: tests/execution/test_disks.py and test_clock.py have them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from benchmarks import machine
from gan import runs
from gan.config.fields import Span
from gan.execution import queue, silent
from gan.runs import Run, checkpoints
from tests.helpers import end_all, is_sentence, losses, tiny, trainer_of, trainers, wait_until

SETTINGS = {"training.length": "1000000 steps", "cadence.checkpoint_every": "50 steps", "optimizer.batch_size": 64}


def under_way(root: Path) -> tuple[Run, psutil.Process]:
    """Start a training and return it with its process once it has a checkpoint."""
    run = queue.launch(root, tiny(SETTINGS))
    wait_until(lambda: run.has_checkpoint and run.status().step > 60, "a checkpoint is there", seconds=300)
    return run, trainer_of(run)


def watched(run: Run, seconds: float) -> None:
    """Do for some seconds what a server does: look at the run, and let the queue go on."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        queue.advance(run.root)
        run.status()
        time.sleep(1)


def finish(run: Run) -> int:
    """Let a run go on for some steps, compare it with an undisturbed one, and return the number of steps."""
    if run.status().state == "running":
        queue.stop(run)
        wait_until(lambda: queue.advance(run.root) or run.status().state == "stopped", "it has stopped", seconds=120)
    goal = max(run.status().step, *(line["step"] for line in run.metrics())) + 60
    length = Span(count=goal)
    run.write_control(stop=False)
    queue.resume(run, length)
    wait_until(lambda: run.status().state == "finished", "it has finished", seconds=300)
    same = {"training.length": f"{goal} steps", "training.threads": run.status().threads}
    alone = queue.launch(run.root, tiny({**SETTINGS, **same}))
    wait_until(lambda: alone.status().state == "finished", "the undisturbed one has finished", seconds=300)
    assert losses(run) == losses(alone), "its lines differ from those of an undisturbed run"
    assert sorted(losses(run)) == list(range(1, goal + 1)), "lines are missing"
    return goal


def halted(root: Path, seconds: float) -> str:
    """Halt a trainer and let it go on."""
    run, process = under_way(root)
    process.send_signal(signal.SIGSTOP)
    before = run.status()
    watched(run, seconds)
    during = run.status()
    assert during.state == "running" and during.step == before.step, during
    assert [one.pid for one in trainers(root)] == [process.pid], "the queue has started another trainer"
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: run.status().step > before.step + 20, "it goes on")
    lines = run.metrics()
    longest = max(after["seconds"] - line["seconds"] for line, after in itertools.pairwise(lines))
    return f"running throughout; the longest step in the log took {longest:.0f} s; same lines for {finish(run)} steps"


def halted_and_stopped(root: Path, seconds: float) -> str:
    """Halt a trainer and ask it to stop."""
    run, process = under_way(root)
    process.send_signal(signal.SIGSTOP)
    queue.stop(run)
    began, longest = time.monotonic(), silent.STOP_GRACE + 60
    wait_until(lambda: queue.advance(root) or run.status().state == "stopped", "it is ended", seconds=longest, every=1)
    taken, message = time.monotonic() - began, run.status().message
    assert is_sentence(message), message
    assert checkpoints.steps(run.checkpoints_path), "the checkpoint is gone"
    return f"ended after {taken:.0f} s: “{message}”; same lines for {finish(run)} steps"


def killed(root: Path, seconds: float) -> str:
    """Kill a trainer ten times, and resume it each time."""
    run, process = under_way(root)
    for _ in range(10):
        process.kill()
        wait_until(lambda: run.status().state == "interrupted", "it is known to be interrupted", seconds=10)
        message = run.status().message
        assert is_sentence(message), message
        queue.resume(run)
        step = max(checkpoints.steps(run.checkpoints_path))
        wait_until(lambda step=step: max(checkpoints.steps(run.checkpoints_path)) > step, "it goes on", seconds=300)  # type: ignore[misc]
        process = trainer_of(run)
    return f"“{message}” each time; same lines for {finish(run)} steps"


FAULTS: dict[str, Callable[[Path, float], str]] = {
    "halted": halted,
    "halted, and asked to stop": halted_and_stopped,
    "killed ten times": killed,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Let each fault happen, print what was seen, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long a trainer is halted")
    parser.add_argument("--only", default="", help="faults whose name contains this")
    options = parser.parse_args(arguments)
    print(f"Machine: {machine.describe()}")
    os.environ["GAN_SPARE"], status = "0", 0
    for name, happen in FAULTS.items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve() / "runs"
            try:
                print(f"{name:<28} {happen(root, options.seconds)}", flush=True)
            except Exception as error:
                status = 1
                told = "; ".join(f"{run.id} {run.status().state}: {run.status().message}" for run in runs.list_runs(root))
                print(f"{name:<28} FAULT: {error} ({told})", flush=True)
            finally:
                for process in trainers(root):
                    process.send_signal(signal.SIGCONT)
                end_all(root)
    return status


if __name__ == "__main__":
    sys.exit(main())
