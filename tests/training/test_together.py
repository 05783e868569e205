"""One training on several processes: the losses of a single one, exact resumption, and no process left over when one dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from gan import config as configs
from gan import runs
from gan.execution import queue
from gan.runs import Run, changes
from gan.training import checkpoints
from tests import nursery
from tests.execution import quick
from tests.helpers import environment, is_sentence, losses, make_run, start_quickly, tiny, train, trainers, wait_until

pytestmark = pytest.mark.skipif(not nursery.is_available, reason="starts its processes with fork")

TWO = {"training.processes": 2}
ENDLESS = {**TWO, "training.length": "100000 steps", "cadence.log_every": "20 steps", "cadence.checkpoint_every": "20 steps"}
#: What each process draws for itself.
RANDOM = {
    "networks.generator_dropout": 0.2,
    "networks.discriminator_dropout": 0.2,
    "augmentation.policies": "cutout",
    "augmentation.instance_noise": 0.1,
    "data.flips": True,
}


#: In the eighth step.
DEATH: nursery.Death = ("gan.training.dealer", "draw_latents", 8, "after")


def start(run: Run, others: dict[str, str] | None = None, dying: int | None = None) -> list[nursery.Child]:
    """Start both processes of a run as torchrun would; ``others``: more environment of the second; ``dying``: rank of one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    found = []
    for rank in "01":
        death = DEATH if rank == str(dying) else None
        known = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        known |= {"TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo", **(others or {} if rank == "1" else {})}
        arguments = ["resume", run.id, "--from-queue"]
        found.append(nursery.start(arguments, environment(run.root, known), run.log_path, run.log_path, death))
    return found


def play(run: Run) -> None:
    """Train a run to its end with two processes."""
    assert [one.wait() for one in start(run)] == [0, 0], run.log_tail()
    assert run.status().state == "finished" and run.status().processes == 2


def difference(one: Run, other: Run) -> float:
    """Return the largest relative difference of any logged value of two runs."""
    found, wanted = losses(one), losses(other)
    assert len(found) == len(wanted) == 20
    pairs = [
        (float(found[step][name]), float(value))
        for step, line in wanted.items()
        for name, value in line.items()
        if name not in ("step", "epoch", "images_seen") and value is not None and float(value)
    ]
    return max(abs(left - right) / abs(right) for left, right in pairs)


