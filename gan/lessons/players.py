"""Lessons on the two players: what each knows of the data."""

from __future__ import annotations

from gan.lessons.lesson import Claim, Game, Lesson, Paper, Side

#: A game that finds nearly all modes of the ring: a latent space that is large enough, and a discriminator kept flat by R1.
HEALTHY = {
    "networks.latent": 16,
    "objective.r1": 0.02,
    "optimizer.generator_lr": 0.002,
    "optimizer.discriminator_lr": 0.004,
}

GOODFELLOW = Paper("Goodfellow et al. 2014, Generative adversarial nets", "1406.2661")

TWO_PLAYERS = Lesson(
    name="two-players",
    title="Two players",
    summary="What does the generator know of the real data?",
    question="Both boards have the same generator. On the left, both players learn in turn. On the right, only the generator "
    "learns; its discriminator stays as it was at the start. How many of the eight clusters does the right generator find?",
    choices=("All eight, as nobody stands in its way", "About half of them", "None"),
    right=2,
    task="Press Play and watch the orange points on both boards.",
    stage=Game(
        first=Side("Both players learn", (Claim("modes", least=5),)),
        others=(Side("Only the generator learns", (Claim("modes", most=0),), {"optimizer.discriminator_lr": 1e-9}),),
        steps=600,
        settings=HEALTHY,
        controls=("reset", "seed"),
    ),
    answer="The generator never sees a real point. It only follows the discriminator's gradient to places that look more real to "
    "it. A discriminator that never learns knows nothing of the data either, so the points run to an arbitrary place.",
    take_home="The discriminator is the generator's only teacher: neither can do well without the other.",
    papers=(GOODFELLOW,),
    scores=("modes",),
    losses=("non-saturating",),
)
