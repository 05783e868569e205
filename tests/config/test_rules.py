"""Rules on combinations of settings: each refusal and warning with settings that trigger it, near misses, and remedies."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from gan import config as configs
from gan import machine
from gan.catalogue import data_sets
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig, advice, presets, rules
from gan.config.families import FAMILIES
from gan.config.fields import Span
from gan.errors import InputError
from tests.helpers import is_sentence

Changes = dict[str, Any]


def changed(changes: Changes) -> RunConfig:
    """Return the default configuration with changes."""
    return configs.require_data(configs.replace(RunConfig(), changes))


def refusal(changes: Changes) -> str:
    """Return the one sentence with which changes to the default configuration are refused."""
    with pytest.raises(InputError) as caught:
        changed(changes)
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


@dataclass(frozen=True)
class Case:
    """Settings that a rule refuses or warns about, words of its sentence, remedies that it names, and settings that it allows."""

    changes: Changes
    words: tuple[str, ...]
    remedies: tuple[Changes, ...]
    allowed: tuple[Changes, ...]


NORM = "networks.discriminator_norm"
REFUSALS = {
    "too deep": Case(
        {"data.size": 16, "networks.depth": 4},
        ("networks.depth is 4", "16-pixel", "at most 3 times", "set networks.depth to 3 or less"),
        ({"networks.depth": 3}, {"data.size": 32}),
        ({"data.size": 16, "networks.depth": 3}, {"data.size": 256, "networks.depth": 6}),
    ),
    "too deep for large images": Case(
        {"data.size": 64, "networks.depth": 6},
        ("at most 5 times",),
        ({"networks.depth": 5}, {"data.size": 128}),
        ({"data.size": 64, "networks.depth": 5},),
    ),
    "too deep for 28 pixels": Case(
        {"data.size": 28, "networks.depth": 3},
        ("at most 2 times", "28-pixel"),
        ({"networks.depth": 2}, {"data.size": 32}),
        ({"data.size": 28, "networks.family": "keras-dcgan"}, {"data.size": 28, "networks.family": "mlp"}),
    ),
    "halved to 4 pixels": Case(
        {"data.size": 28, "networks.family": "resnet"},
        ("networks.family is resnet", "halved down to 4 pixels", "set data.size to 32"),
        ({"data.size": 32}, {"networks.family": "mlp"}, {"networks.family": "keras-dcgan"}),
        ({"data.size": 64, "networks.family": "modern"},),
    ),
    "batch that is not whole packs": Case(
        {"networks.packing": 3, "optimizer.batch_size": 64},
        ("networks.packing is 3", "batch of 64", "set optimizer.batch_size to 63", "networks.packing to 1"),
        ({"optimizer.batch_size": 63}, {"networks.packing": 1}),
        ({"networks.packing": 3, "optimizer.batch_size": 6}, {"networks.packing": 4}),
    ),
    "one pack only": Case(
        {"networks.packing": 4, "optimizer.batch_size": 4},
        ("two packs or more", "set optimizer.batch_size to 8"),
        ({"optimizer.batch_size": 8}, {"networks.packing": 1}, {"networks.packing": 2}),
        ({"networks.packing": 4, "optimizer.batch_size": 8}, {"networks.packing": 1, "optimizer.batch_size": 2}),
    ),
    "batch that processes cannot share": Case(
        {"training.processes": 3, "optimizer.batch_size": 64},
        ("training.processes is 3", "batch of 64", "multiple of 3", "set optimizer.batch_size to 63", "training.processes to 1"),
        ({"optimizer.batch_size": 63}, {"training.processes": 1}),
        ({"training.processes": 4, "optimizer.batch_size": 64},),
    ),
    "packs that processes would cut": Case(
        {"training.processes": 2, "optimizer.batch_size": 6, "networks.packing": 2},
        ("networks.packing 2", "multiple of 4", "set optimizer.batch_size to 4", "training.processes to 1"),
        ({"optimizer.batch_size": 4}, {"training.processes": 1}, {"networks.packing": 1}),
        ({"training.processes": 2, "optimizer.batch_size": 8, "networks.packing": 2},),
    ),
    "comparing the images of several processes": Case(
        {"training.processes": 2, "networks.minibatch": "deviation"},
        ("networks.minibatch compares", "each of 2 processes", "training.processes to 1", "networks.minibatch to none"),
        ({"training.processes": 1}, {"networks.minibatch": "none"}),
        ({"networks.minibatch": "deviation"},),
    ),
    "deviation of a batch of several processes": Case(
        {"training.processes": 2, "objective.dragan": 10, NORM: "none"},
        ("objective.dragan depends", "each of 2 processes", "training.processes to 1", "objective.dragan to 0"),
        ({"training.processes": 1}, {"objective.dragan": 0}),
        ({"training.processes": 2, "objective.r1": 1, "objective.gradient_penalty": 10, NORM: "none"},),
    ),
    "compiled networks on several processes": Case(
        {"training.processes": 2, "training.compile": True},
        ("training.compile is on", "set it to false", "training.processes to 1"),
        ({"training.processes": 1}, {"training.compile": False}),
        ({"training.compile": True},),
    ),
    "several processes on one device": Case(
        {"training.processes": 2, "training.device": "mps"},
        ("training.device is mps", "one device for 2 processes", "training.processes to 1", "training.device to cpu"),
        ({"training.processes": 1}, {"training.device": "cpu"}),
        ({"training.processes": 2, "training.device": "cuda"},),
    ),
    "smoothing without probabilities": Case(
        {"objective.label_smoothing": 0.1, "objective.loss": "hinge"},
        ("objective.label_smoothing", "objective.loss hinge", "non-saturating"),
        ({"objective.label_smoothing": 0}, {"objective.loss": "non-saturating"}),
        ({"objective.label_smoothing": 0.1, "objective.loss": "minimax"}, {"objective.loss": "hinge"}),
    ),
    "points for convolutions": Case(
        {"data.name": "ring"},
        ("networks.family is dcgan", "“ring” holds points", "set networks.family to mlp"),
        ({"networks.family": "mlp"},),
        ({"data.name": "ring", "networks.family": "mlp"},),
    ),
    "policies for points": Case(
        {"data.name": "ring", "networks.family": "mlp", "augmentation.policies": "cutout"},
        ("augmentation.policies", "“ring” holds points", "leave augmentation.policies empty"),
        ({"augmentation.policies": ""},),
        ({"data.name": "ring", "networks.family": "mlp", "augmentation.instance_noise": 0.1}, {"augmentation.policies": "cutout"}),
    ),
    "classes of a data set without classes": Case(
        {"data.name": "bedrooms", "networks.conditional": True},
        ("networks.conditional", "“bedrooms” has none", "networks.conditional to false"),
        ({"networks.conditional": False}, {"data.name": "digits"}),
        ({"data.name": "moons", "networks.family": "mlp", "networks.conditional": True},),
    ),
    "batch larger than the subset": Case(
        {"optimizer.batch_size": 64, "data.subset": 63},
        ("optimizer.batch_size is 64", "only 63 images", "“digits”"),
        ({"optimizer.batch_size": 63}, {"data.subset": 64}, {"data.subset": 0}),
        ({"optimizer.batch_size": 64, "data.subset": 64}, {"optimizer.batch_size": 1797}),
    ),
    "batch larger than the class": Case(
        {"optimizer.batch_size": 200, "data.classes": ["3"]},
        ("only 183 images",),
        ({"data.classes": ["3", "4"]},),
        ({"optimizer.batch_size": 183, "data.classes": ["3"]},),
    ),
    "batch larger than the part not held out": Case(
        {"optimizer.batch_size": 1000, "data.held_out": 0.5},
        ("only 899 images",),
        ({"data.held_out": 0.1},),
        ({"optimizer.batch_size": 899, "data.held_out": 0.5},),
    ),
}
for _penalty in ("gradient_penalty", "dragan", "r1", "r2"):
    REFUSALS[f"{_penalty} with batch norm"] = Case(
        {f"objective.{_penalty}": 1, NORM: "batch"},
        (f"objective.{_penalty}", "batch norm", "set networks.discriminator_norm to none or spectral"),
        ({NORM: "none"}, {NORM: "spectral"}),
        ({f"objective.{_penalty}": 1, NORM: "instance"}, {f"objective.{_penalty}": 0, NORM: "batch"}),
    )

CLIPPED = {"objective.loss": "wasserstein", "objective.weight_clip": 0.01, "optimizer.beta1": 0}
WARNINGS = {
    "wasserstein without bounds": Case(
        {"objective.loss": "wasserstein", NORM: "none"},
        ("gradient penalty to 10", "weight clipping to 0.01"),
        ({"objective.gradient_penalty": 10}, {"objective.weight_clip": 0.01}, {NORM: "spectral"}),
        (CLIPPED, {"objective.loss": "hinge", NORM: "none"}),
    ),
    "relativistic alone": Case(
        {"objective.loss": "relativistic", NORM: "none"},
        ("R1 and R2", "set both to 1", "0.1"),
        ({"objective.r1": 1, "objective.r2": 1}, {"objective.r1": 0.1, "objective.r2": 0.1}),
        ({"objective.loss": "hinge"},),
    ),
    "clipping another loss": Case(
        {"objective.weight_clip": 0.01, "optimizer.beta1": 0},
        ("Weight clipping", "Wasserstein"),
        ({"objective.loss": "wasserstein"}, {"objective.weight_clip": 0}),
        (CLIPPED,),
    ),
    "clipping and a penalty": Case(
        {**CLIPPED, "objective.gradient_penalty": 10, NORM: "none"},
        ("one of them is enough",),
        ({"objective.weight_clip": 0}, {"objective.gradient_penalty": 0}),
        (CLIPPED,),
    ),
    "clipping with momentum": Case(
        {**CLIPPED, "optimizer.beta1": 0.5},
        ("Adam with momentum", "set β₁ to 0", "rmsprop"),
        ({"optimizer.beta1": 0}, {"optimizer.algorithm": "rmsprop"}),
        ({**CLIPPED, "optimizer.algorithm": "sgd"},),
    ),
    "comparing images under a penalty": Case(
        {"networks.minibatch": "discrimination", "objective.r1": 1, NORM: "none"},
        ("Minibatch discrimination", "penalty"),
        ({"networks.minibatch": "none"}, {"objective.r1": 0}, {"networks.minibatch": "deviation"}),
        ({"networks.minibatch": "discrimination"},),
    ),
    "comparing too many images": Case(
        {"networks.minibatch": "discrimination", "optimizer.batch_size": 513},
        ("all pairs", "above 512", "choose deviation"),
        ({"networks.minibatch": "deviation"}, {"optimizer.batch_size": 512}),
        ({"networks.minibatch": "discrimination", "optimizer.batch_size": 1024, "networks.packing": 2},),
    ),
    "lasting noise": Case(
        {"augmentation.instance_noise": 0.21, "augmentation.noise_fade": 0},
        ("noise that never fades",),
        ({"augmentation.noise_fade": 0.5}, {"augmentation.instance_noise": 0.2}),
        ({"augmentation.instance_noise": 2},),
    ),
    "emulated bf16": Case(
        {"training.precision": "bf16", "training.device": "cpu"},
        ("no unit for bf16", "auto"),
        ({"training.precision": "auto"}, {"training.precision": "fp32"}, {"training.device": "cuda"}),
        ({"training.precision": "auto", "training.device": "cpu"},),
    ),
    "slow average": Case(
        {"training.length": "100 steps", "optimizer.batch_size": 64, "optimizer.ema_half_life": 3201},
        ("3,201 images", "6,400", "shorten the EMA half-life", "train longer"),
        ({"optimizer.ema_half_life": 3200}, {"training.length": "101 steps"}, {"optimizer.discriminator_steps": 2}),
        ({"training.length": "100 steps", "optimizer.batch_size": 64, "optimizer.ema_half_life": 0},),
    ),
}


# Refusals


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_refusal_says_what_is_wrong_and_its_remedies_work(case: Case) -> None:
    sentence = refusal(case.changes)
    keys = [key for key in configs.flatten(RunConfig()) if key in sentence]
    assert keys, f"no setting is named in: {sentence}"
    for words in case.words:
        assert words in sentence, sentence
    for remedy in case.remedies:
        changed({**case.changes, **remedy})
    for allowed in case.allowed:
        changed(allowed)


def test_conditional_networks_need_two_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    for name, counts in (("one", [300]), ("two", [300, 300])):
        folder = tmp_path / data_sets.OWN / name
        folder.mkdir(parents=True)
        facts = {"title": name, "counts": counts, "classes": list("ab"[: len(counts)]), "channels": 1, "kind": "images"}
        (folder / "data-set.json").write_text(json.dumps({**facts, "sha256": "0"}))
    assert "“one” has 1" in refusal({"data.name": "one", "networks.conditional": True})
    changed({"data.name": "two", "networks.conditional": True})


def test_every_refusal_and_every_warning_has_a_case() -> None:
    """Each ``yield`` of the file is one sentence; sentences that differ only in names and numbers count as one."""
    refused, warned = (Path(module.__file__).read_text(encoding="utf-8") for module in (rules, advice))
    found = {re.sub(r"objective\.\w+|“[^”]*”|\d+", "…", refusal(case.changes)) for case in REFUSALS.values()}
    assert len(found) == refused.count("yield")
    assert len(WARNINGS) == warned.count("yield")


@pytest.mark.parametrize("loss", list(LOSSES))
def test_only_probabilities_are_smoothed(loss: str) -> None:
    changes = {"objective.loss": loss, "objective.label_smoothing": 0.2}
    if LOSSES[loss].is_probability:
        changed(changes)
    else:
        assert loss in refusal(changes)


@pytest.mark.parametrize(("packing", "batch"), list(itertools.product((1, 2, 3, 4), (2, 3, 4, 5, 7, 8, 9, 12, 13))))
def test_suggested_batch_for_packs_is_the_nearest_that_fits(packing: int, batch: int) -> None:
    changes = {"networks.packing": packing, "optimizer.batch_size": batch}
    try:
        changed(changes)
    except InputError as error:
        fitting = int(str(error).split("set optimizer.batch_size to ")[1].split(",")[0])
        changed({**changes, "optimizer.batch_size": fitting})
        assert fitting == 2 * packing or (fitting < batch and batch - fitting < packing)
    else:
        assert batch % packing == 0
        assert batch >= 2 * packing


# Warnings


@pytest.fixture(autouse=True)
def emulating(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processor be one without a unit for bf16, wherever the test runs."""
    monkeypatch.setattr(machine, "emulates_bf16", lambda: True)


