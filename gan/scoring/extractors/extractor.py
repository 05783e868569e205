"""Feature extractor: a network from pixels to features and logits, with the facts recorded in scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan.judging import lines


class Features(NamedTuple):
    """Network outputs for N images: ``features`` [N, D] for FID and ``logits`` [N, K] for IS, float32 on the CPU."""

    features: Tensor
    logits: Tensor


@dataclass(frozen=True)
class Extractor:
    """A network in evaluation mode: uint8 pixels [N, C, H, W] → features [N, D] and logits [N, K].

    ``label`` is for display; ``id`` changes with the weights; ``accuracy`` is measured on held-out images, 0 to 1 (None if not
    a classifier of the data set); ``batch`` is the number of images per pass. ``chance``: accuracy of always guessing the largest
    class, 0 to 1 (None if not a classifier). ``note``: a sentence on an extractor that was passed over for this one, or empty.
    """

    label: str
    id: str
    accuracy: float | None
    network: nn.Module
    device: torch.device
    batch: int
    chance: float | None = None
    note: str = ""

    @property
    def is_at_chance(self) -> bool:
        """Whether this is a classifier hardly better than chance; distances between its features mean little."""
        return lines.is_at_chance(self.accuracy, self.chance)

    @property
    def tells_classes(self) -> bool:
        """Whether the logits tell the data set's own classes apart: only for its classifier, from an accuracy of one half.

        A worse classifier would report classes as missing or too frequent by mistake. Inception predicts ImageNet classes.
        """
        return self.accuracy is not None and self.accuracy >= lines.TRUSTED

    def extract(self, batches: Iterable[Tensor], advance: Callable[[int], None] = lambda images: None) -> Features:
        """Return the features of all batches in order; ``advance`` is called with the number of images after each batch."""
        features, logits = [], []
        for pixels in batches:
            with torch.inference_mode():
                found = self.network(pixels.to(self.device))
            features.append(found[0].float().cpu())
            logits.append(found[1].float().cpu())
            advance(len(pixels))
        return Features(torch.cat(features), torch.cat(logits))
