"""Generators of Keras: `.keras` files of sequential models, and `.weights.h5` of the DCGAN of TensorFlow's tutorial.

The layers are built from their settings, which are data; no Keras is needed and no code in the file is run. Layouts in Keras:
kernels [h, w, C, O] of ``Conv2D`` and [h, w, O, C] of ``Conv2DTranspose``, maps [N, H, W, C]. Its padding "same" puts the smaller
half before.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gan.errors import InputError, shown
from gan.networks.foreign import containers, ours
from gan.networks.foreign.containers import Array
from gan.networks.foreign.generator import Foreign, Misfit, finished
from gan.networks.foreign.ours import Judge, Layer

_EXPECTED = "expected a sequential generator of Dense, Reshape, Conv2DTranspose, Conv2D, BatchNormalization and activations"
_TUTORIAL = "expected those of the generator in TensorFlow's DCGAN tutorial: Dense, 3 × Conv2DTranspose of 5 × 5, 3 × batch norm"
#: The discriminator of the tutorial, whose `.weights.h5` does not tell its layers.
_DISCRIMINATOR: list[Any] = [
    *(
        {"class_name": kind, "config": settings}
        for kind, settings in (
            ("Conv2D", {"kernel_size": [5, 5], "strides": [2, 2], "padding": "same"}),
            ("LeakyReLU", {}),
            ("Dropout", {"rate": 0.3}),
        )
    )
] * 2 + [{"class_name": "Flatten", "config": {}}, {"class_name": "Dense", "config": {}}]
_MOST_MAP = 1 << 22  # values of a map of one picture
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),  # the activation's default; the layer's is 0.3
}


class _Unfit(Exception):
    """A layer that cannot be built; the text is a clause that says why."""


class _ToMap(nn.Module):
    """Values [N, H · W · C] in Keras' order → maps [N, C, H, W]."""

    def __init__(self, high: int, wide: int, channels: int) -> None:
        super().__init__()
        self.shape = (high, wide, channels)

    def forward(self, values: Tensor) -> Tensor:
        return values.unflatten(1, self.shape).permute(0, 3, 1, 2)