@pytest.mark.parametrize("case", WARNINGS.values(), ids=WARNINGS)
def test_warning_is_one_sentence_and_its_remedies_silence_it(case: Case) -> None:
    def found(changes: Changes) -> list[str]:
        return [one for one in advice.warnings(changed(changes)) if all(words in one for words in case.words)]

    warned = advice.warnings(changed(case.changes))
    assert warned == found(case.changes), "a case should give one warning only"
    assert len(warned) == 1
    assert is_sentence(warned[0])
    assert warned[0][0].isupper()
    for remedy in case.remedies:
        assert found({**case.changes, **remedy}) == [], remedy
    for allowed in case.allowed:
        assert found(allowed) == [], allowed


def test_settings_with_warnings_can_still_be_trained() -> None:
    for case in WARNINGS.values():
        assert configs.require_data(changed(case.changes))


def test_several_warnings_are_given_together() -> None:
    found = advice.warnings(changed({**WARNINGS["lasting noise"].changes, **WARNINGS["slow average"].changes}))
    assert len(found) == 2


@pytest.mark.parametrize("family", list(FAMILIES))
def test_defaults_of_every_family_are_valid_and_give_no_warning(family: str) -> None:
    config = changed({"networks.family": family})
    assert configs.require_data(config, may_be_gone=True) == config
    assert advice.warnings(config) == []


