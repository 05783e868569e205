"""What each score means: title, formula, range, which way is better and where it comes from; torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gan import words
from gan.judging import lines


class Score(NamedTuple):
    """A figure of a line of scores (``gan.judging.lines``), and the figure that real images get (``floor``; empty for none).

    ``better`` is 1 where more is better, -1 where less is, 0 where it is judged by its distance from the real images' figure.
    ``is_share`` says that it is a share to be shown in per cent.
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

#: Figure of a line → what it means, in the order in which tables show them.
SCORES = {
    score.key: score
    for score in (
        Score(
            "fid", "FID", "floor_fid", -1, "|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½)", "from 0, without an upper end",
            "Fréchet distance between the features of generated and of real images, each taken as a Gaussian. 0 is perfect; judge "
            "it against the row of real images, which is what chance alone gives.",
            "Heusel et al. 2017, arXiv:1706.08500",
        ),
        Score(
            "inception_score", "IS", "real_inception_score", 1, "exp E KL(p(y|x) ‖ p(y))", "from 1 to the number of classes",
            "Inception score: high when each image is clearly of one class and all classes occur. It never looks at the real "
            "images.",
            "Salimans et al. 2016, arXiv:1606.03498",
        ),
        Score(
            "modes", "Modes", "floor_modes", 1, "|{m : ∃ g, |g − m| ≤ 3σ}|", "from 0 to the number of modes",
            "How many of the known modes of the data are found: those with at least one sample within 3 standard deviations σ of "
            "their centre.",
            _PACGAN,
        ),
        Score(
            "high_quality", "High quality", "floor_high_quality", 1, "|{g : ∃ m, |g − m| ≤ 3σ}| / N", "from 0 % to 100 %",
            "The share of generated samples within 3 standard deviations σ of the centre of some known mode.",
            _PACGAN, True,
        ),
        Score(
            "reverse_kl", "Reverse KL", "floor_reverse_kl", -1, "Σ q(m) ln(M q(m))", "from 0 to ln M, in nats",
            "How unevenly the M known modes are drawn: q is the share of the generated samples that are nearest to each mode m. 0 "
            "is perfect.",
            _PACGAN,
        ),
        Score(
            "precision", "Precision", "floor_precision", 1, "|{g : ∃ r, |g − r| ≤ d₃(r)}| / N", "from 0 to 1",
            "How good: the share of generated images that lie no farther from some real image r than its 3rd nearest real "
            "neighbour, at the distance d₃(r).",
            _KYNKAANNIEMI,
        ),
        Score(
            "recall", "Recall", "floor_recall", 1, "|{r : ∃ g, |r − g| ≤ d₃(g)}| / N", "from 0 to 1",
            "How varied: the same with real and generated exchanged, so the share of real images that lie among the generated "
            "ones. Low when much of the data is never drawn.",
            _KYNKAANNIEMI,
        ),
        Score(
            "density", "Density", "floor_density", 1, "Σ |{r : |g − r| ≤ d₅(r)}| / (5 N)", "from 0, about 1 for real images",
            "How densely the generated images lie among the real ones. Like precision, but a single odd real image does not "
            "lift it.",
            _NAEEM,
        ),
        Score(
            "coverage", "Coverage", "floor_coverage", 1, "|{r : ∃ g, |r − g| ≤ d₅(r)}| / N", "from 0 to 1",
            "The share of real images with a generated one nearer than their 5th nearest real neighbour. Like recall, but outliers "
            "among the generated images do not lift it.",
            _NAEEM,
        ),
        Score(
            "kid", "KID", "floor_kid", -1, "MMD² with the kernel (x·y / D + 1)³", "around 0 at best, without an upper end",
            "Kernel distance of the features. Chance may take it below 0. Unlike FID it is not too high with few images.",
            "Bińkowski et al. 2018, arXiv:1801.01401",
        ),
        Score(
            "duplicates", "Duplicates", "real_duplicates", 0, "|{g : ∃ g′ ≠ g, g′ ≈ g}| / N", "from 0 % to 100 %",
            "The share of up to 2,000 generated images that have a near duplicate among the others: hashes at most 3 of 64 bits "
            "apart and a correlation of thumbnails of at least 0.99. Simple real images resemble one another too: judge it against "
            "as many of them.",
            "after the birthday paradox test, Arora and Zhang 2017, arXiv:1706.08224", True,
        ),
        Score(
            "support", "Support", "real_support", 0, "Σ n (n − 1) / 2 / |{{g, g′} : g ≈ g′}|", "from 1, without an upper end",
            "How many different images there seem to be, after the birthday paradox: if 1 in 1,000 pairs is a near duplicate, some "
            "1,000. An order of magnitude; none where no pair is. Judge it against as many real images.",
            "after Arora and Zhang 2017, arXiv:1706.08224",
        ),
        Score(
            "ms_ssim", "MS-SSIM", "real_ms_ssim", 0, "Π l·cᵢ·sᵢ over scales i", "up to 1, which is the same image",
            "How alike two generated images are, on average over 500 pairs. Well above the real images: too little variety. Noise "
            "is low too.",
            "Wang et al. 2003; for GANs Odena et al. 2017, arXiv:1610.09585",
        ),
        Score(
            "lpips", "LPIPS", "real_lpips", 0, "Σ w·(f(x) − f(y))² over layers of AlexNet", "from 0, which is the same image",
            "How different two generated images look, on average over pairs. Well below the real images: too little variety. "
            "Measured where AlexNet's weights are at hand.",
            "Zhang et al. 2018, arXiv:1801.03924",
        ),
        Score(
            "classes_covered", "Classes", "", 1, "|{y : q(y) ≥ p(y) / 10}|", "from 0 to the number of classes",
            "How many classes are covered, as the classifier of the data set sees them: those with at least a tenth of their real "
            "share p among the generated images. Only classes with at least a tenth of an even share of the real images count.",
            "our own count",
        ),
        Score(
            "class_kl", "Class KL", "", -1, "Σ q(y) ln(q(y) / p(y))", "from 0, in nats",
            "How unevenly the classes are drawn, q, beside their shares p among the real images. 0 is perfect.",
            "the Kullback–Leibler divergence",
        ),
        Score(
            "memorised", "Memorised", "", 0, "|{g : min |g − t| < the 5 % quantile of min |h − t|}| / N", "from 0 % to 100 %",
            "The share of generated images g that are nearer to a training image t than 5 % of other real images h are (held-out "
            "ones; where there are none, training images among themselves). 5 % is usual; well above it the generator repeats its "
            "training images.",
            "after Meehan et al. 2020, arXiv:2004.05675", True,
        ),
        Score(
            "memorised_ratio", "Distance to training", "", 0, "median min |g − t| / median min |h − t|", "from 0, about 1 is usual",
            "How far generated images g are from the nearest training image t, by how far other real images h are. Towards 0 the "
            "generator copies.",
            "after Meehan et al. 2020, arXiv:2004.05675",
        ),
        Score(
            "checkerboard", "Checkerboard", "real_checkerboard", 0, "power at periods of 2 and 4 pixels / power beside it",
            "from 0, about 1 without a pattern",
            "How far patterns that repeat every 2 or 4 pixels stand out in the spectrum; transposed convolutions leave them. 2 and "
            "more with such a pattern: compare with the real images.",
            "after Odena, Dumoulin and Olah 2016, doi:10.23915/distill.00003",
        ),
    )
}  # fmt: skip

#: Figures that look for so many nearest neighbours of an image, itself aside → how many images that takes on either side.
_FEWEST = {("precision", "recall"): 4, ("density", "coverage"): 6}

BETTER = {1: "higher is better", -1: "lower is better", 0: "compare with the real images"}


def missing(line: Mapping[str, Any]) -> list[str]:
    """Return why usual figures of a line are missing, one sentence for each reason; empty where none is."""
    if lines.number(line, "fid") is None:
        return ["What the generator makes is not finite, so that its distance from the real images cannot be measured."]
    fewest = min(lines.number(line, name) or 0 for name in ("images", "real_images"))
    accuracy = lines.number(line, "extractor_accuracy")
    unsure = []
    if accuracy is not None and accuracy < lines.TRUSTED:
        unsure = [f"Classes are not counted: the classifier recognises only {words.percent(accuracy)} of the held-out images."]
    return unsure + [
        f"{' and '.join(SCORES[name].title for name in names)} need at least {needed} images of either kind."
        for names, needed in _FEWEST.items()
        if fewest < needed and any(lines.number(line, name) is None for name in names)
    ]
