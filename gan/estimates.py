"""What a training will take on this machine: measured speeds, and tables of layers, kept by what decides them.

A speed comes from a short measurement (``python -m gan estimate``), a table of layers from ``python -m gan layers``; both are
processes of their own, because they need torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
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

_FOLDER = ".estimates"
STARTING_SECONDS = 5.0  # that a trainer takes before its first step
_KEPT_CHECKPOINTS = 3  # the newest two and the best one
_LINE_BYTES = 350  # of the metrics
_SCATTER_BYTES = 30_000  # of a picture of points


@dataclass(frozen=True)
class Estimate:
    """The speed of a configuration in real images per second, and what follows from it."""

    images_per_second: float
    threads: int
    precision: str
    seconds_per_epoch: float
    seconds: float


def key(config: RunConfig) -> str:
    """Return a name for everything that decides the speed of a training, the same for configurations of the same speed."""
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


def find(root: Path, config: RunConfig) -> Estimate | None:
    """Return what is known of a configuration's speed: the newest measurement, or None."""
    try:
        found = json.loads(path(root, config).read_bytes())
        return make(config, float(found["images_per_second"]), int(found["threads"]), str(found["precision"]))
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError):
        return None


def keep(root: Path, config: RunConfig, images_per_second: float, threads: int, precision: str) -> Estimate:
    """Write a measured speed down and return what follows from it."""
    path(root, config).parent.mkdir(parents=True, exist_ok=True)
    found = {"images_per_second": images_per_second, "threads": threads, "precision": precision, "time": time.time()}
    runs.write_json(path(root, config), found, durable=False)
    return make(config, images_per_second, threads, precision)


def make(config: RunConfig, images_per_second: float, threads: int, precision: str) -> Estimate:
    """Return the estimate that follows from a speed."""
    a_step = config.optimizer.images_per_step / images_per_second
    per_epoch, total = config.steps_per_epoch * a_step, config.total_steps * a_step
    return Estimate(images_per_second, threads, precision, per_epoch, total)


def path(root: Path, config: RunConfig) -> Path:
    """Return where the speed of a configuration is written down."""
    return root / _FOLDER / f"{key(config)}.json"


def is_measuring(root: Path) -> bool:
    """Return whether a measurement is going on; there is never more than one."""
    return runs.is_locked(root / _FOLDER / "lock")


def start_measuring(root: Path, config: RunConfig) -> None:
    """Start to measure a configuration in a process of low priority. Raises InputError when the folder is not writable."""
    try:
        _start(root, config, "estimate")
    except OSError as error:
        raise InputError(f"The speed cannot be measured ({error}); the training can be started all the same.") from error


def hold(root: Path) -> FileLock:
    """Take the lock of the one measurement. Raises InputError when another one goes on."""
    (root / _FOLDER).mkdir(parents=True, exist_ok=True)
    return runs.hold_lock(root / _FOLDER / "lock", "Another measurement is going on; wait for it to end.")


def find_layers(root: Path, config: RunConfig) -> dict[str, Any] | None:
    """Return the table of layers of a configuration's networks, as ``gan.networks.report`` describes them, or None."""
    try:
        found = json.loads(layers_path(root, config).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {"generator", "discriminator", "memory", "batch_size"} <= found.keys() else None


def keep_layers(root: Path, config: RunConfig, report: dict[str, Any]) -> None:
    """Write down a table of layers: a ``gan.networks.report.Report`` as a dictionary."""
    target = layers_path(root, config)
    target.parent.mkdir(parents=True, exist_ok=True)
    runs.write_json(target, report, durable=False)


def layers_path(root: Path, config: RunConfig) -> Path:
    """Return where the table of layers of a configuration is written down."""
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
    """Start to write down a configuration's table of layers, in a process of low priority that takes seconds.

    Raises InputError when the folder is not writable.
    """
    try:
        _start(root, config, "layers", "--quiet")
    except OSError as error:
        raise InputError(f"The networks cannot be described ({error}); the training can be started all the same.") from error


@dataclass(frozen=True)
class Forecast:
    """What several runs take: seconds until the last one ends (None where no speed is known) and bytes on the disk."""

    seconds: float | None
    disk_bytes: int


def forecast(root: Path, chosen: Sequence[RunConfig]) -> Forecast:
    """Return what training ``chosen`` in this order takes, as many at once as there are cores for.

    What nobody has measured is taken to be as fast, for an image, as the mean of what somebody has. Speeds are measured with as
    many threads as a run alone gets; that many runs with one thread each are somewhat faster.
    """
    found = [find(root, config) for config in chosen]
    measured = [one for one in found if one]
    disk = sum(disk_bytes(root, config) for config in chosen)
    if not measured:
        return Forecast(None, disk)
    usual = sum(1 / one.images_per_second for one in measured) / len(measured)
    durations = []
    for config, one in zip(chosen, found, strict=True):
        images = config.total_steps * config.optimizer.images_per_step
        durations.append(STARTING_SECONDS + images * (1 / one.images_per_second if one else usual))
    slots = launcher.cores() // max(one.threads for one in measured)
    return Forecast(sweeps.makespan(durations, slots), disk)


def free_bytes(root: Path) -> int:
    """Return how many bytes are free where runs are written, whether or not the folder is there yet."""
    there = root.resolve()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def disk_bytes(root: Path, config: RunConfig) -> int:
    """Return roughly what a run writes: checkpoints, as far as its layers are known, grids of samples, and logged lines."""
    weights = 0
    with contextlib.suppress(TypeError, KeyError, ValueError):
        found = find_layers(root, config) or {}
        generator, discriminator = (int(found[player]["parameters"]) for player in ("generator", "discriminator"))
        weights = 3 * (generator + discriminator) + generator * (config.optimizer.ema_half_life > 0)  # with Adam's moments
    pixels = _SCATTER_BYTES if config.data.is_points else GRID**2 * math.prod(config.data.shape)
    samples, lines = (
        config.total_steps // every if (every := span.in_steps(config.steps_per_epoch)) else 0
        for span in (config.cadence.sample_every, config.cadence.log_every)
    )
    return 4 * _KEPT_CHECKPOINTS * weights + samples * pixels + lines * _LINE_BYTES


def _start(root: Path, config: RunConfig, command: str, *options: str) -> None:
    folder = root / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    settings = configs.assignments(presets.find(presets.DEFAULT).config, config)
    log = folder / "log.txt"
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > 100_000:
            log.unlink()
    launcher.spawn([command, *settings, *options, "--root", str(root.resolve())], log, is_background=True)


def _digest(deciding: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:24]
