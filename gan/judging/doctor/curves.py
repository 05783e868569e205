"""Verdicts on the logged curves of a training."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from gan.catalogue.losses import LOSSES
from gan.config import RunConfig
from gan.errors import InputError
from gan.judging import lines
from gan.judging.doctor.verdict import IMPRECISE, UNCOVERED, Line, Verdict, is_below, numbers
from gan.words import number, percent

SURE = 0.95  # D(real) above this and D(fake) below 1 − SURE: the discriminator is too strong
VANISHED = 0.01  # of the initial gradient norm; below: the generator no longer learns
UNSURE = 0.05  # D(real) − D(fake) below this with poor images, or below −UNSURE with any: the discriminator is too weak
WON = 0.01  # of the loss of a guess, for losses without a fixed scale; below, with poor images: too strong
LOST = 0.93  # the same, above: too weak; equals the loss of probabilities that are UNSURE apart
FOOLED = 0.9  # share of recent lines in which generated images have the higher D: too weak, with any images
RUNAWAY = 1e4  # losses beyond this: divergence
SWING = 0.3  # amplitude at one frequency, divided by the mean of the curve: oscillation
REGULAR = 0.6  # share of the variance at that frequency, also required for oscillation

_LOSSES, _OPINIONS = ("generator_loss", "discriminator_loss"), ("d_real", "d_fake")
RECENT = 5  # recent: the last fifth of the logged lines
FEWEST_LINES = 10

_FEWEST_CYCLES = 5  # of an oscillation; slower ones cannot be distinguished from noise that wanders
_FEWEST_SWUNG = 60  # lines needed to look for an oscillation

_TOO_EARLY = 0.25  # share of the training during which a weak discriminator is normal


def judge_breakdown(recent: Sequence[Line], has_diverged: bool) -> Iterator[Verdict]:
    """Judge whether training stopped at NaN or infinity; the losses of the last line are then null."""
    last = recent[-1] if recent else {}
    if has_diverged or any(name in last and lines.number(last, name) is None for name in ("discriminator_loss", "generator_loss")):
        yield Verdict(
            "divergence",
            "Divergence",
            "A loss or a weight became NaN or infinite, so the training had to stop.",
            threshold=RUNAWAY,
            evidence="curves",
            curves=_LOSSES,
        )


def judge_runaway(recent: Sequence[Line]) -> Iterator[Verdict]:
    """Judge whether a recent loss is too large."""
    losses = numbers(recent, "discriminator_loss") + numbers(recent, "generator_loss")
    if losses and (largest := max(map(abs, losses))) > RUNAWAY:
        yield Verdict(
            "divergence",
            "Divergence",
            f"A loss reached {number(largest)} in size (a fault above {RUNAWAY:,.0f}).",
            measured=largest,
            threshold=RUNAWAY,
            evidence="curves",
            curves=_LOSSES,
        )


def judge_strength(recent: Sequence[Line], config: RunConfig, line: Line) -> Iterator[Verdict]:
    """Judge the strength of the discriminator: one that is sure of everything, or of nothing, teaches the generator nothing.

    At the end of a good training it cannot tell real from generated images, so this counts only while the images are poor. If it
    takes generated images for real ones, that always counts.
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
    """Judge by outputs with a fixed scale: probabilities, and least squares, whose targets are also 1 and 0."""
    real, fake = statistics.fmean(reals), statistics.fmean(fakes)
    sure = SURE * (1 - config.objective.label_smoothing)
    outputs = f"D(real) {real:.2f} and D(fake) {fake:.2f}"
    if real > sure and fake < 1 - SURE:
        yield Verdict(
            "discriminator-too-strong",
            "Discriminator too strong",
            f"The discriminator is sure of nearly every image: {outputs} (a fault if above {sure:.2f} and below {1 - SURE:.2f}); "
            "the generator hardly learns from it.",
            measured=real - fake,
            threshold=sure - (1 - SURE),
            evidence="curves",
            curves=_OPINIONS,
        )
    elif real - fake < -UNSURE:
        yield Verdict(
            "discriminator-too-weak",
            "Discriminator too weak",
            f"The discriminator takes generated images for real ones: {outputs} (a fault if D(fake) is higher by more than "
            f"{UNSURE}); it misleads the generator.",
            measured=real - fake,
            threshold=-UNSURE,
            evidence="curves",
            curves=_OPINIONS,
        )
    elif real - fake < UNSURE and is_late:
        yield Verdict(
            "discriminator-too-weak",
            "Discriminator too weak",
            f"The discriminator cannot tell real from generated images: {outputs} (a fault if less than {UNSURE} apart while the "
            "images are poor).",
            measured=real - fake,
            threshold=UNSURE,
            evidence="curves",
            curves=_OPINIONS,
        )


