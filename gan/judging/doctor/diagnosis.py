"""Diagnosis: applies all rules of the doctor to a run, orders the verdicts and adds their remedies; torch-free."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from gan import config as configs
from gan.catalogue import data_sets
from gan.config import RunConfig
from gan.config.fields import Span
from gan.errors import InputError
from gan.judging import lines, remedies
from gan.judging.doctor.curves import (
    FEWEST_LINES,
    RECENT,
    judge_breakdown,
    judge_runaway,
    judge_starvation,
    judge_strength,
    judge_swings,
)
from gan.judging.doctor.images import judge_copies, judge_gaps, judge_looks, judge_modes, judge_reach, judge_sameness, judge_texture
from gan.judging.doctor.progress import LASTING, UNTRAINED, judge_progress
from gan.judging.doctor.trend import FEWEST_SCORES, during_training, judge_past_best, judge_still_improving
from gan.judging.doctor.verdict import Line, Verdict
from gan.runs import Run, checkpoints
from gan.runs.changes import config_at

_MOST_LINES = 4000  # more than any preset logs

#: Verdicts that can cause others, gravest first, and verdicts that always have a cause of their own.
_ROOTS = ("divergence", "discriminator-too-strong", "discriminator-too-weak", "collapse")
_OWN_CAUSE = ("memorisation", "checkerboard", UNTRAINED)


def logged(run: Run) -> list[dict[str, Any]]:
    """Return the logged lines to judge a run by, thinned out evenly to bound the time for long trainings."""
    return run.metrics(most=_MOST_LINES)


def diagnose(run: Run, line: Line, curve: Sequence[Line], scored: Sequence[Line] = ()) -> list[Verdict]:
    """Return all verdicts on a run: on its ``curve`` (see :func:`logged`) and on one of its lines of scores, ``line``.

    ``scored``: all its lines of scores in order of steps, of which only those made during training are used. Everything after the
    step of ``line`` is ignored. A generator that is not trained yet gets that verdict first, and none on its images. If the
    configuration is unreadable, curves are not judged. If the data set is gone, rules that depend on the length of the training are
    skipped.
    """
    has_diverged, scored_step = run.status().state == "diverged", lines.number(line, "step")
    if scored_step is not None:
        curve = [one for one in curve if (lines.number(one, "step") or 0) <= scored_step]
        scored = [one for one in scored if (lines.number(one, "step") or 0) <= scored_step]
    entry = data_sets.all_sets().get(str(line.get("data", "")))
    classes = entry.classes if entry else ()
    try:
        config, length = config_at(run), run.control().length  # set if the run was prolonged
        if config.optimizer.discriminator_steps != run.config().optimizer.discriminator_steps:  # an epoch has other steps now
            length = Span(count=run.status().total_steps)
        if length:
            config = configs.replace(config, {"training.length": str(length)})
    except InputError:
        return [*_treated(judge_breakdown([], has_diverged), None), *examine(line, classes)]
    is_best, on_images = line.get("checkpoint") == "best", examine(line, classes, config)
    reached = max(scored_step or 0, run.status().step) if is_best else scored_step or 0
    early = judge_progress(line, during_training(scored), config, reached) if is_examined(line) else None
    if early and early.name == UNTRAINED:  # poor images are no evidence of a fault then, neither of the images nor of the players
        return _ordered([early, *examine_curves(curve, config, has_diverged=has_diverged)])
    if early:
        on_images = [one for one in on_images if one.name in LASTING]
    found = [*([early] if early else []), *examine_curves(curve, config, line, has_diverged=has_diverged), *on_images]
    if not is_best:  # at the minimum of FID, so the end of the curve says nothing about it
        best = checkpoints.steps(run.best_path)
        found += [
            dataclasses.replace(verdict, step=verdict.step if verdict.step in best else None)
            for verdict in examine_scores(scored, config)
        ]
    return _ordered(found)


def _ordered(found: list[Verdict]) -> list[Verdict]:
    """Return verdicts; if there is a root cause, those that may follow from it refer to it instead of a remedy of their own."""
    root = next((verdict for name in _ROOTS for verdict in found if verdict.name == name), None)
    if root is None:
        return found
    sentence = f"Treat “{root.title}” first; it may be the cause."
    return [
        one if one is root or one.name in _OWN_CAUSE else dataclasses.replace(one, remedy=sentence, changes={}) for one in found
    ]


def is_examined(line: Line) -> bool:
    """Return whether a line has more than FID and IS, so that the absence of verdicts is meaningful."""
    return any(lines.number(line, key) is not None for key in ("precision", "duplicates", "ms_ssim"))


def examine(line: Line, classes: Sequence[str] = (), config: RunConfig | None = None) -> list[Verdict]:
    """Return the verdicts on a line of scores, gravest first; ``classes`` are the names of the data set's classes.

    Figures missing from the line (earlier versions, data without classes) are not judged, nor are distances between features of a
    classifier that is hardly better than chance.
    """
    alike = list(judge_sameness(line))
    reach = judge_reach(line, has_collapsed=any(verdict.name == "collapse" for verdict in alike))
    copies = judge_copies(line)
    if lines.has_chance_features(line, classes):
        reach = copies = iter(())
    rules = (alike, reach, judge_gaps(line, classes), judge_modes(line), copies, judge_looks(line), judge_texture(line))
    return _treated((verdict for rule in rules for verdict in rule), config)


def examine_curves(
    logged: Sequence[Line], config: RunConfig, line: Line | None = None, *, has_diverged: bool = False
) -> list[Verdict]:
    """Return the verdicts on the logged lines of a training, based on the last fifth.

    ``line``: scores that show how good the images are. ``has_diverged``: training stopped at NaN or infinity.
    """
    recent = logged[-max(1, len(logged) // RECENT) :]
    breakdown = list(judge_breakdown(recent, has_diverged))
    if not breakdown and len(logged) < FEWEST_LINES:
        return []
    if runaway := breakdown or list(judge_runaway(recent)):  # it explains every other symptom
        return _treated(runaway, config)
    strength = list(judge_strength(recent, config, line or {})) or judge_starvation(logged, recent, line or {})
    return _treated([*strength, *judge_swings(logged, config)], config)


def examine_scores(scored: Sequence[Line], config: RunConfig) -> list[Verdict]:
    """Return the verdicts on the FID curve of a training, from its lines of scores in order of steps."""
    chosen = during_training(scored)
    if len(chosen) < FEWEST_SCORES:
        return []
    return _treated([*judge_past_best(chosen), *judge_still_improving(chosen, config)], config)


def _treated(verdicts: Iterable[Verdict], config: RunConfig | None) -> list[Verdict]:
    """Return verdicts with the remedies for a run of this configuration."""
    found = []
    for verdict in verdicts:
        remedy, changes = remedies.prescribe(verdict.name, config)
        found.append(dataclasses.replace(verdict, remedy=remedy, changes=changes))
    return found
