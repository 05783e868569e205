"""Quick scores of a run while it trains."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan.config import RunConfig
from gan.config.data import DataConfig
from gan.judging.request import Plan
from gan.places import data_root
from gan.runs import Run
from gan.scoring import measures, reference
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.reference import Reference
from gan.scoring.scores import append_line, choose_extractor, draw, log, score_line
from gan.storage.jobs import say_nothing

_DURING_TRAINING = Plan(images=500, draws=1)
_REHEARSED = 10  # in how few parts a quick score is rehearsed


def score(run: Run, generator: nn.Module, config: RunConfig, step: int, device: torch.device) -> dict[str, Any] | None:
    """Append a quick score, one draw of 500 images, to a run that is being trained; return its line, None if it failed.

    Neither the global random state nor the generator changes, and when the scoring fails the training goes on: the log
    says why.
    """
    try:
        asked = config.data, device, data_root()
        extractor, real = _judge(*asked), _held_against(*asked)
        started = time.monotonic()  # what a training needs once is no part of what each score takes
        facts = {
            "step": step,
            "epoch": step / config.steps_per_epoch,
            "images_seen": step * config.optimizer.images_per_step,
            "source": "training",
            "weights": "EMA" if config.optimizer.ema_half_life else "raw",
        }
        line = score_line(config, generator, extractor, real, _DURING_TRAINING, facts, started)
        append_line(run, line)
        return line
    except Exception:
        log.exception("Scoring at step %d failed; the training goes on", step)
        return None


def foresee(generator: nn.Module, config: RunConfig, device: torch.device) -> float:
    """Return how many seconds a quick score will take, rather too many, told from a tenth of it; 0 where that fails."""
    try:
        extractor = _judge(config.data, device, data_root())
        seconds = []
        for _ in range(2):  # the first one makes ready what the second finds
            started = time.monotonic()
            part = list(draw(generator, config, _DURING_TRAINING.images // _REHEARSED, 0, extractor.batch, extractor.device))
            extractor.extract(part)
            if not config.data.is_points:
                measures.alone(torch.cat(part).cpu(), None, 0)
            seconds.append(time.monotonic() - started)
        return min(seconds) * _REHEARSED
    except Exception:
        log.exception("Nobody can tell how long a score will take")
        return 0.0


@lru_cache(maxsize=1)
def _judge(data: DataConfig, device: torch.device, root: Path) -> Extractor:
    """Return what a training is scored by, kept for as long as it runs."""
    return choose_extractor("auto", data, device, say_nothing, is_quick=True)


@lru_cache(maxsize=1)
def _held_against(data: DataConfig, device: torch.device, root: Path) -> Reference:
    """Return what a training is held against; kept, because real images do not change while it runs."""
    return reference.load(data, _judge(data, device, root), say_nothing, compared=_DURING_TRAINING.images)
