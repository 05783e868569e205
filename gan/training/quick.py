"""Quick scores during training: their time limit, and the checkpoint with the lowest FID so far."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
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
    """Scores a generator during training; implemented by ``gan.scoring.during_training``."""

    def foresee(self, generator: nn.Module, config: RunConfig, device: torch.device) -> float:
        """Return the expected seconds of a score; 0 if they cannot be estimated."""

    def score(
        self, run: Run, generator: nn.Module, config: RunConfig, reached: Mapping[str, Any], device: torch.device
    ) -> dict[str, Any] | None:
        """Append a score to the run and return its line, with the ``seconds`` it took; None if scoring failed.

        ``reached``: step, epoch and images seen.
        """


#: Imports and returns the scorer.
LoadScorer = Callable[[], Scorer]


@dataclass(frozen=True)
class ScoringTime:
    """Seconds taken by quick scores: by all of the run so far, and by the last one."""

    spent: float = 0.0
    last: float = 0.0

    def is_within(self, share: float, seconds: float) -> bool:
        """Return whether another score, as long as the last, stays within ``share`` of ``seconds`` of training; 0 is no limit."""
        return share == 0 or self.spent + self.last <= share * seconds


class QuickScores:
    """Makes quick scores within their share of the training time, and keeps the best checkpoint.

    ``load`` returns the scorer; it is called at the first score, because it imports torchmetrics. None means no scores.
    ``save(folder, kept, **facts)`` writes a checkpoint to a folder, in which it leaves those to be ``kept``; it returns False if a
    weight is NaN or infinite.
    """

    def __init__(
        self, run: Run, config: RunConfig, device: torch.device, load: LoadScorer | None, save: Callable[..., bool]
    ) -> None:
        self._run, self._config, self._device, self._load, self._save = run, config, device, load, save
        self._share = config.cadence.score_share
        self.time = ScoringTime()
        self._best = self._load_best()

    def has_time(self, seconds: float) -> bool:
        """Return whether another score stays within its share of ``seconds`` of training; always True before the first estimate."""
        return self._load is not None and (not self.time.last or self.time.is_within(self._share, seconds))

    def score(self, reached: Mapping[str, Any], seconds: float, generator: nn.Module, *, is_finite: bool) -> float:
        """Score the generator, unless that takes too long, and keep the checkpoint if its FID is the lowest so far.

        Uses separate random generators, so the training is unaffected. Returns the seconds of one-time preparation: training the
        classifier, extracting features of the real images, and estimating the time of a score. A failed score counts as scoring
        time, not as preparation.
        """
        began = time.perf_counter()
        assert self._load is not None
        scorer = self._load()
        if self._share and not self.time.last:
            self.time = ScoringTime(0.0, scorer.foresee(generator, self._config, self._device))
            if not self.time.is_within(self._share, seconds):
                return time.perf_counter() - began
        line = scorer.score(self._run, generator, self._config, reached, self._device)
        whole = time.perf_counter() - began
        took = min(whole, line["seconds"]) if line else whole
        self.time = ScoringTime(self.time.spent + took, took)
        if line and is_finite and is_better(line, self._best):
            self._save_best(reached["step"], line)
        return whole - took

    def _save_best(self, step: int, line: dict[str, Any]) -> None:
        """Save the current state as the best checkpoint; if it cannot be written, log a warning and continue."""
        found = {key: line[key] for key in ("fid", "extractor_id")}
        folder = self._run.best_path
        try:
            folder.mkdir(exist_ok=True)
            if self._save(folder, checkpoints.Retention(newest=1), **found):
                self._best = found
        except (OSError, RunFailed) as error:
            checkpoints.clear_rubbish(folder)
            log.warning("The best checkpoint (step %d) could not be saved: %s", step, describe(error))

    def _load_best(self) -> dict[str, Any]:
        """Return the facts of the best checkpoint; empty if there is no intact one.

        After a crash its step may be trained and scored again; the repeated score is the same, so not better.
        """
        checkpoints.clear_rubbish(self._run.best_path)
        try:
            saved, complaints = checkpoints.load_newest(self._run.best_path)
        except RunFailed as error:
            saved, complaints = None, [str(error)]
        for complaint in complaints:
            log.warning("Best checkpoint: %s", complaint)
        if saved:  # a crash between saving one and removing the one before leaves both
            checkpoints.settle(self._run.best_path, saved.step, checkpoints.Retention(newest=1))
        return saved.facts if saved else {}


def is_better(line: dict[str, Any], best: dict[str, Any]) -> bool:
    """Return whether a quick score has a lower FID than the best; the new one wins if the features differ (FIDs do not compare)."""
    fid = line["fid"]
    if fid is None or not math.isfinite(fid):
        return False
    return best.get("extractor_id") != line["extractor_id"] or fid < best["fid"]
