"""The doctor: what is wrong with a generator, told from its measurements; torch-free.

Every rule compares a measurement with what real images get (or with a number that a loss makes meaningful), and gives a
verdict with both, in words and as numbers, the picture that shows it, and a remedy that a fork can be launched with
(``gan.scoring.remedies``). Thresholds are wide on purpose: held-out real images must get a clean bill.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gan import config as configs
from gan import words
from gan.config import RunConfig
from gan.data import catalogue
from gan.errors import InputError
from gan.objective.catalogue import LOSSES
from gan.runs import Run
from gan.scoring import lines, remedies
from gan.training import files
from gan.words import only, percent

Line = Mapping[str, Any]

TOTAL = 0.5  # share of near duplicates above that of real images: total collapse
SOME = 0.1  # the same: near duplicates
UNCOVERED = 0.6  # of the floor's coverage, and of its recall: partial collapse; with more recall: not like real images
IMPRECISE = 0.5  # of the floor's precision: not like real images
GOOD = 0.8  # the same: images that are good but alike
NOISY = 0.5  # of the real images' MS-SSIM: images that differ more than real ones have not collapsed
OFF_MODES = 0.7  # of the floor's share of high quality: points between the modes
FOUND = 0.98  # of the modes that real points find; all where there are few
SHIFT = 0.8  # standard deviations (Cohen's d, "large"): too dark, too bright, washed out, colours
LEAST = {"brightness": 10.0, "contrast": 5.0, "saturation": 0.05}  # smallest shift that people see, in each one's own unit
CHECKERED = 2.0  # times the power beside it, and times that of real images: a checkerboard pattern
MEMORISED = 0.25  # share of images as near to a training image as 5 % of real ones are: memorisation
SURE = 0.95  # D(real) above it and D(fake) below the rest: the discriminator is too strong
VANISHED = 0.01  # of the gradient norm of the first lines: the generator learns nothing any more
UNSURE = 0.05  # D(real) − D(fake) below it with poor images: the discriminator is too weak; below −UNSURE: with any
WON = 0.01  # of the loss of a guess, with poor images, where D has no height: the discriminator is too strong
LOST = 0.93  # the same: it is too weak; what a probability UNSURE apart has
FOOLED = 0.9  # of the last fifth of the lines in which generated images are held for the real ones: too weak, with any images
RUNAWAY = 1e4  # a loss beyond it: divergence
SWING = 0.3  # amplitude at one frequency by the mean of the curve: oscillation
REGULAR = 0.6  # and the share of the variance there
IMPROVING = 0.1  # share by which FID fell over the last third of its curve: train longer
RISEN = 0.25  # share by which FID rose since its best: past its best
CERTAIN = 3.0  # standard errors that a change of FID has to exceed
_LOSSES, _OPINIONS = ("generator_loss", "discriminator_loss"), ("d_real", "d_fake")
_RECENT = 5  # the last fifth of the logged lines
_FEWEST_LINES = 10
_MOST_LINES = 4000  # more than any preset logs
_FEWEST_CYCLES = 5  # of a swing: slower ones cannot be told from the wandering of noise
_FEWEST_SWUNG = 60  # lines in which it is looked for
_FEWEST_SCORES = 6
#: Verdicts from which others follow, the gravest first, and those that have a cause of their own.
_ROOTS = ("divergence", "discriminator-too-strong", "discriminator-too-weak", "collapse")
_OWN_CAUSE = ("memorisation", "checkerboard")
_TOO_EARLY = 0.25  # of the training: a discriminator may still be weak
_NEARLY_DONE = 0.9  # of the training: its length may be judged

#: Which picture shows the evidence: samples, pairs of near duplicates, precision against recall, images per class, the three
#: distributions of looks, the logged curves, FID over images seen, the nearest training images, points and their modes.
EVIDENCE = (
    "samples", "duplicates", "neighbours", "classes", "brightness", "contrast", "saturation", "curves", "fid", "nearest", "modes",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What is wrong: ``name`` for programs, ``title`` for a badge, a ``sentence`` with measurement and threshold, and what to do.

    ``curves`` names the columns of the logged lines in which it shows, where ``evidence`` is "curves". ``changes`` are settings
    for :func:`gan.config.replace` that put the ``remedy`` into effect, in a fork from the checkpoint of ``step`` (None: the
    newest); empty where there is none to set, or nobody said of which configuration. ``measured`` is what was held against
    ``threshold``, ``evidence`` one of ``EVIDENCE``, and ``kind`` whether it is a fault, or advice to a run without one.
    """

    name: str
    title: str
    sentence: str
    remedy: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    measured: float | None = None
    threshold: float | None = None
    evidence: str = "samples"
    curves: tuple[str, ...] = ()
    kind: Literal["fault", "advice"] = "fault"
    step: int | None = None


