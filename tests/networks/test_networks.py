"""The two players: the contract of every family, with each of its options, for every image size and number of channels."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan import config as configs
from gan import networks
from gan.config import RunConfig
from gan.config.families import FAMILIES, DcganConfig, KerasDcganConfig, ModernConfig, ResnetConfig
from gan.networks import dcgan, keras_dcgan, modern
from gan.networks.players import Discriminator, Generator

BATCH = 12  # packs of 1 to 4 images, and groups of four, three or two packs
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": 32},
    "dcgan": {"width": 4, "depth": 2},
    "keras-dcgan": {"width": 4},
    "resnet": {"width": 4},
    "modern": {"width": 16},
}
SPECTRAL = [("mlp", "generator_norm"), ("mlp", "discriminator_norm"), ("dcgan", "generator_norm"), ("dcgan", "discriminator_norm")]


def config_of(family: str, size: int = 32, colour: str = "grey", **changes: Any) -> RunConfig:
    """Return a configuration with small networks of a family, for digits of a size and colour."""
    settings = {"latent": 7, **SMALL[family], **changes}
    return configs.replace(
        RunConfig(),
        {
            "networks.family": family,
            **{f"networks.{name}": value for name, value in settings.items()},
            "data.size": size,
            "data.colour": colour,
            "optimizer.batch_size": BATCH,
        },
    )


def options(family: str) -> Iterator[dict[str, Any]]:
    """Yield every choice of every setting of a family, one at a time; for whole numbers, the four smallest."""
    for name, info in FAMILIES[family].model_fields.items():
        if name == "family":
            continue
        if info.annotation is int:
            step = next((part.multiple_of for part in info.metadata if hasattr(part, "multiple_of")), 1)
            low = configs.bounds_of(info)["ge"]
            most = configs.bounds_of(info)["le"]
            values: tuple[Any, ...] = tuple(value for value in (low + number * step for number in range(4)) if value <= most)
        else:
            values = {bool: (False, True), float: (0.0, 0.5)}.get(info.annotation) or get_args(info.annotation)  # type: ignore[arg-type]
        yield from ({name: value} for value in values)


VARIANTS = [(family, changes) for family in FAMILIES for changes in options(family)]
TOGETHER: list[tuple[str, dict[str, Any]]] = [
    (family, {"conditional": True, "minibatch": minibatch, "packing": packing})
    for family in FAMILIES
    for minibatch, packing in (("discrimination", 2), ("deviation", 3))
]


def play(config: RunConfig, count: int = BATCH, seed: int = 0) -> tuple[Generator, Discriminator, Tensor, Tensor | None]:
    """Return both players and the generator's inputs: z [count, latent] and labels [count]."""
    torch.manual_seed(seed)
    generator, discriminator = networks.build(config)
    labels = torch.arange(count) % config.classes if config.classes else None
    return generator, discriminator, torch.randn(count, config.networks.latent), labels


def wake(player: nn.Module) -> None:
    """Give weights that start at zero (the ends of R3GAN's blocks) a value, since no gradient passes through them otherwise."""
    for weight in player.parameters():
        if not weight.any():
            nn.init.normal_(weight, 0.0, 0.1)


def count(network: nn.Module) -> int:
    """Return the number of a network's parameters."""
    return sum(weight.numel() for weight in network.parameters())


def named(variant: Any) -> str:
    """Return the id of a variant in the list of tests."""
    return ",".join(f"{name}={value}" for name, value in variant.items()) if isinstance(variant, dict) else str(variant)


def test_every_family_is_built_and_tested() -> None:
    assert set(networks.FAMILIES) == set(FAMILIES) == set(SMALL)


@pytest.mark.parametrize(("family", "changes"), VARIANTS + TOGETHER, ids=named)
def test_players_fit_together_and_every_weight_learns(family: str, changes: dict[str, Any]) -> None:
    check_contract(config_of(family, **changes))


@pytest.mark.parametrize("colour", ["grey", "colour"])
@pytest.mark.parametrize("size", [16, 64, 128, 256])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_size_and_number_of_channels(family: str, size: int, colour: str) -> None:
    check_contract(config_of(family, size, colour), count=2 if size > 64 else BATCH)


