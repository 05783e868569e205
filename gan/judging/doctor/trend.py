"""Verdicts on the FID curve recorded during training."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence

from gan import words
from gan.config import RunConfig
from gan.judging import lines
from gan.judging.doctor.curves import steps_in_all
from gan.judging.doctor.verdict import Line, Verdict
from gan.words import percent

IMPROVING = 0.1  # relative fall of FID over the last third of its curve: still improving
RISEN = 0.25  # relative rise of FID since its best: past its best
CERTAIN = 3.0  # a change of FID must exceed this many standard errors

FEWEST_SCORES = 6

NEARLY_DONE = 0.9  # share of the training after which its length may be judged


def during_training(scored: Iterable[Line]) -> list[Line]:
    """Return the lines scored during training that have a positive FID and are comparable with the last one."""
    chosen = [line for line in scored if line.get("source") == "training" and (lines.number(line, "fid") or 0) > 0]
    return [line for line in chosen if lines.is_comparable(line, chosen[-1]) and lines.number(line, "step") is not None]


def judge_past_best(scored: Sequence[Line]) -> Iterator[Verdict]:
    """Judge whether FID is now clearly above its best; uses medians of three because the minimum of noisy values is biased low."""
    values, error = levels(scored)
    smooth = [statistics.median(values[max(0, place - 1) : place + 2]) for place in range(len(values))]
    place = smooth.index(min(smooth))
    rise, limit = statistics.median(values[-3:]) - smooth[place], max(math.log1p(RISEN), CERTAIN * error)
    if place >= len(values) - 3 or rise < limit:
        return
    best = min(scored, key=lambda line: line["fid"])  # this checkpoint was kept
    yield Verdict(
        "past-best",
        "Past its best",
        f"FID has risen by {percent(math.expm1(rise))} since step {best['step']:,}, where it was {words.number(best['fid'])} "
        f"(a fault from {percent(math.expm1(limit))}).",
        measured=math.expm1(rise),
        threshold=math.expm1(limit),
        evidence="fid",
        step=int(best["step"]),
    )


def judge_still_improving(scored: Sequence[Line], config: RunConfig) -> Iterator[Verdict]:
    """Judge whether FID was still falling at the end: the last third of its curve is clearly below the third before."""
    values, error = levels(scored)
    third = len(values) // 3
    before, last = statistics.fmean(values[-2 * third : -third]), statistics.fmean(values[-third:])
    fall, limit = before - last, max(-math.log1p(-IMPROVING), CERTAIN * error * math.sqrt(2 / third))
    if scored[-1]["step"] < NEARLY_DONE * steps_in_all(config) or fall < limit:
        return
    yield Verdict(
        "still-improving",
        "Still improving",
        f"FID was still falling when the training ended: it was {percent(-math.expm1(-fall))} lower in the last third of its curve "
        f"than in the third before (longer training is worth a try from {percent(-math.expm1(-limit))}).",
        measured=-math.expm1(-fall),
        threshold=-math.expm1(-limit),
        evidence="fid",
        kind="advice",
    )


def levels(scored: Sequence[Line]) -> tuple[list[float], float]:
    """Return log FID and the standard error of one value, estimated from second differences, which cancel a linear trend."""
    values = [math.log(line["fid"]) for line in scored]
    bends = [abs(before - 2 * here + after) for before, here, after in zip(values, values[1:], values[2:], strict=False)]
    return values, 1.4826 * statistics.median(bends) / math.sqrt(6)
