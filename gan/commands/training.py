"""The `train`, `resume` and `fork` commands."""

from __future__ import annotations

import argparse
import logging
import shlex
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gan import runs, words
from gan.commands import torchrun
from gan.commands.arguments import (
    FORMAT,
    Parser,
    add_assignments,
    add_engine,
    add_length,
    add_settings,
    changes_of,
    complain,
    config_of,
    length_of,
)
from gan.commands.changing import add_planned, planned_of
from gan.commands.progress_bar import ProgressBar
from gan.config import schedules
from gan.errors import InputError, explained
from gan.execution import queue, quotas
from gan.execution.executors import engines
from gan.execution.executors.engine import REQUEUE
from gan.guests import guest as guests
from gan.guests import networks
from gan.guests.guest import Guest
from gan.machine import host, usual_threads
from gan.places import default_root
from gan.runs import Held, Run, Status, adopted, changes, checkpoints, dispatch, forks

if TYPE_CHECKING:
    from gan.training.quick import Scorer


def add(command: Callable[..., Parser]) -> None:
    """Add ``train``, ``resume`` and ``fork`` to the command line."""
    train = command("train", "Train a new run in the foreground; Ctrl-C stops it cleanly.", train_run)
    add_settings(train)
    add_length(train)
    train.add_argument("--name", default="", metavar="TEXT", help="display name of the run")
    add_planned(train)
    add_engine(train)

    resume = command("resume", "Resume a run from its last checkpoint, in the foreground.", resume_run)
    resume.add_argument("run_id", metavar="RUN")
    add_length(resume)
    resume.add_argument("--quiet", action="store_true", help="no progress bar; write only to standard error")
    resume.add_argument("--from-queue", action="store_true", help=argparse.SUPPRESS)
    resume.add_argument("--progress", action="store_true", help=argparse.SUPPRESS)  # even from the queue
    add_engine(resume)

    fork = command("fork", "Continue from a checkpoint of a run as a new run with other settings, in the foreground.", fork_run)
    fork.add_argument("run_id", metavar="RUN", help="a run, or a guest whose generator came with its discriminator")
    chosen = fork.add_mutually_exclusive_group()
    chosen.add_argument("--step", type=int, metavar="N", help="step of an existing checkpoint (default: the newest)")
    chosen.add_argument(
        "--checkpoint", choices=("last", "best"), default="last", help="last (default), or best: the checkpoint with the lowest FID"
    )
    add_assignments(fork)
    add_length(fork)
    fork.add_argument("--name", default="", metavar="TEXT", help="display name of the fork")
    add_planned(fork)


def train_run(options: argparse.Namespace) -> int:
    config, name = config_of(options), runs.checked_name(options.name)
    planned = planned_of(options, config)
    if engine := engines.require(options.on):
        run = runs.create(options.root, config, name, engine=engine, fill=lambda run: changes.store(run, planned))
        return _sent(run)
    from gan.data import loaders

    with ProgressBar(is_quiet=False) as progress:
        loaders.ensure(config.data, progress.report)  # before making the run, which would be useless without data
    threads = config.training.threads or usual_threads()
    run = runs.create(options.root, config, name, state="starting", threads=threads, fill=lambda run: changes.store(run, planned))
    return _foreground(run, run.hold(), is_quiet=False)


def resume_run(options: argparse.Namespace) -> int:
    run = runs.find(options.root, options.run_id)
    config = run.config()
    if torchrun.rank():
        return torchrun.follow(run)
    if options.from_queue and options.on:
        return _at_engine(run, options.on)
    if options.from_queue:  # the queue has already checked and recorded everything
        return _foreground(run, run.hold(), is_quiet=not options.progress)
    length, status = length_of(options), run.status()
    if status.state in ("running", "starting"):
        raise InputError(f"Run {run.id} is already under way; stop it first, or wait until it ends.")
    total = queue.total_after(run, status, length)
    for sentence in (checkpoints.changed_data(run), schedules.after_prolonging(config, status.step, status.total_steps, total)):
        if sentence:
            print(sentence)
    if engines.require(options.on):
        queue.resume(run, length, options.on)
        return _sent(run)
    held = run.hold()
    with explained(f"resuming run {run.id}"):
        # On the command line everyone is the teacher.
        run.write_control(stop=False, length=length or run.control().length, is_unlimited=True)
        threads = status.threads or config.training.threads or usual_threads()
        update = {"state": "starting", "threads": threads, "total_steps": total, "engine": "", "gpu": "", "heartbeat": time.time()}
        run.write_status(status.model_copy(update=update))
    return _foreground(run, held, is_quiet=options.quiet)


def _sent(run: Run) -> int:
    """Let the dispatcher send a run, and say so."""
    queue.advance(run.root)
    print(f"Run {run.id} is sent to {dispatch.ENGINES[run.status().engine]}; “python -m gan runs” shows how far it is.")
    return 0


def _at_engine(run: Run, engine: str) -> int:
    """Train a run in a job of an engine, unless it is no longer wanted; return 75 if the job is to be started again."""
    status = run.stored_status()
    if status.engine != engine or status.state not in runs.UNDER_WAY or run.control().stop:
        print(f"Run {run.id} is not waiting for {engine} any more.", flush=True)
        if status.engine == engine and status.state in runs.UNDER_WAY:
            run.write_status(status.model_copy(update={"state": "stopped", "message": "Stopped; resume it to continue."}))
        return 0 if torchrun.rank() is None else 1  # an error of process 0 lets torchrun end the others
    held = run.hold()
    needed = dispatch.read(run) or dispatch.Dispatch(engine=engine)
    now = time.time()
    update = {
        "state": "starting",
        "message": "Starting",
        "host": host(),
        "heartbeat": now,
        "started_at": now,
        "beat": status.beat + 1,
    }
    run.write_status(run.stored_status().model_copy(update={**update, "threads": status.threads or needed.threads(run.config())}))
    return _foreground(run, held, is_quiet=True, engine=engine)


