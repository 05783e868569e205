"""Verdicts on a training that is too young for verdicts on its images: not trained yet, or on the way."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from gan import words
from gan.config import RunConfig
from gan.judging import lines, remedies
from gan.judging.doctor.curves import steps_in_all
from gan.judging.doctor.trend import CERTAIN, NEARLY_DONE, RISEN, levels
from gan.judging.doctor.verdict import Line, Verdict
from gan.words import percent

UNTRAINED, ON_THE_WAY = "untrained", "on-the-way"
EARLY = (UNTRAINED, ON_THE_WAY)  # names of the verdicts of this file

LASTING = ("collapse", "memorisation")  # verdicts on images that further training seldom mends; given also on the way

STEEP = 0.6  # relative fall of FID since half as many images were seen; from here on: not trained yet
FALLEN = 0.5  # relative fall of FID since the first quick score; from here on, a training that has not ended is on the way
_NEAR_FLOOR = 2.0  # times the FID of real images; below, a fall is no sign of a young training

_FEWEST_FOR_NOISE = 4  # scores needed to estimate the noise of FID


def has_ended(step: float, config: RunConfig) -> bool:
    """Return whether a training is at or near its end at ``step``; also if the data set is gone, so that its length is unknown."""
    length = steps_in_all(config)
    return math.isinf(length) or step >= NEARLY_DONE * length


def judge_progress(line: Line, scored: Sequence[Line], config: RunConfig, reached: float) -> Verdict | None:
    """Return a verdict if the generator of a ``line`` of scores is too young to be judged by its images, otherwise None.

    ``scored``: comparable scores from its training up to then, in order of steps. ``reached``: the step that counts for whether the
    training has ended. The remedy is to let a training end if it is long enough, and otherwise to train longer.
    """
    step, seen = lines.number(line, "step"), lines.number(line, "images_seen")
    if seen is None and step is not None:
        seen = step * config.optimizer.images_per_step
    if seen is None:
        return None
    verdict = _few_images(seen, config) or _steep_fall(scored) or _on_the_way(scored, reached, config)
    if verdict is None:
        return None
    is_long_enough = steps_in_all(config) * config.optimizer.images_per_step >= remedies.images_needed(config)
    name = ON_THE_WAY if is_long_enough and not has_ended(reached, config) else UNTRAINED
    remedy, changes = remedies.prescribe(name, config)
    return dataclasses.replace(verdict, remedy=remedy, changes=changes)


def _few_images(seen: float, config: RunConfig) -> Verdict | None:
    needed = remedies.images_needed(config)
    if seen >= needed:
        return None
    why = f" ({remedies.FEW_HALF_LIVES} half-lives of the averaged weights)" if needed > remedies.FEW_IMAGES else ""
    return Verdict(
        UNTRAINED,
        "Not trained yet",
        f"The training has seen only {words.count(int(seen), 'real image')}; a generator is not judged by its images before "
        f"{needed:,}{why}.",
        measured=seen,
        threshold=needed,
        kind="advice",
    )


def _steep_fall(scored: Sequence[Line]) -> Verdict | None:
    """Return the verdict if FID has fallen steeply since half as many images were seen, by more than its noise."""
    if len(scored) < 2:
        return None
    last, floor = scored[-1], lines.number(scored[-1], "floor_fid") or 0.0
    earlier = [line for line in scored if 0 < line["step"] <= last["step"] / 2]
    if not earlier or last["fid"] < _NEAR_FLOOR * floor:
        return None
    error = levels(scored)[1] if len(scored) >= _FEWEST_FOR_NOISE else 0.0
    before = earlier[-1]
    fall, limit = math.log(before["fid"] / last["fid"]), max(-math.log1p(-STEEP), CERTAIN * error * math.sqrt(2))
    # The earlier score may be older than half: scale its fall to one halving of the images seen.
    fall *= math.log(2) / math.log(last["step"] / before["step"])
    if fall < limit:
        return None
    return Verdict(
        UNTRAINED,
        "Not trained yet",
        f"FID is still falling steeply: {words.number(last['fid'])} from {words.number(before['fid'])} at step "
        f"{before['step']:,}{_real(floor)}; a generator is not judged by its images while FID falls by {percent(STEEP)} or more "
        "each time that the images seen double.",
        measured=-math.expm1(-fall),
        threshold=-math.expm1(-limit),
        evidence="fid",
        kind="advice",
    )


def _on_the_way(scored: Sequence[Line], step: float, config: RunConfig) -> Verdict | None:
    """Return the verdict if a training before its end has a FID well below its first and near its best."""
    if len(scored) < 2 or has_ended(step, config):
        return None
    fids = [line["fid"] for line in scored]
    limit = (1 - FALLEN) * fids[0]
    if fids[-1] > limit or fids[-1] > (1 + RISEN) * min(fids):
        return None
    floor = lines.number(scored[-1], "floor_fid") or 0.0
    return Verdict(
        ON_THE_WAY,
        "On the way",
        f"On the way: FID {words.number(fids[-1])} from {words.number(fids[0])}{_real(floor)}, at step {step:,.0f} of "
        f"{steps_in_all(config):,}.",
        measured=fids[-1],
        threshold=limit,
        evidence="fid",
        kind="advice",
    )


def _real(floor: float) -> str:
    return f"; real images {words.number(floor)}" if floor else ""
