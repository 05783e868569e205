"""Batch-norm statistics of the averaged generator (EMA), which belong to its own weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan.config import RunConfig
from gan.training import labels

IMAGES, BATCH = 256, 64  # drawn for an estimate; see docs/benchmarks.md for their number
_SEED = 20_260_414  # of the latent vectors; the same for every estimate, so that it is reproducible


def norms(generator: nn.Module) -> list[_BatchNorm]:
    """Return the batch-norm layers that keep running statistics."""
    return [layer for layer in generator.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]


@torch.no_grad()
def estimate(generator: nn.Module, config: RunConfig, images: int = IMAGES) -> None:
    """Set the running means and variances of a generator's batch norms to those of its own activations, in place.

    The average over training steps of the weights (EMA) has activations unlike those of any single step, so it needs statistics of
    its own: means over batches of 64 generated images, in float32 (Izmailov et al. 2018, 1803.05407, section 3.2; "standing
    statistics" in Brock et al. 2019, 1809.11096). The latent vectors and classes come from a fixed seed; random states, weights and
    the mode of the generator stay unchanged. A generator without batch norm is left alone.
    """
    layers = norms(generator)
    if not layers:
        return
    device = next(generator.parameters()).device
    source = torch.Generator().manual_seed(_SEED)
    z = torch.randn(images, config.networks.latent, generator=source).to(device)
    told = labels.at_random(config, images, source)
    was_training, momenta = generator.training, [layer.momentum for layer in layers]
    generator.eval()  # dropout off, spectral norm fixed
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative mean over all batches
        layer.train()
    try:
        for place in range(0, images, BATCH):
            part = slice(place, place + BATCH)
            generator(z[part], None if told is None else told[part].to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        generator.train(was_training)
