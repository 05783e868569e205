"""Adversarial losses on logits. To add one, list it in ``LOSSES``, ``sections.ObjectiveConfig`` and ``catalogue.losses``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True)
class Loss:
    """A two-player loss: both functions return a scalar to minimise.

    ``discriminator`` takes the logits [N] of real and generated images (higher means "real"). ``generator`` takes the logits of
    generated images and, if ``is_relative``, then the logits of real images.
    """

    discriminator: Callable[..., Tensor]
    generator: Callable[..., Tensor]
    is_relative: bool = False


def cross_entropy(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Discriminator of the original game: −E log D(x) − E log(1 − D(G(z))), ≥ 0; 2 log 2 ≈ 1.386 when it guesses.

    Goodfellow et al. 2014. Here D(x) is the probability σ(logit). Written with softplus, because −log σ(a) = softplus(−a) is finite
    for every finite logit. With one-sided label ``smoothing`` s, the target for real images is 1 − s:
    −(1 − s) log D(x) − s log(1 − D(x)); Salimans et al. 2016 (1606.03498).
    """
    of_real = softplus(-real) if smoothing == 0 else (1 - smoothing) * softplus(-real) + smoothing * softplus(real)
    return of_real.mean() + softplus(fake).mean()


def minimax(fake: Tensor) -> Tensor:
    """Generator of the original game: E log(1 − D(G(z))), ≤ 0; its gradient vanishes if D wins. Goodfellow et al. 2014."""
    return -softplus(fake).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """Generator that maximises log D(G(z)): −E log D(G(z)), ≥ 0; log 2 ≈ 0.693 when D guesses. Goodfellow et al. 2014."""
    return softplus(-fake).mean()


def least_squares(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator: ½ E (D(x) − 1)² + ½ E D(G(z))², ≥ 0; 0.25 if D = ½ for all images. Mao et al. 2017 (1611.04076)."""
    return (real - 1).square().mean() / 2 + fake.square().mean() / 2


def least_squares_generator(fake: Tensor) -> Tensor:
    """Generator: ½ E (D(G(z)) − 1)², ≥ 0. Mao et al. 2017 (1611.04076)."""
    return (fake - 1).square().mean() / 2


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator: E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))), ≥ 0; 2 at D = 0. Lim & Ye 2017 (1705.02894)."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator ("critic"): E D(G(z)) − E D(x), of either sign, unbounded. Arjovsky et al. 2017 (1701.07875)."""
    return fake.mean() - real.mean()


def raise_score(fake: Tensor) -> Tensor:
    """Generator of the hinge and Wasserstein losses: −E D(G(z)), of either sign, unbounded."""
    return -fake.mean()


def relativistic(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator: −E log σ(D(x) − D(G(z))) over pairs, ≥ 0; log 2 when it guesses. Huang et al. 2024 (2501.05441).

    Pairs have the same position in the batch.
    """
    return softplus(fake - real).mean()


def relativistic_generator(fake: Tensor, real: Tensor) -> Tensor:
    """Generator: −E log σ(D(G(z)) − D(x)) over pairs, ≥ 0; log 2 when D guesses. Huang et al. 2024 (2501.05441)."""
    return softplus(real - fake).mean()


LOSSES: dict[str, Loss] = {
    "non-saturating": Loss(cross_entropy, non_saturating),
    "minimax": Loss(cross_entropy, minimax),
    "least-squares": Loss(least_squares, least_squares_generator),
    "hinge": Loss(hinge, raise_score),
    "wasserstein": Loss(wasserstein, raise_score),
    "relativistic": Loss(relativistic, relativistic_generator, is_relative=True),
}
