"""One plain sentence on the present state of a training, by the rules of the verdicts."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from gan import words
from gan.catalogue import data_sets
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig
from gan.judging import lines
from gan.judging.doctor.curves import FEWEST_LINES, RECENT, UNSURE
from gan.judging.doctor.diagnosis import examine_curves
from gan.judging.doctor.trend import during_training
from gan.judging.doctor.verdict import Line, numbers

AHEAD = 0.4  # D(real) − D(fake) from here on: the discriminator is ahead
_FALLING = 0.95  # of the FID before; below, it falls


def tell(
    curve: Sequence[Line], scored: Sequence[Line], config: RunConfig, *, has_diverged: bool = False, is_short: bool = False
) -> str:
    """Return how the duel stands, from the logged lines and the lines of scores of a training; empty before the first line.

    ``is_short``: without the figures of the players.
    """
    if not curve:
        return ""
    faults = [one for one in examine_curves(curve, config, has_diverged=has_diverged) if one.kind == "fault"]
    if faults:
        return faults[0].sentence
    if len(curve) < FEWEST_LINES:
        return "The duel has just begun."
    return " ".join(filter(None, (_on_players(curve, config, is_short=is_short), _on_fid(during_training(scored)))))


def _on_players(curve: Sequence[Line], config: RunConfig, *, is_short: bool) -> str:
    """Return who is ahead in the last fifth of the lines, with the means of the discriminator's outputs there."""
    recent = curve[-max(1, len(curve) // RECENT) :]
    reals, fakes = numbers(recent, "d_real"), numbers(recent, "d_fake")
    if not reals or not fakes:
        return ""
    real, fake = statistics.fmean(reals), statistics.fmean(fakes)
    entry = data_sets.all_sets().get(config.data.name)
    things = "points" if entry and entry.kind == "points" else "images"
    if not LOSSES[config.objective.loss].is_probability:
        order = "higher" if real > fake else "lower"
        figures = f"{words.number(real)} for real {things}, {words.number(fake)} for generated ones"
        told = f"The discriminator's output is {order} for real {things}"
    else:
        figures = f"{words.percent(real)} “real” for real {things}, {words.percent(fake)} for generated ones"
        if real - fake >= AHEAD:
            told = "The discriminator is ahead, and the generator still learns from it"
        elif real - fake < UNSURE:
            told = f"The discriminator can hardly tell the {things} apart"
        else:
            told = "An even duel"
    return f"{told}." if is_short else f"{told}: {figures}."


def _on_fid(scored: Sequence[Line]) -> str:
    """Return whether the images become better."""
    if len(scored) < 2:
        return ""
    before, now = scored[-2]["fid"], scored[-1]["fid"]
    floor = lines.number(scored[-1], "floor_fid")
    real = f"; real images have {words.number(floor)}" if floor else ""
    if now < _FALLING * before:
        return f"FID still falls: {words.number(now)} after {words.number(before)}{real}."
    return f"FID is {words.number(now)}{real}."
