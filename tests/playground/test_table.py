"""What a visitor's messages do, and what the frames hold."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gan.errors import InputError
from gan.networks import layers
from gan.play import setup as setups
from gan.play import wire
from gan.playground.table import CREDITS, Table
from gan.playground.views import work
from tests.helpers import is_sentence

_LAYERS = ("heat", "gradients", "manifold", "better")
_SMALL = {"data.size": 16, "networks.hidden": 16}


def table_of(**raw: Any) -> Table:
    return Table(setups.parse(raw), Path("nowhere"))


def said(payloads: list[bytes]) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Return the heads and arrays of messages."""
    found = []
    for payload in payloads:
        head, arrays = wire.unpack(payload)
        found.append(
            (head, {name: np.frombuffer(content, dtype).reshape(shape) for name, (dtype, shape, content) in arrays.items()})
        )
    return found


def ask(table: Table, do: str, **rest: Any) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    return said(table.obey({"do": do, **rest}))


def test_frame_of_points() -> None:
    table = table_of(data="ring")
    ((head, arrays),) = ask(table, "show", layers=list(_LAYERS))
    assert {name: value.shape for name, value in arrays.items()} == {
        "0/fakes": (128, 2), "0/heat": (32, 32), "0/gradients": (128, 2), "0/manifold": (21, 21, 2),
    }  # fmt: skip
    assert head["boards"][0]["modes"] == [0, 8]
    ((opened, real),) = said([table.opened(is_continued=False)])
    low_x, high_x, low_y, high_y = opened["bounds"]
    assert ((real["reals"] > (low_x, low_y)) & (real["reals"] < (high_x, high_y))).all()


def test_heat_and_gradients_show_the_discriminator() -> None:
    """After some turns of the discriminator alone, cells with real points are brighter, and generated points are pushed there."""
    table = table_of(data="own", points=[(1.0, 0.1 * place) for place in range(-5, 6)])
    for _ in range(60):
        table.boards[0].step_discriminator()
    ((_, arrays),) = ask(table, "show", layers=list(_LAYERS))
    heat, fakes, pushes = arrays["0/heat"].astype(int), arrays["0/fakes"], arrays["0/gradients"]
    assert heat[:, 16].mean() > 100 + heat[:, 0].mean()  # the real points lie on the line through the middle, generated ones left
    assert (fakes[:, 0] < 0.9).all()
    assert (pushes[:, 0] > 0).mean() > 0.9


def test_frame_of_pictures() -> None:
    table = table_of(data="digits", settings=_SMALL)
    ((head, arrays),) = ask(table, "show", layers=list(_LAYERS))
    assert {name: (value.shape, str(value.dtype)) for name, value in arrays.items()} == {
        "0/fakes": ((16, 16, 16, 1), "uint8"), "0/gradients": ((16, 16, 16), "int8"), "0/better": ((16, 16, 16, 1), "uint8"),
    }  # fmt: skip
    assert len(head["boards"][0]["opinions"]) == len(head["boards"][0]["reals"]) == 16


@pytest.mark.parametrize(
    "settings",
    [
        {"networks.family": "dcgan", "networks.width": 8, "data.size": 16},
        {**_SMALL, "networks.packing": 4},
        {**_SMALL, "networks.conditional": True},
        {**_SMALL, "networks.discriminator_norm": "batch"},
        {**_SMALL, "objective.loss": "relativistic", "objective.r1": 1.0},
    ],
    ids=lambda settings: str(list(settings.values())[-1]),
)
def test_watching_changes_nothing(settings: dict[str, Any]) -> None:
    """Frames with all layers and a judged picture in between leave the numbers of the game as they are."""
    watched, alone = (table_of(data="digits", settings=settings) for _ in range(2))
    pixels = base64.b64encode(bytes(16 * 16)).decode()
    for _ in range(3):
        ask(watched, "show", layers=list(_LAYERS))
        ask(watched, "judge", pixels=pixels)
        for table in (watched, alone):
            table.boards[0].step_both()
    assert watched.boards[0].numbers == alone.boards[0].numbers


def test_discriminator_likes_better_what_it_would_like_better() -> None:
    table = table_of(data="digits", settings=_SMALL)
    for _ in range(30):
        table.boards[0].step_discriminator()
    drawing = np.zeros((16, 16, 1), dtype=np.uint8)
    drawing[4:12, 7:9] = 255

    def judged(picture: np.ndarray) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        ((head, arrays),) = ask(table, "judge", pixels=base64.b64encode(picture.tobytes()).decode())
        return head, arrays

    head, arrays = judged(drawing)
    better, _ = judged(arrays["better"])
    assert 0 <= head["rank"] <= 1
    assert better["opinion"] > head["opinion"]
    real, _ = judged(table.view._pixels[3].permute(1, 2, 0).numpy().copy())  # type: ignore[attr-defined]
    assert real["opinion"] > head["opinion"]


@pytest.mark.parametrize("pixels", ["", "!!!", base64.b64encode(bytes(17)).decode()])
def test_damaged_pictures_are_refused(pixels: str) -> None:
    with pytest.raises(InputError) as caught:
        ask(table_of(data="digits", settings=_SMALL), "judge", pixels=pixels)
    assert is_sentence(str(caught.value))


def test_slow_motion_shows_the_parts_of_a_step() -> None:
    table = table_of(data="ring")
    assert ask(table, "slow") == []
    heads = [said([table.turn()])[0][0] for _ in range(5)]
    assert [head["part"] for head in heads] == ["deal", "d", "gradients", "g", "deal"]
    assert [head["step"] for head in heads] == [0, 0, 0, 1, 1]


