"""The table of layers against real networks, formulas written by hand and autograd, and how it reaches the dashboard."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan import config as configs
from gan.config import RunConfig, presets
from gan.config.families import FAMILIES
from gan.execution import speeds
from gan.networks import layers
from gan.networks.layers import Player, Report
from gan.training.assembly import build_game
from gan.training.game import Turn
from tests.execution import quick
from tests.helpers import assert_one_sentence, run_gan, wait_until
from tests.networks.test_networks import TOGETHER, VARIANTS, config_of, count, named, play

#: Variants without other layer sizes and larger packs, which only change numbers; the default networks of each family once.
TELLING = [
    *((family, {}) for family in FAMILIES),
    *(
        (family, changes)
        for family, changes in VARIANTS
        if not changes.keys() & {"latent", "width", "hidden"}
        and changes.get("packing", 2) == 2
        and config_of(family, **changes) != config_of(family)
    ),
]


def real_parts(player: nn.Module) -> list[nn.Module]:
    """Return a player's convolutions, linear layers and embeddings."""
    return [layer for layer in player.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding))]


def multiply_adds(player: nn.Module, run: Any, images: int) -> float:
    """Return the multiply-adds per image of a real forward pass, counted from the definitions of the layers."""
    total = 0

    def add(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            window = layer.kernel_size[0] * layer.kernel_size[1] * layer.in_channels // layer.groups
            total += output.numel() * window  # each output is a sum over its window
        elif isinstance(layer, nn.ConvTranspose2d):
            total += inputs[0].numel() * layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels  # each input is spread
        elif isinstance(layer, nn.Linear):
            total += output.numel() * layer.in_features

    handles = [layer.register_forward_hook(add) for layer in real_parts(player)]
    run()
    for handle in handles:
        handle.remove()
    return total / images


def check(config: RunConfig) -> Report:
    """Assert that the report of a configuration matches the real networks, and return it."""
    found = layers.describe(config)
    generator, discriminator, z, labels = play(config, config.optimizer.batch_size)
    for player, real in ((found.generator, generator), (found.discriminator, discriminator)):
        assert player.parameters == sum(row.parameters for row in player.layers) == count(real)
        assert player.multiply_adds == sum(row.multiply_adds for row in player.layers)
        memory = player.memory
        parts = (memory.weights, memory.gradients, memory.moments, memory.average, memory.activations)
        assert memory.total == sum(parts)
        assert memory.gradients == 4 * count(real)
        assert memory.activations > 0
        assert all(row.name and "Parametrized" not in row.name for row in player.layers)
    assert found.memory == found.generator.memory.total + found.discriminator.memory.total
    assert found.generator.layers[0].shape == (config.networks.latent,)
    assert found.generator.layers[-1].shape == config.data.shape
    assert found.discriminator.images == config.networks.packing

    images = generator(z, labels).detach()
    drawn = multiply_adds(generator, lambda: generator(z, labels), len(z))
    judged = multiply_adds(discriminator, lambda: discriminator(images, labels), len(z))
    assert found.generator.multiply_adds == pytest.approx(drawn, abs=1)
    assert found.discriminator.multiply_adds == pytest.approx(judged, abs=len(found.discriminator.layers))
    return found


@pytest.mark.parametrize(("family", "changes"), TELLING + TOGETHER, ids=named)
def test_report_matches_every_family(family: str, changes: dict[str, Any]) -> None:
    check(config_of(family, 16 if family in ("resnet", "modern") else 32, **changes))


def test_points_are_described_too() -> None:
    found = check(
        configs.replace(
            RunConfig(),
            {
                "networks.family": "mlp",
                "data.name": "ring",
                "networks.packing": 2,
                "networks.conditional": True,
            },
        )
    )
    assert [row.name for row in found.generator.layers] == [
        "Latent vector",
        "Class embedding",
        "Linear",
        "ReLU",
        "Linear",
        "ReLU",
        "Linear",
    ]
    assert found.discriminator.layers[0] == layers.Layer("Pack of 2 points", (4,), 0, 0)


def test_rows_of_a_dcgan_equal_a_table_written_by_hand() -> None:
    config = config_of("dcgan", 32, width=8, depth=2, latent=10, discriminator_norm="spectral", generator_dropout=0.3)
    found = layers.describe(config)
    assert [dataclasses.astuple(row) for row in found.generator.layers] == [
        ("Latent vector", (10,), 0, 0),
        ("Reshape", (10, 1, 1), 0, 0),
        ("Transposed conv 8×8", (16, 8, 8), 10 * 16 * 64, 10 * 16 * 64),
        ("Batch norm", (16, 8, 8), 32, 0),
        ("ReLU", (16, 8, 8), 0, 0),
        ("Dropout 0.3", (16, 8, 8), 0, 0),
        ("Transposed conv 4×4, stride 2", (8, 16, 16), 16 * 8 * 16, 8 * 8 * 16 * 8 * 16),
        ("Batch norm", (8, 16, 16), 16, 0),
        ("ReLU", (8, 16, 16), 0, 0),
        ("Dropout 0.3", (8, 16, 16), 0, 0),
        ("Transposed conv 4×4, stride 2", (1, 32, 32), 8 * 16 + 1, 16 * 16 * 8 * 16),
        ("Tanh", (1, 32, 32), 0, 0),
    ]
    assert [dataclasses.astuple(row) for row in found.discriminator.layers] == [
        ("Image", (1, 32, 32), 0, 0),
        ("Conv 4×4, stride 2, spectral norm", (8, 16, 16), 16 * 8 + 8, 16 * 16 * 8 * 16),
        ("LeakyReLU 0.2", (8, 16, 16), 0, 0),
        ("Conv 4×4, stride 2, spectral norm", (16, 8, 8), 16 * 8 * 16 + 16, 8 * 8 * 16 * 8 * 16),
        ("LeakyReLU 0.2", (16, 8, 8), 0, 0),
        ("Linear, spectral norm", (1,), 16 * 64 + 1, 16 * 64),
    ]


def test_rows_follow_the_data_through_a_residual_block() -> None:
    names = [row.name for row in layers.describe(config_of("resnet", 16)).generator.layers]
    assert names[3:14] == [
        "Batch norm",
        "ReLU",
        "Upsample ×2, nearest",
        "Conv 3×3",
        "Batch norm",
        "ReLU",
        "Conv 3×3",
        "Skip: Upsample ×2, nearest",
        "Skip: Conv 1×1",
        "Add",
        "Batch norm",
    ]
    assert "Conv 3×3, 2 groups" in [row.name for row in layers.describe(config_of("modern")).generator.layers]


@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_match_a_real_forward_pass(family: str) -> None:
    config = config_of(family, conditional=True, minibatch="discrimination", packing=2)
    found = layers.describe(config)
    generator, discriminator, z, labels = play(config, 4)
    shapes: list[tuple[int, ...]] = []
    for player in (generator, discriminator):
        for layer in real_parts(player):
            layer.register_forward_hook(lambda layer, inputs, output: shapes.append(tuple(output.shape[1:])))
    discriminator(generator(z, labels), labels)
    rows = [*found.generator.layers, *found.discriminator.layers]
    kinds = ("Conv", "Transposed conv", "Linear", "Class embedding", "Skip: Conv")
    told = [row.shape for row in rows if row.name.startswith(kinds)]
    hidden = {(256,), (found.generator.layers[2].shape[0],)}  # inside the statistics and the learned pictures
    assert [shape for shape in shapes if shape not in hidden] == [shape for shape in told if shape not in hidden]


@pytest.mark.parametrize("family", FAMILIES)
def test_memory_matches_what_autograd_keeps(family: str) -> None:
    """Counted again with real tensors, each storage once."""
    config = config_of(family, minibatch="deviation")
    found = layers.describe(config)
    generator, discriminator, z, _ = play(config)

    def kept(player: nn.Module, inputs: Tensor) -> int:
        own = {tensor.untyped_storage().data_ptr() for tensor in (*player.parameters(), *player.buffers())}
        storages: dict[int, torch.UntypedStorage] = {}

        def keep(tensor: Tensor) -> Tensor:
            if tensor.untyped_storage().data_ptr() not in own:
                storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            player(inputs)
        return sum(storage.nbytes() for storage in storages.values())

    assert found.generator.memory.activations == pytest.approx(kept(generator, z), rel=0.02)
    images = generator(z).detach()
    assert found.discriminator.memory.activations == pytest.approx(2 * kept(discriminator, images), rel=0.02)


def test_memory_grows_with_the_batch_and_with_the_optimiser_state() -> None:
    def players(**changes: Any) -> tuple[Player, Player]:
        keys = {f"optimizer.{name}": value for name, value in changes.items()}
        found = layers.describe(configs.replace(config_of("dcgan"), keys))
        return found.generator, found.discriminator

    small, large = players(batch_size=12), players(batch_size=24)
    for one, two in zip(small, large, strict=True):
        assert two.memory.activations == pytest.approx(2 * one.memory.activations, rel=0.1)
        assert (two.memory.weights, two.memory.moments) == (one.memory.weights, one.memory.moments)
    weights = 4 * small[1].parameters
    for algorithm, beta1, moments in (
        ("adam", 0.5, 2),
        ("adam", 0.0, 2),
        ("rmsprop", 0.0, 1),
        ("rmsprop", 0.5, 2),
        ("sgd", 0.0, 0),
        ("sgd", 0.5, 1),
    ):
        assert players(algorithm=algorithm, beta1=beta1)[1].memory.moments == moments * weights
    generator, discriminator = players(ema_half_life=0)
    assert (generator.memory.average, discriminator.memory.average) == (0, 0)
    assert small[0].memory.average == small[0].memory.weights > 0
    assert small[1].memory.average == 0


@pytest.mark.parametrize("algorithm", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("beta1", [0.0, 0.5])
def test_optimiser_state_has_the_reported_size(algorithm: str, beta1: float) -> None:
    config = configs.replace(config_of("mlp"), {"optimizer.algorithm": algorithm, "optimizer.beta1": beta1})
    game = build_game(config, torch.device("cpu"), "fp32")
    game.step([Turn(torch.rand(12, 1, 32, 32), torch.randn(12, 7))])
    states = game.discriminator_optimizer.state_dict()["state"].values()
    moments = [value for state in states for value in state.values() if isinstance(value, Tensor) and value.dim()]
    real = sum(value.numel() * value.element_size() for value in moments)
    assert layers.describe(config).discriminator.memory.moments == real


def test_describing_needs_no_memory_and_draws_no_random_numbers() -> None:
    """The largest networks possible, which would take more than 20 GB."""
    config = configs.replace(
        RunConfig(),
        {
            "data.size": 256,
            "data.colour": "colour",
            "networks.width": 256,
            "networks.depth": 6,
            "networks.extra_layers": 3,
        },
    )
    state = torch.get_rng_state()
    found = layers.describe(config)
    assert found.memory > 20e9
    assert torch.equal(torch.get_rng_state(), state)


def test_text_is_a_table_with_totals() -> None:
    found = layers.describe(config_of("dcgan"))
    text = layers.as_text(found)
    assert "Conv 4×4, stride 2" in text
    assert f"{found.generator.parameters:,}" in text
    assert f"{found.discriminator.multiply_adds:,}" in text
    assert text.endswith("MB for both, in fp32.")
    rows = [line for line in text.splitlines() if line.startswith(("Layer", "Conv", "Total", "ReLU", "Tanh"))]
    assert len({len(row) for row in rows}) == 2, "the rows of a table differ in width"


def test_command_prints_and_stores_the_table_for_the_dashboard(root: Path) -> None:
    config = config_of("mlp", 16)
    told = run_gan("layers", *configs.assignments(presets.find(presets.DEFAULT).config, config), "--json", root=root)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == json.loads(json.dumps(dataclasses.asdict(layers.describe(config))))
    assert speeds.find_layers(root, config) == json.loads(told.stdout)

    quiet = run_gan("layers", "--set", "networks.family=mlp", "--quiet", root=root)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    loud = run_gan("layers", "--set", "networks.family=mlp", root=root)
    assert "Multiply-adds" in loud.stdout
    assert_one_sentence(run_gan("layers", "--set", "networks.family=mlpp", root=root))


def test_dashboard_finds_the_table_of_a_background_process(root: Path) -> None:
    config = config_of("mlp", 16, conditional=True)
    with quick.trainers():
        speeds.start_describing(root, config)
        found = wait_until(lambda: speeds.find_layers(root, config), "the table of layers is written")
    assert found == json.loads(json.dumps(dataclasses.asdict(layers.describe(config))))


def test_table_is_stored_by_the_settings_that_affect_it(root: Path) -> None:
    config = config_of("dcgan")
    speeds.keep_layers(root, config, dataclasses.asdict(layers.describe(config)))
    assert speeds.find_layers(root, config) is not None
    for same in ({"training.length": "3 epochs"}, {"optimizer.generator_lr": 0.1}, {"objective.loss": "hinge"}):
        assert speeds.find_layers(root, configs.replace(config, same)) is not None
    for other in (
        {"networks.width": 8},
        {"data.size": 16},
        {"data.colour": "colour"},
        {"networks.conditional": True},
        {"optimizer.batch_size": 24},
        {"optimizer.algorithm": "sgd"},
        {"optimizer.ema_half_life": 0},
    ):
        assert speeds.find_layers(root, configs.replace(config, other)) is None
    for damaged in ("", "[]", "{", '{"generator": 1}', "[" * 100_000):
        speeds.layers_path(root, config).write_text(damaged)
        assert speeds.find_layers(root, config) is None
