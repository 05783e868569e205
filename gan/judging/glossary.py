"""Glossary of scores: title, formula, range, meaning, source, and whether higher or lower is better; torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gan import words
from gan.judging import lines


class Score(NamedTuple):
    """A figure of a line of scores (``gan.judging.lines``); ``floor`` is the key of the same figure for real images, or empty.

    ``better``: 1 if higher is better, -1 if lower is better, 0 if it should be close to the figure of real images.
    ``is_share``: shown in per cent.
    """

    key: str
    title: str
    floor: str
    better: int
    formula: str
    range: str
    meaning: str
    source: str
    is_share: bool = False


_NAEEM = "Naeem et al. 2020, arXiv:2002.09797"
_KYNKAANNIEMI = "Kynkäänniemi et al. 2019, arXiv:1904.06991"
_PACGAN = "Lin et al. 2017, arXiv:1712.04086, section 4.1"

#: Key of a figure → its meaning, in the order of table columns.
SCORES = {
    score.key: score
    for score in (
        Score(
            "fid", "FID", "floor_fid", -1, "|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½)", "from 0, no upper limit",
            "Fréchet distance between the features of generated and real images, each modelled as a Gaussian. 0 is perfect. "
            "Compare it with the row of real images, which differs from 0 by chance alone.",
            "Heusel et al. 2017, arXiv:1706.08500",
        ),
        Score(
            "inception_score", "IS", "real_inception_score", 1, "exp E KL(p(y|x) ‖ p(y))", "from 1 to the number of classes",
            "Inception score: high if each image clearly belongs to one class and all classes occur. It does not use the real "
            "images.",
            "Salimans et al. 2016, arXiv:1606.03498",
        ),
        Score(
            "modes", "Modes", "floor_modes", 1, "|{m : ∃ g, |g − m| ≤ 3σ}|", "from 0 to the number of modes",
            "Number of known modes found: those with at least one sample within 3 standard deviations σ of their centre.",
            _PACGAN,
        ),
        Score(
            "high_quality", "High quality", "floor_high_quality", 1, "|{g : ∃ m, |g − m| ≤ 3σ}| / N", "from 0 % to 100 %",
            "Share of generated samples within 3 standard deviations σ of the centre of a known mode.",
            _PACGAN, True,
        ),
        Score(
            "reverse_kl", "Reverse KL", "floor_reverse_kl", -1, "Σ q(m) ln(M q(m))", "from 0 to ln M, in nats",
            "Unevenness of the samples over the M known modes: q(m) is the share of generated samples whose nearest mode is m. "
            "0 is perfect.",
            _PACGAN,
        ),
        Score(
            "precision", "Precision", "floor_precision", 1, "|{g : ∃ r, |g − r| ≤ d₃(r)}| / N", "from 0 % to 100 %",
            "Quality: the share of generated images g that lie among the real ones, that is, no farther from some real image r "
            "than its 3rd nearest real neighbour, at distance d₃(r).",
            _KYNKAANNIEMI, True,
        ),
        Score(
            "recall", "Recall", "floor_recall", 1, "|{r : ∃ g, |r − g| ≤ d₃(g)}| / N", "from 0 % to 100 %",
            "Variety: the share of real images that lie among the generated ones (precision with the roles swapped). Low if much "
            "of the data is never drawn.",
            _KYNKAANNIEMI, True,
        ),
        Score(
            "density", "Density", "floor_density", 1, "Σ |{r : |g − r| ≤ d₅(r)}| / (5 N)", "from 0, about 1 for real images",
            "How densely real images surround the generated ones. Similar to precision, but a single odd real image does not raise "
            "it.",
            _NAEEM,
        ),
        Score(
            "coverage", "Coverage", "floor_coverage", 1, "|{r : ∃ g, |r − g| ≤ d₅(r)}| / N", "from 0 % to 100 %",
            "Share of real images r with a generated image no farther away than their 5th nearest real neighbour, at distance "
            "d₅(r). Similar to recall, but outliers among the generated images do not raise it.",
            _NAEEM, True,
        ),
        Score(
            "kid", "KID", "floor_kid", -1, "MMD² with the kernel (x·y / D + 1)³", "about 0 at best, no upper limit",
            "Kernel distance between the features. Can fall below 0 by chance. Unlike FID it has no upward bias with few images.",
            "Bińkowski et al. 2018, arXiv:1801.01401",
        ),
        Score(
            "duplicates", "Duplicates", "real_duplicates", 0, "|{g : ∃ g′ ≠ g, g′ ≈ g}| / N", "from 0 % to 100 %",
            "Share of up to 2,000 generated images with a near duplicate among the others: hashes that differ in at most 3 of 64 "
            "bits, thumbnails that correlate by at least 0.99, and the same colours. Simple real images resemble one another too, "
            "so compare it with the same number of real images.",
            "after the birthday paradox test, Arora and Zhang 2017, arXiv:1706.08224", True,
        ),
        Score(
            "support", "Support", "real_support", 0, "Σ n (n − 1) / 2 / |{{g, g′} : g ≈ g′}|", "from 1, no upper limit",
            "Estimated number of different images, by the birthday paradox: about 1,000 if 1 in 1,000 pairs is a near duplicate. "
            "Only an order of magnitude; missing if no pair is. Compare it with the same number of real images.",
            "after Arora and Zhang 2017, arXiv:1706.08224",
        ),
        Score(
            "ms_ssim", "MS-SSIM", "real_ms_ssim", 0, "Π l·cᵢ·sᵢ over scales i", "up to 1, for identical images",
            "Mean similarity of two generated images, over 500 pairs. Well above the real images means too little variety. A low "
            "value alone proves nothing: noise scores low too.",
            "Wang et al. 2003; for GANs Odena et al. 2017, arXiv:1610.09585",
        ),
        Score(
            "lpips", "LPIPS", "real_lpips", 0, "Σ w·(f(x) − f(y))² over layers of AlexNet", "from 0, for identical images",
            "Mean perceptual difference between two generated images. Well below the real images means too little variety; noise "
            "scores high. Measured only if AlexNet's weights are present.",
            "Zhang et al. 2018, arXiv:1801.03924",
        ),
        Score(
            "classes_covered", "Classes", "", 1, "|{y : q(y) ≥ p(y) / 10}|", "from 0 to the number of classes",
            "Number of classes covered, as recognised by the data set's classifier. A class is covered if its share q of the "
            "generated images is at least a tenth of its share p of the real ones. Only the chosen classes count or, if all are "
            "used, those with at least a tenth of an even share of the real images.",
            "defined in this project",
        ),
        Score(
            "class_kl", "Class KL", "", -1, "Σ q(y) ln(q(y) / p(y))", "from 0, in nats",
            "Deviation of the class shares q of the generated images from the shares p of the real ones. 0 is perfect.",
            "Kullback–Leibler divergence",
        ),
        Score(
            "memorised", "Memorised", "", 0, "|{g : min |g − t| < the 5 % quantile of min |h − t|}| / N", "from 0 % to 100 %",
            "Share of generated images g that are nearer to a training image t than 95 % of other real images h are. The h are "
            "held-out images or, if there are none, the other training images. 5 % is usual; far more means that the generator "
            "repeats training images.",
            "after Meehan et al. 2020, arXiv:2004.05675", True,
        ),
        Score(
            "memorised_ratio", "Distance to training", "", 0, "median min |g − t| / median min |h − t|", "from 0, about 1 is usual",
            "Distance of generated images g from their nearest training image t, relative to other real images h. Near 0 the "
            "generator copies training images.",
            "after Meehan et al. 2020, arXiv:2004.05675",
        ),
        Score(
            "memorised_sources", "Sources of copies", "", 0, "1 / Σ p(t)²", "from 1 to the number of training images",
            "Estimated number of different training images t that the memorised images are nearest to; p(t) is the share of each. "
            "About 1 means no copies: flat images are often all nearest to the same training image.",
            "after Arora and Zhang 2017, arXiv:1706.08224",
        ),
        Score(
            "memorised_likeness", "Likeness of copies", "", 0, "median corr(g, t)", "from −1 to 1",
            "Median correlation of the pixels of memorised images g with those of their nearest training image t. 1 for copies; "
            "about 0 means that only the features are alike.",
            "defined in this project",
        ),
        Score(
            "checkerboard", "Checkerboard", "real_checkerboard", 0, "power at periods of 2 and 4 pixels / neighbouring power",
            "from 0, about 1 without a pattern",
            "Strength of patterns that repeat every 2 or 4 pixels, as transposed convolutions leave them, in the spectrum. 2 or "
            "more suggests a pattern, unless the real images score as high.",
            "after Odena, Dumoulin and Olah 2016, doi:10.23915/distill.00003",
        ),
    )
}  # fmt: skip

#: Figures based on nearest neighbours → the fewest images they need of each kind: the neighbours and the image itself.
_FEWEST = {("precision", "recall"): 4, ("density", "coverage"): 6}

BETTER = {1: "higher is better", -1: "lower is better", 0: "compare with the real images"}


def missing(line: Mapping[str, Any]) -> list[str]:
    """Return why figures of a line are missing, one sentence per reason; empty if none are."""
    if lines.number(line, "fid") is None:
        return ["The generator's output is not finite, so its distance from the real images cannot be measured."]
    fewest = min(lines.number(line, name) or 0 for name in ("images", "real_images"))
    return _about_features(line) + [
        f"{' and '.join(SCORES[name].title for name in names)} need at least {needed} generated and {needed} real images."
        for names, needed in _FEWEST.items()
        if fewest < needed and any(lines.number(line, name) is None for name in names)
    ]


def _about_features(line: Mapping[str, Any]) -> list[str]:
    """Return sentences on a classifier that was passed over, or that recognises too few images."""
    note, accuracy = line.get("extractor_note"), lines.number(line, "extractor_accuracy")
    told = [note] if isinstance(note, str) and note else []
    if accuracy is None or accuracy >= lines.TRUSTED:
        return told
    few = f"the classifier recognises only {words.percent(accuracy)} of the held-out images"
    if lines.has_chance_features(line):
        return [*told, f"Distances say little and classes are not counted: {few}, hardly more than guessing; use other features."]
    return [*told, f"Classes are not counted: {few}."]
