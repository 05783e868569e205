"""Lessons on the two players: what each knows of the data, and what either learns from a stronger opponent."""

from __future__ import annotations

from gan.lessons.lesson import Claim, Game, Lesson, Paper, Side

#: A game that goes well: the players are balanced, and it finds most clusters of the ring within :data:`STEPS` steps.
BALANCED = {
    "networks.latent": 16,
    "optimizer.batch_size": 256,
    "optimizer.generator_lr": 0.001,
    "optimizer.discriminator_lr": 0.004,
    "optimizer.discriminator_steps": 1,
}
STEPS = 800

#: What makes the discriminator far too strong.
TOO_STRONG_D = {
    "optimizer.generator_lr": 0.0002,
    "optimizer.discriminator_lr": 0.01,
    "optimizer.discriminator_steps": 2,
}

GOODFELLOW = Paper("Goodfellow et al. 2014, Generative adversarial nets", "1406.2661")
ARJOVSKY_BOTTOU = Paper("Arjovsky and Bottou 2017, Towards principled methods for training GANs", "1701.04862")

TWO_PLAYERS = Lesson(
    name="two-players",
    title="Two players",
    summary="What does the generator know of the real data?",
    question="Both boards have the same generator. On the left, both players learn in turn. On the right, only the generator "
    "learns; its discriminator stays as it was at the start. How many of the eight clusters does the right generator find?",
    choices=("All eight: its opponent no longer learns", "About half of them", "None"),
    right=2,
    task="Press Play and watch the orange points, which the generator makes, on both boards.",
    stage=Game(
        first=Side("Both players learn", (Claim("modes", least=4),)),
        others=(Side("Only the generator learns", (Claim("modes", most=0),), {"optimizer.discriminator_lr": 1e-9}),),
        steps=STEPS,
        settings=BALANCED,
    ),
    answer="The generator never sees a real point. It only follows the discriminator's gradient (the arrows) to places that the "
    "discriminator takes for real. A discriminator that never learns knows nothing of the data, and the points run out of the "
    "picture, to a place that happens to please it.",
    take_home="All that the generator knows of the data comes from the discriminator: both have to learn.",
    papers=(GOODFELLOW,),
    scores=("modes",),
)

NON_SATURATING = Lesson(
    name="non-saturating",
    title="Why non-saturating?",
    summary="Two losses for the same goal: with which one can a losing generator still learn?",
    question="Early in a training, the discriminator wins easily. On the left, the generator minimises the probability of being "
    "caught, log(1 − D); on the right, it maximises the probability of passing, log D. Both have the same optimum. Which generator "
    "still gets a gradient from a discriminator that has won?",
    choices=("Both: the optimum is the same", "Only the left one (minimax)", "Only the right one (non-saturating)"),
    right=2,
    task="Press Play and compare “Gradient of G” on both boards.",
    stage=Game(
        first=Side("Minimax", (Claim("g_norm", most=0.1),), {"objective.loss": "minimax"}),
        others=(Side("Non-saturating", (Claim("g_norm", least=2),), {"objective.loss": "non-saturating"}),),
        steps=100,
        settings=BALANCED
        | {
            "optimizer.batch_size": 64,
            "optimizer.generator_lr": 4e-5,
            "optimizer.discriminator_lr": 0.01,
            "optimizer.discriminator_steps": 5,
        },
        speed=1,
        controls=("reset", "seed", "numbers"),
    ),
    answer="Where D(fake) is near 0, log(1 − D) is flat: it saturates, and the generator's gradient vanishes just when the "
    "generator is bad and has most to learn. The slope of log D is largest there. Press Play again: the right points soon reach "
    "real ones, the left ones stay where they are.",
    take_home="Minimise −log D instead of log(1 − D): the optimum is the same, and the gradient does not vanish when you lose.",
    papers=(GOODFELLOW, ARJOVSKY_BOTTOU),
    losses=("minimax", "non-saturating"),
)

TOO_STRONG = Lesson(
    name="too-strong",
    title="A discriminator too strong",
    summary="Does a better discriminator make a better generator?",
    question="On the left, the discriminator learns four times as fast as the generator, and both have one turn each. On the "
    "right, it learns fifty times as fast and has two turns. Which generator finds more of the eight clusters?",
    choices=("The left one", "The right one: its opponent is the better teacher", "Both the same"),
    right=0,
    task="Press Play and watch where the orange points gather.",
    stage=Game(
        first=Side("Balanced", (Claim("modes", least=4),)),
        others=(Side("D too strong", (Claim("modes", most=2),), TOO_STRONG_D),),
        steps=STEPS,
        settings=BALANCED,
        controls=("reset", "seed", "numbers"),
    ),
    answer="A discriminator that tells real from generated almost without error is steep, and shows all generated points the same "
    "way: to the nearest real cluster. The generator follows, ends there, and never hears of the others. A weaker discriminator "
    "is flatter and keeps several clusters attractive at the same time.",
    take_home="The discriminator should be ahead by a little, not by a lot: keep the players balanced.",
    papers=(ARJOVSKY_BOTTOU, GOODFELLOW),
    scores=("modes",),
    about=("discriminator-too-strong",),
)
