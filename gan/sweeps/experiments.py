"""Named sweeps, quick and full, for the dashboard and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan.errors import InputError, nearest, shown
from gan.sweeps import plan as plans
from gan.sweeps.plan import Plan


@dataclass(frozen=True)
class Experiment:
    """A sweep with a name, a title, and the question it answers; ``raw`` has the format of a sweep file."""

    name: str
    title: str
    description: str
    raw: dict[str, Any]

    def plan(self) -> Plan:
        """Return the plan of the sweep."""
        return plans.parse(self.raw | {"name": self.title})


_MLP_AXES = {
    "networks.hidden": [512],
    "networks.generator_norm": ["batch"],
    "networks.latent": [128, 256, 512],
}
_REMEDIES = [
    {"name": "dropout", "set": {"networks.discriminator_dropout": 0.3}},
    {"name": "input noise", "set": {"augmentation.instance_noise": 0.1}},
    {"name": "WGAN-GP", "set": {
        "objective.loss": "wasserstein", "objective.gradient_penalty": 10, "networks.discriminator_norm": "none",
        "optimizer.beta1": 0, "optimizer.discriminator_steps": 5,
    }},
    {"name": "no extra layers", "set": {"networks.extra_layers": 0}},
]  # fmt: skip
_SMALL_DATA = [
    {"name": "horizontal flips", "set": {"data.flips": True}},
    {"name": "DiffAugment", "set": {"augmentation.policies": ["colour", "translation", "cutout"]}},
]
_KERAS_VARIANTS = [
    {"name": "three extra layers", "set": {"networks.extra_layers": 3}},
    {"name": "class-conditional", "set": {"networks.conditional": True}},
]

#: Settings that the second part of the Keras report changes.
_SECOND_PART = {
    "data.name": "cifar10", "networks.extra_layers": 3, "training.length": "1742 epochs", "cadence.log_every": "100 steps",
    "cadence.sample_every": "20 epochs", "cadence.score_every": "20 epochs",
}  # fmt: skip

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "quick", "A first sweep, on digits",
            "Three learning rates of the discriminator, two seeds each, in about a minute. Is the difference larger than between "
            "two seeds?",
            {
                "base": "digits-mlp", "set": {"training.length": "20 epochs"},
                "axes": {"optimizer.discriminator_lr": [1e-4, 4e-4]}, "seeds": 2,
            },
        ),
        Experiment(
            "mlp-table-quick", "MLP table · quick, on digits",
            "A small version of the MLP report: one setting at a time, two seeds each. Which differences are larger than between "
            "seeds?",
            {"base": "mlp-table-quick", "axes": _MLP_AXES | {"training.length": ["100 epochs", "300 epochs"]}, "seeds": 2},
        ),
        Experiment(
            "dcgan-cifar-quick", "DCGAN report · quick, on shapes",
            "Remedies for mode collapse, one at a time. Which of them finds more of the 64 combinations?",
            {
                "base": "dcgan-cifar-quick", "set": {"training.length": "8 epochs", "networks.width": 16}, "variants": _REMEDIES,
                "seeds": 2,
            },
        ),
        Experiment(
            "dcgan-mnist-to-cifar-quick", "Keras DCGAN · quick, on digits",
            "The DCGAN of the Keras tutorial, with three extra layers, and class-conditional. Does either help more than further "
            "epochs?",
            {
                "base": "dcgan-mnist-to-cifar-quick", "set": {"training.length": "30 epochs"}, "variants": _KERAS_VARIANTS,
                "seeds": 2,
            },
        ),
        Experiment(
            "bedrooms-small-quick", "Bedrooms, few images · quick, rendered",
            "The effect of batch size, number of images and augmentation when images are few. Check brightness and duplicates.",
            {
                "base": "bedrooms-small-quick", "set": {"data.size": 32, "networks.depth": 3, "training.length": "50 epochs"},
                "axes": {"optimizer.batch_size": [256], "data.subset": [2000]}, "variants": _SMALL_DATA, "seeds": 2,
            },
        ),
        Experiment(
            "bedrooms-size-quick", "Bedrooms, image sizes · quick, rendered",
            "The cost of larger images and batches, and whether they lead to duplicates earlier.",
            {
                "base": "bedrooms-size-quick",
                "set": {"data.size": 64, "networks.depth": 4, "training.length": "40 epochs"},
                "axes": {"optimizer.batch_size": [64, 128], "networks.discriminator_dropout": [0]},
                "variants": [{"name": "32 pixels", "set": {"data.size": 32, "networks.depth": 3}}],
                "seeds": 2,
            },
        ),
        Experiment(
            "mlp-table", "MLP table · full, on MNIST",
            "The MLP report: hidden 512, batch norm, latent 128, 256 and 512, 100 and 300 epochs, each compared with the baseline, "
            "two seeds each. Which differences are larger than between seeds?",
            {"base": "mlp-table", "axes": _MLP_AXES | {"training.length": ["100 epochs", "300 epochs"]}, "seeds": 2},
        ),
        Experiment(
            "dcgan-cifar", "DCGAN report · full, on CIFAR-10",
            "Dropout, input noise and WGAN-GP as remedies for mode collapse, and a variant without extra convolutions; two seeds "
            "each.",
            {"base": "dcgan-cifar", "variants": _REMEDIES, "seeds": 2},
        ),
        Experiment(
            "dcgan-mnist-to-cifar", "Keras DCGAN · full, MNIST and CIFAR-10",
            "The DCGAN of the Keras tutorial on MNIST, and on CIFAR-10 with three extra layers, with and without classes. Did the "
            "last 742 epochs improve anything?",
            {
                "base": "dcgan-mnist-to-cifar",
                "variants": [
                    {"name": "CIFAR-10", "set": _SECOND_PART},
                    {"name": "CIFAR-10, class-conditional", "set": _SECOND_PART | {"networks.conditional": True}},
                ],
            },
        ),
        Experiment(
            "bedrooms-small", "Bedrooms, 1,000 images · full, LSUN",
            "Batches of 256 instead of 100, 50 epochs instead of 100, 2,000 images instead of 1,000, and augmentation for few "
            "images.",
            {
                "base": "bedrooms-small",
                "axes": {"optimizer.batch_size": [256], "training.length": ["50 epochs"], "data.subset": [2000]},
                "variants": _SMALL_DATA,
            },
        ),
        Experiment(
            "bedrooms-size", "Bedrooms, large images · full, LSUN",
            "64 pixels instead of 256, batches of 64, 128 and 256 instead of 32, and no dropout. Check the time per epoch first.",
            {
                "base": "bedrooms-size",
                "axes": {"optimizer.batch_size": [64, 128, 256], "networks.discriminator_dropout": [0]},
                "variants": [{"name": "64 pixels", "set": {"data.size": 64, "networks.depth": 4}}],
            },
        ),
    )
}  # fmt: skip


def find(name: str) -> Experiment:
    """Return the sweep called ``name``. Raises InputError, which names similar or all sweeps, if it does not exist."""
    if name not in EXPERIMENTS:
        raise InputError(f"There is no sweep “{shown(name)}”; " + nearest(name, EXPERIMENTS))
    return EXPERIMENTS[name]
