"""One step of the adversarial game: the discriminator's turns, then the generator's turn.

This module knows the two networks, the objective and the two optimisers, but not files, logging or devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from gan.objective.losses import Loss
from gan.objective.penalties import Penalties


class Turn(NamedTuple):
    """Inputs of one turn: real images [N, C, H, W] and latent vectors [N, latent].

    ``labels`` int64 [N] are the classes of both; None if the networks are not class-conditional.
    """

    reals: Tensor
    z: Tensor
    labels: Tensor | None = None


class Judgement(NamedTuple):
    """Result of one turn of the discriminator: loss, penalty (None if off), and logits [N] of real and generated images.

    ``norm`` is the norm of its gradient; None unless requested.
    """

    loss: Tensor
    penalty: Tensor | None
    real: Tensor
    fake: Tensor
    norm: Tensor | None


@dataclass(frozen=True)
class Outcome:
    """Result of one step, as scalar tensors; gradient norms are None unless requested.

    Losses are from the last turn of each player; ``discriminator_loss`` excludes ``penalty`` (None if off). ``d_real`` and
    ``d_fake`` are mean probabilities of "real" if the loss defines them, else mean outputs of the discriminator.
    """

    discriminator_loss: Tensor
    generator_loss: Tensor
    d_real: Tensor
    d_fake: Tensor
    penalty: Tensor | None = None
    discriminator_grad_norm: Tensor | None = None
    generator_grad_norm: Tensor | None = None


@dataclass(frozen=True)
class Game:
    """Algorithm 1 of Goodfellow et al. 2014 (1406.2661): one or more updates of the discriminator, then one of the generator.

    ``average``: running average of the generator's weights (EMA), or None.
    ``is_probability``: whether σ of the discriminator's output is the probability of "real".
    ``view(images, noise)``: augmented images as the discriminator sees them, with noise of that standard deviation.
    ``gradient_clip``: maximum gradient norm of each player; 0 is no limit.
    ``weight_clip``: maximum absolute weight of the discriminator; 0 is no limit.
    ``is_simultaneous``: whether the generator's turn of a step meets the discriminator as it is before its own last turn.
    ``autocast()``: context in which the networks run.
    ``scaler``: scales losses in fp16; does nothing otherwise.
    ``combine(gradients)``: replaces the gradients of a player, in place, by those of the whole batch; None if they already are.
    """

    generator: nn.Module
    discriminator: nn.Module
    average: AveragedModel | None
    loss: Loss
    is_probability: bool
    penalties: Penalties
    view: Callable[[Tensor, float], Tensor]
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    gradient_clip: float
    weight_clip: float
    autocast: Callable[[], AbstractContextManager[None]]
    scaler: torch.amp.GradScaler
    is_simultaneous: bool = False
    combine: Callable[[Sequence[Tensor]], None] | None = None

    @cached_property  # searching all layers for weights, several times a step, takes a tenth of the time of a small network
    def generator_weights(self) -> tuple[nn.Parameter, ...]:
        """The trained weights of the generator."""
        return tuple(self.generator.parameters())

    @cached_property
    def discriminator_weights(self) -> tuple[nn.Parameter, ...]:
        """The trained weights of the discriminator."""
        return tuple(self.discriminator.parameters())

    def step(self, turns: Sequence[Turn], *, noise: float = 0.0, wants_norms: bool = False) -> Outcome:
        """Play one step: the discriminator's turn with each of ``turns``, then the generator's turn with the last of them."""
        for turn in turns[:-1]:
            self.discriminator_turn(turn, noise=noise)

        # In the last turn both players see the same generated images, so neither depends on the other's update if the generator
        # plays first.
        last = turns[-1]
        with self.autocast():
            fakes = self.generator(last.z, last.labels)
        if self.is_simultaneous:
            generator_loss, generator_norm = self.generator_turn(last, fakes, noise=noise, wants_norm=wants_norms)
        judged = self.discriminator_turn(last, fakes, noise=noise, wants_norm=wants_norms)
        if not self.is_simultaneous:
            generator_loss, generator_norm = self.generator_turn(last, fakes, noise=noise, wants_norm=wants_norms)
        return Outcome(
            discriminator_loss=judged.loss,
            generator_loss=generator_loss,
            d_real=self.as_shown(judged.real).mean(),
            d_fake=self.as_shown(judged.fake).mean(),
            penalty=judged.penalty,
            discriminator_grad_norm=judged.norm,
            generator_grad_norm=generator_norm,
        )

    def discriminator_turn(
        self, turn: Turn, fakes: Tensor | None = None, *, noise: float = 0.0, wants_norm: bool = False
    ) -> Judgement:
        """Play the discriminator's turn: one update to tell real images and ``fakes`` apart.

        ``fakes`` are generated from ``turn.z`` if None.
        """
        if fakes is None:
            with torch.no_grad(), self.autocast():
                fakes = self.generator(turn.z, turn.labels)
        reals, fakes = self.view(turn.reals, noise), self.view(fakes.detach(), noise)
        with self.autocast():
            real, fake = self.discriminator(reals, turn.labels).float(), self.discriminator(fakes, turn.labels).float()
        loss = self.loss.discriminator(real, fake)
        penalty = None
        if self.penalties:
            # In fp32 and uncompiled (.forward): neither bf16 nor compiled code supports second derivatives.
            penalty = self.penalties.measure(
                lambda images: self.discriminator.forward(images, turn.labels), reals.float(), fakes.float()
            )
        total = loss if penalty is None else loss + penalty
        norm = self._update(self.discriminator_weights, self.discriminator_optimizer, total, wants_norm)
        if self.weight_clip:
            with torch.no_grad():
                for weight in self.discriminator_weights:
                    weight.clamp_(-self.weight_clip, self.weight_clip)
        return Judgement(loss.detach(), None if penalty is None else penalty.detach(), real.detach(), fake.detach(), norm)

    def generator_turn(
        self, turn: Turn, fakes: Tensor | None = None, *, noise: float = 0.0, wants_norm: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Play the generator's turn: one update to deceive the discriminator, which stays fixed.

        ``fakes`` carry the generator's graph; they are generated from ``turn.z`` if None. Also updates the average of the weights.
        Returns the loss, and the norm of the gradient (None unless requested).
        """
        if fakes is None:
            with self.autocast():
                fakes = self.generator(turn.z, turn.labels)
        with _frozen(self.discriminator_weights), self.autocast():
            fake = self.discriminator(self.view(fakes, noise), turn.labels).float()
            seen = [fake]
            if self.loss.is_relative:
                seen.append(self.discriminator(self.view(turn.reals, noise), turn.labels).float())
        loss = self.loss.generator(*seen)
        norm = self._update(self.generator_weights, self.generator_optimizer, loss, wants_norm)
        if self.average is not None:
            self.average.update_parameters(self.generator)
        return loss.detach(), norm

    def as_shown(self, outputs: Tensor) -> Tensor:
        """Return outputs of the discriminator as probabilities of "real" if the loss defines them, else unchanged."""
        return torch.sigmoid(outputs) if self.is_probability else outputs

    def _update(self, weights: Sequence[nn.Parameter], optimizer: Optimizer, loss: Tensor, wants_norm: bool) -> Tensor | None:
        """Update one player, with its gradient clipped; return the gradient's norm before clipping, or None unless requested."""
        for weight in weights:
            weight.grad = None
        self.scaler.scale(loss).backward()
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if self.combine is not None:
            self.combine(gradients)
        norm = None
        if wants_norm or self.gradient_clip:
            self.scaler.unscale_(optimizer)
            norm = nn.utils.get_total_norm(gradients)
            if self.gradient_clip:
                nn.utils.clip_grads_with_norm_(weights, self.gradient_clip, norm)
        self.scaler.step(optimizer)
        self.scaler.update()
        return norm if wants_norm else None


@contextmanager
def _frozen(weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """Let gradients flow through a player but not into its weights."""
    for weight in weights:
        weight.requires_grad = False
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad = True
