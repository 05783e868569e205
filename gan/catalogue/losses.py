"""What there is to know of every loss, for people: formula, sign, range, and what "good" looks like; torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LossFacts:
    """A loss in words and as LaTeX formulas, which the players minimise; D is the discriminator's output, a logit.

    ``is_probability`` says whether σ(D) is the probability of "real": only then do 0, ½ and 1 mean what people expect. ``guess`` is
    the discriminator's loss when it cannot tell one from the other, where it falls from there to 0 when it is sure.
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
        "Non-saturating", _CROSS_ENTROPY, r"-\mathbb{E}\log\sigma(D(G(z)))",
        "Both from 0 up.",
        "A discriminator that guesses has a loss of 1.39, and the generator's is then 0.69. Good trainings stay between: "
        "D 0.3 to 1.3, G "
        "0.7 to 3, both restless. D near 0 and G climbing means that the discriminator has won.",
        "Goodfellow et al. 2014 (1406.2661)", is_probability=True, guess=2 * math.log(2),
    ),
    "minimax": LossFacts(
        "Minimax", _CROSS_ENTROPY, r"\mathbb{E}\log(1-\sigma(D(G(z))))",
        "D from 0 up, G from 0 down.",
        "A discriminator that guesses has a loss of 1.39, and the generator's is then −0.69. G near 0 means that its "
        "images are seen "
        "through and that it hardly learns any more: the gradient has saturated.",
        "Goodfellow et al. 2014 (1406.2661)", is_probability=True, guess=2 * math.log(2),
    ),
    "least-squares": LossFacts(
        "Least squares", r"\tfrac12\mathbb{E}(D(x)-1)^2 + \tfrac12\mathbb{E}\,D(G(z))^2", r"\tfrac12\mathbb{E}(D(G(z))-1)^2",
        "Both from 0 up; D aims at 1 for real and 0 for generated images.",
        "A discriminator that guesses says ½ to all: both losses are then 0.25 and 0.125. D near 0 with G near 0.5 means that the "
        "discriminator has won.",
        "Mao et al. 2017 (1611.04076)", guess=0.25,
    ),
    "hinge": LossFacts(
        "Hinge", r"\mathbb{E}\max(0, 1-D(x)) + \mathbb{E}\max(0, 1+D(G(z)))", r"-\mathbb{E}\,D(G(z))",
        "D from 0 up, G of either sign and without bounds.",
        "D is 2 when it guesses and 0 when it is sure of all images; good trainings stay between 0.5 and 1.8. G wanders "
        "around 0 and says nothing of quality by itself.",
        "Lim & Ye 2017 (1705.02894), Miyato et al. 2018 (1802.05957)", guess=2.0,
    ),
    "wasserstein": LossFacts(
        "Wasserstein", r"\mathbb{E}\,D(G(z)) - \mathbb{E}\,D(x)", r"-\mathbb{E}\,D(G(z))",
        "D from 0 down, G of either sign, both without bounds: D is a score, not a probability.",
        "−D estimates how far the generated images are from the real ones: it rises fast, then should fall slowly and "
        "steadily towards 0. Thousands or more mean that nothing bounds the slope of D; add a penalty or clip its weights.",
        "Arjovsky et al. 2017 (1701.07875)",
    ),
    "relativistic": LossFacts(
        "Relativistic pairing", r"-\mathbb{E}\log\sigma(D(x)-D(G(z)))", r"-\mathbb{E}\log\sigma(D(G(z))-D(x))",
        "Both from 0 up; only differences of D count, its own height means nothing.",
        "Both are 0.69 when pairs cannot be told apart. Good trainings keep D between 0.3 and 0.69 and G between 0.7 and "
        "1.5; it takes "
        "R1 and R2 to stay there.",
        "Jolicoeur-Martineau 2018 (1807.00734), Huang et al. 2024 (2501.05441)", guess=math.log(2),
    ),
}  # fmt: skip
