"""The Keras DCGAN computes what Keras computes: paddings, batch norm, Adam, and whole trainings.

``keras_steps.json`` holds the losses of Keras 3.15.1, and a picture, as ``benchmarks/keras_steps.py`` has written them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import keras_steps
from gan import config as configs
from gan import networks
from gan.config.families import KerasDcganConfig
from gan.networks import keras_dcgan
from gan.networks.keras_dcgan import Double, Halve
from gan.training.keras_adam import KerasAdam
from tests.helpers import tiny

KERAS = json.loads(Path(__file__).with_name("keras_steps.json").read_text())
KERNEL = torch.arange(25.0).view(1, 1, 5, 5)

pytestmark = pytest.mark.usefixtures("one_thread")


@torch.no_grad()
def test_strided_convolution_pads_one_before_and_two_after() -> None:
    layer = Halve(1, 1)
    layer.weight.copy_(KERNEL)
    assert layer.bias is not None
    layer.bias.zero_()
    assert layer(torch.arange(64.0).view(1, 1, 8, 8))[0, 0].tolist() == [
        [4060, 5390, 5970, 3524],
        [8000, 10150, 10750, 6160],
        [12000, 14950, 15550, 8800],
        [4790, 5785, 5995, 3162],
    ]


@torch.no_grad()
def test_transposed_convolution_cuts_one_before_and_two_after() -> None:
    layer = Double(1, 1)
    layer.weight.copy_(KERNEL)
    drawn = layer(torch.arange(16.0).view(1, 1, 4, 4))[0, 0]
    assert drawn.shape == (8, 8)
    assert drawn[:2].tolist() == [[0, 5, 6, 17, 20, 38, 34, 39], [4, 18, 28, 58, 56, 100, 84, 102]]
    assert drawn[-1].tolist() == [300, 630, 672, 1054, 740, 1156, 808, 858]


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4, 4)])
def test_running_variance_is_that_of_the_population(shape: tuple[int, ...]) -> None:
    norm = (keras_dcgan.BatchNorm1d if len(shape) == 2 else keras_dcgan.BatchNorm2d)(3, eps=1e-3, momentum=0.01)
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 5 + 2
    axes = [axis for axis in range(len(shape)) if axis != 1]
    expected = torch.ones(3)
    for _ in range(3):
        normalised = norm(maps)
        expected = 0.99 * expected + 0.01 * maps.var(axes, correction=0)
    assert norm.running_var is not None
    assert torch.allclose(norm.running_var, expected, rtol=1e-6)
    assert torch.allclose(normalised.var(axes, correction=0), torch.ones(3), atol=1e-3)
    plain = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(3, eps=1e-3)
    plain.load_state_dict(norm.state_dict())
    assert torch.equal(plain.eval()(maps), norm.eval()(maps))
    norm.train().reset_running_stats()
    norm.momentum = None  # a plain mean over all batches, for averaged generators
    for scale in (1, 3):
        norm(maps * scale)
    assert torch.allclose(norm.running_var, 5 * maps.var(axes, correction=0))


@pytest.mark.parametrize(("is_keras", "moved"), [(True, 3.065e-6), (False, 9.091e-5)])
def test_epsilon_comes_before_the_bias_correction(is_keras: bool, moved: float) -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = (KerasAdam if is_keras else torch.optim.Adam)([weight], lr=1e-4)
    weight.grad = torch.full((1,), 1e-7)
    optimizer.step()
    assert -float(weight.detach()) == pytest.approx(moved, rel=2e-4)


def test_adam_as_in_keras_goes_on_after_it_was_saved() -> None:
    def slopes(step: int) -> torch.Tensor:
        return torch.randn(4, generator=torch.Generator().manual_seed(step)) * 1e-7

    # Keras' own formula, in float64.
    expected, mean, square = np.zeros(4), np.zeros(4), np.zeros(4)
    for step in range(1, 7):
        slope = slopes(step).double().numpy()
        mean, square = mean + 0.1 * (slope - mean), square + 1e-3 * (slope**2 - square)
        expected -= 1e-3 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * mean / (np.sqrt(square) + 1e-7)

    weight = nn.Parameter(torch.zeros(4))
    optimizer = KerasAdam([weight], lr=1e-3, fused=True)
    for step in range(1, 7):
        if step == 4:
            saved, optimizer = optimizer.state_dict(), KerasAdam([weight], lr=1e-3, fused=True)
            optimizer.load_state_dict(saved)
        weight.grad = slopes(step)
        optimizer.step()
    assert np.allclose(weight.detach().numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("order", keras_steps.ORDERS)
def test_fifty_steps_have_the_losses_of_keras(order: str) -> None:
    ours, _ = keras_steps.in_torch(order)
    for name, largest in keras_steps.apart(KERAS[order], ours).items():
        assert largest < 1e-4, name
    assert not np.allclose(KERAS["simultaneous"]["losses"], KERAS["alternating"]["losses"], atol=1e-2)


def test_all_defaults_are_those_of_keras() -> None:
    layers = list(keras_dcgan.generator(KerasDcganConfig(), 100, (1, 28, 28)).modules())
    layers += list(keras_dcgan.discriminator(KerasDcganConfig(), (1, 28, 28))[0].modules())
    assert {layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)} == {0.3}
    assert {layer.p for layer in layers if isinstance(layer, nn.Dropout)} == {0.3}
    norms = [layer for layer in layers if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert {(layer.eps, layer.momentum) for layer in norms} == {(1e-3, 0.01)}
    for layer in layers:  # Glorot uniform has the same limit for both kinds of convolutions
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            limit = (6 / (25 * (layer.in_channels + layer.out_channels))) ** 0.5
            assert 0.95 * limit < float(layer.weight.detach().abs().max()) <= limit


@pytest.mark.parametrize("version", [1, 2])
def test_old_runs_keep_the_conventions_of_torch(version: int) -> None:
    raw = configs.replace(tiny(), {"networks.family": "keras-dcgan"}).model_dump(mode="json")
    assert raw["schema_version"] == 3
    assert configs.parse(raw).networks.conventions == "keras"  # type: ignore[union-attr]
    del raw["networks"]["conventions"]
    old = configs.parse({**raw, "schema_version": version}, stored=True)
    assert old.networks.conventions == "torch"  # type: ignore[union-attr]
    kinds = {type(layer) for player in networks.build(old) for layer in player.modules()}
    assert not kinds & {Double, Halve, keras_dcgan.BatchNorm1d, keras_dcgan.BatchNorm2d}
    assert configs.parse(json.loads(old.model_dump_json()), stored=True) == old


def test_old_conventions_draw_what_they_drew() -> None:
    """The layers of a generator and a discriminator as they were before schema version 3."""
    torch.manual_seed(0)
    settings = KerasDcganConfig(width=4, conventions="torch", discriminator_dropout=0)
    generator = keras_dcgan.generator(settings, 7, (1, 16, 16))
    discriminator, _ = keras_dcgan.discriminator(settings, (1, 16, 16))
    maker = nn.Sequential(
        *(nn.Linear(7, 4 * 4 * 16, bias=False), nn.BatchNorm1d(256, 1e-3, 0.01), nn.LeakyReLU(0.3), nn.Unflatten(1, (16, 4, 4))),
        *(nn.ConvTranspose2d(16, 8, 5, 1, 2, bias=False), nn.BatchNorm2d(8, 1e-3, 0.01), nn.LeakyReLU(0.3)),
        *(nn.ConvTranspose2d(8, 4, 5, 2, 2, 1, bias=False), nn.BatchNorm2d(4, 1e-3, 0.01), nn.LeakyReLU(0.3)),
        *(nn.ConvTranspose2d(4, 1, 5, 2, 2, 1, bias=False), nn.Tanh()),
    )
    judge = nn.Sequential(
        *(nn.Conv2d(1, 4, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0)),
        *(nn.Conv2d(4, 8, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0)),
    )
    maker.load_state_dict(generator.state_dict())
    judge.load_state_dict(discriminator.state_dict())
    images = torch.randn(6, 1, 16, 16)
    assert torch.equal(judge(images), discriminator(images))
    z = torch.randn(6, 7)
    assert torch.equal(maker(z), generator(z))
    assert all(torch.equal(value, generator.state_dict()[name]) for name, value in maker.state_dict().items())
