"""The small JSON files in a run directory as models: status, control, label, origin, membership, scoring."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gan.config.fields import Span
from gan.errors import InputError
from gan.words import on_one_line

State = Literal["queued", "starting", "running", "stopped", "finished", "diverged", "failed", "interrupted"]

#: States of runs that are queued or have a process. "interrupted" is never written: it is inferred from a free lock.
UNDER_WAY = ("queued", "starting", "running")

RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")

LONGEST_NAME = 120

_MOST = 10**15  # upper bound on steps and images; a larger number means a damaged file


class Status(BaseModel):
    """State and progress of a run; replaced atomically by its current owner.

    Times are seconds since 1970. Durations are seconds of training without pauses. Speed is in real images per second.
    ``changed_step`` and ``changed_seconds``: step and duration at the last change of settings, which may change the speed.
    ``epochs`` and ``made_at`` are 0 in runs of earlier versions. ``first`` is below 0 if the run was moved to the front of the
    queue; the lowest one starts first. ``started_at``: when the queue last started the run. ``restarts`` counts automatic restarts
    by the queue after the process was killed. ``software`` lists the versions used in the latest training.

    ``threads`` is the number in each of its ``processes``. ``gpu``: the GPUs that the queue has given to the trainer, as in "0" or
    "0,1"; empty if none.

    ``engine`` trains the run, empty for the queue of this machine. ``host`` is the machine of the latest trainer, empty in runs of
    earlier versions. ``generation`` counts the trainers of the run. ``beat`` counts the writings of this file by a trainer: clocks
    of two hosts may differ, counts do not.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    state: State = "queued"
    step: int = Field(default=0, ge=0, le=_MOST)
    total_steps: int = Field(default=0, ge=0, le=_MOST)
    steps_per_epoch: int = Field(default=1, ge=1, le=_MOST)
    images_seen: int = Field(default=0, ge=0, le=_MOST)
    images_per_second: float | None = None
    epochs: float = Field(default=0.0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    changed_step: int = Field(default=0, ge=0, le=_MOST)
    changed_seconds: float = 0.0
    heartbeat: float = 0.0
    made_at: float = 0.0
    queued_at: float = 0.0
    first: float = 0.0
    started_at: float = 0.0
    threads: int = Field(default=0, ge=0)
    processes: int = Field(default=1, ge=1)
    gpu: str = ""
    restarts: int = Field(default=0, ge=0)
    engine: str = ""
    host: str = ""
    generation: int = Field(default=0, ge=0, le=_MOST)
    beat: int = Field(default=0, ge=0)
    device: str = ""
    precision: str = ""
    software: str = ""
    message: str = ""

    @property
    def is_still(self) -> bool:
        """Whether the run has ended or waits on this machine: only requests and the queue change it."""
        return self.state not in UNDER_WAY or (self.state == "queued" and not self.engine)

    @property
    def epoch(self) -> float:
        """Completed passes over the real images."""
        return self.epochs or self.step / self.steps_per_epoch

    @property
    def seconds_left(self) -> float | None:
        """Remaining seconds of training, estimated from the average speed since the last change of settings."""
        if not self.step or not self.seconds or not self.total_steps:
            return None
        steps, seconds = self.step - self.changed_step, self.seconds - self.changed_seconds
        if steps <= 0 or seconds <= 0:
            steps, seconds = self.step, self.seconds
        return max(0.0, (self.total_steps - self.step) * seconds / steps)


class Control(BaseModel):
    """Requests to a running trainer. ``is_unlimited``: the teacher resumed it, so the class's limit of minutes does not end it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stop: bool = False
    is_unlimited: bool = False
    length: Span | None = None


class Label(BaseModel):
    """Display name, tags and note of a run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


class Origin(BaseModel):
    """Origin of a fork: the parent ``run`` and the ``step`` of the checkpoint (0: started afresh with the parent's settings).

    ``changes`` are the changed settings, ``before`` their values in the parent, which may have been deleted since, and the settings
    that the parent changed on its way. ``seconds``: training time of the parent up to that step; 0 in forks of earlier versions.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str = Field(pattern=f"^{RUN_ID.pattern}$")
    step: int = Field(default=0, ge=0, le=_MOST)
    changes: dict[str, Any] = {}
    before: dict[str, Any] = {}
    seconds: float = Field(default=0.0, ge=0)


class Membership(BaseModel):
    """The sweep of a run and its place there, counted from 0; the sweep may have been deleted since."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sweep: str = Field(pattern=f"^{RUN_ID.pattern}$")
    place: int = Field(ge=0, le=_MOST)
    variant: str = ""


class Opinions(BaseModel):
    """What the discriminator thinks of the real images shown and of the samples of one step, in the order of their grids.

    With ``is_probability``, the probability of "real" (0 to 1); else its output. None: not a finite number.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    is_probability: bool
    real: tuple[float | None, ...]
    fake: tuple[float | None, ...]


class Scoring(BaseModel):
    """State of the scoring process of a run on the machine ``host``; ``progress`` is a share from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    state: Literal["idle", "running", "finished", "failed"] = "idle"
    progress: float = Field(default=0.0, ge=0, le=1)
    seconds_left: float | None = None
    message: str = ""
    heartbeat: float = 0.0
    host: str = ""


def checked_name(name: str) -> str:
    """Return a display name on one line. Raises InputError if it is too long."""
    name = on_one_line(name)
    if len(name) > LONGEST_NAME:
        raise InputError(f"The name has {len(name)} characters, expected at most {LONGEST_NAME}; shorten it.")
    return name


def shortened(name: str) -> str:
    """Return a display name on one line, truncated to the maximum length."""
    name = on_one_line(name)
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
