"""The queue: starting order, threads per run, and runs whose process has died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan import machine, runs
from gan.config.fields import Span
from gan.errors import InputError
from gan.execution import ahead, processes, queue, requests, silent
from gan.runs import Run, Status, checkpoints, index
from tests.execution import quick
from tests.helpers import (
    PROJECT,
    advance_at_once,
    environment,
    is_sentence,
    make_run,
    run_gan,
    tiny,
    trainer_of,
    trainers,
    wait_until,
)

ENDLESS = {"training.length": "1000000 steps", "cadence.checkpoint_every": "20 steps"}


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the queue hand out one core."""
    monkeypatch.setenv("GAN_CORES", "1")


def queued(root: Path, count: int, changes: dict[str, Any] | None = None, since: float = 1000.0) -> list[Run]:
    """Return waiting runs in queue order, the first of which waits since then."""
    made = [runs.create(root, tiny({"training.threads": 0, **(changes or {})})) for _ in range(count)]
    for place, run in enumerate(made):
        run.write_status(run.status().model_copy(update={"queued_at": since + place}), durable=False)
    return made


def refusal(caught: pytest.ExceptionInfo[InputError]) -> str:
    """Return the message of a refusal, checked to be a sentence."""
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def wait_for(run: Run, *states: str) -> Status:
    """Wait until a run is in one of ``states`` and return its status."""
    return wait_until(
        lambda: (status := run.status()).state in states and status,  # type: ignore[return-value]
        f"the run is {' or '.join(states)}; it is {run.status()}, and its log says: {run.log_tail()}",
    )


# Starting order


def test_first_come_first_served(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "2")
    made = queued(root, 5)
    assert queue.waiting_runs(root) == made
    assert queue.advance(root) == made[:2]
    assert spawned == [run.id for run in made[:2]]
    assert queue.waiting_runs(root) == made[2:]
    assert queue.advance(root) == []
    made[1].write_status(Status(state="finished"))
    assert queue.advance(root) == [made[2]]


SHARES = [
    (1, 1, [1]),
    (2, 1, [1]),
    (2, 2, [1, 1]),
    (2, 4, [1, 1]),
    (4, 1, [2]),
    (4, 2, [2, 2]),
    (4, 3, [1, 1, 2]),
    (5, 2, [2, 2]),
    (8, 1, [4]),
    (64, 1, [8]),
    (64, 2, [8, 8]),
]


@pytest.mark.parametrize(("cores", "waiting", "threads"), SHARES)
def test_one_run_gets_at_most_half_of_the_free_cores(
    root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch, cores: int, waiting: int, threads: list[int]
) -> None:
    monkeypatch.setenv("GAN_CORES", str(cores))
    queued(root, waiting)
    assert [run.status().threads for run in queue.advance(root)] == threads


def test_chosen_number_of_threads_is_kept(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "8")
    queued(root, 3, {"training.threads": 3})
    assert [run.status().threads for run in queue.advance(root)] == [3, 3]


def test_resumed_run_keeps_its_number_of_threads(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "2")
    big, small = queued(root, 2)
    big.write_status(Status(state="stopped", threads=4, step=3, total_steps=12))
    assert queue.advance(root) == [small]
    queue.resume(big)
    assert big.status().state == "queued", "four threads do not fit next to the running one"
    small.write_status(Status(state="finished"))
    assert queue.advance(root) == [big], "but they may use the whole machine"
    assert big.status().threads == 4


def test_run_on_several_processes_takes_the_cores_of_all(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "8")
    (pair,) = queued(root, 1, {"training.processes": 2, "training.threads": 3})
    first, second = queued(root, 2, since=2000)
    assert queue.advance(root) == [pair, first, second]
    assert [(run.status().processes, run.status().threads) for run in (pair, first, second)] == [(2, 3), (1, 1), (1, 1)]
    (alone,) = queued(root, 1, {"training.processes": 4})
    for run in (pair, first, second):
        run.write_status(Status(state="finished"))
    assert queue.advance(root) == [alone]
    assert alone.status().threads == 1, "half of the cores, shared by its processes"


