"""The doctor: what is wrong with a generator, told from its measurements; torch-free.

Every rule compares a measurement with what real images get (or with a number that a loss makes meaningful), and gives a
verdict with both, in words, and with a remedy. Thresholds are wide on purpose: held-out real images must get a clean bill.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gan.config import RunConfig
from gan.data import catalogue
from gan.errors import InputError
from gan.objective.catalogue import LOSSES
from gan.runs import Run
from gan.scoring import lines

Line = Mapping[str, Any]

TOTAL = 0.5  # share of near duplicates above that of real images: total collapse
SOME = 0.1  # the same: near duplicates
UNCOVERED = 0.6  # of the floor's coverage: partial collapse
IMPRECISE = 0.5  # of the floor's precision: not like real images
SHIFT = 0.8  # standard deviations (Cohen's d, "large"): too dark, too bright, washed out, colours
LEAST = {"brightness": 10.0, "contrast": 5.0, "saturation": 0.05}  # smallest shift that people see, in each one's own unit
SURE = 0.95  # D(real) above it and D(fake) below the rest: the discriminator is too strong
RUNAWAY = 1e4  # a loss beyond it: divergence
_RECENT = 5  # the last fifth of the logged lines
_FEWEST_LINES = 10


@dataclass(frozen=True)
class Verdict:
    """What is wrong: ``name`` for programs, ``title`` for a badge, a ``sentence`` with measurement and threshold, and what to do.

    ``changes`` are settings for :func:`gan.config.replace` that put the ``remedy`` into effect; empty where there is none to set.
    """

    name: str
    title: str
    sentence: str
    remedy: str
    changes: Mapping[str, Any] = field(default_factory=dict)


def diagnose(run: Run, line: Line, logged: Sequence[Line]) -> list[Verdict]:
    """Return all verdicts on a run: on what it ``logged``, all of it or an even choice, and on one of its lines of scores.

    Curves are not judged where the configuration cannot be read.
    """
    entry = catalogue.all_sets().get(str(line.get("data", "")))
    found = examine(line, entry.classes if entry else ())
    try:
        return [*examine_curves(logged, run.config()), *found]
    except InputError:
        return found


def examine(line: Line, classes: Sequence[str] = ()) -> list[Verdict]:
    """Return the verdicts on a line of scores, the gravest first; ``classes`` are the names of the data set's classes.

    What a line does not hold (earlier versions, data without classes) is not judged.
    """
    return [*_sameness(line), *_gaps(line, classes), *_quality(line), *_looks(line)]


def examine_curves(logged: Sequence[Line], config: RunConfig) -> list[Verdict]:
    """Return the verdicts on the logged lines of a training, of which the last fifth counts."""
    recent = logged[-max(1, len(logged) // _RECENT) :]
    if len(logged) < _FEWEST_LINES:
        return []
    return [*_runaway(recent), *_strength(recent, config)]


def _sameness(line: Line) -> Iterator[Verdict]:
    """Near duplicates, and a real image's neighbourhood that nobody visits."""
    share, usual = lines.number(line, "duplicates"), lines.number(line, "real_duplicates")
    is_total = False
    if share is not None and usual is not None and share >= usual + SOME:
        is_total = share >= usual + TOTAL
        support = lines.number(line, "support")
        about = f", as if there were only some {support:,.0f} different ones" if support else ""
        measured = f"{share:.1%} of the images are near duplicates of another one (of real images {usual:.1%}){about}"
        if is_total:
            yield Verdict("collapse", "Mode collapse", f"The images are nearly all alike: {measured}.", *_AGAINST_COLLAPSE)
        else:
            yield Verdict("duplicates", "Near duplicates", f"Many images come twice: {measured}.", *_AGAINST_COLLAPSE)
    coverage, floor = lines.number(line, "coverage"), lines.number(line, "floor_coverage")
    precision, floor_precision = lines.number(line, "precision"), lines.number(line, "floor_precision")
    if is_total or coverage is None or floor is None or precision is None or floor_precision is None:
        return
    if coverage < UNCOVERED * floor and precision >= IMPRECISE * floor_precision:
        yield Verdict(
            "partial-collapse", "Partial mode collapse",
            f"The images are good but miss much of what there is: they cover {coverage:.0%} of the real images, where other real "
            f"images cover {floor:.0%} (a fault below {UNCOVERED * floor:.0%}).", *_AGAINST_COLLAPSE,
        )  # fmt: skip


