"""The dispatcher: sends the runs of a folder to their engines and follows their jobs.

A process of its own, started when a run is to be sent and gone when nothing is left to follow. What is wanted stands in the run
directories: a queued run wants a job, a stopped one wants none. So it may be killed at any time; the next one goes on. Only
engines are asked here, which may take seconds; pages read what it has noted.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from gan import runs
from gan.errors import InputError, shown
from gan.execution import dispatching
from gan.execution.executors import engines
from gan.execution.executors.engine import NOT_SHARED, Engine, EngineAway, Refused, Seen, Task
from gan.execution.queue import MOST_RESTARTS, queue_lock
from gan.execution.waiting import line
from gan.runs import Run, Scoring, Status, dispatch, index
from gan.runs.dispatch import ENGINES, Job, Kind
from gan.storage import leases, signs

log = logging.getLogger("gan")

_EVERY = 2.0  # seconds between two looks
_AWAY = 15.0  # seconds until an engine that could not be reached is tried again
_IDLE = 30.0  # seconds without work after which the dispatcher ends


def work(root: Path, idle: float = _IDLE) -> None:
    """Send and follow the runs of a folder until nothing is left to do for ``idle`` seconds. Raises InputError if another does."""
    refusal = f"The runs in {root} are already dispatched by another process; wait for it to end."
    held = signs.hold(dispatching.lock_of(root), refusal)
    lease = leases.take(root / ".dispatcher.lease", refusal, patience=leases.DURATION + 10)
    try:
        dispatcher, busy_at = Dispatcher(root), time.monotonic()
        while time.monotonic() - busy_at < idle and not lease.is_lost():
            if dispatcher.look():
                busy_at = time.monotonic()
            time.sleep(_EVERY)
    finally:
        lease.release()
        held.release()


class Dispatcher:
    """The engines in use, and when those that are away are tried again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, Engine] = {}
        self._away: dict[str, tuple[float, str]] = {}

    def look(self) -> bool:
        """Look at all runs once; return whether there is work left."""
        by_engine: dict[str, list[Run]] = defaultdict(list)
        for listed in index.read(self._root):
            if dispatching.has_work(listed):
                assert listed.facts.status
                by_engine[listed.facts.status.engine].append(listed.run)
        places = {one.run.id: place for place, one in enumerate(line(self._root, has_engine=True)) if not one.reason}
        for name, chosen in by_engine.items():
            chosen.sort(key=lambda run: places.get(run.id, -1))
            try:
                engine = self._engine(name)
                ids = [job.id for run in chosen for kind in ("train", "score") if (job := dispatch.job(run, kind)).id]
                seen = engine.look(ids)
                for run in chosen:
                    try:
                        _train(run, engine, seen, is_held=run.id not in places)
                        _score(run, engine, seen)
                    except (InputError, OSError) as error:  # a damaged run, or one that was just deleted
                        log.warning("Run %s is left alone for now: %s", run.id, error)
            except EngineAway as error:
                self._lose(name, str(error), chosen)
        return bool(by_engine)

    def _engine(self, name: str) -> Engine:
        if name not in self._open:
            tried_at, why = self._away.get(name, (-_AWAY, ""))
            if time.monotonic() - tried_at < _AWAY:
                raise EngineAway(why)
            self._away[name] = time.monotonic(), ""
            self._open[name] = engines.open_engine(name)
        return self._open[name]

    def _lose(self, name: str, why: str, chosen: list[Run]) -> None:
        """Say on all runs that wait for an engine that it cannot be reached."""
        if self._away.get(name, (0.0, ""))[1] != why:
            log.warning("%s cannot be reached: %s", ENGINES[name], why)
        self._away[name] = time.monotonic(), why
        self._open.pop(name, None)
        sentence = f"{ENGINES[name]} cannot be reached ({shown(why, 200)}); the run waits. To train it here, stop and resume it."
        for run in chosen:
            _note(run, "queued", sentence)


