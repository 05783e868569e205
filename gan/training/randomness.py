"""The random states of a training, which each of its processes has for itself, as tensors of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gan.training.team import Team


def collect(team: Team, device: torch.device) -> dict[str, Tensor]:
    """Return the random states of all processes by name; on others than process 0 nothing. All processes have to call this."""
    states = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return {_name(kind, rank): one for kind, state in states.items() for rank, one in enumerate(team.gather(state))}


def restore(tensors: Mapping[str, Tensor], device: torch.device, rank: int = 0) -> None:
    """Restore the random states of the process with this ``rank``."""
    torch.set_rng_state(tensors[_name("torch", rank)])
    if device.type == "cuda" and _name("cuda", rank) in tensors:
        torch.cuda.set_rng_state(tensors[_name("cuda", rank)], device)


def begin(seed: int, rank: int) -> None:
    """Give a process other than the first a random state of its own; the networks are the same everywhere and drawn before."""
    torch.manual_seed(seed * 1_000_003 + 7919 * rank)


def _name(kind: str, rank: int) -> str:
    return f"random/{kind}" if rank == 0 else f"random/{rank}/{kind}"
