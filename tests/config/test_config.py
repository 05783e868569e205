"""Configurations: which values are accepted, which are refused, and whether the refusal helps the reader."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from gan import config as configs
from gan.catalogue import data_sets
from gan.config import RunConfig, presets
from gan.config import families as network_families
from gan.config.families import FAMILIES
from gan.config.fields import Span
from gan.errors import InputError, shown
from tests.helpers import assert_one_sentence, is_sentence, run_gan, tiny

PRESETS = [pytest.param(preset, id=preset.name) for preset in presets.PRESETS.values()]
SECTIONS = {name: info.annotation for name, info in configs.setting_groups().items() if name != "networks"}
SETTINGS = [
    pytest.param(f"{section}.{name}", info, id=f"{model.__name__}.{name}")
    for section, model in [*SECTIONS.items(), *(("networks", family) for family in FAMILIES.values())]
    for name, info in model.model_fields.items()
]


def refusal(raw: Any) -> str:
    """Return the sentence with which a configuration is refused."""
    with pytest.raises(InputError) as caught:
        configs.parse(raw)
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def refused_change(**changes: Any) -> str:
    """Return the sentence with which a change to the default, such as ``networks__width=3``, is refused."""
    with pytest.raises(InputError) as caught:
        configs.require_data(configs.replace(RunConfig(), {key.replace("__", "."): value for key, value in changes.items()}))
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


# Round trips


@pytest.mark.parametrize("preset", PRESETS)
def test_written_config_reads_back_the_same(preset: presets.Preset) -> None:
    text = json.dumps(preset.config.model_dump(mode="json"))
    assert configs.parse(json.loads(text), stored=True) == preset.config
    assert configs.parse(json.loads(preset.config.model_dump_json()), stored=True) == preset.config


def test_written_config_is_human_readable() -> None:
    raw = tiny().model_dump(mode="json")
    assert raw["training"]["length"] == "12 steps"
    assert raw["cadence"]["log_every"] == "1 step"
    assert raw["schema_version"] == configs.SCHEMA_VERSION


def test_empty_object_is_the_default() -> None:
    assert configs.parse({}) == RunConfig()


# Lengths


@pytest.mark.parametrize(
    ("written", "count", "unit"),
    [
        ("10 epochs", 10, "epochs"), ("1 epoch", 1, "epochs"), ("500 steps", 500, "steps"), ("1 step", 1, "steps"),
        ("500", 500, "steps"), (500, 500, "steps"), ("  7   epochs ", 7, "epochs"), (0, 0, "steps"),
        ("0000000000005 steps", 5, "steps"), ({"count": 3, "unit": "epochs"}, 3, "epochs"), ("100000000", 100_000_000, "steps"),
    ],
)  # fmt: skip
def test_lengths_that_are_accepted(written: Any, count: int, unit: str) -> None:
    assert Span.model_validate(written) == Span(count=count, unit=unit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "written",
    ["", "epochs", "-3 epochs", "1.5 epochs", "ten epochs", "5 lightyears", "5 5 steps", "٣ epochs", "²", "1e3", "0x10",
     "100000001", "9" * 5000 + " steps", True, None, 2.5, [], {}, {"count": 3, "unit": "days"}, {"count": 3, "extra": 1}, -1],
)  # fmt: skip
def test_lengths_that_are_refused(written: Any) -> None:
    sentence = refusal({"training": {"length": written}})
    assert sentence.startswith(("training.length", "There is no setting “training.length"))


def test_length_too_long_is_refused_in_plain_words() -> None:
    sentence = refusal({"training": {"length": "100000001 steps"}})
    assert "training.length is" in sentence
    assert "100000000" in sentence
    assert "input should be" not in sentence


@given(st.text() | st.from_regex(r"\A\s*\d{1,20}( \w+)?\s*\Z"))
def test_any_text_is_a_length_or_refused(text: str) -> None:
    try:
        found = configs.parse({"training": {"length": text}}).training.length
    except InputError as error:
        assert is_sentence(str(error)), str(error)
        assert "training.length" in str(error)
    else:
        assert found.count == int(text.split(maxsplit=1)[0])
        assert Span.model_validate(str(found)) == found


@given(st.integers(0, 100_000_000), st.sampled_from(["steps", "epochs"]))
def test_written_length_reads_back(count: int, unit: Any) -> None:
    span = Span(count=count, unit=unit)
    assert Span.model_validate(str(span)) == span
    assert span.in_steps(28) == count * (28 if unit == "epochs" else 1)


# Refusals


def test_newer_schema_says_to_update() -> None:
    sentence = refusal({"schema_version": configs.SCHEMA_VERSION + 1})
    assert f"schema version {configs.SCHEMA_VERSION + 1}" in sentence
    assert "update the program" in sentence


@pytest.mark.parametrize("raw", [None, 5, "text", [], [{}], True])
def test_value_that_is_not_an_object_is_refused(raw: Any) -> None:
    assert "not a JSON object" in refusal(raw)


def test_unknown_setting_names_the_nearest() -> None:
    assert refused_change(optimizer__batchsize=3) == (
        "There is no setting “optimizer.batchsize”; did you mean “optimizer.batch_size”?"
    )
    assert "did you mean “optimizer.batch_size”" in refused_change(optimiser__batch_size=3)
    assert "did you mean “optimizer”" in refusal({"optimiser": {}})


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_unknown_setting_named_like_a_family_is_named(name: str) -> None:
    assert f"“{name}”" in refusal({name: 1})
    assert f"“data.{name}”" in refusal({"data": {name: 1}})
    assert f"“networks.{name}”" in refused_change(**{f"networks.{name}": 1})


def test_setting_of_another_family_says_whose_it_is() -> None:
    sentence = refused_change(networks__hidden=8)
    assert "networks.hidden" in sentence
    assert "mlp" in sentence
    assert "did you mean “networks.hidden”" not in sentence
    sentence = refused_change(networks__family="mlp", networks__width=8)
    assert "networks.width" in sentence
    assert "dcgan" in sentence


def test_unknown_setting_of_networks_names_only_what_the_family_has() -> None:
    assert "did you mean “networks.width”" in refused_change(networks__widht=8)
    assert "hidden" not in refused_change(networks__nonsense=8)


@pytest.mark.parametrize(
    "key", ["", ".", "data", "data.", ".name", "data.name.x", "preset", "schema_version", "preset.x", "data.a\nb"]
)
def test_malformed_key_is_refused(key: str) -> None:
    assert "There is no setting" in refused_change(**{key: 1})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer.batch_size": "many"}, ["optimizer.batch_size is “many”", "a whole number from 2 to 4096"]),
        ({"optimizer.batch_size": 2.5}, ["optimizer.batch_size is 2.5", "a whole number"]),
        ({"optimizer.batch_size": 1}, ["optimizer.batch_size is 1", "from 2 to 4096"]),
        ({"optimizer.batch_size": None}, ["optimizer.batch_size", "from 2 to 4096"]),
        ({"optimizer.batch_size": 10**5000}, ["optimizer.batch_size", "from 2 to 4096"]),
        ({"optimizer.generator_lr": 0}, ["optimizer.generator_lr is 0", "above 0"]),
        ({"optimizer.generator_lr": float("nan")}, ["optimizer.generator_lr", "above 0"]),
        ({"optimizer.beta1": 1}, ["optimizer.beta1 is 1", "below 1"]),
        ({"data.size": 48}, ["data.size is 48", "16, 28, 32, 64, 128 or 256"]),
        ({"data.name": "minst"}, ["data.name", "minst", "did you mean “mnist”"]),
        ({"data.name": "a\nb" * 20}, ["data.name", "digits"]),
        ({"data.name": "a\nb" * 100}, ["data.name", "at most 100 characters"]),
        ({"data.name": 5}, ["data.name is 5", "a text"]),
        ({"networks.family": "vae"}, ["networks.family is “vae”", "dcgan"]),
        ({"networks.family": None}, ["networks.family", "dcgan"]),
        ({"networks.width": {"a": 1}}, ["networks.width", "a whole number from 4 to 256"]),
        ({"objective.loss": "hinge-ish"}, ["objective.loss", "non-saturating"]),
        ({"training.seed": -1}, ["training.seed is -1", "from 0"]),
        ({"cadence.checkpoint_every": 0}, ["cadence.checkpoint_every is 0", "at least 1 step"]),
    ],
)  # fmt: skip
def test_bad_value_is_refused_with_what_was_expected(changes: dict[str, Any], words: list[str]) -> None:
    sentence = refused_change(**changes)
    for word in words:
        assert word in sentence


def test_preset_name_too_long_is_refused_with_its_limit() -> None:
    assert "a text of at most 64 characters" in refusal({"preset": "x" * 65})


@pytest.mark.parametrize("section", list(configs.setting_groups()))
@pytest.mark.parametrize("value", [5, None, [], "text"])
def test_section_of_wrong_type_says_what_was_expected(section: str, value: Any) -> None:
    sentence = refusal({section: value})
    assert sentence.startswith(f"{section} is ")
    assert "expected ;" not in sentence


def test_networks_without_family_says_that_it_is_missing() -> None:
    sentence = refusal({"networks": {"latent": 8}})
    assert "networks.family is missing" in sentence


def test_depth_too_large_for_the_images_is_refused_with_its_limit() -> None:
    sentence = refused_change(data__size=16, networks__depth=4)
    assert "networks.depth is 4" in sentence
    assert "at most 3 times" in sentence
    assert configs.replace(RunConfig(), {"data.size": 16, "networks.depth": 2}).networks.depth == 2  # type: ignore[union-attr]


def test_batch_larger_than_the_data_set_is_refused() -> None:
    assert "only 1,797 images" in refused_change(optimizer__batch_size=1798)
    whole = configs.replace(RunConfig(), {"optimizer.batch_size": 1797})
    assert whole.steps_per_epoch == 1


# Arbitrary input

KEYS = st.one_of(
    st.text(max_size=20),
    st.sampled_from([*configs.flatten(RunConfig()), "networks.hidden", "networks.blocks", "data", "networks."]),
    st.builds("{}.{}".format, st.sampled_from(list(configs.setting_groups())), st.text(max_size=12)),
    st.builds("{}.{}".format, st.sampled_from(list(configs.setting_groups())), st.sampled_from(["mlp", "dcgan", "family", "size"])),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=100) | st.sampled_from(["mlp", "mnist", "16"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(KEYS, JSON, min_size=1, max_size=1))
@example({"networks.mlp": 1})
@example({"data.name": "\ud800"})
@example({"\ud800.x": "\ud800"})
@example({"networks.family": "mlp"})
def test_any_change_is_applied_or_refused_in_one_sentence(changes: dict[str, Any]) -> None:
    try:
        changed = configs.require_data(configs.replace(RunConfig(), changes))
    except InputError as error:
        assert is_sentence(str(error)), str(error)
        (key,) = changes
        assert shown(key) in str(error)
    else:
        assert configs.parse(json.loads(changed.model_dump_json())) == changed


@given(JSON | st.dictionaries(st.sampled_from(list(RunConfig.model_fields)) | st.text(max_size=5), JSON, max_size=3))
def test_any_json_is_a_config_or_refused_in_one_sentence(raw: Any) -> None:
    try:
        configs.parse(raw)
    except InputError as error:
        assert is_sentence(str(error)), str(error)


@given(st.lists(st.text(max_size=30) | st.builds("{}={}".format, KEYS, st.text(max_size=10)), max_size=3))
def test_any_assignment_on_the_command_line_is_read_or_refused(assignments: list[str]) -> None:
    try:
        changes = configs.parse_assignments(assignments)
    except InputError as error:
        assert is_sentence(str(error)), str(error)
        return
    for assignment in assignments:
        assert assignment.partition("=")[0].strip() in changes


def test_assignments_are_json_or_plain_text() -> None:
    assert configs.parse_assignments(["a.b=1", "a.c=0.5", "a.d=true", "a.e=mlp", "a.f=5 epochs", 'a.g="x"', "a.h=", "a.i=x=y"]) == {
        "a.b": 1, "a.c": 0.5, "a.d": True, "a.e": "mlp", "a.f": "5 epochs", "a.g": "x", "a.h": "", "a.i": "x=y",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000], ids=["nested", "long number"])
def test_oversized_json_on_the_command_line_is_read_as_text(text: str) -> None:
    assert configs.parse_assignments([f"data.name={text}"]) == {"data.name": text}


# Switching the family


def test_switching_the_family_works_both_ways() -> None:
    start = configs.replace(RunConfig(), {"networks.latent": 17, "networks.width": 8})
    there = configs.replace(start, {"networks.family": "mlp", "networks.hidden": 32})
    assert there.networks == network_families.MlpConfig(hidden=32)
    back = configs.replace(there, {"networks.family": "dcgan"})
    assert back.networks == network_families.DcganConfig()
    assert (back.data, back.optimizer, back.training) == (start.data, start.optimizer, start.training)


def test_naming_the_same_family_changes_nothing() -> None:
    start = configs.replace(RunConfig(), {"networks.width": 8})
    assert configs.replace(start, {"networks.family": "dcgan"}) == start


# Titles, help and ranges, as forms show them


@pytest.mark.parametrize(("key", "info"), SETTINGS)
def test_setting_has_a_title_a_help_and_a_range(key: str, info: Any) -> None:
    assert info.title and info.title[0].isupper()
    assert info.description and info.description.endswith((".", ")")), f"the help of {key} is not a sentence"
    assert configs.describe_range(info), f"the range of {key} is not described"
    assert "unit" in info.json_schema_extra
    bounds = configs.bounds_of(info)
    if info.annotation in (int, float):
        assert bounds, f"{key} has no bounds"
        low = bounds.get("ge", bounds.get("gt"))
        high = bounds.get("le", bounds.get("lt"))
        assert low <= info.default <= high


def test_ranges_are_in_words() -> None:
    field = RunConfig().optimizer.__class__.model_fields
    assert configs.describe_range(field["batch_size"]) == "a whole number from 2 to 4096 (images)"
    assert configs.describe_range(field["generator_lr"]) == "a number above 0 to 1"
    assert configs.describe_range(field["beta1"]) == "a number from 0 and below 1"


@pytest.mark.parametrize(("key", "info"), SETTINGS)
def test_bounds_are_enforced(key: str, info: Any) -> None:
    """A value just outside a bound is refused with a sentence that names the setting and its range."""
    bounds = configs.bounds_of(info)
    if not bounds:
        return
    section, _, name = key.partition(".")
    family = next((one for one, model in FAMILIES.items() if model.model_fields.get(name) is info), None)
    start = {"networks.family": family} if family else {}
    step = 1 if info.annotation is int else 0.5
    outside = {"ge": -step, "gt": 0, "le": step, "lt": 0}
    for kind, limit in bounds.items():
        value = limit + outside[kind]
        with pytest.raises(InputError) as caught:
            configs.replace(RunConfig(), {**start, key: value})
        assert str(caught.value) == f"{section}.{name} is {value}, expected {configs.describe_range(info)}; change it."


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_is_valid_and_immutable(preset: presets.Preset) -> None:
    assert preset.config.preset == preset.name
    assert preset.title
    assert preset.description.endswith(".")
    if preset.config.data.name in data_sets.all_sets():
        assert configs.parse(preset.config.model_dump(mode="json")) == preset.config
        assert preset.config.total_steps > 0
    else:
        with pytest.raises(InputError, match="not in the data folder") as caught:
            configs.require_data(configs.parse(preset.config.model_dump(mode="json")))
        assert is_sentence(str(caught.value))
    known = set(configs.flatten(configs.replace(RunConfig(), {"networks.family": preset.config.networks.family})))
    assert set(configs.flatten(preset.config)) == known
    for part in (preset.config, preset.config.data, preset.config.networks, preset.config.training.length):
        with pytest.raises(ValidationError):
            setattr(part, next(iter(type(part).model_fields)), 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        preset.name = "other"  # type: ignore[misc]


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean “digits-dcgan”"):
        presets.find("digit-dcgan")


def test_difference_names_the_changed_settings() -> None:
    base = tiny()
    other = configs.replace(base, {"optimizer.batch_size": 16, "training.seed": 3})
    assert configs.difference([base, base]) == []
    assert configs.difference([base, other]) == ["optimizer.batch_size", "training.seed"]
    families = configs.difference([base, tiny(family="mlp")])
    assert {"networks.family", "networks.width", "networks.hidden"} <= set(families)


def test_every_flat_key_has_its_field() -> None:
    for config in (tiny(), tiny(family="mlp")):
        for key, value in configs.flatten(config).items():
            info = configs.field_info(config, key)
            assert info.title
            assert configs.replace(config, {key: value}) == config


def test_all_sections_are_groups() -> None:
    assert list(configs.setting_groups()) == ["data", "networks", "objective", "augmentation", "optimizer", "training", "cadence"]
    assert all(issubclass(model, BaseModel) for model in FAMILIES.values())


@pytest.mark.parametrize("family", list(network_families.FAMILIES))
@pytest.mark.parametrize("latent", [64, 100, 128])
@pytest.mark.parametrize("name", list(presets.PRESETS))
def test_assignments_rebuild_a_configuration(name: str, family: str, latent: int) -> None:
    start = presets.find(name).config
    if start.data.name not in data_sets.all_sets():
        pytest.skip("this data set is not included: users import it")
    if start.data.is_points and family != "mlp":
        pytest.skip("points need fully connected networks")
    wanted = configs.replace(start, {"networks.family": family, "networks.latent": latent, "training.length": "7 epochs"})
    changes = configs.parse_assignments(configs.assignments(start, wanted)[1::2])
    assert configs.replace(start, changes) == wanted


@pytest.mark.parametrize("count", [1, 99])
def test_few_pictures_of_bedrooms_stop_only_their_presets(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets are valid on every machine; the data set is looked for only at launch."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    folder = tmp_path / data_sets.LSUN
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(b"")
    assert "digits-dcgan" in run_gan("train", "--help").stdout
    listed = run_gan("data", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    sentence = assert_one_sentence(run_gan("train", "--preset", "bedrooms-small", root=tmp_path / "runs"))
    assert f"{count}" in sentence
    assert not list((tmp_path / "runs").glob("2*"))
    assert run_gan("train", "--steps", 1, "--set", "networks.width=4", root=tmp_path / "runs").returncode == 0
