"""Penalties on the slope of the discriminator: pure functions of a discriminator and its inputs.

A discriminator is any function from inputs [N, ...] to logits [M], with M dividing N (M < N with packing). The slope of a logit is
taken with respect to all inputs of its pack. All penalties need second derivatives, and therefore fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Judge = Callable[[Tensor], Tensor]

_TINY = 1e-12  # keeps the root differentiable at slope zero


def squared_slopes(discriminator: Judge, inputs: Tensor) -> Tensor:
    """Return ‖∇D‖² [M], with ∇ taken with respect to inputs [N, ...]; the result can be differentiated again."""
    inputs = inputs.detach().requires_grad_()
    logits = discriminator(inputs)
    (slopes,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return slopes.reshape(len(logits), -1).square().sum(dim=1)


def zero_centred(discriminator: Judge, inputs: Tensor) -> Tensor:
    """R1 (on real images) and R2 (on generated ones): ½ E‖∇D‖², ≥ 0. Mescheder et al. 2018 (1801.04406)."""
    return squared_slopes(discriminator, inputs).mean() / 2


def one_centred(discriminator: Judge, inputs: Tensor) -> Tensor:
    """Gradient penalty: E(‖∇D‖ − 1)², ≥ 0. Gulrajani et al. 2017 (1704.00028)."""
    return squared_slopes(discriminator, inputs).add(_TINY).sqrt().sub(1).square().mean()


def between(reals: Tensor, fakes: Tensor) -> Tensor:
    """Return x̂ = ε x + (1 − ε) G(z) [N, ...], with ε from U(0, 1) for each sample. Gulrajani et al. 2017 (1704.00028)."""
    share = torch.rand(len(reals), *[1] * (reals.dim() - 1), device=reals.device)
    return share * reals + (1 - share) * fakes


def around(reals: Tensor) -> Tensor:
    """Return real inputs [N, ...] plus ½ σ U(0, 1), σ their standard deviation. Kodali et al. 2017 (1705.07215)."""
    return reals + 0.5 * reals.std() * torch.rand_like(reals)


@dataclass(frozen=True)
class Penalties:
    """Weights of the penalties, each ≥ 0; 0 is off."""

    gradient_penalty: float = 0.0
    dragan: float = 0.0
    r1: float = 0.0
    r2: float = 0.0

    def __bool__(self) -> bool:
        """Return whether any penalty is on."""
        return any((self.gradient_penalty, self.dragan, self.r1, self.r2))

    def measure(self, discriminator: Judge, reals: Tensor, fakes: Tensor) -> Tensor:
        """Return the weighted sum, a scalar, for inputs [N, ...] in float32; no gradient flows back through ``fakes``."""
        parts = []
        if self.gradient_penalty:
            parts.append(self.gradient_penalty * one_centred(discriminator, between(reals, fakes.detach())))
        if self.dragan:
            parts.append(self.dragan * one_centred(discriminator, around(reals)))
        if self.r1:
            parts.append(self.r1 * zero_centred(discriminator, reals))
        if self.r2:
            parts.append(self.r2 * zero_centred(discriminator, fakes))
        return torch.stack(parts).sum()
