"""Lessons on scores: what FID sees, where the Inception score is blind, quality against diversity."""

from __future__ import annotations

from gan.lessons.laboratory import Case, Laboratory
from gan.lessons.lesson import Claim, Lesson, Paper

FID = Lesson(
    name="what-fid-sees",
    title="What FID sees",
    summary="What makes FID rise: fewer pictures, wrong contrast, copies?",
    question="Three generators of digits. A draws the same 100 real digits, ten of each kind, again and again. B draws 898 "
    "different pictures, with a quarter too much contrast. C hands out copies of its training pictures. Which one has the worst, "
    "that is highest, FID?",
    choices=("A, the 100 pictures", "B, the contrast", "C, the copies"),
    right=1,
    task="Measure A, B and C, and compare their FID with real digits. Then try the other sliders.",
    stage=Laboratory(
        cases=(
            Case("A: 100 pictures, repeated", (Claim("fid", most=13),), {"distinct": 100}),
            Case("B: contrast × 1.25", (Claim("fid", least=25),), {"contrast": 1.25}),
            Case("C: copies", (Claim("fid", most=0.1), Claim("memorised", least=0.95)), {"copied": 1}),
        ),
        sliders=("contrast", "distinct", "copied", "blur", "brightness", "noise"),
        scores=("fid", "recall", "memorised"),
    ),
    answer="FID compares the mean and the covariance of features. A little more contrast moves the features of all pictures, so "
    "FID rises tenfold, though one hardly sees it. A hundred digits, ten of each kind, have nearly the same mean and covariance as "
    "all, so FID rises little; recall falls to 0. Copies have exactly the statistics of the training pictures, with which FID "
    "compares, so that their FID is lower than that of new real digits. Only a test for memorisation notices.",
    take_home="FID measures whether feature statistics agree, not whether pictures are varied or new: read it next to recall and "
    "a test for copies.",
    papers=(
        Paper("Heusel et al. 2017, GANs trained by a two time-scale update rule (FID)", "1706.08500"),
        Paper("Meehan et al. 2020, A non-parametric test to detect data-copying in generative models", "2004.05675"),
    ),
    scores=("fid", "recall", "memorised"),
    about=("kid", "memorised_ratio"),
)

INCEPTION_SCORE = Lesson(
    name="blind-spots-of-is",
    title="Blind spots of the Inception score",
    summary="What does a collapsed generator score?",
    question="A generator knows only 50 digits, five of each kind, and repeats them for ever. Real digits have an Inception "
    "score of about 9.4; the highest possible is 10. What is the score of this generator?",
    choices=(
        "About 1, because it has collapsed",
        "About 5, because half of the variety is missing",
        "About the same as real digits",
    ),
    right=2,
    task="Measure the three cases, and watch IS, FID and recall.",
    stage=Laboratory(
        cases=(
            Case("50 digits, repeated", (Claim("inception_score", least=9), Claim("recall", most=0)), {"distinct": 50}),
            Case("Contrast × 1.25", (Claim("inception_score", least=9), Claim("fid", least=25)), {"contrast": 1.25}),
            Case("5 of 10 classes", (Claim("inception_score", least=4.5, most=5.5), Claim("recall", least=0.2)), {"classes": 5}),
        ),
        sliders=("distinct", "contrast", "classes"),
        scores=("inception_score", "fid", "recall"),
    ),
    answer="The Inception score asks a classifier two things: is each picture clearly of one class, and do all classes occur? "
    "Fifty clear digits of all classes satisfy both. Variety within a class never enters, nor do the real pictures, so that "
    "wrong contrast costs nothing either. Missing classes it does see: it counts them.",
    take_home="The Inception score sees clear pictures and missing classes; it never sees repetition within a class, and never "
    "looks at the real pictures.",
    papers=(
        Paper("Salimans et al. 2016, Improved techniques for training GANs (IS)", "1606.03498"),
        Paper("Barratt and Sharma 2018, A note on the Inception Score", "1801.01973"),
    ),
    scores=("inception_score", "fid", "recall"),
    about=("classes_covered", "class_kl"),
)

TRADE_OFF = Lesson(
    name="quality-against-diversity",
    title="Quality against diversity",
    summary="What do longer and shorter latent vectors do to precision and recall?",
    question="A generator has learnt with latent vectors of usual length. Now they are made longer (ψ = 2) or shorter (ψ = 0.6). "
    "What happens to its precision (quality) and its recall (variety) on the way from long to short vectors?",
    choices=("Both rise", "Precision rises, recall falls", "Precision falls, recall rises"),
    right=1,
    task="Measure ψ = 2, 1 and 0.6, and watch the two scores in the chart. Then go down to 0.",
    stage=Laboratory(
        cases=(
            Case("ψ = 2", (Claim("precision", most=0.45), Claim("recall", least=0.9), Claim("fid", least=12)), {"truncation": 2}),
            Case("ψ = 1", (Claim("fid", most=9),)),
            Case(
                "ψ = 0.6", (Claim("precision", least=0.49), Claim("recall", most=0.83), Claim("fid", least=24)), {"truncation": 0.6}
            ),
        ),
        sliders=("truncation",),
        scores=("precision", "recall", "fid"),
        lab="truncation",
        chart="trade-off",
    ),
    answer="Long vectors reach pictures that are rare in training, and fail more often. Down to ψ = 1, precision gains some "
    "seventeen points and recall loses four. From 1 to 0.6, recall loses another thirteen and precision gains only three. FID is "
    "lowest in between, as it mixes both into one number. Below ψ = 0.5 both scores fall: this generator has hardly ever seen "
    "vectors as short, and all pictures become the same average digit.",
    take_home="Quality can be bought with variety after training: one number such as FID hides which of the two was paid.",
    papers=(
        Paper("Kynkäänniemi et al. 2019, Improved precision and recall metric", "1904.06991"),
        Paper("Brock et al. 2019, Large scale GAN training (truncation trick)", "1809.11096"),
    ),
    scores=("precision", "recall", "fid"),
    about=("density", "coverage"),
)