@pytest.mark.parametrize(
    ("family", "changes"), [("mlp", {}), ("keras-dcgan", {}), ("dcgan", {"depth": 1}), ("dcgan", {"depth": 2})]
)
def test_pictures_of_28_pixels(family: str, changes: dict[str, Any]) -> None:
    check_contract(config_of(family, 28, "grey", **changes))


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_dcgan_of_every_depth_and_kernel(depth: int, kernel: int) -> None:
    check_contract(config_of("dcgan", 128, width=4, depth=depth, kernel=kernel, extra_layers=1), count=2)


def check_contract(config: RunConfig, count: int = BATCH) -> None:
    """Assert shape, range and type of both players' outputs, and that gradients reach all weights of both."""
    generator, discriminator, z, labels = play(config, count)
    wake(generator)
    wake(discriminator)
    assert generator.latent == config.networks.latent

    fakes = generator(z, labels)
    assert fakes.shape == (count, *config.data.shape)
    assert fakes.dtype == torch.float32
    assert fakes.min() >= -1
    assert fakes.max() <= 1
    assert fakes.std() > 0, "the images are all one colour"
    assert not torch.equal(fakes[0], fakes[1]), "the images do not depend on z"

    logits = discriminator(fakes, labels)
    assert logits.shape == (count // config.networks.packing,)
    assert logits.dtype == torch.float32

    (logits * torch.randn_like(logits)).sum().backward()
    for player, norm in ((generator, "generator_norm"), (discriminator, "discriminator_norm")):
        takes_biases = getattr(config.networks, norm, "") in ("batch", "instance") or config.networks.family == "keras-dcgan"
        for name, weight in player.named_parameters():
            assert weight.grad is not None, f"{name} got no gradient"
            assert torch.isfinite(weight.grad).all()
            # A norm subtracts the mean, and with it every bias before it.
            is_taken = takes_biases and name.endswith("bias")
            assert weight.grad.any() or is_taken, f"the gradient of {name} is zero"


@pytest.mark.parametrize("norm", ["batch", "layer", "spectral", "none"])
def test_points_have_no_bounds(norm: str) -> None:
    config = configs.replace(
        RunConfig(),
        {
            "networks.family": "mlp",
            "networks.hidden": 16,
            "data.name": "ring",
            "networks.generator_norm": norm,
            "networks.packing": 2,
            "networks.conditional": True,
            "optimizer.batch_size": BATCH,
        },
    )
    generator, discriminator, z, labels = play(config)
    points = generator(z, labels)
    assert points.shape == (BATCH, 2)
    assert discriminator(points, labels).shape == (BATCH // 2,)
    with torch.no_grad():
        generator.get_submodule("layers")[-1].bias.fill_(5.0)  # type: ignore[index]
    assert generator(z, labels).abs().max() > 1


@pytest.mark.parametrize(("family", "changes"), VARIANTS + TOGETHER, ids=named)
def test_one_image_at_a_time_works_in_evaluation(family: str, changes: dict[str, Any]) -> None:
    generator, discriminator, z, labels = play(config_of(family, 16, **changes) if "depth" not in changes else config_of(family))
    generator.eval()
    discriminator.eval()
    wake(generator)
    together = generator(z, labels)
    alone = torch.cat([generator(z[[place]], None if labels is None else labels[[place]]) for place in range(BATCH)])
    assert torch.allclose(alone, together, atol=1e-5), "an image depends on its neighbours"
    pack = discriminator.packing
    assert discriminator(together[:pack], None if labels is None else labels[:pack]).shape == (1,)


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_of_one_pack_do_not_depend_on_others_without_statistics(family: str) -> None:
    generator, discriminator, z, labels = play(config_of(family, packing=2, conditional=True))
    discriminator.eval()
    images = generator(z, labels).detach()
    assert labels is not None
    alone = torch.cat([discriminator(images[at : at + 2], labels[at : at + 2]) for at in range(0, BATCH, 2)])
    assert torch.allclose(alone, discriminator(images, labels), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("minibatch", ["discrimination", "deviation"])
def test_statistics_detect_identical_images(family: str, minibatch: str) -> None:
    generator, discriminator, z, _ = play(config_of(family, minibatch=minibatch))
    discriminator.eval()
    wake(generator)
    images = generator(z).detach()
    image = images[:1]
    assert not torch.allclose(discriminator(image.expand_as(images))[0], discriminator(images)[0], rtol=1e-5, atol=0)


@pytest.mark.parametrize(("family", "changes"), [(family, {}) for family in FAMILIES] + TOGETHER, ids=named)
def test_same_seed_gives_the_same_players(family: str, changes: dict[str, Any]) -> None:
    def players(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        return [value for player in networks.build(config_of(family, 16, **changes)) for value in player.state_dict().values()]

    assert all(torch.equal(one, other) for one, other in zip(players(3), players(3), strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(players(3), players(4), strict=True))


@pytest.mark.parametrize(("family", "changes"), VARIANTS + TOGETHER, ids=named)
def test_copies_and_saved_weights_give_the_same_images(family: str, changes: dict[str, Any]) -> None:
    config = config_of(family, **changes)
    generator, discriminator, z, labels = play(config)
    discriminator(generator(z, labels), labels)  # updates running means and singular vectors
    others = networks.build(config)
    copies = copy.deepcopy(generator), copy.deepcopy(discriminator)
    for player, other in zip((generator, discriminator), others, strict=True):
        other.load_state_dict(player.state_dict())
    for player in (generator, discriminator, *others, *copies):
        player.eval()
    images = generator(z, labels)
    for one, two in (others, copies):
        assert torch.equal(one(z, labels), images)
        assert torch.equal(two(images, labels), discriminator(images, labels))
    with torch.no_grad():
        for weight in generator.parameters():
            weight.zero_()
    assert torch.equal(copies[0](z, labels), images), "a copy shares weights with the original"


@pytest.mark.parametrize(("family", "field"), [*SPECTRAL, ("resnet", "discriminator_norm")])
def test_spectral_norm_leaves_a_largest_singular_value_of_one(family: str, field: str) -> None:
    config = config_of(family, **{field: "spectral"}, conditional=True, **({"extra_layers": 1} if family == "dcgan" else {}))
    generator, discriminator, z, labels = play(config)
    player = generator if field.startswith("generator") else discriminator
    with torch.no_grad():
        for weight in player.parameters():
            weight.mul_(3.0)
    for _ in range(60):  # one step of the power iteration each
        discriminator(generator(z, labels).detach(), labels)
    player.eval()
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d) + ((nn.Embedding,) if player is discriminator else ())
    layers = [layer for layer in player.modules() if isinstance(layer, kinds)]
    for layer in layers:
        assert parametrize.is_parametrized(layer, "weight")
        weight = layer.weight.detach().transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight.detach()
        assert float(torch.linalg.svdvals(weight.flatten(1)).max()) == pytest.approx(1, rel=0.02)
    # In evaluation, a forward pass leaves all weights and buffers unchanged.
    before = player.state_dict()
    discriminator.eval()(generator.eval()(z, labels), labels)
    assert all(torch.equal(value, before[name]) for name, value in player.state_dict().items())
    assert len(layers) > 2


@pytest.mark.parametrize("norm", ["none", "batch", "layer", "spectral"])
@pytest.mark.parametrize(
    ("latent", "hidden", "depth", "size", "colour"),
    [
        (64, 256, 2, 32, "grey"),
        (64, 512, 1, 32, "colour"),
        (1, 8, 5, 16, "grey"),
    ],
)
def test_mlp_has_as_many_parameters_as_its_definition(
    latent: int, hidden: int, depth: int, size: int, colour: str, norm: str
) -> None:
    pixels = (1 if colour == "grey" else 3) * size * size
    between = (depth - 1) * (hidden + 1) * hidden + (2 * hidden * depth if norm in ("batch", "layer") else 0)
    generator, discriminator = networks.build(
        config_of("mlp", size, colour, latent=latent, hidden=hidden, depth=depth, generator_norm=norm, discriminator_norm=norm)
    )
    assert count(generator) == (latent + 1) * hidden + between + (hidden + 1) * pixels
    assert count(discriminator) == (pixels + 1) * hidden + between + hidden + 1


def test_dcgan_has_as_many_parameters_as_the_published_one() -> None:
    """The tutorial of PyTorch (nz 100, ngf = ndf = 64, nc 3, 64 pixels): kernels of 4×4, no biases, batch norm between.

    Ours also has biases where no batch norm follows (first and last layer); the assertions add them.
    """
    ngf, nz, nc = 64, 100, 3
    generator, discriminator = networks.build(config_of("dcgan", 64, "colour", latent=nz, width=ngf, depth=4))
    kernels = [(nz, ngf * 8), (ngf * 8, ngf * 4), (ngf * 4, ngf * 2), (ngf * 2, ngf), (ngf, nc)]
    tutorial_generator = sum(16 * a * b for a, b in kernels) + sum(2 * b for _, b in kernels[:-1])
    assert tutorial_generator == 3_576_704
    assert count(generator) == tutorial_generator + nc

    kernels = [(nc, ngf), (ngf, ngf * 2), (ngf * 2, ngf * 4), (ngf * 4, ngf * 8), (ngf * 8, 1)]
    tutorial_discriminator = sum(16 * a * b for a, b in kernels) + sum(2 * b for _, b in kernels[1:-1])
    assert tutorial_discriminator == 2_765_568
    assert count(discriminator) == tutorial_discriminator + ngf + 1


def test_keras_dcgan_has_as_many_parameters_as_the_tutorial() -> None:
    """Its model.summary() for 28 pixels: 2,305,472 trainable parameters in the generator, 212,865 in the discriminator."""
    settings, shape = KerasDcganConfig(), (1, 28, 28)
    body, features = keras_dcgan.discriminator(settings, shape)
    assert count(keras_dcgan.generator(settings, 100, shape)) == 2_305_472
    assert count(Discriminator(body, features, keras_dcgan.initialise)) == 212_865

    # The same at 32 pixels: dense 8·8·256 without bias, and three norms.
    generator, discriminator = networks.build(config_of("keras-dcgan", 32, latent=100, width=64))
    dense, kernels = 8 * 8 * 256, ((256, 128), (128, 64), (64, 1))
    assert count(generator) == 100 * dense + sum(25 * a * b for a, b in kernels) + 2 * (dense + 128 + 64)
    assert count(discriminator) == 25 * 64 + 64 + 25 * 64 * 128 + 128 + 128 * 8 * 8 + 1
    deeper, _ = networks.build(config_of("keras-dcgan", 32, latent=100, width=64, extra_layers=3))
    assert count(deeper) == count(generator) + sum(25 * filters**2 + 2 * filters for filters in (256, 128, 64))


def test_resnet_has_as_many_parameters_as_table_4_of_sngan() -> None:
    assert ResnetConfig().latent == 128
    for width, latent in ((256, 128), (8, 5)):
        generator, discriminator = networks.build(config_of("resnet", 32, "colour", width=width, latent=latent))
        conv, norm, across = 9 * width * width + width, 2 * width, width * width + width
        assert count(generator) == ((latent + 1) * 4 * 4 * width + 3 * (2 * norm + 2 * conv + across) + norm + 9 * width * 3 + 3)
        first = 9 * 3 * width + width + conv + 3 * width + width
        assert count(discriminator) == first + (2 * conv + across) + 2 * (2 * conv) + width + 1


def test_modern_has_as_many_parameters_as_its_definition() -> None:
    latent, width, blocks = 7, 32, 2
    generator, discriminator = networks.build(config_of("modern", 32, "colour", latent=latent, width=width, blocks=blocks))
    filters = [width, 2 * width, 4 * width, 4 * width]  # at 32, 16, 8 and 4 pixels

    def block(size: int) -> int:
        return 2 * size * size + 2 * size + 9 * 16 * 2 * size + 2 * size + 2 * size * size

    both = sum(blocks * block(size) for size in filters) + sum(a * b for a, b in itertools.pairwise(filters) if a != b)
    assert count(generator) == both + filters[-1] * (16 + latent) + 3 * width
    assert count(discriminator) == both + 3 * width + width + 16 * filters[-1] + filters[-1] + 1


@pytest.mark.parametrize("family", FAMILIES)
def test_options_add_the_expected_number_of_parameters(family: str) -> None:
    plain_generator, plain_discriminator = map(count, networks.build(config_of(family)))
    features = networks.build(config_of(family))[1].head.in_features
    classes, extra = 10, {"discrimination": 32, "deviation": 1}
    for minibatch, statistics in extra.items():
        _, discriminator = networks.build(config_of(family, minibatch=minibatch))
        learned = features * 32 * 8 if minibatch == "discrimination" else 0
        assert count(discriminator) == plain_discriminator + statistics + learned
    generator, discriminator = networks.build(config_of(family, conditional=True))
    assert count(discriminator) == plain_discriminator + classes * features
    first = next(layer for layer in generator.modules() if isinstance(layer, (nn.Linear, nn.ConvTranspose2d)))
    of_an_input = first.weight.numel() // (7 + 32)
    assert count(generator) == plain_generator + classes * 32 + 32 * of_an_input


def test_dcgan_is_initialised_as_in_the_paper() -> None:
    torch.manual_seed(0)
    for player in networks.build(config_of("dcgan", 64, "colour", latent=100, width=32, depth=4)):
        for layer in player.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and layer.weight.numel() > 10_000:
                assert float(layer.weight.detach().mean()) == pytest.approx(0, abs=1e-3)
                assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
            if isinstance(layer, nn.BatchNorm2d):
                assert float(layer.weight.detach().mean()) == pytest.approx(1, abs=0.02)
                assert float(layer.bias.detach().abs().max()) == 0
        assert not any(isinstance(layer, nn.Sigmoid) for layer in player.modules()), "the output should be logits"


def test_modern_blocks_start_as_the_identity() -> None:
    torch.manual_seed(0)
    block = modern.Block(16, blocks=4)
    features = torch.randn(2, 16, 8, 8)
    assert torch.equal(block(features), features)
    nn.init.ones_(block.layers[-1].weight)
    assert not torch.allclose(block(features), features)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_dcgan_doubles_and_halves_once_per_level(depth: int) -> None:
    generator, discriminator = networks.build(config_of("dcgan", 64, depth=depth))
    sizes: list[int] = []
    for player in (generator, discriminator):
        for layer in player.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-1]))
    discriminator(generator(torch.randn(2, 7)))
    up = [64 >> level for level in range(depth, -1, -1)]
    assert sizes == [*up, *reversed(up[:-1])]


def test_extra_layers_are_added_at_every_size() -> None:
    settings = DcganConfig(width=4, depth=2, extra_layers=2)
    convolutions = [layer for layer in dcgan.generator(settings, 7, (1, 16, 16)) if isinstance(layer, nn.Conv2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in convolutions] == [(8, 8)] * 2 + [(4, 4)] * 2
    layers = list(keras_dcgan.generator(KerasDcganConfig(width=4, extra_layers=2), 7, (1, 16, 16)))
    kinds = [kind for layer in layers for kind in (nn.Conv2d, nn.ConvTranspose2d) if isinstance(layer, kind)]
    assert (kinds.count(nn.Conv2d), kinds.count(nn.ConvTranspose2d)) == (2, 3)
    assert kinds.index(nn.Conv2d) < kinds.index(nn.ConvTranspose2d), "the first extra layer follows the projection"


def test_modern_has_the_chosen_number_of_blocks_at_each_size() -> None:
    generator = modern.generator(ModernConfig(width=16, blocks=3), 7, (1, 32, 32))
    sizes: list[int] = []
    for layer in generator.modules():
        if isinstance(layer, modern.Block):
            layer.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-1]))
    generator(torch.randn(1, 7))
    assert sizes == [4] * 3 + [8] * 3 + [16] * 3 + [32] * 3


@pytest.mark.parametrize("norm", ["none", "batch", "instance"])
def test_signals_do_not_fade_in_a_dcgan_discriminator(norm: str) -> None:
    """With weights from N(0, 0.02) and no norm, features had a standard deviation of a few hundredths."""
    torch.manual_seed(0)
    settings = DcganConfig(width=32, depth=4, discriminator_norm=norm)  # type: ignore[arg-type]
    body, _ = dcgan.discriminator(settings, (3, 64, 64))
    assert 0.3 < float(body(torch.randn(16, 3, 64, 64)).detach().std()) < 3
