"""Warnings about valid but unwise configurations, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from gan import machine, words
from gan.config.rules import penalties
from gan.config.whole import RunConfig


def warnings(config: RunConfig) -> list[str]:
    """Return one sentence for each valid choice that its inventors, or arithmetic, advise against on this machine."""
    return list(_warnings(config))


def _warnings(config: RunConfig) -> Iterator[str]:
    objective, optimizer = config.objective, config.optimizer
    is_bounded = objective.weight_clip or penalties(objective) or getattr(config.networks, "discriminator_norm", "") == "spectral"
    if objective.loss == "wasserstein" and not is_bounded:
        yield (
            "Nothing limits the slope of the discriminator, so the Wasserstein loss grows without limit; set the gradient "
            "penalty to 10, or weight clipping to 0.01."
        )
    if objective.loss == "relativistic" and not penalties(objective):
        yield "The relativistic loss needs R1 and R2 to converge; set both to 1, or to 0.1 for points."
    if objective.weight_clip and objective.loss != "wasserstein":
        yield "Weight clipping is meant for the Wasserstein loss; with any other loss it only weakens the discriminator."
    if objective.weight_clip and penalties(objective):
        yield "Weight clipping and a gradient penalty both limit the slope of the discriminator; one of them is enough."
    if objective.weight_clip and optimizer.algorithm in ("adam", "keras-adam") and optimizer.beta1 > 0:
        yield "Adam with momentum can destabilise a clipped Wasserstein critic; set β₁ to 0, or the optimiser to rmsprop."
    if config.networks.minibatch == "discrimination" and penalties(objective):
        yield "Minibatch discrimination makes images of a batch depend on each other, so the penalty at each one is approximate."
    if config.networks.minibatch == "discrimination" and optimizer.batch_size // config.networks.packing > 512:
        yield "Minibatch discrimination compares all pairs of a batch, 1 KB each: above 512 it needs gigabytes; choose deviation."
    if config.augmentation.noise_fade == 0 and config.augmentation.instance_noise > 0.2:
        yield "Strong noise that never fades hides fine detail from the discriminator, so the generator cannot learn it."
    is_on_cpu = config.training.device == "cpu" or (config.training.device == "auto" and not machine.gpus())
    if config.training.precision == "bf16" and is_on_cpu and machine.emulates_bf16():
        yield "The processor of this computer has no unit for bf16 and is many times slower in it; leave the precision at auto."
    seen = config.total_steps * optimizer.images_per_step
    if optimizer.ema_half_life > seen / 2:
        yield (
            f"The EMA half-life is {words.count(optimizer.ema_half_life, 'image')}, but this training sees only {seen:,}, so "
            "samples will lag far behind; shorten the EMA half-life, or train longer."
        )
