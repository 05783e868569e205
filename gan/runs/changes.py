"""Changes of settings while a run trains: requests for them, the record of those applied, and the settings that follow.

A request is a file in ``requests/``, written by anyone; the trainer alone appends to ``changes.jsonl``. A change is applied between
two steps, after a checkpoint, and replayed when the run resumes: the record and the configuration together determine the training.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan import config as configs
from gan.access import classroom
from gan.access.people import current
from gan.access.rules import require
from gan.config import RunConfig
from gan.config.changing import fixed_reason
from gan.errors import InputError, RunFailed, explained
from gan.runs.run import Run
from gan.storage import files
from gan.storage.lines import LineWriter, read_complete
from gan.storage.models import read_cached
from gan.storage.newest import newest
from gan.words import on_one_line

LONGEST_WHO = 60  # characters of the name of who asked
_MOST_REQUESTS = 100  # waiting for a run
_ID = r"[0-9a-f]{24}"


class Change(BaseModel):
    """Settings changed, or to be changed, before the step after ``step``: their new values and those of before.

    In a request, ``step`` is the earliest one at which it may be applied. ``who`` asked for it; ``at`` is the time in seconds since
    1970. ``refusal``: why a request was not granted.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    id: str = Field(pattern=f"^{_ID}$")
    step: int = Field(ge=0)
    changes: dict[str, Any] = Field(min_length=1)
    before: dict[str, Any]
    who: str = Field(default="", max_length=LONGEST_WHO)
    at: float = 0.0
    refusal: str = ""

    def told(self) -> str:
        """Return the change in words, e.g. "Generator learning rate 0.0002 → 0.0001"."""
        return tell(self.changes, self.before)

    def coded(self) -> str:
        """Return the new values in short codes, e.g. "lr_G 1e-4"."""
        return ", ".join(configs.coded(key, value) for key, value in self.changes.items())


