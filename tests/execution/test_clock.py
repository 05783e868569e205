"""Clocks that are set while runs are under way, machines that sleep, processes that are halted, and ids of processes used again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gan import runs
from gan.execution import queue
from gan.runs import Run, Scoring, Status, checkpoints
from gan.storage import jobs, signs
from gan.storage.locks import hold_lock
from tests.execution import quick
from tests.helpers import is_sentence, losses, make_run, tiny, train, wait_until

DAY = 86_400.0
ENDLESS = {"training.length": "1000000 steps", "cadence.checkpoint_every": "20 steps"}
Shift = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Shift:
    """Return a function that sets the clock of this process ``seconds`` ahead of the right time."""
    right, right_ns = time.time, time.time_ns

    def set_to(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: right() + seconds)
        monkeypatch.setattr(time, "time_ns", lambda: right_ns() + int(seconds * 1e9))

    return set_to


@pytest.fixture
def other() -> subprocess.Popen[bytes]:
    """Return a process that has nothing to do with the program."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield process  # type: ignore[misc]
    process.kill()
    process.communicate()


@pytest.mark.parametrize("ahead", [-DAY, DAY])
def test_work_without_a_process_is_over_whatever_the_clock_says(root: Path, tmp_path: Path, ahead: float, set_clock: Shift) -> None:
    run, task = make_run(root), tmp_path / "task.json"
    run.write_scoring(Scoring(state="running", heartbeat=time.time()))
    with jobs.Progress(task, "The import"):
        pass
    assert run.status().state == "starting"
    assert run.scoring().state == "running"
    set_clock(ahead)
    assert is_sentence(run.status().message) and run.status().state == "interrupted"
    assert is_sentence(run.scoring().message) and run.scoring().state == "failed"
    found = jobs.read(task)
    assert found and found.state == "failed"


@pytest.mark.parametrize("ahead", [-DAY, DAY])
def test_runs_made_before_and_after_the_clock_was_set_are_all_started(
    root: Path, ahead: float, set_clock: Shift, spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_CORES", "6")
    made = [queue.launch(root, tiny()) for _ in range(2)]
    set_clock(ahead)
    made += [queue.launch(root, tiny()) for _ in range(2)]
    assert len({run.id for run in made}) == 4
    assert set(runs.list_runs(root)) == set(made)
    assert sorted(spawned) == sorted(run.id for run in made)
    for run in made:
        run.write_status(run.status().model_copy(update={"state": "stopped"}))
        runs.restore(root, runs.delete(run).name)
    assert {run.status().state for run in runs.list_runs(root)} == {"stopped"}


@pytest.mark.parametrize("ahead", [-DAY, DAY])
def test_durations_and_speeds_of_a_training_do_not_follow_the_clock(root: Path, ahead: float, set_clock: Shift) -> None:
    run, alone = make_run(root, family="mlp"), make_run(root, family="mlp")
    seen: list[Status] = []

    def observe(status: Status, line: object) -> None:
        seen.append(status)
        set_clock(ahead if status.step >= 6 else 0)

    assert train(run, observe).state == "finished"
    train(alone)
    assert losses(run) == losses(alone)
    lines = run.metrics()
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert all(0 <= line["seconds"] < DAY / 100 and line["images_per_second"] > 0 for line in lines)
    assert [line["seconds"] for line in lines] == sorted(line["seconds"] for line in lines)
    assert all(0 <= (status.seconds_left or 0) < DAY / 100 for status in seen)


@pytest.mark.parametrize("asleep", [3600.0, -DAY, DAY])
def test_machine_that_slept_gives_a_trainer_time_to_answer(
    root: Path, asleep: float, quickly: quick.Trainers, set_clock: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock has moved on by an hour, while the trainer, which was asked to stop, could not do anything."""
    run = queue.launch(root, tiny({**ENDLESS, "cadence.checkpoint_every": "100000 steps"}))
    wait_until(lambda: run.status().step > 20, "the training is under way")
    os.kill(quickly.of(run).pid, signal.SIGSTOP)
    queue.stop(run)
    queue.advance(root)
    set_clock(asleep)
    queue.advance(root)
    queue.advance(root)
    os.kill(quickly.of(run).pid, signal.SIGCONT)
    wait_until(lambda: run.status().state != "running", "it has answered")
    assert run.status().state == "stopped" and run.status().message.startswith("Stopped")
    assert checkpoints.steps(run.checkpoints_path) == [run.status().step]


def test_halted_trainer_is_under_way_and_goes_on_as_if_nothing_had_happened(root: Path, quickly: quick.Trainers) -> None:
    length = {"training.length": "500 steps"}
    run = queue.launch(root, tiny(length, family="mlp"))
    wait_until(lambda: run.status().step > 20, "the training is under way")
    os.kill(quickly.of(run).pid, signal.SIGSTOP)
    before, lines = run.status(), len(run.metrics())
    assert queue.advance(root) == []
    assert run.status() == before and before.state == "running"
    assert len(run.metrics()) == lines < 500
    os.kill(quickly.of(run).pid, signal.SIGCONT)
    wait_until(lambda: run.status().state == "finished", "it has finished")
    assert quickly.of(run).wait() == 0
    alone = make_run(root, {**length, "training.threads": run.status().threads}, family="mlp")
    train(alone)
    assert losses(run) == losses(alone)


# Ids of processes


def test_another_process_with_the_id_of_a_dead_one_is_no_sign_of_life(root: Path, other: subprocess.Popen[bytes]) -> None:
    run = make_run(root)
    signs.announce(run.trainer_lock, other.pid)
    assert run.status().state == "starting", "this needs a process that lives"
    note = run.path / "trainer.pid"
    note.write_text(note.read_text().replace('"began": ', '"began": 1'))
    assert run.status().state == "interrupted"


def test_another_process_with_the_id_of_a_trainer_is_not_ended(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    """Something that a dead trainer has left, such as a process that reads images, may still hold its lock."""
    lock = tmp_path / "trainer.lock"
    held = hold_lock(lock, "It is taken.")
    signs.announce(lock, other.pid)
    note = lock.with_suffix(".pid")
    note.write_text(note.read_text().replace('"began": ', '"began": 1'))
    assert signs.end(lock) is False
    assert other.poll() is None
    held.release()


def test_note_of_an_earlier_version_still_counts(root: Path, other: subprocess.Popen[bytes]) -> None:
    run = make_run(root)
    signs.announce(run.trainer_lock, other.pid)
    note = run.path / "trainer.pid"
    note.write_text(note.read_text().partition(', "began"')[0].partition(',\n "began"')[0] + "}")
    assert run.status().state == "starting"
    other.kill()
    other.wait()
    assert run.status().state == "interrupted"


def test_run_left_by_a_trainer_of_before_a_restart_of_the_machine_is_interrupted(root: Path) -> None:
    run = make_run(root)
    run.write_status(Status(state="running", step=3, heartbeat=time.time() + DAY))
    assert Run(run.path).status().state == "interrupted"
