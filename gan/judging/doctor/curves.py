"""Verdicts on the logged curves of a training."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

import numpy as np

from gan.catalogue.losses import LOSSES
from gan.config import RunConfig
from gan.errors import InputError
from gan.judging import lines
from gan.judging.doctor.verdict import IMPRECISE, UNCOVERED, Line, Verdict, is_below, numbers
from gan.words import percent

SURE = 0.95  # D(real) above it and D(fake) below the rest: the discriminator is too strong
VANISHED = 0.01  # of the gradient norm of the first lines: the generator learns nothing any more
UNSURE = 0.05  # D(real) − D(fake) below it with poor images: the discriminator is too weak; below −UNSURE: with any
WON = 0.01  # of the loss of a guess, with poor images, where D has no height: the discriminator is too strong
LOST = 0.93  # the same: it is too weak; what a probability UNSURE apart has
FOOLED = 0.9  # of the last fifth of the lines in which generated images are held for the real ones: too weak, with any images
RUNAWAY = 1e4  # a loss beyond it: divergence
SWING = 0.3  # amplitude at one frequency by the mean of the curve: oscillation
REGULAR = 0.6  # and the share of the variance there

_LOSSES, _OPINIONS = ("generator_loss", "discriminator_loss"), ("d_real", "d_fake")
RECENT = 5  # the last fifth of the logged lines
FEWEST_LINES = 10

_FEWEST_CYCLES = 5  # of a swing: slower ones cannot be told from the wandering of noise
_FEWEST_SWUNG = 60  # lines in which it is looked for

_TOO_EARLY = 0.25  # of the training: a discriminator may still be weak


def judge_breakdown(recent: Sequence[Line], has_diverged: bool) -> Iterator[Verdict]:
    """A training that ended because something was no number any more, as the losses of the last line are then: null."""
    last = recent[-1] if recent else {}
    if has_diverged or any(name in last and lines.number(last, name) is None for name in ("discriminator_loss", "generator_loss")):
        yield Verdict(
            "divergence",
            "Divergence",
            "A loss or a weight became NaN or infinite, so that the training could not go on.",
            threshold=RUNAWAY,
            evidence="curves",
            curves=_LOSSES,
        )


def judge_runaway(recent: Sequence[Line]) -> Iterator[Verdict]:
    losses = numbers(recent, "discriminator_loss") + numbers(recent, "generator_loss")
    if losses and (largest := max(map(abs, losses))) > RUNAWAY:
        yield Verdict(
            "divergence",
            "Divergence",
            f"A loss has reached {largest:,.0f} (a fault above {RUNAWAY:,.0f}).",
            measured=largest,
            threshold=RUNAWAY,
            evidence="curves",
            curves=_LOSSES,
        )


def judge_strength(recent: Sequence[Line], config: RunConfig, line: Line) -> Iterator[Verdict]:
    """A discriminator that is sure of everything, or of nothing, teaches the generator nothing.

    That it cannot tell real from generated images is how a good training ends, so that it counts only while the images are poor;
    when it takes generated images for the real ones, it counts in any case.
    """
    reals, fakes = numbers(recent, "d_real"), numbers(recent, "d_fake")
    if reals and len(reals) == len(fakes):
        is_poor = _is_poor(line)
        is_late = is_poor and (lines.number(recent[-1], "step") or 0) > _TOO_EARLY * steps_in_all(config)
        if _has_height(config):
            yield from _by_outputs(reals, fakes, config, is_late=is_late)
        else:
            losses, guess = numbers(recent, "discriminator_loss"), LOSSES[config.objective.loss].guess
            yield from _by_loss(reals, fakes, losses, guess, is_poor=is_poor, is_late=is_late)


def _by_outputs(reals: list[float], fakes: list[float], config: RunConfig, *, is_late: bool) -> Iterator[Verdict]:
    """Judge by outputs of a known height: probabilities, and least squares, which aims at 1 and 0 too."""
    real, fake = statistics.fmean(reals), statistics.fmean(fakes)
    sure = SURE * (1 - config.objective.label_smoothing)
    outputs = f"D(real) {real:.2f} and D(fake) {fake:.2f}"
    if real > sure and fake < 1 - SURE:
        yield Verdict(
            "discriminator-too-strong",
            "Discriminator too strong",
            f"The discriminator is sure of nearly every image: {outputs} (a fault above {sure:.2f} and "
            f"below {1 - SURE:.2f}); the generator hardly learns from it.",
            measured=real - fake,
            threshold=sure - (1 - SURE),
            evidence="curves",
            curves=_OPINIONS,
        )
    elif real - fake < -UNSURE:
        yield Verdict(
            "discriminator-too-weak",
            "Discriminator too weak",
            f"The discriminator takes generated images for the real ones: {outputs} (a fault from {UNSURE} apart); what it teaches "
            "the generator is wrong.",
            measured=real - fake,
            threshold=-UNSURE,
            evidence="curves",
            curves=_OPINIONS,
        )
    elif real - fake < UNSURE and is_late:
        yield Verdict(
            "discriminator-too-weak",
            "Discriminator too weak",
            f"The discriminator cannot tell real from generated images: {outputs} (a fault less than {UNSURE} apart), though "
            "they are poor.",
            measured=real - fake,
            threshold=UNSURE,
            evidence="curves",
            curves=_OPINIONS,
        )


def _by_loss(
    reals: list[float], fakes: list[float], losses: list[float], guess: float | None, *, is_poor: bool, is_late: bool
) -> Iterator[Verdict]:
    """Judge outputs of which only the order has a meaning: by it, and by the loss beside that of a ``guess``, where it is known."""
    fooled = statistics.fmean(real < fake for real, fake in zip(reals, fakes, strict=True))
    share = statistics.fmean(losses) / guess if guess and losses else math.nan
    told = f"its loss is {percent(share)} of that of a guess"
    if fooled >= FOOLED:
        yield Verdict(
            "discriminator-too-weak",
            "Discriminator too weak",
            f"The discriminator takes generated images for the real ones: they have the higher D in {percent(fooled)} of the "
            f"lines (a fault from {percent(FOOLED)}); what it teaches the generator is wrong.",
            measured=fooled,
            threshold=FOOLED,
            evidence="curves",
            curves=_OPINIONS,
        )
    elif share < WON and is_poor:
        yield Verdict(
            "discriminator-too-strong",
            "Discriminator too strong",
            f"The discriminator is sure of nearly every image: {told} (a fault below {percent(WON)}), while the images are poor.",
            measured=share,
            threshold=WON,
            evidence="curves",
            curves=("discriminator_loss",),
        )
    elif share > LOST and is_late:
        yield Verdict(
            "discriminator-too-weak",
            "Discriminator too weak",
            f"The discriminator cannot tell real from generated images: {told} (a fault from {percent(LOST)}), though they are "
            f"poor.",
            measured=share,
            threshold=LOST,
            evidence="curves",
            curves=("discriminator_loss",),
        )


def judge_starvation(logged: Sequence[Line], recent: Sequence[Line], line: Line) -> Iterator[Verdict]:
    """A gradient of the generator that has all but vanished while its images are poor: whatever the loss, it learns nothing."""
    first, last = numbers(logged[:FEWEST_LINES], "generator_grad_norm"), numbers(recent, "generator_grad_norm")
    if not first or not last or not _is_poor(line):
        return
    before, now = statistics.median(first), statistics.median(last)
    if now < VANISHED * before:
        yield Verdict(
            "discriminator-too-strong",
            "Discriminator too strong",
            f"The gradient of the generator has vanished to {now / before:.2g} of what it was in the beginning (a fault below "
            f"{VANISHED:g}), though its images are poor: it hardly learns any more.",
            measured=now / before,
            threshold=VANISHED,
            evidence="curves",
            curves=("generator_grad_norm",),
        )


def steps_in_all(config: RunConfig) -> float:
    """Return the length of a training in steps; infinite where the data set has gone, so that no step is late in it."""
    try:
        return config.total_steps
    except InputError:
        return math.inf


def _has_height(config: RunConfig) -> bool:
    return LOSSES[config.objective.loss].is_probability or config.objective.loss == "least-squares"


def _is_poor(line: Line) -> bool:
    """Return whether images lie far from the real ones, or leave most of them out."""
    return is_below(line, "precision", IMPRECISE) or is_below(line, "coverage", UNCOVERED)


def judge_swings(logged: Sequence[Line], config: RunConfig) -> Iterator[Verdict]:
    """Losses, or D, that go up and down at one frequency over the last fifth of the training."""
    recent = logged[-max(_FEWEST_SWUNG, len(logged) // RECENT) :]
    names = ("discriminator_loss", "d_real", "d_fake") if _has_height(config) else ("discriminator_loss",)
    found = {name: _swing(values) for name in names if len(values := numbers(recent, name)) >= _FEWEST_SWUNG}
    regular = {name: swing for name, (swing, share) in found.items() if share >= REGULAR and swing >= SWING}
    if not regular:
        return
    name = max(regular, key=lambda one: regular[one])
    title = {"discriminator_loss": "The discriminator's loss", "d_real": "D(real)", "d_fake": "D(fake)"}[name]
    yield Verdict(
        "oscillation",
        "Oscillation",
        f"{title} swings up and down regularly, by {percent(regular[name])} of its mean to either side (a fault from "
        f"{percent(SWING)}): the "
        "players run in circles.",
        measured=regular[name],
        threshold=SWING,
        evidence="curves",
        curves=(name,),
    )


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
