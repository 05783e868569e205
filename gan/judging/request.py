"""A request for scoring: extractor, number of images and draws, seed, checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from gan.errors import InputError

EXTRACTORS = ("auto", "classifier", "inception", "efficientnet", "random-vgg", "coordinates")
CHECKPOINTS = ("last", "best")


@dataclass(frozen=True)
class Plan:
    """How to score: feature extractor, ``draws`` of ``images`` generated images each, random ``seed``, and checkpoint.

    Extractor "auto" means coordinates for points. For images it means the data set's classifier if it has one that is better than
    chance, otherwise Inception if its weights are present, otherwise EfficientNet for colour images if its package is
    installed, otherwise the random VGG. Raises InputError for values out of range.
    """

    extractor: str = "auto"
    images: int = 2000
    draws: int = 3
    seed: int = 0
    checkpoint: str = "last"

    def __post_init__(self) -> None:
        if self.checkpoint not in CHECKPOINTS:
            raise InputError(
                f"The checkpoint is “{self.checkpoint}”, expected one of {', '.join(CHECKPOINTS)}; choose one of these."
            )
        if self.extractor not in EXTRACTORS:
            raise InputError(f"The extractor is “{self.extractor}”, expected one of {', '.join(EXTRACTORS)}; choose one of these.")
        for name, low, high in (("images", 2, 100_000), ("draws", 1, 100), ("seed", 0, 2**31 - 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InputError(f"“{name}” is {value}, expected a whole number from {low} to {high}; change it.")
