"""What to do about each of the doctor's verdicts, as settings that a fork of the run can be launched with; torch-free.

``REMEDIES`` has a list for each verdict, the best first. A remedy is a sentence and, made from the run's configuration, the
changes that put it into effect; those against collapse were measured (docs/benchmarks.md), the others follow the papers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from gan import config as configs
from gan.catalogue import data_sets
from gan.config import RunConfig, rules
from gan.config.fields import LONGEST, Span
from gan.config.sections import Policy
from gan.errors import InputError

Changes = dict[str, Any]

_HIGHEST_RATE = 1.0
_USUAL_RATE, _HASTY = 2e-4, 2e-3  # of Adam and RMSprop: what is usual for GANs, and what is more than most of them bear
_UNEVEN = 10  # times the generator's rate: the discriminator's is likely to blame
_FEW_NUMBERS, _USUAL_NUMBERS = 8, 64  # in the latent vector of images
_LARGEST_SEED = 2**31 - 1


class Remedy(NamedTuple):
    """A remedy in words, and the settings for :func:`gan.config.replace`; none where it does not apply, or is in effect."""

    sentence: str
    changes: Callable[[RunConfig], Changes] = lambda config: {}


def prescribe(name: str, config: RunConfig | None) -> tuple[str, Changes]:
    """Return the first remedy for the verdict ``name`` that changes something in a run, and these changes.

    Where there is none, or without a configuration, the changes are empty.
    """
    for remedy in REMEDIES[name] if config else ():
        if config and (changes := adapted(remedy.changes(config), config)):
            return remedy.sentence, changes
    return REMEDIES[name][-1 if config else 0].sentence, {}


def adapted(changes: Mapping[str, Any], config: RunConfig) -> Changes:
    """Return ``changes`` without what these networks and data do not know or have already, and with what has to go along.

    A penalty takes batch norm out of the discriminator, and a loss without probabilities the smoothing out of the labels. The
    result is accepted by :func:`gan.config.replace` for a run that exists; empty where that cannot be had.
    """
    known = configs.flatten(config)
    wanted = {key: value for key, value in changes.items() if key in known or "networks.family" in changes}
    try:
        needed = rules.adjustments(known | wanted, config.data.require())
        if "networks.family" in wanted:
            needed.pop("networks.discriminator_norm", None)
        wanted |= needed
        changed = configs.require_data(configs.replace(config, wanted))
    except InputError:  # the data set is gone, or these settings do not allow such a change
        return {}
    there = configs.flatten(changed)
    return {key: value for key, value in wanted.items() if key not in known or there[key] != known[key]}


def _longer(config: RunConfig) -> Changes:
    """Twice as long."""
    length = config.training.length
    return {"training.length": str(Span(count=min(2 * length.count, LONGEST), unit=length.unit))}


def _slower(config: RunConfig, divisor: float = 2) -> Changes:
    """Both learning rates divided."""
    optimizer = config.optimizer
    return {
        "optimizer.generator_lr": _short(optimizer.generator_lr / divisor),
        "optimizer.discriminator_lr": _short(optimizer.discriminator_lr / divisor),
    }


def _usual_rates(config: RunConfig) -> Changes:
    """The usual learning rates instead of much higher ones."""
    optimizer = config.optimizer
    if optimizer.algorithm == "sgd" or max(optimizer.generator_lr, optimizer.discriminator_lr) <= _HASTY:
        return {}
    return {
        "optimizer.generator_lr": min(_USUAL_RATE, optimizer.generator_lr),
        "optimizer.discriminator_lr": min(_USUAL_RATE, optimizer.discriminator_lr),
    }


def _longer_vector(config: RunConfig) -> Changes:
    """More latent numbers, where there are too few to tell many images apart."""
    is_images = config.data.name in data_sets.all_sets() and not config.data.is_points
    return {"networks.latent": _USUAL_NUMBERS} if is_images and config.networks.latent < _FEW_NUMBERS else {}


def _even_rates(config: RunConfig) -> Changes:
    """The generator's learning rate for both, where the discriminator's is many times as high."""
    optimizer = config.optimizer
    is_uneven = optimizer.discriminator_lr >= _UNEVEN * optimizer.generator_lr
    return {"optimizer.discriminator_lr": optimizer.generator_lr} if is_uneven else {}


def _relativistic(config: RunConfig) -> Changes:
    slope = _slope(config)
    return {
        "objective.loss": "relativistic", "objective.r1": slope, "objective.r2": slope, "objective.weight_clip": 0.0,
        "optimizer.beta1": min(0.5, config.optimizer.beta1),
    }  # fmt: skip


def _flatter(config: RunConfig) -> Changes:
    """What bounds the discriminator's slope, unless something does."""
    if rules.penalties(config.objective) or config.objective.weight_clip:
        return {}
    return {"objective.gradient_penalty": 10.0} if config.objective.loss == "wasserstein" else {"objective.r1": _slope(config)}


def _slope(config: RunConfig) -> float:
    """Return the usual γ of R1 and R2: points have steeper discriminators than images."""
    return 0.1 if config.data.name in data_sets.all_sets() and config.data.is_points else 1.0


