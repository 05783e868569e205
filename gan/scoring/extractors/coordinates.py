"""Extractor for points in the plane: the coordinates themselves are the features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan.data.rendered.points import Modes
from gan.scoring.extractors.extractor import Extractor

LABEL = "coordinates"

_BATCH = 1024


class Coordinates(nn.Module):
    """Points float32 [N, 2] → the same points as features, and empty logits [N, 0]."""

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return points, points.new_empty(len(points), 0)


def load(device: torch.device) -> Extractor:
    """Return the extractor; no weights are needed."""
    return Extractor(LABEL, "coordinates-1", None, Coordinates().eval(), device, batch=_BATCH)


def chosen(modes: Modes | None, classes: tuple[str, ...], named: tuple[str, ...]) -> Modes | None:
    """Return only the modes of the chosen ``classes``, or all if none are chosen; ``named`` has one name per mode."""
    if modes is None or not classes:
        return modes
    return Modes(modes.centres[[named.index(name) for name in classes]], modes.sigma)
