"""Build the game of a run from its configuration: networks, objective, optimisers and schedules."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gan import networks
from gan.catalogue import losses
from gan.config import RunConfig, schedules
from gan.config.sections import OptimizerConfig
from gan.networks.convolutions import best_rule, use_products
from gan.objective.augmentation import augment
from gan.objective.losses import LOSSES
from gan.objective.penalties import Penalties
from gan.training import precision
from gan.training.game import Game
from gan.training.keras_adam import KerasAdam
from gan.training.shared_norms import share
from gan.training.team import ALONE, Team


class Pace:
    """Applies the schedules of a training: learning-rate decay and fading instance noise.

    ``noise_left`` is the share of the noise in the last step. It never rises, so that noise that has faded does not return when the
    training is prolonged.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config, self.noise_left = config, 1.0

    def restore(self, step: int, total: int, noise_left: float | None) -> None:
        """Go on from ``step`` of ``total``; checkpoints of earlier versions do not know the noise that was left."""
        planned = schedules.noise(self._config, (step - 1) / total) if 0 < step <= total else 1.0
        self.noise_left = planned if noise_left is None else float(noise_left)

    def follow(self, config: RunConfig, *, is_noise_new: bool) -> None:
        """Apply the schedules of changed settings; noise that is new begins in full."""
        self._config = config
        if is_noise_new:
            self.noise_left = 1.0

    def keep(self, game: Game, share: float) -> float:
        """Set the learning rates after a ``share`` (0 to 1) of the training; return the noise's standard deviation."""
        settings = self._config.optimizer
        if settings.lr_decay != "none":
            left = schedules.learning_rate(self._config, share)
            _set_rates(game, settings, left)
        self.noise_left = min(self.noise_left, schedules.noise(self._config, share))
        return self._config.augmentation.instance_noise * self.noise_left


def build_game(
    config: RunConfig, device: torch.device, chosen_precision: str, *, products: int | None = None, team: Team = ALONE
) -> Game:
    """Return the game of a run on ``device``; its players are freshly initialised from torch's global random state.

    ``products`` is the rule which convolutions are matrix products (:mod:`gan.networks.convolutions`), which changes how results
    are rounded: 0 is none, None the best for this processor. A ``team`` of several processes shares the gradients and the
    statistics of batch norm.
    """
    generator, discriminator = networks.build(config)
    for player in (generator, discriminator):
        player.to(device).to(memory_format=torch.channels_last)
        if not config.training.compile:
            use_products(player, best_rule(chosen_precision) if products is None else products)
    settings = config.optimizer
    average = None
    if settings.ema_half_life:
        average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay))
        average.requires_grad_(False)
    if team.size > 1:  # after the average, which only process 0 draws from
        share(generator, team)
        share(discriminator, team)
    if config.training.compile:
        generator.compile()
        discriminator.compile()
    return Game(
        generator,
        discriminator,
        average,
        generator_optimizer=make_optimizer(config, generator, settings.generator_lr, device),
        discriminator_optimizer=make_optimizer(config, discriminator, settings.discriminator_lr, device),
        autocast=lambda: precision.autocast(device, chosen_precision),
        scaler=torch.amp.GradScaler(device.type, enabled=chosen_precision == "fp16"),
        combine=team.average if team.size > 1 else None,
        **_objective(config),
    )


def adjust(game: Game, config: RunConfig) -> Game:
    """Return a game that goes on with the objective, augmentation, clipping and learning rates of ``config``.

    Networks, optimisers and the running average are those of ``game``.
    """
    _set_rates(game, config.optimizer)
    if game.average is not None:  # its decay depends on the images per step
        game.average.multi_avg_fn = get_ema_multi_avg_fn(config.optimizer.ema_decay)
    return dataclasses.replace(game, **_objective(config))


def _set_rates(game: Game, settings: OptimizerConfig, share: float = 1.0) -> None:
    """Set the learning rates of both players to a ``share`` of what ``settings`` say."""
    for optimizer, lr in (
        (game.generator_optimizer, settings.generator_lr),
        (game.discriminator_optimizer, settings.discriminator_lr),
    ):
        for group in optimizer.param_groups:
            group["lr"] = lr * share


def _objective(config: RunConfig) -> dict[str, Any]:
    """Return the fields of a game that say what its players minimise."""
    objective = config.objective
    loss = LOSSES[objective.loss]
    if objective.label_smoothing:
        loss = dataclasses.replace(loss, discriminator=partial(loss.discriminator, smoothing=objective.label_smoothing))
    return {
        "loss": loss,
        "is_probability": losses.LOSSES[objective.loss].is_probability,
        "penalties": Penalties(objective.gradient_penalty, objective.dragan, objective.r1, objective.r2),
        "view": lambda images, noise: augment(images, config.augmentation.policies, noise),
        "gradient_clip": config.optimizer.gradient_clip,
        "is_simultaneous": config.optimizer.updates == "simultaneous",
        "weight_clip": objective.weight_clip,
    }


def make_optimizer(config: RunConfig, player: nn.Module, lr: float, device: torch.device) -> torch.optim.Optimizer:
    """Return the optimiser of one player with learning rate ``lr``."""
    settings, weights = config.optimizer, player.parameters()
    if settings.algorithm == "sgd":
        return torch.optim.SGD(weights, lr=lr, momentum=settings.beta1)
    if settings.algorithm == "rmsprop":
        return torch.optim.RMSprop(weights, lr=lr, alpha=settings.beta2, momentum=settings.beta1)
    betas = (settings.beta1, settings.beta2)
    if settings.algorithm == "keras-adam":
        return KerasAdam(weights, lr=lr, betas=betas, fused=device.type == "cpu")
    return torch.optim.Adam(weights, lr=lr, betas=betas, fused=device.type in ("cpu", "cuda"))
