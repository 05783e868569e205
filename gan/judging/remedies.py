"""Remedies for the doctor's verdicts, as settings for a fork of the run; torch-free.

``REMEDIES`` lists the remedies for each verdict, best first. A remedy is a sentence and a function from the run's configuration to
the changes that apply it. Remedies against collapse were measured (docs/benchmarks.md); the others follow the papers.
"""

from __future__ import annotations

import math
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
_USUAL_RATE, _HASTY = 2e-4, 2e-3  # learning rates of Adam and RMSprop: usual for GANs, and more than most GANs tolerate
_UNEVEN = 10  # times the generator's learning rate; at or above, the discriminator's is the likely cause
_FEW_NUMBERS, _USUAL_NUMBERS = 8, 64  # length of the latent vector of images: below the first is too short, the second is usual
_LARGEST_SEED = 2**31 - 1

FEW_IMAGES = 10_000  # real images seen; a training that saw fewer is not trained yet
FEW_HALF_LIVES = 5  # of the averaged weights; before that, the weights at the start are more than 3 % of the average


class Remedy(NamedTuple):
    """A remedy in words, and its settings for :func:`gan.config.replace`; empty if it does not apply or is already in effect."""

    sentence: str
    changes: Callable[[RunConfig], Changes] = lambda config: {}


def prescribe(name: str, config: RunConfig | None) -> tuple[str, Changes]:
    """Return the first remedy for the verdict ``name`` that changes the configuration of a run, and its changes.

    The changes are empty if there is no such remedy (then the last one is returned) or no configuration (then the first).
    """
    for remedy in REMEDIES[name] if config else ():
        if config and (changes := adapted(remedy.changes(config), config)):
            return remedy.sentence, changes
    return REMEDIES[name][-1 if config else 0].sentence, {}


def adapted(changes: Mapping[str, Any], config: RunConfig) -> Changes:
    """Return ``changes`` without settings that are unknown to this configuration or already in effect, plus required adjustments.

    A penalty removes batch norm from the discriminator; a loss without probabilities removes label smoothing.
    :func:`gan.config.replace` accepts the result for an existing run; it is empty if the changes are impossible.
    """
    known = configs.flatten(config)
    wanted = {key: value for key, value in changes.items() if key in known or "networks.family" in changes}
    try:
        needed = rules.adjustments(known | wanted, config.data.require())
        if "networks.family" in wanted:
            needed.pop("networks.discriminator_norm", None)
        wanted |= needed
        changed = configs.require_data(configs.replace(config, wanted))
    except InputError:  # the data set is gone, or these settings rule the change out
        return {}
    there = configs.flatten(changed)
    return {key: value for key, value in wanted.items() if key not in known or there[key] != known[key]}


def _longer(config: RunConfig) -> Changes:
    """Return twice the length."""
    length = config.training.length
    return {"training.length": str(Span(count=min(2 * length.count, LONGEST), unit=length.unit))}


def images_needed(config: RunConfig) -> int:
    """Return the number of real images that a training must have seen before its generator is judged by its images."""
    return max(FEW_IMAGES, FEW_HALF_LIVES * config.optimizer.ema_half_life)


def _long_enough(config: RunConfig) -> Changes:
    """Return twice the length, and at least twice the images needed before a generator is judged."""
    if not data_sets.exists(config.data.name):
        return _longer(config)
    length = config.training.length
    images = config.optimizer.images_per_step * Span(count=1, unit=length.unit).in_steps(config.steps_per_epoch)
    count = max(2 * length.count, math.ceil(2 * images_needed(config) / images))
    return {"training.length": str(Span(count=min(count, LONGEST), unit=length.unit))}


def _slower(config: RunConfig, divisor: float = 2) -> Changes:
    """Return both learning rates divided by ``divisor``."""
    optimizer = config.optimizer
    return {
        "optimizer.generator_lr": _short(optimizer.generator_lr / divisor),
        "optimizer.discriminator_lr": _short(optimizer.discriminator_lr / divisor),
    }


