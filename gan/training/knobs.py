"""The changes of settings that are due between two steps: those on record, replayed, and those asked for."""

from __future__ import annotations

import time
from collections import deque

from gan.config import RunConfig
from gan.errors import InputError
from gan.runs import Run, changes
from gan.runs.changes import Change
from gan.storage.models import stamp

_FRESH = 200_000_000  # nanoseconds; a folder written so recently may change again without another time


class Knobs:
    """What a training that goes on from ``step`` still has to change. ``config``: its settings until then."""

    def __init__(self, run: Run, asked: RunConfig, step: int) -> None:
        """``asked``: the settings at step 0. Raises RunFailed if the record is damaged."""
        record = changes.replayed(run)
        self._run = run
        self.config = changes.with_changes(asked, (change for change in record if change.step < step))
        self._replayed = deque(change for change in record if change.step >= step)
        self._waiting: list[Change] = []
        self._done: set[str] = set()  # requests that could not even be refused, because the disk is full
        self._seen: tuple[int, int, int] | None = None

    def replayed(self, step: int) -> list[Change]:
        """Return the changes on record for this step, each of them once."""
        found = []
        while self._replayed and self._replayed[0].step <= step:
            found.append(self._replayed.popleft())
        return found

    def asked(self, step: int) -> list[Change]:
        """Return the requests that are due at this step, without those on record or refused."""
        seen = stamp(self._run.requests_path)
        if any(seen) and seen != self._seen:
            self._seen = seen if time.time_ns() - seen[1] > _FRESH else None
            self._waiting = [one for one in changes.requests(self._run) if not one.refusal and one.id not in self._done]
            known = {change.id for change in changes.applied(self._run)} if self._waiting else set()
            for request in [one for one in self._waiting if one.id in known]:  # a crash came between record and removal
                self.settle(request)
        return [one for one in self._waiting if one.step <= step]

    def refusal(self, request: Change, config: RunConfig) -> str:
        """Return why a request cannot be granted to a training with these settings; empty if it can."""
        if sentence := changes.conflict(self._run, config, request.before):
            return sentence
        try:
            changes.changed(config, request.changes)
        except InputError as error:
            return str(error)
        return ""

    def settle(self, request: Change, refusal: str = "") -> None:
        """Remove a request that is on record, or answer it with a refusal. Raises OSError if that is impossible."""
        self._waiting = [one for one in self._waiting if one.id != request.id]
        self._done.add(request.id)
        if refusal:
            changes.refuse(self._run, request, refusal)
        else:
            changes.withdraw(self._run, request)

    def close(self, step: int) -> None:
        """Refuse all requests that still wait when the training is finished."""
        self._seen = None
        self.asked(step)
        for request in list(self._waiting):
            self.settle(request, changes.too_late(step))
