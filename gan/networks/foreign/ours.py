"""Networks of other programs as ours: their weights under our names, with the settings that follow from their shapes.

What cannot be ours raises :class:`Misfit`, whose text names the layer and what was found. Layouts of Keras: kernels [h, w, C, O] of
``Conv2D`` and [h, w, O, C] of ``Conv2DTranspose``, maps [H, W, C], which ``Flatten`` and ``Reshape`` read in this order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan import config as configs
from gan import networks
from gan.config import RunConfig
from gan.config.data import SIZES
from gan.errors import InputError, shown
from gan.networks.foreign.containers import Array
from gan.networks.foreign.generator import Misfit, Ours

_EXAMPLES = {"networks.family": "dcgan", "networks.kernel": 4, "networks.generator_norm": "batch"}
#: How the original scripts train: pytorch/examples' dcgan/main.py, and TensorFlow's tutorial.
_AS_IN_EXAMPLES = {
    "networks.discriminator_norm": "batch", "optimizer.generator_lr": 2e-4, "optimizer.discriminator_lr": 2e-4,
    "optimizer.beta1": 0.5, "optimizer.ema_half_life": 0, "optimizer.batch_size": 64, "training.length": "25 epochs",
}  # fmt: skip
_AS_IN_KERAS = {
    "optimizer.algorithm": "keras-adam", "optimizer.updates": "simultaneous", "optimizer.generator_lr": 1e-4,
    "optimizer.discriminator_lr": 1e-4, "optimizer.beta1": 0.9, "optimizer.ema_half_life": 0, "optimizer.batch_size": 256,
    "training.length": "50 epochs",
}  # fmt: skip
_SLOPE, _EPSILON, _MOMENTUM = 0.3, 1e-3, 0.99  # of Keras' LeakyReLU and BatchNormalization
_GENERATOR = (
    "Dense", "BatchNormalization", "LeakyReLU", "Reshape", *("Conv2DTranspose", "BatchNormalization", "LeakyReLU") * 2,
    "Conv2DTranspose",
)  # fmt: skip
_DISCRIMINATOR = (*("Conv2D", "LeakyReLU", "Dropout") * 2, "Flatten", "Dense")


class Layer(NamedTuple):
    """A layer of Keras: its class, its settings and its weights in order."""

    kind: str
    settings: Mapping[str, Any]
    own: list[Array]


@dataclass(frozen=True)
class Judge:
    """A discriminator of another program, by our names. ``settings``: those that its shapes tell, "data.size" among them."""

    channels: int
    settings: Mapping[str, Any]
    tensors: dict[str, Tensor]


def examples_generator(kernels: Sequence[Tensor], tensors: Mapping[str, Tensor]) -> Ours:
    """Return the generator of pytorch/examples as one of ours; ``tensors`` by names such as "0.weight"."""
    depth, (width, channels) = len(kernels) - 1, kernels[-1].shape[:2]
    for level, kernel in enumerate(kernels[:-1]):
        if kernel.shape[1] != (wanted := width << (depth - 1 - level)):
            raise Misfit(f"main.{3 * level} has {kernel.shape[1]} filters, expected {wanted}: twice as many as the next layer")
        if f"{3 * level}.bias" in tensors:
            raise Misfit(f"main.{3 * level} has a bias, expected none before batch norm")
    settings = {**_EXAMPLES, "networks.latent": kernels[0].shape[0], "networks.width": width, "networks.depth": depth}
    config = _config({**settings, **_AS_IN_EXAMPLES}, 4 << depth, channels)
    own = {f"layers.{int(place) + 1}.{key}": value for name, value in tensors.items() for place, _, key in [name.partition(".")]}
    return Ours(config, channels, {f"layers.{3 * depth + 1}.bias": torch.zeros(channels)} | own)


def examples_discriminator(tensors: Mapping[str, Tensor]) -> Judge:
    """Return the discriminator of pytorch/examples; ``tensors`` by names such as "0.weight"."""
    kernels = {name: value for name, value in tensors.items() if value.ndim == 4}
    depth = len(kernels) - 1
    places = [0, *(3 * level - 1 for level in range(1, depth + 1))]
    norms = [f"{3 * level}.{key}" for level in range(1, depth) for key in ("weight", "bias", "running_mean", "running_var")]
    wanted = {*(f"{place}.weight" for place in places), *norms}
    found = {name for name in tensors if not name.endswith("num_batches_tracked")}
    if depth < 1 or (odd := sorted(found ^ wanted)):
        name = odd[0] if depth > 0 else "0.weight"
        raise Misfit(f"main.{name} is {'not expected' if name in found else 'missing'}")
    width, channels = kernels["0.weight"].shape[:2]
    inputs = channels
    for level, place in enumerate(places):
        expected = (width << level if level < depth else 1, inputs, 4, 4)
        shape = tuple(kernels[f"{place}.weight"].shape)
        if shape != expected:
            raise Misfit(f"main.{place}.weight is {_by(shape)}, expected {_by(expected)}")
        inputs = expected[0]
    head = tensors[f"{places[-1]}.weight"]
    own = {f"body.{name}": value for name, value in tensors.items() if value is not head}
    own |= {f"body.{3 * level}.num_batches_tracked": torch.tensor(0) for level in range(1, depth)} | own
    own |= {"body.0.bias": torch.zeros(width), "head.weight": head.flatten(1), "head.bias": torch.zeros(1)}
    settings = {"networks.family": "dcgan", "networks.width": width, "networks.depth": depth, "data.size": 4 << depth}
    return Judge(channels, settings, own)


def keras_generator(layers: Sequence[Layer]) -> Ours:
    """Return the generator of TensorFlow's tutorial as one of ours."""
    _require(layers, _GENERATOR)
    dense, reshape, *ups = (layer for layer in layers if layer.kind in ("Dense", "Reshape", "Conv2DTranspose"))
    high, wide, filters = (int(length) for length in reshape.settings["target_shape"])
    width, channels = ups[1].own[0].shape[2], ups[2].own[0].shape[2]
    for layer, stride, outputs, inputs in zip(
        ups, (1, 2, 2), (2 * width, width, channels), (4 * width, 2 * width, width), strict=True
    ):
        _require_kernel(layer, stride, (5, 5, outputs, inputs), weights=1)
    if high != wide or filters != 4 * width or len(dense.own) > 1:
        raise Misfit(f"Dense and Reshape give {high} × {wide} × {filters} values, expected a square of {4 * width} and no bias")
    if ups[2].settings.get("activation") != "tanh":
        raise Misfit(f"the last Conv2DTranspose has the activation {shown(str(ups[2].settings.get('activation')))}, expected tanh")
    latent, own = len(dense.own[0]), {}
    own["layers.0.weight"] = _tensor(dense.own[0].reshape(latent, high, wide, filters).transpose(3, 1, 2, 0).reshape(-1, latent))
    for place, layer in zip((1, 5, 8), (layer for layer in layers if layer.kind == "BatchNormalization"), strict=True):
        values = [value.reshape(high, wide, filters).transpose(2, 0, 1).ravel() if place == 1 else value for value in layer.own]
        names = ("weight", "bias", "running_mean", "running_var")
        own |= {f"layers.{place}.{name}": _tensor(value) for name, value in zip(names, values, strict=True)}
        own[f"layers.{place}.num_batches_tracked"] = torch.tensor(0)
    own |= {f"layers.{place}.weight": _tensor(up.own[0].transpose(3, 2, 0, 1)) for place, up in zip((4, 7, 10), ups, strict=True)}
    settings = {"networks.family": "keras-dcgan", "networks.latent": latent, "networks.width": width, "networks.extra_layers": 0}
    return Ours(_config({**settings, **_AS_IN_KERAS}, 4 * high, channels), channels, own)


