"""A generator that another program has trained: its network, and pictures drawn from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan.errors import InputError

MOST_VALUES = 1 << 26  # weights of a network: 268 MB in float32
SIZES = (8, 512)  # pixels of the sides of its pictures
MOST_LATENT = 4096

_BATCH = 50


@dataclass(frozen=True)
class Foreign:
    """A generator in evaluation mode: z [N, latent], and labels int64 [N] if it has ``classes`` → images [N, C, H, W].

    ``title`` says what it is, as in "Keras generator “g.keras”, 28 × 28 pixels". ``shape``: [C, H, W] of an image. ``low``: its
    darkest value, −1 or 0; the brightest is 1.
    """

    title: str
    network: nn.Module
    latent: int
    shape: tuple[int, int, int]
    classes: int = 0
    low: float = -1.0

    @torch.inference_mode()
    def draw(self, count: int, seed: int = 0) -> Iterator[Tensor]:
        """Yield ``count`` pictures, uint8 [n, C, H, W] with n up to 50, from normal latent vectors and uniform classes."""
        source = torch.Generator().manual_seed(seed)
        for place in range(0, count, _BATCH):
            batch = min(_BATCH, count - place)
            z = torch.randn(batch, self.latent, generator=source)
            told = [torch.randint(self.classes, (batch,), generator=source)] if self.classes else []
            images = self.network(z, *told)
            yield (images - self.low).mul_(255 / (1 - self.low)).round_().clamp_(0, 255).byte()


def finished(title: str, network: nn.Module, latent: int, *, classes: int = 0, low: float = -1.0) -> Foreign:
    """Return a generator whose weights and pictures have been checked. Raises InputError if either cannot be used."""
    network.eval().requires_grad_(False)
    if any(not torch.isfinite(value).all() for value in network.state_dict().values()):
        raise InputError(f"{title} has weights that are infinite or no numbers; export it from an earlier epoch.")
    if not 1 <= latent <= MOST_LATENT:
        raise InputError(f"{title} has latent vectors of {latent} numbers, expected 1 to {MOST_LATENT}; choose another generator.")
    with torch.inference_mode():
        told = [torch.zeros(1, dtype=torch.int64)] if classes else []
        shape = tuple(network(torch.zeros(1, latent), *told).shape[1:])
    if len(shape) != 3 or shape[0] not in (1, 3) or not all(SIZES[0] <= side <= SIZES[1] for side in shape[1:]):
        found = " × ".join(map(str, shape))
        raise InputError(
            f"{title} draws {found} values, expected pictures of 1 or 3 channels with {SIZES[0]} to {SIZES[1]} pixels to a side; "
            "choose another generator."
        )
    return Foreign(f"{title}, {shape[2]} × {shape[1]} pixels", network, latent, shape, classes, low)
