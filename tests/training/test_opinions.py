"""What the discriminator thinks of samples: right values, and a training that does not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gan.catalogue.losses import LOSSES
from gan.config import GRID
from gan.runs import Opinions
from gan.training import assembly, opinions, state
from tests.helpers import losses, make_run, tiny, train

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("loss", ["non-saturating", "wasserstein"])
def test_opinion_is_the_probability_or_the_output(loss: str) -> None:
    torch.manual_seed(0)
    changes = {"objective.loss": loss, **({"objective.weight_clip": 0.05} if loss == "wasserstein" else {})}
    game = assembly.build_game(tiny(changes, family="mlp"), CPU, "fp32")
    images = torch.rand(5, 1, 16, 16) * 2 - 1
    with torch.no_grad():
        outputs = game.discriminator(images)
    expected = torch.sigmoid(outputs) if LOSSES[loss].is_probability else outputs
    assert opinions.judge(game, images, None) == pytest.approx(expected.tolist(), abs=1e-4)


def test_images_of_a_pack_share_their_opinion() -> None:
    torch.manual_seed(0)
    game = assembly.build_game(tiny({"networks.packing": 3, "optimizer.batch_size": 30}, family="mlp"), CPU, "fp32")
    images = torch.rand(7, 1, 16, 16) * 2 - 1
    found = opinions.judge(game, images, None, packing=3)
    assert len(found) == 7
    assert found[0] == found[1] == found[2] != found[3] == found[4] == found[5]
    with torch.no_grad():
        last = torch.sigmoid(game.discriminator(torch.cat([images[6:], images[:2]])))
    assert found[6] == pytest.approx(float(last[0]), abs=1e-4), "the last pack is filled up with the first images"


def test_opinion_that_is_not_finite_is_none() -> None:
    game = assembly.build_game(tiny(family="mlp"), CPU, "fp32")
    images = torch.full((2, 1, 16, 16), torch.nan)
    assert opinions.judge(game, images, None) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"networks.discriminator_norm": "batch"},
        {"networks.discriminator_norm": "spectral"},
        {"networks.discriminator_norm": "none", "networks.discriminator_dropout": 0.3},
    ],
    ids=["batch", "spectral", "dropout"],
)
def test_judging_leaves_the_discriminator_and_the_random_state_unchanged(changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    game = assembly.build_game(tiny(changes), CPU, "fp32")
    before = {name: tensor.clone() for name, tensor in state.pack(game)[0].items()}
    images = torch.rand(8, 1, 16, 16) * 2 - 1
    random = torch.get_rng_state()
    assert opinions.judge(game, images, None)
    assert torch.equal(torch.get_rng_state(), random)
    assert game.discriminator.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.pack(game)[0].items())


@pytest.mark.parametrize(
    ("changes", "family"),
    [({}, "dcgan"), ({"networks.conditional": True}, "dcgan"), ({"data.name": "ring", "objective.loss": "least-squares"}, "mlp")],
    ids=["images", "classes", "points"],
)
def test_every_snapshot_has_opinions_and_the_training_does_not_notice(root: Path, changes: dict[str, Any], family: str) -> None:
    run, silent = (make_run(root, {**changes, "cadence.sample_every": every}, family=family) for every in ("4 steps", "0 steps"))
    assert train(run).state == train(silent).state == "finished"
    assert losses(run) == losses(silent)
    columns = len(run.config().columns) or GRID
    shown = GRID * (GRID if run.config().data.is_points else columns)
    assert list(run.samples()) == [0, 4, 8, 12]
    for step in run.samples():
        found = run.opinions(step)
        assert found
        assert (len(found.real), len(found.fake)) == (GRID**2, shown)
        assert found.is_probability == LOSSES[run.config().objective.loss].is_probability
        assert all(value is not None and (not found.is_probability or 0 <= value <= 1) for value in found.real + found.fake)
    assert run.opinions(0) != run.opinions(12)


def test_unknown_or_damaged_opinions_are_none(root: Path) -> None:
    run = make_run(root)
    assert run.opinions(3) is None
    run.write_opinions(3, Opinions(is_probability=True, real=(0.5, None), fake=(0.25,)))
    assert run.opinions(3) == Opinions(is_probability=True, real=(0.5, None), fake=(0.25,))
    for content in (b"", b"[]", b'{"is_probability": true, "real": ["x"], "fake": []}', b"\xff"):
        run.opinions_path(3).write_bytes(content)
        assert run.opinions(3) is None