def keras_discriminator(layers: Sequence[Layer]) -> Judge:
    """Return the discriminator of TensorFlow's tutorial."""
    _require(layers, _DISCRIMINATOR)
    first, second, head = (layer for layer in layers if layer.own)
    channels, width = first.own[0].shape[2:]
    _require_kernel(first, 2, (5, 5, channels, width), weights=2)
    _require_kernel(second, 2, (5, 5, width, 2 * width), weights=2)
    side = round((len(head.own[0]) / (2 * width)) ** 0.5)
    if head.own[0].shape != (side * side * 2 * width, 1) or len(head.own) != 2:
        raise Misfit(f"Dense has a kernel of {_by(head.own[0].shape)}, expected side × side × {2 * width} values to 1, and a bias")
    shares = {float(layer.settings.get("rate", -1)) for layer in layers if layer.kind == "Dropout"}
    if len(shares) > 1 or not 0 < max(shares) <= 0.9:
        raise Misfit(f"the Dropout layers have the rates {sorted(shares)}, expected one rate up to 0.9")
    own = {
        "body.0.weight": _tensor(first.own[0].transpose(3, 2, 0, 1)),
        "body.0.bias": _tensor(first.own[1]),
        "body.3.weight": _tensor(second.own[0].transpose(3, 2, 0, 1)),
        "body.3.bias": _tensor(second.own[1]),
        "head.weight": _tensor(head.own[0].reshape(side, side, 2 * width).transpose(2, 0, 1).reshape(1, -1)),
        "head.bias": _tensor(head.own[1]),
    }
    settings = {"networks.family": "keras-dcgan", "networks.width": width, "data.size": 4 * side}
    return Judge(channels, {**settings, "networks.discriminator_dropout": max(shares)}, own)