def _usual_rates(config: RunConfig) -> Changes:
    """Return at most the usual learning rates if one is much higher; empty for SGD, whose usual rates differ."""
    optimizer = config.optimizer
    if optimizer.algorithm == "sgd" or max(optimizer.generator_lr, optimizer.discriminator_lr) <= _HASTY:
        return {}
    return {
        "optimizer.generator_lr": min(_USUAL_RATE, optimizer.generator_lr),
        "optimizer.discriminator_lr": min(_USUAL_RATE, optimizer.discriminator_lr),
    }


def _longer_vector(config: RunConfig) -> Changes:
    """Return a latent vector of the usual length, if it is too short to encode many different images."""
    is_images = data_sets.exists(config.data.name) and not config.data.is_points
    return {"networks.latent": _USUAL_NUMBERS} if is_images and config.networks.latent < _FEW_NUMBERS else {}


def _even_rates(config: RunConfig) -> Changes:
    """Return the generator's learning rate for both, if the discriminator's is many times as high."""
    optimizer = config.optimizer
    is_uneven = optimizer.discriminator_lr >= _UNEVEN * optimizer.generator_lr
    return {"optimizer.discriminator_lr": optimizer.generator_lr} if is_uneven else {}


def _relativistic(config: RunConfig) -> Changes:
    """Return the relativistic loss with R1 and R2, without weight clipping, and a β₁ of at most 0.5."""
    slope = _slope(config)
    return {
        "objective.loss": "relativistic",
        "objective.r1": slope,
        "objective.r2": slope,
        "objective.weight_clip": 0.0,
        "optimizer.beta1": min(0.5, config.optimizer.beta1),
    }


def _flatter(config: RunConfig) -> Changes:
    """Return a gradient penalty to limit the discriminator's slope, if nothing limits it yet."""
    if rules.penalties(config.objective) or config.objective.weight_clip:
        return {}
    return {"objective.gradient_penalty": 10.0} if config.objective.loss == "wasserstein" else {"objective.r1": _slope(config)}


def _slope(config: RunConfig) -> float:
    """Return the usual γ of R1 and R2; smaller for points, which need steeper discriminators than images."""
    return 0.1 if data_sets.exists(config.data.name) and config.data.is_points else 1.0


def _short(number: float) -> float:
    """Return a number rounded to three significant digits."""
    return float(f"{number:.3g}")


def _afresh(config: RunConfig) -> Changes:
    """Return another seed, which forces a fresh start: the weights of a diverged training are useless."""
    return {"training.seed": (config.training.seed + 1) % _LARGEST_SEED}


def _weaker_discriminator(config: RunConfig) -> Changes:
    """Return the lower of both learning rates for the discriminator, and one turn each."""
    rate = min(config.optimizer.generator_lr, config.optimizer.discriminator_lr)
    return {"optimizer.discriminator_lr": rate, "optimizer.discriminator_steps": 1}


def _stronger_discriminator(config: RunConfig) -> Changes:
    """Return four times the discriminator's learning rate, and at least the generator's."""
    optimizer = config.optimizer
    rate = max(4 * optimizer.discriminator_lr, optimizer.generator_lr)
    return {"optimizer.discriminator_lr": _short(min(rate, _HIGHEST_RATE))}


def _softer(config: RunConfig) -> Changes:
    """Return label smoothing and instance noise of 0.1, or the present value if it is higher."""
    return {
        "objective.label_smoothing": max(0.1, config.objective.label_smoothing),
        "augmentation.instance_noise": max(0.1, config.augmentation.instance_noise),
    }


