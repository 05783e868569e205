"""Configurations and checkpoints of older runs (schema version 1), read by the current version."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from gan import config as configs
from gan.config import RunConfig
from gan.errors import InputError
from gan.training import assembly, state
from gan.training.game import Game, Turn
from tests.helpers import is_sentence, tiny

#: Configurations as version 1 wrote them.
MLP: dict[str, Any] = {
    "schema_version": 1,
    "preset": "digits-mlp",
    "data": {"name": "digits", "size": 32},
    "networks": {"family": "mlp", "latent": 64, "hidden": 256, "batch_norm": True},
    "objective": {"loss": "non-saturating"},
    "optimizer": {
        "batch_size": 64,
        "generator_lr": 2e-4,
        "discriminator_lr": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "ema_decay": 0.99,
    },
    "training": {"length": "200 epochs", "seed": 3, "device": "auto", "precision": "fp32", "threads": 1},
    "cadence": {"log_every": "20 steps", "sample_every": "5 epochs", "score_every": "0 epochs", "checkpoint_every": "20 epochs"},
}
DCGAN: dict[str, Any] = {
    **MLP,
    "preset": "digits-dcgan",
    "networks": {"family": "dcgan", "latent": 100, "width": 32, "depth": 3},
    "optimizer": {**MLP["optimizer"], "generator_lr": 4e-4, "ema_decay": 0.999},
}
BOTH = pytest.mark.parametrize("old", [MLP, DCGAN], ids=["mlp", "dcgan"])


def upgraded(old: dict[str, Any], **changes: Any) -> RunConfig:
    """Return a stored version 1 configuration, with changes to its optimiser, upgraded to the current version."""
    return configs.parse({**old, "optimizer": {**old["optimizer"], **changes}}, stored=True)


def refusal(raw: Any) -> str:
    """Return the error sentence that refuses a stored configuration."""
    with pytest.raises(InputError) as caught:
        configs.parse(raw, stored=True)
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


@BOTH
def test_settings_with_unchanged_names_keep_their_values(old: dict[str, Any]) -> None:
    found = configs.flatten(upgraded(old))
    for section in ("data", "networks", "objective", "optimizer", "training", "cadence"):
        for key, value in old[section].items():
            if key not in ("batch_norm", "ema_decay"):
                assert found[f"{section}.{key}"] == value, key


@BOTH
def test_new_settings_change_nothing_for_an_old_run(old: dict[str, Any]) -> None:
    config = upgraded(old)
    assert config.schema_version == configs.SCHEMA_VERSION
    assert config.preset == old["preset"]
    assert (config.networks.conditional, config.networks.minibatch, config.networks.packing) == (False, "none", 1)
    assert not any(value for key, value in config.objective.model_dump().items() if key != "loss")
    assert config.augmentation.policies == ()
    assert config.augmentation.instance_noise == 0
    optimizer = config.optimizer
    assert (optimizer.algorithm, optimizer.discriminator_steps) == ("adam", 1)
    assert (optimizer.lr_decay, optimizer.gradient_clip) == ("none", 0)
    assert config.training.compile is False


@pytest.mark.parametrize(("had_it", "norm"), [(True, "batch"), (False, "none")])
def test_batch_norm_of_an_mlp_was_in_its_generator(had_it: bool, norm: str) -> None:
    config = configs.parse({**MLP, "networks": {**MLP["networks"], "batch_norm": had_it}}, stored=True)
    assert config.networks.family == "mlp"
    assert config.networks.generator_norm == norm
    assert config.networks.discriminator_norm == "none"
    assert (config.networks.depth, config.networks.hidden, config.networks.latent) == (2, 256, 64)


def test_dcgan_had_batch_norm_in_both_networks() -> None:
    networks = upgraded(DCGAN).networks
    assert networks.family == "dcgan"
    assert (networks.generator_norm, networks.discriminator_norm) == ("batch", "batch")
    assert (networks.kernel, networks.extra_layers, networks.generator_dropout, networks.discriminator_dropout) == (4, 0, 0, 0)


@given(st.floats(0.5, 0.9999), st.integers(2, 512))
def test_decay_comes_back_from_the_half_life(decay: float, batch: int) -> None:
    optimizer = upgraded(MLP, ema_decay=decay, batch_size=batch).optimizer
    # The half-life is rounded to a whole number of images, which matters most if it is short.
    assert optimizer.ema_decay == pytest.approx(decay, abs=1e-3 if optimizer.ema_half_life > 300 else 0.08)


@pytest.mark.parametrize("decay", [0.9, 0.99, 0.995, 0.999, 0.9999])
def test_usual_decays_come_back(decay: float) -> None:
    for batch in (16, 64, 100, 128):
        assert upgraded(MLP, ema_decay=decay, batch_size=batch).optimizer.ema_decay == pytest.approx(decay, abs=1e-3)
    assert upgraded(MLP, ema_decay=0.99).optimizer.ema_half_life == 4414  # 64 · ln ½ / ln 0.99


def test_configuration_without_an_average_still_has_none() -> None:
    assert upgraded(MLP, ema_decay=0).optimizer.ema_half_life == 0
    assert upgraded(MLP, ema_decay=0.0).optimizer.ema_decay == 0


@pytest.mark.parametrize("decay", [1e-300, 1e-9, 1 - 1e-9, 1 - 2**-53])
def test_extreme_decays_still_give_an_average(decay: float) -> None:
    for batch in (2, 1797):
        optimizer = upgraded(MLP, ema_decay=decay, batch_size=batch).optimizer
        assert optimizer.ema_half_life >= 1
        assert decay < 0.5 or optimizer.ema_decay == pytest.approx(decay, abs=1e-3)


def test_decay_without_a_batch_size_uses_the_default_batch() -> None:
    raw = {"schema_version": 1, "optimizer": {"ema_decay": 0.99}}
    assert configs.parse(raw, stored=True).optimizer.ema_decay == pytest.approx(0.99, abs=1e-3)


def test_upgraded_configuration_is_a_current_one() -> None:
    for old in (MLP, DCGAN):
        before = copy.deepcopy(old)
        config = upgraded(old)
        assert old == before, "upgrading must not change its input"
        assert configs.parse(json.loads(config.model_dump_json()), stored=True) == config


def test_old_run_with_a_removed_data_set_can_still_be_read() -> None:
    assert configs.parse({**MLP, "data": {"name": "long-gone"}}, stored=True).data.name == "long-gone"


def test_old_settings_are_unknown_in_a_current_configuration() -> None:
    raw = {"networks": MLP["networks"]}
    assert "batch_norm" in refusal(raw)
    assert "ema_decay" in refusal({"schema_version": 2, "optimizer": {"ema_decay": 0.99}})


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("optimizer", "ema_decay", 1.0),
        ("optimizer", "ema_decay", 1.5),
        ("optimizer", "ema_decay", -0.1),
        ("optimizer", "ema_decay", "much"),
        ("optimizer", "ema_decay", None),
        ("optimizer", "ema_decay", float("nan")),
        ("optimizer", "ema_decay", []),
        ("optimizer", "batch_size", "64 images"),
        ("optimizer", "batch_size", 0),
        ("optimizer", "batch_size", -64),
        pytest.param("optimizer", "batch_size", 10**400, id="batch_size-huge"),
        ("optimizer", "batch_size", None),
        ("networks", "hidden", 4),
        ("networks", "batch_normal", True),
        ("networks", "batch_norm", "no"),
        ("networks", "batch_norm", 2),
        ("networks", "batch_norm", None),
        ("networks", "batch_norm", []),
        ("networks", "family", "unet"),
    ],
)
def test_bad_old_value_is_refused_in_one_sentence(section: str, key: str, value: Any) -> None:
    assert section in refusal({**MLP, section: {**MLP[section], key: value}})


@pytest.mark.parametrize("section", ["networks", "optimizer"])
@pytest.mark.parametrize("value", [None, 5, "text", [], [1]])
def test_old_section_that_is_not_an_object_is_refused_in_one_sentence(section: str, value: Any) -> None:
    assert section in refusal({**MLP, section: value})


@pytest.mark.parametrize("version", [0, -1, 1.5, "1", None, [], 4])
def test_version_that_never_existed_is_refused(version: Any) -> None:
    assert "schema" in refusal({**MLP, "schema_version": version})


@given(st.floats() | st.integers() | st.text(max_size=5) | st.none(), st.integers() | st.floats() | st.booleans() | st.none())
def test_any_old_values_are_read_or_refused_in_one_sentence(decay: Any, batch: Any) -> None:
    raw = {**MLP, "optimizer": {"ema_decay": decay, "batch_size": batch}}
    try:
        config = configs.parse(raw, stored=True)
    except InputError as error:
        assert is_sentence(str(error)), str(error)
    else:
        assert 0 <= config.optimizer.ema_decay < 1


# Old checkpoints


class OldDiscriminator(nn.Module):
    """The discriminator of version 1: one list of layers, the last of which gives the logit."""

    def __init__(self, family: str) -> None:
        super().__init__()
        leak = nn.LeakyReLU(0.2)
        if family == "mlp":
            layers = [nn.Flatten(), nn.Linear(256, 16), leak, nn.Linear(16, 16), leak, nn.Linear(16, 1)]
        else:
            layers = [
                nn.Conv2d(1, 4, 4, stride=2, padding=1),
                leak,
                nn.Conv2d(4, 8, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(8),
                leak,
                nn.Conv2d(8, 1, 4),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images).flatten()
        return logits


def new_game(family: str, seed: int) -> Game:
    """Return a freshly initialised tiny game."""
    torch.manual_seed(seed)
    return assembly.build_game(tiny(family=family), torch.device("cpu"), "fp32")


@pytest.mark.parametrize("family", ["mlp", "dcgan"])
def test_old_checkpoint_continues_as_the_same_network(family: str) -> None:
    source = torch.Generator().manual_seed(0)
    reals, z = torch.rand(8, 1, 16, 16, generator=source) * 2 - 1, torch.randn(8, 8, generator=source)
    torch.manual_seed(3)
    old = OldDiscriminator(family)
    adam = torch.optim.Adam(old.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for _ in range(2):
        adam.zero_grad()
        old(reals).square().mean().backward()
        adam.step()

    # A current checkpoint with the old discriminator and its moments.
    game = new_game(family, seed=1)
    game.step([Turn(reals, z)])
    tensors, facts = state.pack(game)
    tensors = {name: value for name, value in tensors.items() if not name.startswith("discriminator")}
    tensors |= {f"discriminator/{name}": value for name, value in old.state_dict().items()}
    for index, values in adam.state_dict()["state"].items():
        tensors |= {f"discriminator_optimizer/{index}/{name}": value for name, value in values.items()}
    tensors = {name: value.detach().clone().contiguous() for name, value in tensors.items()}

    resumed = new_game(family, seed=2)
    state.unpack(resumed, tensors, facts)
    for is_training in (True, False):
        old.train(is_training)
        resumed.discriminator.train(is_training)
        assert torch.allclose(resumed.discriminator(reals), old(reals), atol=1e-6)

    # The next step must be the same for both, which requires the moments of all weights.
    lr = facts["optimizers"]["discriminator_optimizer"][0]["lr"]
    for player, optimizer in ((old, adam), (resumed.discriminator, resumed.discriminator_optimizer)):
        player.train()
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        player(reals).square().mean().backward()
        optimizer.step()
    for one, other in zip(old.parameters(), resumed.discriminator.parameters(), strict=True):
        assert torch.allclose(one.flatten(), other.flatten(), atol=lr / 100)
