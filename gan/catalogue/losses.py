"""Descriptions of the losses: formulas, range, typical values and source. Does not import torch."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LossFacts:
    """Description of a loss. In the formulas (LaTeX), D is the discriminator's output, a logit; both players minimise.

    ``sign`` and ``good`` describe the values of both losses. ``is_probability``: whether σ(D) is the probability of "real".
    ``guess``: the discriminator's loss when it cannot tell real and generated images apart; it falls to 0 as the
    discriminator becomes sure. None if the loss has no such scale.
    """

    title: str
    discriminator: str
    generator: str
    sign: str
    good: str
    source: str
    is_probability: bool = False
    guess: float | None = None


_CROSS_ENTROPY = r"-\mathbb{E}\log\sigma(D(x)) - \mathbb{E}\log(1-\sigma(D(G(z))))"

LOSSES: dict[str, LossFacts] = {
    "non-saturating": LossFacts(
        "Non-saturating",
        _CROSS_ENTROPY,
        r"-\mathbb{E}\log\sigma(D(G(z)))",
        "Both losses ≥ 0.",
        "When the discriminator guesses, its loss is 1.39 and the generator's 0.69. Good training keeps the discriminator's loss "
        "between 0.3 and 1.3 and the generator's between 0.7 and 3, both fluctuating. A discriminator loss near 0 with a rising "
        "generator loss means that the discriminator has won.",
        "Goodfellow et al. 2014 (1406.2661)",
        is_probability=True,
        guess=2 * math.log(2),
    ),
    "minimax": LossFacts(
        "Minimax",
        _CROSS_ENTROPY,
        r"\mathbb{E}\log(1-\sigma(D(G(z))))",
        "Discriminator loss ≥ 0, generator loss ≤ 0.",
        "When the discriminator guesses, its loss is 1.39 and the generator's −0.69. A generator loss near 0 means that the "
        "discriminator recognises the generated images and that the generator hardly learns any more: its gradient has vanished.",
        "Goodfellow et al. 2014 (1406.2661)",
        is_probability=True,
        guess=2 * math.log(2),
    ),
    "least-squares": LossFacts(
        "Least squares",
        r"\tfrac12\mathbb{E}(D(x)-1)^2 + \tfrac12\mathbb{E}\,D(G(z))^2",
        r"\tfrac12\mathbb{E}(D(G(z))-1)^2",
        "Both losses ≥ 0. The discriminator's target is 1 for real and 0 for generated images.",
        "A discriminator that guesses outputs ½ for every image; its loss is then 0.25 and the generator's 0.125. A discriminator "
        "loss near 0 with a generator loss near 0.5 means that the discriminator has won.",
        "Mao et al. 2017 (1611.04076)",
        guess=0.25,
    ),
    "hinge": LossFacts(
        "Hinge",
        r"\mathbb{E}\max(0, 1-D(x)) + \mathbb{E}\max(0, 1+D(G(z)))",
        r"-\mathbb{E}\,D(G(z))",
        "Discriminator loss ≥ 0; generator loss of either sign, unbounded.",
        "The discriminator's loss is 2 when it guesses and 0 when it is sure of every image; good training keeps it between 0.5 "
        "and 1.8. The generator's loss fluctuates around 0 and by itself says nothing about quality.",
        "Lim & Ye 2017 (1705.02894), Miyato et al. 2018 (1802.05957)",
        guess=2.0,
    ),
    "wasserstein": LossFacts(
        "Wasserstein",
        r"\mathbb{E}\,D(G(z)) - \mathbb{E}\,D(x)",
        r"-\mathbb{E}\,D(G(z))",
        "Both losses of either sign, unbounded; the discriminator's is usually negative. Its output is a score, not a probability.",
        "Minus the discriminator's loss estimates the distance between generated and real images. It rises quickly at first "
        "and should then fall slowly and steadily towards 0. Values in the thousands mean that the discriminator's slope has no "
        "limit; add a penalty or clip the discriminator's weights.",
        "Arjovsky et al. 2017 (1701.07875)",
    ),
    "relativistic": LossFacts(
        "Relativistic pairing",
        r"-\mathbb{E}\log\sigma(D(x)-D(G(z)))",
        r"-\mathbb{E}\log\sigma(D(G(z))-D(x))",
        "Both losses ≥ 0. Only differences between the discriminator's outputs count; their level has no meaning.",
        "Both are 0.69 when the discriminator guesses. Good training keeps the discriminator's loss between 0.3 and 0.69 and the "
        "generator's between 0.7 and 1.5, which needs R1 and R2.",
        "Jolicoeur-Martineau 2018 (1807.00734), Huang et al. 2024 (2501.05441)",
        guess=math.log(2),
    ),
}
