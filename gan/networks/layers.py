"""Describe the two networks: a table of their layers, their multiply-adds, and the memory needed for training."""

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

_WHOLE = (Basis, MinibatchDeviation, MinibatchDiscrimination)  # one row each, without their parts
_SUMS = (Residual, Block)


@dataclass(frozen=True)
class Layer:
    """One row of the table: name, output shape without the batch, trained parameters, multiply-adds per image."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Memory:
    """Memory of a player during training, in bytes.

    ``moments`` belong to the optimiser, ``average`` is the averaged copy of the generator, and ``activations`` are all tensors kept
    for the backward pass.
    """

    weights: int
    gradients: int
    moments: int
    average: int
    activations: int
    total: int


@dataclass(frozen=True)
class Player:
    """The layers of one network in the order of the data flow, their totals, and the network's memory.

    ``images`` is the number of images per row of the batch: the packing for the discriminator, else 1.
    """

    layers: tuple[Layer, ...]
    parameters: int
    multiply_adds: int
    images: int
    memory: Memory


@dataclass(frozen=True)
class Report:
    """Both networks, and the memory in bytes for training with this batch size. Plain values only, ready for JSON."""

    batch_size: int
    generator: Player
    discriminator: Player
    memory: int


def describe(config: RunConfig) -> Report:
    """Describe the networks of a configuration. Uses tensors without data (meta device), so it costs neither memory nor work.

    Multiply-adds: convolutions and matrix products of one forward pass, per image even with packing (the rows then show the shape
    of a pack). Training needs about three times as many.

    Memory, in fp32: weights with running statistics, gradients, the optimiser's moments, the averaged generator, and activations at
    their peak, in the discriminator's turn: one batch in the generator and two, real and generated, in the discriminator. Not
    counted: temporary memory of single operations, second derivatives of penalties, the images themselves, and torch.
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
    lines.append(f"Training with batches of {report.batch_size} needs about {megabytes:,} MB for both, in fp32.")
    return "\n".join(lines)


def shape_in_words(shape: tuple[int, ...]) -> str:
    """Return a shape such as "64 × 16 × 16"."""
    return " × ".join(str(length) for length in shape)


def _player(
    player: nn.Module, layers: list[Layer], images: int, activations: int, settings: OptimizerConfig, *, has_average: bool = False
) -> Player:
    """Return the description of a player; ``activations`` are in bytes."""
    trained = sum(_bytes(weight) for weight in player.parameters())
    weights = trained + sum(_bytes(buffer) for buffer in player.buffers())
    has_momentum = settings.beta1 > 0
    moments = trained * {"adam": 2, "keras-adam": 2, "rmsprop": 1 + has_momentum, "sgd": int(has_momentum)}[settings.algorithm]
    average = weights if has_average else 0
    memory = Memory(weights, trained, moments, average, activations, weights + trained + moments + average + activations)
    parameters = sum(weight.numel() for weight in player.parameters())
    return Player(tuple(layers), parameters, sum(layer.multiply_adds for layer in layers), images, memory)


def _follow(player: nn.Module, inputs: Tensor, labels: Tensor | None) -> tuple[Tensor, list[Layer], int]:
    """Run a batch through a player; return the output, the layers in order, and the bytes kept for the backward pass."""
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
    """Records the layers that a batch of ``images`` passes. A shared layer's parameters count at its first pass only."""

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
        """Note that the data enters (1) or leaves (-1) the skip path of a residual block."""
        self._skips += change


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the modules with a row of their own: those without parts, and residual blocks (for their sums)."""
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
    """Return the display name of a layer, such as "Conv 4×4, stride 2"."""
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
        SumPool: "Sum over all positions",
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
