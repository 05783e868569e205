"""Adversarial losses, on logits; a new one joins by being listed in ``LOSSES``, ``sections.ObjectiveConfig`` and ``catalogue``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True)
class Loss:
    """A two-player loss: both functions return a scalar to minimise.

    ``discriminator`` takes the logits [N] of real and of generated images (higher means "real"); ``generator``
    takes those of generated images, and where ``is_relative`` those of real ones after them.
    """

    discriminator: Callable[..., Tensor]
    generator: Callable[..., Tensor]
    is_relative: bool = False


def cross_entropy(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Discriminator of the original game: −E log D(x) − E log(1 − D(G(z))), from 0 up; 2 log 2 ≈ 1.386 when it guesses.

    Written with softplus, since −log σ(a) = softplus(−a): finite for every finite logit. Goodfellow et al. 2014. With
    one-sided label ``smoothing`` s real images count as real with 1 − s only: −(1 − s) log D(x) − s log(1 − D(x));
    Salimans et al. 2016 (1606.03498).
    """
    of_real = softplus(-real) if smoothing == 0 else (1 - smoothing) * softplus(-real) + smoothing * softplus(real)
    return of_real.mean() + softplus(fake).mean()


def minimax(fake: Tensor) -> Tensor:
    """Generator of the original game: E log(1 − D(G(z))), from −∞ to 0; its gradient fades when D wins. Goodfellow et al. 2014."""
    return -softplus(fake).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """Generator that maximises log D(G(z)): −E log D(G(z)), from 0 up; log 2 ≈ 0.693 when D guesses. Goodfellow et al. 2014."""
    return softplus(-fake).mean()


def least_squares(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator: ½ E (D(x) − 1)² + ½ E D(G(z))², from 0 up; 0.25 when it says ½ to all. Mao et al. 2017 (1611.04076)."""
    return (real - 1).square().mean() / 2 + fake.square().mean() / 2


def least_squares_generator(fake: Tensor) -> Tensor:
    """Generator: ½ E (D(G(z)) − 1)², from 0 up. Mao et al. 2017 (1611.04076)."""
    return (fake - 1).square().mean() / 2


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator: E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))), from 0 up; 2 at D = 0. Lim & Ye 2017 (1705.02894)."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator ("critic"): E D(G(z)) − E D(x), of either sign and without bounds. Arjovsky et al. 2017 (1701.07875)."""
    return fake.mean() - real.mean()


def raise_score(fake: Tensor) -> Tensor:
    """Generator of the hinge and Wasserstein losses: −E D(G(z)), of either sign and without bounds."""
    return -fake.mean()


def relativistic(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator: −E log σ(D(x) − D(G(z))) over pairs, from 0 up; log 2 when it guesses. Huang et al. 2024 (2501.05441).

    The pairs are those of equal place in the batch.
    """
    return softplus(fake - real).mean()


def relativistic_generator(fake: Tensor, real: Tensor) -> Tensor:
    """Generator: −E log σ(D(G(z)) − D(x)) over pairs, from 0 up; log 2 when D guesses. Huang et al. 2024 (2501.05441)."""
    return softplus(real - fake).mean()


LOSSES: dict[str, Loss] = {
    "non-saturating": Loss(cross_entropy, non_saturating),
    "minimax": Loss(cross_entropy, minimax),
    "least-squares": Loss(least_squares, least_squares_generator),
    "hinge": Loss(hinge, raise_score),
    "wasserstein": Loss(wasserstein, raise_score),
    "relativistic": Loss(relativistic, relativistic_generator, is_relative=True),
}