@pytest.mark.parametrize(
    ("family", "more", "limit"),
    [
        ("mlp", {"networks.discriminator_norm": "spectral", "objective.r1": 1.0, "optimizer.gradient_clip": 1.0}, 1e-6),
        ("mlp", {"objective.loss": "relativistic", "networks.packing": 2, "optimizer.discriminator_steps": 2}, 1e-6),
        ("dcgan", {"networks.generator_norm": "batch", "networks.discriminator_norm": "batch", "data.flips": True}, 1e-5),
        ("keras-dcgan", {"networks.discriminator_dropout": 0.0, "optimizer.algorithm": "keras-adam"}, 1e-5),
    ],
    ids=["mlp", "pairs", "batch norm", "keras"],
)
def test_two_processes_have_the_losses_of_one(
    family: str, more: dict[str, Any], limit: float, root: Path, one_thread: None
) -> None:
    config = configs.replace(tiny(family="mlp" if family == "mlp" else "dcgan"), {"networks.family": family})
    config = configs.replace(config, {"training.length": "20 steps", **more})
    alone, pair = (runs.create(root, configs.replace(config, both), state="starting", threads=1) for both in ({}, TWO))
    for run in (alone, pair):
        changes.ask(run, {"optimizer.generator_lr": 5e-4}, who="Ada", step=7)
    assert train(alone).state == "finished"
    play(pair)
    found = difference(pair, alone)
    print(f"largest relative difference: {found:.2g}")
    assert found <= limit
    assert [one.step for one in changes.applied(pair)] == [7]
    left, right = (checkpoints.load(run.checkpoints_path, 20).tensors for run in (pair, alone))
    assert set(left) - set(right) == {"random/1/torch"}, "the names of weights and statistics are the same"
    for name, tensor in right.items():
        if tensor.is_floating_point():
            assert left[name].allclose(tensor, rtol=1e-3, atol=1e-6), name


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a finished run of two processes that draw at random."""
    run = make_run(tmp_path_factory.mktemp("pair"), {**TWO, **RANDOM})
    play(run)
    return run


@pytest.mark.parametrize("killed", [0, 1])
def test_killed_process_ends_the_other_and_the_run_goes_on_exactly(killed: int, undisturbed: Run, root: Path) -> None:
    """One process dies in the middle of step 8, after the checkpoint of step 5."""
    run = make_run(root, {**TWO, **RANDOM})
    pair = start(run, dying=killed)
    assert pair[killed].wait() == -signal.SIGKILL
    assert pair[1 - killed].wait() == (75 if killed else 1), "the other one has noticed"
    assert run.status().state == "interrupted" and checkpoints.steps(run.checkpoints_path) == [5]
    play(run)
    assert losses(run) == losses(undisturbed)
    ended, wanted = (checkpoints.load(one.checkpoints_path, 12).tensors for one in (run, undisturbed))
    assert all(bool((ended[name] == tensor).all()) for name, tensor in wanted.items())
    states = [wanted[name] for name in ("random/torch", "random/1/torch")]
    assert not bool((states[0] == states[1]).all()), "each process draws for itself"


def test_other_number_of_processes_is_refused_in_a_sentence(undisturbed: Run, root: Path) -> None:
    run = make_run(root, TWO)
    status = train(run)
    assert status.state == "failed" and is_sentence(status.message)
    assert "training.processes is 2, but 1 process started" in status.message
    content = json.loads(undisturbed.config_path.read_text())
    content["training"]["processes"] = 1
    shutil.copytree(undisturbed.path, run.path, dirs_exist_ok=True)
    run.config_path.write_text(json.dumps(content))
    status = train(run)
    assert status.state == "failed" and is_sentence(status.message)
    assert "holds the random states of 2 processes, but training.processes is 1" in status.message
    assert checkpoints.steps(run.checkpoints_path) == checkpoints.steps(undisturbed.checkpoints_path)


def test_process_that_cannot_go_on_says_why(root: Path, tmp_path: Path) -> None:
    """The second process finds no place for its data."""
    (tmp_path / "file").write_text("")
    run = make_run(root, TWO)
    pair = start(run, {"GAN_DATA": str(tmp_path / "file" / "data")})
    assert [one.wait() for one in pair] == [1, 1]
    status = run.status()
    assert status.state == "failed" and is_sentence(status.message) and "data" in status.message


def test_torchrun_trains_stops_and_loses_a_process(root: Path, tmp_path: Path) -> None:
    """The real command: stopped by a signal with a checkpoint, resumed by the queue, and one of its processes killed."""
    run = make_run(root, ENDLESS, family="mlp", state="stopped")
    printed = tmp_path / "printed.txt"
    command = start_quickly("resume", run.id, root=root, log=printed)
    wait_until(lambda: run.status().step >= 20, "the run trains")
    os.kill(command.pid, signal.SIGINT)
    assert command.wait(60) == 0, printed.read_text()
    *_, last = printed.read_text().splitlines()
    assert last.startswith("Stopped at step"), "torchrun adds nothing"
    assert "torch" not in printed.read_text()
    status = run.status()
    assert status.state == "stopped" and checkpoints.steps(run.checkpoints_path)[-1] == status.step
    assert not trainers(root)

    with quick.trainers() as started:
        queue.resume(run)
        wait_until(lambda: run.status().step >= status.step + 20, "the queue trains the run")
        found = ranks(root)
        assert set(found) == {"0", "1"}
        found["1"].kill()
        assert started.of(run).wait(60) == 1
    wait_until(lambda: not trainers(root), "all processes have ended")
    assert run.status().state == "interrupted"
    assert "Another of the 2 processes has ended" in run.log_tail()


def ranks(root: Path) -> dict[str, psutil.Process]:
    """Return the processes that torchrun has started, by rank."""
    found = {}
    for process in trainers(root):
        if rank := process.environ().get("RANK"):
            found[rank] = process
    return found