_HASTY_RATES = Remedy("Lower the learning rates to 0.0002, the usual value for GANs; above 0.002 most GANs fail.", _usual_rates)
_COLLAPSE = (
    Remedy("Use a latent vector of 64 numbers; fewer than 8 can hardly encode many different images.", _longer_vector),
    Remedy("Lower the discriminator's learning rate to the generator's; a rate ten times as high is a likely cause.", _even_rates),
    Remedy(
        "Switch to the relativistic loss with R1 and R2, no batch norm in the discriminator, and β₁ at most 0.5.", _relativistic
    ),
    Remedy("Halve both learning rates.", _slower),
)
_LONGER = Remedy("Train twice as long; if that does not help, lower the learning rates or use wider networks.", _longer)
_LOOKS = (
    Remedy(
        "Train twice as long with half the generator's learning rate; a shift that remains is a sign of collapse.",
        lambda config: _longer(config) | {"optimizer.generator_lr": _slower(config)["optimizer.generator_lr"]},
    ),
)

#: Verdict → its remedies, best first.
REMEDIES: dict[str, tuple[Remedy, ...]] = {
    "divergence": (
        Remedy(
            "Start from scratch with a tenth of the learning rates, and limit the discriminator's slope with a gradient penalty.",
            lambda config: _slower(config, 10) | _flatter(config) | _afresh(config),
        ),
    ),
    "discriminator-too-strong": (
        Remedy("Lower the discriminator's learning rate to the generator's, and give both one turn each.", _weaker_discriminator),
        Remedy("Smooth the discriminator's labels and add noise to its inputs, or lower its learning rate.", _softer),
        Remedy(
            "Lower the discriminator's learning rate to a quarter.",
            lambda config: {"optimizer.discriminator_lr": _short(config.optimizer.discriminator_lr / 4)},
        ),
    ),
    "discriminator-too-weak": (
        Remedy("Raise the discriminator's learning rate, or give it more turns or a wider network.", _stronger_discriminator),
        Remedy("Give the discriminator more turns or a wider network."),
    ),
    "oscillation": (
        Remedy(
            "Damp the game with a gradient penalty such as R1 (Mescheder et al. 2018), without batch norm in the discriminator.",
            _flatter,
        ),
        Remedy("Halve both learning rates.", _slower),
    ),
    "collapse": _COLLAPSE,
    "duplicates": _COLLAPSE,
    "partial-collapse": _COLLAPSE,
    "missing-modes": (_HASTY_RATES, *_COLLAPSE),
    "missing-classes": (
        Remedy(
            "Make both networks class-conditional, so that every class has to be drawn.",
            lambda config: {"networks.conditional": True},
        ),
        *_COLLAPSE,
    ),
    "imprecise": (_HASTY_RATES, _LONGER),
    "off-modes": (_HASTY_RATES, _LONGER),
    "dark": _LOOKS,
    "bright": _LOOKS,
    "washed-out": _LOOKS,
    "harsh": _LOOKS,
    "pale": _LOOKS,
    "gaudy": _LOOKS,
    "checkerboard": (
        Remedy(
            "Use a kernel of 4, which covers all pixels equally often (Odena et al. 2016).",
            lambda config: {"networks.kernel": 4},
        ),
        Remedy(
            "Use the resnet family, which upscales before it convolves (Odena et al. 2016).",
            lambda config: {} if config.networks.family in ("resnet", "modern") else {"networks.family": "resnet"},
        ),
        Remedy("Train twice as long; the pattern usually fades.", _longer),
    ),
    "memorisation": (
        Remedy("Train on all images instead of a subset.", lambda config: {"data.subset": 0}),
        Remedy(
            "Show the discriminator only augmented images, so that it cannot memorise them (DiffAugment).",
            lambda config: {"augmentation.policies": list(get_args(Policy))},
        ),
        Remedy("Train on more images, or stop earlier."),
    ),
    "untrained": (Remedy("Train longer, and judge the images after that.", _long_enough),),
    "on-the-way": (Remedy("Let it train to its end, then score it again."),),
    "past-best": (Remedy("Continue from the best checkpoint with half the learning rates.", _slower),),
    "still-improving": (Remedy("Train twice as long.", _longer),),
}
