"""Pack a game into tensors and facts, and restore it, also from checkpoints of schema version 1."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gan.training.game import Game


def pack(game: Game) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return all tensors of a game by name, and the other facts needed to restore it exactly."""
    tensors: dict[str, Tensor] = {}
    for name, network in _networks(game).items():
        tensors |= {f"{name}/{key}": value for key, value in network.state_dict().items()}
    facts: dict[str, Any] = {"optimizers": {}, "scaler": game.scaler.state_dict()}
    for name, optimizer in _optimizers(game).items():
        state = optimizer.state_dict()
        facts["optimizers"][name] = state["param_groups"]
        for index, values in state["state"].items():
            tensors |= {f"{name}/{index}/{key}": value for key, value in values.items() if value is not None}
    return tensors, facts


def unpack(game: Game, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Restore the state that :func:`pack` returned."""

    tensors = _renamed(tensors)

    def under(prefix: str) -> dict[str, Tensor]:
        return {key.removeprefix(f"{prefix}/"): value for key, value in tensors.items() if key.startswith(f"{prefix}/")}

    for name, network in _networks(game).items():
        if name == "average" and not under(name):  # networks that came from elsewhere: the average begins with them
            network.get_submodule("module").load_state_dict(under("generator"))
            continue
        network.load_state_dict(under(name))
    for name, optimizer in _optimizers(game).items():
        state: dict[int, dict[str, Tensor]] = {}
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for key, value in under(name).items():
            index, _, kind = key.partition("/")
            # Give moments the memory layout of their weight (channels last), which the file does not store.
            like = weights[int(index)]
            is_moment = value.dim() and value.numel() == like.numel()
            state.setdefault(int(index), {})[kind] = torch.empty_like(like).copy_(value.view(like.shape)) if is_moment else value
        groups = optimizer.state_dict()["param_groups"]  # not the saved ones: a fork may have other learning rates
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    if facts["scaler"]:
        game.scaler.load_state_dict(facts["scaler"])


def _renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors from schema version 1, whose discriminator was a single list of layers, to version 2."""
    old = "discriminator/layers."
    numbers = [int(name.removeprefix(old).partition(".")[0]) for name in tensors if name.startswith(old)]
    if not numbers:
        return tensors
    head = f"{old}{max(numbers)}."
    renamed = {}
    for name, value in tensors.items():
        if name.startswith(head):  # a convolution over the whole input in version 1, a linear layer now
            renamed[name.replace(head, "discriminator/head.")] = value.flatten(1) if value.dim() > 1 else value
        else:
            renamed[name.replace(old, "discriminator/body.")] = value
    return renamed


def _networks(game: Game) -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {"generator": game.generator, "discriminator": game.discriminator}
    return found | ({"average": game.average} if game.average is not None else {})


def _optimizers(game: Game) -> dict[str, torch.optim.Optimizer]:
    return {"generator_optimizer": game.generator_optimizer, "discriminator_optimizer": game.discriminator_optimizer}
