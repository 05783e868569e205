"""Starting and controlling trainers: the queue, their processes, and user requests.

There is no daemon. The queue is stored in the run directories (state "queued", ordered by ``queued_at``), and :func:`advance`
starts the runs that fit. It is called by launches, by finishing trainers and by the dashboard's server. It works under a lock, so
two callers never start the same run. All its state is on disk, so it continues after a restart of the server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gan import runs, sweeps
from gan.config import RunConfig
from gan.data.catalogue import PROJECT
from gan.errors import InputError, explain_os_error, explained
from gan.runs import Run, Status
from gan.sections import LONGEST, Span
from gan.sweeps import Plan, Sweep

MOST_THREADS = 8  # more threads do not speed up networks of this size
TRAINER_BYTES = 1_000_000_000  # measured memory of a trainer that also scores
MOST_RESTARTS = 5  # automatic restarts of a sweep run that keeps getting killed
LEAST_ROOM = 50_000_000  # free bytes required besides checkpoints; otherwise sweep runs wait instead of failing one by one
_LONGEST_MAKING = 600.0  # seconds that a launch waits while another process creates the runs of its sweep


def cores() -> int:
    """Return the number of cores for the queue: ``GAN_CORES``, or the cores available to this process, limited by memory."""
    chosen = os.environ.get("GAN_CORES", "")
    if chosen.isdecimal() and int(chosen) > 0:
        return int(chosen)
    count = os.cpu_count() or 1
    with contextlib.suppress(AttributeError):  # unavailable on macOS and Windows
        count = len(os.sched_getaffinity(0))
    with contextlib.suppress(AttributeError, ValueError, OSError):  # unavailable on Windows
        count = min(count, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // TRAINER_BYTES)
    return max(1, count)


def usual_threads() -> int:
    """Return the default maximum number of threads per trainer: half of the cores.

    The threads of a trainer wait for each other at every layer. If it uses all cores, any other process (even the browser showing
    the dashboard) slows it down several times. Also, two trainers with one thread each do 1.4 times the work of one with two.
    """
    return min(MOST_THREADS, max(1, cores() // 2))


def launch(root: Path, config: RunConfig, name: str = "") -> Run:
    """Create a run at the end of the queue and start it if cores are free. Raises InputError if it cannot be created."""
    run = runs.create(root, config, name)
    advance(root)
    return run


def resume(run: Run, length: Span | None = None) -> None:
    """Put an ended or interrupted run back into the queue, to continue from its last checkpoint.

    ``length`` replaces the total training length. Raises InputError if the run is under way or has no steps left.
    """
    with explained(f"resuming run {run.id}"), _queue_lock(run.root):
        _put_back(run, length)
    advance(run.root)


def _put_back(run: Run, length: Span | None = None) -> None:
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
        raise InputError(f"{epochs} more epochs give {total} steps in total, expected at most {LONGEST}; add fewer epochs.")
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
        raise InputError(f"Run {run.id} has done {status.step} steps and “{asked}” is {total} steps; ask for more to continue.")
    return total


def stop(run: Run) -> None:
    """Ask a trainer to write a checkpoint and exit, or remove a waiting run from the queue."""
    with explained(f"stopping run {run.id}"), _queue_lock(run.root):
        if not _end(run):
            raise InputError(f"Run {run.id} is not under way, so it cannot be stopped; check its state in the list of runs.")


def _end(run: Run) -> bool:
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
    with explained("reordering the queue"), _queue_lock(root):
        waiting = queue(root)
        moved = [run for run in chosen if run in waiting]
        first = min((run.status().queued_at for run in waiting), default=0.0)
        for place, run in enumerate(moved):
            run.write_status(run.status().model_copy(update={"queued_at": first - len(moved) + place}))
    advance(root)


def launch_sweep(root: Path, plan: Plan) -> Sweep:
    """Create a sweep and its runs at the end of the queue, and start the runs that fit.

    Raises InputError if it cannot be launched. If only some of its runs cannot be created, the sweep is kept, and :func:`advance`
    creates the missing runs as soon as possible.
    """
    sweep = sweeps.create(root, plan)
    try:
        sweeps.complete(sweep, patience=_LONGEST_MAKING)  # a process advancing the queue may already be creating them
    except InputError as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"Not all runs of sweep {sweep.id} could be created ({reason}); the others are created as soon as possible."
        ) from error
    advance(root)
    return sweep


def pause(sweep: Sweep, *, is_paused: bool = True) -> None:
    """Hold or release the waiting runs of a sweep; runs that are already training continue to their end."""
    sweep.change(is_paused=is_paused)
    advance(sweep.root)


def cancel(sweep: Sweep) -> int:
    """Remove the waiting runs of a sweep from the queue, stop the training ones, and return the number of both."""
    if not sweep.record().is_whole:
        sweeps.give_up(sweep)
    with explained(f"cancelling sweep {sweep.id}"), _queue_lock(sweep.root):
        return sum(_end(run) for run in sweep.runs())


def retry(sweep: Sweep, states: Sequence[str] = ("failed", "interrupted")) -> int:
    """Requeue the runs of a sweep that ended in one of ``states``, create missing runs, and return the number of both.

    Runs that cannot be resumed (damaged, or no steps left) stay unchanged.
    """
    count = sum(not member.run for member in sweep.record().members)
    sweeps.complete(sweep)
    with explained(f"retrying sweep {sweep.id}"), _queue_lock(sweep.root):
        for run in sweep.runs():
            if run.status().state in states:
                with contextlib.suppress(InputError):
                    _put_back(run)
                    count += 1
    advance(sweep.root)
    return count


def has_room(run: Run) -> bool:
    """Return whether the disk has room for a sweep run: ``LEAST_ROOM`` plus its checkpoints, if its layers are known."""
    from gan import estimates  # circular import: estimates uses cores() from here

    return shutil.disk_usage(run.root).free >= LEAST_ROOM + estimates.checkpoint_bytes(run.root, run.config())


def lacks_room(sweep: Sweep) -> bool:
    """Return whether the next run of a sweep is waiting for disk space."""
    following = next((run for run in sweep.runs() if run.status().state == "queued"), None)
    with contextlib.suppress(InputError):
        return following is not None and not has_room(following)
    return False


def _are_free(root: Path) -> dict[str, bool | None]:
    """Create the missing runs of all sweeps and return, by sweep id, whether the runs may be started.

    None means that the sweep file is damaged or from a newer version; its runs are then treated as ordinary runs.
    """
    found: dict[str, bool | None] = {}
    for sweep in sweeps.list_sweeps(root):
        try:
            record = sweep.record()
        except InputError:
            found[sweep.id] = None
            continue
        found[sweep.id] = record.is_whole and not record.is_paused
        if not record.is_whole:
            with contextlib.suppress(InputError):
                sweeps.complete(sweep)
                found[sweep.id] = not record.is_paused
    return found


def queue(root: Path) -> list[Run]:
    """Return the waiting runs in queue order."""
    waiting = [(status.queued_at, run) for run in runs.list_runs(root) if (status := run.status()).state == "queued"]
    return [run for _, run in sorted(waiting, key=lambda pair: (pair[0], pair[1].id))]


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
        with _queue_lock(root):
            _start(root, is_free, started)
    return started


def _start(root: Path, is_free: Mapping[str, bool | None], started: list[Run]) -> None:
    """Start the runs that fit and append them to ``started``. Requires the queue lock; ``is_free`` as from :func:`_are_free`."""
    busy, waiting = 0, []
    lacking: set[str] = set()  # sweeps whose next run lacks disk space
    for run in runs.list_runs(root):
        status = run.status()
        if status.state in ("queued", "interrupted"):
            sweep_id = _sweep_of(run)
            if sweep_id and sweep_id not in is_free and Sweep(root, sweep_id).path.exists():
                continue  # created in the meantime; handled by the next call
            is_next = is_free.get(sweep_id)
            if is_next is not False and (status.state == "queued" or (is_next and may_restart(run, status))):
                waiting.append((status.queued_at, run.id, run, status, sweep_id if is_next else ""))
        elif status.state in runs.UNDER_WAY:
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
        run.write_status(status.model_copy(update=update))
        try:
            spawn(["resume", run.id, "--root", str(root.resolve()), "--from-queue"], run.log_path)
        except OSError as error:
            message = explain_os_error(error, "starting the trainer")
            run.write_status(status.model_copy(update={"state": "failed", "message": message}))
            continue
        started.append(run)
        free -= wanted


def may_restart(run: Run, status: Status) -> bool:
    """Return whether the queue may restart a run by itself: an interrupted sweep run, not stopped, with restarts left."""
    is_hopeless = status.total_steps == 0 or status.restarts >= MOST_RESTARTS
    return status.state == "interrupted" and not is_hopeless and not run.control().stop and bool(_sweep_of(run))


def _sweep_of(run: Run) -> str:
    """Return the id of the run's sweep; empty if it has none."""
    member = run.membership()
    return member.sweep if member else ""