def _gaps(line: Line, classes: Sequence[str]) -> Iterator[Verdict]:
    """Classes that are hardly drawn."""
    missing, counts = line.get("classes_missing"), line.get("class_counts")
    if not isinstance(missing, list) or not isinstance(counts, list) or not 0 < len(missing) < len(counts):
        return
    names = [classes[index] if index < len(classes) else str(index) for index in missing]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    yield Verdict(
        "missing-classes", "Missing classes",
        f"Some classes are missing: {shown} {'have' if len(names) > 1 else 'has'} less than a tenth of the share that "
        "real images have.",
        "Tell both networks the class, so that each has to be drawn.", {"networks.conditional": True},
    )  # fmt: skip


def _quality(line: Line) -> Iterator[Verdict]:
    precision, floor = lines.number(line, "precision"), lines.number(line, "floor_precision")
    if precision is not None and floor is not None and precision < IMPRECISE * floor:
        yield Verdict(
            "imprecise", "Unlike real images",
            f"Only {precision:.0%} of the images lie among the real ones, where {floor:.0%} of other real images do (a fault below "
            f"{IMPRECISE * floor:.0%}).",
            "Train longer; if that does not help, lower the learning rates or take wider networks.",
        )  # fmt: skip


#: Look and direction → the verdict's name and title, and how images are called.
LOOKS = {
    ("brightness", -1): ("dark", "Too dark", "darker"),
    ("brightness", 1): ("bright", "Too bright", "brighter"),
    ("contrast", -1): ("washed-out", "Washed out", "weaker in contrast"),
    ("contrast", 1): ("harsh", "Too harsh", "stronger in contrast"),
    ("saturation", -1): ("pale", "Pale colours", "paler"),
    ("saturation", 1): ("gaudy", "Gaudy colours", "more colourful"),
}


def _looks(line: Line) -> Iterator[Verdict]:
    looks = line.get("looks")
    for name, least in LEAST.items():
        found = looks.get(name) if isinstance(looks, Mapping) else None
        if not isinstance(found, Mapping):
            continue
        real, fake, effect = (lines.number(found, key) for key in ("real_mean", "fake_mean", "effect"))
        if real is None or fake is None or abs(fake - real) < least:
            continue
        if effect is not None and abs(effect) < SHIFT:
            continue
        kind, title, word = LOOKS[name, 1 if fake > real else -1]
        far = f"{abs(effect):.1f} standard deviations" if effect is not None else "all of them"
        yield Verdict(
            kind, title,
            f"The images are {word} than the real ones: {name} {fake:.3g} instead of {real:.3g}, {far} off (a fault from {SHIFT}).",
            "Train longer with a smaller learning rate of the generator; a shift that stays is a sign of collapse.",
        )  # fmt: skip


def _runaway(recent: Sequence[Line]) -> Iterator[Verdict]:
    losses = _values(recent, "discriminator_loss") + _values(recent, "generator_loss")
    if losses and (largest := max(map(abs, losses))) > RUNAWAY:
        yield Verdict(
            "divergence", "Divergence", f"A loss has reached {largest:,.0f} (a fault above {RUNAWAY:,.0f}).",
            "Take smaller learning rates, or bound the discriminator's slope with R1 or a gradient penalty.",
        )  # fmt: skip


def _strength(recent: Sequence[Line], config: RunConfig) -> Iterator[Verdict]:
    """A discriminator that is sure of everything teaches the generator nothing; only where its output is a probability."""
    reals, fakes = _values(recent, "d_real"), _values(recent, "d_fake")
    if not LOSSES[config.objective.loss].is_probability or not reals or not fakes:
        return
    real, fake = statistics.fmean(reals), statistics.fmean(fakes)
    if real > SURE and fake < 1 - SURE:
        yield Verdict(
            "discriminator-too-strong", "Discriminator too strong",
            f"The discriminator is sure of nearly every image: D(real) {real:.2f} and D(fake) {fake:.2f} (a fault above {SURE} and "
            f"below {1 - SURE:.2f}); the generator hardly learns from it.",
            "Smooth its labels and add noise to what it sees, or lower its learning rate.",
            {"objective.label_smoothing": 0.1, "augmentation.instance_noise": 0.1},
        )  # fmt: skip


def _values(logged: Sequence[Line], name: str) -> list[float]:
    return [value for line in logged if (value := lines.number(line, name)) is not None]


#: Of the remedies that were tried on a small collapsing setting, those with the best coverage (docs/benchmarks.md).
_AGAINST_COLLAPSE: tuple[str, dict[str, Any]] = (
    "Take the relativistic loss with R1 and R2, without batch norm in the discriminator, and less momentum.",
    {"objective.loss": "relativistic", "objective.label_smoothing": 0.0, "objective.r1": 1.0, "objective.r2": 1.0,
     "optimizer.beta1": 0.5},
)  # fmt: skip
