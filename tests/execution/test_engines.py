"""Real engines, where they are installed: a run trained by Ray, and by Slurm, from the command line to its last step; a stop.

Failures in the middle, and more nodes, are in ``python -m benchmarks.many_machines``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import many_machines
from gan import config as configs
from gan import runs
from gan.config import presets
from gan.runs import Run, dispatch
from tests.helpers import command, losses, make_run, tiny, train, wait_until

SHORT = {
    "training.length": "40 steps",
    "training.threads": 1,
    "cadence.checkpoint_every": "20 steps",
    "cadence.log_every": "5 steps",
}


@contextlib.contextmanager
def ray_cluster(folder: Path) -> Iterator[dict[str, str]]:
    utils = pytest.importorskip("ray.cluster_utils")
    try:
        cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 100_000_000})
    except Exception as error:  # no network address, no shared memory
        pytest.skip(f"Ray cannot start a cluster here: {error}")
    try:
        yield {"GAN_RAY_ADDRESS": cluster.address}
    finally:
        cluster.shutdown()


@contextlib.contextmanager
def slurm_cluster(folder: Path) -> Iterator[dict[str, str]]:
    if not shutil.which("slurmctld") or os.name == "nt" or os.geteuid():
        pytest.skip("Slurm's daemons are not installed, or cannot be started without root")
    with many_machines.slurm_cluster(folder):
        if subprocess.run(["sinfo"], capture_output=True, check=False).returncode:
            pytest.skip("Slurm's daemons do not work together here")
        yield {"SLURM_CONF": str(folder / "slurm.conf"), "GAN_ENGINE_MINUTES": "10"}


@pytest.mark.parametrize(("engine", "cluster"), [("ray", ray_cluster), ("slurm", slurm_cluster)])
def test_a_run_trains_at_an_engine_and_is_stopped_there(engine: str, cluster: object, root: Path, tmp_path: Path) -> None:
    alone = make_run(root, SHORT)
    with alone.hold():
        train(alone)
    with cluster(tmp_path / "cluster") as environment:  # type: ignore[operator]
        found = {**os.environ, **environment, "GAN_SPARE": "0"}
        asked = configs.assignments(presets.find("digits-dcgan").config, tiny(dict(SHORT)))
        subprocess.run(command("train", "--preset", "digits-dcgan", *asked, "--on", engine, "--root", root), env=found, check=True)
        run = next(one for one in runs.list_runs(root) if one.id != alone.id)
        assert run.status().engine == engine
        wait_until(lambda: run.status().state in ("finished", "failed"), "the run is trained", seconds=180, every=0.2)
        assert run.status().state == "finished", run.status().message
        assert losses(run) == losses(alone)
        waiting = stop_later(root, engine, asked, found)
        assert waiting.status().state == "stopped"


def stop_later(root: Path, engine: str, asked: list[str], environment: dict[str, str]) -> Run:
    """Send a long run of two processes, stop it once it has begun, and return it when the engine has nothing of it left."""
    known = {run.id for run in runs.list_runs(root)}
    long = [*asked, "--set", "training.processes=2", "--steps", "1000000"]
    subprocess.run(command("train", "--preset", "digits-dcgan", *long, "--on", engine, "--root", root), env=environment, check=True)
    run = next(one for one in runs.list_runs(root) if one.id not in known)
    wait_until(lambda: run.status().state == "running" and run.status().step > 5, "the long run trains", seconds=180, every=0.2)
    assert run.status().processes == 2
    run.write_control(stop=True)
    wait_until(lambda: dispatch.job(run).state == "ended", "its job has ended", seconds=120, every=0.2)
    return run