def fork_run(options: argparse.Namespace) -> int:
    parent = guests.find(options.root, options.run_id)
    if isinstance(parent, Guest):
        return _fork_guest(parent, options)
    wanted, step = changes_of(options), options.step
    if options.checkpoint == "best":
        step = forks.best(parent)
        if step is None:
            raise InputError(f"Run {parent.id} has no best checkpoint; leave --checkpoint out to fork from its newest one.")
    found = forks.plan(changes.config_at(parent, step), wanted)
    threads = found.config.training.threads or usual_threads()
    child = forks.make(
        parent,
        step,
        wanted,
        options.name,
        state="starting",
        threads=threads,
        then=lambda child, begun: changes.store(child, planned_of(options, child.config(), begun)),
    )
    held = child.hold()
    origin = child.origin()
    print(f"Forked {parent.id} as {child.id}, {forks.describe(origin)}." if origin else child.id)
    if not found.goes_on:
        print(f"Starting afresh: {found.reason}")
    return _foreground(child, held, is_quiet=False)


def _fork_guest(guest: Guest, options: argparse.Namespace) -> int:
    """Train both players of a guest on, as a run."""
    if options.step is not None or options.checkpoint == "best":
        raise InputError(f"{guest.id} is a guest, which has one pair of networks; leave out --step and --checkpoint.")
    wanted = changes_of(options)
    config = networks.config_of(guest, wanted)
    run = networks.fork(
        guest,
        wanted,
        options.name,
        state="starting",
        threads=config.training.threads or usual_threads(),
        then=lambda run, begun: changes.store(run, planned_of(options, run.config(), begun)),
    )
    held = run.hold()
    if origin := adopted.read(run):
        print(f"Run {run.id}. {adopted.describe(origin)}")
    return _foreground(run, held, is_quiet=False)


def _foreground(run: Run, held: Held, *, is_quiet: bool, engine: str = "") -> int:
    """Train a run in this process and release its lock ``held`` afterwards. Shows a progress bar unless quiet.

    A run on several processes is trained by those that torchrun starts; this process waits for them. ``engine``: the one whose job
    this is.
    """
    if run.config().training.processes > 1 and torchrun.rank() is None:
        held.release()  # for process 0; the id of this process shows meanwhile that the run is starting
        torchrun.launch(run, [*(["--on", engine] if engine else []), *([] if is_quiet else ["--progress"])])
        status = run.status()
        if status.state == "interrupted":
            return complain(status.message, status=1)
        return 0 if status.state in ("finished", "stopped") else REQUEUE if status.state in runs.UNDER_WAY else 1
    interrupted = _Interrupt()
    try:
        with explained(f"writing the log of run {run.id}"):
            _log_to(run, is_quiet=is_quiet)
        from gan.training import team
        from gan.training.loop import Evicted
        from gan.training.train import train  # imports torch, which is slow: only once the run is locked

        joined = team.join()
        allowance = quotas.Allowance(run)
        with ProgressBar(is_quiet) as progress:

            def observe(status: Status, line: dict[str, Any] | None) -> None:
                allowance.note(status.seconds)
                progress.observe(status, line)

            title = dispatch.ENGINES.get(run.status().engine)
            evicted = Evicted(f"{title} took the place away; the run goes on when there is another.") if title else True

            def should_stop() -> bool | str:
                return evicted if interrupted.is_set() else allowance.reason()

            status = train(run, observe, should_stop, scorer, held.is_lost, joined)
    finally:
        held.release()
        if not run.status().engine:
            queue.advance(run.root)
    if status.state in ("interrupted", "queued"):
        return REQUEUE if joined.size > 1 else complain(status.message, status=REQUEUE)
    is_well = status.state in ("finished", "stopped")
    if not is_quiet:
        print(_closing_words(run, status), file=sys.stdout if is_well else sys.stderr)
    return 0 if is_well else 1


def scorer() -> Scorer:
    """Return the scorer used during training."""
    from gan.scoring import during_training  # imports torchmetrics, so only at the first score

    return during_training


def _closing_words(run: Run, status: Status) -> str:
    elsewhere = "" if run.root == default_root() else f" --root {shlex.quote(str(run.root))}"
    if status.state == "stopped":
        return f"Stopped at step {status.step} of {status.total_steps}. Go on with: python -m gan resume {run.id}{elsewhere}"
    if status.state == "finished":
        score = f"python -m gan score {run.id}{elsewhere}"
        return f"Finished {words.count(status.step, 'step')}. Samples: {run.samples_path}. Score it with: {score}"
    return f"{status.state.capitalize()} at step {status.step}: {status.message} The log is {run.log_path}."


def _log_to(run: Run, *, is_quiet: bool) -> None:
    """Log to the run's file. The standard error of a quiet process is already that file."""
    if is_quiet:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=FORMAT)
    else:
        logging.basicConfig(filename=run.log_path, level=logging.INFO, format=FORMAT, encoding="utf-8")


class _Interrupt:
    """Turns Ctrl-C and SIGTERM into a request to stop; a second Ctrl-C ends the process immediately."""

    def __init__(self) -> None:
        self._is_set = False
        for name in ("SIGINT", "SIGTERM"):
            signal.signal(getattr(signal, name), self._catch)

    def _catch(self, number: int, frame: object) -> None:
        if self._is_set and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set
