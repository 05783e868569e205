"""Estimated time and disk space of trainings on this machine, from cached speed measurements and layer tables.

Speeds come from a short measurement (``python -m gan estimate``), layer tables from ``python -m gan layers``. Both run in separate
processes because they need torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from gan import config as configs
from gan import launcher, presets, runs, sweeps
from gan.config import GRID, RunConfig
from gan.errors import InputError
from gan.runs import Run

_FOLDER = ".estimates"
MOST_MEASURED = 12  # kinds of runs measured per sweep; the others are assumed to be similar
STARTING_SECONDS = 5.0  # startup time of a trainer before its first step
_KEPT_CHECKPOINTS = 3  # the newest two and the best one
_LINE_BYTES = 350  # per logged line of metrics
_SCATTER_BYTES = 30_000  # per scatter plot of points


@dataclass(frozen=True)
class Estimate:
    """Speed of a configuration in real images per second, and the resulting durations in seconds."""

    images_per_second: float
    threads: int
    precision: str
    seconds_per_epoch: float
    seconds: float
    device: str = "cpu"


def key(config: RunConfig) -> str:
    """Return a digest of all settings that affect the speed of training, plus the number of cores."""
    deciding = {
        "networks": config.networks.model_dump(mode="json"),
        "objective": config.objective.model_dump(mode="json"),
        "image": config.data.shape,
        "batch": config.optimizer.batch_size,
        "classes": config.classes,
        "augmentation": config.augmentation.model_dump(mode="json"),
        "turns": config.optimizer.discriminator_steps,
        "algorithm": config.optimizer.algorithm,
        "average": config.optimizer.ema_half_life > 0,
        "compile": config.training.compile,
        "machine": [config.training.device, config.training.precision, config.training.threads, launcher.cores()],
    }
    return _digest(deciding)


def kind(config: RunConfig) -> str:
    """Return a digest of everything that affects the speed or the size of checkpoints."""
    return key(config) + layers_path(Path(), config).name


def find(root: Path, config: RunConfig) -> Estimate | None:
    """Return the latest speed measurement of a configuration, or None."""
    try:
        found = json.loads(path(root, config).read_bytes())
        speed, threads = float(found["images_per_second"]), int(found["threads"])
        return make(config, speed, threads, str(found["precision"]), str(found.get("device", "cpu")))
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError):
        return None


def pace(run: Run, among: int) -> float | None:
    """Return seconds per step for a run queued among ``among`` others, or None if its speed has not been measured."""
    with contextlib.suppress(InputError):
        config = as_queued(run.config(), among)
        if found := find(run.root, config):
            return config.optimizer.images_per_step / found.images_per_second
    return None


def as_queued(config: RunConfig, among: int) -> RunConfig:
    """Return ``config`` with the number of threads that the queue will probably assign it among ``among`` waiting runs.

    With many waiting runs, most get one thread each. A single run gets the default number, with which it is measured anyway.
    """
    threads = min(launcher.usual_threads(), max(1, launcher.cores() // max(1, among)))
    if config.training.threads or threads == launcher.usual_threads():
        return config
    return config.model_copy(update={"training": config.training.model_copy(update={"threads": threads})})


def unknown(root: Path, chosen: Sequence[RunConfig]) -> list[RunConfig]:
    """Return the configurations to measure before a sweep of ``chosen``: one per kind without a known speed or layer table."""
    kinds: dict[str, RunConfig] = {}
    for config in (as_queued(one, len(chosen)) for one in chosen):
        kinds.setdefault(kind(config), config)
    lacking = (one for one in kinds.values() if find(root, one) is None or find_layers(root, one) is None)
    return list(itertools.islice(lacking, MOST_MEASURED))


def keep(root: Path, config: RunConfig, images_per_second: float, threads: int, precision: str, device: str = "cpu") -> Estimate:
    """Store a measured speed and return the resulting estimate."""
    path(root, config).parent.mkdir(parents=True, exist_ok=True)
    found = {"images_per_second": images_per_second, "threads": threads, "precision": precision, "device": device}
    runs.write_json(path(root, config), found | {"time": time.time()}, durable=False)
    return make(config, images_per_second, threads, precision, device)


def make(config: RunConfig, images_per_second: float, threads: int, precision: str, device: str = "cpu") -> Estimate:
    """Return the estimate for a given speed."""
    a_step = config.optimizer.images_per_step / images_per_second
    per_epoch, total = config.steps_per_epoch * a_step, config.total_steps * a_step
    return Estimate(images_per_second, threads, precision, per_epoch, total, device)


def path(root: Path, config: RunConfig) -> Path:
    """Return the path of the stored speed of a configuration."""
    return root / _FOLDER / f"{key(config)}.json"


def is_measuring(root: Path) -> bool:
    """Return whether a measurement is running; there is never more than one."""
    return runs.is_locked(root / _FOLDER / "lock")


def start_measuring(root: Path, config: RunConfig) -> subprocess.Popen[bytes]:
    """Start measuring a configuration in a low-priority process and return the process.

    Raises InputError if the folder is not writable.
    """
    try:
        return _start(root, config, "estimate")
    except OSError as error:
        raise InputError(f"The speed cannot be measured ({error}); training can be started anyway.") from error


def hold(root: Path) -> FileLock:
    """Take the measurement lock, waiting for a running measurement. Raises InputError after 30 seconds."""
    (root / _FOLDER).mkdir(parents=True, exist_ok=True)
    return runs.hold_lock(root / _FOLDER / "lock", "Another measurement is running; wait until it finishes.", patience=30)


def find_layers(root: Path, config: RunConfig) -> dict[str, Any] | None:
    """Return the layer table of a configuration (see ``gan.networks.report``), or None."""
    try:
        found = json.loads(layers_path(root, config).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {"generator", "discriminator", "memory", "batch_size"} <= found.keys() else None


def keep_layers(root: Path, config: RunConfig, report: dict[str, Any]) -> None:
    """Store a layer table: a ``gan.networks.report.Report`` as a dictionary."""
    target = layers_path(root, config)
    target.parent.mkdir(parents=True, exist_ok=True)
    runs.write_json(target, report, durable=False)


def layers_path(root: Path, config: RunConfig) -> Path:
    """Return the path of the stored layer table of a configuration."""
    optimizer = config.optimizer
    deciding = {
        "networks": config.networks.model_dump(mode="json"),
        "image": config.data.shape,
        "classes": config.classes,
        "batch": optimizer.batch_size,
        "moments": [optimizer.algorithm, optimizer.beta1 > 0],
        "average": optimizer.ema_half_life > 0,
    }
    return root / _FOLDER / f"{_digest(deciding)}.layers.json"


def start_describing(root: Path, config: RunConfig) -> None:
    """Start computing the layer table of a configuration in a low-priority process that takes seconds.

    Raises InputError if the folder is not writable.
    """
    try:
        _start(root, config, "layers", "--quiet")
    except OSError as error:
        raise InputError(f"The layer table cannot be computed ({error}); training can be started anyway.") from error


@dataclass(frozen=True)
class Forecast:
    """Cost of several runs: seconds until the last one ends (None if no speed is known) and bytes on disk."""

    seconds: float | None
    disk_bytes: int


def forecast(root: Path, chosen: Sequence[RunConfig]) -> Forecast:
    """Return the time and disk space for training ``chosen`` in this order, with the queue's concurrency.

    Speeds are those with the threads that a run gets in a queue of this length. Unmeasured configurations are assumed to have the
    mean time per image and the mean checkpoint size of the measured ones. A shared GPU is assumed to gain nothing from concurrent
    runs.
    """
    queued = [as_queued(config, len(chosen)) for config in chosen]
    found = [find(root, config) for config in queued]
    measured = [one for one in found if one]
    weights = [size for config in queued if (size := checkpoint_bytes(root, config))]
    lacking = (len(queued) - len(weights)) * sum(weights) // len(weights) if weights else 0
    disk = sum(disk_bytes(root, config) for config in queued) + lacking
    if not measured:
        return Forecast(None, disk)
    usual = sum(1 / one.images_per_second for one in measured) / len(measured)
    durations = []
    for config, one in zip(queued, found, strict=True):
        images = config.total_steps * config.optimizer.images_per_step
        durations.append(STARTING_SECONDS + images * (1 / one.images_per_second if one else usual))
    is_shared = any(one.device != "cpu" for one in measured)
    slots = 1 if is_shared else launcher.cores() // max(one.threads for one in measured)
    return Forecast(sweeps.makespan(durations, slots), disk)


def free_bytes(root: Path) -> int:
    """Return the free bytes on the disk of ``root``, even if the folder does not exist yet."""
    there = root.resolve()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def disk_bytes(root: Path, config: RunConfig) -> int:
    """Return the approximate bytes written by a run: checkpoints (0 if its layers are unknown), sample grids and logged lines."""
    pixels = _SCATTER_BYTES if config.data.is_points else GRID**2 * math.prod(config.data.shape)
    samples, lines = (
        config.total_steps // every if (every := span.in_steps(config.steps_per_epoch)) else 0
        for span in (config.cadence.sample_every, config.cadence.log_every)
    )
    return checkpoint_bytes(root, config) + samples * pixels + lines * _LINE_BYTES


def checkpoint_bytes(root: Path, config: RunConfig) -> int:
    """Return the total bytes of the checkpoints kept by a run; 0 if its layers are unknown."""
    with contextlib.suppress(TypeError, KeyError, ValueError):
        found = find_layers(root, config) or {}
        generator, discriminator = (int(found[player]["parameters"]) for player in ("generator", "discriminator"))
        weights = 3 * (generator + discriminator) + generator * (config.optimizer.ema_half_life > 0)  # with Adam's moments
        return 4 * _KEPT_CHECKPOINTS * weights
    return 0


def _start(root: Path, config: RunConfig, command: str, *options: str) -> subprocess.Popen[bytes]:
    folder = root / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    settings = configs.assignments(presets.find(presets.DEFAULT).config, config)
    log = folder / "log.txt"
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > 100_000:
            log.unlink()
    return launcher.spawn([command, *settings, *options, "--root", str(root.resolve())], log, is_background=True)


def _digest(deciding: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:24]
