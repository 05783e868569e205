"""How long queued runs will take on this machine, and how much disk space."""

from __future__ import annotations

import contextlib
import itertools
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gan import words
from gan.config import GRID, RunConfig
from gan.errors import InputError
from gan.execution.speeds import find, find_layers, key, layers_path
from gan.machine import cores, memory_bytes, usual_threads
from gan.runs import Run
from gan.sweeps.progress import makespan

MOST_MEASURED = 12  # kinds of runs measured per sweep; the others are assumed to be similar
STARTING_SECONDS = 5.0  # startup time of a trainer before its first step
_USUAL_SPEED = 5e10  # multiply-adds per second of two laptop cores in training
_HEAVY = 10 * _USUAL_SPEED  # in one step
_KEPT_CHECKPOINTS = 3  # the newest two and the best one
_LINE_BYTES = 350  # per logged line of metrics
_SCATTER_BYTES = 30_000  # per scatter plot of points


def kind(config: RunConfig) -> str:
    """Return a digest of everything that affects the speed or the size of checkpoints."""
    return key(config) + layers_path(Path(), config).name


def pace(run: Run, among: int) -> float | None:
    """Return seconds per step for a run queued among ``among`` others, or None if its speed has not been measured."""
    with contextlib.suppress(InputError):
        config = as_queued(run.config(), among)
        if found := find(run.root, config):
            return config.optimizer.images_per_step / found.images_per_second
    return None


def as_queued(config: RunConfig, among: int) -> RunConfig:
    """Return ``config`` with the number of threads that the queue will probably assign it among ``among`` waiting runs.

    With many waiting runs, most get one thread each. A single run gets the default number, which measurements use anyway.
    """
    threads = min(usual_threads(), max(1, cores() // max(1, among)))
    if config.training.threads or threads == usual_threads():
        return config
    return config.model_copy(update={"training": config.training.model_copy(update={"threads": threads})})


def unmeasured(root: Path, chosen: Sequence[RunConfig]) -> list[RunConfig]:
    """Return the configurations to measure before a sweep of ``chosen``: one per kind without a known speed or layer table."""
    kinds: dict[str, RunConfig] = {}
    for config in (as_queued(one, len(chosen)) for one in chosen):
        kinds.setdefault(kind(config), config)
    lacking = (one for one in kinds.values() if find(root, one) is None or find_layers(root, one) is None)
    return list(itertools.islice(lacking, MOST_MEASURED))


def burden(root: Path, config: RunConfig) -> str:
    """Return one sentence if a step needs very many multiply-adds, or the training more memory than this machine has.

    Empty if neither is so, or if the table of layers (:func:`gan.execution.speeds.find_layers`) is not known yet. One step takes
    about three passes of the generator, and six of the discriminator for each of its turns.
    """
    try:
        table = find_layers(root, config) or {}
        per_image = 3 * int(table["generator"]["multiply_adds"])
        per_image += 6 * config.optimizer.discriminator_steps * int(table["discriminator"]["multiply_adds"])
        work, memory, here = per_image * config.optimizer.batch_size, int(table["memory"]), memory_bytes()
    except (KeyError, TypeError, ValueError):  # not known yet, or damaged
        return ""
    if here and memory > here:
        return (
            f"This training needs about {memory / 1e9:.1f} GB of memory, and this machine has {here / 1e9:.1f} GB; choose smaller "
            "images, a smaller batch size, fewer filters or more depth."
        )
    if work > _HEAVY and config.training.device not in ("cuda", "mps"):
        return (
            f"One step takes about {work / 1e12:,.1f} · 10¹² multiply-adds, {words.duration(work / _USUAL_SPEED)} or more on a "
            "laptop without a GPU; choose smaller images, a smaller batch size, fewer filters or more depth."
        )
    return ""


@dataclass(frozen=True)
class Forecast:
    """Cost of several runs: seconds until the last one ends (None if no speed is known) and bytes on disk.

    ``is_bound``: a measurement was given up, so it takes longer than that.
    """

    seconds: float | None
    disk_bytes: int
    is_bound: bool = False

    @property
    def about(self) -> str:
        """What to write before the duration."""
        return "more than " if self.is_bound else "about "


def predict(root: Path, chosen: Sequence[RunConfig]) -> Forecast:
    """Return the time and disk space for training ``chosen`` in this order, with the queue's concurrency.

    Each speed is for the number of threads that a run gets in a queue of this length. Unmeasured configurations are assumed to
    have the mean time per image and the mean checkpoint size of the measured ones. A shared GPU is assumed to gain nothing from
    concurrent runs.
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
    wide = max(one.threads * config.training.processes for config, one in zip(queued, found, strict=True) if one)
    slots = 1 if is_shared else max(1, cores() // wide)
    return Forecast(makespan(durations, slots), disk, any(one.is_bound for one in measured))


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
        every = max(1, config.cadence.checkpoint_every.in_steps(config.steps_per_epoch))
        older = (config.total_steps // every).bit_length() * 4 * weights  # one in each doubling of the steps
        return 4 * _KEPT_CHECKPOINTS * weights + min(config.cadence.checkpoint_room * 1_000_000, older)
    return 0
