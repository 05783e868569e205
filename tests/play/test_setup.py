"""Set-ups of live games: what they become, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.catalogue import data_sets
from gan.errors import InputError
from gan.play import setup as setups
from tests.helpers import is_sentence, make_run

_CIRCLE = [(float(place), float(place % 3)) for place in range(8)]


def configs(root: Path, **raw: Any) -> list[Any]:
    return setups.boards(setups.parse(raw), root)


@pytest.mark.parametrize("name", [name for name, entry in data_sets.DATA_SETS.items() if entry.origin == "built-in"])
def test_every_built_in_data_set_can_be_played(name: str, root: Path) -> None:
    (config,) = configs(root, data=name)
    assert config.data.name == name
    assert config.optimizer.ema_half_life == 0


def test_settings_change_the_base_and_the_second_board_the_first(root: Path) -> None:
    rate, loss = "optimizer.generator_lr", "objective.loss"
    one, other = configs(root, data="ring", settings={rate: 0.01}, other={loss: "hinge"})
    assert one.optimizer.generator_lr == other.optimizer.generator_lr == 0.01
    assert (one.objective.loss, other.objective.loss) == ("non-saturating", "hinge")
    assert setups.titles([one, other]) == ["non-saturating", "hinge"]
    assert setups.titles([one]) == []


def test_game_from_a_run_has_its_settings(root: Path) -> None:
    run = make_run(root, {"objective.loss": "hinge"})
    (config,) = configs(root, data="digits", start={"run": run.id})
    assert config.networks == run.config().networks
    assert config.objective.loss == "hinge"


@pytest.mark.parametrize(
    "raw",
    [
        {"data": "nowhere"},
        {"data": "ring", "settings": {"optimizer.generator_lr": -1}},
        {"data": "ring", "settings": {"no.such": 1}},
        {"data": "ring", "settings": {"training.device": "cuda"}},
        {"data": "ring", "settings": {"networks.hidden": 4000}},
        {"data": "digits", "settings": {"data.size": 256}},
        {"data": "ring", "other": {}},
        {"data": "ring", "points": _CIRCLE},
        {"data": "own"},
        {"data": "own", "points": _CIRCLE[:3]},
        {"data": "own", "points": [(1.0, 2.0)] * 9},
        {"data": "own", "points": [*_CIRCLE, (1e9, 0.0)]},
        {"data": "own", "points": [*_CIRCLE, (float("nan"), 0.0)]},
        {"data": "ring", "start": {"run": "../../etc"}},
        {"data": "ring", "explore": True},
        {"data": "ring", "lab": "pictures"},
        {"data": "digits", "lab": "coffee"},
        {"data": "digits", "lab": "truncation", "start": {"run": "x"}},
        {"data": "ring", "speed": 3},
        [],
    ],
)
def test_impossible_set_ups_get_a_sentence(raw: Any, root: Path) -> None:
    with pytest.raises(InputError) as caught:
        setups.boards(setups.parse(raw), root)
    assert is_sentence(str(caught.value))


def test_networks_of_a_checkpoint_stay(root: Path) -> None:
    run = make_run(root)
    with pytest.raises(InputError, match="keeps the networks"):
        configs(root, data="digits", start={"run": run.id}, settings={"networks.width": 8})


_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.integers(), max_size=3))


@given(key=st.sampled_from([*setups.KNOBS, "networks.family", "training.seed", "x", "networks."]), value=_VALUES)
def test_any_setting_is_played_or_refused_in_a_sentence(key: str, value: Any) -> None:
    try:
        (config,) = configs(Path("nowhere"), data="ring", settings={key: value})
    except InputError as error:
        assert is_sentence(str(error))
    else:
        assert config.data.name == "ring"


@pytest.mark.parametrize("key", setups.KNOBS)
def test_every_knob_is_a_setting(key: str) -> None:
    section, _, field = key.partition(".")
    value = getattr(getattr(setups.base("ring"), section), field)
    assert setups.turned(setups.base("ring"), key, value) == setups.base("ring")


@pytest.mark.parametrize(("key", "value"), [("networks.hidden", 8), ("optimizer.batch_size", 4096), ("objective.r1", -1)])
def test_what_cannot_change_is_refused(key: str, value: int) -> None:
    with pytest.raises(InputError):
        setups.turned(setups.base("ring"), key, value)