def logged(run: Run) -> list[dict[str, Any]]:
    """Return the logged lines that a run is judged by: an even choice, so that a long training is judged as fast as a short one."""
    return run.metrics(most=_MOST_LINES)


def diagnose(run: Run, line: Line, curve: Sequence[Line], scored: Sequence[Line] = ()) -> list[Verdict]:
    """Return all verdicts on a run: on its ``curve``, which is what it :func:`logged`, and on one of its lines of scores.

    ``scored`` are its lines of scores in the order of steps, of which those made during training count. What came after the step
    of ``line`` is left out. Curves are not judged where the configuration cannot be read, nor is what depends on the length of
    the training where its data set has gone.
    """
    has_diverged, scored_step = run.status().state == "diverged", lines.number(line, "step")
    if scored_step is not None:
        curve = [one for one in curve if (lines.number(one, "step") or 0) <= scored_step]
        scored = [one for one in scored if (lines.number(one, "step") or 0) <= scored_step]
    entry = catalogue.all_sets().get(str(line.get("data", "")))
    classes = entry.classes if entry else ()
    try:
        config = run.config()
        if asked := run.control().length:  # it was prolonged
            config = configs.replace(config, {"training.length": str(asked)}, stored=True)
    except InputError:
        return [*_treated(_breakdown([], has_diverged), None), *examine(line, classes)]
    found = [*examine_curves(curve, config, line, has_diverged=has_diverged), *examine(line, classes, config)]
    if line.get("checkpoint") != "best":  # which is where the curve of FID is lowest, so that it says nothing about its end
        best = files.steps(run.best_path)
        found += [
            dataclasses.replace(verdict, step=verdict.step if verdict.step in best else None)
            for verdict in examine_scores(scored, config)
        ]
    return _ordered(found)


def _ordered(found: list[Verdict]) -> list[Verdict]:
    """Return verdicts without the remedies of those that may follow from a graver one, which is to be seen to first."""
    root = next((verdict for name in _ROOTS for verdict in found if verdict.name == name), None)
    if root is None:
        return found
    sentence = f"See to “{root.title}” first: this may follow from it."
    return [
        one if one is root or one.name in _OWN_CAUSE else dataclasses.replace(one, remedy=sentence, changes={}) for one in found
    ]


def is_examined(line: Line) -> bool:
    """Return whether a line says more than FID and IS, so that the lack of a verdict means something."""
    return any(lines.number(line, key) is not None for key in ("precision", "duplicates", "ms_ssim"))


def examine(line: Line, classes: Sequence[str] = (), config: RunConfig | None = None) -> list[Verdict]:
    """Return the verdicts on a line of scores, the gravest first; ``classes`` are the names of the data set's classes.

    What a line does not hold (earlier versions, data without classes) is not judged.
    """
    alike = list(_sameness(line))
    reach = _reach(line, has_collapsed=any(verdict.name == "collapse" for verdict in alike))
    rules = (alike, reach, _gaps(line, classes), _modes(line), _copies(line), _looks(line), _texture(line))
    return _treated((verdict for rule in rules for verdict in rule), config)