@pytest.mark.parametrize("preset", presets.PRESETS.values(), ids=presets.PRESETS)
def test_presets_are_valid_and_give_no_warning(preset: presets.Preset) -> None:
    config = preset.config
    if config.data.name == data_sets.LSUN and data_sets.LSUN not in data_sets.all_sets():
        config = configs.replace(config, {"data.name": "bedrooms"})  # a stand-in if LSUN is not there
    assert configs.require_data(config, may_be_gone=True) == config
    assert advice.warnings(config) == []


# Random settings


def values(info: FieldInfo) -> st.SearchStrategy[Any]:
    """Return values for a field: mostly valid ones, including its limits, and some invalid ones."""
    kind, bounds = info.annotation, configs.bounds_of(info)
    low, high = bounds.get("ge", bounds.get("gt", 0)), bounds.get("le", bounds.get("lt", 5000))
    if choices := configs.choices_of(info):
        fine: st.SearchStrategy[Any] = st.lists(st.sampled_from(choices), max_size=3)
    elif get_origin(kind) is Literal:
        fine = st.sampled_from(get_args(kind))
    elif kind is bool:
        fine = st.booleans()
    elif kind is int:
        fine = st.integers(low, min(high, low + 130)) | st.sampled_from([low, high])
    elif kind is float:
        fine = st.floats(low, high) | st.sampled_from([low, high, info.default])
    elif kind is Span:
        fine = st.builds("{} {}".format, st.integers(0, 300), st.sampled_from(["steps", "epochs"]))
    else:
        fine = st.lists(st.sampled_from(["0", "1", "7", "arm 1"]), max_size=3)
    bad = st.sampled_from([None, -1, "", "x", 1e9, float("nan"), [], ["x"], {}, True, 3])
    return st.integers(0, 30).flatmap(lambda dice: bad if dice == 0 else fine)


