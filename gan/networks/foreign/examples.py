"""Generators of the DCGAN in pytorch/examples and PyTorch's tutorial: `netG_epoch_N.pth`, a state dict saved by torch.

A `.pth` file is a ZIP with a pickle. It is read only if the pickle names nothing but tensors, and then by torch's restricted
reader.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gan.errors import InputError, shown
from gan.networks.foreign import containers, ours
from gan.networks.foreign.generator import MOST_VALUES, Foreign, Misfit, finished
from gan.networks.foreign.ours import Judge

_DEEPEST = 8  # transposed convolutions, for pictures of 512 pixels
_MOST_PICKLE = 1 << 22  # bytes; that of a state dict has some hundred per tensor
_NAMES = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    *(("torch", f"{kind}Storage") for kind in ("Float", "Half", "BFloat16", "Double", "Long", "Int")),
}
_EXPECTED = "expected the state dict of the generator in pytorch/examples' dcgan (main.0.weight, main.1.weight, …)"
_KEY = re.compile(r"(?:module\.)?main\.(\d{1,3})\.(weight|bias|running_mean|running_var|num_batches_tracked)")


def read(content: bytes, name: str) -> Foreign:
    """Return the generator in a state dict. Raises InputError with one sentence on what else the file holds."""
    return _recognised(_state(content, name), name)


def read_discriminator(content: bytes, name: str) -> Judge:
    """Return the discriminator in a state dict. Raises InputError if it is no state dict, and Misfit if none of ours."""
    tensors = {}
    for key, value in _state(content, name).items():
        if (match := _KEY.fullmatch(key)) is None:
            raise Misfit(f"{shown(key, 40)} is no layer of it")
        tensors[f"{match[1]}.{match[2]}"] = value if match[2] == "num_batches_tracked" else value.float()
    return ours.examples_discriminator(tensors)


def _state(content: bytes, name: str) -> dict[str, Tensor]:
    """Return a state dict from a file of ``torch.save`` without running code."""
    with containers.opened(content, name) as archive:
        inner = next((one for one in archive.namelist() if one.endswith("/data.pkl") or one == "data.pkl"), "data.pkl")
        pickled = containers.member(archive, inner, name)
    for module, called in _called(pickled, name):
        if (module, called) not in _NAMES:
            raise InputError(
                f"“{shown(name)}” holds a pickle that calls {shown(module)}.{shown(called)}, which could run code and is not read; "
                "save the generator's state_dict() alone."
            )
    try:
        state: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (
        RuntimeError,
        EOFError,
        ValueError,
        OSError,
        pickle.UnpicklingError,
        KeyError,
        AttributeError,
        TypeError,
        OverflowError,
    ):
        raise InputError(f"“{shown(name)}” is damaged, or was not written by torch.save; copy it again.") from None
    if not isinstance(state, dict) or not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()):
        raise InputError(f"“{shown(name)}” is not a state dict; save the generator's state_dict() alone.")
    values = [value.numel() for value in state.values()]
    if sum(values) > MOST_VALUES or any(
        value.numel() * value.element_size() > value.untyped_storage().nbytes() for value in state.values()
    ):
        raise InputError(f"“{shown(name)}” claims {sum(values):,} weights, more than it holds; export the generator again.")
    return state


def _called(pickled: bytes, name: str) -> list[tuple[str, str]]:
    """Return the names (module, name) that a pickle would import."""
    if len(pickled) > _MOST_PICKLE:
        raise InputError(
            f"“{shown(name)}” has a pickle of {len(pickled) / 1e6:.0f} MB, more than any state dict; choose another file."
        )
    found: list[tuple[str, str]] = []
    texts: list[str] = []
    try:
        for code, argument, _ in pickletools.genops(pickled):
            if code.name in ("GLOBAL", "INST"):
                module, _, called = str(argument).partition(" ")
                found.append((module, called))
            elif code.name == "STACK_GLOBAL":
                found.append((texts[-2], texts[-1]) if len(texts) > 1 else ("?", "?"))
            elif isinstance(argument, str):
                texts.append(argument)
    except (ValueError, IndexError, UnicodeError, OverflowError):
        raise InputError(f"“{shown(name)}” has a damaged pickle; copy it again.") from None
    return found


def _recognised(state: Mapping[str, Tensor], name: str) -> Foreign:
    """Return the network whose layers fit the names and shapes of a state dict."""
    parts: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        if (match := _KEY.fullmatch(key)) is None:
            raise _other(state, name)
        parts.setdefault(int(match[1]), {})[match[2]] = value
    kernels = [values["weight"] for values in parts.values() if values.get("weight", torch.empty(0)).ndim == 4]
    if kernels and kernels[-1].shape[0] == 1 and kernels[0].shape[1] in (1, 3) and kernels[0].shape[0] > 3:
        raise InputError(f"“{shown(name)}” holds a discriminator of pytorch/examples' dcgan; choose the file netG_epoch_N.pth.")
    if len(kernels) > _DEEPEST:
        raise _other(state, name)
    layers: list[nn.Module] = []
    for level, kernel in enumerate(kernels):
        inputs, outputs, *sides = kernel.shape
        if sides != [4, 4] or (level and inputs != kernels[level - 1].shape[1]):
            raise _other(state, name)
        is_last, has_bias = level == len(kernels) - 1, "bias" in parts.get(3 * level, {})
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, min(2, level + 1), min(1, level), bias=has_bias, device="meta")]
        layers += [nn.Tanh()] if is_last else [nn.BatchNorm2d(outputs, device="meta"), nn.ReLU(inplace=True)]
    network = nn.Sequential(*layers)
    tensors = {
        f"{place}.{key}": value if key == "num_batches_tracked" else value.float()
        for place, found in parts.items()
        for key, value in found.items()
    }
    wanted = {key: value.shape for key, value in network.state_dict().items()}
    # Files from before torch 0.4 lack the number of batches, which is not used to draw.
    tensors |= {key: torch.tensor(0) for key in wanted if key.endswith("num_batches_tracked") and key not in tensors}
    if not kernels or wanted != {key: value.shape for key, value in tensors.items()}:
        raise _other(state, name)
    network.load_state_dict({key: value.contiguous() for key, value in tensors.items()}, assign=True)
    latent = kernels[0].shape[0]
    whole = nn.Sequential(nn.Unflatten(1, (latent, 1, 1)), *network)
    found = finished(f"Generator of pytorch/examples “{shown(name)}”", whole, latent)
    try:
        return found.as_ours(ours.examples_generator(kernels, tensors))
    except Misfit as reason:
        return found.as_ours(None, str(reason))


def _other(state: Mapping[str, Tensor], name: str) -> InputError:
    found = containers.in_words({key: tuple(value.shape) for key, value in state.items()})
    return InputError(f"“{shown(name)}” holds {found}, {_EXPECTED}; choose such a file.")
