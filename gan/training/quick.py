"""Quick scores during training: when one is due, what it may cost, and the checkpoint of the lowest FID so far."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from gan.config import RunConfig
from gan.errors import RunFailed
from gan.runs import Run
from gan.training import checkpoints
from gan.training.failures import describe

log = logging.getLogger("gan")


class Scorer(Protocol):
    """What scores a generator while it trains; ``gan.scoring.during_training`` is one."""

    def foresee(self, generator: nn.Module, config: RunConfig, device: torch.device) -> float:
        """Return how many seconds a score will take; 0 if that cannot be estimated."""

    def score(self, run: Run, generator: nn.Module, config: RunConfig, step: int, device: torch.device) -> dict[str, Any] | None:
        """Append a score to the run and return its line, which says how many ``seconds`` it took; None if scoring failed."""


#: Imports and returns the scorer.
LoadScorer = Callable[[], Scorer]


@dataclass(frozen=True)
class ScoringTime:
    """Seconds that quick scores have taken: all of a run so far, and the last one."""

    spent: float = 0.0
    last: float = 0.0

    def is_within(self, share: float, seconds: float) -> bool:
        """Return whether one more, as long as the last, stays within a share of ``seconds`` of training; 0 is no limit."""
        return share == 0 or self.spent + self.last <= share * seconds


class QuickScores:
    """The quick scores of a run: keeps them within their share of the training time, and keeps the best checkpoint.

    ``load`` returns the scorer, at the first score: it imports torchmetrics; None makes no scores. ``save`` writes a checkpoint
    into a folder, with the number of checkpoints to keep there and more facts; it returns False if a weight is not finite.
    """

    def __init__(
        self, run: Run, config: RunConfig, device: torch.device, load: LoadScorer | None, save: Callable[..., bool]
    ) -> None:
        self._run, self._config, self._device, self._load, self._save = run, config, device, load, save
        self._share = config.cadence.score_share
        self.time = ScoringTime()
        self._best = self._load_best()

    def has_time(self, seconds: float) -> bool:
        """Return whether another score stays within the share of ``seconds`` of training; the first one may always be tried."""
        return self._load is not None and (not self.time.last or self.time.is_within(self._share, seconds))

    def score(self, step: int, seconds: float, generator: nn.Module, *, is_finite: bool) -> float:
        """Score the samples as they are now, unless that takes too long, and keep the checkpoint if none was better.

        Draws from generators of its own, so the training goes on unchanged. Returns the seconds of preparation, which a training
        needs once: training the classifier, looking at the real images, estimating how long a score takes. A score that failed
        counts as no preparation.
        """
        began = time.perf_counter()
        assert self._load is not None
        scorer = self._load()
        if self._share and not self.time.last:
            self.time = ScoringTime(0.0, scorer.foresee(generator, self._config, self._device))
            if not self.time.is_within(self._share, seconds):
                return time.perf_counter() - began
        line = scorer.score(self._run, generator, self._config, step, self._device)
        whole = time.perf_counter() - began
        took = min(whole, line["seconds"]) if line else whole
        self.time = ScoringTime(self.time.spent + took, took)
        if line and is_finite and is_better(line, self._best):
            self._save_best(step, line)
        return whole - took

    def _save_best(self, step: int, line: dict[str, Any]) -> None:
        """Keep this state as the best so far; if it cannot be written, the training goes on without."""
        found = {key: line[key] for key in ("fid", "extractor_id")}
        folder = self._run.best_path
        try:
            folder.mkdir(exist_ok=True)
            if self._save(folder, 1, **found):
                self._best = found
        except (OSError, RunFailed) as error:
            checkpoints.clear_rubbish(folder)
            log.warning("The best checkpoint, of step %d, could not be kept: %s", step, describe(error))

    def _load_best(self) -> dict[str, Any]:
        """Return the facts of the best checkpoint; empty if there is no whole one.

        After a crash it may be of a step that is trained again: then its score comes again too, and is not better.
        """
        checkpoints.clear_rubbish(self._run.best_path)
        try:
            saved, complaints = checkpoints.load_newest(self._run.best_path)
        except RunFailed as error:
            saved, complaints = None, [str(error)]
        for complaint in complaints:
            log.warning("Of the best checkpoints: %s", complaint)
        return saved.facts if saved else {}


def is_better(line: dict[str, Any], best: dict[str, Any]) -> bool:
    """Return whether a quick score has a lower FID than the best; scores on other features do not compare, so the new one wins."""
    fid = line["fid"]
    if fid is None or not math.isfinite(fid):
        return False
    return best.get("extractor_id") != line["extractor_id"] or fid < best["fid"]
