"""The two players: shapes, ranges, gradients and sizes of every family, for every image size and number of channels."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from gan import networks
from gan.config import FAMILIES, RunConfig
from gan.data import catalogue
from gan.networks import dcgan, mlp
from tests.helpers import tiny

SMALL = {
    "dcgan": {"networks.width": 4, "networks.depth": 2, "networks.latent": 7},
    "mlp": {"networks.hidden": 32, "networks.latent": 7},
}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("dcgan", {}), ("dcgan", {"networks.depth": 1}), ("dcgan", {"networks.latent": 1}),
    ("mlp", {}), ("mlp", {"networks.batch_norm": True}), ("mlp", {"networks.latent": 1}),
]  # fmt: skip


def config_of(family: str, size: int, changes: dict[str, Any] | None = None) -> RunConfig:
    """Return a configuration with small networks of a family for images of a size."""
    return tiny({"data.size": size, **SMALL[family], **(changes or {})}, family=family)


@pytest.fixture
def channels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Make the digits grey (1) or colour (3) for one test."""
    digits = dataclasses.replace(catalogue.DATA_SETS["digits"], channels=request.param)
    monkeypatch.setitem(catalogue.DATA_SETS, "digits", digits)
    count: int = request.param
    return count


def count(network: nn.Module) -> int:
    """Return the number of a network's parameters."""
    return sum(weight.numel() for weight in network.parameters())


def test_every_family_is_tested() -> None:
    assert {family for family, _ in VARIANTS} == set(FAMILIES) == set(SMALL)


@pytest.mark.parametrize("channels", [1, 3], indirect=True)
@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize(("family", "changes"), VARIANTS)
def test_players_fit_together_and_every_weight_learns(family: str, changes: dict[str, Any], size: int, channels: int) -> None:
    torch.manual_seed(0)
    config = config_of(family, size, changes)
    generator, discriminator = networks.build(config)
    assert generator.latent == config.networks.latent
    z = torch.randn(12, config.networks.latent)

    fakes = generator(z)
    assert fakes.shape == (12, channels, size, size)
    assert fakes.dtype == torch.float32
    assert fakes.min() >= -1
    assert fakes.max() <= 1
    assert fakes.std() > 0, "the images are not all one colour"
    assert not torch.equal(fakes[0], fakes[1]), "the images do not depend on z"

    logits = discriminator(fakes)
    assert logits.shape == (12,)
    assert logits.dtype == torch.float32

    logits.sum().backward()
    for player in (generator, discriminator):
        for name, weight in player.named_parameters():
            assert weight.grad is not None, f"{name} got no gradient"
            assert torch.isfinite(weight.grad).all()
            assert weight.grad.abs().sum() > 0 or is_before_norm(player, name), f"the gradient of {name} is zero"


def is_before_norm(player: nn.Module, name: str) -> bool:
    """Return whether a weight is a bias that a batch norm takes away again, so that its gradient is zero by right."""
    layers = list(player.get_submodule("layers"))  # type: ignore[call-overload]
    index = int(name.split(".")[1])
    return name.endswith("bias") and isinstance(layers[index + 1], nn.BatchNorm1d)


@pytest.mark.parametrize(("family", "changes"), VARIANTS)
def test_one_image_at_a_time_works_in_evaluation(family: str, changes: dict[str, Any]) -> None:
    generator, discriminator = networks.build(config_of(family, 16, changes))
    generator.eval()
    discriminator.eval()
    z = torch.randn(3, generator.latent)
    together = generator(z)
    assert torch.allclose(generator(z[:1]), together[:1], atol=1e-6), "an image depends on its neighbours"
    assert discriminator(together[:1]).shape == (1,)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_same_seed_gives_the_same_players(family: str) -> None:
    def players() -> list[torch.Tensor]:
        torch.manual_seed(3)
        return [value for player in networks.build(config_of(family, 16)) for value in player.state_dict().values()]

    assert all(torch.equal(one, other) for one, other in zip(players(), players(), strict=True))


@pytest.mark.parametrize("has_batch_norm", [False, True])
@pytest.mark.parametrize(("latent", "hidden", "size", "channels"), [(64, 256, 28, 1), (64, 512, 32, 3), (1, 8, 16, 1)])
def test_mlp_has_as_many_parameters_as_its_definition(
    latent: int, hidden: int, size: int, channels: int, has_batch_norm: bool
) -> None:
    pixels = channels * size * size
    norms = 2 * 2 * hidden if has_batch_norm else 0
    generator = (latent + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * pixels + norms
    discriminator = (pixels + 1) * hidden + (hidden + 1) * hidden + hidden + 1
    assert count(mlp.Generator(latent, hidden, (channels, size, size), has_batch_norm=has_batch_norm)) == generator
    assert count(mlp.Discriminator(hidden, (channels, size, size))) == discriminator


def test_dcgan_has_as_many_parameters_as_the_published_one() -> None:
    """The tutorial of PyTorch (nz 100, ngf = ndf = 64, nc 3, 64 pixels): kernels of 4×4, no biases, batch norm between.

    Ours differs by the biases where no batch norm follows (first and last layer), which the formula adds.
    """
    ngf, nz, nc = 64, 100, 3
    kernels = [(nz, ngf * 8), (ngf * 8, ngf * 4), (ngf * 4, ngf * 2), (ngf * 2, ngf), (ngf, nc)]
    tutorial_generator = sum(16 * a * b for a, b in kernels) + sum(2 * b for _, b in kernels[:-1])
    assert tutorial_generator == 3_576_704
    assert count(dcgan.Generator(latent=100, width=64, depth=4, size=64, channels=3)) == tutorial_generator + nc

    kernels = [(nc, ngf), (ngf, ngf * 2), (ngf * 2, ngf * 4), (ngf * 4, ngf * 8), (ngf * 8, 1)]
    tutorial_discriminator = sum(16 * a * b for a, b in kernels) + sum(2 * b for _, b in kernels[1:-1])
    assert tutorial_discriminator == 2_765_568
    assert count(dcgan.Discriminator(width=64, depth=4, size=64, channels=3)) == tutorial_discriminator + ngf + 1


def test_dcgan_starts_from_the_weights_of_the_paper() -> None:
    torch.manual_seed(0)
    for player in (dcgan.Generator(100, 32, 4, 64, 3), dcgan.Discriminator(32, 4, 64, 3)):
        for layer in player.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and layer.weight.numel() > 10_000:
                assert float(layer.weight.detach().mean()) == pytest.approx(0, abs=1e-3)
                assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
            if isinstance(layer, nn.BatchNorm2d):
                assert float(layer.weight.detach().mean()) == pytest.approx(1, abs=0.02)
                assert float(layer.bias.detach().abs().max()) == 0
        assert not any(isinstance(layer, nn.Sigmoid) for layer in player.modules()), "logits are wanted"


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_dcgan_of_every_depth_halves_and_doubles_as_often(depth: int) -> None:
    generator, discriminator = dcgan.Generator(5, 4, depth, 64, 1), dcgan.Discriminator(4, depth, 64, 1)
    sizes: list[int] = []
    for layer in [*generator.layers, *discriminator.layers]:
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-1]))
    discriminator(generator(torch.randn(2, 5)))
    up = [64 >> level for level in range(depth, -1, -1)]
    assert sizes == [*up, *reversed(up[:-1]), 1]
