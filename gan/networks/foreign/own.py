"""Generators that this program has exported: safetensors files, alone or in the ZIP of a report."""

from __future__ import annotations

import json
import struct

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from gan import config as configs
from gan.config import RunConfig
from gan.errors import InputError, shown
from gan.networks import FAMILIES
from gan.networks.foreign.containers import in_words, parsed
from gan.networks.foreign.generator import Foreign, Ours, finished
from gan.networks.players import EMBEDDING, Generator

_MOST_HEADER = 1 << 24  # bytes


def is_ours(content: bytes, size: int) -> bool:
    """Return whether a file of ``size`` bytes that begins with ``content`` looks like safetensors: the length of a JSON object."""
    return content[8:9] == b"{" and 2 <= struct.unpack_from("<Q", content)[0] <= min(_MOST_HEADER, size - 8)


def read(content: bytes, name: str) -> Foreign:
    """Return the generator in an exported file; its data set need not be on this machine. Raises InputError if it is none."""
    (size,) = struct.unpack_from("<Q", content)
    about = parsed(content[8 : 8 + size], "its header", name).get("__metadata__")
    if not isinstance(about, dict) or not isinstance(about.get("config"), str):
        raise InputError(
            f"“{shown(name)}” is a safetensors file of another program; export the generator with python -m gan export."
        )
    try:
        settings, tensors = json.loads(about["config"]), safetensors.torch.load(content)
    except (ValueError, RecursionError, KeyError, RuntimeError, safetensors.SafetensorError):
        raise InputError(f"“{shown(name)}” is damaged; export the generator again.") from None
    config = configs.parse(settings, stored=True)
    network = _fitting(config, tensors)
    if network is None:
        found = in_words({key: tuple(value.shape) for key, value in tensors.items()})
        raise InputError(f"“{shown(name)}” holds {found}, which does not fit its settings; export the generator again.")
    title = f"Generator “{shown(name)}” of the run “{shown(str(about.get('name', '')))}”"
    generator = finished(title, network, network.latent, shares=_shares(config, network.classes))
    return generator.as_ours(Ours(config, generator.shape[0], tensors))


def _shares(config: RunConfig, classes: int) -> tuple[float, ...]:
    """Return how often each class occurs in the images of a run; equally often if its data set is not on this machine."""
    try:
        entry = config.data.require()
    except InputError:
        return (1.0,) * classes
    if len(entry.classes) != classes:
        return (1.0,) * classes
    chosen = config.data.classes or entry.classes
    return tuple(float(count) if name in chosen else 0.0 for name, count in zip(entry.classes, entry.counts, strict=True))


def _fitting(config: RunConfig, tensors: dict[str, Tensor]) -> Generator | None:
    """Return the generator of one or three channels, or of points, that fits the tensors; their embedding tells the classes."""
    networks, embedding = config.networks, tensors.get("embedding.weight")
    classes = len(embedding) if embedding is not None and embedding.ndim == 2 else 0
    shapes = {key: (value.shape, value.dtype) for key, value in tensors.items()}
    side, inputs = config.data.size, networks.latent + (EMBEDDING if classes else 0)
    for shape in ((1, side, side), (3, side, side), *([(2,)] if networks.family == "mlp" else [])):
        with torch.device("meta"):
            body: nn.Module = FAMILIES[networks.family].generator(networks, inputs, shape)
            found = Generator(networks.latent, body, classes)
        if {key: (value.shape, value.dtype) for key, value in found.state_dict().items()} == shapes:
            found.load_state_dict(tensors, assign=True)
            return found
    return None
