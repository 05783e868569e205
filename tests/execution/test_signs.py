"""Signs of life: work whose process was killed is known to be over at once, also before the process has taken its lock."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.config.data import DataConfig
from gan.execution import queue, requests
from gan.runs import Run, Scoring, Status
from gan.storage import jobs, signs
from gan.storage.locks import hold_lock
from tests.execution import quick
from tests.helpers import is_sentence, make_run, start_gan, tiny, trainer_of, trainers, wait_until

ENDLESS = {"training.length": "1000000 steps", "cadence.checkpoint_every": "20 steps"}
SOON = 5.0  # seconds; far below the time that a process has to take its lock


def wait_for(run: Run, state: str, seconds: float = 60) -> Status:
    wait_until(lambda: run.status().state == state, f"the run is {state}", seconds=seconds)
    return run.status()


def test_trainer_killed_before_it_has_its_lock_can_be_resumed_at_once(root: Path) -> None:
    run = queue.launch(root, tiny())
    trainer_of(run).kill()
    assert is_sentence(wait_for(run, "interrupted", SOON).message)
    queue.resume(run)
    assert wait_for(run, "finished").step == 12


def test_trainer_killed_while_it_starts_can_be_resumed_at_once(root: Path) -> None:
    run = queue.launch(root, tiny())
    wait_until(run.is_held, "the trainer has its lock", every=0.002)
    trainer_of(run).kill()
    wait_for(run, "interrupted", SOON)
    queue.resume(run)
    assert run.status().state in ("starting", "running", "finished")
    assert wait_for(run, "finished").step == 12


def test_training_in_the_foreground_killed_while_it_starts_can_be_resumed_at_once(root: Path) -> None:
    run = make_run(root, state="stopped")
    process = start_gan("resume", run.id, root=root)
    wait_until(run.is_held, "the trainer has its lock", every=0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_for(run, "interrupted" if run.status().state != "stopped" else "stopped", SOON)
    queue.resume(run)
    wait_for(run, "finished")


def test_starting_trainer_is_under_way(root: Path, quickly: quick.Trainers) -> None:
    run = queue.launch(root, tiny(ENDLESS))
    assert run.status().state in ("starting", "running")
    wait_for(run, "running")
    queue.stop(run)
    wait_for(run, "stopped")


def test_scorer_killed_while_it_starts_has_failed_at_once(root: Path) -> None:
    first, second = make_run(root, state="finished"), make_run(root, state="finished")
    requests.score([first, second])
    assert {run.scoring().state for run in (first, second)} == {"running"}
    (process,) = wait_until(lambda: trainers(root), "its process has its arguments", seconds=SOON)
    process.kill()
    for run in (first, second):
        wait_until(lambda run=run: run.scoring().state == "failed", "the scoring is known to be over", seconds=SOON)
        assert is_sentence(run.scoring().message)
    requests.score([first, second])  # is not refused
    for process in trainers(root):
        process.kill()


def test_preparation_killed_while_it_starts_has_failed_at_once() -> None:
    data = DataConfig(size=64)
    path = requests.preparation_path(data)
    requests.start_preparing(data)
    (process,) = wait_until(
        lambda: [one for one in psutil.Process().children() if "prepare" in one.cmdline()],
        "its process has its arguments",
        seconds=SOON,
    )
    process.kill()
    wait_until(lambda: state_of(path) == "failed", "the preparation is known to be over", seconds=SOON)
    task = jobs.read(path)
    assert task and task.message == "The preparation was ended from outside; start it again."
    requests.start_preparing(data)
    wait_until(lambda: state_of(path) == "finished", "the second preparation has ended")


def state_of(path: Path) -> str:
    """Return the state of a task."""
    task = jobs.read(path)
    assert task is not None
    assert task.state == "finished" or is_sentence(task.message) or task.state == "running"
    return task.state


def test_process_that_was_not_announced_has_a_grace_period(root: Path) -> None:
    run = make_run(root)
    assert run.status().state == "starting"
    run.write_status(Status(state="starting", heartbeat=time.time() - 2 * signs.GRACE))
    assert run.status().state == "interrupted"
    run.write_scoring(Scoring(state="running", heartbeat=time.time()))
    assert run.scoring().state == "running"


def test_process_that_is_known_to_run_has_longer(root: Path) -> None:
    run = make_run(root)
    signs.announce(run.trainer_lock, os.getpid())
    for late, state in ((2 * signs.GRACE, "starting"), (2 * signs.SLOW_GRACE, "interrupted")):
        run.write_status(Status(state="starting", heartbeat=time.time() - late))
        assert run.status().state == state


def test_process_of_another_machine_has_a_grace_period(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(root)
    monkeypatch.setenv("GAN_HOST", "elsewhere")
    signs.announce(run.trainer_lock, 2**22 + 1)
    monkeypatch.undo()
    assert run.status().state == "starting"
    signs.announce(run.trainer_lock, 2**22 + 1)
    assert run.status().state == "interrupted"
    signs.forget(run.trainer_lock)
    assert run.status().state == "starting"


@given(st.binary(max_size=60) | st.sampled_from([b'{"pid": 1e400, "host": ""}', b'{"pid": "x"}', b"[]", b"[" * 5000]))
def test_damaged_note_breaks_nothing(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    lock = tmp_path_factory.getbasetemp() / "damaged.lock"
    lock.with_suffix(".pid").write_bytes(content)
    assert signs.is_alive(lock, time.time())


def test_unknown_holder_of_a_lock_is_left_alone_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue asks at every turn, and the holder may be a process of another machine."""
    lock = tmp_path / "trainer.lock"
    held = hold_lock(lock, "It is taken.")
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits"))
    assert signs.end(lock) is False
    held.release()
    assert signs.end(lock) is True
