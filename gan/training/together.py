"""What process 0 of a training tells the others, and what they do.

Before each step process 0 says what is next: the step, with its noise and learning rates, changed settings, the random states for
a checkpoint, or the end. The others only play; they neither read nor write the run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gan import config as configs
from gan import words
from gan.config import RunConfig
from gan.data import loaders
from gan.errors import InputError
from gan.training import precision, randomness
from gan.training.assembly import adjust, build_game
from gan.training.dealer import Dealer
from gan.training.failures import describe
from gan.training.game import Game, Outcome
from gan.training.state import pack, unpack
from gan.training.team import Lost, Team

log = logging.getLogger("gan")


def require_size(team: Team, run: str, config: RunConfig, facts: Mapping[str, Any]) -> None:
    """Raise InputError if a run, or the checkpoint with these ``facts`` (none: empty), asks for another number of processes."""
    asked, saved = config.training.processes, facts.get("processes", 1) if facts else team.size
    if asked != team.size:
        raise InputError(
            f"training.processes is {asked}, but {words.count(team.size, 'process')} started; use python -m gan resume {run}."
        )
    if saved != team.size:
        raise InputError(
            f"The checkpoint of step {facts['step']} holds the random states of {words.count(saved, 'process')}, but "
            f"training.processes is {asked}; set it to {saved}, or fork the run to start afresh with {asked}."
        )


def begin(team: Team, config: RunConfig, game: Game, dealer: Dealer, randoms: Mapping[str, Tensor], **machine: Any) -> None:
    """Let the other processes build the same game, in the state that it has here.

    ``randoms``: the random states of a checkpoint; empty at the beginning. ``machine``: threads, precision and use of products.
    """
    if team.size > 1:
        tensors, facts = pack(game)
        tensors |= {**randoms, "random/latents": dealer.latents.get_state()}
        team.send({"do": "begin", "config": config.model_dump(mode="json"), "facts": facts, **machine}, tensors)


def step(team: Team, game: Game, dealer: Dealer, place: int, *, noise: float, wants_norms: bool) -> Outcome:
    """Play one step with all processes, from the turn at ``place``; return the outcome for the whole batch."""
    rates = [optimizer.param_groups[0]["lr"] for optimizer in (game.generator_optimizer, game.discriminator_optimizer)]
    team.send({"do": "step", "place": place, "noise": noise, "wants_norms": wants_norms, "rates": rates})
    return _play(team, game, dealer, place, noise=noise, wants_norms=wants_norms)


def change(team: Team, config: RunConfig) -> None:
    """Let the other processes go on with changed settings."""
    team.send({"do": "change", "config": config.model_dump(mode="json")})


def random_states(team: Team, device: torch.device) -> dict[str, Tensor]:
    """Return the random states of all processes, for a checkpoint."""
    team.send({"do": "states"})
    return randomness.collect(team, device)


def follow(team: Team) -> int:
    """Play the part of this process, which is not the first, until the training ends; return 0, or 1 after an error."""
    try:
        order, tensors = team.receive()
        if order["do"] == "begin":
            _follow(team, order, tensors)
        return 0
    except Lost as error:
        log.warning("Process %d ends: %s", team.rank, error)
    except InputError as error:
        team.fail(str(error))
    except Exception as error:
        log.exception("Process %d failed", team.rank)
        team.fail(f"Process {team.rank} of {team.size}: {describe(error)}")
    return 1


def _follow(team: Team, begun: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Build the game that process 0 has, and obey its orders."""
    config = configs.parse(begun["config"])
    precision.set_up(begun["threads"])
    device = team.device(config.training.device)
    dealer = Dealer(config, loaders.load(config.data), device, team)
    torch.manual_seed(config.training.seed)
    game = build_game(config, device, begun["precision"], products=begun["products"], team=team)
    unpack(game, tensors, begun["facts"])
    dealer.latents.set_state(tensors["random/latents"])
    if "random/torch" in tensors:
        randomness.restore(tensors, device, team.rank)
    else:
        randomness.begin(config.training.seed, team.rank)
    while (order := team.receive()[0])["do"] != "end":
        if order["do"] == "step":
            for optimizer, rate in zip((game.generator_optimizer, game.discriminator_optimizer), order["rates"], strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = rate
            _play(team, game, dealer, order["place"], noise=order["noise"], wants_norms=order["wants_norms"])
        elif order["do"] == "states":
            randomness.collect(team, device)
        else:
            dealer.config = configs.parse(order["config"])
            game = adjust(game, dealer.config)


def _play(team: Team, game: Game, dealer: Dealer, place: int, *, noise: float, wants_norms: bool) -> Outcome:
    turns = dealer.turns(place)
    if team.size == 1:
        return game.step(turns, noise=noise, wants_norms=wants_norms)
    with team.playing():
        values = vars(game.step(turns, noise=noise, wants_norms=wants_norms))
        known = {name: value for name, value in values.items() if value is not None}
        means = team.sum(torch.stack([value.float() for value in known.values()])).div_(team.size)
    return Outcome(**{**values, **dict(zip(known, means, strict=True))})