def score(chosen: Sequence[Run], extractor: str = "auto", checkpoint: str = "last") -> None:
    """Score runs one after the other in a separate process, with progress in ``scoring.json``.

    ``checkpoint`` is "last" or "best". Raises InputError if one of the runs is already being scored.
    """
    if not chosen:
        return
    root = chosen[0].root
    with explained("scoring"), _queue_lock(root):
        for run in chosen:
            if run.scoring().state == "running":
                raise InputError(f"“{run.label()}” is already being scored; wait until it finishes.")
        for run in chosen:
            run.write_scoring(runs.Scoring(state="running", message="Waiting", heartbeat=time.time()))
        options = ["--extractor", extractor, "--checkpoint", checkpoint, "--root", str(root.resolve()), "--quiet"]
        spawn(["score", *(run.id for run in chosen), *options], chosen[0].log_path)


def start_sampling(run: Run, class_name: str | None, seed: int) -> None:
    """Redraw ``run.asked_path``, of one class or of all (None), in a low-priority process that takes seconds.

    A failure there appears as the last line of the run's log. Raises InputError if the process cannot be started.
    """
    asked = [] if class_name is None else [f"--class={class_name}"]
    with explained(f"drawing from run {run.id}"):
        options = ["--seed", str(seed), "--root", str(run.root.resolve()), "--quiet"]
        spawn(["sample", run.id, *asked, *options], run.log_path, is_background=True)


def spawn(arguments: Sequence[str], log: Path, *, is_background: bool = False) -> subprocess.Popen[bytes]:
    """Start ``python -m gan`` with ``arguments`` in its own session, so that it outlives this process.

    Its output is appended to ``log``. A background process runs at lower priority.
    """
    command = [sys.executable, "-m", "gan", *arguments]
    options: dict[str, object] = {"start_new_session": True}
    if os.name == "nt":
        detached = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW  # type: ignore[attr-defined]
        lower = subprocess.BELOW_NORMAL_PRIORITY_CLASS if is_background else 0  # type: ignore[attr-defined]
        options = {"creationflags": detached | lower}
    elif is_background:
        command = ["nice", "-n", "10", *command]
    with open(log, "ab") as output:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **options,  # type: ignore[call-overload]
        )


@contextlib.contextmanager
def _queue_lock(root: Path) -> Iterator[None]:
    """Hold the lock that guards changes to the queue. Raises InputError if it is still taken after 10 seconds."""
    lock = runs.hold_lock(root / ".queue.lock", "The queue is busy; try again in a moment.", patience=10)
    try:
        yield
    finally:
        lock.release()