def _train(run: Run, engine: Engine, seen: Mapping[str, Seen], *, is_held: bool) -> None:
    """Bring the job of a run in line with its status."""
    try:
        status = run.stored_status()
    except InputError:
        return
    job = dispatch.job(run)
    found = seen.get(job.id, Seen("ended"))
    title = ENGINES[status.engine]
    if job.id and (job.state, job.node, job.message) != (found.state, found.node, found.why):
        job = job.model_copy(update={"state": found.state, "node": found.node, "message": found.why})
        dispatch.write_job(run, job)
    if found.state != "ended":
        if status.state == "queued":
            why = f" ({shown(found.why)})" if found.why else ""
            where = f"Starting on {found.node}" if found.state == "running" else f"Waiting for a place on {title}{why}"
            _note(run, "queued", f"{where}; job {job.id}.")
        elif status.state not in runs.UNDER_WAY and found.state == "waiting":
            engine.cancel(job.id)
        return
    if status.state in ("starting", "running") and run.judged(status).state == "queued":
        last = f" {title} says: {shown(found.why)}." if found.why else ""
        message = f"The job on {shown(status.host)} was lost at step {status.step:,}.{last} It is sent again."
        _note(run, status.state, message, "queued")
        status = run.stored_status()
    if status.state != "queued" or is_held:
        return
    if job.tries and found.code == NOT_SHARED:
        message = f"A node of {title} does not see {run.root}; share this folder and that of the program with all nodes."
        _note(run, "queued", message, "failed")
        return
    if job.tries > MOST_RESTARTS:
        ended = shown(found.why) or "see the log"
        message = f"{title} has ended the job {job.tries} times ({ended}); mend that and resume the run, or resume it elsewhere."
        _note(run, "queued", message, "failed")
        return
    try:
        sent = engine.submit(_task(run, "train", ["resume", run.id, "--from-queue", "--on", status.engine]))
    except Refused as error:
        why = shown(str(error), 200)
        message = f"{title} refuses the job ({why}); change the run or the options, then resume it, or train it here."
        _note(run, "queued", message, "failed")
        return
    dispatch.write_job(run, Job(id=sent, state="waiting", tries=job.tries + 1))
    _note(run, "queued", f"Sent to {title}; job {sent}.")


def _score(run: Run, engine: Engine, seen: Mapping[str, Seen]) -> None:
    """Send a score that was asked for, and follow its job."""
    asked, job = dispatch.request(run), dispatch.job(run, "score")
    if asked is None:
        return
    title = ENGINES[run.stored_status().engine]
    found = seen.get(job.id, Seen("ended"))
    scoring = run.scoring()
    if job.id and found.state != "ended":
        if scoring.host in ENGINES:  # not yet the scorer's own
            run.write_scoring(scoring.model_copy(update={"heartbeat": time.time(), "message": f"Waiting for a place on {title}"}))
        return
    if job.id and scoring.host in ENGINES:
        message = f"{title} ended the scoring ({shown(found.why) or 'see the log of the run'}); score the run again."
        run.write_scoring(Scoring(state="failed", message=message, host=scoring.host))
    if job.id:
        dispatch.write_job(run, Job(), "score")
        dispatch.drop_request(run)
        return
    options = ["--extractor", asked.extractor, "--checkpoint", asked.checkpoint, "--quiet"]
    try:
        sent = engine.submit(_task(run, "score", ["score", run.id, *options]))
    except Refused as error:
        message = f"{title} refuses the job ({shown(str(error), 200)}); score the run again."
        run.write_scoring(Scoring(state="failed", message=message, host=scoring.host))
        dispatch.drop_request(run)
        return
    dispatch.write_job(run, Job(id=sent, state="waiting", tries=1), "score")


def _task(run: Run, kind: Kind, arguments: list[str]) -> Task:
    status = run.stored_status()
    needed = dispatch.read(run)
    if needed is None or needed.engine != status.engine:
        config = run.config()
        needed = engines.needs(run.root, config, status.engine)
        needed = needed.model_copy(update={"cores": status.threads * config.training.processes or needed.cores})
        dispatch.write(run, needed)
    name = f"gan-{kind}-{run.id}"
    return Task(name, [*arguments, "--root", str(run.root.resolve())], run.path.resolve(), run.log_path.resolve(), needed)


def _note(run: Run, expected: str, message: str, state: str = "") -> None:
    """Write a message on a run that is in the ``expected`` state still, and another state if given."""
    with contextlib.suppress(InputError), queue_lock(run.root):
        status: Status = run.stored_status()
        update = {"message": message} | ({"state": state} if state else {})
        if status.state == expected and any(getattr(status, key) != value for key, value in update.items()):
            run.write_status(status.model_copy(update=update))
