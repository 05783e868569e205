"""Speed measurements and layer tables of configurations, stored in the folder of runs.

Speeds come from a short measurement (``python -m gan estimate``), layer tables from ``python -m gan layers``. Both run in separate
processes because they need torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from gan import config as configs
from gan.access.rules import require
from gan.config import RunConfig, presets
from gan.config.fields import LONGEST, Span
from gan.errors import InputError
from gan.execution import processes
from gan.machine import cores
from gan.storage import files, signs
from gan.storage.locks import hold_lock

_FOLDER = ".estimates"
_MOST_MINUTES = 30 * 24 * 60


@dataclass(frozen=True)
class Estimate:
    """Speed of a configuration in real images per second, and the resulting durations in seconds.

    ``is_bound``: the measurement was given up, so the training is at least this slow.
    """

    images_per_second: float
    threads: int
    precision: str
    seconds_per_epoch: float
    seconds: float
    device: str = "cpu"
    is_bound: bool = False


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
        "machine": [config.training.device, config.training.precision, config.training.threads, cores()],
    }
    if config.training.processes > 1:
        deciding["processes"] = config.training.processes
    return _digest(deciding)


def find(root: Path, config: RunConfig) -> Estimate | None:
    """Return the latest speed measurement of a configuration, or None."""
    try:
        found = json.loads(path(root, config).read_bytes())
        speed, threads = float(found["images_per_second"]), int(found["threads"])
        device, is_bound = str(found.get("device", "cpu")), found.get("is_bound") is True
        return make(config, speed, threads, str(found["precision"]), device, is_bound=is_bound)
    except (OSError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        return None


def keep(
    root: Path,
    config: RunConfig,
    images_per_second: float,
    threads: int,
    precision: str,
    device: str = "cpu",
    *,
    is_bound: bool = False,
) -> Estimate:
    """Store a measured speed, or an upper bound of it, and return the resulting estimate."""
    path(root, config).parent.mkdir(parents=True, exist_ok=True)
    found = {"images_per_second": images_per_second, "threads": threads, "precision": precision, "device": device}
    files.write_json(path(root, config), found | {"is_bound": is_bound, "time": time.time()}, durable=False)
    return make(config, images_per_second, threads, precision, device, is_bound=is_bound)


def make(
    config: RunConfig, images_per_second: float, threads: int, precision: str, device: str = "cpu", *, is_bound: bool = False
) -> Estimate:
    """Return the estimate for a given speed."""
    a_step = config.optimizer.images_per_step / images_per_second
    per_epoch, total = config.steps_per_epoch * a_step, config.total_steps * a_step
    return Estimate(images_per_second, threads, precision, per_epoch, total, device, is_bound)


def lasting(config: RunConfig, minutes: int, known: Estimate | None) -> RunConfig | None:
    """Return ``config`` with as many steps as fit into ``minutes`` at the measured speed; None if that is not known.

    Raises InputError if the number of minutes is not allowed.
    """
    if not 1 <= minutes <= _MOST_MINUTES:
        raise InputError(
            f"training.length is {minutes:,} minutes, expected a whole number from 1 to {_MOST_MINUTES:,} (30 days); change it."
        )
    if known is None:
        return None
    steps = round(60 * minutes * known.images_per_second / config.optimizer.images_per_step)
    return configs.replace(config, {"training.length": str(Span(count=min(max(1, steps), LONGEST)))})


def path(root: Path, config: RunConfig) -> Path:
    """Return the path of the stored speed of a configuration."""
    return root / _FOLDER / f"{key(config)}.json"


def is_measuring(root: Path) -> bool:
    """Return whether a measurement runs or is about to; there is never more than one."""
    return _is_under_way(_lock(root))


def start_measuring(root: Path, config: RunConfig) -> subprocess.Popen[bytes] | None:
    """Start measuring a configuration in a low-priority process; return None if a measurement is under way already.

    Raises InputError if the folder is not writable.
    """
    require("prepare")
    try:
        return _start(root, config, _lock(root), "estimate")
    except OSError as error:
        raise InputError(f"The speed cannot be measured ({error}); training can be started anyway.") from error


def wait_for_measuring(root: Path, config: RunConfig) -> bool:
    """Measure a configuration as :func:`start_measuring` does, wait for the end, and return whether it succeeded.

    Waits for a measurement that is under way. An exception meanwhile, as by Ctrl-C, ends the process.
    """
    while (process := start_measuring(root, config)) is None:
        time.sleep(0.1)
    try:
        return process.wait() == 0
    except BaseException:
        process.terminate()
        raise


def hold(root: Path) -> FileLock:
    """Take the measurement lock, waiting for a running measurement. Raises InputError after 30 seconds."""
    (root / _FOLDER).mkdir(parents=True, exist_ok=True)
    return hold_lock(_lock(root), "Another measurement is running; wait until it finishes.", patience=30)


def find_layers(root: Path, config: RunConfig) -> dict[str, Any] | None:
    """Return the layer table of a configuration (see ``gan.networks.layers``), or None."""
    try:
        found = json.loads(layers_path(root, config).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {"generator", "discriminator", "memory", "batch_size"} <= found.keys() else None


def keep_layers(root: Path, config: RunConfig, report: dict[str, Any]) -> None:
    """Store a layer table: a ``gan.networks.layers.Report`` as a dictionary."""
    target = layers_path(root, config)
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(target, report, durable=False)


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
    """Start computing the layer table of a configuration in a low-priority process that takes seconds, unless one does already.

    Raises InputError if the folder is not writable.
    """
    require("prepare")
    try:
        _start(root, config, layers_path(root, config).with_suffix(".lock"), "layers", "--quiet")
    except OSError as error:
        raise InputError(f"The layer table cannot be computed ({error}); training can be started anyway.") from error


def log_path(root: Path) -> Path:
    """Return the path of what measurements and layer tables print, among it why they failed."""
    return root / _FOLDER / "log.txt"


def _start(root: Path, config: RunConfig, lock: Path, command: str, *options: str) -> subprocess.Popen[bytes] | None:
    """Start a command unless it is under way: many visitors may ask at once, and each process needs some 300 MB."""
    log = log_path(root)
    log.parent.mkdir(parents=True, exist_ok=True)
    settings = configs.assignments(presets.find(presets.DEFAULT).config, config)
    starting = hold_lock(log.with_name("starting.lock"), "Another process is being started; try again in a moment.", patience=10)
    try:
        if _is_under_way(lock):
            return None
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > 100_000:
                log.unlink()
        signs.forget(lock)
        arguments = [command, *settings, *options, "--root", str(root.resolve())]
        return processes.spawn(arguments, log, is_background=True, locks=[lock])
    finally:
        starting.release()


def _lock(root: Path) -> Path:
    """Lock held by a measurement."""
    return root / _FOLDER / "measuring.lock"


def _is_under_way(lock: Path) -> bool:
    """Return whether a process holds a lock, or has been started to."""
    return signs.is_alive(lock, signs.announced_at(lock))


def _digest(deciding: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:24]
