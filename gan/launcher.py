"""Starting and steering trainers: the queue, their processes, and what people ask of them.

There is no daemon. The queue is written in the run directories (state "queued", in order of ``queued_at``), and
:func:`advance` starts whatever fits. Everyone calls it: a launch, a trainer that ends, the dashboard's server. It works under a
lock, so that two callers never start the same run, and it knows only what is on disk, so that a restarted server goes on.
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

MOST_THREADS = 8  # more threads bring nothing to networks of this size
TRAINER_BYTES = 1_000_000_000  # what a trainer that scores takes, measured
MOST_RESTARTS = 5  # of a run of a sweep that is ended from outside again and again
LEAST_ROOM = 50_000_000  # bytes on the disk beside checkpoints; with less the runs of a sweep wait, instead of failing one by one
_LONGEST_MAKING = 600.0  # seconds that a launch waits while another process makes the runs of its sweep


def cores() -> int:
    """Return how many cores the queue may hand out: ``GAN_CORES``, else those this process may use, as far as memory goes."""
    chosen = os.environ.get("GAN_CORES", "")
    if chosen.isdecimal() and int(chosen) > 0:
        return int(chosen)
    count = os.cpu_count() or 1
    with contextlib.suppress(AttributeError):  # not on macOS and Windows
        count = len(os.sched_getaffinity(0))
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on Windows
        count = min(count, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // TRAINER_BYTES)
    return max(1, count)


def usual_threads() -> int:
    """Return how many threads one trainer gets at most unless it asks for more: half of the cores.

    A trainer that has all cores is slowed down several times by whatever else wants one, the browser that watches it
    included, because its threads wait for each other at every layer; and two trainers with one thread each do 1.4 times
    as much as one with two.
    """
    return min(MOST_THREADS, max(1, cores() // 2))


def launch(root: Path, config: RunConfig, name: str = "") -> Run:
    """Make a run, put it at the end of the queue and start it if there is room. Raises InputError when it cannot be made."""
    run = runs.create(root, config, name)
    advance(root)
    return run


def resume(run: Run, length: Span | None = None) -> None:
    """Put a run that has ended or was ended back into the queue, to go on from its last checkpoint.

    ``length`` replaces how long to train in all. Raises InputError when the run is under way, or when nothing is left to do.
    """
    with explained(f"resuming run {run.id}"), _queue_lock(run.root):
        _put_back(run, length)
    advance(run.root)


def _put_back(run: Run, length: Span | None = None) -> None:
    status = run.status()
    if status.state in runs.UNDER_WAY:
        raise InputError(f"Run {run.id} is under way already.")
    total = total_after(run, status, length)
    run.write_control(stop=False, length=length or run.control().length)
    now = time.time()
    update = {"state": "queued", "queued_at": now, "heartbeat": now, "total_steps": total, "message": "", "restarts": 0}
    run.write_status(status.model_copy(update=update))


def extend(run: Run, epochs: int) -> None:
    """Resume a run for ``epochs`` more than it was to have. Raises InputError when that is too long or it is under way."""
    config = run.config()
    asked = run.control().length or config.training.length
    total = asked.in_steps(config.steps_per_epoch) + epochs * config.steps_per_epoch
    if epochs < 1:
        raise InputError(f"{epochs} more epochs were asked for, expected at least 1; ask for more.")
    if total > LONGEST:
        raise InputError(f"{epochs} more epochs make {total} steps in all, expected at most {LONGEST}; ask for fewer.")
    resume(run, Span(count=total))


def total_after(run: Run, status: Status, length: Span | None) -> int:
    """Return how many steps a run will have done in all once it is resumed.

    Raises InputError when that is no more than it has done; but a run that was killed after its last step, before it could
    say so, may be resumed to be finished.
    """
    config = run.config()
    asked = length or run.control().length or config.training.length
    total = asked.in_steps(config.steps_per_epoch)
    if total < status.step or (total == status.step and status.state in ("finished", "stopped")):
        raise InputError(f"Run {run.id} has done {status.step} steps, and “{asked}” are {total} steps; ask for more to go on.")
    return total


def stop(run: Run) -> None:
    """Ask a trainer to write a checkpoint and end, or take a waiting run out of the queue."""
    with explained(f"stopping run {run.id}"), _queue_lock(run.root):
        if not _end(run):
            raise InputError(f"Run {run.id} is not under way; there is nothing to stop.")


def _end(run: Run) -> bool:
    """Stop a run, or take it out of the queue; return whether it was under way, or would have been taken up by itself."""
    status = run.status()
    if status.state == "queued":
        run.write_status(status.model_copy(update={"state": "stopped", "message": "Taken out of the queue."}))
    elif status.state in runs.UNDER_WAY or may_restart(run, status):
        run.write_control(stop=True)
    else:
        return False
    return True


def move_first(root: Path, chosen: Sequence[Run]) -> None:
    """Put those of ``chosen`` that wait at the head of the queue, in the order given."""
    with explained("reordering the queue"), _queue_lock(root):
        waiting = queue(root)
        moved = [run for run in chosen if run in waiting]
        first = min((run.status().queued_at for run in waiting), default=0.0)
        for place, run in enumerate(moved):
            run.write_status(run.status().model_copy(update={"queued_at": first - len(moved) + place}))
    advance(root)


def launch_sweep(root: Path, plan: Plan) -> Sweep:
    """Write a sweep down, make its runs, put them at the end of the queue and start what fits.

    Raises InputError when it cannot be launched. When only making all of its runs fails, the sweep is kept, and
    :func:`advance` makes the others as soon as that works.
    """
    sweep = sweeps.create(root, plan)
    try:
        sweeps.complete(sweep, patience=_LONGEST_MAKING)  # who looks after the queue may have begun to make them
    except InputError as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"Not all runs of sweep {sweep.id} could be made ({reason}); the rest are made once that works."
        ) from error
    advance(root)
    return sweep


def pause(sweep: Sweep, *, is_paused: bool = True) -> None:
    """Hold back the waiting runs of a sweep, or let them go on; those that train already go on to their end."""
    sweep.change(is_paused=is_paused)
    advance(sweep.root)


def cancel(sweep: Sweep) -> int:
    """Take the waiting runs of a sweep out of the queue, stop those that train, and return how many there were."""
    if not sweep.record().is_whole:
        sweeps.give_up(sweep)
    with explained(f"cancelling sweep {sweep.id}"), _queue_lock(sweep.root):
        return sum(_end(run) for run in sweep.runs())


def retry(sweep: Sweep, states: Sequence[str] = ("failed", "interrupted")) -> int:
    """Put the runs of a sweep that ended in one of ``states`` back into the queue, make those missing, and return how many.

    Runs that cannot be taken up (damaged, or nothing is left to do) stay as they are.
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
    """Return whether the disk has room for a run of a sweep: for its checkpoints, where its layers are known, and some more."""
    from gan import estimates  # which asks this module for cores

    return shutil.disk_usage(run.root).free >= LEAST_ROOM + estimates.checkpoint_bytes(run.root, run.config())


