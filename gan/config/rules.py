"""Settings that cannot be combined: the reason for each refusal, and the settings without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gan import words
from gan.catalogue.data_sets import DataSet
from gan.catalogue.losses import LOSSES
from gan.config.data import DataConfig
from gan.config.families import DcganConfig, MlpConfig, ModernConfig, Networks, ResnetConfig
from gan.config.sections import AugmentationConfig, ObjectiveConfig, OptimizerConfig, TrainingConfig

#: Settings of the objective that penalise the slope of the discriminator.
PENALTIES = ("gradient_penalty", "dragan", "r1", "r2")


#: Settings without meaning for points in the plane.
_IMAGES_ONLY = ("data.size", "data.fit", "data.colour", "data.flips", "augmentation.policies")
#: Value for a setting without effect, if its other values would be refused.
NEUTRAL = {
    "data.colour": "auto",
    "data.flips": False,
    "augmentation.policies": [],
    "networks.conditional": False,
    "objective.label_smoothing": 0.0,
}


def has_effect(key: str, settings: Mapping[str, Any], entry: DataSet | None) -> bool:
    """Return whether the setting ``key`` has any effect, given all ``settings`` ("section.field" → value).

    ``entry`` is the data set. If None (unknown), no setting is ruled out because of the data.
    """
    if key in _IMAGES_ONLY:
        return entry is None or entry.kind == "images"
    if key == "networks.conditional":
        return entry is None or len(entry.classes) >= 2
    if key == "objective.label_smoothing":
        return settings.get("objective.loss") not in LOSSES or LOSSES[settings["objective.loss"]].is_probability
    if key == "augmentation.noise_fade":
        return bool(settings.get("augmentation.instance_noise"))
    return key != "optimizer.beta2" or settings.get("optimizer.algorithm") != "sgd"


def adjustments(settings: Mapping[str, Any], entry: DataSet | None) -> dict[str, Any]:
    """Return the changes that make ``settings`` ("section.field" → value) compatible; empty if they already are.

    Settings without effect become neutral; a gradient penalty removes batch norm from the discriminator.
    """
    found = {
        key: value
        for key, value in NEUTRAL.items()
        if key in settings and settings[key] != value and not has_effect(key, settings, entry)
    }
    if settings.get("networks.discriminator_norm") == "batch" and any(settings.get(f"objective.{name}") for name in PENALTIES):
        found["networks.discriminator_norm"] = "none"
    return found


def refusal(
    data: DataConfig, networks: Networks, objective: ObjectiveConfig, optimizer: OptimizerConfig, training: TrainingConfig
) -> str:
    """Return why a configuration cannot be trained, what was expected and what to do; empty if it can be trained."""
    found = next(_refusals(data, networks, objective, optimizer.batch_size), "")
    if not found and training.processes > 1:
        found = next(_sharing_refusals(networks, objective, optimizer.batch_size, training), "")
    return found


def penalties(objective: ObjectiveConfig) -> list[str]:
    """Return the names of the active gradient penalties."""
    return [name for name in PENALTIES if getattr(objective, name)]


def has_batch_norm(networks: Networks) -> bool:
    """Return whether the discriminator normalises over the batch."""
    return getattr(networks, "discriminator_norm", "none") == "batch"


def _halvings(size: int) -> int:
    """Return how often images can be halved exactly, down to 2 pixels or more: 4 times for 32 pixels, twice for 28."""
    return next(times for times in range(size) if size >> times < 4 or (size >> times) % 2)


def _refusals(data: DataConfig, networks: Networks, objective: ObjectiveConfig, batch: int) -> Iterator[str]:
    if isinstance(networks, DcganConfig) and networks.depth > (deepest := _halvings(data.size)):
        yield (
            f"networks.depth is {networks.depth}, but {data.size}-pixel images can be halved at most "
            f"{deepest} times; set networks.depth to {deepest} or less, or choose larger images"
        )
    if isinstance(networks, (ResnetConfig, ModernConfig)) and data.size & (data.size - 1):
        yield (
            f"networks.family is {networks.family}, whose images are halved down to 4 pixels, but data.size is {data.size}; set "
            "data.size to 32, or networks.family to mlp or keras-dcgan"
        )
    if batch % networks.packing or batch < 2 * networks.packing:
        fitting = max(2, batch // networks.packing) * networks.packing
        yield (
            f"networks.packing is {networks.packing}, but a batch of {batch} does not divide into two packs or more of "
            f"{networks.packing} images; set optimizer.batch_size to {fitting}, or networks.packing to 1"
        )
    if has_batch_norm(networks) and (penalised := penalties(objective)):
        yield (
            f"objective.{penalised[0]} penalises the slope at each image separately, but batch norm in the discriminator makes "
            "the images of a batch depend on each other; set networks.discriminator_norm to none or spectral"
        )
    if objective.label_smoothing and not has_effect("objective.label_smoothing", {"objective.loss": objective.loss}, None):
        yield (
            f"objective.label_smoothing smooths probabilities, but with objective.loss {objective.loss} the discriminator "
            "does not output probabilities; set objective.label_smoothing to 0, or objective.loss to non-saturating"
        )


def _sharing_refusals(networks: Networks, objective: ObjectiveConfig, batch: int, training: TrainingConfig) -> Iterator[str]:
    """Yield why a training on several processes would differ from one on a single process."""
    count = training.processes
    if batch % (unit := count * networks.packing):
        yield (
            f"training.processes is {count} and networks.packing {networks.packing}, but a batch of {batch} is not a multiple of "
            f"{unit}; set optimizer.batch_size to {max(1, batch // unit) * unit}, or training.processes to 1"
        )
    alone = f"but each of {count} processes sees only a part of it; set training.processes to 1"
    if networks.minibatch != "none":
        yield f"networks.minibatch compares the images of a whole batch, {alone}, or networks.minibatch to none"
    if objective.dragan:
        yield f"objective.dragan depends on the standard deviation of a whole batch, {alone}, or objective.dragan to 0"
    if training.compile:
        yield "training.compile is on, but compiled networks run in one process; set it to false, or training.processes to 1"
    if training.device == "mps":
        yield f"training.device is mps, one device for {count} processes; set training.processes to 1, or training.device to cpu"


def data_refusal(
    entry: DataSet, data: DataConfig, networks: Networks, augmentation: AugmentationConfig, optimizer: OptimizerConfig
) -> str:
    """Return why the data set, which must be on this machine, does not suit the other settings; empty if it does."""
    return next(_data_refusals(entry, data, networks, augmentation, optimizer.batch_size), "")


def _data_refusals(
    entry: DataSet, data: DataConfig, networks: Networks, augmentation: AugmentationConfig, batch: int
) -> Iterator[str]:
    if entry.kind == "points" and not isinstance(networks, MlpConfig):
        yield f"networks.family is {networks.family}, but “{data.name}” holds points, not images; set networks.family to mlp"
    if augmentation.policies and not has_effect("augmentation.policies", {}, entry):
        yield f"augmentation.policies changes images, but “{data.name}” holds points; leave augmentation.policies empty"
    if networks.conditional and not has_effect("networks.conditional", {}, entry):
        yield (
            f"networks.conditional needs two classes or more, but “{data.name}” has {len(entry.classes) or 'none'}; set "
            "networks.conditional to false, or choose a data set with classes"
        )
    if batch > (left := data.images_of(entry)):
        yield (
            f"optimizer.batch_size is {batch}, but there {'is' if left == 1 else 'are'} only {words.count(left, 'image')} of "
            f"“{data.name}” to train on; choose a smaller batch or more images"
        )
