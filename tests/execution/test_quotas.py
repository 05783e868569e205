"""The limits of a class at each way to launch a run, counted exactly, and the end of a training that takes too long."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gan import runs
from gan.access import limits
from gan.access.limits import Limits
from gan.access.people import Person, acting
from gan.config import RunConfig
from gan.errors import InputError
from gan.execution import forking, queue, quotas, speeds, steering
from gan.execution.speeds import keep
from gan.judging.rewind import Rewind
from gan.runs import Run, Status, changes
from gan.sweeps import launched
from gan.sweeps import plan as plans
from tests.execution.test_queue import ENDLESS, refusal, wait_for
from tests.helpers import TINY_MLP, make_run, tiny, train, wait_until

ANN, BO = Person(id="ann", name="Ann"), Person(id="bo", name="Bo")
MLP = {"base": "digits-mlp", "set": TINY_MLP, "name": "S"}


@pytest.fixture(autouse=True)
def few(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a student have two runs waiting; the one core is taken."""
    monkeypatch.setenv("GAN_CORES", "1")
    make_run(root).write_status(Status(state="starting", threads=1, heartbeat=time.time() + 25))
    limits.write(root, Limits(waiting=2))


@pytest.fixture
def trained(root: Path) -> Run:
    """Return an ended run of Ann with checkpoints, one of them before a change."""
    with acting(ANN):
        run = make_run(root, {"training.length": "20 steps", "cadence.checkpoint_room": 10}, family="mlp")
        changes.store(run, changes.planned(run.config(), [(8, {"objective.r1": 1.0})]))
        train(run)
    return run


def waiting(root: Path) -> int:
    return len(queue.waiting_runs(root))


def refused(*asked: Any, **options: Any) -> str:
    """Return the sentence with which Ann's request is refused; it changes nothing."""
    action, *arguments = asked
    root = next(one if isinstance(one, Path) else one.root for one in arguments if isinstance(one, Path | Run | launched.Sweep))
    before = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    with acting(ANN), pytest.raises(InputError) as caught:
        action(*arguments, **options)
    assert sorted(path.name for path in root.iterdir() if not path.name.startswith(".")) == before
    return refusal(caught)


def test_every_way_to_a_waiting_run_is_limited(root: Path, trained: Run) -> None:
    sweep_of = [plans.parse(MLP | {"axes": {"networks.hidden": sizes}}) for sizes in ([8, 12], [8])]
    assert "and this would make 3; ask for fewer." in refused(steering.launch_sweep, root, sweep_of[0])
    assert not list((root / "sweeps").glob("*.json"))
    with acting(ANN):
        queue.launch(root, tiny())
    back = Rewind(10, "", "", {"optimizer.generator_lr": 1e-4})
    assert "with the 1 that you have this would make 3; wait until" in refused(forking.rewind, trained, back)
    with acting(ANN):
        forking.fork(trained, 15, {})
    assert waiting(root) == 2
    for asked in (
        (queue.launch, root, tiny()),
        (queue.extend, trained, 1),
        (queue.resume, trained, trained.config().training.length.model_copy(update={"count": 99})),
        (forking.fork, trained, 15, {}),
        (forking.undo, trained, changes.applied(trained)[0]),
        (forking.rewind, trained, back),
        (steering.launch_sweep, root, sweep_of[1]),
    ):
        assert "2 waiting runs a student, and with the 2 that you have" in refused(*asked)
    with acting(BO):
        queue.launch(root, tiny())
    queue.launch(root, tiny())
    queue.extend(trained, 1)
    assert waiting(root) == 5, "others, and the teacher, are not held up"


def test_runs_of_a_sweep_count_even_before_they_are_made_and_while_it_is_paused(root: Path) -> None:
    with acting(ANN):
        sweep = launched.create(root, plans.parse(MLP | {"axes": {"networks.hidden": [8]}}))
        assert quotas.waiting(root, ANN) == 2
        assert "2 that you have" in refused(queue.launch, root, tiny())
        launched.complete(sweep)
        steering.pause(sweep)
        assert quotas.waiting(root, ANN) == 2
        assert "2 that you have" in refused(queue.launch, root, tiny())
        steering.cancel(sweep)
        queue.launch(root, tiny())
    assert "with the 1 that you have this would make 3; wait until" in refused(steering.retry, sweep, ("stopped",))
    assert steering.retry(sweep, ("stopped",)) == 2, "by the teacher"


def test_sixty_at_once_do_not_pass_the_limit(root: Path) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(60)

    def press(person: Person) -> None:
        start.wait()
        with acting(person):
            try:
                outcomes.append(queue.launch(root, tiny()).owner().id)
            except InputError as error:
                outcomes.append(str(error).partition(" 2 ")[0])

    threads = [threading.Thread(target=press, args=(person,)) for person in (ANN, BO) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one: outcomes.count(one) for one in outcomes} == {"ann": 2, "bo": 2, "The limit of this class is": 56}
    assert waiting(root) == 4