class _Conv(nn.Conv2d):
    """A convolution of maps that are padded as Keras' "same" does."""

    def forward(self, maps: Tensor) -> Tensor:
        pads: list[int] = []
        for side, kernel, stride in zip(maps.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            whole = max(0, (-(-side // stride) - 1) * stride + kernel - side)
            pads += [whole // 2, whole - whole // 2]
        return super().forward(functional.pad(maps, pads))


class _ConvTranspose(nn.ConvTranspose2d):
    """A transposed convolution whose maps are cut to stride times the sides of its input."""

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        if math.prod(maps.shape[2:]) * math.prod(self.stride) * self.out_channels > _MOST_MAP:
            raise RuntimeError("too large a map")
        parts: list[slice] = []
        for side, kernel, stride in zip(maps.shape[2:], self.kernel_size, self.stride, strict=True):
            before = (kernel - stride) // 2
            parts.append(slice(before, before + stride * side))
        return super().forward(maps, output_size)[:, :, parts[0], parts[1]]


def read_model(content: bytes, name: str) -> Foreign:
    """Return the generator of a `.keras` file. Raises InputError with one sentence on what else it holds."""
    return _built(*_model(content, name), name)


def read_discriminator(content: bytes, name: str) -> Judge:
    """Return the discriminator of TensorFlow's DCGAN tutorial from a `.keras` file or its `.weights.h5`.

    Raises InputError if the file is neither, and Misfit if it is none of ours.
    """
    if content.startswith(containers.HDF5):
        layers, weights = _DISCRIMINATOR, containers.arrays(content, name)
    else:
        layers, weights = _model(content, name)
    with _understood(name):
        return ours.keras_discriminator(list(_placed(layers, weights)))


def _model(content: bytes, name: str) -> tuple[list[Any], dict[str, Array]]:
    """Return the layers and the weights of a `.keras` file with a sequential model."""
    with containers.opened(content, name) as archive:
        config = containers.parsed(containers.member(archive, "config.json", name), "config.json", name)
        weights = containers.arrays(containers.member(archive, "model.weights.h5", name), name)
    kind, inside = config.get("class_name"), config.get("config")
    layers = inside.get("layers") if isinstance(inside, dict) else None
    if kind != "Sequential" or not isinstance(layers, list):
        raise InputError(
            f"“{shown(name)}” holds a Keras model of the class {shown(str(kind))}, expected a Sequential one; save each network "
            "alone."
        )
    return layers, weights


def read_weights(content: bytes, name: str) -> Foreign:
    """Return the generator of TensorFlow's DCGAN tutorial from its `.weights.h5`: all sizes follow from the shapes."""
    weights = containers.arrays(content, name)
    shapes = {path: value.shape for path, value in weights.items()}
    kernels = [path for path in shapes if path.endswith("/vars/0") and "/batch_normalization" not in path]
    ups = [shapes.get(f"layers/conv2d_transpose{end}/vars/0", ()) for end in ("", "_1", "_2")]
    dense = shapes.get("layers/dense/vars/0", ())
    is_tutorial = len(kernels) == 4 and len(dense) == 2 and all(len(up) == 4 and up[:2] == (5, 5) for up in ups)
    side = round((dense[1] / ups[0][3]) ** 0.5) if is_tutorial and ups[0][3] else 0
    if not is_tutorial or side < 1 or side * side * ups[0][3] != dense[1]:
        if "layers/conv2d/vars/0" in shapes and not dense[2:] and dense[1:] == (1,):
            raise InputError(f"“{shown(name)}” holds the weights of a discriminator of Keras; choose those of the generator.")
        raise InputError(f"“{shown(name)}” holds {containers.in_words(shapes)}, {_TUTORIAL}; save the whole generator as .keras.")
    norm = [{"class_name": "BatchNormalization", "config": {}}, {"class_name": "LeakyReLU", "config": {}}]
    layers: list[Any] = [{"class_name": "Dense", "config": {}}, *norm]
    layers += [{"class_name": "Reshape", "config": {"target_shape": [side, side, ups[0][3]]}}]
    for stride, activation in ((1, "linear"), (2, "linear"), (2, "tanh")):
        settings = {"kernel_size": [5, 5], "strides": [stride, stride], "padding": "same", "activation": activation}
        layers += [{"class_name": "Conv2DTranspose", "config": settings}, *(norm if activation == "linear" else [])]
    return _built(layers, weights, name)


def _built(layers: list[Any], weights: Mapping[str, Array], name: str) -> Foreign:
    """Return a generator of layers in order, with weights by path ("layers/dense_1/vars/0")."""
    with _understood(name):
        placed = list(_placed(layers, weights))
        built = [module for layer in placed for module in _layer(*layer)]
        first = next((layer for layer in built if isinstance(layer, nn.Linear)), None)
        if first is None or built[0] is not first:
            raise _Unfit("layers that do not begin with Dense")
        last = next((one for one in reversed(built) if not isinstance(one, nn.Identity)), None)
        low = 0.0 if isinstance(last, nn.Sigmoid) else -1.0
        found = finished(f"Keras generator “{shown(name)}”", nn.Sequential(*built), first.in_features, low=low)
        try:
            return found.as_ours(ours.keras_generator(placed))
        except (Misfit, ValueError, KeyError, IndexError, TypeError) as reason:
            return found.as_ours(None, str(reason) if isinstance(reason, Misfit) else "its settings are unusual")


@contextlib.contextmanager
def _understood(name: str) -> Iterator[None]:
    """Raise InputError for layers that cannot be built, or whose settings and weights do not fit each other."""
    try:
        yield
    except _Unfit as error:
        raise InputError(f"“{shown(name)}” has {error}, {_EXPECTED}; choose such a generator.") from None
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The settings and weights in “{shown(name)}” do not fit each other; export the generator again."
        ) from None


def _placed(layers: list[Any], weights: Mapping[str, Array]) -> Iterator[Layer]:
    """Yield the layers of a model with their weights, without inputs."""
    seen: Counter[str] = Counter()
    for layer in layers:
        kind = layer.get("class_name") if isinstance(layer, dict) else None
        settings = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(kind, str) or not isinstance(settings, dict):
            raise _Unfit("a layer without class and settings")
        if kind == "InputLayer":
            continue
        plain = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
        place = f"layers/{plain}" + (f"_{seen[plain]}" if seen[plain] else "")
        seen[plain] += 1
        yield Layer(kind, settings, [weights[path] for number in range(5) if (path := f"{place}/vars/{number}") in weights])


def _layer(kind: str, settings: Mapping[str, Any], own: list[Array]) -> list[nn.Module]:
    """Return the modules of one layer with its weights. Raises _Unfit if it is of no known kind."""
    if kind in ("Dropout", "GaussianNoise"):
        return []
    if kind == "LeakyReLU":
        return [nn.LeakyReLU(float(settings.get("negative_slope", settings.get("alpha", 0.3))))]
    if kind in ("ReLU", "Activation"):
        return [_activation(settings.get("activation", "relu"))] if kind == "Activation" else [nn.ReLU()]
    if kind == "Reshape":
        return [_ToMap(*(int(length) for length in settings["target_shape"]))]
    if kind == "BatchNormalization":
        return [_norm(settings, own)]
    if kind == "Dense":
        inputs, outputs = own[0].shape
        return [
            _weighted(nn.Linear(inputs, outputs, bias=len(own) > 1, device="meta"), own, (1, 0)),
            _activation(settings.get("activation")),
        ]
    if kind not in ("Conv2D", "Conv2DTranspose"):
        raise _Unfit(f"a layer of the kind {shown(kind)}")
    high, wide, *ends = own[0].shape
    stride, is_up = tuple(int(step) for step in settings["strides"]), kind == "Conv2DTranspose"
    is_plain = settings.get("padding") == "same" and settings.get("data_format", "channels_last") == "channels_last"
    is_plain &= settings.get("groups", 1) == 1 and list(settings.get("dilation_rate", (1, 1))) == [1, 1]
    is_plain &= settings.get("output_padding") is None and (high, wide) == tuple(settings["kernel_size"])
    if not is_plain or len(stride) != 2 or not all(1 <= step <= 4 for step in stride):
        raise _Unfit(f"a {kind} whose padding, dilation, groups or strides are unusual")
    if is_up and (high < stride[0] or wide < stride[1]):
        raise _Unfit(f"a {kind} whose kernel is smaller than its stride")
    inputs, outputs = ends[::-1] if is_up else ends
    layer = (_ConvTranspose if is_up else _Conv)(inputs, outputs, (high, wide), stride, bias=len(own) > 1, device="meta")
    return [_weighted(layer, own, (3, 2, 0, 1)), _activation(settings.get("activation"))]


def _activation(wanted: Any) -> nn.Module:
    named = wanted or "linear"
    if not isinstance(named, str) or named not in _ACTIVATIONS:
        raise _Unfit(f"an activation called {shown(str(named))}")
    return _ACTIVATIONS[named]()


def _weighted(layer: nn.Module, own: list[Array], axes: tuple[int, ...]) -> nn.Module:
    """Return a layer with its kernel, whose axes are put in order, and its bias if it has one."""
    values = {"weight": own[0].transpose(axes)} | ({"bias": own[1]} if len(own) > 1 else {})
    layer.load_state_dict({key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in values.items()}, assign=True)
    return layer


class _Norm(nn.Module):
    """Batch norm of maps or vectors with fixed statistics, as a scale and a shift per channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.scale, self.shift = nn.Buffer(scale), nn.Buffer(shift)

    def forward(self, values: Tensor) -> Tensor:
        shape = (-1, *(1,) * (values.ndim - 2))
        if values.shape[1] != len(self.scale):
            raise RuntimeError("another number of channels")
        return values * self.scale.view(shape) + self.shift.view(shape)


def _norm(settings: Mapping[str, Any], own: list[Array]) -> nn.Module:
    has_scale, has_centre = bool(settings.get("scale", True)), bool(settings.get("center", True))
    if settings.get("axis", -1) not in (-1, 3, [-1], [3]) or len(own) != 2 + has_scale + has_centre:
        raise _Unfit("a batch norm of an unusual axis or number of weights")
    *affine, mean, variance = (value.astype(np.float64) for value in own)
    scale = (affine[0] if has_scale else 1.0) / np.sqrt(variance + float(settings.get("epsilon", 1e-3)))
    shift = (affine[-1] if has_centre else 0.0) - mean * scale
    return _Norm(torch.from_numpy(scale.astype(np.float32)), torch.from_numpy(shift.astype(np.float32)))
