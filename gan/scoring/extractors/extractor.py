"""A feature extractor: a network that turns pixels into features and logits in one pass, and what scores say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan.judging import lines


class Features(NamedTuple):
    """What a network saw in N images: ``features`` [N, D] for FID and ``logits`` [N, K] for IS, float32 on the CPU."""

    features: Tensor
    logits: Tensor


@dataclass(frozen=True)
class Extractor:
    """A network in evaluation mode: uint8 pixels [N, C, H, W] → features [N, D] and logits [N, K].

    ``label`` is for people, ``id`` changes with the weights, ``accuracy`` is a share of held-out images from 0 to 1 (None
    where there is none), ``batch`` is how many images to pass at once.
    """

    label: str
    id: str
    accuracy: float | None
    network: nn.Module
    device: torch.device
    batch: int

    @property
    def tells_classes(self) -> bool:
        """Whether the logits tell the data set's own classes: its classifier does that recognises half of held-out images.

        What one is mistaken in more often than not would be missing or too many without being so; Inception's are ImageNet's.
        """
        return self.accuracy is not None and self.accuracy >= lines.TRUSTED

    def extract(self, batches: Iterable[Tensor], advance: Callable[[int], None] = lambda images: None) -> Features:
        """Return the features of all batches in order; ``advance`` hears the number of images after each batch."""
        features, logits = [], []
        for pixels in batches:
            with torch.inference_mode():
                found = self.network(pixels.to(self.device))
            features.append(found[0].float().cpu())
            logits.append(found[1].float().cpu())
            advance(len(pixels))
        return Features(torch.cat(features), torch.cat(logits))
