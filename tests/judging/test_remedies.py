"""Remedies: each can be launched as a fork of every preset and of every valid combination of settings."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gan import config as configs
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig, presets
from gan.config.families import FAMILIES
from gan.errors import InputError
from gan.judging import remedies
from gan.runs import forks
from tests.helpers import is_sentence, tiny

_NORMS: dict[str, tuple[str, ...]] = {"dcgan": ("batch", "spectral"), "mlp": ("batch", "none"), "resnet": ("spectral", "none")}


def combinations() -> dict[str, RunConfig]:
    """Return the presets, and all valid combinations of families × losses × norms × classes × data."""
    found = {name: preset.config for name, preset in presets.PRESETS.items()}
    for family, loss, conditional, data in itertools.product(FAMILIES, LOSSES, (False, True), ("digits", "ring")):
        for norm in _NORMS.get(family, ("",)):
            changes: dict[str, Any] = {
                "networks.family": family,
                "objective.loss": loss,
                "networks.conditional": conditional,
                "data.name": data,
            }
            changes |= {"networks.discriminator_norm": norm} if norm else {}
            try:
                found["-".join(map(str, (*changes.values(),)))] = configs.replace(RunConfig(), changes)
            except InputError:
                continue
    return found


@pytest.fixture(scope="module")
def configurations() -> dict[str, RunConfig]:
    return combinations()


@pytest.mark.parametrize("name", list(remedies.REMEDIES))
def test_remedy_can_be_launched_as_a_fork_of_any_run(name: str, configurations: dict[str, RunConfig]) -> None:
    for case, config in configurations.items():
        for remedy in remedies.REMEDIES[name]:
            assert is_sentence(remedy.sentence)
            changes = remedies.adapted(remedy.changes(config), config)
            assert changes.keys() <= forks.plan(config, changes).changes.keys(), case  # no change is already in effect


def test_every_verdict_has_a_remedy_with_changes() -> None:
    config = tiny()
    assert {name for name in remedies.REMEDIES if not remedies.prescribe(name, config)[1]} == {"on-the-way"}, "just go on"


def test_remedy_addresses_the_cause_that_the_settings_show() -> None:
    hasty = tiny({"optimizer.generator_lr": 0.05, "optimizer.discriminator_lr": 0.05})
    assert remedies.prescribe("imprecise", hasty)[1] == {"optimizer.generator_lr": 2e-4, "optimizer.discriminator_lr": 2e-4}
    narrow = tiny({"networks.latent": 2})
    for name in ("collapse", "duplicates", "partial-collapse"):
        assert remedies.prescribe(name, narrow)[1] == {"networks.latent": 64}
    uneven = tiny({"objective.loss": "relativistic", "optimizer.generator_lr": 1e-4, "optimizer.discriminator_lr": 1e-2})
    assert remedies.prescribe("collapse", uneven)[1] == {"optimizer.discriminator_lr": 1e-4}
    assert (
        "optimizer.generator_lr"
        not in remedies.prescribe("imprecise", tiny({"optimizer.algorithm": "sgd", "optimizer.generator_lr": 0.05}))[1]
    )
    assert remedies.prescribe("missing-modes", presets.find("ring-mlp").config)[1].get("networks.latent") is None


def test_penalty_removes_batch_norm_from_the_discriminator() -> None:
    assert remedies.adapted({"objective.r1": 1.0}, tiny()) == {"objective.r1": 1.0, "networks.discriminator_norm": "none"}
    assert remedies.adapted({"objective.r1": 1.0}, tiny(family="mlp")) == {"objective.r1": 1.0}


def test_labels_are_smoothed_only_if_outputs_are_probabilities() -> None:
    smoothed = tiny({"objective.label_smoothing": 0.1})
    assert remedies.adapted({"objective.label_smoothing": 0.2}, tiny({"objective.loss": "hinge"})) == {}
    assert remedies.adapted({"objective.loss": "relativistic"}, smoothed) == {
        "objective.loss": "relativistic",
        "objective.label_smoothing": 0.0,
    }


def test_changes_unknown_to_data_or_networks_are_left_out() -> None:
    points = presets.find("ring-mlp").config
    assert remedies.adapted({"augmentation.policies": ["cutout"], "networks.kernel": 4}, points) == {}
    rooms = configs.replace(RunConfig(), {"data.name": "bedrooms"})
    assert not rooms.data.entry.classes
    assert remedies.adapted({"networks.conditional": True}, rooms) == {}


def test_run_whose_data_set_is_gone_cannot_be_forked() -> None:
    gone = configs.parse({"data": {"name": "removed"}}, stored=True)
    assert remedies.adapted({"optimizer.beta1": 0.0}, gone) == {}


def test_second_remedy_is_given_if_the_first_is_in_effect() -> None:
    name = "collapse"
    first, changes = remedies.prescribe(name, tiny())
    second, others = remedies.prescribe(name, configs.replace(tiny(), changes))
    assert first != second
    assert others == {"optimizer.generator_lr": 2e-4, "optimizer.discriminator_lr": 5e-5}


def test_without_a_configuration_a_remedy_has_no_changes() -> None:
    for name in remedies.REMEDIES:
        sentence, changes = remedies.prescribe(name, None)
        assert is_sentence(sentence) and not changes
