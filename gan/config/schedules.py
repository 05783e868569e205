"""Schedules over the length of a training: learning-rate decay and fading instance noise, as shares of their initial values."""

from __future__ import annotations

import math

from gan.config.whole import RunConfig
from gan.words import percent

_VISIBLE = 0.01  # change of a learning rate, as a share of its initial value, that is worth a sentence


def learning_rate(config: RunConfig, share: float) -> float:
    """Return the share (0 to 1) of both learning rates that is left after a ``share`` (0 to 1) of the training."""
    if config.optimizer.lr_decay == "linear":
        return 1 - share
    if config.optimizer.lr_decay == "cosine":
        return (1 + math.cos(math.pi * share)) / 2
    return 1.0


def noise(config: RunConfig, share: float) -> float:
    """Return the share (0 to 1) of the instance noise that is left after a ``share`` (0 to 1) of the training."""
    fade = config.augmentation.noise_fade
    return max(0.0, 1 - share / fade) if fade else 1.0


def after_prolonging(config: RunConfig, step: int, before: int, after: int) -> str:
    """Return one sentence on how the learning rates change at ``step`` if the length goes from ``before`` to ``after`` steps.

    Empty if they do not change. Instance noise that has faded never returns.
    """
    if not 0 < step <= min(before, after):
        return ""
    now, then = learning_rate(config, step / before), learning_rate(config, step / after)
    if abs(then - now) < _VISIBLE:
        return ""
    change = f"from {percent(now)} to {percent(then)} of their initial values"
    return f"The learning rates go {change}, and decay again until step {after:,}."
