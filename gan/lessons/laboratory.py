"""The stage of lessons on scores: pictures measured in the laboratory, and what their scores are for certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gan.lessons.lesson import Claim
from gan.play.setup import Setup

#: Label of the network whose features are compared, of the digits' own classifier.
FEATURES = "digits CNN"


@dataclass(frozen=True)
class Case:
    """Something to measure: its name, the settings that are not as usual, and the scores that hold for every seed.

    ``settings``: fields of :class:`gan.play.messages.Measure`. The figures of ``claims`` are keys of the glossary of scores.
    """

    name: str
    claims: tuple[Claim, ...]
    settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Laboratory:
    """A stage: sliders, pictures and their scores. It is done when each of ``cases`` has been measured.

    ``lab``: what is measured. ``sliders``: fields of :class:`gan.play.messages.Measure`. ``scores``: keys of the glossary. The
    ``chart`` shows one of them, at first the first, against the "strength" of what is wrong, or the "trade-off" of precision and
    recall.
    """

    cases: tuple[Case, ...]
    sliders: tuple[str, ...]
    scores: tuple[str, ...]
    lab: Literal["pictures", "truncation"] = "pictures"
    chart: Literal["strength", "trade-off"] = "strength"

    @property
    def setup(self) -> Setup:
        """The set-up of the live game that measures."""
        return Setup(data="digits", lab=self.lab)
