"""Runs sent to an engine: sent once, followed, sent again when their job is lost, cancelled, scored, and taken elsewhere.

The engine of these tests starts the commands it is given as processes, as a node of a cluster does.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from gan import runs
from gan.access import people
from gan.access.people import Person
from gan.errors import InputError
from gan.execution import ahead, dispatching, queue, requests
from gan.execution.dispatcher import Dispatcher
from gan.execution.executors import engines
from gan.execution.executors.engine import NOT_SHARED, EngineAway, Refused, Seen, Task
from gan.runs import Run, dispatch
from tests import nursery
from tests.helpers import is_sentence, losses, make_run, run_gan, start_quickly, tiny, wait_until

pytestmark = pytest.mark.usefixtures("quickly")

SHORT = {
    "training.length": "60 steps",
    "training.threads": 1,
    "cadence.checkpoint_every": "10 steps",
    "cadence.log_every": "5 steps",
}
LONG = SHORT | {"training.length": "100000 steps"}


Process = nursery.Child | subprocess.Popen[bytes]


class Node:
    """An engine with ``places`` for jobs, which may be away, or refuse jobs."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[Task, Process | None]] = {}
        self.places, self.away, self.refusal, self.code = 9, "", "", 0
        self.cancelled: list[str] = []

    def submit(self, task: Task) -> str:
        if self.refusal:
            raise Refused(self.refusal)
        job = str(len(self.jobs) + 1)
        self.jobs[job] = task, None
        return job

    def look(self, ids: Sequence[str]) -> dict[str, Seen]:
        if self.away:
            raise EngineAway(self.away)
        found = {}
        for job in ids:
            if job not in self.jobs:
                continue
            task, process = self.jobs[job]
            if self.code:
                found[job] = Seen("ended", "n1", "", self.code)
            elif job in self.cancelled:
                found[job] = Seen("ended")
            elif process is None and self.places:
                self.places -= 1
                self.jobs[job] = task, start_quickly(*task.arguments, root=task.folder.parent, log=task.log)
                found[job] = Seen("running", "n1")
            elif process is None:
                found[job] = Seen("waiting", "", "Resources")
            else:
                found[job] = Seen("running", "n1") if process.poll() is None else Seen("ended", "n1", "", process.returncode)
        return found

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)

    def processes(self) -> list[Process]:
        return [process for _, process in self.jobs.values() if process]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node()
    monkeypatch.setattr(engines, "lacking", lambda name: "")
    monkeypatch.setattr(engines, "open_engine", lambda name: made)
    monkeypatch.setattr(dispatching, "ensure", lambda root, every: None)  # these tests are the dispatcher
    yield made  # type: ignore[misc]
    for process in made.processes():
        process.kill()
        process.wait()


def launch(root: Path, changes: dict[str, object] = SHORT) -> Run:
    return queue.launch(root, tiny(dict(changes)), engine="slurm")


def look_until(root: Path, run: Run, state: str) -> None:
    dispatcher = Dispatcher(root)

    def reached() -> bool:
        dispatcher.look()
        return run.status().state == state

    wait_until(reached, "in time", seconds=120)


def test_a_run_is_trained_by_its_engine_and_by_nobody_else(root: Path, node: Node) -> None:
    run, here = launch(root), queue.launch(root, tiny(dict(SHORT)))
    wait_until(lambda: here.status().state == "finished", "in time", seconds=120)
    assert run.status().state == "queued" and not node.jobs
    look_until(root, run, "finished")
    assert len(node.jobs) == 1 and run.status().engine == "slurm"
    assert losses(run) == losses(here)
    wait_until(lambda: node.processes()[0].poll() is not None, "in time")
    wait_until(lambda: not Dispatcher(root).look(), "nothing left to do")


def test_what_a_waiting_run_waits_for_is_said(root: Path, node: Node) -> None:
    run = launch(root)
    assert is_sentence(ahead.reasons(root)[run.id])
    node.places = 0
    dispatcher = Dispatcher(root)
    dispatcher.look()
    dispatcher.look()
    assert "Waiting for a place on Slurm (Resources)" in ahead.reasons(root)[run.id]
    assert run not in queue.waiting_runs(root)
    node.away = "Unable to contact slurm controller"
    dispatcher.look()
    assert "cannot be reached" in run.status().message and is_sentence(run.status().message)


def test_a_lost_job_is_sent_again_and_goes_on_exactly(root: Path, node: Node) -> None:
    whole, run = (
        queue.launch(root, tiny(SHORT | {"training.length": "150 steps"})),
        launch(root, SHORT | {"training.length": "150 steps"}),
    )
    wait_until(lambda: whole.status().state == "finished", "in time", seconds=120)
    dispatcher = Dispatcher(root)

    def has_begun() -> bool:
        dispatcher.look()
        return bool(run.status().step >= 30)

    wait_until(has_begun, "in time", seconds=120)
    node.processes()[0].kill()
    node.processes()[0].wait()
    assert run.status().state == "queued", "never interrupted: its engine is to start it again"
    assert is_sentence(run.status().message)
    look_until(root, run, "finished")
    assert len(node.jobs) == 2 and run.status().generation == 2
    assert losses(run) == losses(whole)


def test_a_dispatcher_that_was_killed_is_followed_by_one_that_finds_all(root: Path, node: Node) -> None:
    chosen = [launch(root) for _ in range(2)]
    Dispatcher(root).look()
    for run in chosen:
        look_until(root, run, "finished")
    assert len(node.jobs) == 2


