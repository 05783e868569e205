"""Multilayer perceptrons: fully connected layers for both players, as in Goodfellow et al. 2014 (1406.2661)."""

from __future__ import annotations

import math

from torch import nn

from gan.config.families import MlpConfig
from gan.networks.players import prepared


def generator(settings: MlpConfig, inputs: int, shape: tuple[int, ...]) -> nn.Module:
    """Return layers [N, inputs] → images [N, *shape] from −1 to 1, or unbounded points [N, 2]."""
    hidden = settings.hidden
    layers: list[nn.Module] = []
    for level in range(settings.depth):
        layers += _block(inputs if level == 0 else hidden, hidden, settings.generator_norm, nn.ReLU(inplace=True))
        layers += [nn.Dropout(settings.generator_dropout)] if settings.generator_dropout else []
    layers.append(prepared(nn.Linear(hidden, math.prod(shape)), initialise, is_spectral=settings.generator_norm == "spectral"))
    return nn.Sequential(*layers, *([nn.Tanh(), nn.Unflatten(1, shape)] if len(shape) > 1 else []))


def discriminator(settings: MlpConfig, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Return layers [N, *shape] → features [N, hidden], and their number."""
    hidden = settings.hidden
    layers: list[nn.Module] = [nn.Flatten()]
    for level in range(settings.depth):
        inputs = math.prod(shape) if level == 0 else hidden
        layers += _block(inputs, hidden, settings.discriminator_norm, nn.LeakyReLU(0.2, inplace=True))
        layers += [nn.Dropout(settings.discriminator_dropout)] if settings.discriminator_dropout else []
    return nn.Sequential(*layers), hidden


def initialise(layer: nn.Module) -> None:
    """Keep torch's initial weights: uniform between ±1/√inputs."""


def _block(inputs: int, outputs: int, norm: str, activation: nn.Module) -> list[nn.Module]:
    linear = prepared(nn.Linear(inputs, outputs), initialise, is_spectral=norm == "spectral")
    norms = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
    return [linear, *([norms[norm](outputs)] if norm in norms else []), activation]
