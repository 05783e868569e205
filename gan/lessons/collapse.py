"""Lessons on mode collapse, its remedies, and the noise between seeds."""

from __future__ import annotations

from gan.lessons.lesson import Claim, Game, Lesson, Paper, Side, Spread
from gan.lessons.players import BALANCED, STEPS, TOO_STRONG_D

COLLAPSE = Lesson(
    name="mode-collapse",
    title="Mode collapse",
    summary="Each sample looks real. Is the generator good?",
    question="The data are 25 clusters. At the end of this game, most points of the right generator lie among real points, but "
    "only one of ten of the left one. How many clusters does the right generator find?",
    choices=("More than the left one: its points are better", "About as many as the left one", "One or two"),
    right=2,
    task="Press Play and compare precision, recall and the modes found on both boards.",
    stage=Game(
        first=Side("Balanced", (Claim("precision", most=0.25), Claim("recall", least=0.6))),
        others=(
            Side("Collapses", (Claim("precision", least=0.4), Claim("recall", most=0.2), Claim("modes", most=2)), TOO_STRONG_D),
        ),
        steps=600,
        data="grid",
        settings=BALANCED,
        controls=("reset", "seed", "numbers"),
    ),
    answer="Precision asks whether each generated point looks real, recall whether all of the real data occur among the generated. "
    "The right generator makes one kind of point, and makes it well. Seen one at a time, its points are the better ones; only many "
    "of them together show what is missing.",
    take_home="Mode collapse: good samples, but only a few kinds of them. Look at many, and measure variety as well as quality.",
    papers=(
        Paper("Metz et al. 2016, Unrolled generative adversarial networks", "1611.02163"),
        Paper("Arora and Zhang 2017, Do GANs actually learn the distribution?", "1706.08224"),
    ),
    scores=("precision", "recall", "modes"),
    about=("collapse", "duplicates", "partial-collapse", "missing-modes", "missing-classes"),
)

REMEDIES = Lesson(
    name="remedies",
    title="Four remedies",
    summary="Packing, noise, a penalty or balance: what brings the lost clusters back?",
    question="The left game has collapsed: its discriminator is too strong, and the generator finds one cluster of eight. Which of "
    "four known remedies brings back most clusters in the same number of steps?",
    choices=("Packing", "Instance noise", "R1 penalty", "Balance"),
    right=3,
    task="Press Play with the remedy that you bet on; then try the others.",
    stage=Game(
        first=Side("Collapses", (Claim("modes", most=2),), TOO_STRONG_D),
        others=(
            Side("Packing", (Claim("modes", least=1, most=4),), {"networks.packing": 2}),
            Side("Instance noise", (Claim("modes", most=3),), {"augmentation.instance_noise": 0.1}),
            Side("R1 penalty", (Claim("modes", most=6), Claim("recall", least=0.6)), {"objective.r1": 0.1}),
            Side("Balance", (Claim("modes", least=4),), {key: BALANCED[key] for key in TOO_STRONG_D}),
        ),
        steps=STEPS,
        settings=BALANCED,
    ),
    answer="Balance treats the cause and finds most clusters with every seed. R1 keeps the discriminator flat around the real "
    "data: the points spread out to all sides (recall rises to nearly 1), but few of them meet a cluster in this time. Packing, "
    "which shows the discriminator two points at a time, brings back one to four clusters. A little instance noise hardly helps "
    "here.",
    take_home="Treat the cause, here the balance of the players. What helps differs from game to game, so measure it.",
    papers=(
        Paper("Lin et al. 2017, PacGAN: the power of two samples", "1712.04086"),
        Paper("Sønderby et al. 2016, Amortised MAP inference (instance noise)", "1610.04490"),
        Paper("Mescheder et al. 2018, Which training methods for GANs do actually converge? (R1)", "1801.04406"),
        Paper("Heusel et al. 2017, GANs trained by a two time-scale update rule (learning rates of both players)", "1706.08500"),
    ),
    scores=("modes", "recall"),
    about=("collapse", "partial-collapse"),
)

SEEDS = Lesson(
    name="seeds",
    title="Noise between seeds",
    summary="One run found two clusters more. Is its setting better?",
    question="A learning rate 10 % higher found two clusters more than before, in one run each. Is it the better setting?",
    choices=(
        "Yes: two of eight is a clear difference",
        "It cannot be told: another seed alone changes as much",
        "No: a higher learning rate is never better",
    ),
    right=1,
    task="Both boards have the same settings and differ only in their seed. Press Play, then New seed and Play once more.",
    stage=Game(
        first=Side("Seed", (Claim("modes", least=0),)),
        others=(Side("Another seed", (Claim("modes", least=0),), {"training.seed": 1}),),
        steps=300,
        settings={
            "networks.latent": 2,
            "optimizer.batch_size": 64,
            "optimizer.generator_lr": 0.001,
            "optimizer.discriminator_lr": 0.008,
            "optimizer.discriminator_steps": 2,
        },
        spread=Spread("modes", 2, {"optimizer.generator_lr": 0.0011}, "Learning rate 10 % higher"),
    ),
    answer="The seed sets the first weights, the order of the data and the noise, and two players amplify small differences. With "
    "the same settings, the clusters found differ from seed to seed by more than the small change moves their mean. Repeat each "
    "setting with several seeds and compare means with their spread, as the pages Sweeps and Compare do.",
    take_home="One run is an anecdote: a difference counts if it is larger than the spread between seeds.",
    papers=(Paper("Lucic et al. 2018, Are GANs created equal? A large-scale study", "1711.10337"),),
    scores=("modes",),
)