def _short(number: float) -> float:
    return float(f"{number:.3g}")


def _afresh(config: RunConfig) -> Changes:
    """Another seed: the weights of a training that ran away are of no use any more."""
    return {"training.seed": (config.training.seed + 1) % _LARGEST_SEED}


def _weaker_discriminator(config: RunConfig) -> Changes:
    """The generator's learning rate for both, where the discriminator's is higher, and one turn each."""
    rate = min(config.optimizer.generator_lr, config.optimizer.discriminator_lr)
    return {"optimizer.discriminator_lr": rate, "optimizer.discriminator_steps": 1}


def _stronger_discriminator(config: RunConfig) -> Changes:
    optimizer = config.optimizer
    rate = max(4 * optimizer.discriminator_lr, optimizer.generator_lr)
    return {"optimizer.discriminator_lr": _short(min(rate, _HIGHEST_RATE))}


def _softer(config: RunConfig) -> Changes:
    """Smoothed labels and instance noise, at least as much as there is."""
    return {
        "objective.label_smoothing": max(0.1, config.objective.label_smoothing),
        "augmentation.instance_noise": max(0.1, config.augmentation.instance_noise),
    }


_HASTY_RATES = Remedy("Lower the learning rates to what is usual for GANs: they are more than ten times as high.", _usual_rates)
_COLLAPSE = (
    Remedy("Give the generator a longer latent vector: so few numbers hardly tell images apart.", _longer_vector),
    Remedy("Lower the learning rate of the discriminator to that of the generator: it is many times as high.", _even_rates),
    Remedy("Take the relativistic loss with R1 and R2, without batch norm in the discriminator, and less momentum.", _relativistic),
    Remedy("Halve both learning rates.", _slower),
)
_LONGER = Remedy("Train twice as long; if that does not help, lower the learning rates or take wider networks.", _longer)
_LOOKS = (
    Remedy(
        "Train twice as long with half the learning rate of the generator; a shift that stays is a sign of collapse.",
        lambda config: _longer(config) | {"optimizer.generator_lr": _slower(config)["optimizer.generator_lr"]},
    ),
)

#: Verdict → its remedies, the best first.
REMEDIES: dict[str, tuple[Remedy, ...]] = {
    "divergence": (
        Remedy(
            "Start afresh with a tenth of the learning rates, and bound the discriminator's slope with a penalty.",
            lambda config: _slower(config, 10) | _flatter(config) | _afresh(config),
        ),
    ),
    "discriminator-too-strong": (
        Remedy("Lower its learning rate to that of the generator, with one turn each.", _weaker_discriminator),
        Remedy("Smooth its labels and add noise to what it sees, or lower its learning rate.", _softer),
        Remedy(
            "Lower its learning rate to a quarter.",
            lambda config: {"optimizer.discriminator_lr": _short(config.optimizer.discriminator_lr / 4)},
        ),
    ),
    "discriminator-too-weak": (
        Remedy("Raise its learning rate, or give it more turns or wider networks.", _stronger_discriminator),
        Remedy("Give it more turns or wider networks."),
    ),
    "oscillation": (
        Remedy("Damp the game with R1 (Mescheder et al. 2018), without batch norm in the discriminator.", _flatter),
        Remedy("Halve both learning rates.", _slower),
    ),
    "collapse": _COLLAPSE,
    "duplicates": _COLLAPSE,
    "partial-collapse": _COLLAPSE,
    "missing-modes": (_HASTY_RATES, *_COLLAPSE),
    "missing-classes": (
        Remedy("Tell both networks the class, so that each has to be drawn.", lambda config: {"networks.conditional": True}),
        *_COLLAPSE,
    ),
    "imprecise": (_HASTY_RATES, _LONGER),
    "off-modes": (_HASTY_RATES, _LONGER),
    "dark": _LOOKS, "bright": _LOOKS, "washed-out": _LOOKS, "harsh": _LOOKS, "pale": _LOOKS, "gaudy": _LOOKS,
    "checkerboard": (
        Remedy(
            "Take a kernel of 4, which covers all pixels equally often (Odena et al. 2016).",
            lambda config: {"networks.kernel": 4},
        ),
        Remedy(
            "Take networks that enlarge first and convolve then: the family resnet (Odena et al. 2016).",
            lambda config: {} if config.networks.family in ("resnet", "modern") else {"networks.family": "resnet"},
        ),
        Remedy("Train twice as long: the pattern mostly fades.", _longer),
    ),
    "memorisation": (
        Remedy("Train on all images instead of a subset.", lambda config: {"data.subset": 0}),
        Remedy(
            "Show the discriminator changed images only, so that it cannot learn them by heart (DiffAugment).",
            lambda config: {"augmentation.policies": list(get_args(Policy))},
        ),
        Remedy("Train on more images, or stop earlier."),
    ),
    "past-best": (Remedy("Go back to the best checkpoint, and on from there with half the learning rates.", _slower),),
    "still-improving": (Remedy("Train twice as long.", _longer),),
}  # fmt: skip
