"""Starting and controlling trainers: the queue, their processes, and user requests.

There is no daemon. The queue is stored in the run directories (state "queued", ordered by ``queued_at``), and :func:`advance`
starts the runs that fit. It is called by launches, by finishing trainers and by the dashboard's server. It works under a lock, so
two callers never start the same run. All its state is on disk, so it continues after a restart of the server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gan import runs, words
from gan.config import RunConfig
from gan.config.fields import LONGEST, Span
from gan.errors import InputError, explain_os_error, explained
from gan.execution import processes
from gan.execution.forecast import checkpoint_bytes
from gan.machine import cores, usual_threads
from gan.runs import Run, Status, checkpoints, index
from gan.storage import signs
from gan.storage.locks import hold_lock
from gan.sweeps import launched
from gan.sweeps.launched import Sweep

MOST_RESTARTS = 5  # automatic restarts of a sweep run that keeps getting killed
STOP_GRACE = 60.0  # seconds without a heartbeat after which a trainer that was asked to stop is ended
LEAST_ROOM = 50_000_000  # free bytes required besides checkpoints; otherwise sweep runs wait instead of failing one by one


def launch(root: Path, config: RunConfig, name: str = "") -> Run:
    """Create a run at the end of the queue and start it if cores are free. Raises InputError if it cannot be created."""
    run = runs.create(root, config, name)
    advance(root)
    return run


def resume(run: Run, length: Span | None = None) -> None:
    """Put an ended or interrupted run back into the queue, to continue from its last checkpoint.

    ``length`` replaces the total training length. Raises InputError if the run is under way or has no steps left.
    """
    with explained(f"resuming run {run.id}"), queue_lock(run.root):
        put_back(run, length)
    advance(run.root)


def put_back(run: Run, length: Span | None = None) -> None:
    """Put an ended run back into the queue without starting it; see :func:`resume`. Requires the queue lock."""
    status = run.status()
    if status.state in runs.UNDER_WAY:
        raise InputError(f"Run {run.id} is already under way; stop it first.")
    total = total_after(run, status, length)
    run.write_control(stop=False, length=length or run.control().length)
    now = time.time()
    update = {"state": "queued", "queued_at": now, "heartbeat": now, "total_steps": total, "message": "", "restarts": 0}
    run.write_status(status.model_copy(update=update))


def extend(run: Run, epochs: int) -> None:
    """Resume a run with ``epochs`` added to its length. Raises InputError if that is too long or the run is under way."""
    config = run.config()
    asked = run.control().length or config.training.length
    total = asked.in_steps(config.steps_per_epoch) + epochs * config.steps_per_epoch
    if epochs < 1:
        raise InputError(f"The number of additional epochs is {epochs}, expected at least 1; enter a larger number.")
    if total > LONGEST:
        more = words.count(epochs, "more epoch")
        raise InputError(f"{more} would give {total:,} steps in total, expected at most {LONGEST:,}; add fewer epochs.")
    resume(run, Span(count=total))


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
    with explained("reordering the queue"), queue_lock(root):
        waiting = waiting_runs(root)
        moved = [run for run in chosen if run in waiting]
        first = min((run.status().queued_at for run in waiting), default=0.0)
        for place, run in enumerate(moved):
            run.write_status(run.status().model_copy(update={"queued_at": first - len(moved) + place}))
    advance(root)


def has_room(run: Run) -> bool:
    """Return whether the disk has room for a sweep run: ``LEAST_ROOM`` plus its checkpoints, if its layers are known."""
    return shutil.disk_usage(run.root).free >= LEAST_ROOM + checkpoint_bytes(run.root, run.config())


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


def waiting_runs(root: Path, every: Sequence[index.Listed] | None = None) -> list[Run]:
    """Return the waiting runs in queue order; ``every`` run, if they have just been listed."""
    listed_ones = index.read(root) if every is None else every
    waiting = [(status.queued_at, listed) for listed in listed_ones if (status := listed.status()).state == "queued"]
    return [listed.run for _, listed in sorted(waiting, key=lambda pair: (pair[0], pair[1].age_key))]


def advance(root: Path) -> list[Run]:
    """Start the runs at the head of the queue for which cores are free, and return them.

    The free cores are divided evenly among the waiting runs: at least one thread each and at most :func:`usual_threads`.
    A resumed run keeps its number of threads, because a different number would change its losses. If too few cores are free, it
    waits until enough are, or until no other run is training.

    The runs of a sweep are held while the sweep is paused, while some of its runs are missing, and while the disk is nearly full.
    Sweep runs that were killed, for example by a shutdown, are restarted automatically.
    """
    started: list[Run] = []
    if not os.access(root, os.W_OK):
        return started
    with contextlib.suppress(InputError, OSError):
        is_free = _are_free(root)
        with queue_lock(root):
            _start(root, is_free, started)
    return started


def _start(root: Path, is_free: Mapping[str, bool | None], started: list[Run]) -> None:
    """Start the runs that fit and append them to ``started``. Requires the queue lock; ``is_free`` as from :func:`_are_free`."""
    busy, waiting = 0, []
    lacking: set[str] = set()  # sweeps whose next run lacks disk space
    for listed in index.read(root):
        run, status, sweep_id = listed.run, listed.status(), listed.facts.sweep
        if status.state in ("queued", "interrupted"):
            if sweep_id and sweep_id not in is_free and Sweep(root, sweep_id).path.exists():
                continue  # created in the meantime; handled by the next call
            is_next = is_free.get(sweep_id)
            if is_next is not False and (status.state == "queued" or (is_next and may_restart(run, status))):
                waiting.append((status.queued_at, listed.age_key, run, status, sweep_id if is_next else ""))
        elif status.state in runs.UNDER_WAY and not _end_if_silent(run, status):
            busy += max(1, status.threads)
    waiting.sort(key=lambda entry: entry[:2])
    free = cores() - busy
    for place, (_, _, run, status, sweep_id) in enumerate(waiting):
        share = min(usual_threads(), max(1, free // (len(waiting) - place)))
        try:
            chosen = run.config().training.threads
            if sweep_id and (sweep_id in lacking or not has_room(run)):
                lacking.add(sweep_id)
                continue
        except InputError as error:
            run.write_status(status.model_copy(update={"state": "failed", "message": str(error)}))
            continue
        wanted = status.threads or chosen or share
        if wanted > free and (busy or started):
            break
        update = {"state": "starting", "threads": wanted, "heartbeat": time.time(), "message": "Starting"}
        update["restarts"] = status.restarts + (status.state == "interrupted")
        signs.forget(run.trainer_lock)
        run.write_status(status.model_copy(update=update))
        try:
            arguments = ["resume", run.id, "--root", str(root.resolve()), "--from-queue"]
            processes.spawn(arguments, run.log_path, needs_torch=True, locks=[run.trainer_lock])
        except OSError as error:
            message = explain_os_error(error, "starting the trainer")
            run.write_status(status.model_copy(update={"state": "failed", "message": message}))
            continue
        started.append(run)
        free -= wanted


#: Runs that were asked to stop: the last heartbeat, and when this process saw it first (``time.monotonic``).
_unanswered: dict[Path, tuple[float, float]] = {}


def _end_if_silent(run: Run, status: Status) -> bool:
    """End a trainer of this machine that has not answered a stop request for ``STOP_GRACE`` seconds; return whether that was done.

    A single step can take minutes, and a trainer looks for requests between steps. Its last checkpoint is kept. Counts are the
    seconds in which this process sees no heartbeat: neither a clock that is set nor a machine that sleeps takes them from it.
    """
    if status.state != "running" or not run.control().stop:
        _unanswered.pop(run.path, None)
        return False
    heartbeat, since = _unanswered.get(run.path, (None, 0.0))
    if heartbeat != status.heartbeat:
        _unanswered[run.path] = status.heartbeat, time.monotonic()
        return False
    if time.monotonic() - since <= STOP_GRACE or not signs.end(run.trainer_lock):
        return False
    found = checkpoints.steps(run.checkpoints_path)
    left = f"the checkpoint of step {found[-1]} is kept" if found else "it had no checkpoint yet"
    message = f"The trainer did not answer for {STOP_GRACE:.0f} s, so it was ended; {left}."
    run.write_status(status.model_copy(update={"state": "stopped", "message": message}))
    return True


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
    lock = hold_lock(root / ".queue.lock", "The queue is busy; try again in a moment.", patience=10)
    try:
        yield
    finally:
        lock.release()
