"""Rewinding a failed training: back to its last good checkpoint, from which two futures go on; torch-free."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gan import runs
from gan.errors import InputError
from gan.judging import remedies
from gan.judging.doctor import during_training
from gan.runs import Run, changes, forks, shortened

#: Verdicts on trainings that were better before.
FAILED = (
    "divergence",
    "discriminator-too-strong",
    "discriminator-too-weak",
    "oscillation",
    "collapse",
    "duplicates",
    "partial-collapse",
    "missing-modes",
    "past-best",
)

_BEFORE_DIVERGENCE = 0.9  # of the steps; later weights have already grown, if nothing was scored
_HALF = 0.5
_SAME = ("training.seed", "training.length")  # in both futures
_AS_IT_WAS, _REMEDIED = "as it was", "with the remedy"


@dataclass(frozen=True)
class Rewind:
    """Where to go back to and why, and the ``remedy`` of the second future: a sentence, and its ``changes``."""

    step: int
    reason: str
    remedy: str
    changes: Mapping[str, Any]


def plan(run: Run, verdict: str, step: int | None = None) -> Rewind | None:
    """Return how to rewind a run because of a verdict, by name; None if it has no checkpoint that was better, or no remedy fits.

    ``step``: where the verdict saw the run at its best. By default this is the step of its lowest FID during training; if nothing
    was scored, a share of the steps. The checkpoint is the last one up to there. The remedy is the best one that can continue.
    """
    if verdict not in FAILED:
        return None
    there = sorted(forks.checkpoints(run))
    good, reason = _last_good(run, verdict) if step is None else (step, "where FID was lowest")
    chosen = max((found for found in there if found <= good), default=None)
    if chosen is None or chosen >= run.status().step:
        return None
    with contextlib.suppress(InputError):
        config = changes.config_at(run, chosen)
        for remedy in remedies.REMEDIES[verdict]:
            wanted = {key: value for key, value in remedy.changes(config).items() if key not in _SAME}
            changed = remedies.adapted(wanted, config)
            if changed and forks.plan(config, changed).goes_on:
                return Rewind(chosen, reason, remedy.sentence, changed)
    return None


def _last_good(run: Run, verdict: str) -> tuple[float, str]:
    """Return the step up to which a run was good, and how that is known."""
    if scored := during_training(run.scores()):
        best = min(scored, key=lambda line: line["fid"])
        return float(best["step"]), f"before step {best['step']:,}, where FID was lowest"
    if verdict == "divergence":
        return _BEFORE_DIVERGENCE * run.status().step, "some time before it diverged (nothing was scored on the way)"
    return _HALF * run.status().step, "in its first half (nothing was scored on the way)"


def start(run: Run, found: Rewind, **options: Any) -> tuple[Run, Run]:
    """Make two forks from the checkpoint, one as the run was and one with the remedy, and return them, ready to be resumed.

    They have the same seed, so that only the remedy tells them apart. ``options`` are those of :func:`gan.runs.forks.make`. Raises
    InputError, with neither left, if one is impossible.
    """
    made: list[Run] = []
    try:
        wanted: Sequence[tuple[str, Mapping[str, Any]]] = ((_AS_IT_WAS, {}), (_REMEDIED, found.changes))
        for ending, changed in wanted:
            name = shortened(f"{run.label()} · {ending}")
            made.append(forks.make(run, found.step, changed, name, state="stopped", **options))
    except InputError:
        for one in made:
            runs.delete(one)
        raise
    return made[0], made[1]
