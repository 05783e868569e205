"""Starting and controlling trainers: the queue, their processes, and user requests.

There is no daemon. The queue is stored in the run directories (state "queued", ordered by :mod:`gan.execution.order`), and
:func:`advance` starts the runs that fit. It is called by launches, by finishing trainers and by the dashboard's server. It works
under a lock, so two callers never start the same run. All its state is on disk, so it continues after a restart of the server.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gan import places, runs, words
from gan.access import classroom, people
from gan.access.rules import require
from gan.config import RunConfig
from gan.config.fields import LONGEST, Span
from gan.errors import InputError, explain_os_error, explained
from gan.execution import dispatching, holds, order, processes, quotas, silent
from gan.execution.executors import engines
from gan.execution.gpus import Gpus
from gan.execution.waiting import Waiting, line, most_at_once
from gan.machine import cores, host, usual_threads
from gan.runs import Run, Status, dispatch, holding, index
from gan.runs.listing import Listing
from gan.storage import leases, signs
from gan.storage.locks import hold_lock
from gan.sweeps import launched
from gan.sweeps.launched import Sweep

MOST_RESTARTS = 5  # automatic restarts of a sweep run that keeps getting killed


def launch(root: Path, config: RunConfig, name: str = "", engine: str = "") -> Run:
    """Create a run at the end of the queue and start it if cores are free, or send it to an ``engine``.

    Raises InputError if it cannot be created, or if the limits of the class do not allow it.
    """
    with admission(root) as admit:
        admit(config)
        run = runs.create(root, config, name, engine=engines.require(engine))
    if not any(folder == root for folder, _ in tuple(_awaiting)):
        advance(root)
    return run


@contextlib.contextmanager
def admission(root: Path, count: int = 1) -> Iterator[quotas.Admit]:
    """Yield a function that checks each of ``count`` runs about to be created; see :func:`gan.execution.quotas.gate`.

    A student holds the queue lock meanwhile, so that simultaneous launches are counted one after the other.
    """
    require("launch")
    if people.current().is_teacher:
        yield quotas.admit_all
        return
    with explained(f"creating a run in {root}"):
        root.mkdir(parents=True, exist_ok=True)
    with queue_lock(root):
        yield quotas.gate(root, count)


def resume(run: Run, length: Span | None = None, engine: str | None = None) -> None:
    """Put an ended or interrupted run back into the queue, to continue from its last checkpoint, here or at an ``engine``.

    ``engine``: by default where it trained last. ``length`` replaces the total training length. Raises InputError if the run is
    under way, has no steps left, or if the limits of the class do not allow it.
    """
    require("resume", run.owner(), f"run {run.id}")
    with explained(f"resuming run {run.id}"), queue_lock(run.root):
        require_room(run.root, [run], length)
        put_back(run, length, engine)
    advance(run.root)


def require_room(root: Path, chosen: Sequence[Run], length: Span | None = None, more: int = 0) -> None:
    """Raise InputError if the limits of the class do not allow to resume runs, and to make ``more`` ones.

    Requires the queue lock.
    """
    if not people.current().is_teacher:
        admit = quotas.gate(root, len(chosen) + more)
        for run in chosen:
            admit(run.config(), run=run, total=total_after(run, run.status(), length))


def put_back(run: Run, length: Span | None = None, engine: str | None = None) -> None:
    """Put an ended run back into the queue without starting it; see :func:`resume`. Requires the queue lock."""
    status = run.status()
    if status.state in runs.UNDER_WAY:
        raise InputError(f"Run {run.id} is already under way; stop it first.")
    total = total_after(run, status, length)
    run.write_control(stop=False, length=length or run.control().length, is_unlimited=people.current().is_teacher)
    holding.take_away(run, status)
    now = time.time()
    where = status.engine if engine is None else engines.require(engine)
    if where:
        dispatch.write_job(run, dispatch.job(run).model_copy(update={"tries": 0}))  # the id stays: that job may still be ending
    update = {"engine": where, "state": "queued", "queued_at": now, "first": 0.0, "heartbeat": now}
    run.write_status(status.model_copy(update=update | {"total_steps": total, "message": "", "restarts": 0}))


def extend(run: Run, epochs: int) -> None:
    """Resume a run with ``epochs`` added to its length. Raises InputError as :func:`steps_with`, or if the run is under way."""
    require("resume", run.owner(), f"run {run.id}")
    resume(run, Span(count=steps_with(run, epochs)))


def steps_with(run: Run, epochs: int) -> int:
    """Return how many steps a run has in total with ``epochs`` added to its length. Raises InputError for too few or too many."""
    config = run.config()
    asked = run.control().length or config.training.length
    total = asked.in_steps(config.steps_per_epoch) + epochs * config.steps_per_epoch
    if epochs < 1:
        raise InputError(f"The number of additional epochs is {epochs}, expected at least 1; enter a larger number.")
    if total > LONGEST:
        more = words.count(epochs, "more epoch")
        raise InputError(f"{more} would give {total:,} steps in total, expected at most {LONGEST:,}; add fewer epochs.")
    return total


def total_after(run: Run, status: Status, length: Span | None) -> int:
    """Return the total number of steps of a run after it is resumed with ``length``.

    Raises InputError if the run has already done that many. Exception: a run killed after its last step, before it could write its
    final state, can be resumed to finish.
    """
    config = run.config()
    asked = length or run.control().length or config.training.length
    total = asked.in_steps(config.steps_per_epoch)
    if total < status.step or (total == status.step and status.state in ("finished", "stopped")):
        done, wanted = words.count(status.step, "step"), words.count(total, "step")
        raise InputError(f"Run {run.id} has done {done} and “{asked}” is {wanted}; ask for more to continue.")
    return total


def stop(run: Run) -> None:
    """Ask a trainer to write a checkpoint and exit, or remove a waiting run from the queue."""
    require("stop", run.owner(), f"run {run.id}")
    with explained(f"stopping run {run.id}"), queue_lock(run.root):
        if not end_run(run):
            raise InputError(f"Run {run.id} is not under way, so it cannot be stopped; check its state in the list of runs.")


def end_run(run: Run) -> bool:
    """Stop a run or remove it from the queue; return whether it was under way or due for an automatic restart."""
    status = run.status()
    if status.state == "queued":
        run.write_status(status.model_copy(update={"state": "stopped", "message": "Removed from the queue."}))
    elif status.state in runs.UNDER_WAY or may_restart(run, status):
        run.write_control(stop=True)
    else:
        return False
    return True


def move_first(root: Path, chosen: Sequence[Run]) -> None:
    """Move the waiting runs among ``chosen`` to the head of the queue, in the given order."""
    require("order the queue")
    with explained("reordering the queue"), queue_lock(root):
        waiting = {one.run: one.status for one in line(root)}
        moved = [run for run in chosen if run in waiting]
        first = min((status.first for status in waiting.values()), default=0.0)
        for place, run in enumerate(moved):
            run.write_status(waiting[run].model_copy(update={"first": first - len(moved) + place}))
    advance(root)


def _are_free(root: Path) -> dict[str, bool | None]:
    """Create the missing runs of all sweeps and return, by sweep id, whether the runs may be started.

    None means that the sweep file is damaged or from a newer version; its runs are then treated as ordinary runs.
    """
    found: dict[str, bool | None] = {}
    for sweep in launched.list_sweeps(root):
        try:
            record = sweep.record()
        except InputError:
            found[sweep.id] = None
            continue
        found[sweep.id] = record.is_whole and not record.is_paused
        if not record.is_whole:
            with contextlib.suppress(InputError):
                launched.complete(sweep)
                found[sweep.id] = not record.is_paused
    return found


def waiting_runs(root: Path) -> list[Run]:
    """Return the waiting runs in queue order."""
    return [one.run for one in line(root)]


def advance(root: Path) -> list[Run]:
    """Start the runs at the head of the queue for which cores are free, and return them.

    The free cores are divided evenly among the waiting runs: at least one thread each and at most :func:`usual_threads`.
    A resumed run keeps its number of threads, because a different number would change its losses. If too few cores are free, it
    waits until enough are, or until no other run is training.

    A student's runs beyond the limit of trainings at once wait, even if cores are free; others go ahead of them. The runs of a
    sweep are held while the sweep is paused, while some of its runs are missing, and while the disk is nearly full.
    Sweep runs that were killed, for example by a shutdown, are restarted automatically.
    """
    started: list[Run] = []
    if not os.access(root, os.W_OK):
        return started
    this = root, threading.get_ident()
    with contextlib.suppress(InputError, OSError):
        is_free = _are_free(root)
        _awaiting.add(this)
        try:
            with queue_lock(root):
                _awaiting.discard(this)
                every = _start(root, is_free, started)
        finally:
            _awaiting.discard(this)
        dispatching.ensure(root, every)
    return started


#: Folders and threads of this process that wait for the lock to start runs. They will see all runs made until then, so a launch
#: leaves its run to them; else each of sixty launches at once would wait for all others.
_awaiting: set[tuple[Path, int]] = set()


def _start(root: Path, is_free: Mapping[str, bool | None], started: list[Run]) -> Listing:
    """Start the runs that fit and append them to ``started``; return all runs as they were before.

    Requires the queue lock; ``is_free`` as from :func:`_are_free`.
    """
    busy, found, gpus = 0, [], Gpus()
    training: Counter[str] = Counter()
    for listed in (every := index.read(root)).going:
        run, status, sweep_id = listed.run, listed.status(), listed.facts.sweep
        if status.engine:
            training[listed.facts.owner.id] += status.state in ("starting", "running")
        elif status.state in ("queued", "interrupted"):
            if sweep_id and sweep_id not in is_free and Sweep(root, sweep_id).path.exists():
                continue  # created in the meantime; handled by the next call
            is_next = is_free.get(sweep_id)
            if is_next is not False and (status.state == "queued" or (is_next and may_restart(run, status))):
                found.append(Waiting.of(listed, status, sweep_id if is_next else ""))
        elif status.state in runs.UNDER_WAY and not silent.end(run, status):
            if not runs.is_elsewhere(status.host):
                busy += max(1, status.threads) * status.processes
                gpus.note(status)
            training[listed.facts.owner.id] += 1
    lacking = _lacking(found)
    found = [one for one in found if one.sweep not in lacking]
    ranked = order.fair([one.turn for one in found], training, every.last_starts)
    most = {owner: most_at_once(root, owner) for owner in {one.owner for one in found}}
    waiting = [found[place] for place, rank in ranked if rank < most[found[place].owner]]
    free = cores() - busy
    for place, one in enumerate(waiting):
        run, status, sweep_id = one.run, one.status, one.sweep
        if run.status().state != status.state:
            continue  # changed by a process that ended before it could announce it
        share = min(usual_threads(), max(1, free // (len(waiting) - place)))
        try:
            chosen = run.config().training
            if sweep_id and (sweep_id in lacking or not holds.has_room(run)):
                lacking.add(sweep_id)
                continue
        except InputError as error:
            run.write_status(status.model_copy(update={"state": "failed", "message": str(error)}))
            continue
        threads = status.threads or chosen.threads or max(1, share // chosen.processes)
        wanted = threads * chosen.processes
        if wanted > free and (busy or started):
            break
        if (gpu := gpus.take(chosen)) is None:
            continue  # others may need no GPU
        now = time.time()
        update = {
            "state": "starting",
            "threads": threads,
            "processes": chosen.processes,
            "gpu": gpu,
            "heartbeat": now,
            "started_at": now,
            "message": "Starting",
            "host": host(),
        }
        update["restarts"] = status.restarts + (status.state == "interrupted")
        signs.forget(run.trainer_lock)
        holding.take_away(run, status)
        run.write_status(status.model_copy(update=update))
        try:
            arguments = ["resume", run.id, "--root", str(root.resolve()), "--from-queue"]
            processes.spawn(
                arguments,
                run.log_path,
                is_background=classroom.is_on(),  # pages come first: with equal shares of the cores, forty visitors would wait
                needs_torch=True,
                locks=[run.trainer_lock],
                environment=gpus.environment(gpu),
            )
        except OSError as error:
            message = explain_os_error(error, "starting the trainer")
            run.write_status(status.model_copy(update={"state": "failed", "message": message}))
            continue
        started.append(run)
        free -= wanted
    return every


def _lacking(waiting: Iterable[Waiting]) -> set[str]:
    """Return the sweeps whose next run lacks disk space."""
    following: dict[str, Waiting] = {}
    for one in sorted((one for one in waiting if one.sweep), key=lambda one: one.turn[1:]):
        following.setdefault(one.sweep, one)
    found = set()
    for sweep, one in following.items():
        with contextlib.suppress(InputError):
            if not holds.has_room(one.run):
                found.add(sweep)
    return found


def may_restart(run: Run, status: Status) -> bool:
    """Return whether the queue may restart a run by itself: an interrupted sweep run, not stopped, with restarts left."""
    is_hopeless = status.total_steps == 0 or status.restarts >= MOST_RESTARTS
    return status.state == "interrupted" and not is_hopeless and not run.control().stop and bool(_sweep_of(run))


def _sweep_of(run: Run) -> str:
    """Return the id of the run's sweep; empty if it has none."""
    member = run.membership()
    return member.sweep if member else ""


@contextlib.contextmanager
def queue_lock(root: Path) -> Iterator[None]:
    """Hold the lock that guards changes to the queue. Raises InputError if it is still taken after 10 seconds."""
    refusal = "The queue is busy; try again in a moment."
    with contextlib.ExitStack() as held:
        if places.is_shared(root):  # a lock of the file system may exclude nobody on other hosts
            held.callback(leases.take(root / ".queue.lease", refusal, patience=leases.DURATION + 10).release)  # or its host died
        held.callback(hold_lock(root / ".queue.lock", refusal, patience=10).release)
        index.forget()
        try:
            yield
        finally:
            index.forget()
