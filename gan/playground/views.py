"""What a visitor sees of a board: arrays for the browser, computed without any effect on the game."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from gan.play.wire import Array
from gan.playground.board import Board
from gan.training import labels
from gan.training.sampling import generate


class View(Protocol):
    """Draws a board. ``about``: facts for the browser, sent once with ``reals``."""

    about: dict[str, Any]

    def reals(self) -> Array:
        """Return the real data that is shown."""

    def frame(self, board: Board, layers: Collection[str], *, is_still: bool) -> tuple[dict[str, Any], list[Array]]:
        """Return numbers and arrays of a board; ``layers`` that take long only if it ``is_still``."""


@contextmanager
def watched(player: nn.Module, *, has_batch_statistics: bool = False) -> Iterator[None]:
    """Let a player judge or draw in evaluation mode, then restore its mode and its buffers.

    With ``has_batch_statistics``, batch norm uses the statistics of the batch, as in a training.
    """
    was_training = player.training
    kept = [(buffer, buffer.clone()) for buffer in player.buffers()] if has_batch_statistics else []
    player.eval()
    if has_batch_statistics:
        for part in player.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.train()
    try:
        yield
    finally:
        player.train(was_training)
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)


def drawn(board: Board, z: Tensor, told: Tensor | None) -> Tensor:
    """Return what the generator of a board makes of latent vectors, float32."""
    return generate(board.game.generator, z, told, board.game.autocast)


def as_array(name: str, values: Tensor) -> Array:
    """Return a tensor of float32, uint8 or int8 as an array for the browser."""
    found = values.detach().cpu().contiguous().numpy()
    return name, str(found.dtype), list(found.shape), np.ascontiguousarray(found).tobytes()


def number(value: float) -> float | None:
    """Return a number for JSON: four digits, None if it is not finite."""
    return round(value, 4) if math.isfinite(value) else None


@torch.no_grad()
def work(board: Board) -> int:
    """Return the multiply-adds of a step: convolutions and matrix products, with a backward pass of twice a forward one."""
    config, counted = board.config, []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, Tensor)
        is_transposed = isinstance(layer, nn.ConvTranspose2d)
        counted.append((inputs[0] if is_transposed else output).numel() * weight[0].numel())

    players = board.game.generator, board.game.discriminator
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    hooks = [part.register_forward_hook(count) for player in players for part in player.modules() if isinstance(part, kinds)]
    few = 2 * config.networks.packing
    try:
        told = labels.in_columns(config, few)
        fakes = drawn(board, board.shown_latents[:few], told)
        making = sum(counted)
        with watched(board.game.discriminator):
            board.game.discriminator(fakes, told)
        judging = sum(counted) - making
    finally:
        for hook in hooks:
            hook.remove()
    return config.optimizer.batch_size * (3 * making + 6 * config.optimizer.discriminator_steps * judging) // few
