"""Generator and discriminator families; a new one joins by being listed in ``config.FAMILIES`` and here."""

from __future__ import annotations

from torch import nn

from gan.config import DcganConfig, RunConfig
from gan.networks import dcgan, mlp


def build(config: RunConfig) -> tuple[nn.Module, nn.Module]:
    """Return the generator (z [N, latent] → images [N, C, S, S] from −1 to 1) and the discriminator (images → logits [N]).

    Where the data are points, both have [N, 2] in place of images.
    """
    networks, shape = config.networks, config.data.shape
    if isinstance(networks, DcganConfig):
        channels, size, _ = shape
        return (
            dcgan.Generator(networks.latent, networks.width, networks.depth, size, channels),
            dcgan.Discriminator(networks.width, networks.depth, size, channels),
        )
    return (
        mlp.Generator(networks.latent, networks.hidden, shape, has_batch_norm=networks.batch_norm),
        mlp.Discriminator(networks.hidden, shape),
    )
