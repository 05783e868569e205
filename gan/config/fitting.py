"""Settings that suit a user's own pictures: a length in images seen, regular snapshots, and DiffAugment if there are few."""

from __future__ import annotations

import math
from typing import Any

from gan.config.fields import Span
from gan.config.whole import RunConfig

IMAGES_SEEN = 150_000
PATIENCE = 30 * 60.0  # seconds; a slower training sees fewer images
FEW = 2000  # images, below which a discriminator memorises them early (Zhao et al. 2020)
_SHARES = {"cadence.sample_every": 50, "cadence.score_every": 20, "cadence.checkpoint_every": 10}  # times during a training

#: Settings by the speed of the training, and all that :func:`fit` changes.
PACE = ("training.length", *_SHARES)
KEYS = (*PACE, "optimizer.batch_size", "augmentation.policies")


def fit(config: RunConfig, images_per_second: float | None = None) -> dict[str, Any]:
    """Return the changes that suit a training to the images of its data set; lengths in epochs mean little for unknown numbers.

    Small sets get DiffAugment: translation and cutout, and colour if the images have colours. No flips, which spoil text. A batch
    never has more images than there are.
    """
    images = config.data.images
    batch = min(config.optimizer.batch_size, max(2, 1 << images.bit_length() - 1))
    affordable = images_per_second * PATIENCE if images_per_second else math.inf
    steps = max(1, math.ceil(min(IMAGES_SEEN, affordable) / (batch * config.optimizer.discriminator_steps)))
    policies = (["colour"] if config.data.channels == 3 else []) + ["translation", "cutout"]
    return {
        "training.length": str(Span(count=steps)),
        **{key: str(Span(count=max(1, steps // times))) for key, times in _SHARES.items()},
        "optimizer.batch_size": batch,
        "augmentation.policies": policies if images < FEW else [],
    }
