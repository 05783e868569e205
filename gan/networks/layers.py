"""What the two networks consist of: a table of their layers, the work they are, and the memory that a training takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

from gan import networks
from gan.config import RunConfig
from gan.config.sections import OptimizerConfig
from gan.networks.modern import Basis, Block
from gan.networks.players import MinibatchDeviation, MinibatchDiscrimination
from gan.networks.resnet import Residual, SumPool

_WHOLE = (Basis, MinibatchDeviation, MinibatchDiscrimination)  # one row each, whatever they are made of
_SUMS = (Residual, Block)


@dataclass(frozen=True)
class Layer:
    """One row: the name for people, the output's shape without the batch, trained parameters, multiply-adds per image."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Memory:
    """What a player takes in training, in bytes.

    ``moments`` are the optimiser's, ``average`` is the generator's averaged copy, and ``activations`` are all tensors that wait for
    the backward pass.
    """

    weights: int
    gradients: int
    moments: int
    average: int
    activations: int
    total: int


@dataclass(frozen=True)
class Player:
    """The layers of one network in the order in which data passes, their sums, and the memory it takes.

    ``images`` is how many images one row of the batch holds: the packing in the discriminator, else 1.
    """

    layers: tuple[Layer, ...]
    parameters: int
    multiply_adds: int
    images: int
    memory: Memory


@dataclass(frozen=True)
class Report:
    """Both networks, and the memory of a training with this batch size in bytes; made of plain values, ready for JSON."""

    batch_size: int
    generator: Player
    discriminator: Player
    memory: int


def describe(config: RunConfig) -> Report:
    """Return what the networks of a configuration consist of, without memory or work for them: their tensors have shapes only.

    Multiply-adds are those of convolutions and matrix products in one forward pass, per image also where the discriminator judges
    packs, whose rows show the shape of a pack; training costs some three times as many. Memory counts, in fp32: weights with
    running means, gradients, the optimiser's moments, the averaged generator, and what is kept for the backward pass when most is,
    in the discriminator's turn: the generator's activations of one batch and the discriminator's of two, real and generated. Not
    counted: what a single operation needs meanwhile, second derivatives of penalties, the images themselves, and torch.
    """
    batch = config.optimizer.batch_size
    with torch.device("meta"):
        generator, discriminator = networks.build(config)
        z = torch.empty(batch, config.networks.latent)
        labels = torch.zeros(batch, dtype=torch.int64) if config.classes else None
        packing, (channels, *size) = config.networks.packing, config.data.shape
        thing = "Point" if config.data.is_points else "Image"
        seen = thing if packing == 1 else f"Pack of {packing} {thing.lower()}s"

        fakes, making, kept_making = _follow(generator, z, labels)
        _, judging, kept_judging = _follow(discriminator, fakes.detach(), labels)
    making = [Layer("Latent vector", (config.networks.latent,), 0, 0), *making]
    judging = [Layer(seen, (channels * packing, *size), 0, 0), *judging]
    has_average = config.optimizer.ema_half_life > 0
    maker = _player(generator, making, 1, kept_making, config.optimizer, has_average=has_average)
    judge = _player(discriminator, judging, packing, 2 * kept_judging, config.optimizer)
    return Report(batch, maker, judge, maker.memory.total + judge.memory.total)


def as_text(report: Report) -> str:
    """Return a report as two tables for a terminal."""
    lines = []
    for title, player in (("Generator", report.generator), ("Discriminator", report.discriminator)):
        rows = [("Layer", "Output", "Parameters", "Multiply-adds")]
        rows += [(row.name, shape_in_words(row.shape), f"{row.parameters:,}", f"{row.multiply_adds:,}") for row in player.layers]
        rows += [("Total", "", f"{player.parameters:,}", f"{player.multiply_adds:,}")]
        wide = [max(len(row[column]) for row in rows) for column in range(4)]
        table = [f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}  {d:>{wide[3]}}" for a, b, c, d in rows]
        rule = "─" * len(table[0])
        lines += [title, rule, table[0], rule, *table[1:-1], rule, table[-1], ""]
    megabytes = max(1, round(report.memory / 1e6))
    lines.append(f"A training with batches of {report.batch_size} takes some {megabytes:,} MB for both, in fp32.")
    return "\n".join(lines)


def shape_in_words(shape: tuple[int, ...]) -> str:
    """Return a shape such as "64 × 16 × 16"."""
    return " × ".join(str(length) for length in shape)


def _player(
    player: nn.Module, layers: list[Layer], images: int, activations: int, settings: OptimizerConfig, *, has_average: bool = False
) -> Player:
    """Return what there is to say of a player whose ``activations`` take so many bytes."""
    trained = sum(_bytes(weight) for weight in player.parameters())
    weights = trained + sum(_bytes(buffer) for buffer in player.buffers())
    has_momentum = settings.beta1 > 0
    moments = trained * {"adam": 2, "rmsprop": 1 + has_momentum, "sgd": int(has_momentum)}[settings.algorithm]
    average = weights if has_average else 0
    memory = Memory(weights, trained, moments, average, activations, weights + trained + moments + average + activations)
    parameters = sum(weight.numel() for weight in player.parameters())
    return Player(tuple(layers), parameters, sum(layer.multiply_adds for layer in layers), images, memory)


