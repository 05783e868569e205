"""Which classes to ask a class-conditional generator for."""

from __future__ import annotations

import torch
from torch import Tensor

from gan.config import RunConfig
from gan.errors import InputError, nearest, shown


def in_columns(config: RunConfig, count: int) -> Tensor | None:
    """Return labels int64 [count] for a sample grid with one class a column, those of ``config.columns``; None if not told."""
    if not config.classes:
        return None
    row = _indices(config, config.columns)
    return row.repeat(-(-count // len(row)))[:count]


def at_random(config: RunConfig, count: int, source: torch.Generator) -> Tensor | None:
    """Return labels int64 [count], as often as each class is in the data; None if not conditional."""
    if not config.classes:
        return None
    chosen = _indices(config, config.told)
    shares = torch.tensor(config.data.entry.counts, dtype=torch.float64)[chosen]
    return chosen[torch.multinomial(shares, count, replacement=True, generator=source)]


def of(config: RunConfig, name: str, count: int) -> Tensor:
    """Return ``count`` labels of the class called ``name``. Raises InputError when the generator does not know it."""
    if not config.classes:
        raise InputError("This generator was not told classes; train one with networks.conditional=true to ask for a class.")
    if name not in config.told:
        raise InputError(f"The generator knows no class “{shown(name)}”; " + nearest(name, config.told))
    return _indices(config, (name,)).repeat(count)


def _indices(config: RunConfig, names: tuple[str, ...]) -> Tensor:
    """Return the labels, int64 [n], of classes."""
    return torch.tensor([config.data.entry.classes.index(name) for name in names])
