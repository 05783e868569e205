"""The losses against closed forms, PyTorch's own and finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from gan.config import ObjectiveConfig, RunConfig, field_info
from gan.objective.losses import LOSSES, cross_entropy, minimax, non_saturating

LOGITS = st.lists(st.floats(-1e4, 1e4) | st.sampled_from([-1e4, -100.0, -1e-8, 0.0, 1e-8, 100.0, 1e4]), min_size=1, max_size=8)


def tensor(values: list[float]) -> Tensor:
    """Return logits in float64, with a gradient."""
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def value(loss: Tensor) -> float:
    """Return a loss as a number."""
    return float(loss.detach())


def test_every_loss_that_people_can_choose_is_there() -> None:
    choices = field_info(RunConfig(), "objective.loss").annotation.__args__  # type: ignore[union-attr]
    assert set(LOSSES) == set(choices)
    assert ObjectiveConfig().loss in LOSSES


def test_losses_of_a_discriminator_that_guesses() -> None:
    zeros = torch.zeros(5)
    assert value(cross_entropy(zeros, zeros)) == pytest.approx(2 * math.log(2))
    assert value(non_saturating(zeros)) == pytest.approx(math.log(2))
    assert value(minimax(zeros)) == pytest.approx(-math.log(2))


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=8), st.lists(st.floats(-30, 30), min_size=1, max_size=8))
def test_losses_equal_their_closed_forms(real: list[float], fake: list[float]) -> None:
    def d(logit: float) -> float:
        return 1 / (1 + math.exp(-logit))

    def log_d(logit: float) -> float:
        return -math.log1p(math.exp(-logit))

    expected = -sum(map(log_d, real)) / len(real) - sum(log_d(-logit) for logit in fake) / len(fake)
    assert value(cross_entropy(tensor(real), tensor(fake))) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert value(non_saturating(tensor(fake))) == pytest.approx(-sum(map(log_d, fake)) / len(fake), rel=1e-9, abs=1e-12)
    if all(abs(logit) < 10 for logit in fake):
        original = sum(math.log(1 - d(logit)) for logit in fake) / len(fake)
        assert value(minimax(tensor(fake))) == pytest.approx(original, rel=1e-9, abs=1e-9)


@given(LOGITS, LOGITS)
def test_losses_equal_binary_cross_entropy_and_are_finite(real: list[float], fake: list[float]) -> None:
    for dtype in (torch.float64, torch.float32):
        reals, fakes = torch.tensor(real, dtype=dtype), torch.tensor(fake, dtype=dtype)
        ones, zeros = torch.ones_like, torch.zeros_like
        expected = binary_cross_entropy_with_logits(reals, ones(reals)) + binary_cross_entropy_with_logits(fakes, zeros(fakes))
        rel = 1e-9 if dtype == torch.float64 else 1e-5
        # softplus turns into the identity above 20, which leaves out exp(-20) = 2e-9
        assert value(cross_entropy(reals, fakes)) == pytest.approx(float(expected), rel=rel, abs=1e-8)
        generator = binary_cross_entropy_with_logits(fakes, ones(fakes))
        assert value(non_saturating(fakes)) == pytest.approx(float(generator), rel=rel, abs=1e-8)
        original = -binary_cross_entropy_with_logits(fakes, zeros(fakes))
        assert value(minimax(fakes)) == pytest.approx(float(original), rel=rel, abs=1e-8)


@given(LOGITS, LOGITS)
def test_gradients_are_finite_and_point_the_right_way(real: list[float], fake: list[float]) -> None:
    reals, fakes = tensor(real), tensor(fake)
    cross_entropy(reals, fakes).backward()
    assert reals.grad is not None
    assert fakes.grad is not None
    assert torch.isfinite(reals.grad).all()
    assert torch.isfinite(fakes.grad).all()
    assert (reals.grad <= 0).all(), "the discriminator should raise its logits for real images"
    assert (fakes.grad >= 0).all(), "and lower them for fakes"
    for loss in LOSSES.values():
        judged = tensor(fake)
        loss.generator(judged).backward()
        assert judged.grad is not None
        assert torch.isfinite(judged.grad).all()
        assert (judged.grad <= 0).all(), "the generator wants its fakes' logits raised"


@given(st.floats(-50, 50))
def test_minimax_fades_where_non_saturating_does_not(logit: float) -> None:
    """Goodfellow et al. 2014: the derivatives are −σ(a) and −σ(−a); when D wins (a → −∞) they are 0 and −1."""
    a = torch.tensor([logit], dtype=torch.float64)
    for loss, expected in ((minimax, -torch.sigmoid(a)), (non_saturating, -torch.sigmoid(-a))):
        judged = tensor([logit])
        loss(judged).backward()
        assert judged.grad is not None
        assert float(judged.grad) == pytest.approx(float(expected), rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("name", list(LOSSES))
def test_gradients_equal_finite_differences(name: str) -> None:
    source = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(7, generator=source, dtype=torch.float64).mul(5).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(LOSSES[name].discriminator, (real, fake))
    assert torch.autograd.gradcheck(LOSSES[name].generator, (fake,))


@pytest.mark.parametrize("name", list(LOSSES))
def test_losses_are_means_so_that_the_batch_size_does_not_scale_them(name: str) -> None:
    logits = torch.linspace(-3, 3, 6)
    loss = LOSSES[name]
    assert torch.allclose(loss.generator(logits), loss.generator(logits.repeat(5)))
    assert torch.allclose(loss.discriminator(logits, logits), loss.discriminator(logits.repeat(5), logits))
    assert loss.generator(logits).shape == loss.discriminator(logits, logits).shape == ()
