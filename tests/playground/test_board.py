"""A live board gives the numbers of a training, and of the game's own step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gan.config import RunConfig
from gan.data import loaders
from gan.play import setup as setups
from gan.playground.board import Board, images_of
from gan.runs import changes
from gan.training import checkpoints
from tests.helpers import make_run, raw_lines, tiny, train


def board_of(config: RunConfig, saved: Any = None) -> Board:
    return Board(config, loaders.load(config.data), saved)


@pytest.mark.parametrize("family", ["mlp", "dcgan"])
def test_played_steps_are_those_of_a_training(family: str, root: Path) -> None:
    changes = {"training.length": "6 steps", "optimizer.discriminator_steps": 2, "networks.discriminator_dropout": 0.3}
    run = make_run(root, changes, family=family)
    train(run)
    board = board_of(run.config())
    for line in raw_lines(run):
        board.step_both()
        names = {"d_loss": "discriminator_loss", "g_loss": "generator_loss", "d_real": "d_real", "d_fake": "d_fake"}
        names["g_norm"] = "generator_grad_norm"
        written = {key: str(board.numbers[key]) for key in names}
        assert written == {key: str(line[name]) for key, name in names.items()}


def test_steps_by_hand_are_those_of_the_game() -> None:
    config = tiny(family="mlp")
    whole, by_hand = board_of(config), board_of(config)
    for _ in range(4):
        whole.step_both()
        by_hand.step_discriminator()
        by_hand.step_generator()
        assert by_hand.numbers == pytest.approx(whole.numbers, abs=1e-6)
    assert by_hand.step == whole.step == 4


def test_discriminator_alone_leaves_the_generator_and_the_other_way_round() -> None:
    board = board_of(tiny(family="mlp"))
    weights = {name: [one.clone() for one in getattr(board.game, name).parameters()] for name in ("generator", "discriminator")}

    def moved(name: str) -> bool:
        now = list(getattr(board.game, name).parameters())
        return not all(torch.equal(one, before) for one, before in zip(now, weights[name], strict=True))

    board.step_discriminator()
    assert (moved("discriminator"), moved("generator"), board.step) == (True, False, 0)
    weights["discriminator"] = [one.clone() for one in board.game.discriminator.parameters()]
    board.step_generator()
    assert (moved("discriminator"), moved("generator"), board.step) == (False, True, 1)


def test_games_of_one_process_do_not_disturb_each_other() -> None:
    config = tiny({"networks.discriminator_dropout": 0.5})
    alone, one, other = board_of(config), board_of(config), board_of(config)
    for _ in range(3):
        alone.step_both()
    for _ in range(3):
        one.step_both()
        other.step_both()
    assert one.numbers == other.numbers == alone.numbers


def test_game_from_a_checkpoint_goes_on_as_the_training_would(root: Path) -> None:
    run = make_run(root, {"training.length": "10 steps"}, family="mlp")
    train(run)
    saved = checkpoints.load(run.checkpoints_path, 5)
    board = board_of(run.config(), saved)
    assert board.step == 5
    board.step_both()
    assert str(raw_lines(run)[5]["discriminator_loss"]) == str(board.numbers["d_loss"])


def test_game_from_a_run_that_was_changed_goes_on_at_the_same_image(root: Path) -> None:
    run = make_run(root, {"training.length": "10 steps"}, family="mlp")
    changes.store(run, changes.planned(run.config(), [(3, {"optimizer.discriminator_steps": 2, "optimizer.generator_lr": 1e-3})]))
    train(run)
    board = board_of(changes.config_at(run, 5), checkpoints.load(run.checkpoints_path, 5))
    board.step_both()
    assert str(raw_lines(run)[5]["discriminator_loss"]) == str(board.numbers["d_loss"])


@pytest.mark.parametrize(
    ("key", "value"),
    [("optimizer.generator_lr", 0.5), ("objective.loss", "wasserstein"), ("objective.r1", 3.0), ("objective.weight_clip", 0.01)],
)
def test_knobs_change_the_game_from_the_next_step_on(key: str, value: Any) -> None:
    one, other = board_of(setups.base("ring")), board_of(setups.base("ring"))
    other.turn_knob(setups.turned(other.config, key, value))
    for board in (one, other):
        board.step_both()
        board.step_both()
    assert one.numbers != other.numbers


def test_batch_size_may_change() -> None:
    board = board_of(setups.base("ring"))
    board.step_both()
    board.turn_knob(setups.turned(board.config, "optimizer.batch_size", 16))
    board.deal()
    assert board.hand is not None
    assert board.hand.reals.shape == (16, 2)
    assert board.hand.z.shape == (16, 2)


def test_few_own_points_make_full_batches() -> None:
    points = tuple((float(place), 0.5 * place) for place in range(8))
    setup = setups.Setup(data=setups.OWN, points=points)
    (config,) = setups.boards(setup, Path("nowhere"))
    images = images_of(setup, config)
    assert len(images) >= config.optimizer.batch_size
    assert torch.equal(images.values[:8], torch.tensor(points))
    assert float((images.values[8:16] - images.values[:8]).abs().max()) < 0.5
