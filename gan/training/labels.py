"""Which classes to ask a class-conditional generator for."""

from __future__ import annotations

import torch
from torch import Tensor

from gan.config import RunConfig
from gan.errors import InputError, nearest, shown
from gan.training import pictures


def in_columns(config: RunConfig, count: int) -> Tensor | None:
    """Return labels int64 [count] for a sample grid with one class a column, of those trained on; None if not conditional."""
    if not config.classes:
        return None
    chosen = _trained_on(config)
    return torch.tensor([chosen[place % pictures.GRID % len(chosen)] for place in range(count)])


def at_random(config: RunConfig, count: int, source: torch.Generator) -> Tensor | None:
    """Return labels int64 [count], as often as each class is in the data; None if not conditional."""
    if not config.classes:
        return None
    chosen = _trained_on(config)
    shares = torch.tensor([config.data.entry.counts[index] for index in chosen], dtype=torch.float64)
    return torch.tensor(chosen)[torch.multinomial(shares, count, replacement=True, generator=source)]


def of(config: RunConfig, name: str, count: int) -> Tensor:
    """Return ``count`` labels of the class called ``name``. Raises InputError when the generator does not know it."""
    entry = config.data.entry
    if not config.classes:
        raise InputError("This generator was not told classes; train one with networks.conditional=true to ask for a class.")
    known = [entry.classes[index] for index in _trained_on(config)]
    if name not in known:
        raise InputError(f"The generator knows no class “{shown(name)}”; " + nearest(name, known))
    return torch.full((count,), entry.classes.index(name))


def _trained_on(config: RunConfig) -> list[int]:
    """Return the classes that the run trains on, as indices of all."""
    return [index for index, name in enumerate(config.data.entry.classes) if not config.data.classes or name in config.data.classes]
