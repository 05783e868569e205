"""Adversarial losses, on logits; a new one joins by being listed in ``LOSSES`` and in ``config.ObjectiveConfig``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class Loss:
    """A two-player loss. Both functions take logits of shape [N] (positive means "real") and return a scalar to minimise."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator of the original game: −E log D(x) − E log(1 − D(G(z))), from 0 up; 2 log 2 ≈ 1.386 when it guesses.

    Written with softplus, since −log σ(a) = softplus(−a): finite for every finite logit. Goodfellow et al. 2014.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def minimax(fake: Tensor) -> Tensor:
    """Generator of the original game: E log(1 − D(G(z))), from −∞ to 0; its gradient fades when D wins. Goodfellow et al. 2014."""
    return -softplus(fake).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """Generator that maximises log D(G(z)): −E log D(G(z)), from 0 up; log 2 ≈ 0.693 when D guesses. Goodfellow et al. 2014."""
    return softplus(-fake).mean()


LOSSES: dict[str, Loss] = {
    "non-saturating": Loss(cross_entropy, non_saturating),
    "minimax": Loss(cross_entropy, minimax),
}
