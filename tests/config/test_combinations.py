"""Every network family, loss, penalty and option trains, and resumes exactly where it stopped.

Families and losses are taken from the program (a new family also needs an entry in ``SMALL``); add a new option to ``OPTIONS``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gan import config as configs
from gan.config import RunConfig
from gan.config.families import FAMILIES
from gan.config.fields import Section
from gan.config.sections import AugmentationConfig, ObjectiveConfig, OptimizerConfig
from gan.objective.losses import LOSSES
from gan.training import assembly, checkpoints, sampling, state
from gan.training.game import Game, Outcome, Turn
from tests.helpers import tiny

CPU = torch.device("cpu")
BATCH, STEPS, SAVED_AT = 8, 5, 3

Changes = dict[str, Any]

#: Settings that make the networks of a family as small as possible and allow any penalty.
SMALL: dict[str, Changes] = {
    "dcgan": {"networks.width": 4, "networks.depth": 2, "networks.discriminator_norm": "none"},
    "mlp": {"networks.hidden": 16},
    "keras-dcgan": {"networks.width": 4},
    "resnet": {"networks.width": 4},
    "modern": {"networks.width": 16},
}
PENALTIES: dict[str, Changes] = {
    "no penalty": {},
    "r1 and r2": {"objective.r1": 1, "objective.r2": 1},
    "gradient penalty": {"objective.gradient_penalty": 10},
    "dragan": {"objective.dragan": 10},
}
#: Losses that a constant added to the discriminator's output does not change here: the two parts of its gradient cancel.
HEIGHTLESS = ("hinge", "wasserstein", "relativistic")
#: The loss with which every family is tried with every penalty; the quickest family tries them with every loss.
SMOOTH = "non-saturating"
CLIPPED = {"objective.weight_clip": 0.05}
OPTIONS: dict[str, Changes] = {
    "rmsprop": {"optimizer.algorithm": "rmsprop"},
    "rmsprop without momentum": {"optimizer.algorithm": "rmsprop", "optimizer.beta1": 0},
    "keras-adam": {"optimizer.algorithm": "keras-adam"},
    "simultaneous": {"optimizer.updates": "simultaneous"},
    "sgd": {"optimizer.algorithm": "sgd", "optimizer.generator_lr": 0.1, "optimizer.discriminator_lr": 0.01},
    "sgd without momentum": {"optimizer.algorithm": "sgd", "optimizer.beta1": 0, "optimizer.generator_lr": 0.1},
    "linear decay": {"optimizer.lr_decay": "linear"},
    "cosine decay": {"optimizer.lr_decay": "cosine"},
    "gradient clipping": {"optimizer.gradient_clip": 0.1},
    "two turns": {"optimizer.discriminator_steps": 2},
    "no average": {"optimizer.ema_half_life": 0},
    "label smoothing": {"objective.label_smoothing": 0.1},
    "policies": {"augmentation.policies": ["colour", "translation", "cutout"]},
    "noise": {"augmentation.instance_noise": 0.1, "augmentation.noise_fade": 0.9},
    "classes": {"networks.conditional": True},
    "packing": {"networks.packing": 2},
    "discrimination": {"networks.minibatch": "discrimination"},
    "deviation": {"networks.minibatch": "deviation"},
    "bf16": {"training.precision": "bf16"},
    "all of them": {
        "networks.conditional": True,
        "networks.packing": 2,
        "networks.minibatch": "deviation",
        "training.precision": "bf16",
        "objective.loss": "relativistic",
        "objective.r1": 0.1,
        "objective.r2": 0.1,
        "objective.gradient_penalty": 1,
        "objective.dragan": 1,
        "augmentation.policies": ["colour", "translation", "cutout"],
        "augmentation.instance_noise": 0.1,
        "optimizer.discriminator_steps": 2,
        "optimizer.lr_decay": "cosine",
        "optimizer.gradient_clip": 1,
    },
}
#: Options that only some families have: every norm, and others.
OWN: list[tuple[str, Changes]] = [
    *(
        (family, {f"networks.{player}_norm": norm})
        for family, model in FAMILIES.items()
        for player in ("generator", "discriminator")
        if f"{player}_norm" in model.model_fields
        for norm in model.model_fields[f"{player}_norm"].annotation.__args__
    ),  # type: ignore[union-attr]
    *((family, {"networks.generator_dropout": 0.3, "networks.discriminator_dropout": 0.3}) for family in ("dcgan", "mlp")),
    ("dcgan", {"networks.extra_layers": 1, "networks.kernel": 3}),
    ("dcgan", {"networks.kernel": 5}),
    ("dcgan", {"networks.discriminator_norm": "spectral", **CLIPPED}),
    ("keras-dcgan", {"networks.extra_layers": 3}),
    ("keras-dcgan", {"networks.conventions": "torch"}),
    ("mlp", {"networks.depth": 1}),
    ("modern", {"networks.blocks": 2}),
    ("mlp", {"networks.discriminator_norm": "spectral", "objective.gradient_penalty": 10, "networks.conditional": True}),
]
CASES = [
    *(
        pytest.param(family, {"objective.loss": loss, **penalty}, id=f"{family}-{loss}-{name}")
        for family in FAMILIES
        for loss in LOSSES
        for name, penalty in (PENALTIES | ({"clipping": CLIPPED} if loss == "wasserstein" else {})).items()
        if not penalty or loss == SMOOTH or family == "mlp" or name == "clipping"
    ),
    *(pytest.param(family, changes, id=f"{family}-{name}") for family in FAMILIES for name, changes in OPTIONS.items()),
    *(
        pytest.param(family, changes, id=f"{family}-" + ",".join(f"{k.split('.')[1]}={v}" for k, v in changes.items()))
        for family, changes in OWN
    ),
]


pytestmark = pytest.mark.usefixtures("one_thread")


def configured(family: str, changes: Changes) -> RunConfig:
    """Return a tiny configuration of a family with changes."""
    start = {"networks.family": family, "networks.latent": 8, **SMALL[family], "optimizer.batch_size": BATCH}
    return configs.replace(tiny(), {**start, "training.length": f"{STEPS} steps", **changes})


def new_game(config: RunConfig, seed: int) -> Game:
    """Return a freshly initialised game."""
    torch.manual_seed(seed)
    return assembly.build_game(config, CPU, config.training.precision)


def turns_of(config: RunConfig, step: int) -> list[Turn]:
    """Return the turns of a step, which depend on the step alone; the real images are noise."""
    source = torch.Generator().manual_seed(step)
    turns = []
    for _ in range(config.optimizer.discriminator_steps):
        reals = torch.rand(BATCH, *config.data.shape, generator=source).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
        z = torch.randn(BATCH, config.networks.latent, generator=source)
        told = torch.randint(config.classes, (BATCH,), generator=source) if config.classes else None
        turns.append(Turn(reals, z, told))
    return turns


def play(game: Game, config: RunConfig, begin: int, end: int) -> list[Outcome]:
    """Play the steps from ``begin`` up to ``end`` as the loop does."""
    pace = assembly.Pace(config)
    outcomes = []
    for step in range(begin, end):
        noise = pace.keep(game, step / STEPS)
        outcomes.append(game.step(turns_of(config, step), noise=noise, wants_norms=True))
    return outcomes


def packed(game: Game) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return a copy of everything that a checkpoint would hold."""
    tensors, facts = state.pack(game)
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}, facts


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Assert that two games are equal bit by bit."""
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), f"{name} differs"


def test_every_setting_that_affects_a_step_is_covered() -> None:
    assert SMALL.keys() == FAMILIES.keys()
    groups: dict[str, list[type[Section]]] = {
        "objective": [ObjectiveConfig],
        "augmentation": [AugmentationConfig],
        "optimizer": [OptimizerConfig],
    }
    groups["networks"] = list(FAMILIES.values())
    there = {f"{section}.{key}" for section, models in groups.items() for model in models for key in model.model_fields}
    tried = {key for case in CASES for key in case.values[1]}  # type: ignore[union-attr]
    sizes = {f"networks.{key}" for key in ("family", "latent", "hidden", "width")}
    always = {f"optimizer.{key}" for key in ("batch_size", "beta2")}
    assert there - tried == sizes | always


@pytest.mark.parametrize(("family", "changes"), CASES)
def test_training_resumes_exactly_where_it_stopped(family: str, changes: Changes) -> None:
    config = configured(family, changes)
    game = new_game(config, seed=0)
    players = {"generator": game.generator, "discriminator": game.discriminator}
    start = {name: {key: weight.detach().clone() for key, weight in player.named_parameters()} for name, player in players.items()}

    # Play, and keep what a checkpoint would hold after SAVED_AT steps.
    outcomes = play(game, config, 0, SAVED_AT)
    (tensors, facts), random = packed(game), torch.get_rng_state()
    outcomes += play(game, config, SAVED_AT, STEPS)

    # All values are finite, all weights have changed, and all can still learn.
    for outcome in outcomes:
        for name, value in vars(outcome).items():
            if name == "penalty" and value is None:
                assert not game.penalties
                continue
            assert value.shape == (), name
            assert value.dtype == torch.float32, name
            assert torch.isfinite(value), name
    for name, player in players.items():
        for key, weight in player.named_parameters():
            assert torch.isfinite(weight).all(), f"{name}.{key}"
            assert weight.requires_grad, f"{name}.{key} can no longer learn"
            is_height = (name, key) == ("discriminator", "head.bias") and config.objective.loss in HEIGHTLESS
            assert is_height or not torch.equal(weight, start[name][key]), f"{name}.{key} did not change"
    turn = turns_of(config, 0)[0]
    for sampler in (game.generator, game.average.module if game.average is not None else game.generator):
        fakes = sampling.generate(sampler, turn.z, turn.labels, game.autocast)
        assert fakes.shape == (BATCH, *config.data.shape)
        assert fakes.abs().max() <= 1

    # Another game that resumes from that copy ends in the same state.
    resumed = new_game(config, seed=1)
    state.unpack(resumed, tensors, facts)
    torch.set_rng_state(random)
    again = play(resumed, config, SAVED_AT, STEPS)
    assert_same(packed(resumed)[0], packed(game)[0])
    assert [vars(outcome) for outcome in again] == [vars(outcome) for outcome in outcomes[SAVED_AT:]]


@pytest.mark.parametrize(
    ("family", "option"),
    [
        *((family, "all of them") for family in FAMILIES),
        *(("dcgan", option) for option in ("rmsprop", "sgd", "sgd without momentum", "discrimination")),
    ],
)
def test_training_resumes_exactly_from_a_file(tmp_path: Path, family: str, option: str) -> None:
    config = configured(family, OPTIONS[option])
    game = new_game(config, seed=0)
    play(game, config, 0, SAVED_AT)
    tensors, facts = state.pack(game)
    tensors["random/torch"] = torch.get_rng_state()
    checkpoints.save(tmp_path, SAVED_AT, tensors, facts)
    play(game, config, SAVED_AT, STEPS)

    saved = checkpoints.load(tmp_path, SAVED_AT)
    resumed = new_game(config, seed=1)
    state.unpack(resumed, saved.tensors, saved.facts)
    torch.set_rng_state(saved.tensors["random/torch"])
    play(resumed, config, SAVED_AT, STEPS)
    assert_same(packed(resumed)[0], packed(game)[0])