def test_trainers_get_the_gpu_with_the_fewest(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "8")
    monkeypatch.setenv("GAN_GPUS", "2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    shown = {"training.device": "auto", "training.threads": 1}
    first, second, third = queued(root, 3, shown)
    (on_cpu,) = queued(root, 1, {"training.device": "cpu"}, since=2000)
    (pair,) = queued(root, 1, {**shown, "training.processes": 2}, since=3000)
    assert queue.advance(root) == [first, second, on_cpu], "the third waits for a GPU, the one without does not"
    assert [run.status().gpu for run in (first, second, on_cpu)] == ["0", "1", ""]
    seen = [trainer_of(run).environ() for run in (first, second, on_cpu)]
    assert [one.get("CUDA_VISIBLE_DEVICES") for one in seen] == ["0", "1", None]
    assert seen[1]["GAN_GPUS"] == "0,1,", "it starts the next runs on any"
    monkeypatch.setenv("GAN_TRAINERS_PER_GPU", "3")
    assert queue.advance(root) == [third, pair]
    assert third.status().gpu == "0" and pair.status().gpu == "1,0"
    assert trainer_of(pair).environ()["CUDA_VISIBLE_DEVICES"] == "1,0"


def test_gpus_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, found in [
        ("GAN_GPUS", "3", ("0", "1", "2")),
        ("GAN_GPUS", "0", ()),
        ("GAN_GPUS", "2,", ("2",)),
        ("CUDA_VISIBLE_DEVICES", "2, 5", ("2", "5")),
        ("CUDA_VISIBLE_DEVICES", "", ()),
    ]:
        monkeypatch.delenv("GAN_GPUS", raising=False)
        monkeypatch.setenv(name, value)
        assert machine.gpus() == found, (name, value)


STATES = st.sampled_from(["queued", "queued", "queued", "running", "starting", "stopped", "finished", "interrupted"])


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Return four runs, whose statuses each example overwrites."""
    return queued(tmp_path_factory.mktemp("four"), 4)


@given(st.integers(1, 6), st.lists(st.tuples(STATES, st.integers(0, 4)), min_size=4, max_size=4))
def test_cores_are_never_promised_twice(four: list[Run], cores: int, states: list[tuple[Any, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_CORES", str(cores))
        patch.setattr(processes, "spawn", lambda *arguments, **options: None)
        patch.setattr(Run, "is_held", lambda run: run.status_path.read_text().find('"running"') >= 0)
        for place, (run, (state, threads)) in enumerate(zip(four, states, strict=True)):
            status = Status(state=state, threads=threads, queued_at=place, heartbeat=time.time(), total_steps=12)
            run.write_status(status, durable=False)
        busy = sum(max(1, threads) for state, threads in states if state in ("running", "starting"))
        waiting = queue.waiting_runs(four[0].root)
        started = queue.advance(four[0].root)
        assert started == waiting[: len(started)], "runs start in queue order"
        handed_out = sum(run.status().threads for run in started)
        assert all(run.status().threads >= 1 for run in started)
        assert not started or busy + handed_out <= cores or (busy == 0 and len(started) == 1)
        if waiting and busy == 0:
            assert started, "a free machine starts something"


def test_concurrent_advances_start_each_run_once(root: Path) -> None:
    made = queued(root, 12)
    started = advance_at_once(root, 4)
    assert sorted(started) == sorted(run.id for run in made)


def test_a_launch_leaves_its_run_to_a_thread_that_is_about_to_start_runs(
    root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_CORES", "2")
    (first,) = queued(root, 1)
    with queue.queue_lock(root):
        other = Thread(target=queue.advance, args=(root,))
        other.start()
        wait_until(lambda: queue._awaiting, "the other thread waits for the lock")
        second = queue.launch(root, tiny())  # does not wait, although the lock is taken
        assert not spawned
    other.join()
    assert spawned == [first.id, second.id]
    assert not queue._awaiting


def test_runs_that_ended_at_an_engine_do_not_wait(root: Path) -> None:
    (waiting,) = queued(root, 1)
    for state in ("finished", "stopped", "failed"):
        runs.create(root, tiny(), state="starting").write_status(Status(state=state, engine="slurm"))
    assert queue.waiting_runs(root) == [waiting] and len(index.read(root).going) == 4
    assert set(ahead.reasons(root).values()) == {"place 1 of 1 in the queue"}


def test_a_run_taken_out_by_a_process_that_could_not_announce_it_is_not_started(root: Path, spawned: list[str]) -> None:
    made = queued(root, 2)
    with index.read_once(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "forget", lambda: None)
        index.read(root)  # which then stays as it is, as for a run at rest
        made[0].write_status(Status(state="stopped"))
        assert queue.advance(root) == [made[1]]
    assert spawned == [made[1].id]


def test_cores_come_from_the_environment_or_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "7")
    assert machine.cores() == 7
    for nonsense in ("", "0", "-2", "many", "1.5", "²"):
        monkeypatch.setenv("GAN_CORES", nonsense)
        assert machine.cores() >= 1
    monkeypatch.delenv("GAN_CORES")
    assert machine.cores() >= 1


# Real trainers


@pytest.mark.usefixtures("one_core")
def test_more_launches_than_cores_wait_their_turn(root: Path) -> None:
    made = [queue.launch(root, tiny(), name) for name in ("first", "second", "third")]
    assert [run.status().state for run in made] == ["starting", "queued", "queued"]
    queue.stop(made[1])
    assert made[1].status().state == "stopped"
    assert is_sentence(made[1].status().message)
    first, third = wait_for(made[0], "finished", "failed"), wait_for(made[2], "finished", "failed")
    assert (first.state, third.state) == ("finished", "finished")
    assert (first.step, first.threads) == (12, 1)
    assert first.heartbeat <= made[2].reals_path.stat().st_mtime, "the third began before the first had ended"
    assert made[1].status().state == "stopped"
    assert not made[1].metrics_path.exists()
    with pytest.raises(InputError) as caught:
        queue.stop(made[1])
    assert "not under way" in refusal(caught)


@pytest.mark.usefixtures("one_core", "quickly")
def test_stopped_run_goes_on_to_its_end_and_beyond(root: Path) -> None:
    run = queue.launch(root, tiny(ENDLESS))
    wait_until(run.metrics, "the first line is logged")
    with pytest.raises(InputError) as caught:
        queue.resume(run)
    assert "already under way" in refusal(caught)
    queue.stop(run)
    stopped = wait_for(run, "stopped", "failed")
    assert stopped.state == "stopped"

    with pytest.raises(InputError) as caught:
        queue.resume(run, Span(count=stopped.step, unit="steps"))
    assert "ask for more" in refusal(caught)

    goal = stopped.step + 7
    queue.resume(run, Span(count=goal, unit="steps"))
    finished = wait_for(run, "finished", "failed")
    assert (finished.state, finished.step, finished.total_steps) == ("finished", goal, goal)
    assert [line["step"] for line in run.metrics()] == list(range(1, goal + 1))
    with pytest.raises(InputError) as caught:
        queue.resume(run)
    assert "ask for more" in refusal(caught)

    queue.resume(run, Span(count=goal + 3, unit="steps"))
    assert wait_for(run, "finished", "failed").step == goal + 3


@pytest.mark.usefixtures("one_core")
def test_killed_trainer_shows_as_interrupted_and_the_queue_goes_on(root: Path) -> None:
    victim = queue.launch(root, tiny(ENDLESS))
    after = queue.launch(root, tiny())
    wait_until(victim.metrics, "the first line is logged")
    assert victim.status().state == "running"
    assert after.status().state == "queued"
    assert queue.advance(root) == []
    process = trainer_of(victim)
    assert os.getpgid(process.pid) != os.getpgid(0), "a Ctrl-C in the terminal of the server would reach the trainer"
    process.kill()
    status = wait_for(victim, "interrupted")
    assert is_sentence(status.message)
    assert "resume" in status.message
    assert queue.advance(root) == [after]
    assert wait_for(after, "finished", "failed").state == "finished"


@pytest.mark.usefixtures("one_core")
def test_killed_launcher_leaves_the_trainer_running_to_its_end(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gan.execution import queue; from tests.helpers import tiny\n"
        "print(queue.launch(Path(sys.argv[1]), tiny({'training.length': '60 steps'})).id, flush=True); sys.stdin.readline()"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(root)],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    run = runs.find(root, server.stdout.readline().strip())
    server.kill()
    server.communicate()
    assert run.status().state in ("starting", "running")
    assert wait_for(run, "finished", "failed").state == "finished"
    assert run.status().step == 60


@pytest.mark.usefixtures("one_core", "quickly")
def test_run_killed_after_its_last_step_can_still_be_finished(root: Path) -> None:
    """The last heartbeat may say "step 12 of 12, running"; resuming must not answer that the training is complete."""
    run = make_run(root)
    assert run_gan("resume", run.id, "--from-queue", root=root).returncode == 0
    run.write_status(run.status().model_copy(update={"state": "running"}))
    assert run.status().state == "interrupted"
    queue.resume(run)
    assert wait_for(run, "finished", "failed").state == "finished"


@pytest.mark.usefixtures("one_core", "quickly")
def test_stop_before_the_first_step_is_obeyed(root: Path) -> None:
    run = queue.launch(root, tiny(ENDLESS))
    queue.stop(run)
    status = wait_for(run, "stopped", "failed")
    assert status.state == "stopped"
    assert status.step >= 1


def test_trainer_that_does_not_answer_a_stop_is_ended(root: Path, quickly: quick.Trainers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspended process stands for one in the middle of a step that takes minutes."""
    run = queue.launch(root, tiny(ENDLESS))
    wait_until(lambda: run.has_checkpoint, "a checkpoint is there")
    os.kill(quickly.of(run).pid, signal.SIGSTOP)
    queue.stop(run)
    queue.advance(root)
    assert run.status().state == "running", "it has some time to answer"
    monkeypatch.setattr(silent, "STOP_GRACE", 0.5)
    wait_until(lambda: queue.advance(root) or run.status().state == "stopped", "it is ended", every=0.1)
    assert quickly.of(run).wait() == -signal.SIGKILL
    status = run.status()
    step = checkpoints.steps(run.checkpoints_path)[-1]
    assert is_sentence(status.message)
    assert f"step {step} is kept" in status.message
    run.write_control(length=Span(count=step + 40))
    queue.resume(run)
    assert wait_for(run, "finished", "failed").step == step + 40


def test_answering_trainer_is_left_to_save_its_last_step(root: Path, quickly: quick.Trainers) -> None:
    run = queue.launch(root, tiny({**ENDLESS, "cadence.checkpoint_every": "100000 steps"}))
    wait_until(lambda: run.status().step > 20, "the training is under way")
    queue.stop(run)
    queue.advance(root)
    assert wait_for(run, "stopped").step == checkpoints.steps(run.checkpoints_path)[-1]


# Runs that cannot be started


@pytest.mark.usefixtures("one_core")
def test_damaged_run_fails_with_a_sentence_and_the_next_one_starts(root: Path, spawned: list[str]) -> None:
    broken, sound = queued(root, 2)
    broken.config_path.write_bytes(b"{")
    assert queue.advance(root) == [sound]
    status = broken.status()
    assert status.state == "failed"
    assert is_sentence(status.message)
    assert "config.json" in status.message
    with pytest.raises(InputError) as caught:
        queue.resume(broken)
    assert "config.json" in refusal(caught)


@pytest.mark.usefixtures("one_core")
def test_resumed_run_whose_config_was_damaged_meanwhile_fails_with_a_sentence(root: Path, spawned: list[str]) -> None:
    broken, sound = queued(root, 2)
    broken.write_status(Status(state="stopped", threads=1, step=3, total_steps=12))
    queue.advance(root)
    queue.resume(broken)
    broken.config_path.write_bytes(b"{")
    sound.write_status(Status(state="finished"))
    assert queue.advance(root) == []
    assert broken.status().state == "failed"
    assert "config.json" in broken.status().message


@pytest.mark.usefixtures("one_core")
def test_trainer_that_cannot_be_started_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(root / "no python"))
    run = queue.launch(root, tiny())
    assert run.status().state == "failed"
    assert is_sentence(run.status().message)
    assert "starting the trainer" in run.status().message.lower()


@pytest.mark.usefixtures("one_core")
def test_trainer_that_ends_at_once_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    run = queue.launch(root, tiny())
    status = wait_for(run, "interrupted")
    assert is_sentence(status.message)
    assert "did not start" in status.message
    queue.resume(run)
    assert run.status().state in ("starting", "interrupted")


def test_scoring_of_nothing_starts_nothing(root: Path) -> None:
    requests.score([])
    assert trainers(root) == []


def test_run_that_is_being_scored_is_not_scored_again(root: Path, spawned: list[str]) -> None:
    run = make_run(root, state="finished")
    requests.score([run])
    assert spawned == [run.id]
    assert run.scoring().state == "running"
    with pytest.raises(InputError) as caught:
        requests.score([run])
    assert "already being scored" in refusal(caught)