def paired(generator: Ours, judge: Judge) -> Ours:
    """Return both players, with tensors "generator/…" and "discriminator/…" as in a checkpoint. Raises Misfit if they differ."""
    flat = configs.flatten(generator.config) | {"channels": generator.channels}
    asked = {**judge.settings, "channels": judge.channels}
    shared = ("networks.family", "data.size", "channels", "networks.width", "networks.depth")
    for key in (key for key in shared if key in asked and asked[key] != flat.get(key)):
        title = {"channels": "channels", "data.size": "pixels"}.get(key, key)
        raise Misfit(f"the discriminator has {title} {asked[key]} and the generator {flat.get(key)}, expected the same in both")
    config = configs.replace(generator.config, {key: value for key, value in judge.settings.items() if key != "networks.family"})
    with torch.device("meta"):
        players = dict(zip(("generator", "discriminator"), networks.build(config), strict=True))
    found = {"generator": generator.tensors, "discriminator": judge.tensors}
    for name, player in players.items():
        wanted = {key: tuple(value.shape) for key, value in player.state_dict().items()}
        shapes = {key: tuple(value.shape) for key, value in found[name].items()}
        if odd := sorted(key for key in wanted.keys() | shapes.keys() if wanted.get(key) != shapes.get(key)):
            raise Misfit(f"the {name}'s {odd[0]} is {_by(shapes.get(odd[0]))}, expected {_by(wanted.get(odd[0]))}")
    return Ours(config, generator.channels, {f"{name}/{key}": value for name, own in found.items() for key, value in own.items()})


def _config(settings: Mapping[str, Any], size: int, channels: int) -> RunConfig:
    if size not in SIZES or channels not in (1, 3):
        known = ", ".join(map(str, SIZES))
        raise Misfit(f"its pictures have {size} pixels and {channels} channels, expected {known} pixels and 1 or 3 channels")
    colour = "grey" if channels == 1 else "colour"
    try:
        return configs.replace(RunConfig(), {**settings, "data.size": size, "data.colour": colour})
    except InputError as error:
        raise Misfit(str(error).rstrip(".")) from None


def _require(layers: Sequence[Layer], kinds: Sequence[str]) -> None:
    """Raise Misfit unless the layers are of these kinds, with the usual settings and no activations in between."""
    for place in range(max(len(layers), len(kinds))):
        found = layers[place].kind if place < len(layers) else "missing"
        wanted = kinds[place] if place < len(kinds) else "none"
        if found != wanted:
            raise Misfit(f"layer {place + 1} is {shown(found)}, expected {wanted}")
    for place, (kind, settings, own) in enumerate(layers):
        if kind == "LeakyReLU" and abs(float(settings.get("negative_slope", settings.get("alpha", _SLOPE))) - _SLOPE) > 1e-6:
            raise Misfit(f"layer {place + 1} is a LeakyReLU with another slope than {_SLOPE}")
        usual = (float(settings.get("epsilon", _EPSILON)), float(settings.get("momentum", _MOMENTUM)))
        if kind == "BatchNormalization" and (usual != (_EPSILON, _MOMENTUM) or len(own) != 4):
            found = f"ε {usual[0]:g}, momentum {usual[1]:g} and {len(own)} weights"
            raise Misfit(f"layer {place + 1} is a BatchNormalization with {found}, expected {_EPSILON}, {_MOMENTUM} and 4")
        if place < len(layers) - 1 and settings.get("activation") not in (None, "linear"):
            raise Misfit(f"layer {place + 1} is a {kind} with the activation {shown(str(settings['activation']))}, expected none")
    if kinds[-1] == "Dense" and layers[-1].settings.get("activation") not in (None, "linear"):
        raise Misfit(f"the last layer has the activation {shown(str(layers[-1].settings['activation']))}, expected none: logits")


def _require_kernel(layer: Layer, stride: int, shape: tuple[int, ...], *, weights: int) -> None:
    strides, found = list(layer.settings.get("strides", ())), layer.own[0].shape
    if strides != [stride, stride] or found != shape or len(layer.own) != weights or layer.settings.get("padding") != "same":
        raise Misfit(
            f"a {layer.kind} has a kernel of {_by(found)} and strides {strides}, expected {_by(shape)}, {[stride, stride]}, "
            f"padding “same” and {'a' if weights > 1 else 'no'} bias"
        )


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _by(shape: Sequence[int] | None) -> str:
    return "missing" if shape is None else " × ".join(map(str, shape)) or "one value"
