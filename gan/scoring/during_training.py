"""Quick scores of a run during its training."""

from __future__ import annotations

import time
from collections.abc import Mapping
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
from gan.scoring.extractors.extractor import Extractor, Features
from gan.scoring.measures import Draw
from gan.scoring.reference import Reference
from gan.scoring.scores import append_line, choose_extractor, draw, log, measured_line, sampler
from gan.storage.jobs import say_nothing

_DURING_TRAINING = Plan(images=500, draws=1)
_REHEARSED = 10  # the duration of a quick score is estimated from one in _REHEARSED of its images


def score(
    run: Run, generator: nn.Module, config: RunConfig, reached: Mapping[str, Any], device: torch.device
) -> dict[str, Any] | None:
    """Append a quick score (one draw of 500 images) to a run in training and return its line, or None if scoring failed.

    ``reached``: step, epoch and images seen.
    The global random state and the generator stay unchanged. A failure is logged, and the training continues.
    """
    try:
        asked = config.data, device, data_root()
        extractor, real = _judge(*asked), _held_against(*asked)
        plan = _DURING_TRAINING
        real.floor(plan.images, plan.draws, plan.seed, say_nothing)  # computed once and kept
        started = time.monotonic()  # excludes one-time preparations
        facts = {
            **reached,
            "source": "training",
            "weights": "EMA" if config.optimizer.ema_half_life else "raw",
        }
        sample = sampler(config, generator, extractor, plan)
        line = measured_line(config.data, sample, extractor, real, plan, facts, started)
        append_line(run, line)
        return line
    except Exception:
        log.exception("Scoring at step %d failed; the training continues", reached["step"])
        return None


def foresee(generator: nn.Module, config: RunConfig, device: torch.device) -> float:
    """Return an estimate of the seconds per quick score; 0 if estimating fails.

    A tenth of the images is drawn and seen; repeated ten times, it is compared with the real images as those of a score are.
    """
    try:
        asked = config.data, device, data_root()
        extractor, real = _judge(*asked), _held_against(*asked)
        seconds = []
        for _ in range(2):  # the first pass warms up
            started = time.monotonic()
            part = list(draw(generator, config, _DURING_TRAINING.images // _REHEARSED, 0, extractor.batch, extractor.device))
            seen = extractor.extract(part)
            drawn = time.monotonic()
            repeated = Features(*(torch.cat([tensor] * _REHEARSED) for tensor in seen))
            measures.measure(Draw(torch.cat([pixels.cpu() for pixels in part] * _REHEARSED), repeated), real.real, 0)
            seconds.append((drawn - started) * _REHEARSED + time.monotonic() - drawn)
        return min(seconds)
    except Exception:
        log.exception("Estimating the duration of a quick score failed")
        return 0.0


@lru_cache(maxsize=1)
def _judge(data: DataConfig, device: torch.device, root: Path) -> Extractor:
    """Return the extractor for quick scores; cached for the duration of the training."""
    return choose_extractor("auto", data, device, say_nothing, is_quick=True)


@lru_cache(maxsize=1)
def _held_against(data: DataConfig, device: torch.device, root: Path) -> Reference:
    """Return the reference for quick scores; cached, because the real images do not change during a training."""
    return reference.load(data, _judge(data, device, root), say_nothing, compared=_DURING_TRAINING.images)