def test_speed_is_steps_a_frame_and_credits_limit_the_frames() -> None:
    table = table_of(data="ring")
    assert table.wait(0.0) is None
    ask(table, "speed", value=3)
    ask(table, "play")
    assert table.wait(1e9) == 0
    head, _ = said([table.turn()])[0]
    assert 1 <= head["step"] <= 3
    for _ in range(CREDITS - 1):
        table.turn()
    assert table.wait(1e9) is None
    ask(table, "ack", count=2)
    assert table.wait(1e9) == 0
    ((paused, _),) = ask(table, "pause")
    assert paused["state"] == "paused"
    assert table.wait(1e9) is None


def test_playing_ends_at_the_step_that_was_asked_for() -> None:
    table = table_of(data="ring")
    ask(table, "speed", value=3)
    ask(table, "play", until=4)
    head: dict[str, Any] = {}
    for _ in range(4):  # a slow machine plays fewer than three steps in a turn
        if table.state == "playing":
            head = said([table.turn()])[0][0]
    assert (head["step"], head["state"]) == (4, "paused")
    ask(table, "play")
    table.turn()
    assert table.state == "playing" and table.boards[0].step > 4


def test_boards_that_differ_in_their_seed_still_do_after_a_reset() -> None:
    table = table_of(data="ring", other={"training.seed": 1})
    (opened, _), (_, arrays) = ask(table, "reset", seed=2**31 - 1)
    assert [board.config.training.seed for board in table.boards] == [2**31 - 1, 0]
    assert not np.array_equal(arrays["0/fakes"], arrays["1/fakes"]) and opened["names"] == [f"s{2**31 - 1}", "s0"]


def test_reset_begins_again_with_the_same_or_another_seed() -> None:
    table = table_of(data="ring")
    begun = said([table.frame()])[0][1]["0/fakes"]
    ask(table, "step", who="both")
    (opened, _), (frame, arrays) = ask(table, "reset")
    assert (opened["kind"], frame["step"]) == ("opened", 0)
    assert np.array_equal(arrays["0/fakes"], begun)
    _, (_, others) = ask(table, "reset", seed=5)
    assert not np.array_equal(others["0/fakes"], begun)


def test_two_boards_differ_by_what_was_asked_only() -> None:
    table = table_of(data="ring", other={"optimizer.generator_lr": 0.1})
    ((before, arrays),) = said([table.frame()])
    assert np.array_equal(arrays["0/fakes"], arrays["1/fakes"])
    ((after, arrays),) = ask(table, "step", who="both")
    assert after["boards"][0]["d_loss"] == after["boards"][1]["d_loss"]  # the generators differ from the next step on
    assert not np.array_equal(arrays["0/fakes"], arrays["1/fakes"])
    assert len(before["boards"]) == 2


def test_turned_knob_leaves_a_mark() -> None:
    table = table_of(data="ring")
    ask(table, "step", who="both")
    ((head, _),) = ask(table, "set", board=0, key="optimizer.generator_lr", value=0.5)
    assert head["marks"] == [[1, 0, "lr_G 0.5"]]
    with pytest.raises(InputError, match="second board"):
        ask(table, "set", board=1, key="optimizer.generator_lr", value=0.5)
    with pytest.raises(InputError, match="cannot change"):
        ask(table, "set", board=0, key="networks.hidden", value=9)


def test_not_a_number_pauses_the_game_with_a_sentence() -> None:
    table = table_of(data="ring", settings={"objective.loss": "wasserstein", "optimizer.algorithm": "sgd"})
    for player in (table.boards[0].game.generator, table.boards[0].game.discriminator):
        for weight in player.parameters():
            weight.data.fill_(float("nan"))
    ask(table, "play")
    ((head, _),) = said([table.turn()])
    assert head["state"] == "paused"
    assert is_sentence(head["boards"][0]["sentence"])
    assert head["boards"][0]["d_loss"] is None
    with pytest.raises(InputError):
        ask(table, "play")
    ask(table, "reset")
    ask(table, "play")


def test_networks_that_would_hold_up_the_others_are_refused() -> None:
    settings = {"networks.family": "dcgan", "data.size": 64, "networks.width": 64, "networks.depth": 4, "optimizer.batch_size": 512}
    with pytest.raises(InputError) as caught:
        table_of(data="shapes", settings=settings)
    assert is_sentence(str(caught.value))


@pytest.mark.parametrize("family", ["mlp", "dcgan"])
def test_work_of_a_step_is_that_of_the_tables_of_layers(family: str) -> None:
    table = table_of(data="digits", settings={"networks.family": family, "data.size": 16})
    (board,) = table.boards
    report = layers.describe(board.config)
    turns = 3 * report.generator.multiply_adds + 6 * report.discriminator.multiply_adds
    assert work(board) == board.config.optimizer.batch_size * turns


def test_curves_stay_short() -> None:
    table = table_of(data="ring")
    for _ in range(520):
        table._keep([dict.fromkeys(("d_loss", "g_loss", "d_real", "d_fake", "precision", "recall"), 1.0) | {"modes": [3, 8]}])
    ((head, _),) = said([table.opened(is_continued=True)])
    assert {len(values) for values in head["history"].values()} <= {270, 269}
    assert head["history"]["0/modes"][0] == 3
