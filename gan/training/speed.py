"""Measure the training speed of a configuration on this machine, in a few seconds, on random images."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gan.config import RunConfig
from gan.execution import speeds
from gan.execution.speeds import Estimate
from gan.machine import usual_threads
from gan.networks import layers
from gan.training import labels, precision
from gan.training.assembly import build_game
from gan.training.game import Turn

_SECONDS = 2.0
_FEWEST_STEPS = 3
LONGEST_STEP = 30.0  # seconds after which a measurement is given up
_COMPILING = 10  # times as long for the first step, if the networks are compiled

#: Called from another thread with the bound on the speed when a step takes too long; has to end the process.
GiveUp = Callable[[Estimate], None]


def measure(root: Path, config: RunConfig, give_up: GiveUp | None = None) -> Estimate:
    """Time some steps of the real game; store and return the speed.

    A first step that takes longer than 2 s is the measurement. If a step takes longer than 30 s, that bound is stored and passed to
    ``give_up``, because a step cannot be interrupted. The table of layers is stored first: the size of checkpoints and the warnings
    are computed from it. Raises InputError if this machine lacks the device or precision, or if another measurement is running.
    """
    device = precision.choose_device(config.training.device)
    chosen = precision.choose_precision(config.training.precision, device)
    threads = config.training.threads or usual_threads()
    lock = speeds.hold(root)
    try:
        speeds.keep_layers(root, config, dataclasses.asdict(layers.describe(config)))
        precision.set_up(threads)
        torch.manual_seed(0)
        game, turns, noise = build_game(config, device, chosen), _turns(config, device), config.augmentation.instance_noise

        def step() -> float:
            started = time.perf_counter()
            game.step(turns, noise=noise)
            _wait(device)
            return time.perf_counter() - started

        def keep(seconds: float, *, is_bound: bool = False) -> Estimate:
            speed = float(f"{config.optimizer.images_per_step / seconds:.4g}")
            return speeds.keep(root, config, speed, threads, chosen, device.type, is_bound=is_bound)

        def limited(seconds: float) -> float:
            alarm = threading.Timer(seconds, lambda: give_up and give_up(keep(seconds, is_bound=True)))
            alarm.daemon = True
            alarm.start()
            try:
                return step()
            finally:
                alarm.cancel()

        is_compiled = config.training.compile
        first = limited(LONGEST_STEP * (_COMPILING if is_compiled else 1))
        if first > _SECONDS and not is_compiled:
            return keep(first)
        took: list[float] = []
        while len(took) < _FEWEST_STEPS or sum(took) < _SECONDS:
            took.append(limited(LONGEST_STEP))
        return keep(sum(took) / len(took))
    finally:
        lock.release()


def _turns(config: RunConfig, device: torch.device) -> list[Turn]:
    """Return the turns of one step, with random images."""
    batch = config.optimizer.batch_size
    reals = torch.rand(batch, *config.data.shape).mul_(2).sub_(1).to(device)
    if reals.dim() == 4:
        reals = reals.contiguous(memory_format=torch.channels_last)
    source = torch.Generator().manual_seed(0)
    turns = []
    for _ in range(config.optimizer.discriminator_steps):
        told = labels.at_random(config, batch, source)
        z = torch.randn(batch, config.networks.latent, generator=source).to(device)
        turns.append(Turn(reals, z, None if told is None else told.to(device)))
    return turns


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