def _by_loss(
    reals: list[float], fakes: list[float], losses: list[float], guess: float | None, *, is_poor: bool, is_late: bool
) -> Iterator[Verdict]:
    """Judge outputs without a fixed scale: by their order, and by the loss divided by the loss of a ``guess``, if known."""
    fooled = statistics.fmean(real < fake for real, fake in zip(reals, fakes, strict=True))
    share = statistics.fmean(losses) / guess if guess and losses else math.nan
    told = f"its loss is {percent(share)} of the loss of a guess"
    if fooled >= FOOLED:
        yield Verdict(
            "discriminator-too-weak",
            "Discriminator too weak",
            f"The discriminator takes generated images for real ones: D is higher for them in {percent(fooled)} of the recent log "
            f"lines (a fault from {percent(FOOLED)}); it misleads the generator.",
            measured=fooled,
            threshold=FOOLED,
            evidence="curves",
            curves=_OPINIONS,
        )
    elif share < WON and is_poor:
        yield Verdict(
            "discriminator-too-strong",
            "Discriminator too strong",
            f"The discriminator is sure of nearly every image: {told} (a fault below {percent(WON)} while the images are poor).",
            measured=share,
            threshold=WON,
            evidence="curves",
            curves=("discriminator_loss",),
        )
    elif share > LOST and is_late:
        yield Verdict(
            "discriminator-too-weak",
            "Discriminator too weak",
            f"The discriminator cannot tell real from generated images: {told} (a fault above {percent(LOST)} while the images are "
            "poor).",
            measured=share,
            threshold=LOST,
            evidence="curves",
            curves=("discriminator_loss",),
        )


def judge_starvation(logged: Sequence[Line], recent: Sequence[Line], line: Line) -> Iterator[Verdict]:
    """Judge whether the generator's gradient has all but vanished while its images are poor; works with any loss."""
    first, last = numbers(logged[:FEWEST_LINES], "generator_grad_norm"), numbers(recent, "generator_grad_norm")
    if not first or not last or not _is_poor(line):
        return
    before, now = statistics.median(first), statistics.median(last)
    if now < VANISHED * before:
        yield Verdict(
            "discriminator-too-strong",
            "Discriminator too strong",
            f"The generator's gradient has fallen to {now / before:.2g} times its initial norm (a fault below {VANISHED:g} while "
            "the images are poor); it hardly learns any more.",
            measured=now / before,
            threshold=VANISHED,
            evidence="curves",
            curves=("generator_grad_norm",),
        )


def steps_in_all(config: RunConfig) -> float:
    """Return the length of a training in steps; infinite if the data set is gone, so that no step counts as late."""
    try:
        return config.total_steps
    except InputError:
        return math.inf


def _has_height(config: RunConfig) -> bool:
    """Return whether the discriminator's outputs have a fixed scale from 0 to 1."""
    return LOSSES[config.objective.loss].is_probability or config.objective.loss == "least-squares"


def _is_poor(line: Line) -> bool:
    """Return whether images lie far from the real ones, or cover too few of them, for features that can tell."""
    if lines.has_chance_features(line):
        return False
    return is_below(line, "precision", IMPRECISE) or is_below(line, "coverage", UNCOVERED)


def judge_swings(logged: Sequence[Line], config: RunConfig) -> Iterator[Verdict]:
    """Judge whether the discriminator's loss or outputs oscillate at one frequency over the last fifth of the training."""
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
        f"{title} swings regularly by {percent(regular[name])} of its mean in either direction (a fault from {percent(SWING)}): "
        "the two players circle each other instead of converging.",
        measured=regular[name],
        threshold=SWING,
        evidence="curves",
        curves=(name,),
    )


def _swing(values: Sequence[float]) -> tuple[float, float]:
    """Return the amplitude of a curve's strongest oscillation, relative to its mean size, and that oscillation's share of variance.

    Uses the power spectrum of the detrended curve, at periods from four lines to a fifth of the curve. The power of noise is spread
    over all frequencies; slow wandering lies below this range.
    """
    level = statistics.fmean(map(abs, values))
    if not level:
        return 0.0, 0.0
    import numpy as np  # most pages show verdicts that are known already, and do without it

    curve, places = np.array(values) / level, np.linspace(-1, 1, len(values))
    rest = curve - curve.mean() - places * (places @ curve) / (places @ places)  # without its linear trend
    power = np.abs(np.fft.rfft(rest * np.hanning(len(rest)))) ** 2
    if not (total := float(power[1:].sum())):
        return 0.0, 0.0
    peak = _FEWEST_CYCLES + int(power[_FEWEST_CYCLES : len(curve) // 4 + 1].argmax())
    share = float(power[peak - 1 : peak + 2].sum()) / total  # the window spreads a peak over three bins
    return math.sqrt(2 * share * float(rest.var())), share
