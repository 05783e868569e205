"""The adversarial game, one step of it: the discriminator's turn, then the generator's.

Knows two networks, a loss and two optimisers; nothing of files, logging or devices.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from gan.objective.losses import Loss


@dataclass(frozen=True)
class Outcome:
    """What one step brought, as scalar tensors; the gradient norms only where they were asked for."""

    discriminator_loss: Tensor
    generator_loss: Tensor
    d_real: Tensor
    d_fake: Tensor
    discriminator_grad_norm: Tensor | None = None
    generator_grad_norm: Tensor | None = None


@dataclass(frozen=True)
class Game:
    """Algorithm 1 of Goodfellow et al. 2014 (1406.2661), one discriminator update and one generator update a step.

    ``average`` is the running average of the generator's weights (EMA), or None; ``autocast`` returns the context in which
    networks run; ``scaler`` scales losses for fp16 and does nothing otherwise.
    """

    generator: nn.Module
    discriminator: nn.Module
    average: AveragedModel | None
    loss: Loss
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    autocast: Callable[[], AbstractContextManager[None]]
    scaler: torch.amp.GradScaler

    def step(self, reals: Tensor, z: Tensor, *, wants_norms: bool = False) -> Outcome:
        """Play one step on real images [N, C, H, W] and latent vectors [N, latent]; both players see the same fakes."""
        with self.autocast():
            fakes = self.generator(z)

        # The discriminator's turn: tell real images from fakes.
        with self.autocast():
            real_logits, fake_logits = self.discriminator(reals), self.discriminator(fakes.detach())
        real_logits, fake_logits = real_logits.float(), fake_logits.float()
        discriminator_loss = self.loss.discriminator(real_logits, fake_logits)
        discriminator_norm = self._update(self.discriminator, self.discriminator_optimizer, discriminator_loss, wants_norms)

        # The generator's turn: make fakes that the discriminator, left as it is, takes for real.
        self.discriminator.requires_grad_(False)
        with self.autocast():
            judged = self.discriminator(fakes)
        generator_loss = self.loss.generator(judged.float())
        generator_norm = self._update(self.generator, self.generator_optimizer, generator_loss, wants_norms)
        self.discriminator.requires_grad_(True)
        self.scaler.update()

        if self.average is not None:
            self.average.update_parameters(self.generator)
        return Outcome(
            discriminator_loss.detach(),
            generator_loss.detach(),
            real_logits.detach().sigmoid().mean(),
            fake_logits.detach().sigmoid().mean(),
            discriminator_norm,
            generator_norm,
        )

    def _update(self, player: nn.Module, optimizer: Optimizer, loss: Tensor, wants_norm: bool) -> Tensor | None:
        """Move one player down its gradient; return the gradient's norm if asked for."""
        optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        norm = None
        if wants_norm:
            self.scaler.unscale_(optimizer)
            norm = nn.utils.get_total_norm([weight.grad for weight in player.parameters() if weight.grad is not None])
        self.scaler.step(optimizer)
        return norm