@st.composite
def any_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a configuration with some of the settings of every section."""
    raw: dict[str, Any] = {}
    for name, section in configs.setting_groups().items():
        family = draw(st.sampled_from(list(FAMILIES)))
        fields = FAMILIES[family].model_fields if name == "networks" else section.annotation.model_fields  # type: ignore[union-attr]
        chosen = draw(st.lists(st.sampled_from(list(fields)), max_size=4, unique=True))
        raw[name] = {key: draw(values(fields[key])) for key in chosen}
        if name == "networks":
            raw[name]["family"] = family
        if name == "data":
            raw[name]["name"] = draw(st.sampled_from(list(data_sets.DATA_SETS)))
    return raw


@settings(max_examples=400)
@given(any_settings())
def test_any_settings_are_a_configuration_or_refused_in_one_sentence(raw: dict[str, Any]) -> None:
    try:
        config = configs.require_data(configs.parse(raw))
    except InputError as error:
        sentence = str(error)
        assert is_sentence(sentence), sentence
        assert any(name in sentence for name in configs.setting_groups()), sentence
        return
    assert configs.require_data(config, may_be_gone=True) == config
    assert all(is_sentence(warning) for warning in advice.warnings(config))
    assert configs.parse(json.loads(config.model_dump_json())) == config
    assert config.steps_per_epoch >= 1
    assert 0 <= config.optimizer.ema_decay <= 1
