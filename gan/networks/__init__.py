"""Families of generators and discriminators. To add a family, list it in ``sections.FAMILIES`` and here."""

from __future__ import annotations

from types import ModuleType

from gan.config import RunConfig
from gan.networks import dcgan, keras_dcgan, mlp, modern, resnet
from gan.networks.players import EMBEDDING, Discriminator, Generator

#: Each has ``generator(settings, inputs, shape)``, ``discriminator(settings, shape)`` and ``initialise(layer)``.
FAMILIES: dict[str, ModuleType] = {
    "dcgan": dcgan,
    "mlp": mlp,
    "keras-dcgan": keras_dcgan,
    "resnet": resnet,
    "modern": modern,
}


def build(config: RunConfig) -> tuple[Generator, Discriminator]:
    """Return the generator (z [N, latent] → images [N, C, S, S] from −1 to 1) and the discriminator (images → logits [N]).

    For point data, both use [N, 2] instead of images. If class-conditional, both also take labels [N]. With packing, the
    discriminator returns one logit per pack.
    """
    settings, shape = config.networks, config.data.shape
    family = FAMILIES[settings.family]
    classes = config.classes
    layers = family.generator(settings, settings.latent + (EMBEDDING if classes else 0), shape)
    body, features = family.discriminator(settings, (shape[0] * settings.packing, *shape[1:]))
    discriminator = Discriminator(
        body,
        features,
        family.initialise,
        packing=settings.packing,
        minibatch=settings.minibatch,
        classes=classes,
        is_spectral=getattr(settings, "discriminator_norm", "") == "spectral",
    )
    return Generator(settings.latent, layers, classes), discriminator
