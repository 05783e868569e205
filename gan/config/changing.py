"""Which settings of a run that has begun can change, in a fork or while it trains, and why the others cannot."""

from __future__ import annotations

from gan.config.whole import RunConfig

#: Settings that can change between two steps of a training under way.
LIVE = (
    "optimizer.generator_lr",
    "optimizer.discriminator_lr",
    "optimizer.discriminator_steps",
    "optimizer.gradient_clip",
    "objective.label_smoothing",
    "objective.gradient_penalty",
    "objective.dragan",
    "objective.r1",
    "objective.r2",
    "objective.weight_clip",
    "augmentation.instance_noise",
    "augmentation.noise_fade",
)

#: Section or setting → why it cannot change when a run continues. A setting takes precedence over its section.
_KEPT = {
    "networks": "the weights in a checkpoint only fit the networks that they were trained in",
    "data": "the order of the images and the epoch count depend on the data set",
    "data.flips": "",
    "optimizer.algorithm": "the state of one optimiser cannot be used by another",
    "optimizer.batch_size": "the order of the images, and the position in it, depend on the batch size",
    "training.seed": "the order of the images and the latent vectors of the samples depend on the seed",
    "training.threads": "a different number of threads changes the rounding, so a continued run keeps its number",
    "training.processes": "the checkpoint holds the random states of as many processes as have written it",
}

#: Section or setting → why it cannot change while a run trains, though a fork can change it.
_FIXED = {
    "objective.loss": "the curves of another loss mean something else, so it belongs in a run of its own",
    "training.length": "a new length is set by training longer, when the run has stopped",
    "training": "the trainer has set it up for this machine",
    "cadence": "the curves, samples and scores of one run keep their distance",
}
_FORKED = "a fork can change it"


def kept_reason(config: RunConfig, key: str) -> str:
    """Return why a setting ("networks.width") cannot change when continuing from a checkpoint; empty if it can."""
    optimizer = config.optimizer
    if key == "optimizer.ema_half_life" and not optimizer.ema_half_life:
        return "the checkpoint was written without averaged weights"
    if key == "optimizer.beta1" and optimizer.algorithm == "rmsprop" and not optimizer.beta1:
        return "the checkpoint was written by RMSprop without momentum"
    return _KEPT.get(key, _KEPT.get(key.partition(".")[0], ""))


def fixed_reason(config: RunConfig, key: str) -> str:
    """Return why a setting cannot change while a run trains; empty if it can."""
    if key in LIVE:
        return ""
    return kept_reason(config, key) or _FIXED.get(key, _FIXED.get(key.partition(".")[0], _FORKED))
