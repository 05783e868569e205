"""Choose the classes that a class-conditional generator draws."""

from __future__ import annotations

import torch
from torch import Tensor

from gan.config import RunConfig
from gan.errors import InputError, nearest, shown


def in_columns(config: RunConfig, count: int) -> Tensor | None:
    """Return labels int64 [count] for a sample grid, one class per column (``config.columns``); None if not conditional."""
    if not config.classes:
        return None
    row = _indices(config, config.columns)
    return row.repeat(-(-count // len(row)))[:count]


def at_random(config: RunConfig, count: int, source: torch.Generator) -> Tensor | None:
    """Return random labels int64 [count], with the class frequencies of the data; None if not class-conditional."""
    if not config.classes:
        return None
    chosen = _indices(config, config.told)
    shares = torch.tensor(config.data.entry.counts, dtype=torch.float64)[chosen]
    return chosen[torch.multinomial(shares, count, replacement=True, generator=source)]


def of(config: RunConfig, name: str, count: int) -> Tensor:
    """Return ``count`` labels of the class called ``name``. Raises InputError if the generator does not have it."""
    if not config.classes:
        raise InputError("This generator is not class-conditional; train one with networks.conditional=true to choose a class.")
    if name not in config.told:
        raise InputError(f"The generator has no class “{shown(name)}”; " + nearest(name, config.told))
    return _indices(config, (name,)).repeat(count)


def _indices(config: RunConfig, names: tuple[str, ...]) -> Tensor:
    """Return the labels int64 [n] of the named classes."""
    return torch.tensor([config.data.entry.classes.index(name) for name in names])
