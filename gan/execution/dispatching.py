"""Starting the dispatcher (:mod:`gan.execution.dispatcher`), which sends runs to engines."""

from __future__ import annotations

from pathlib import Path

from gan import runs
from gan.execution import processes
from gan.execution.executors import engines
from gan.runs import dispatch
from gan.runs.listing import Listed, Listing
from gan.storage import signs


def lock_of(root: Path) -> Path:
    """Return the lock that the dispatcher of a folder holds."""
    return root / ".dispatcher.lock"


def ensure(root: Path, every: Listing) -> None:
    """Start the dispatcher of a folder with ``every`` run if there is work for it and none runs."""
    lock = lock_of(root)
    if signs.is_alive(lock, signs.announced_at(lock)) or not any(map(has_work, every.going)):
        return
    signs.forget(lock)
    arguments = ["dispatch", "--root", str(root.resolve())]
    processes.spawn(arguments, root / ".dispatcher.log", is_background=True, locks=[lock])


def has_work(listed: Listed) -> bool:
    """Return whether a run is, or should be, under way at an engine that this machine can use."""
    status = listed.facts.status
    if status is None or not status.engine:
        return False
    run, is_active = listed.run, status.state in runs.UNDER_WAY
    is_active = is_active or dispatch.request(run) is not None or dispatch.job(run).state != "ended"
    return is_active and not engines.lacking(status.engine)
