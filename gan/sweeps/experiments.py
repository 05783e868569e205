"""Named sweeps: the experiments that anyone can launch from the dashboard or the command line, quick and full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan.errors import InputError, nearest, shown
from gan.sweeps import plan as plans
from gan.sweeps.plan import Plan


@dataclass(frozen=True)
class Experiment:
    """A sweep with a name, a title, and a sentence on the question that it answers; ``raw`` is as in a sweep file."""

    name: str
    title: str
    description: str
    raw: dict[str, Any]

    def plan(self) -> Plan:
        """Return what is to be tried."""
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

#: What the second part of the Keras report changes.
_SECOND_PART = {
    "data.name": "cifar10", "networks.extra_layers": 3, "training.length": "1742 epochs", "cadence.log_every": "100 steps",
    "cadence.sample_every": "20 epochs", "cadence.score_every": "20 epochs",
}  # fmt: skip

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "quick", "A first sweep, on digits",
            "Three learning rates of the discriminator, two seeds each, in about a minute: is the difference larger than that "
            "between two seeds?",
            {
                "base": "digits-mlp", "set": {"training.length": "20 epochs"},
                "axes": {"optimizer.discriminator_lr": [1e-4, 4e-4]}, "seeds": 2,
            },
        ),
        Experiment(
            "mlp-table-quick", "MLP table · quick, on digits",
            "The MLP report in small: one setting at a time, two seeds each. Which differences exceed those between seeds?",
            {"base": "mlp-table-quick", "axes": _MLP_AXES | {"training.length": ["100 epochs", "300 epochs"]}, "seeds": 2},
        ),
        Experiment(
            "dcgan-cifar-quick", "DCGAN report · quick, on shapes",
            "Remedies against mode collapse, one at a time: which of them finds more of the 64 combinations?",
            {
                "base": "dcgan-cifar-quick", "set": {"training.length": "8 epochs", "networks.width": 16}, "variants": _REMEDIES,
                "seeds": 2,
            },
        ),
        Experiment(
            "dcgan-mnist-to-cifar-quick", "Keras DCGAN · quick, on digits",
            "The Keras tutorial's DCGAN, with three more layers, and told the class: does either bring more than further epochs?",
            {
                "base": "dcgan-mnist-to-cifar-quick", "set": {"training.length": "30 epochs"}, "variants": _KERAS_VARIANTS,
                "seeds": 2,
            },
        ),
        Experiment(
            "bedrooms-small-quick", "Bedrooms, few images · quick, rendered",
            "How many images, which batch, and what augmentation does when there are few. Look at brightness and duplicates.",
            {
                "base": "bedrooms-small-quick", "set": {"data.size": 32, "networks.depth": 3, "training.length": "50 epochs"},
                "axes": {"optimizer.batch_size": [256], "data.subset": [2000]}, "variants": _SMALL_DATA, "seeds": 2,
            },
        ),
        Experiment(
            "bedrooms-size-quick", "Bedrooms, image sizes · quick, rendered",
            "What larger images and batches cost, and whether duplicates begin earlier with them.",
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
            "The MLP report: hidden 512, batch norm, latent 128, 256 and 512, 100 and 300 epochs, each against the baseline with "
            "two seeds. Which differences exceed those between seeds?",
            {"base": "mlp-table", "axes": _MLP_AXES | {"training.length": ["100 epochs", "300 epochs"]}, "seeds": 2},
        ),
        Experiment(
            "dcgan-cifar", "DCGAN report · full, on CIFAR-10",
            "Dropout, input noise and WGAN-GP against mode collapse, and the same without extra convolutions, two seeds each.",
            {"base": "dcgan-cifar", "variants": _REMEDIES, "seeds": 2},
        ),
        Experiment(
            "dcgan-mnist-to-cifar", "Keras DCGAN · full, MNIST and CIFAR-10",
            "The Keras tutorial's DCGAN on MNIST, then on CIFAR-10 with three extra layers, and there told the class too: did the "
            "last 742 epochs bring anything?",
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
            "Batches of 256 against 100, 50 against 100 epochs, 2,000 against 1,000 images, and augmentation for few images.",
            {
                "base": "bedrooms-small",
                "axes": {"optimizer.batch_size": [256], "training.length": ["50 epochs"], "data.subset": [2000]},
                "variants": _SMALL_DATA,
            },
        ),
        Experiment(
            "bedrooms-size", "Bedrooms, large images · full, LSUN",
            "256 against 64 pixels, batches of 64, 128 and 256 against 32, and no dropout. Look at the time of an epoch first.",
            {
                "base": "bedrooms-size",
                "axes": {"optimizer.batch_size": [64, 128, 256], "networks.discriminator_dropout": [0]},
                "variants": [{"name": "64 pixels", "set": {"data.size": 64, "networks.depth": 4}}],
            },
        ),
    )
}  # fmt: skip


def find(name: str) -> Experiment:
    """Return the named sweep. Raises InputError, naming what there is, when there is none."""
    if name not in EXPERIMENTS:
        raise InputError(f"There is no sweep “{shown(name)}”; " + nearest(name, EXPERIMENTS))
    return EXPERIMENTS[name]
