"""The engines by name: which of them this machine can use, and what a run needs of them."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

from gan.access import people
from gan.config import RunConfig
from gan.errors import InputError, nearest, shown
from gan.execution import speeds
from gan.execution.executors import ray_cluster, slurm
from gan.execution.executors.engine import Engine
from gan.machine import usual_threads
from gan.runs.dispatch import ENGINES, LOCAL, Dispatch

_USUAL_MINUTES = 240  # if the speed of a run is unknown
_SPARE_TIME = 2.0  # times the estimate, which is for this machine
_LEAST_MINUTES = 10  # Slurm's own grace and a slow start must fit in
_BASE_MB = 2000  # torch, data and a scorer

_LACKING = {"ray": ray_cluster.lacking, "slurm": slurm.lacking}


def lacking(name: str) -> str:
    """Return what this machine lacks to use an engine; empty if nothing."""
    if name == LOCAL:
        return ""
    return _LACKING[name]() if name in _LACKING else f"This version knows no engine “{shown(name)}”"


def offered() -> list[str]:
    """Return the engines that can be chosen here, this machine first. Whether a cluster answers shows when a run is sent."""
    return [LOCAL, *(name for name in _LACKING if not lacking(name))]


def require(name: str) -> str:
    """Return an engine as runs name it; this machine is "". Raises InputError if it is unknown or cannot be used here."""
    if name in ("", LOCAL):
        return ""
    if name not in ENGINES:
        raise InputError(f"“{name}” is no place to train; {nearest(name, ENGINES)}")
    if not people.current().is_teacher:
        raise InputError(f"Only the teacher may send runs to {ENGINES[name]}; train on this machine.")
    if sentence := lacking(name):
        raise InputError(f"{sentence}; do that, or train on this machine.")
    return name


def open_engine(name: str) -> Engine:
    """Return an engine to work with. Raises EngineAway if it cannot be reached."""
    return ray_cluster.Ray() if name == "ray" else slurm.Slurm()


def needs(root: Path, config: RunConfig, engine: str) -> Dispatch:
    """Return what a run needs of an engine: from its configuration, and the measured speed and layers if they are known.

    ``GAN_ENGINE_GPUS``: GPUs a run whose device is "auto" gets (default 0).
    """
    device, processes = config.training.device, config.training.processes
    gpus = processes * (1 if device == "cuda" else _number("GAN_ENGINE_GPUS", 0) if device == "auto" else 0)
    minutes = _number("GAN_ENGINE_MINUTES", 0)
    if not minutes:
        minutes = _USUAL_MINUTES
        if (found := speeds.find(root, config)) and not gpus:
            seconds = config.total_steps * config.optimizer.images_per_step / found.images_per_second
            minutes = max(_LEAST_MINUTES, math.ceil(_SPARE_TIME * seconds / 60))
    memory = _BASE_MB * processes
    with contextlib.suppress(KeyError, TypeError, ValueError):
        memory += int((speeds.find_layers(root, config) or {})["memory"]) // 1_000_000
    cores = (config.training.threads or usual_threads()) * processes
    return Dispatch(engine=engine, cores=cores, gpus=gpus, memory=memory, minutes=minutes)


def _number(name: str, usual: int) -> int:
    found = os.environ.get(name, "")
    return int(found) if found.isdecimal() else usual
