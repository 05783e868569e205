"""What both players share, checked against slow and plain definitions: packs, statistics of the batch, and classes."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan.networks.players import (
    EMBEDDING,
    Discriminator,
    Generator,
    MinibatchDeviation,
    MinibatchDiscrimination,
    pack,
    prepared,
)

SEEDS = st.integers(0, 1000)


def leave(layer: nn.Module) -> None:
    """Leave the weights as torch draws them."""


def features_of(images: int, features: int, seed: int) -> Tensor:
    """Return random features in float64."""
    return torch.randn(images, features, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def plain_discrimination(features: Tensor, weights: Tensor) -> Tensor:
    """Return the statistics of Salimans et al. 2016, one number at a time, for features [N, F] and T as [F, 32, 8]."""
    count = len(features)
    projected = torch.einsum("nf,fkd->nkd", features, weights)
    found = torch.zeros(count, weights.shape[1], dtype=torch.float64)
    for image, other in itertools.product(range(count), repeat=2):
        for kernel in range(weights.shape[1]):
            if image != other:
                distance = sum(
                    abs(float(a) - float(b)) for a, b in zip(projected[image, kernel], projected[other, kernel], strict=True)
                )
                found[image, kernel] += math.exp(-distance)
    return found


def plain_deviation(features: Tensor, group: int) -> Tensor:
    """Return the deviation of Karras et al. 2018, one group at a time: image i is grouped with i + M, i + 2·M, ... (M groups)."""
    count, wide = features.shape
    groups = count // group
    found = torch.zeros(count, 1, dtype=torch.float64)
    for number in range(groups):
        members = list(range(number, count, groups))
        deviations = []
        for feature in range(wide):
            values = [float(features[member, feature]) for member in members]
            mean = sum(values) / group
            deviations.append(math.sqrt(sum((value - mean) ** 2 for value in values) / group + 1e-8))
        found[members] = sum(deviations) / wide
    return found


@settings(max_examples=25)
@given(images=st.integers(1, 9), features=st.integers(1, 6), seed=SEEDS)
def test_discrimination_matches_the_paper(images: int, features: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer = MinibatchDiscrimination(features).double()
    seen = features_of(images, features, seed) / 4
    weights = layer.projection.weight.detach().T.reshape(features, 32, 8)
    found = layer(seen)
    assert found.shape == (images, layer.extra)
    assert torch.allclose(found, plain_discrimination(seen, weights), atol=1e-12)


@settings(max_examples=25)
@given(images=st.integers(1, 17), features=st.integers(1, 6), seed=SEEDS)
def test_deviation_matches_the_paper(images: int, features: int, seed: int) -> None:
    layer = MinibatchDeviation()
    seen = features_of(images, features, seed)
    found = layer(seen)
    assert found.shape == (images, layer.extra)
    sizes = [size for size in (4, 3, 2, *range(5, images + 1), 1) if images % size == 0]
    assert torch.allclose(found, plain_deviation(seen, sizes[0]), rtol=1e-5)


@pytest.mark.parametrize("images", [2, 3, 5, 7, 8, 11, 25, 35])
def test_deviation_compares_images_in_batches_of_any_size(images: int) -> None:
    layer, seen = MinibatchDeviation(), features_of(images, 3, 0)
    assert layer(seen).min() > 0.1
    assert layer(seen[:1].expand_as(seen)).max() == pytest.approx(1e-4)


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_statistics_have_finite_gradients_in_low_precision(precision: torch.dtype) -> None:
    seen = torch.ones(4, 3, dtype=precision, requires_grad=True)
    for layer in (MinibatchDeviation(), MinibatchDiscrimination(3).to(precision)):
        found = layer(seen)
        assert found.dtype == precision
        (slope,) = torch.autograd.grad(found.sum(), seen)
        assert torch.isfinite(slope).all(), "identical images should not end a training"


def test_identical_images_get_the_greatest_similarity() -> None:
    layer = MinibatchDiscrimination(5).double()
    alike = features_of(1, 5, 0).expand(6, 5)
    assert torch.allclose(layer(alike), torch.full((6, 32), 5.0, dtype=torch.float64))
    apart = torch.arange(6, dtype=torch.float64).unsqueeze(1) * features_of(1, 5, 0) * 1000
    assert layer(apart).max() < 0.1


def test_gradients_of_the_statistics_equal_finite_differences() -> None:
    """Second derivatives too: gradient penalties need them."""
    torch.manual_seed(0)
    discrimination = MinibatchDiscrimination(3).double()
    seen = features_of(4, 3, 1).requires_grad_()
    assert torch.autograd.gradcheck(discrimination, seen)
    assert torch.autograd.gradgradcheck(discrimination, seen)
    deviation = MinibatchDeviation()
    assert torch.autograd.gradcheck(deviation, features_of(8, 3, 2).requires_grad_())
    assert torch.autograd.gradgradcheck(deviation, features_of(8, 3, 2).requires_grad_())


@pytest.mark.parametrize("packing", [1, 2, 3, 4])
def test_packs_join_neighbours_along_the_channels(packing: int) -> None:
    images = torch.randn(12, 3, 4, 5)
    packs = pack(images, packing)
    assert packs.shape == (12 // packing, 3 * packing, 4, 5)
    for number in range(12 // packing):
        together = torch.cat([images[number * packing + place] for place in range(packing)], dim=0)
        assert torch.equal(packs[number], together)
    points = torch.randn(12, 2)
    for number, row in enumerate(pack(points, packing)):
        assert torch.equal(row, torch.cat(list(points[number * packing : (number + 1) * packing])))


@pytest.mark.parametrize("minibatch", ["none", "discrimination", "deviation"])
@pytest.mark.parametrize("packing", [1, 2, 3])
def test_logit_matches_the_projection_discriminator(packing: int, minibatch: str) -> None:
    """ψ(f) + ⟨e(y), f⟩: e(y) is the mean of a pack's embeddings, and only ψ sees the statistics."""
    torch.manual_seed(0)
    body = nn.Linear(2 * packing, 5)
    discriminator = Discriminator(body, 5, leave, packing=packing, minibatch=minibatch, classes=4)
    points, labels = torch.randn(12, 2), torch.randint(4, (12,))
    assert discriminator.embedding is not None
    expected = []
    rows = [torch.cat(list(points[at : at + packing])) for at in range(0, 12, packing)]
    features = torch.stack([body(row) for row in rows])
    statistics = torch.zeros(len(rows), 0) if discriminator.minibatch is None else discriminator.minibatch(features)
    for number, feature in enumerate(features):
        told = [discriminator.embedding.weight[label] for label in labels[number * packing : (number + 1) * packing]]
        embedding = sum(told, torch.zeros(5)) / packing
        seen = torch.cat([feature, statistics[number]])
        expected.append(discriminator.head.weight[0] @ seen + discriminator.head.bias[0] + embedding @ feature)
    assert torch.allclose(discriminator(points, labels), torch.stack(expected), atol=1e-5)
    assert not torch.allclose(discriminator(points, labels), discriminator(points, (labels + 1) % 4))


