"""Runs that several hosts may train: leases, silence judged on the reader's own clock, trainers that were replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gan import runs
from gan.errors import InputError
from gan.execution import queue
from gan.runs import Run, Status, checkpoints, holding
from gan.storage import files, leases
from tests.helpers import command, is_sentence, losses, make_run, tiny, train, wait_until

HERE = {"GAN_HOST": "here", "GAN_LEASE_SECONDS": "2"}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HERE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(leases, "DURATION", 2.0)
    monkeypatch.setattr(leases, "REFRESH", 0.3)


def at(run: Run, host: str, **changes: object) -> Status:
    """Let a run have a trainer on a host, as its status says."""
    found = run.status().model_copy(update={"state": "running", "host": host, "heartbeat": time.time(), **changes})
    run.write_status(found)
    return found


def wait_for_silence(run: Run) -> None:
    wait_until(lambda: run.status().state == "interrupted", "in time", seconds=30)


def test_a_lease_is_taken_once_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "x.lease"
    held = leases.take(path, "It is taken; wait.")
    assert not held.is_lost()
    with pytest.raises(InputError, match="It is taken"):
        leases.take(path, "It is taken; wait.", patience=0.1)
    held.release()
    assert not path.exists()
    leases.take(path, "It is taken; wait.").release()


def test_a_lease_of_a_killed_process_of_this_host_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.lease"
    code = (
        "import sys; from pathlib import Path; from gan.storage import leases\n"
        "held = leases.take(Path(sys.argv[1]), 'It is taken.'); print('held', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **HERE}
    )
    assert process.stdout and process.stdout.readline()
    process.kill()
    process.communicate()
    assert path.exists()
    leases.take(path, "It is taken.", patience=0.5).release()


@pytest.mark.parametrize("left", [b"", b"filelock/2\npid="])
def test_a_lease_whose_holder_died_while_it_wrote_the_marker_is_taken(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "x.lease"
    path.write_bytes(left)
    leases.take(path, "It is taken.", patience=10).release()
    assert not path.exists()


def test_a_lease_that_is_gone_or_of_another_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "x.lease"
    held = leases.take(path, "It is taken.")
    path.unlink()
    assert held.is_lost()
    other = leases.take(path, "It is taken.")
    assert held.is_lost() and not other.is_lost()
    held.release()
    assert not other.is_lost(), "giving back a lost lease leaves the other's alone"
    other.release()


def test_a_trainer_elsewhere_lives_as_long_as_it_gives_signs(root: Path) -> None:
    run = make_run(root)
    for beat in range(3):
        at(run, "there", beat=beat)
        began = time.monotonic()
        while time.monotonic() - began < 0.9:
            assert run.status().state == "running"
            time.sleep(0.05)
    wait_for_silence(run)
    assert "there" in run.status().message and is_sentence(run.status().message)


@pytest.mark.parametrize("skew", [-86_400.0, 86_400.0])
def test_the_clocks_of_two_hosts_need_not_agree(root: Path, skew: float) -> None:
    run = make_run(root)
    at(run, "there", heartbeat=time.time() + skew)
    assert run.status().state == "running"
    wait_for_silence(run)
    at(run, "there", heartbeat=time.time() + skew, beat=1)
    assert run.status().state == "running"


def test_the_queue_counts_the_cores_of_its_own_host(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    at(make_run(root), "there", threads=8)
    mine = make_run(root)
    mine.write_status(mine.status().model_copy(update={"state": "queued"}))
    assert queue.advance(root) == [mine]
    assert mine.status().host == "here"
    wait_until(lambda: mine.status().state == "finished", "in time", seconds=120)


def test_a_frozen_trainer_that_was_replaced_ends_without_another_write(root: Path, tmp_path: Path) -> None:
    """Its host freezes; another host waits for a sign of life, takes the run over and finishes it; then the first one thaws."""
    config = tiny({"training.length": "150 steps", "cadence.checkpoint_every": "20 steps", "cadence.log_every": "5 steps"})
    whole, run = runs.create(root, config), runs.create(root, config)
    status = run.status().model_copy(update={"state": "starting", "threads": 1})
    for one in (whole, run):
        one.write_status(status)
    with whole.hold():
        train(whole)
    slowly = {**os.environ, **HERE, "GAN_HOST": "there"}
    resume = command("resume", run.id, "--root", root, "--from-queue")
    with open(tmp_path / "there.txt", "wb") as log:
        frozen = subprocess.Popen(resume, env=slowly, stdout=log, stderr=log)
    wait_until(lambda: checkpoints.steps(run.checkpoints_path) != [], "in time", seconds=120)
    os.kill(frozen.pid, signal.SIGSTOP)
    assert run.status().state == "running" and run.status().host == "there"
    wait_for_silence(run)
    queue.resume(run)
    wait_until(lambda: run.status().host == "here" and run.status().state in ("running", "finished"), "in time", seconds=120)
    wait_until(lambda: run.status().state == "finished", "in time", seconds=120)
    before = {path: path.read_bytes() for path in sorted(run.path.rglob("*")) if path.is_file()}
    os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.wait(60) == 75
    after = {path: path.read_bytes() for path in sorted(run.path.rglob("*")) if path.is_file()}
    assert {path.name for path in after if before.get(path) != after[path]} <= {"log.txt"}
    assert "taken over" in (tmp_path / "there.txt").read_text()
    assert losses(run) == losses(whole)
    assert run.status().generation == 2


def test_a_checkpoint_of_a_replaced_trainer_is_the_last_choice(root: Path) -> None:
    from gan.training import checkpoints as saved

    folder = make_run(root).checkpoints_path
    for step, generation in ((10, 1), (20, 2), (30, 1)):
        saved.save(folder, step, {}, {"generation": generation}, saved.Retention(newest=9))
    found, complaints = saved.load_newest(folder)
    assert found and found.step == 20 and not complaints


def test_taking_away_spares_a_trainer_that_gives_signs(root: Path) -> None:
    run = make_run(root)
    status = at(run, "there")
    run.lease_path.write_text("token=1\n")
    holding.take_away(run, status)
    assert run.lease_path.exists()
    assert run.status().state == "running"
    wait_for_silence(run)
    os.utime(run.lease_path)
    holding.take_away(run, status)
    assert run.lease_path.exists()
    wait_for_silence(run)
    holding.take_away(run, status)
    assert not run.lease_path.exists()


def test_what_another_host_is_writing_stays_whatever_its_clock_says(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def left() -> set[Path]:
        return {*run.path.glob(".*.tmp"), *root.glob(".new-*")}

    run = make_run(root)
    monkeypatch.setenv("GAN_HOST", "there")
    foreign = files.mark()
    made = [run.path / f".status.json.{foreign}.12.abcdef.tmp", root / f".new-20260131-093000-1a2b3c.{foreign}"]
    made[0].touch()
    made[1].mkdir()
    for path in made:
        os.utime(path, (time.time() - 86_400,) * 2)
    monkeypatch.setenv("GAN_HOST", "here")
    run.write_status(run.status())
    make_run(root)
    assert left() == set(made)
    for path in made:
        os.utime(path, (time.time() - 2 * files.FOREIGN,) * 2)
    run.write_status(run.status())
    make_run(root)
    assert left() == set()
