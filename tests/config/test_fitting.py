"""Settings that suit a user's own pictures."""

from __future__ import annotations

import pytest

from gan import config as configs
from gan.config import fitting, presets


def fitted(name: str, speed: float | None = None, **changes: object) -> configs.RunConfig:
    start = configs.replace(presets.find(presets.DEFAULT).config, {"data.name": name, **changes})
    return configs.replace(start, fitting.fit(start, speed))


@pytest.mark.parametrize("batch", [2, 64, 1000])
@pytest.mark.parametrize("turns", [1, 5])
def test_the_images_are_seen_whatever_the_batch(batch: int, turns: int) -> None:
    config = fitted("digits", **{"optimizer.batch_size": batch, "optimizer.discriminator_steps": turns})
    seen = config.total_steps * config.optimizer.images_per_step
    assert fitting.IMAGES_SEEN <= seen < fitting.IMAGES_SEEN + config.optimizer.images_per_step


def test_a_slow_machine_sees_what_it_can_in_half_an_hour() -> None:
    for speed in (1e4, 10.0):
        config = fitted("digits", speed)
        seen = config.total_steps * config.optimizer.images_per_step
        assert (seen >= fitting.IMAGES_SEEN) == (speed > 100) and seen / speed <= fitting.PATIENCE + 10


def test_few_pictures_are_augmented_and_never_flipped() -> None:
    few, many = fitted("shapes", **{"data.subset": 500}), fitted("mnist")
    assert few.augmentation.policies == ("colour", "translation", "cutout") and not few.data.flips
    assert fitted("digits").augmentation.policies == ("translation", "cutout"), "grey images have no colours to change"
    assert many.augmentation.policies == ()


def test_samples_scores_and_checkpoints_are_spread_over_the_training() -> None:
    config = fitted("mnist")  # of which the training sees less than three epochs
    cadence = config.cadence
    for every, times in ((cadence.sample_every, 50), (cadence.score_every, 20), (cadence.checkpoint_every, 10)):
        assert times <= config.total_steps // every.in_steps(config.steps_per_epoch) <= times + times // 10 + 1