def test_conditional_generator_appends_the_embedding_to_z() -> None:
    torch.manual_seed(0)
    layers = nn.Linear(3 + EMBEDDING, 2)
    generator = Generator(3, layers, classes=4)
    z, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 0, 0])
    assert generator.embedding is not None
    points = generator(z, labels)
    for place, label in enumerate(labels):
        assert torch.allclose(points[place], layers(torch.cat([z[place], generator.embedding.weight[label]])), atol=1e-6)
    other = generator(z, torch.zeros(6, dtype=torch.int64))
    assert [torch.allclose(one, two) for one, two in zip(points, other, strict=True)] == [True, False, False, False, True, True]


def test_generator_without_classes_uses_z_alone() -> None:
    generator = Generator(3, nn.Linear(3, 2))
    z = torch.randn(4, 3)
    assert generator.embedding is None
    assert torch.equal(generator(z), generator(z, torch.zeros(4, dtype=torch.int64)))


def test_head_is_initialised_like_its_family_and_normalised_if_asked_for() -> None:
    def start(layer: nn.Module) -> None:
        assert isinstance(layer, nn.Linear)
        nn.init.constant_(layer.weight, 2.0)

    plain = Discriminator(nn.Identity(), 4, start)
    assert plain.head.weight.eq(2).all()
    bounded = Discriminator(nn.Identity(), 4, start, classes=3, is_spectral=True)
    assert float(bounded.head.weight.detach().norm()) == pytest.approx(1)
    assert bounded.embedding is not None
    assert float(torch.linalg.svdvals(bounded.embedding.weight.detach()).max()) == pytest.approx(1, rel=0.1)
    assert isinstance(prepared(nn.Linear(2, 2), leave), nn.Linear)
