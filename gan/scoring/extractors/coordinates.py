"""Points in the plane as their own features: what images need a network for, two coordinates say themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan.data.rendered.points import Modes
from gan.scoring.extractors.extractor import Extractor

LABEL = "coordinates"

_BATCH = 1024


class Coordinates(nn.Module):
    """Points float32 [N, 2] → the same as features, and logits [N, 0], since nobody tells classes."""

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return points, points.new_empty(len(points), 0)


def load(device: torch.device) -> Extractor:
    """Return the extractor; there is nothing to load."""
    return Extractor(LABEL, "coordinates-1", None, Coordinates().eval(), device, batch=_BATCH)


def chosen(modes: Modes | None, classes: tuple[str, ...], named: tuple[str, ...]) -> Modes | None:
    """Return the modes of the chosen ``classes`` alone, of which ``named`` has one a mode; all where none are chosen."""
    if modes is None or not classes:
        return modes
    return Modes(modes.centres[[named.index(name) for name in classes]], modes.sigma)
