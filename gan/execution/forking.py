"""Forks that start at once: with changed settings, without a change, or both futures of a rewound run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan.access.rules import require
from gan.errors import explained
from gan.execution import quotas
from gan.execution.queue import admission, advance, put_back, queue_lock
from gan.guests import networks
from gan.guests.guest import Guest
from gan.judging import rewind as rewinding
from gan.judging.rewind import Rewind
from gan.runs import Run, forks
from gan.runs.changes import Change


def fork(parent: Run, step: int | None, changes: Mapping[str, Any], name: str = "") -> Run:
    """Create a fork (:func:`gan.runs.forks.make`) at the end of the queue, and start it if cores are free.

    Raises InputError if it cannot be created, or if the limits of the class do not allow it.
    """
    with admission(parent.root) as admit:
        child = forks.make(parent, step, changes, name, then=lambda child, begun: admit(child.config(), step=begun))
    advance(parent.root)
    return child


def adopt(guest: Guest, changes: Mapping[str, Any], name: str = "") -> Run:
    """Create a run that trains the networks of a guest on (:func:`gan.guests.networks.fork`), as :func:`fork` does."""
    with admission(guest.root) as admit:
        run = networks.fork(guest, changes, name, then=lambda run, begun: admit(run.config(), step=begun))
    advance(guest.root)
    return run


def undo(run: Run, change: Change) -> Run:
    """Create a fork without a change and those that followed (:func:`gan.runs.forks.undo`), as :func:`fork` does."""
    with admission(run.root) as admit:
        child = forks.undo(run, change, then=lambda child, begun: admit(child.config(), step=begun))
    advance(run.root)
    return child


def rewind(run: Run, found: Rewind) -> tuple[Run, Run]:
    """Start both futures of a rewound run (:func:`gan.judging.rewind.start`), as :func:`fork` does; both or none."""
    require("fork", run.owner(), f"run {run.id}")
    with explained(f"rewinding run {run.id}"), queue_lock(run.root):
        admit = quotas.gate(run.root, 2)
        made = rewinding.start(run, found, then=lambda child, begun: admit(child.config(), step=begun))
        for one in made:
            put_back(one)
    advance(run.root)
    return made
