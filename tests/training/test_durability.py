"""Crashes and full disks: a run resumes exactly however it ended, and nothing already written is lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from gan import runs
from gan.config.fields import Span
from gan.runs import Run
from gan.training import checkpoints, precision
from tests import nursery
from tests.helpers import (
    is_sentence,
    losses,
    make_run,
    raw_lines,
    run_gan,
    start_quickly,
    train,
    wait_until,
)

KILLS_PER_RUN = 25
PRECISIONS = ["fp32", "bf16" if precision.has_fast_bf16(torch.device("cpu")) else "fp32"]
CRASHING = {
    "training.length": "100000 steps",
    "cadence.checkpoint_every": "5 steps",
    "cadence.sample_every": "7 steps",
    "optimizer.batch_size": 64,
}


def resume(run: Run) -> subprocess.Popen[bytes] | nursery.Child:
    """Start the trainer of a run with its output going to the log, as the queue does."""
    return start_quickly("resume", run.id, "--from-queue", root=run.root, log=run.log_path)


def kill_again_and_again(root: Path, chosen: str, seed: int) -> tuple[Run, int]:
    """Kill a run's trainer 25 times at random instants; return the run and the number of kills during training."""
    run = make_run(root, {**CRASHING, "training.precision": chosen})
    instant, during_training, whole = random.Random(seed), 0, b""
    for number in range(KILLS_PER_RUN):
        trainer = resume(run)
        if number % 5 in (1, 3, 4):
            wait_until(lambda: size(run.metrics_path) > len(whole) or trainer.poll() is not None, "a line is logged")  # noqa: B023
            time.sleep(instant.uniform(0, 0.3))
        else:
            time.sleep(instant.uniform(0, 0.4))
        assert trainer.poll() is None, run.log_tail()
        before = read(run.metrics_path)
        during_training += len(before) > len(whole)
        trainer.kill()
        trainer.wait()
        after = read(run.metrics_path)
        kept = before[: before.rfind(b"\n") + 1]
        assert kept.startswith(whole), "a line from before an earlier crash is missing"
        assert after.startswith(kept), "a line that was complete before this crash is missing"
        whole = after[: after.rfind(b"\n") + 1]
        assert run.status().state in ("interrupted", "starting"), run.status()
        assert len(checkpoints.steps(run.checkpoints_path)) <= 3
    return run, during_training


def size(path: Path) -> int:
    """Return the size of a file, or 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0


def read(path: Path) -> bytes:
    """Return the content of a file, or nothing if it does not exist."""
    return path.read_bytes() if path.exists() else b""


def test_run_killed_many_times_ends_like_an_undisturbed_one(root: Path) -> None:
    """Two runs are killed 25 times each, in parallel; then each must end with the losses of an undisturbed run."""
    with ThreadPoolExecutor(2) as pool:
        crashed = list(pool.map(lambda job: kill_again_and_again(root, *job), zip(PRECISIONS, (1, 2), strict=True)))
        assert sum(during for _, during in crashed) >= KILLS_PER_RUN, "this test needs most kills to hit a run that is training"

        def finish(run: Run) -> Run:
            goal = max(line["step"] for line in run.metrics()) + 20
            same = {"training.precision": run.config().training.precision, "training.length": f"{goal} steps"}
            alone = make_run(root, {**CRASHING, **same})
            run.write_control(length=Span(count=goal, unit="steps"))
            for one in (run, alone):
                trainer = resume(one)
                assert trainer.wait(timeout=120) == 0, one.log_tail()
                assert one.status().state == "finished"
                assert one.status().step == goal
            return alone

        for (run, _), alone in zip(crashed, pool.map(finish, [run for run, _ in crashed]), strict=True):
            expected = losses(alone)
            lines = raw_lines(run)
            assert len(lines) > len(expected), "this test needs steps that were trained twice"
            for line in lines:
                for key, value in expected[line["step"]].items():
                    assert line[key] == value, f"{key} of step {line['step']} differs from the undisturbed run"
            assert [line["step"] for line in run.metrics()] == list(expected)
            assert set(run.samples()) == set(alone.samples())
            assert all(path.read_bytes() == alone.samples()[step].read_bytes() for step, path in run.samples().items())
            assert sorted(path.name for path in run.checkpoints_path.iterdir()) == sorted(
                path.name for path in alone.checkpoints_path.iterdir()
            )


# A full disk


def fill(folder: Path, leaving: int) -> Path:
    """Fill a disk except for ``leaving`` bytes and return the file that takes up the space."""
    filler = folder / "filler"
    space = os.statvfs(folder)
    with open(filler, "wb") as file:
        file.write(bytes(max(0, space.f_bavail * space.f_frsize - leaving)))
    return filler


LONG = {"training.length": "40 steps", "cadence.sample_every": "7 steps"}


@pytest.mark.parametrize("leaving", [40_000, 48_000, 64_000, 100_000, 130_000])
def test_full_disk_ends_the_run_with_a_sentence_and_freed_space_lets_it_resume(disk: Path, tmp_path: Path, leaving: int) -> None:
    run, alone = make_run(disk / "runs", LONG), make_run(tmp_path / "runs", LONG)
    assert train(alone).state == "finished"
    stop_at_seven = iter([False] * 6 + [True])
    assert train(run, should_stop=lambda: next(stop_at_seven)).step == 7
    filler = fill(disk, leaving)

    status = train(run)
    assert status.state == "failed"
    assert is_sentence(status.message)
    assert "disk is full" in status.message
    assert "free some space" in status.message
    assert run.status().state == "failed", "the final status could not be written"
    assert run.status().message == status.message
    newest, complaints = checkpoints.load_newest(run.checkpoints_path)
    assert newest is not None
    assert newest.step >= 7
    assert complaints == []

    filler.unlink()
    assert train(run).state == "finished"
    assert losses(run) == losses(alone)
    assert not list(run.path.rglob("*.tmp")), "failed writes left temporary files behind"


def test_disk_filled_by_the_last_line_still_has_room_for_the_end_of_the_run(disk: Path) -> None:
    """A log line can use up the last free byte, so the status could not be replaced without the reserve."""
    rarely = {"training.length": "1000 steps", "cadence.checkpoint_every": "1000 steps", "optimizer.batch_size": 4}
    run = make_run(disk / "runs", rarely, family="mlp")
    assert train(run, should_stop=lambda: True).step == 1
    filler = fill(disk, 60_000)
    status = train(run)
    assert status.state == "failed"
    assert "disk is full" in status.message
    assert run.status() == status
    filler.unlink()
    assert train(run).state == "finished"
    assert [line["step"] for line in run.metrics()] == list(range(1, 1001))


def test_command_line_reports_a_disk_without_a_free_byte(disk: Path) -> None:
    root = disk / "runs"
    run = make_run(root, LONG)
    filler = fill(disk, 0)
    done = run_gan("resume", run.id, "--from-queue", root=root)
    assert done.returncode == 2  # its lease cannot be written, so it does not begin
    assert "disk is full" in done.stderr.lower()
    assert run.status().state in ("failed", "interrupted", "starting")

    done = run_gan("train", "--steps", 5, root=root)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]  # below the progress of analysing the digits, if they are not prepared yet
    assert is_sentence(last)
    assert "disk is full" in last
    assert [each.id for each in runs.list_runs(root)] == [run.id]
    assert not list(root.glob(".new-*"))

    filler.unlink()
    done = run_gan("resume", run.id, "--from-queue", root=root)
    assert done.returncode == 0, done.stderr
    assert run.status().state == "finished"
    assert json.loads(run.status_path.read_bytes())["step"] == 40
