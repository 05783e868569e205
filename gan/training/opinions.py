"""What the discriminator thinks of sample images, for the frames around them on the Watch page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gan.training.game import Game

_DIGITS = 4


def judge(game: Game, images: Tensor, told: Tensor | None, packing: int = 1) -> tuple[float | None, ...]:
    """Return the discriminator's opinion of each image [N, C, H, W] or point [N, 2]: the probability of "real", else its output.

    The discriminator is in training mode, as in the training itself, and is left unchanged. With packing, images that are judged
    together share one opinion; the last pack is filled up with the first images. ``told``: classes int64 [N], or None. An opinion
    that is not finite is None.
    """
    count = len(images)
    order = torch.arange(-(-count // packing) * packing) % count
    labels = None if told is None else told[order].to(images.device)
    with torch.no_grad(), _unchanged(game.discriminator), game.autocast():
        # Uncompiled (.forward): another batch size would be compiled anew.
        outputs = game.discriminator.forward(images[order.to(images.device)], labels).float()
    seen = game.as_shown(outputs)
    return tuple(
        round(value, _DIGITS) if math.isfinite(value) else None for value in seen.repeat_interleave(packing)[:count].tolist()
    )


@contextmanager
def _unchanged(player: nn.Module) -> Iterator[None]:
    """Restore the buffers of a player (running statistics, vectors of spectral norm) and the random state afterwards."""
    kept = [(buffer, buffer.clone()) for buffer in player.buffers()]
    devices = [buffer.device for buffer, _ in kept if buffer.device.type == "cuda"][:1]
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, before in kept:
                    buffer.copy_(before)
