"""The penalties against closed forms, a loop over single samples, and finite differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from gan.objective.penalties import Judge, Penalties, around, between, one_centred, squared_slopes, zero_centred

Penalty = Callable[[Judge, Tensor], Tensor]
SIZES = st.lists(st.floats(-5, 5), min_size=2, max_size=6)


def inputs(*shape: int, seed: int = 0) -> Tensor:
    """Return normal random numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def small_network(features: int, seed: int = 0) -> nn.Module:
    """Return a smooth discriminator in float64: [N, ...] with ``features`` numbers per sample → logits [N, 1]."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(features, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def flat(network: nn.Module) -> Judge:
    """Return a network as a function that gives logits [N] instead of [N, 1]."""
    return lambda images: network(images).flatten()


def slopes_one_by_one(discriminator: Judge, images: Tensor) -> Tensor:
    """Return ‖∇D‖ [N], each from its own backward pass over a batch of one."""
    slopes = []
    for place in range(len(images)):
        image = images[place : place + 1].detach().clone().requires_grad_()
        discriminator(image).sum().backward()
        assert image.grad is not None
        slopes.append(image.grad.pow(2).sum().sqrt())
    return torch.stack(slopes)


# Closed forms


@given(SIZES, st.integers(1, 6))
def test_slope_of_a_linear_discriminator_is_the_length_of_its_weights(weights: list[float], count: int) -> None:
    w = torch.tensor(weights, dtype=torch.float64)
    images = inputs(count, len(weights))
    length = sum(weight**2 for weight in weights) ** 0.5
    assert float(zero_centred(lambda x: x @ w + 3, images)) == pytest.approx(length**2 / 2, rel=1e-9, abs=1e-12)
    assert float(one_centred(lambda x: x @ w + 3, images)) == pytest.approx((length - 1) ** 2, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("shape", [(5, 2), (5, 6), (4, 1, 2, 3), (3, 3, 4, 4)])
def test_slope_of_a_quadratic_discriminator_is_its_matrix_times_the_image(shape: tuple[int, ...]) -> None:
    images = inputs(*shape)
    x = images.flatten(1)
    matrix = inputs(x.shape[1], x.shape[1], seed=1)
    matrix = matrix + matrix.T

    def discriminator(images: Tensor) -> Tensor:
        x = images.flatten(1)
        return (x @ matrix * x).sum(dim=1) / 2

    lengths = (x @ matrix).norm(dim=1)
    assert torch.allclose(squared_slopes(discriminator, images), lengths**2)
    assert torch.allclose(zero_centred(discriminator, images), (lengths**2).mean() / 2)
    assert torch.allclose(one_centred(discriminator, images), ((lengths - 1) ** 2).mean())


def test_penalties_of_slope_one_and_of_slope_zero() -> None:
    w = torch.tensor([0.6, 0.8], dtype=torch.float64)
    images = inputs(4, 2)
    assert float(one_centred(lambda x: x @ w, images)) == pytest.approx(0, abs=1e-9)
    assert float(one_centred(lambda x: x @ w * 0, images)) == pytest.approx(1, abs=1e-5)
    assert float(zero_centred(lambda x: x @ w * 0, images)) == 0


# Sample by sample


@pytest.mark.parametrize("shape", [(1, 2), (6, 2), (5, 2, 3, 4)])
def test_penalties_equal_those_of_single_samples(shape: tuple[int, ...]) -> None:
    images = inputs(*shape)
    discriminator = flat(small_network(images[0].numel()))
    slopes = slopes_one_by_one(discriminator, images)
    assert torch.allclose(squared_slopes(discriminator, images), slopes**2)
    assert torch.allclose(zero_centred(discriminator, images), (slopes**2).mean() / 2)
    assert torch.allclose(one_centred(discriminator, images), ((slopes - 1) ** 2).mean())


def test_slope_of_a_pack_is_over_all_its_images() -> None:
    """Lin et al. 2017: a logit belongs to a pack, so its slope is over all numbers of all images of that pack."""
    images = inputs(6, 1, 2, 2)
    network = small_network(3 * 4)
    packs = slopes_one_by_one(flat(network), images.reshape(2, 12))

    def discriminator(images: Tensor) -> Tensor:
        return flat(network)(images.reshape(len(images) // 3, 12))

    assert squared_slopes(discriminator, images).shape == (2,)
    assert torch.allclose(squared_slopes(discriminator, images), packs**2)
    assert torch.allclose(zero_centred(discriminator, images), (packs**2).mean() / 2)
    assert torch.allclose(one_centred(discriminator, images), ((packs - 1) ** 2).mean())


# Gradients for the discriminator's weights


@pytest.mark.parametrize("penalty", [zero_centred, one_centred])
def test_gradients_for_the_weights_equal_finite_differences(penalty: Penalty) -> None:
    images = inputs(4, 3)
    first, bias, last = (inputs(*shape, seed=1).requires_grad_() for shape in ((3, 5), (5,), (5,)))

    def of_weights(first: Tensor, bias: Tensor, last: Tensor) -> Tensor:
        return penalty(lambda x: torch.tanh(x @ first + bias) @ last, images)

    assert torch.autograd.gradcheck(of_weights, (first, bias, last))
    assert torch.autograd.gradgradcheck(of_weights, (first, bias, last))


@pytest.mark.parametrize("name", ["gradient_penalty", "dragan", "r1", "r2"])
def test_following_a_penalty_makes_it_smaller(name: str) -> None:
    network = small_network(3)
    penalties = Penalties(**{name: 1.0})
    reals, fakes = inputs(8, 3), inputs(8, 3, seed=1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    measured = []
    for _ in range(30):
        torch.manual_seed(0)
        optimizer.zero_grad()
        penalty = penalties.measure(flat(network), reals, fakes)
        penalty.backward()
        optimizer.step()
        measured.append(float(penalty.detach()))
    assert measured[-1] < measured[0] / 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("penalty", [zero_centred, one_centred])
def test_a_flat_discriminator_gives_finite_gradients(penalty: Penalty, dtype: torch.dtype) -> None:
    w = torch.zeros(3, dtype=dtype, requires_grad=True)
    penalty(lambda x: x @ w, inputs(4, 3).to(dtype)).backward()
    assert w.grad is not None
    assert torch.isfinite(w.grad).all()


def test_penalties_do_not_change_the_images() -> None:
    images = inputs(4, 3)
    before = images.clone()
    zero_centred(flat(small_network(3)), images).backward()
    assert torch.equal(images, before)
    assert images.grad is None
    assert not images.requires_grad


# Where the slopes are measured


@pytest.mark.parametrize("shape", [(64, 2), (64, 3, 4, 4)])
def test_between_lies_on_the_line_with_one_share_for_each_sample(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    reals, fakes = (torch.randn(shape) for _ in range(2))
    found = between(reals, fakes)
    assert found.shape == reals.shape
    shares = ((found - fakes) * (reals - fakes)).flatten(1).sum(dim=1) / (reals - fakes).flatten(1).pow(2).sum(dim=1)
    in_shape = shares.reshape(-1, *[1] * (len(shape) - 1))
    assert torch.allclose(found, in_shape * reals + (1 - in_shape) * fakes, atol=1e-5), "all numbers of a sample should share one ε"
    assert shares.min() >= -1e-5
    assert shares.max() <= 1 + 1e-5
    assert shares.min() < 0.1, "the shares should reach from 0 to 1"
    assert shares.max() > 0.9
    assert abs(float(shares.mean()) - 0.5) < 0.12
    assert len({round(float(share), 5) for share in shares}) == len(shares), "each sample should have its own ε"


def test_between_draws_from_the_random_state_as_written() -> None:
    reals, fakes = torch.randn(5, 1, 2, 2), torch.randn(5, 1, 2, 2)
    torch.manual_seed(3)
    found = between(reals, fakes)
    torch.manual_seed(3)
    for place, share in enumerate(torch.rand(5, 1, 1, 1).flatten()):
        assert torch.allclose(found[place], share * reals[place] + (1 - share) * fakes[place])


def test_around_adds_half_a_standard_deviation_at_most() -> None:
    """Kodali et al. 2017: x + ½ σ U(0, 1), with a draw for each number."""
    reals = 3 * torch.randn(50, 1, 8, 8, generator=torch.Generator().manual_seed(1)) + 1
    torch.manual_seed(3)
    found = around(reals)
    torch.manual_seed(3)
    assert torch.allclose(found, reals + 0.5 * float(reals.std()) * torch.rand(50, 1, 8, 8))
    added = (found - reals) / float(reals.std())
    assert added.min() >= -1e-5
    assert 0.49 < added.max() <= 0.5 + 1e-5
    assert abs(float(added.mean()) - 0.25) < 0.01


# The weighted sum


@given(st.tuples(*[st.sampled_from([0.0, 0.1, 1.0, 10.0])] * 4))
def test_measure_is_the_weighted_sum(weights: tuple[float, float, float, float]) -> None:
    penalties = Penalties(*weights)
    assert bool(penalties) == any(weights)
    if not any(weights):
        return
    discriminator = flat(small_network(3).float())
    reals, fakes = inputs(6, 3).float(), inputs(6, 3, seed=1).float()
    torch.manual_seed(0)
    found = penalties.measure(discriminator, reals, fakes)
    assert found.shape == ()
    torch.manual_seed(0)
    gradient_penalty, dragan, r1, r2 = weights
    expected = torch.zeros(())
    if gradient_penalty:
        share = torch.rand(6, 1)
        expected = expected + gradient_penalty * one_centred(discriminator, share * reals + (1 - share) * fakes)
    if dragan:
        expected = expected + dragan * one_centred(discriminator, reals + 0.5 * reals.std() * torch.rand(6, 3))
    expected = expected + r1 * zero_centred(discriminator, reals) + r2 * zero_centred(discriminator, fakes)
    assert torch.allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(("name", "looks_at"), [("r1", "reals"), ("r2", "fakes")])
def test_r1_looks_at_real_images_and_r2_at_generated_ones(name: str, looks_at: str) -> None:
    seen = []

    def discriminator(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return images.square().sum(dim=1)

    chosen = {"reals": inputs(4, 3), "fakes": inputs(4, 3, seed=1)}
    Penalties(**{name: 1.0}).measure(discriminator, **chosen)
    assert len(seen) == 1
    assert torch.equal(seen[0], chosen[looks_at])


@pytest.mark.parametrize("name", ["gradient_penalty", "dragan", "r1", "r2"])
def test_generated_images_get_no_gradient(name: str) -> None:
    z = inputs(4, 3).requires_grad_()
    network = small_network(3)
    Penalties(**{name: 1.0}).measure(flat(network), inputs(4, 3, seed=1), 2 * z).backward()
    assert z.grad is None, "the generator would learn to reduce the penalty"
    assert all(weight.grad is not None for weight in network[1].parameters())
