"""Where a run trains: on machines of an engine (Ray, Slurm) instead of by the queue of this one, and the job that it has there.

``dispatch.json`` is written with the run, and again only if somebody sends the run elsewhere; ``job-train.json`` and
``job-score.json`` are the dispatcher's notes (:mod:`gan.execution.dispatcher`).
"""

from __future__ import annotations

import contextlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gan.config import RunConfig
from gan.errors import InputError
from gan.runs.run import Run
from gan.storage.files import write_json
from gan.storage.models import read_model

FILE = "dispatch.json"
LOCAL = "local"

#: Engines by name, with their titles.
ENGINES = {LOCAL: "This machine", "ray": "Ray", "slurm": "Slurm"}

Kind = Literal["train", "score"]


class Dispatch(BaseModel):
    """The engine of a run and what a job of it needs there: cores, GPUs, MB of memory, and minutes until it is interrupted."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    engine: str
    cores: int = Field(default=1, ge=1)
    gpus: int = Field(default=0, ge=0)
    memory: int = Field(default=2000, ge=1)
    minutes: int = Field(default=240, ge=1)

    def threads(self, config: RunConfig) -> int:
        """Return the threads of each process of a run that has all these cores."""
        return max(1, self.cores // config.training.processes)


class Job(BaseModel):
    """A job of a run: its id at the engine, ``tries`` so far, and what the engine last said of it.

    ``state``: "waiting" for a place or "running", which an engine may not tell apart, or "ended".
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = ""
    state: Literal["waiting", "running", "ended"] = "ended"
    node: str = ""
    message: str = ""
    tries: int = Field(default=0, ge=0)


class Request(BaseModel):
    """A score that was asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    extractor: str = "auto"
    checkpoint: Literal["last", "best"] = "last"


def read(run: Run) -> Dispatch | None:
    """Return where a run was sent; None if it trains here, or if the file is damaged."""
    with contextlib.suppress(InputError):
        return read_model(Dispatch, run.path / FILE)
    return None


def write(run: Run, dispatch: Dispatch) -> None:
    write_json(run.path / FILE, dispatch.model_dump())


def job(run: Run, kind: Kind = "train") -> Job:
    """Return the latest job of a run; an ended one if there was none yet."""
    with contextlib.suppress(InputError):
        return read_model(Job, run.path / f"job-{kind}.json")
    return Job()


def write_job(run: Run, found: Job, kind: Kind = "train") -> None:
    write_json(run.path / f"job-{kind}.json", found.model_dump())


def request(run: Run) -> Request | None:
    """Return the score that a run was asked for."""
    with contextlib.suppress(InputError):
        return read_model(Request, run.path / "score-request.json")
    return None


def ask_for_score(run: Run, asked: Request) -> None:
    write_json(run.path / "score-request.json", asked.model_dump())


def drop_request(run: Run) -> None:
    """Take back the request for a score; it is answered."""
    (run.path / "score-request.json").unlink(missing_ok=True)