def examine_curves(
    logged: Sequence[Line], config: RunConfig, line: Line | None = None, *, has_diverged: bool = False
) -> list[Verdict]:  # fmt: skip
    """Return the verdicts on the logged lines of a training, of which the last fifth counts.

    ``line`` says how good it is; ``has_diverged`` that it ended because something was no number any more.
    """
    recent = logged[-max(1, len(logged) // _RECENT) :]
    breakdown = list(_breakdown(recent, has_diverged))
    if not breakdown and len(logged) < _FEWEST_LINES:
        return []
    if runaway := breakdown or list(_runaway(recent)):  # whatever else shows follows from it
        return _treated(runaway, config)
    strength = list(_strength(recent, config, line or {})) or _starvation(logged, recent, line or {})
    return _treated([*strength, *_swings(logged, config)], config)


def examine_scores(scored: Sequence[Line], config: RunConfig) -> list[Verdict]:
    """Return the verdicts on the curve of FID during a training, from its lines of scores in the order of steps."""
    chosen = during_training(scored)
    if len(chosen) < _FEWEST_SCORES:
        return []
    return _treated([*_past_best(chosen), *_still_improving(chosen, config)], config)


def during_training(scored: Iterable[Line]) -> list[Line]:
    """Return the lines of scores made during training that can be compared with the last one of them and have a FID."""
    chosen = [line for line in scored if line.get("source") == "training" and (lines.number(line, "fid") or 0) > 0]
    return [line for line in chosen if lines.is_comparable(line, chosen[-1]) and lines.number(line, "step") is not None]


def _treated(verdicts: Iterable[Verdict], config: RunConfig | None) -> list[Verdict]:
    """Return verdicts with their remedies for a run of this configuration."""
    found = []
    for verdict in verdicts:
        remedy, changes = remedies.prescribe(verdict.name, config)
        found.append(dataclasses.replace(verdict, remedy=remedy, changes=changes))
    return found


def _sameness(line: Line) -> Iterator[Verdict]:
    """Near duplicates, more than among real images."""
    pair = _beside(line, "duplicates", "real_duplicates")
    if pair is None or pair[0] < pair[1] + SOME:
        return
    share, usual = pair
    is_total = share >= usual + TOTAL
    limit = usual + (TOTAL if is_total else SOME)
    name, title, start = (
        ("collapse", "Mode collapse", "The images are nearly all alike")
        if is_total
        else ("duplicates", "Near duplicates", "Many images come twice")
    )
    yield Verdict(
        name, title,
        f"{start}: {percent(share)} of the images are near duplicates of another one (of real images {percent(usual)}; a fault "
        f"from {percent(min(limit, 1))}){_support(line)}.",
        measured=share, threshold=limit, evidence="duplicates",
    )  # fmt: skip


def _support(line: Line) -> str:
    """Say how many different images there seem to be; nothing where they are more than were looked at."""
    support, images = lines.number(line, "support"), lines.number(line, "images")
    if support is None or (images is not None and support > images):
        return ""
    return ", as if there were only " + ("one image" if support < 1.5 else f"some {support:,.0f} different ones")


def _reach(line: Line, *, has_collapsed: bool) -> Iterator[Verdict]:
    """How many images lie among the real ones, and how many real ones lie among them.

    Few real images are near generated ones (coverage) where these are all alike, so that they spread over few real ones (recall),
    and where they are poor: then they are as varied as real ones, or more so, as noise is.
    """
    on_modes = _beside(line, "high_quality")
    if on_modes and on_modes[0] < OFF_MODES * on_modes[1]:
        share, usual = on_modes
        yield Verdict(
            "off-modes", "Between the modes",
            f"{only(share)} of the points lie at a mode, where {percent(usual)} of the real ones do (a fault below "
            f"{percent(OFF_MODES * usual)}).",
            measured=share, threshold=OFF_MODES * usual, evidence="modes",
        )  # fmt: skip
    precise, covering = _beside(line, "precision"), _beside(line, "coverage")
    if precise and precise[0] < IMPRECISE * precise[1]:
        if on_modes is None:
            limit = IMPRECISE * precise[1]
            yield Verdict(
                "imprecise", "Unlike real images",
                f"{only(precise[0])} of the images lie among the real ones, where {percent(precise[1])} of other real images do (a "
                f"fault below {percent(limit)}).",
                measured=precise[0], threshold=limit, evidence="neighbours",
            )  # fmt: skip
        return
    if has_collapsed or not covering or covering[0] >= UNCOVERED * covering[1]:
        return
    limit = UNCOVERED * covering[1]
    covered = (
        f"they cover {percent(covering[0])} of the real images, where other real images cover {percent(covering[1])} (a fault "
        f"below {percent(limit)})"
    )
    if _is_below(line, "recall", UNCOVERED) and not _is_below(line, "ms_ssim", NOISY, "real_ms_ssim"):
        start = "The images miss much of what there is"
        if not _is_below(line, "precision", GOOD):
            start = "The images are good but miss much of what there is"
        yield Verdict(
            "partial-collapse", "Partial mode collapse", f"{start}: {covered}.",
            measured=covering[0], threshold=limit, evidence="neighbours",
        )  # fmt: skip
    elif on_modes is None:
        yield Verdict(
            "imprecise", "Unlike real images",
            f"The images differ enough from one another, but few are like real ones: {covered}.",
            measured=covering[0], threshold=limit, evidence="neighbours",
        )  # fmt: skip


def _beside(line: Line, name: str, usual: str = "") -> tuple[float, float] | None:
    """Return a figure and what real images get; None where either is not known."""
    value, floor = lines.number(line, name), lines.number(line, usual or f"floor_{name}")
    return None if value is None or floor is None else (value, floor)


def _is_below(line: Line, name: str, share: float, usual: str = "") -> bool:
    """Return whether a figure is below this share of what real images get."""
    pair = _beside(line, name, usual)
    return pair is not None and pair[0] < share * pair[1]


def _gaps(line: Line, classes: Sequence[str]) -> Iterator[Verdict]:
    """Classes that are hardly drawn."""
    missing, counts = line.get("classes_missing"), line.get("class_counts")
    if not isinstance(missing, list) or not isinstance(counts, list) or not 0 < len(missing) < len(counts):
        return
    if lines.is_inception(line):  # earlier versions counted its classes, which are ImageNet's
        return
    names = [classes[index] if index < len(classes) else str(index) for index in missing]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    yield Verdict(
        "missing-classes", "Missing classes",
        f"Some classes are missing: {shown} {'have' if len(names) > 1 else 'has'} less than a tenth of the share that "
        "real images have.",
        measured=len(missing), threshold=1, evidence="classes",
    )  # fmt: skip


def _modes(line: Line) -> Iterator[Verdict]:
    """Known modes without a point, where real points find them."""
    pair = _beside(line, "modes")
    if pair is None:
        return
    found, floor = pair
    limit = min(FOUND * floor, floor - 0.5)
    if found < limit:
        yield Verdict(
            "missing-modes", "Missing modes",
            f"Some modes are missing: points lie at {found:.3g} of them, where real points find {floor:.3g} (a fault below "
            f"{limit:.3g}).",
            measured=found, threshold=limit, evidence="modes",
        )  # fmt: skip


def _copies(line: Line) -> Iterator[Verdict]:
    share, ratio = lines.number(line, "memorised"), lines.number(line, "memorised_ratio")
    if share is None or share < MEMORISED:
        return
    far = f"; half of them are within {ratio:.2f} of the usual distance" if ratio is not None else ""
    yield Verdict(
        "memorisation", "Memorisation",
        f"{percent(share)} of the images are nearer to a training image than nearly all other real images are (5 % is usual, a "
        f"fault from {percent(MEMORISED)}){far}.",
        measured=share, threshold=MEMORISED, evidence="nearest",
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
            f"The images are {word} than the real ones: {name} {words.number(fake)} instead of {words.number(real)}, {far} off (a "
            f"fault from {SHIFT}).",
            measured=None if effect is None else abs(effect), threshold=SHIFT, evidence=name,
        )  # fmt: skip


def _texture(line: Line) -> Iterator[Verdict]:
    pair = _beside(line, "checkerboard", "real_checkerboard")
    if pair is None:
        return
    found, usual = pair
    limit = CHECKERED * max(1.0, usual)
    if found >= limit:
        yield Verdict(
            "checkerboard", "Checkerboard pattern",
            f"A pattern that repeats every 2 or 4 pixels lies over the images, {found:.1f} times as strong as what is beside it "
            f"in the spectrum (of real images {usual:.1f}, a fault from {limit:.1f}).",
            measured=found, threshold=limit, evidence="samples",
        )  # fmt: skip


def _breakdown(recent: Sequence[Line], has_diverged: bool) -> Iterator[Verdict]:
    """A training that ended because something was no number any more, as the losses of the last line are then: null."""
    last = recent[-1] if recent else {}
    if has_diverged or any(name in last and lines.number(last, name) is None for name in ("discriminator_loss", "generator_loss")):
        yield Verdict(
            "divergence", "Divergence", "A loss or a weight became NaN or infinite, so that the training could not go on.",
            threshold=RUNAWAY, evidence="curves", curves=_LOSSES,
        )  # fmt: skip


def _runaway(recent: Sequence[Line]) -> Iterator[Verdict]:
    losses = _values(recent, "discriminator_loss") + _values(recent, "generator_loss")
    if losses and (largest := max(map(abs, losses))) > RUNAWAY:
        yield Verdict(
            "divergence", "Divergence", f"A loss has reached {largest:,.0f} (a fault above {RUNAWAY:,.0f}).",
            measured=largest, threshold=RUNAWAY, evidence="curves", curves=_LOSSES,
        )  # fmt: skip


def _strength(recent: Sequence[Line], config: RunConfig, line: Line) -> Iterator[Verdict]:
    """A discriminator that is sure of everything, or of nothing, teaches the generator nothing.

    That it cannot tell real from generated images is how a good training ends, so that it counts only while the images are poor;
    when it takes generated images for the real ones, it counts in any case.
    """
    reals, fakes = _values(recent, "d_real"), _values(recent, "d_fake")
    if reals and len(reals) == len(fakes):
        is_poor = _is_poor(line)
        is_late = is_poor and (lines.number(recent[-1], "step") or 0) > _TOO_EARLY * _length(config)
        if _has_height(config):
            yield from _by_outputs(reals, fakes, config, is_late=is_late)
        else:
            losses, guess = _values(recent, "discriminator_loss"), LOSSES[config.objective.loss].guess
            yield from _by_loss(reals, fakes, losses, guess, is_poor=is_poor, is_late=is_late)


def _by_outputs(reals: list[float], fakes: list[float], config: RunConfig, *, is_late: bool) -> Iterator[Verdict]:
    """Judge by outputs of a known height: probabilities, and least squares, which aims at 1 and 0 too."""
    real, fake = statistics.fmean(reals), statistics.fmean(fakes)
    sure = SURE * (1 - config.objective.label_smoothing)
    outputs = f"D(real) {real:.2f} and D(fake) {fake:.2f}"
    if real > sure and fake < 1 - SURE:
        yield Verdict(
            "discriminator-too-strong", "Discriminator too strong",
            f"The discriminator is sure of nearly every image: {outputs} (a fault above {sure:.2f} and "
            f"below {1 - SURE:.2f}); the generator hardly learns from it.",
            measured=real - fake, threshold=sure - (1 - SURE), evidence="curves", curves=_OPINIONS,
        )  # fmt: skip
    elif real - fake < -UNSURE:
        yield Verdict(
            "discriminator-too-weak", "Discriminator too weak",
            f"The discriminator takes generated images for the real ones: {outputs} (a fault from {UNSURE} apart); what it teaches "
            "the generator is wrong.",
            measured=real - fake, threshold=-UNSURE, evidence="curves", curves=_OPINIONS,
        )  # fmt: skip
    elif real - fake < UNSURE and is_late:
        yield Verdict(
            "discriminator-too-weak", "Discriminator too weak",
            f"The discriminator cannot tell real from generated images: {outputs} (a fault less than {UNSURE} apart), though "
            "they are poor.",
            measured=real - fake, threshold=UNSURE, evidence="curves", curves=_OPINIONS,
        )  # fmt: skip


def _by_loss(
    reals: list[float], fakes: list[float], losses: list[float], guess: float | None, *, is_poor: bool, is_late: bool
) -> Iterator[Verdict]:  # fmt: skip
    """Judge outputs of which only the order has a meaning: by it, and by the loss beside that of a ``guess``, where it is known."""
    fooled = statistics.fmean(real < fake for real, fake in zip(reals, fakes, strict=True))
    share = statistics.fmean(losses) / guess if guess and losses else math.nan
    told = f"its loss is {percent(share)} of that of a guess"
    if fooled >= FOOLED:
        yield Verdict(
            "discriminator-too-weak", "Discriminator too weak",
            f"The discriminator takes generated images for the real ones: they have the higher D in {percent(fooled)} of the "
            f"lines (a fault from {percent(FOOLED)}); what it teaches the generator is wrong.",
            measured=fooled, threshold=FOOLED, evidence="curves", curves=_OPINIONS,
        )  # fmt: skip
    elif share < WON and is_poor:
        yield Verdict(
            "discriminator-too-strong", "Discriminator too strong",
            f"The discriminator is sure of nearly every image: {told} (a fault below {percent(WON)}), while the images are poor.",
            measured=share, threshold=WON, evidence="curves", curves=("discriminator_loss",),
        )  # fmt: skip
    elif share > LOST and is_late:
        yield Verdict(
            "discriminator-too-weak", "Discriminator too weak",
            f"The discriminator cannot tell real from generated images: {told} (a fault from {percent(LOST)}), though they are "
            f"poor.",
            measured=share, threshold=LOST, evidence="curves", curves=("discriminator_loss",),
        )  # fmt: skip


def _starvation(logged: Sequence[Line], recent: Sequence[Line], line: Line) -> Iterator[Verdict]:
    """A gradient of the generator that has all but vanished while its images are poor: whatever the loss, it learns nothing."""
    first, last = _values(logged[:_FEWEST_LINES], "generator_grad_norm"), _values(recent, "generator_grad_norm")
    if not first or not last or not _is_poor(line):
        return
    before, now = statistics.median(first), statistics.median(last)
    if now < VANISHED * before:
        yield Verdict(
            "discriminator-too-strong", "Discriminator too strong",
            f"The gradient of the generator has vanished to {now / before:.2g} of what it was in the beginning (a fault below "
            f"{VANISHED:g}), though its images are poor: it hardly learns any more.",
            measured=now / before, threshold=VANISHED, evidence="curves", curves=("generator_grad_norm",),
        )  # fmt: skip


def _length(config: RunConfig) -> float:
    """Return the length of a training in steps; infinite where the data set has gone, so that no step is late in it."""
    try:
        return config.total_steps
    except InputError:
        return math.inf


def _has_height(config: RunConfig) -> bool:
    return LOSSES[config.objective.loss].is_probability or config.objective.loss == "least-squares"


def _is_poor(line: Line) -> bool:
    """Return whether images lie far from the real ones, or leave most of them out."""
    return _is_below(line, "precision", IMPRECISE) or _is_below(line, "coverage", UNCOVERED)


def _swings(logged: Sequence[Line], config: RunConfig) -> Iterator[Verdict]:
    """Losses, or D, that go up and down at one frequency over the last fifth of the training."""
    recent = logged[-max(_FEWEST_SWUNG, len(logged) // _RECENT) :]
    names = ("discriminator_loss", "d_real", "d_fake") if _has_height(config) else ("discriminator_loss",)
    found = {name: _swing(values) for name in names if len(values := _values(recent, name)) >= _FEWEST_SWUNG}
    regular = {name: swing for name, (swing, share) in found.items() if share >= REGULAR and swing >= SWING}
    if not regular:
        return
    name = max(regular, key=lambda one: regular[one])
    title = {"discriminator_loss": "The discriminator's loss", "d_real": "D(real)", "d_fake": "D(fake)"}[name]
    yield Verdict(
        "oscillation", "Oscillation",
        f"{title} swings up and down regularly, by {percent(regular[name])} of its mean to either side (a fault from "
        f"{percent(SWING)}): the "
        "players run in circles.",
        measured=regular[name], threshold=SWING, evidence="curves", curves=(name,),
    )  # fmt: skip


def _swing(values: Sequence[float]) -> tuple[float, float]:
    """Return the amplitude of a curve's strongest swing, by the mean of its size, and the share of its variance that is in it.

    From the power spectrum of the curve without its trend, at periods of four lines up to a fifth of the curve; noise has its
    power everywhere, and what wanders without a period has it below that.
    """
    level = statistics.fmean(map(abs, values))
    if not level:
        return 0.0, 0.0
    curve, places = np.array(values) / level, np.linspace(-1, 1, len(values))
    rest = curve - np.polynomial.Polynomial.fit(places, curve, 1)(places)
    power = np.abs(np.fft.rfft(rest * np.hanning(len(rest)))) ** 2
    if not (total := float(power[1:].sum())):
        return 0.0, 0.0
    peak = _FEWEST_CYCLES + int(power[_FEWEST_CYCLES : len(curve) // 4 + 1].argmax())
    share = float(power[peak - 1 : peak + 2].sum()) / total  # the window smears a peak over three
    return math.sqrt(2 * share * float(rest.var())), share


def _past_best(scored: Sequence[Line]) -> Iterator[Verdict]:
    """FID is clearly higher now than it was: medians of three, since the lowest of noisy figures is lower than it should be."""
    levels, error = _levels(scored)
    smooth = [statistics.median(levels[max(0, place - 1) : place + 2]) for place in range(len(levels))]
    place = smooth.index(min(smooth))
    rise, limit = statistics.median(levels[-3:]) - smooth[place], max(math.log1p(RISEN), CERTAIN * error)
    if place >= len(levels) - 3 or rise < limit:
        return
    best = min(scored, key=lambda line: line["fid"])  # that of which the checkpoint is kept
    yield Verdict(
        "past-best", "Past its best",
        f"FID has risen by {percent(math.expm1(rise))} since step {best['step']:,}, where it was {words.number(best['fid'])} (a "
        f"fault from {percent(math.expm1(limit))}).",
        measured=math.expm1(rise), threshold=math.expm1(limit), evidence="fid", step=int(best["step"]),
    )  # fmt: skip


def _still_improving(scored: Sequence[Line], config: RunConfig) -> Iterator[Verdict]:
    """FID was still falling when the training ended: the last third of its curve is clearly below the third before."""
    levels, error = _levels(scored)
    third = len(levels) // 3
    before, last = statistics.fmean(levels[-2 * third : -third]), statistics.fmean(levels[-third:])
    fall, limit = before - last, max(-math.log1p(-IMPROVING), CERTAIN * error * math.sqrt(2 / third))
    if scored[-1]["step"] < _NEARLY_DONE * _length(config) or fall < limit:
        return
    yield Verdict(
        "still-improving", "Still improving",
        f"FID was still falling when the training ended: in the last third of its curve it was {percent(-math.expm1(-fall))} lower "
        f"than in the third before (worth a try from {percent(-math.expm1(-limit))}).",
        measured=-math.expm1(-fall), threshold=-math.expm1(-limit), evidence="fid", kind="advice",
    )  # fmt: skip


def _levels(scored: Sequence[Line]) -> tuple[list[float], float]:
    """Return log FID and the standard error of one figure, from the second differences of the curve, which no trend is in."""
    levels = [math.log(line["fid"]) for line in scored]
    bends = [abs(before - 2 * here + after) for before, here, after in zip(levels, levels[1:], levels[2:], strict=False)]
    return levels, 1.4826 * statistics.median(bends) / math.sqrt(6)


def _values(logged: Sequence[Line], name: str) -> list[float]:
    return [value for line in logged if (value := lines.number(line, name)) is not None]
