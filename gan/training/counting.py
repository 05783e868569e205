"""Counts of a training: turns of the discriminator, epochs and images seen, whose pace a change can alter; and what is due when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gan.config import RunConfig
from gan.config.fields import Span


@dataclass(frozen=True)
class Count:
    """Turns of the discriminator and epochs until ``step``, where the turns per step changed last; zeros if they never did."""

    step: int = 0
    turns: int = 0
    epochs: float = 0.0

    @classmethod
    def restored(cls, facts: Mapping[str, Any], config: RunConfig) -> Count:
        """Return the counts of a checkpoint from which a training goes on, with other turns per step in some forks."""
        count, batch = cls(**facts.get("count", {})), config.optimizer.batch_size
        seen = int(facts.get("images_seen", 0)) // batch
        is_same = not seen or seen == count.turns_at(facts["step"], config)  # the earliest versions did not write the images seen
        return count if is_same else cls(facts["step"], seen, float(facts["epoch"]))

    def turns_at(self, step: int, config: RunConfig) -> int:
        """Return the turns until a later step, with the turns per step of ``config``; the number of the next turn, from 0."""
        return self.turns + (step - self.step) * config.optimizer.discriminator_steps

    def epochs_at(self, step: int, config: RunConfig, images: int) -> float:
        """Return the passes over ``images`` real images until a later step."""
        return self.epochs + (step - self.step) / max(1, images // config.optimizer.images_per_step)

    def at(self, step: int, config: RunConfig, images: int) -> Count:
        """Return the counts for a training whose turns per step change from those of ``config`` at ``step``."""
        return Count(step, self.turns_at(step, config), self.epochs_at(step, config, images))


def every(span: Span, steps_per_epoch: int) -> Callable[[int], bool]:
    """Return a function of the step: whether something with this interval is due. An interval of 0 is never due."""
    interval = span.in_steps(steps_per_epoch)
    return lambda step: interval > 0 and step % interval == 0
