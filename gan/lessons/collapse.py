"""Lessons on mode collapse, its remedies, and the noise between seeds in which small remedies drown."""

from __future__ import annotations

from gan.lessons.lesson import Claim, Game, Lesson, Paper, Side, Spread
from gan.lessons.players import HEALTHY, STRONG

COLLAPSE = Lesson(
    name="mode-collapse",
    title="Mode collapse",
    summary="What becomes of a generator in a hurry?",
    question="On the left, a game that goes well. On the right, the same game, but the generator learns twenty times as fast. What "
    "does it do?",
    choices=("It finds the clusters sooner", "It finds at most three of eight clusters", "It makes no difference in the end"),
    right=1,
    task="Press Play and watch the orange points on the right.",
    stage=Game(
        first=Side("Goes well", (Claim("modes", least=5),)),
        others=(Side("Generator 20 × as fast", (Claim("modes", most=3),), {"optimizer.generator_lr": 0.04}),),
        steps=600,
        settings=HEALTHY,
    ),
    answer="The fast generator moves nearly all its points to the place that pleases the discriminator most at the moment. The "
    "discriminator then learns to reject that place, and all points move on to the next one. At any time, most of the data are "
    "missing.",
    take_home="Mode collapse: the generator makes only a few kinds of output, although the data have many.",
    papers=(
        Paper("Metz et al. 2016, Unrolled generative adversarial networks", "1611.02163"),
        Paper("Arora and Zhang 2017, Do GANs actually learn the distribution?", "1706.08224"),
    ),
    scores=("modes", "recall"),
    about=("collapse", "duplicates", "partial-collapse", "missing-modes", "missing-classes"),
)

REMEDIES = Lesson(
    name="remedies",
    title="Four remedies",
    summary="Packing, noise, R1 or fewer turns: what brings the lost clusters back?",
    question="The left game collapses: it finds one cluster of eight. Four remedies are known from papers. Which one brings back "
    "most of the data here?",
    choices=("Packing", "Instance noise", "R1 penalty", "Fewer turns of D"),
    right=2,
    task="Press Play with the remedy that you bet on; then try the others.",
    stage=Game(
        first=Side("Collapses", (Claim("recall", most=0.25),)),
        others=(
            Side("Packing", (Claim("recall"),), {"networks.packing": 2}),
            Side("Instance noise", (Claim("recall"),), {"augmentation.instance_noise": 0.1}),
            Side("R1 penalty", (Claim("recall", least=0.75),), {"objective.r1": 0.1}),
            Side("Fewer turns of D", (Claim("recall"),), {"optimizer.discriminator_steps": 1}),
        ),
        steps=300,
        settings=STRONG,
    ),
    answer="R1 keeps the discriminator flat around the real data, so that it no longer shows all points the same way. The "
    "generator then reaches nearly all of the data with every seed, though its points are not precise yet. Packing, which shows "
    "the discriminator two points at a time, and fewer turns of the discriminator help with most seeds; instance noise seldom "
    "does.",
    take_home="Treat the cause, here a discriminator too steep. What helps differs from game to game, so measure it.",
    papers=(
        Paper("Lin et al. 2017, PacGAN: the power of two samples", "1712.04086"),
        Paper("Sønderby et al. 2016, Amortised MAP inference (instance noise)", "1610.04490"),
        Paper("Mescheder et al. 2018, Which training methods for GANs do actually converge?", "1801.04406"),
    ),
    scores=("recall",),
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
