"""One plain sentence on the present state of a training, by the rules of the verdicts."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

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


class Standing(NamedTuple):
    """How a duel stands: one sentence, and the same with the means of the discriminator's outputs."""

    short: str
    full: str


def tell(curve: Sequence[Line], scored: Sequence[Line], config: RunConfig, *, has_diverged: bool = False) -> Standing:
    """Return how the duel stands, from the logged lines and the lines of scores of a training; empty before the first line."""
    if not curve:
        return Standing("", "")
    faults = [one for one in examine_curves(curve, config, has_diverged=has_diverged) if one.kind == "fault"]
    if faults:
        return Standing(faults[0].sentence, faults[0].sentence)
    if len(curve) < FEWEST_LINES:
        return Standing("The duel has just begun.", "The duel has just begun.")
    told, figures = _on_players(curve, config)
    fid = _on_fid(during_training(scored))
    return Standing(_joined(told and f"{told}.", fid), _joined(told and f"{told}: {figures}.", fid))


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _on_players(curve: Sequence[Line], config: RunConfig) -> tuple[str, str]:
    """Return who is ahead in the last fifth of the lines, and the means of the discriminator's outputs there; empty if unknown."""
    recent = curve[-max(1, len(curve) // RECENT) :]
    reals, fakes = numbers(recent, "d_real"), numbers(recent, "d_fake")
    if not reals or not fakes:
        return "", ""
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
            told = f"The discriminator tells the {things} apart, but is not sure"
    return told, figures


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
