"""Deals the inputs of each turn: real images in their order, and latent vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from gan.config import RunConfig
from gan.data.feed import Feed
from gan.data.loaders import Images
from gan.training.game import Turn
from gan.training.team import ALONE, Team


class Dealer:
    """Deals turns of real images, from ``feed``, and latent vectors.

    ``config`` may change in the number of turns per step. ``latents``: random state of the latent vectors, on the CPU. To a process
    of a ``team`` it deals its part of each batch; all parts together are what a single process would get.
    """

    def __init__(self, config: RunConfig, images: Images, device: torch.device, team: Team = ALONE) -> None:
        settings, batch = config.training, config.optimizer.batch_size
        self.config, self._device, self._part = config, device, team.part(batch)
        self.feed = Feed(images, batch, settings.seed, device=device, flips=config.data.flips, part=self._part)
        self.latents = torch.Generator().manual_seed(settings.seed + 1)

    def deal(self, place: int) -> Turn:
        """Return the turn at ``place`` (0 and up, over all turns of the discriminator), with new latent vectors."""
        reals = self.feed.batch(place)
        told = self.feed.labels(place) if self.config.networks.conditional else None
        z = draw_latents(self.config, self.config.optimizer.batch_size, self.latents)[self._part]
        return Turn(reals, z.to(self._device), told)

    def turns(self, first: int) -> list[Turn]:
        """Return the turns of a step, the ``first`` of which is at that place."""
        return [self.deal(place) for place in range(first, first + self.config.optimizer.discriminator_steps)]


def draw_latents(config: RunConfig, count: int, source: torch.Generator) -> Tensor:
    """Draw latent vectors [count, latent] from N(0, 1), on the CPU so that they are the same for every device."""
    return torch.randn(count, config.networks.latent, generator=source)
