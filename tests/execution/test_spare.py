"""The spare process: it takes the next command at once, and whatever happens to it, a launch goes on without it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from gan.execution import processes, queue
from gan.execution.processes import Spare
from gan.play import wire
from gan.runs import Run
from tests.helpers import PROJECT, environment, losses, make_run, tiny, train, wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="looks at processes the POSIX way")


@pytest.fixture(scope="module", autouse=True)
def let_go() -> Iterator[None]:
    """Let the last spare process go after all tests."""
    yield
    processes.keep_spare()


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process keep a spare one during a test; tests that leave it waiting hand it on to the next."""
    monkeypatch.setenv("GAN_SPARE", "1")


def ready() -> Spare:
    """Return the spare process once it is ready. Not a fixture, because pytest changes the environment after fixtures."""
    os.environ["PYTEST_CURRENT_TEST"] = "all"  # names the running test; a spare process of another environment does not fit
    kept = processes.keep_spare()
    assert kept
    assert kept.is_ready.wait(60)
    return kept


def has_ended(pid: int) -> bool:
    """Return whether a process has ended; one that nobody has waited for counts as ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_conversation_goes_through_the_spare_process(root: Path) -> None:
    spare = ready()
    process = processes.converse(["play", "--root", str(root)])
    assert process.pid == spare.pid
    assert process.stdin
    assert process.stdout
    wire.send(process.stdin, 1, b'{"do": "open", "setup": {"data": "ring"}}')
    received = wire.receive(process.stdout)
    assert received
    assert wire.unpack(received[1])[0]["kind"] == "opened"
    process.stdin.close()
    wait_until(lambda: process.poll() is not None, "it has ended")
    assert process.returncode == 0


def trainer_id(run: Run) -> int:
    """Return the id of the process that was announced as the run's trainer."""
    return int(json.loads(run.trainer_lock.with_suffix(".pid").read_bytes())["pid"])


def test_run_in_the_spare_process_is_the_run_of_a_new_one(root: Path, tmp_path: Path) -> None:
    spare = ready()
    assert processes.keep_spare() is spare, "one is enough"
    run = queue.launch(root, tiny({"training.threads": 1}))
    assert trainer_id(run) == spare.pid
    wait_until(lambda: run.status().state == "finished", "the training ends")
    cold = make_run(tmp_path / "cold")
    train(cold)
    assert losses(run) == losses(cold) != {}
    assert "Training" in run.log_path.read_text(encoding="utf-8")
    assert processes.keep_spare() is not spare, "it was replaced"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the priorities of threads from /proc")
def test_import_leaves_no_thread_of_low_priority() -> None:
    spare = ready()
    wait_until(lambda: nice(spare.pid) == {os.nice(0)}, "the system has taken away the thread that imported")
    process = processes.spawn(["spare"], Path(os.devnull), is_background=True, needs_torch=True)
    assert process.pid == spare.pid
    wait_until(lambda: nice(spare.pid) in ({os.nice(0) + 10}, set()), "a command in the background has a lower one")


def nice(pid: int) -> set[int]:
    """Return the nice values of all threads of a process."""
    found = set()
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        found.add(int(task.read_text().rpartition(")")[2].split()[16]))
    return found


def test_spare_ends_with_its_server_and_its_command_does_not(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from gan.execution import processes, queue\n"
        "from tests.helpers import tiny\n"
        "first = processes.keep_spare(); first.is_ready.wait(60)\n"
        "run = queue.launch(Path(sys.argv[1]), tiny({'training.length': '100000 steps'}))\n"
        "second = processes.keep_spare(); second.is_ready.wait(60)\n"
        "print(run.path, first.pid, second.pid, flush=True); time.sleep(60)\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "runs")],
        cwd=PROJECT,
        env=environment(extra={"GAN_SPARE": "1"}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    path, first, second = server.stdout.readline().split()
    server.kill()
    server.wait()
    wait_until(lambda: has_ended(int(second)), "the waiting process has noticed that its server is gone")
    run = Run(Path(path))
    assert trainer_id(run) == int(first)
    step = run.status().step
    wait_until(lambda: run.status().step > step, "the training goes on")
    queue.stop(run)
    wait_until(lambda: run.status().state == "stopped", "the training is stopped")


def test_dead_frozen_or_outdated_spare_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spare = ready()
    with monkeypatch.context() as patch:
        patch.setattr(processes, "_code", lambda: (1, 1))
        assert not spare.fits(), "the code has changed"
    with monkeypatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "3")
        assert not spare.fits(), "the environment has changed"
    assert processes.spawn(["presets"], tmp_path / "log").pid != spare.pid, "a command without torch"
    assert spare.fits()

    os.kill(spare.pid, signal.SIGSTOP)
    assert answer(tmp_path) != spare.pid, "frozen"
    wait_until(lambda: has_ended(spare.pid), "the process that did not answer has been ended")

    os.kill(ready().pid, signal.SIGKILL)
    answer(tmp_path)


def answer(folder: Path) -> int:
    """Run a command in the spare process, if there is one that fits, or in a new one; return its id."""
    log = folder / "answer"
    process = processes.spawn(["presets"], log, needs_torch=True)
    assert process.wait(60) == 0
    assert "digits-dcgan" in log.read_text(encoding="utf-8")
    log.unlink()
    return process.pid


def test_no_spare_where_it_is_switched_off_or_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ready()
    monkeypatch.setattr(processes, "has_memory_for", lambda trainers: trainers == 1)
    assert processes.keep_spare() is kept, "the memory that it takes itself is no reason to let it go"
    monkeypatch.setattr(processes, "has_memory_for", lambda trainers: False)
    assert processes.keep_spare() is None
    wait_until(lambda: has_ended(kept.pid), "it makes room")
    monkeypatch.setattr(processes, "has_memory_for", lambda trainers: True)
    monkeypatch.setenv("GAN_SPARE", "0")
    assert processes.keep_spare() is None


def test_spare_that_cannot_start_is_not_started_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = processes._start, []

    def fail(arguments: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(arguments)
        return start(["no such command"] if arguments == ["spare"] else arguments, **options)

    monkeypatch.setattr(processes, "_start", fail)
    first = processes.keep_spare()
    assert first
    wait_until(lambda: not first.is_alive, "it has failed")
    assert processes.keep_spare() is first
    answer(tmp_path)
    assert started == [["spare"], ["presets"]]