def tell(changes: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Return changed settings in words, e.g. "Generator learning rate 0.0002 → 0.0001"."""
    return ", ".join(f"{configs.title(key)} {_text(before.get(key))} → {_text(value)}" for key, value in changes.items())


def applied(run: Run) -> list[Change]:
    """Return the changes on record, in order, without damaged lines; empty if there are none."""
    with contextlib.suppress(InputError):
        found: list[Change | None] = list(read_cached(_read, run.changes_path))
        return [change for change in found if change]
    return []


def replayed(run: Run) -> list[Change]:
    """Return the changes on record, for the trainer. Raises RunFailed if a line is damaged, since it cannot be left out."""
    found: list[Change | None] = list(read_cached(_read, run.changes_path)) if run.changes_path.exists() else []
    if None in found:
        raise RunFailed(
            f"Line {found.index(None) + 1} of the changes made to run {run.id} ({run.changes_path.name}) is damaged, and without "
            "it the training would go on differently; restore the file from a backup, or fork the run from a checkpoint."
        )
    return [change for change in found if change]


@newest(2048, subject=1)
def _read(path: Path, inode: int, changed: int, size: int) -> tuple[Change | None, ...]:
    """Return the changes in a file; None for each damaged line, except one that a crash cut off at the end."""
    found: list[Change | None] = []
    for line in read_complete(path)[0].splitlines():
        try:
            change = Change.model_validate_json(line)
        except ValidationError:
            found.append(None)
            continue
        if change.id not in {one.id for one in found if one}:
            found.append(change)
    return tuple(found)


def marks(chosen: Iterable[Change]) -> list[tuple[int, str]]:
    """Return the steps to be marked in curves, with the new values in short codes; one mark for all changes of a step."""
    found: dict[int, str] = {}
    for change in chosen:
        found[change.step] = ", ".join(filter(None, (found.get(change.step), change.coded())))
    return list(found.items())


# Settings


def until(run: Run, step: int | None = None) -> list[Change]:
    """Return the changes on record up to ``step``, with which a run goes on from there; None is all."""
    return [change for change in applied(run) if step is None or change.step <= step]


def made_before(run: Run, change: Change) -> list[Change]:
    """Return the changes on record before another one. Raises InputError if that is not on record."""
    record = applied(run)
    places = [place for place, one in enumerate(record) if one.id == change.id]
    if not places:
        raise InputError(f"Run {run.id} has no such change; reload the page.")
    return record[: places[0]]


def config_at(run: Run, step: int | None = None) -> RunConfig:
    """Return the settings with which a run goes on from ``step``; None is with all changes.

    Raises InputError if the configuration is missing or damaged.
    """
    return with_changes(run.config(), until(run, step))


def with_changes(config: RunConfig, chosen: Iterable[Change]) -> RunConfig:
    """Return settings after some changes."""
    merged: dict[str, Any] = {}
    for change in chosen:
        merged |= change.changes
    return configs.replace(config, merged) if merged else config


def flat(run: Run, chosen: Sequence[Change] | None = None) -> dict[str, Any]:
    """Return all settings of a run as :func:`gan.config.flatten`; those changed on the way as "0.0002 → 0.0001 (step 400)".

    ``chosen``: the changes that count, by default all. Raises InputError if the configuration is missing or damaged.
    """
    found = configs.flatten(run.config())
    for change in applied(run) if chosen is None else chosen:
        for key, value in change.changes.items():
            found[key] = f"{_text(found.get(key))} → {_text(value)} (step {change.step:,})"
    return found


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


# Requests


def ask(
    run: Run, asked: Mapping[str, Any], *, seen: Mapping[str, Any] | None = None, who: str = "", step: int | None = None
) -> Change:
    """Ask the trainer of a run to change settings, and return the request.

    ``seen``: the values that the person has in view, by default the present ones; the trainer refuses the change if one is another
    by then. ``step``: the earliest step after which the change applies, by default the present one; a later one may also be asked
    of a run that waits. ``who`` asks; in a class, it is the acting person. Raises InputError if the run has ended, for settings
    that cannot change and for impossible values.
    """
    require("change", run.owner(), f"run {run.id}")
    status = run.status()
    if status.state not in ("starting", "running") and not (step and status.state == "queued"):
        raise InputError(
            f"Run {run.id} is {status.state}, so nothing can change while it trains; resume it, or fork it with other settings."
        )
    who = on_one_line(current().name if classroom.is_on() else who)
    if len(who) > LONGEST_WHO:
        raise InputError(f"The name has {len(who)} characters, expected at most {LONGEST_WHO}; shorten it.")
    config = config_at(run)
    changes = changed(config, asked)
    present = configs.flatten(config)
    before = {key: (seen or present).get(key, present[key]) for key in changes}
    if sentence := conflict(run, config, before):
        raise InputError(sentence)
    first = max(status.step, step or 0)
    if status.total_steps and first >= status.total_steps:
        raise InputError(f"Run {run.id} ends at step {status.total_steps:,}; choose an earlier step for the change.")
    if sum(not one.refusal for one in requests(run)) >= _MOST_REQUESTS:
        raise InputError(f"Run {run.id} has {_MOST_REQUESTS} changes waiting; wait until the trainer has applied some.")
    id_ = f"{time.time_ns():016x}{secrets.token_hex(4)}"
    request = Change(id=id_, step=first, changes=changes, before=before, who=who, at=time.time())
    with explained(f"sending a change to run {run.id}"):
        store(run, [request])
    return request


def planned(config: RunConfig, steps: Iterable[tuple[int, Mapping[str, Any]]], *, begun: int = 0, who: str = "") -> list[Change]:
    """Return requests for changes at ``steps`` of a training that begins after the step ``begun``; see :func:`store`.

    Raises InputError for the first one that is impossible.
    """
    found: list[Change] = []
    for number, (step, asked) in enumerate(sorted(steps, key=lambda one: one[0])):
        if not begun < step < config.total_steps:
            raise InputError(
                f"A change is planned for step {step:,}, expected {begun + 1:,} to {config.total_steps - 1:,}; choose another step."
            )
        changes, present = changed(config, asked), configs.flatten(config)
        id_ = f"{time.time_ns() + number:016x}{secrets.token_hex(4)}"  # in this order
        before = {key: present[key] for key in changes}
        found.append(Change(id=id_, step=step, changes=changes, before=before, who=who, at=time.time()))
        config = configs.replace(config, changes)
    return found


def store(run: Run, chosen: Sequence[Change]) -> None:
    """Write requests to a run, which its trainer grants when they are due."""
    if chosen:
        run.requests_path.mkdir(exist_ok=True)
    for request in chosen:
        files.write_json(_path(run, request), request.model_dump(mode="json"))


def changed(config: RunConfig, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in ``asked`` that differ from ``config``, in their usual form.

    Raises InputError if one cannot change while a run trains, if a value is impossible, and if nothing differs.
    """
    present = configs.flatten(config)
    for key in asked:
        if key in present and (reason := fixed_reason(config, key)):
            raise InputError(f"{configs.title(key)} ({key}) cannot change while a run trains: {reason}; leave it out.")
    try:
        wanted = configs.flatten(configs.replace(config, dict(asked)))
    except InputError as error:
        if "networks." not in str(error):
            raise
        why = str(error).partition(";")[0].rstrip(".")  # the advice that follows cannot be taken while a run trains
        raise InputError(f"{why}; the networks cannot change while a run trains, so start a new run for this.") from None
    found = {key: wanted[key] for key in asked if wanted[key] != present[key]}
    if not found:
        there = ", ".join(f"{configs.title(key)} {_text(present[key])}" for key in asked)
        raise InputError(f"These are the present settings already ({there or 'none given'}); enter another value.")
    return found


def conflict(run: Run, config: RunConfig, before: Mapping[str, Any]) -> str:
    """Return one sentence if a setting no longer has the value in ``before``, because somebody else has changed it."""
    present = configs.flatten(config)
    for key, value in before.items():
        if present.get(key) != value:
            last = next((one for one in reversed(applied(run)) if key in one.changes), None)
            by = f"{last.who or 'somebody'} changed it at step {last.step:,}" if last else "it was changed"
            return (
                f"{configs.title(key)} is {_text(present.get(key))} by now, not {_text(value)}: {by}; look at the curves, then "
                "change it again if you still want to."
            )
    return ""


def requests(run: Run) -> list[Change]:
    """Return the requests of a run that wait for the trainer, or that are refused, oldest first.

    One that came after the last look of a trainer that has finished is too late, though nobody has written so.
    """
    found: list[Change] = []
    with contextlib.suppress(OSError):
        for path in sorted(run.requests_path.glob("*.json")):  # not the temporary files of those who write now
            with contextlib.suppress(OSError, ValueError):
                found.append(Change.model_validate_json(path.read_bytes()))
    if any(not one.refusal for one in found) and (status := run.status()).state == "finished":
        late, made = {"refusal": too_late(status.step)}, {change.id for change in applied(run)}
        found = [one if one.refusal or one.id in made else one.model_copy(update=late) for one in found]
    return found


def answered(run: Run, request: Change) -> Change | None:
    """Return what became of a request: the change on record, or the request with its refusal; None while it waits."""
    if found := next((change for change in applied(run) if change.id == request.id), None):
        return found
    left = {one.id: one for one in requests(run)}
    if request.id in left:
        return left[request.id] if left[request.id].refusal else None
    gone = f"Run {run.id} no longer has this request; look at its settings, and ask again."
    return next(
        (change for change in applied(run) if change.id == request.id), request.model_copy(update={"refusal": gone})
    )  # read again: it may have been applied between the two looks


# For the trainer


def record(run: Run, change: Change) -> None:
    """Append a change to the record, so that it survives a power cut. Raises OSError, with nothing on record, if that fails."""
    writer = LineWriter(run.changes_path)
    before = run.changes_path.stat().st_size
    try:
        writer.write(change.model_dump(mode="json", exclude={"refusal"}))
        writer.sync()
        files.sync_directory(run.path)
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(run.changes_path, before)
        raise
    finally:
        writer.close()


def too_late(step: int) -> str:
    """Return the refusal of a change to a training that ended at ``step``."""
    return f"The training ended at step {step:,}, before this change; fork the run with other settings."


def refuse(run: Run, request: Change, sentence: str) -> None:
    """Answer a request with the reason why it is not granted."""
    store(run, [request.model_copy(update={"refusal": sentence})])


def withdraw(run: Run, request: Change) -> None:
    """Remove a request that waits, or whose refusal has been read."""
    require("change", run.owner(), f"run {run.id}")
    with contextlib.suppress(FileNotFoundError):
        _path(run, request).unlink()


def _path(run: Run, request: Change) -> Path:
    return run.requests_path / f"{request.id}.json"
