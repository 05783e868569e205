"""Measure the training speed of a configuration on this machine, in a few seconds, on random images."""

from __future__ import annotations

import dataclasses
import time
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


def measure(root: Path, config: RunConfig) -> Estimate:
    """Time some steps of the real game; store and return the speed.

    The table of layers is stored too: the size of checkpoints is computed from it. Raises InputError if this machine lacks the
    device or precision, or if another measurement is running.
    """
    device = precision.choose_device(config.training.device)
    chosen = precision.choose_precision(config.training.precision, device)
    threads = config.training.threads or usual_threads()
    lock = speeds.hold(root)
    try:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(0)
        game = build_game(config, device, chosen)
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
        noise = config.augmentation.instance_noise
        steps, started = 0, 0.0
        while steps < _FEWEST_STEPS or time.perf_counter() - started < _SECONDS:
            if steps == 0:
                game.step(turns, noise=noise)  # warm-up
                _wait(device)
                started = time.perf_counter()
            game.step(turns, noise=noise)
            _wait(device)
            steps += 1
        speed = steps * config.optimizer.images_per_step / (time.perf_counter() - started)
        speeds.keep_layers(root, config, dataclasses.asdict(layers.describe(config)))
        return speeds.keep(root, config, round(speed, 1), threads, chosen, device.type)
    finally:
        lock.release()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