def lacks_room(sweep: Sweep) -> bool:
    """Return whether the next run of a sweep waits for room on the disk."""
    following = next((run for run in sweep.runs() if run.status().state == "queued"), None)
    with contextlib.suppress(InputError):
        return following is not None and not has_room(following)
    return False


def _are_free(root: Path) -> dict[str, bool | None]:
    """Return, by id of a sweep, whether its runs may be started, having made those that are missing.

    A sweep whose file is damaged, or of a newer version, is none (None), and what is left of it are runs like any others.
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
    """Return the waiting runs, the next one first."""
    waiting = [(status.queued_at, run) for run in runs.list_runs(root) if (status := run.status()).state == "queued"]
    return [run for _, run in sorted(waiting, key=lambda pair: (pair[0], pair[1].id))]


def advance(root: Path) -> list[Run]:
    """Start the runs at the head of the queue for which there are free cores, and return them.

    The free cores are shared out evenly among those waiting, one thread each at least and :func:`usual_threads` at most.
    A resumed run gets the number of threads that it had, since another number would change its
    losses; if that is more than are free, it waits until they are, or until nothing else runs.

    The runs of a sweep are held back while it is paused, while not all of them have been made, and while the disk is
    nearly full. Those that were ended from outside, when the machine went down say, are taken up again by themselves.
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
    """Start what fits and add it to ``started``, under the queue's lock; ``is_free`` says which sweeps' runs may be started."""
    busy, waiting = 0, []
    lacking: set[str] = set()  # sweeps whose next run does not fit on the disk
    for run in runs.list_runs(root):
        status = run.status()
        if status.state in ("queued", "interrupted"):
            sweep_id = _sweep_of(run)
            if sweep_id and sweep_id not in is_free and Sweep(root, sweep_id).path.exists():
                continue  # it was made since, and is looked at next time
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
    """Return whether the queue may take a run up by itself: an interrupted one of a sweep, not hopeless, that nobody stopped."""
    is_hopeless = status.total_steps == 0 or status.restarts >= MOST_RESTARTS
    return status.state == "interrupted" and not is_hopeless and not run.control().stop and bool(_sweep_of(run))


def _sweep_of(run: Run) -> str:
    """Return the id of the sweep that a run belongs to; empty for none."""
    member = run.membership()
    return member.sweep if member else ""


def score(chosen: Sequence[Run], extractor: str = "auto", checkpoint: str = "last") -> None:
    """Score runs one after the other in a process of its own; their progress is in ``scoring.json``.

    ``checkpoint`` is "last" or "best". Raises InputError when one of them is being scored already.
    """
    if not chosen:
        return
    root = chosen[0].root
    with explained("scoring"), _queue_lock(root):
        for run in chosen:
            if run.scoring().state == "running":
                raise InputError(f"“{run.label()}” is being scored already; wait for that to end.")
        for run in chosen:
            run.write_scoring(runs.Scoring(state="running", message="Waiting", heartbeat=time.time()))
        options = ["--extractor", extractor, "--checkpoint", checkpoint, "--root", str(root.resolve()), "--quiet"]
        spawn(["score", *(run.id for run in chosen), *options], chosen[0].log_path)


def start_sampling(run: Run, class_name: str | None, seed: int) -> None:
    """Start to draw ``run.asked_path`` anew, of one class or (None) of all, in a process of low priority that takes seconds.

    What goes wrong there is the last line of the run's log. Raises InputError when it cannot be started.
    """
    asked = [] if class_name is None else [f"--class={class_name}"]
    with explained(f"drawing from run {run.id}"):
        options = ["--seed", str(seed), "--root", str(run.root.resolve()), "--quiet"]
        spawn(["sample", run.id, *asked, *options], run.log_path, is_background=True)


def spawn(arguments: Sequence[str], log: Path, *, is_background: bool = False) -> subprocess.Popen[bytes]:
    """Start ``python -m gan`` with ``arguments`` in a session of its own, so that it outlives this process.

    Its output goes to the end of ``log``. A background process gives way to all others (lower priority).
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
    """Hold the lock under which the queue changes. Raises InputError when it stays taken for long."""
    lock = runs.hold_lock(root / ".queue.lock", "The queue is busy; try again in a moment.", patience=10)
    try:
        yield
    finally:
        lock.release()
