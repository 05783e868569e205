"""The two players: a family's layers plus class conditioning, packing and minibatch statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan.networks.convolutions import channels_last

EMBEDDING = 32  # size of the generator's class embedding
_GROUP = 4
_KERNELS, _DIMENSIONS = 32, 8

Layer = TypeVar("Layer", bound=nn.Module)
Initialise = Callable[[nn.Module], None]


def prepared(layer: Layer, initialise: Initialise, *, is_spectral: bool = False) -> Layer:
    """Initialise a layer, add spectral norm (Miyato et al. 2018) if ``is_spectral``, and return the layer."""
    initialise(layer)
    if is_spectral:
        spectral_norm(layer)
    return layer


class Generator(nn.Module):
    """z [N, latent], and labels int64 [N] if there are ``classes`` → images [N, C, S, S] from −1 to 1, or points [N, 2].

    The class is embedded and concatenated to z.
    """

    def __init__(self, latent: int, layers: nn.Module, classes: int = 0) -> None:
        super().__init__()
        self.latent, self.classes = latent, classes
        self.layers = layers
        self.embedding = nn.Embedding(classes, EMBEDDING) if classes else None

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(labels)], dim=1)
        images: Tensor = self.layers(z)
        return images


class Discriminator(nn.Module):
    """Images [N, C, S, S] or points [N, 2], and labels int64 [N] if there are ``classes`` → logits [N / packing].

    ``body`` sees ``packing`` images at once, concatenated along the channels (PacGAN, Lin et al. 2017, 1712.04086), and returns
    N / packing rows of ``features``. With classes, ⟨embedding(y), features⟩ is added to the logit (projection, Miyato & Koyama
    2018, 1802.05637); the embeddings of a pack are averaged.
    """

    products = 0  # set by gan.networks.convolutions.use_products

    def __init__(
        self,
        body: nn.Module,
        features: int,
        initialise: Initialise,
        *,
        packing: int = 1,
        minibatch: str = "none",
        classes: int = 0,
        is_spectral: bool = False,
    ) -> None:
        super().__init__()
        self.packing = packing
        self.body = body
        self.minibatch: MinibatchDeviation | MinibatchDiscrimination | None = None
        if minibatch != "none":
            self.minibatch = MinibatchDeviation() if minibatch == "deviation" else MinibatchDiscrimination(features)
        extra = self.minibatch.extra if self.minibatch is not None else 0
        self.head = prepared(nn.Linear(features + extra, 1), initialise, is_spectral=is_spectral)
        self.embedding = None
        if classes:
            self.embedding = prepared(nn.Embedding(classes, features), _initialise_embedding, is_spectral=is_spectral)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        found = self.body(pack(images, self.packing))
        if self.products and found.ndim == 4 and found.requires_grad:
            found.register_hook(channels_last)
        features = found.flatten(1)
        seen = features if self.minibatch is None else torch.cat([features, self.minibatch(features)], dim=1)
        logits: Tensor = self.head(seen).flatten()
        if self.embedding is not None and labels is not None:
            embedded = self.embedding(labels).unflatten(0, (-1, self.packing)).mean(dim=1)
            logits = logits + (embedded * features).sum(dim=1)
        return logits


def pack(images: Tensor, packing: int) -> Tensor:
    """Pack neighbours in the batch: images [N, C, ...] → [N / packing, packing · C, ...]; points [N, 2] likewise."""
    if packing == 1:
        return images
    return images.reshape(len(images) // packing, packing * images.shape[1], *images.shape[2:])


def _initialise_embedding(layer: nn.Module) -> None:
    """Draw small embeddings, so that the class has little effect on the output at first."""
    assert isinstance(layer, nn.Embedding)
    nn.init.normal_(layer.weight, 0.0, layer.embedding_dim**-0.5)


def _precise(features: Tensor) -> Tensor:
    """Return features in fp32 or better: in fp16, the 1e-8 below is zero, and the root has infinite slope at zero."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


class MinibatchDeviation(nn.Module):
    """Features [N, F] → [N, 1]: the standard deviation within groups of four images, averaged over features.

    Karras et al. 2018 (1710.10196), section 3. If N is not a multiple of four, groups of three or two are used, else the smallest
    size above four that divides N.
    """

    extra = 1

    def forward(self, features: Tensor) -> Tensor:
        count = len(features)
        group = next(size for size in (*range(_GROUP, 1, -1), *range(_GROUP + 1, count + 1), 1) if count % size == 0)
        groups = _precise(features).unflatten(0, (group, -1))
        deviation = groups.var(dim=0, correction=0).add(1e-8).sqrt().mean(dim=1)
        return deviation.repeat(group).unsqueeze(1).to(features.dtype)


class MinibatchDiscrimination(nn.Module):
    """Features [N, F] → [N, 32]: closeness of each image to the others in the batch.

    Salimans et al. 2016 (1606.03498), section 3.2: M = f(x) T, with T [F, 32, 8]; o(xᵢ)_b = Σ_{j≠i} exp(−‖M_{i,b} − M_{j,b}‖₁).
    """

    extra = _KERNELS

    def __init__(self, features: int) -> None:
        super().__init__()
        self.projection = nn.Linear(features, _KERNELS * _DIMENSIONS, bias=False)
        nn.init.normal_(self.projection.weight, 0.0, features**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        projected = _precise(self.projection(features)).unflatten(1, (_KERNELS, _DIMENSIONS))
        distances = (projected.unsqueeze(0) - projected.unsqueeze(1)).abs().sum(dim=3)  # [N, N, kernels]
        return distances.neg().exp().sum(dim=1).sub(1.0).to(features.dtype)  # minus exp(0), the image compared with itself