def _follow(player: nn.Module, inputs: Tensor, labels: Tensor | None) -> tuple[Tensor, list[Layer], int]:
    """Send a batch through a player; return what comes out, the layers it passed, and the bytes kept for the backward pass."""
    own = {tensor.untyped_storage()._cdata for tensor in (*player.parameters(), *player.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}
    counter, trail = FlopCounterMode(display=False), _Trail(len(inputs))

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    with ExitStack() as stack:
        for layer in dict.fromkeys(_parts(player)):
            stack.enter_context(layer.register_forward_pre_hook(partial(trail.enter, counter)))
            stack.enter_context(layer.register_forward_hook(partial(trail.leave, counter)))
        for residual in player.modules():
            if isinstance(residual, Residual):
                stack.enter_context(residual.skip.register_forward_pre_hook(partial(trail.turn, 1)))
                stack.enter_context(residual.skip.register_forward_hook(partial(trail.turn, -1)))
        stack.enter_context(torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor))
        stack.enter_context(counter)
        outputs = player(inputs, labels)
    return outputs, trail.layers, sum(storage.nbytes() for storage in kept.values())


class _Trail:
    """Writes down the layers that a batch of ``images`` passes; a layer's parameters count where it is passed first."""

    def __init__(self, images: int) -> None:
        self.layers: list[Layer] = []
        self._images, self._skips = images, 0
        self._begun: dict[nn.Module, int] = {}
        self._passed: set[nn.Module] = set()

    def enter(self, counter: FlopCounterMode, layer: nn.Module, inputs: Any) -> None:
        self._begun[layer] = counter.get_total_flops()

    def leave(self, counter: FlopCounterMode, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        is_sum = isinstance(layer, _SUMS)
        operations = 0 if is_sum else counter.get_total_flops() - self._begun[layer]
        is_new = not is_sum and layer not in self._passed
        parameters = sum(weight.numel() for weight in layer.parameters()) if is_new else 0
        self._passed.add(layer)
        name = f"Skip: {name_layer(layer)}" if self._skips else name_layer(layer)
        self.layers.append(Layer(name, tuple(output.shape[1:]), parameters, round(operations / 2 / self._images)))

    def turn(self, change: int, *_: Any) -> None:
        """Note that data goes round a residual block (1), or has gone round it (-1)."""
        self._skips += change


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the modules that make a row of their own: those without parts, and the sums of residual blocks."""
    children = [child for name, child in module.named_children() if name != "parametrizations"]
    if isinstance(module, nn.Identity):
        return
    if isinstance(module, _WHOLE) or not children:
        yield module
        return
    if isinstance(module, _SUMS):
        yield module
    for child in children:
        yield from _parts(child)


def name_layer(layer: nn.Module) -> str:
    """Return what people call a layer, such as "Conv 4×4, stride 2"."""
    name = _plain_name(layer)
    return f"{name}, spectral norm" if parametrize.is_parametrized(layer) else name


def _plain_name(layer: nn.Module) -> str:
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        kind = "Conv" if isinstance(layer, nn.Conv2d) else "Transposed conv"
        stride = f", stride {layer.stride[0]}" if layer.stride[0] > 1 else ""
        groups = f", {layer.groups} groups" if layer.groups > 1 else ""
        return f"{kind} {'×'.join(map(str, layer.kernel_size))}{stride}{groups}"
    if isinstance(layer, nn.LeakyReLU):
        return f"LeakyReLU {layer.negative_slope:g}"
    if isinstance(layer, nn.Dropout):
        return f"Dropout {layer.p:g}"
    if isinstance(layer, nn.Upsample):
        return f"Upsample ×{layer.scale_factor:g}, {layer.mode}"
    if isinstance(layer, nn.AvgPool2d):
        return f"Average pooling {layer.kernel_size}×{layer.kernel_size}"
    names: dict[type[nn.Module], str] = {
        nn.BatchNorm1d: "Batch norm",
        nn.BatchNorm2d: "Batch norm",
        nn.InstanceNorm2d: "Instance norm",
        nn.LayerNorm: "Layer norm",
        nn.Unflatten: "Reshape",
        nn.Embedding: "Class embedding",
        SumPool: "Sum over all places",
        Basis: "Learned 4×4 pictures",
        MinibatchDeviation: "Minibatch deviation",
        MinibatchDiscrimination: "Minibatch discrimination",
        Residual: "Add",
        Block: "Add",
    }
    return next(
        (name for kind, name in names.items() if isinstance(layer, kind)), type(layer).__name__.removeprefix("Parametrized")
    )


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
