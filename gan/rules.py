"""Which settings do not go together: what is refused, and what is allowed but unwise, each in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gan.objective import catalogue
from gan.sections import DcganConfig, MlpConfig

if TYPE_CHECKING:
    from gan.config import RunConfig

#: Settings of the objective that penalise the slope of the discriminator.
PENALTIES = ("gradient_penalty", "dragan", "r1", "r2")


def refusal(config: RunConfig) -> str:
    """Return why a configuration cannot be trained, what was expected and what to do; an empty text when it can."""
    return next(_refusals(config), "")


def warnings(config: RunConfig) -> list[str]:
    """Return a sentence for each choice that can be trained but that its inventors, or arithmetic, speak against."""
    return list(_warnings(config))


def penalties(config: RunConfig) -> list[str]:
    """Return the names of the gradient penalties that are switched on."""
    return [name for name in PENALTIES if getattr(config.objective, name)]


def has_batch_norm(config: RunConfig) -> bool:
    """Return whether the discriminator normalises over the batch."""
    return getattr(config.networks, "discriminator_norm", "none") == "batch"


def _refusals(config: RunConfig) -> Iterator[str]:
    networks, batch, data = config.networks, config.optimizer.batch_size, config.data
    if isinstance(networks, DcganConfig) and data.size >> networks.depth < 2:
        deepest = data.size.bit_length() - 2
        yield (
            f"networks.depth is {networks.depth}, but {data.size}-pixel images can be halved at most "
            f"{deepest} times; set networks.depth to {deepest} or less, or choose larger images"
        )
    if batch % networks.packing or batch < 2 * networks.packing:
        fitting = max(2, batch // networks.packing) * networks.packing
        yield (
            f"networks.packing is {networks.packing}, but a batch of {batch} does not divide into two packs or more of "
            f"{networks.packing}; set optimizer.batch_size to {fitting}, or networks.packing to 1"
        )
    if has_batch_norm(config) and (penalised := penalties(config)):
        yield (
            f"objective.{penalised[0]} penalises the slope at each image by itself, but batch norm in the discriminator ties the "
            "images of a batch together; set networks.discriminator_norm to none or spectral"
        )
    if config.objective.label_smoothing and not catalogue.LOSSES[config.objective.loss].is_probability:
        yield (
            f"objective.label_smoothing smooths probabilities, but with objective.loss {config.objective.loss} the discriminator "
            "gives none; set objective.label_smoothing to 0, or objective.loss to non-saturating"
        )


def data_refusal(config: RunConfig) -> str:
    """Return why the data set, which has to be there, does not suit the other settings; an empty text when it does."""
    return next(_data_refusals(config), "")


def _data_refusals(config: RunConfig) -> Iterator[str]:
    networks, data = config.networks, config.data
    if data.is_points and not isinstance(networks, MlpConfig):
        yield f"networks.family is {networks.family}, but “{data.name}” holds points, not images; set networks.family to mlp"
    if data.is_points and config.augmentation.policies:
        yield f"augmentation.policies changes images, but “{data.name}” holds points; leave augmentation.policies empty"
    if networks.conditional and len(data.entry.classes) < 2:
        yield (
            f"networks.conditional needs two classes or more, but “{data.name}” has {len(data.entry.classes) or 'none'}; set "
            "networks.conditional to false, or choose a data set with classes"
        )
    if config.optimizer.batch_size > data.images:
        yield (
            f"optimizer.batch_size is {config.optimizer.batch_size}, but there are only {data.images} images of "
            f"“{data.name}” to train on; choose a smaller batch or more images"
        )


def _warnings(config: RunConfig) -> Iterator[str]:
    objective, optimizer = config.objective, config.optimizer
    is_bounded = objective.weight_clip or penalties(config) or getattr(config.networks, "discriminator_norm", "") == "spectral"
    if objective.loss == "wasserstein" and not is_bounded:
        yield (
            "Nothing bounds the slope of the discriminator, and the Wasserstein loss then runs away; set the gradient "
            "penalty to 10, "
            "or weight clipping to 0.01."
        )
    if objective.loss == "relativistic" and not penalties(config):
        yield "The relativistic loss is known to need R1 and R2 to converge; set both to 1, or to 0.1 for points."
    if objective.weight_clip and objective.loss != "wasserstein":
        yield "Weight clipping was made for the Wasserstein loss; with another one it only weakens the discriminator."
    if objective.weight_clip and penalties(config):
        yield "Weight clipping and a gradient penalty both bound the discriminator's slope; one of them is enough."
    if objective.weight_clip and optimizer.algorithm == "adam" and optimizer.beta1 > 0:
        yield "Adam with momentum was found to unsettle a clipped Wasserstein critic; set β₁ to 0, or the optimiser to rmsprop."
    if config.networks.minibatch == "discrimination" and penalties(config):
        yield "Minibatch discrimination ties the images of a batch together, so a penalty at each image is only roughly its own."
    if config.networks.minibatch == "discrimination" and optimizer.batch_size // config.networks.packing > 512:
        yield "Minibatch discrimination compares all pairs of a batch, 1 KB each: above 512 it takes gigabytes; choose deviation."
    if config.augmentation.noise_fade == 0 and config.augmentation.instance_noise > 0.2:
        yield "Strong noise that never fades hides all fine detail from the discriminator, so the generator cannot learn it."
    seen = config.total_steps * optimizer.images_per_step
    if optimizer.ema_half_life > seen / 2:
        yield (
            f"The averaged weights count half after {optimizer.ema_half_life:,} images, and this training sees only "
            f"{seen:,}: samples "
            "will lag far behind; shorten the EMA half-life, or train longer."
        )
