"""The standard Inception network of 2015; its features define the usual FID.

Szegedy et al. 2015 (1512.00567), with the weights of the original FID code as torch-fidelity publishes them.
"""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch_fidelity import feature_extractor_inceptionv3 as fidelity

from gan.errors import InputError
from gan.judging import lines
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.extractors.weights import Weights
from gan.storage.jobs import Report

LABEL = "Inception 2015"
BATCH, BATCH_ON_GPU = 10, 50  # images per pass; on a CPU, a pass of 50 takes a tenth longer for each image
_SIDE = 299  # pixels
_LAYERS = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c", "AvgPool"),
)
WEIGHTS = Weights(
    title="Inception",
    variable="GAN_INCEPTION",
    url=fidelity.URL_INCEPTION_V3,
    size=95_628_359,
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    otherwise=", or use the extractor “classifier” or “random-vgg”",
)


class Inception(nn.Module):
    """uint8 pixels [N, 1 or 3, H, W] → pool features [N, 2048] and unbiased logits [N, 1008], in one pass.

    Images are scaled to 299 × 299 like the original TensorFlow code; grey images are repeated over three channels.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.network(pixels.expand(-1, 3, -1, -1))
        return features, logits


class Clean(nn.Module):
    """The same network behind the resizing of clean-fid (Parmar et al. 2022, 2104.11222): bicubic, antialiased, not rounded.

    uint8 pixels [N, 1 or 3, H, W] → pool features [N, 2048] and empty logits [N, 0].
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        resized = torch.from_numpy(np.stack([[_cleanly(channel) for channel in one] for one in pixels.cpu().numpy()]))
        found = (resized.to(pixels.device).expand(-1, 3, -1, -1) - 128) / 128
        for name in _LAYERS:
            found = getattr(self.network, name)(found)
        features = found.flatten(1)
        return features, features.new_empty(len(features), 0)


def _cleanly(channel: np.ndarray) -> np.ndarray:
    image = Image.fromarray(channel.astype(np.float32)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    return np.asarray(image).clip(0, 255)


def clean(extractor: Extractor) -> Extractor:
    """Return Inception with the resizing of clean-fid. Raises InputError for another extractor."""
    if not isinstance(extractor.network, Inception):
        raise InputError(f"Clean resizing is for Inception, and the features are those of {extractor.label}; choose inception.")
    network = Clean(extractor.network.network).eval()
    return dataclasses.replace(extractor, id=f"{extractor.id}-clean", network=network)


def load(device: torch.device, report: Report) -> Extractor:
    """Return the network as an extractor, downloading its weights on first use.

    Raises InputError if the weights are unavailable or are not the standard ones.
    """
    network = build(WEIGHTS.load(report)).to(device).to(memory_format=torch.channels_last)
    return Extractor(
        LABEL, f"{lines.INCEPTION}-{WEIGHTS.sha256[:8]}", None, network, device, BATCH if device.type == "cpu" else BATCH_ON_GPU
    )


def build(state: dict[str, Tensor]) -> Inception:
    """Return the network, in evaluation mode, with the weights in ``state`` (a state dictionary)."""
    # torch-fidelity's constructor only accepts a file to unpickle; pass one made here from plain tensors.
    file: Any = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    with torch.random.fork_rng(devices=[]):
        network = fidelity.FeatureExtractorInceptionV3(LABEL, ["2048", "logits_unbiased"], feature_extractor_weights_path=file)
    return Inception(_folded(network)).eval()


class Fused(nn.Module):
    """A convolution and its ReLU, on CPUs in one pass: the ReLU alone would take a seventh of the time of the whole network."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Tensor) -> Tensor:
        layer = self.convolution
        if maps.device.type == "cpu" and maps.dtype == torch.float32 and _HAS_FUSED:
            settings = layer.padding, layer.stride, layer.dilation, layer.groups
            found: Tensor = torch.ops.mkldnn._convolution_pointwise(maps, layer.weight, layer.bias, *settings, "relu", [], "")
            return found
        return functional.relu(layer(maps), inplace=True)


#: Whether this torch has oneDNN's convolution with a ReLU, which is not a public function.
_HAS_FUSED = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _folded(network: nn.Module) -> nn.Module:
    """Return the network with each batch norm and ReLU in its convolution: equal up to rounding, and faster."""
    for module in list(network.modules()):
        for name, block in module.named_children():
            if isinstance(block, fidelity.BasicConv2d):
                setattr(module, name, Fused(fuse_conv_bn_eval(block.conv, block.bn)))
    return network


def is_at_hand() -> bool:
    """Return whether no download is needed: ``GAN_INCEPTION`` is set (valid or not), or the weights are downloaded."""
    return WEIGHTS.is_at_hand()
