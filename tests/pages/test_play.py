"""The page Play without a browser: the set-up that its widgets describe, its address, own points, and the way to the Train page."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as properties
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from gan import config as configs
from gan.errors import InputError
from gan.play import setup as setups
from gan.play.setup import KNOBS, MOST_POINTS, OWN
from gan.runs import Run
from pages.parts.playing import address, choices, component, points

Visit = Callable[..., AppTest]

SQUARE = [[float(x), float(y)] for x in range(3) for y in range(3)]


def told(test: AppTest) -> dict[str, Any]:
    """Return what the page tells its component."""
    assert not test.exception, test.exception
    (found,) = (one for one in test.get("bidi_component") if one.proto.component_name == "gan_play")
    return json.loads(found.proto.json)[0]


def played(test: AppTest) -> dict[str, Any]:
    return told(test)["setup"]


def test_default_is_the_ring(visit: Visit, empty: Path) -> None:
    test = visit("play")
    assert not test.error
    assert played(test) == {
        "data": "ring",
        "settings": {},
        "other": None,
        "points": None,
        "start": None,
        "explore": False,
        "lab": "",
    }
    assert set(told(test)["knobs"]) == set(KNOBS) and told(test)["noun"] == "points"
    assert dict(test.query_params) == {"data": "ring"}


def test_widgets_make_the_set_up(visit: Visit, empty: Path) -> None:
    test = visit("play")
    test.selectbox(key="play/data").set_value("digits").run()
    test.button_group(key="play/family").set_value("dcgan").run()
    test.number_input(key="play/images-dcgan/optimizer.generator_lr").set_value(0.002).run()
    test.selectbox(key="play/vs").set_value("optimizer.discriminator_steps").run()
    assert not test.error
    assert played(test)["settings"] == {"networks.family": "dcgan", "optimizer.generator_lr": 0.002}
    assert played(test)["other"] == {"optimizer.discriminator_steps": 5}
    assert told(test)["noun"] == "digits"


def test_knob_keeps_the_game_and_its_refusal_too(visit: Visit, empty: Path) -> None:
    test = visit("play")
    rate = test.number_input(key="play/points-mlp/optimizer.generator_lr")
    rate.set_value(0.004).run()
    before = told(test)
    assert before["knobs"]["optimizer.generator_lr"] == 0.004
    rate.set_value(-1.0).run()
    (error,) = test.error
    assert "Generator learning rate" in error.value
    assert told(test) == before


def test_address_brings_the_same_game_back(visit: Visit, empty: Path) -> None:
    query = {
        "data": "grid",
        "objective.loss": "hinge",
        "objective.r1": "0.5",
        "networks.latent": "4",
        "optimizer.beta1": "0.9",
        "training.seed": "7",
        "vs.optimizer.generator_lr": "0.0005",
    }
    test = visit("play", **query)
    assert not test.error
    assert address.write(setups.parse(played(test))) == query
    assert told(test)["seed"] == 7
    assert dict(test.query_params) == query
    assert any("β₁ 0" in caption.value for caption in test.caption)  # has no widget


def test_lesson_has_no_widgets_until_they_are_asked_for(visit: Visit, empty: Path) -> None:
    test = visit("play", data="moons", controls="off", **{"training.seed": "3"})
    assert not test.error and not test.selectbox and not test.number_input
    assert played(test)["data"] == "moons" and told(test)["seed"] == 3
    test.button(key="play/settings").click().run()
    assert test.selectbox(key="play/data").value == "moons" and played(test)["settings"] == {"training.seed": 3}


@pytest.mark.parametrize(
    "query",
    [
        {"data": "rng"},
        {"data": "own"},
        {"data": "ring", "optimizer.generator_lr": "-1"},
        {"data": "ring", "optimizer.generator_rate": "1"},
        {"data": "ring", "networks.hidden": "100000"},
        {"data": "ring", "cadence.log_every": "1 steps"},
        {"data": "ring", "start": "20260131-093000-1a2b3c"},
        {"data": "ring", "start": "../../etc", "checkpoint": "last"},
        {"data": "ring", "vs.objective.r1": "0"},
        {"data": "ring", "vs.objective.r1": "1", "vs.objective.r2": "1"},
        {"data": "ring", "controls": "off", "objective.loss": "[" * 3000},
    ],
)
def test_address_without_sense_gets_a_sentence_and_the_default(query: dict[str, str], visit: Visit, empty: Path) -> None:
    test = visit("play", **query)
    (error,) = test.error
    assert "\n" not in error.value and error.value[-1] in ".?"
    assert played(test)["data"] == "ring" and played(test)["settings"] == {}


_KEYS = some.sampled_from(
    [
        "data",
        "start",
        "checkpoint",
        "networks.family",
        "objective.loss",
        "optimizer.batch_size",
        "training.seed",
        "vs.objective.r1",
        "data.name",
        ".",
    ]
) | some.text(max_size=12)
_VALUES = some.sampled_from(["ring", "digits", "dcgan", "12", "1e999", "NaN", "null", "[]", "{}", "true", '"', "own"]) | some.text(
    max_size=20
)


@properties(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=some.dictionaries(_KEYS, _VALUES, max_size=5))
def test_any_address_is_a_game_or_a_sentence(tmp_path: Path, query: dict[str, str]) -> None:
    try:
        setup, found = address.read(query, tmp_path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        again, same = address.read(address.write(setup), tmp_path)
        assert same == found and again.data == setup.data
        assert address.read(address.write(again), tmp_path)[0] == again


def test_start_from_a_run(visit: Visit, shown: Run) -> None:
    test = visit("play")
    test.selectbox(key="play/start").set_value(f"{shown.id}:last").run()
    assert not test.error
    assert played(test)["start"] == {"run": shown.id, "checkpoint": "last"} and played(test)["settings"] == {}
    assert played(test)["data"] == shown.config().data.name
    assert told(test)["knobs"]["optimizer.batch_size"] == shown.config().optimizer.batch_size
    back = visit("play", **address.write(setups.parse(played(test))))
    assert not back.error and played(back) == played(test)


def test_make_it_a_run_fills_the_form(visit: Visit, empty: Path) -> None:
    test = visit("play", data="grid", **{"objective.loss": "hinge", "networks.hidden": "96", "training.seed": "5"})
    wanted = configs.flatten(setups.boards(setups.parse(played(test)), empty)[0])
    test.button(key="play/run").click().run()
    assert not test.exception and not test.error
    assert test.selectbox(key="train/preset").value == "ring-mlp"
    keys = {"data.name": "", "networks.hidden": "mlp/", "training.seed": "", "optimizer.batch_size": ""}
    values = {key: test.session_state[f"train/ring-mlp/{family}{key}"] for key, family in keys.items()}
    assert values == {key: wanted[key] for key in values}
    assert test.session_state["train/ring-mlp/objective.loss"] == "hinge"


def test_own_points_are_played_but_cannot_become_a_run(visit: Visit, empty: Path) -> None:
    test = visit("play", {"play/points": tuple(map(tuple, SQUARE)), "play/data": OWN})
    assert played(test)["data"] == OWN and len(played(test)["points"]) == len(SQUARE)
    assert test.button(key="play/run").disabled and "data" not in test.query_params


def test_points_of_a_file_with_and_without_a_heading() -> None:
    lines = "\n".join(f"{x},{y}" for x, y in SQUARE)
    plain, sentence = points.read(io.BytesIO(lines.encode()), "a.csv")
    assert points.read(io.BytesIO(f"x,y\n{lines}".encode()), "a.csv")[0] == plain
    assert len(plain) == len(SQUARE) and "9" in sentence
    long = "\n".join(f"{row % 7};{row % 11},5" for row in range(5000))
    kept, sentence = points.read(io.BytesIO(long.encode()), "b.csv")
    assert len(kept) == MOST_POINTS and "2,000 of 5,000" in sentence


@pytest.mark.parametrize(
    "content", [b"", b"1,2\n3,4", b"a,b\nc,d\n" * 9, b"1\n" * 20, b"\xff\xfe\x00", b"1,1\n" * 20, b"1,nan\n" * 20]
)
def test_file_that_holds_no_points_gets_a_sentence(content: bytes) -> None:
    with pytest.raises(InputError) as refusal:
        points.read(io.BytesIO(content), "a.csv")
    assert "\n" not in str(refusal.value)


@properties(max_examples=200, deadline=None)
@given(some.binary(max_size=300) | some.text("0123456789.,;-\n\tex", max_size=300).map(str.encode))
def test_any_file_is_points_or_a_sentence(content: bytes) -> None:
    try:
        found, _ = points.read(io.BytesIO(content), "a.csv")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert setups.FEWEST_POINTS <= len(found) <= MOST_POINTS


@pytest.mark.parametrize(
    "raw", [None, "x", [], [[1, 2]] * 20, [[0, 1]] * 3, [["a", "b"]] * 9, [[0, float("nan")]] * 9, [[0, 1]] * 2001]
)
def test_drawn_points_are_checked(raw: Any) -> None:
    with pytest.raises(InputError):
        points.checked(raw)


def test_suggestion_for_the_second_board_differs() -> None:
    for config in (setups.base("ring"), setups.base("digits", "dcgan")):
        flat = configs.flatten(config)
        for key in (key for key in choices._COMPARED if key in flat and choices._fits(config, key)):
            other = configs.replace(config, {key: choices._suggested(key, flat[key])})
            assert configs.difference([config, other]) == [key]


def test_script_has_every_part() -> None:
    folder = Path(component.__file__).parent / "face"
    assert {path.stem for path in folder.glob("*.js")} == set(component._SHARED)
    assert not [path for path in folder.parent.rglob("*.js") if "innerHTML" in path.read_text("utf-8")]
