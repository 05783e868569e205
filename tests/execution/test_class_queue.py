"""The queue of a class: runs of several owners in turn, trainings at once, the front, and held sweeps."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan import runs
from gan.access import limits, rules
from gan.access.limits import Limits
from gan.access.people import TEACHER, Person, acting
from gan.execution import ahead, order, queue, steering
from gan.execution.ahead import Job
from gan.execution.order import Turn
from gan.runs import Run, Status
from gan.sweeps import plan as plans
from tests.helpers import TINY_MLP, tiny

ANN, BO, CY = (Person(id=name.lower(), name=name) for name in ("Ann", "Bo", "Cy"))


def launch(root: Path, person: Person, count: int = 1, changes: dict[str, Any] | None = None) -> list[Run]:
    with acting(person):
        return [queue.launch(root, tiny(changes), f"{person.name} {number}") for number in range(1, count + 1)]


def finish(*ended: Run) -> None:
    for run in ended:
        run.write_status(run.status().model_copy(update={"state": "finished"}))


def names(found: list[Run]) -> str:
    return " ".join(run.label() for run in found)


@pytest.fixture
def generous(root: Path) -> None:
    limits.write(root, Limits(training=8, waiting=20))


@pytest.mark.usefixtures("generous")
def test_each_student_gets_a_turn(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    ann = launch(root, ANN, 4)
    bo, cy = launch(root, BO, 2), launch(root, CY)
    assert names(queue.waiting_runs(root)) == "Bo 1 Cy 1 Ann 2 Bo 2 Ann 3 Ann 4"
    started = [ann[0]]
    while queue.waiting_runs(root):
        finish(started[-1])
        started += queue.advance(root)
    assert names(started) == "Ann 1 Bo 1 Cy 1 Ann 2 Bo 2 Ann 3 Ann 4"
    assert spawned == [run.id for run in started] and len(started) == len([*ann, *bo, *cy])


@pytest.mark.usefixtures("generous")
def test_the_front_wins_over_fairness_and_is_on_disk(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    ann = launch(root, ANN, 4)
    launch(root, BO, 2)
    queue.move_first(root, [ann[3], ann[2]])
    assert names(queue.waiting_runs(root)) == "Ann 4 Ann 3 Bo 1 Bo 2 Ann 2"
    assert Status.model_validate_json(ann[3].status_path.read_bytes()).first < 0, "a restarted server reads it"
    queue.move_first(root, [ann[1]])
    assert names(queue.waiting_runs(root)) == "Ann 2 Ann 4 Ann 3 Bo 1 Bo 2"
    queue.stop(ann[1])
    queue.resume(ann[1])
    assert names(queue.waiting_runs(root)) == "Ann 4 Ann 3 Bo 1 Bo 2 Ann 2", "a resumed run queues like any other"
    finish(ann[0])
    assert queue.advance(root) == [ann[3]]
    assert spawned == [ann[0].id, ann[3].id]


def test_runs_beyond_a_students_limit_wait_though_cores_are_free(
    root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_CORES", "4")
    ann, bo = launch(root, ANN, 3), launch(root, BO)
    assert spawned == [ann[0].id, bo[0].id]
    assert set(ahead.reasons(root).values()) == {ahead.AT_LIMIT, "place 2 of 2 in the queue"}
    launch(root, TEACHER, 3)
    assert len(spawned) == 4, "the teacher has no limit; the third one finds no core"
    finish(ann[0])
    assert queue.advance(root) == [ann[1]]
    finish(bo[0])
    assert [run.owner() for run in queue.advance(root)] == [TEACHER], "Ann trains one already"


def test_runs_of_a_paused_sweep_do_not_count(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    limits.write(root, Limits(training=8, waiting=20))
    (first,) = launch(root, CY)
    plan = plans.parse({"base": "digits-mlp", "set": TINY_MLP, "axes": {"networks.hidden": [8, 12]}, "name": "S"})
    with acting(ANN):
        sweep = steering.launch_sweep(root, plan)
    assert {run.owner() for run in sweep.runs()} == {ANN}
    ann, bo = launch(root, ANN), launch(root, BO)
    assert queue.waiting_runs(root)[:2] == [sweep.runs()[0], bo[0]]
    with acting(ANN):
        steering.pause(sweep)
    assert queue.waiting_runs(root) == [*ann, *bo, *sweep.runs()]
    finish(first)
    assert queue.advance(root) == ann
    assert spawned == [first.id, ann[0].id]


def test_old_statuses_wait_by_time(root: Path) -> None:
    made = [runs.create(root, tiny()) for _ in range(3)]
    for place, run in enumerate(made):
        run.status_path.write_text(f'{{"state": "queued", "queued_at": {9 - place}}}')
    assert queue.waiting_runs(root) == made[::-1]


def test_a_student_may_not_order_the_queue(root: Path, spawned: list[str]) -> None:
    assert not rules.may(ANN, "order the queue")


def test_a_start_is_forecast_by_the_fair_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    busy, served = [Job(1, 60.0, Turn("a", 0, 0))], {"a": 5.0}
    ann = [Job(1, 10.0, Turn("a", 0, time), 1) for time in (1, 2, 3)]
    assert ahead.starts_in(busy, [*ann, Job(1, None, Turn("b", 0, 4), 1)], 1, served) == 60.0, "Ann has just been served"
    assert ahead.starts_in(busy, [*ann, Job(1, None, Turn("a", 0, 4), 1)], 1, served) == 90.0
    assert ahead.starts_in(busy, [*ann, Job(1, None, Turn("a", 0, 4), 1)], 2, served) == 90.0, "a free core does not help"
    assert ahead.starts_in(busy, [*ann, Job(1, None, Turn("b", 0, 4), 1)], 2, served) == 0.0


@pytest.mark.usefixtures("generous")
def test_those_ahead_depend_on_who_asks(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    launch(root, ANN, 4)
    launch(root, BO)
    for person, expected in ((ANN, "Bo 1 Ann 2 Ann 3 Ann 4"), (BO, "Bo 1 Ann 2"), (CY, "Bo 1"), (TEACHER, "Bo 1")):
        with acting(person):
            assert names(ahead.look(root, tiny()).waiting) == expected


JOBS = st.lists(
    st.builds(
        Job,
        st.integers(0, 3),
        st.sampled_from([None, 1.0, 2.0, 3.5, 8.0]),
        st.builds(Turn, st.sampled_from("abc"), st.sampled_from([0.0, 0.0, -1.0]), st.integers(0, 99)),
        st.sampled_from([1, 2, math.inf]),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda job: job.turn.since,
)


BUSY = st.lists(
    st.builds(
        Job, st.integers(1, 2), st.sampled_from([None, 1.5, 4.0]), st.builds(Turn, st.sampled_from("abc"), st.just(0.0), st.just(0))
    ),
    max_size=3,
)


@pytest.mark.parametrize("usual", [1, 3])
@given(BUSY, JOBS, st.integers(1, 6))
def test_the_forecast_starts_runs_as_the_queue_does(usual: int, busy: list[Job], waiting: list[Job], every_core: int) -> None:
    """Against the queue's own rule, applied anew whenever a run ends."""
    most = {job.turn.owner: job.most for job in waiting}
    waiting = [job._replace(most=most[job.turn.owner]) for job in waiting]
    running = [(math.inf if job.seconds is None else job.seconds, number, job) for number, job in enumerate(busy, -9)]
    served, left, now, clock = {"a": 3.0}, list(waiting), 0.0, 10.0
    started: dict[int, float] = {}
    while waiting[-1].turn.since not in started and (left or running):
        training = Counter(job.turn.owner for _, _, job in running)
        ranked = order.fair([job.turn for job in left], training, served)
        able = [left[place] for place, rank in ranked if rank < left[place].most]
        free = every_core - sum(job.cores for _, _, job in running)
        for place, job in enumerate(able):
            taken = job.cores or min(usual, max(1, free // (len(able) - place)))
            if taken > free and running:
                break
            started[job.turn.since], clock = now, clock + 1
            served[job.turn.owner] = clock
            left.remove(job)
            free -= taken
            end = math.inf if job.seconds is None else now + job.seconds
            running.append((end, waiting.index(job), job._replace(cores=taken)))
        if not running:
            break
        running.sort(key=lambda one: one[:2])
        now = running.pop(0)[0]
    expected = started.get(waiting[-1].turn.since, math.inf)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_CORES", str(2 * usual))
        found = ahead.starts_in(busy, waiting, every_core, {"a": 3.0})
    assert found == (expected if math.isfinite(expected) else None)