def known(root: Path, config: RunConfig, seconds: float) -> None:
    """Store a speed with which a training takes so many seconds."""
    keep(root, config, config.total_steps * config.optimizer.images_per_step / seconds, 1, "fp32")


def test_expected_minutes_are_limited(root: Path, trained: Run) -> None:
    limits.write(root, Limits(minutes=2))
    config = tiny({"training.length": "100 steps"})
    with acting(ANN):
        unknown = queue.launch(root, config)
    queue.stop(unknown)
    known(root, config, 119)
    with acting(ANN):
        queue.stop(queue.launch(root, config))
    known(root, config, 121)
    assert "2 minutes of training a run, and this one would take about 2 min 1 s" in refused(queue.launch, root, config)
    assert queue.launch(root, config).owner().is_teacher
    sweep = plans.parse({"base": config.model_dump(mode="json"), "axes": {"optimizer.generator_lr": [1e-3]}, "name": "S"})
    assert "this one would take about 2 min 1 s" in refused(steering.launch_sweep, root, sweep)

    # A run that goes on is judged by its own speed, and with all that it has trained; a fork begins anew.
    status = trained.status()
    trained.write_status(status.model_copy(update={"seconds": 60.0, "step": 20, "changed_step": 0, "changed_seconds": 0.0}))
    per_epoch = trained.config().steps_per_epoch
    with acting(ANN):
        assert "this one would take about" in refused(queue.extend, trained, 1 + 20 // per_epoch)
        known(root, trained.config(), 119)
        child = forking.fork(trained, 15, {"training.length": "30 steps"})
    origin = child.origin()
    assert origin and 0 < origin.seconds == child.status().seconds
    assert quotas.own_seconds(child, child.status().seconds) == 0
    known(root, child.config(), 250)
    assert "2 min 5 s" in refused(forking.fork, trained, 15, {"training.length": "30 steps"})


def test_disk_space_of_all_runs_is_limited(root: Path, trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "_TRUST", 0.0)
    limits.write(root, Limits(megabytes=5))
    with acting(ANN):
        queue.stop(queue.launch(root, tiny()))
    (trained.path / "large").write_bytes(bytes(5_000_000))
    sentence = refused(queue.launch, root, tiny())
    assert "5 MB for all runs and guests of a student, yours take 6 MB" in sentence and "delete runs" in sentence
    with acting(BO):
        queue.launch(root, tiny())
    with acting(ANN):
        runs.delete(trained)
        queue.launch(root, tiny())


def test_a_run_that_is_too_large_alone_does_not_blame_other_runs(root: Path) -> None:
    player = {"parameters": 1_000_000}
    speeds.keep_layers(root, tiny(), {"generator": player, "discriminator": player, "memory": 0, "batch_size": 1})
    limits.write(root, Limits(megabytes=1))
    sentence = refused(queue.launch, root, tiny())
    assert "1 MB for all runs and guests of a student, and this would need about" in sentence
    assert "choose smaller networks" in sentence and "yours" not in sentence and "delete" not in sentence


def test_runs_that_wait_reserve_their_space(root: Path) -> None:
    player = {"parameters": 100_000}
    speeds.keep_layers(root, tiny(), {"generator": player, "discriminator": player, "memory": 0, "batch_size": 1})
    limits.write(root, Limits(megabytes=12, waiting=9))
    with acting(ANN):
        queue.launch(root, tiny())
    assert "would need about 8 MB more" in refused(queue.launch, root, tiny())


def test_sizes_are_summed_up_once(root: Path, trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Run] = []
    monkeypatch.setattr(runs, "size", lambda run: looked.append(run) or 1)
    quotas._sizes.clear()
    with acting(ANN):
        for _ in range(2):
            queue.stop(queue.launch(root, tiny()))
    assert looked.count(trained) == 1


def test_a_training_ends_at_the_limit_with_a_checkpoint(root: Path, quickly: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for run in runs.list_runs(root):
        run.write_status(Status(state="stopped"))
    limits.write(root, Limits(minutes=0.005))
    with acting(ANN):
        run = queue.launch(root, tiny(ENDLESS | {"cadence.checkpoint_every": "100000 steps"}))
    status = wait_for(run, "stopped", "failed")
    assert status.message.startswith("Stopped at the limit of this class, 0.005 minutes of training a run; fork the run")
    assert status.state == "stopped" and status.seconds >= 0.3 and run.has_checkpoint

    # The teacher's word counts more; the student's next fork has as many minutes again.
    queue.resume(run)
    wait_until(lambda: run.status().state == "running" and run.status().seconds > status.seconds + 1, "it goes on")
    queue.stop(run)
    assert "resume it" in wait_for(run, "stopped").message
    with acting(ANN):
        assert "minutes of training a run" in refused(queue.extend, run, 1)
        child = forking.fork(run, status.step, {})
    ended = wait_for(child, "stopped", "failed")
    assert "limit of this class" in ended.message and ended.step > status.step