def test_a_job_that_always_ends_at_once_is_given_up(root: Path, node: Node) -> None:
    run = launch(root)
    node.code = 1
    look_until(root, run, "failed")
    assert len(node.jobs) == queue.MOST_RESTARTS + 1 and is_sentence(run.status().message)
    queue.resume(run)
    node.code = 0
    look_until(root, run, "finished")


def test_a_node_without_the_folder_and_a_refused_job_are_said(root: Path, node: Node) -> None:
    lost, refused = launch(root), None
    node.code = NOT_SHARED
    look_until(root, lost, "failed")
    assert "does not see" in lost.status().message and is_sentence(lost.status().message)
    queue.resume(lost)  # somebody shares the folder; the engine still knows how the first job ended
    Dispatcher(root).look()
    assert lost.status().state == "queued" and len(node.jobs) == 2
    node.code, node.refusal = 0, "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
    refused = launch(root)
    look_until(root, refused, "failed")
    assert "QOS" in refused.status().message and is_sentence(refused.status().message)


def test_stopping_reaches_jobs_that_wait_and_jobs_that_run(root: Path, node: Node) -> None:
    running = launch(root, LONG)
    look_until(root, running, "running")
    node.places = 0
    waiting = launch(root, LONG)
    dispatcher = Dispatcher(root)
    dispatcher.look()
    dispatcher.look()
    for run in (waiting, running):
        queue.stop(run)
    look_until(root, running, "stopped")
    look_until(root, waiting, "stopped")
    dispatcher.look()
    assert node.cancelled == [dispatch.job(waiting).id]
    wait_until(lambda: node.processes()[0].poll() == 0, "in time")


def test_a_run_whose_engine_is_away_can_go_on_here(root: Path, node: Node) -> None:
    run = launch(root)
    node.places = 0
    Dispatcher(root).look()
    queue.stop(run)
    node.away = "gone"
    queue.resume(run, engine="local")
    wait_until(lambda: run.status().state == "finished", "in time", seconds=120)
    assert run.status().engine == ""
    task = node.jobs["1"][0]
    done = run_gan(*task.arguments, root=root)
    assert done.returncode == 0 and "not waiting" in done.stdout, "the job left at the engine finds nothing to do"


def test_a_job_that_loses_its_place_asks_for_another(root: Path, node: Node) -> None:
    run = launch(root, LONG)
    look_until(root, run, "running")
    wait_until(lambda: run.status().step > 20, "in time", seconds=60)
    os.kill(node.processes()[0].pid, signal.SIGTERM)
    assert node.processes()[0].wait(60) == 75
    assert run.status().state == "queued" and "took the place away" in run.status().message
    assert run.has_checkpoint
    look_until(root, run, "running")
    assert run.status().generation == 2


def test_scores_go_where_the_run_trained(root: Path, node: Node) -> None:
    run = launch(root)
    look_until(root, run, "finished")
    requests.score([run])
    assert run.scoring().state == "running" and dispatch.request(run) is not None
    dispatcher = Dispatcher(root)

    def is_scored() -> bool:
        dispatcher.look()
        return run.scoring().state == "finished"

    wait_until(is_scored, "in time", seconds=180)
    assert [task.arguments[0] for task, _ in node.jobs.values()] == ["resume", "score"]
    assert run.scores()
    wait_until(lambda: not dispatcher.look(), "in time")
    assert dispatch.request(run) is None


def test_a_run_on_several_processes_asks_for_what_all_of_them_need(root: Path) -> None:
    config = tiny({"training.processes": 2, "training.threads": 3, "training.device": "cuda"})
    found = engines.needs(root, config, "slurm")
    assert (found.cores, found.gpus, found.memory) == (6, 2, 4000)
    assert found.threads(config) == 3
    assert engines.needs(root, tiny({"training.processes": 2}), "slurm").gpus == 0


def test_a_run_of_an_unknown_engine_is_left_alone(root: Path, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    run = make_run(root, engine="of a later version", state="queued")
    assert queue.advance(root) == [] and not Dispatcher(root).look()
    assert run.status().state == "queued"


def test_a_job_asks_for_the_cores_of_a_run_that_has_its_threads(root: Path, node: Node) -> None:
    run = launch(root)
    run.write_status(run.status().model_copy(update={"threads": 3}))
    node.places = 0
    Dispatcher(root).look()
    assert node.jobs["1"][0].needs.cores == 3 == (dispatch.read(run) or node.jobs["1"][0].needs).cores


def test_unknown_missing_and_forbidden_engines_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, word in (("slrum", "slurm"), ("slurm", "sbatch")):
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(InputError, match=word) as refused:
            queue.launch(root, tiny(dict(SHORT)), engine=name)
        assert is_sentence(str(refused.value))
    monkeypatch.setattr(engines, "lacking", lambda name: "")
    with people.acting(Person(id="s1", name="Ann")), pytest.raises(InputError, match="Only the teacher"):
        queue.launch(root, tiny(dict(SHORT)), engine="ray")
    assert not runs.list_runs(root)


def test_slurm_without_a_cluster_is_away(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands are here and fail: what they say is noted on the run, which waits."""
    for name in ("sbatch", "squeue", "scancel"):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho '{name}: fatal: Could not establish a configuration source' >&2\nexit 1\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(dispatching, "ensure", lambda root, every: None)
    run = launch(root)
    assert Dispatcher(root).look()
    assert run.status().state == "queued"
    assert "configuration source" in run.status().message and is_sentence(run.status().message)
