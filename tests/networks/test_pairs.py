"""Players of other programs become ours: equal pictures and opinions, or a sentence on the layer that does not fit."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan import networks
from gan.errors import InputError
from gan.networks import foreign
from gan.networks.foreign import Misfit, Ours
from tests.networks.made_elsewhere import FOLDER, examples
from tests.networks.test_foreign import repacked, saved

pytestmark = pytest.mark.usefixtures("one_thread")

GENERATORS = ["pair_generator.keras", "pair_generator.weights.h5"]


def players(pair: Ours) -> tuple[nn.Module, nn.Module]:
    """Return our networks with the tensors of a pair."""
    built = networks.build(pair.config)
    for name, player in zip(("generator/", "discriminator/"), built, strict=True):
        player.load_state_dict({key.removeprefix(name): value for key, value in pair.tensors.items() if key.startswith(name)})
        player.eval()
    return built


@pytest.mark.parametrize("channels", [1, 3])
def test_pytorch_examples_are_a_dcgan_of_ours(tmp_path: Path, channels: int) -> None:
    original, judge = examples(tmp_path, channels)
    pair = foreign.read_pair(foreign.read(tmp_path / "netG_epoch_2.pth"), tmp_path / "netD_epoch_2.pth")
    generator, discriminator = players(pair)
    z = torch.randn(5, 6)
    with torch.no_grad():
        drawn = original(z[:, :, None, None])
        assert drawn.std() > 0.1 and torch.allclose(generator(z), drawn, atol=1e-5)
        opinions = judge(drawn)
        assert opinions.std() > 1e-3 and torch.allclose(torch.sigmoid(discriminator(drawn)), opinions, atol=1e-5)
    config = pair.config
    assert (config.networks.family, config.networks.width, config.data.size) == ("dcgan", 4, 64)  # type: ignore[union-attr]
    assert config.data.channels == channels and config.optimizer.beta1 == 0.5 and not config.optimizer.ema_half_life


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_tutorial_of_keras_is_ours(generator: str) -> None:
    pair = foreign.read_pair(foreign.read(FOLDER / generator), FOLDER / "pair_discriminator.keras")
    ours, judge = players(pair)
    told = np.load(FOLDER / "pair.npz")
    z = torch.from_numpy(np.random.RandomState(0).randn(3, 6).astype(np.float32))
    with torch.no_grad():
        drawn = ours(z)
        assert np.abs(drawn.permute(0, 2, 3, 1).numpy() - told["pictures"]).max() < 1e-5
        assert np.abs(judge(drawn).numpy() - told["logits"].ravel()).max() < 1e-4
    assert (pair.config.networks.family, pair.config.data.size) == ("keras-dcgan", 28)
    assert pair.config.optimizer.algorithm == "keras-adam"
    weights = foreign.read_pair(foreign.read(FOLDER / generator), FOLDER / "discriminator.weights.h5")
    assert weights.config == pair.config, "the tutorial's dropout is known"


def misfit(generator: Path, discriminator: Path) -> str:
    with pytest.raises(Misfit) as caught:
        foreign.read_pair(foreign.read(generator), discriminator)
    return str(caught.value)


def test_networks_that_are_no_pair_are_named(tmp_path: Path) -> None:
    examples(tmp_path)
    generator, discriminator = tmp_path / "netG_epoch_2.pth", tmp_path / "netD_epoch_2.pth"
    (tmp_path / "wide").mkdir()
    examples(tmp_path / "wide", width=8)
    assert "networks.width 8 and the generator 4" in misfit(generator, tmp_path / "wide" / "netD_epoch_2.pth")
    assert "main.1.bias is not expected" in misfit(generator, generator)
    assert "networks.family" in misfit(generator, FOLDER / "pair_discriminator.keras")
    state: dict[str, Tensor] = torch.load(discriminator)
    for name, value, said in (
        ("main.5.weight", torch.zeros(8, 8, 4, 4), "main.5.weight is 8 × 8 × 4 × 4, expected 16 × 8 × 4 × 4"),
        ("main.3.weight", None, "main.3.weight is missing"),
        ("features.weight", torch.zeros(3), "features.weight is no layer"),
    ):
        changed = {key: one for key, one in {**state, name: value}.items() if one is not None}
        assert said in misfit(generator, saved(tmp_path / "odd.pth", changed))
    assert "main.0 has 9 filters" in _uneven(tmp_path, generator)
    assert "of the generator" in misfit(FOLDER / "faces.keras", FOLDER / "pair_discriminator.keras")
    assert "networks.width is 2" in misfit(FOLDER / "tutorial.keras", FOLDER / "pair_discriminator.keras")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="no discriminator"):
        foreign.read_pair(foreign.read(generator), tmp_path / "text")


def _uneven(folder: Path, generator: Path) -> str:
    """Return why a generator whose layers do not double is none of ours."""
    state: dict[str, Tensor] = torch.load(generator)
    state["main.0.weight"] = torch.zeros(6, 9, 4, 4)
    state |= {f"main.1.{key}": torch.ones(9) for key in ("weight", "bias", "running_mean", "running_var")}
    state["main.3.weight"] = torch.zeros(9, 16, 4, 4)
    found = foreign.read(saved(folder / "uneven.pth", state))
    assert found.ours is None
    return found.misfit


@pytest.mark.parametrize(
    ("file", "kind", "settings", "said"),
    [
        ("pair_generator.keras", "LeakyReLU", {"negative_slope": 0.2}, "slope"),
        ("pair_generator.keras", "BatchNormalization", {"momentum": 0.8}, "momentum 0.8"),
        ("pair_discriminator.keras", "Dropout", {"rate": 0.95}, "rate"),
        ("pair_discriminator.keras", "Conv2D", {"strides": [1, 1]}, "strides [1, 1]"),
        ("pair_discriminator.keras", "Dense", {"activation": "sigmoid"}, "logits"),
    ],
)
def test_other_settings_of_keras_are_named(tmp_path: Path, file: str, kind: str, settings: dict[str, Any], said: str) -> None:
    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        for layer in config["config"]["layers"]:
            layer["config"] |= settings if layer["class_name"] == kind else {}
        members["config.json"] = json.dumps(config).encode()

    changed = repacked(FOLDER / file, tmp_path / file, change)
    generator, discriminator = (
        changed if name == file else FOLDER / name for name in ("pair_generator.keras", "pair_discriminator.keras")
    )
    assert said in misfit(generator, discriminator)


def test_a_damaged_discriminator_is_refused_or_no_pair(tmp_path: Path) -> None:
    examples(tmp_path)
    generator = foreign.read(tmp_path / "netG_epoch_2.pth")
    for whole in (tmp_path / "netD_epoch_2.pth", FOLDER / "pair_discriminator.keras", FOLDER / "discriminator.weights.h5"):
        content = whole.read_bytes()
        for share in (0.0, 0.3, 0.9, 0.999):
            (tmp_path / "cut").write_bytes(content[: int(share * len(content))])
            with pytest.raises((InputError, Misfit)):
                foreign.read_pair(generator, tmp_path / "cut")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("a", b"")
    with pytest.raises(InputError):
        foreign.read_pair(generator, tmp_path / "empty.zip")
