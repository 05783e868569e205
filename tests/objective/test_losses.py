"""The losses against closed forms, PyTorch's losses and finite differences, and the catalogue's statements about them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, hinge_embedding_loss, mse_loss

from gan.catalogue import losses
from gan.config import RunConfig, field_info
from gan.config.sections import ObjectiveConfig
from gan.objective.losses import LOSSES, cross_entropy, minimax, non_saturating

_ANY = st.floats(-1e4, 1e4, allow_subnormal=False)  # a subnormal gradient halved is 0
LOGITS = st.lists(_ANY | st.sampled_from([-1e4, -100.0, -1e-8, 0.0, 1e-8, 100.0, 1e4]), min_size=1, max_size=8)
PAIRS = st.lists(st.tuples(_ANY, _ANY), min_size=1, max_size=8)
TAME_PAIRS = st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=8)
NAMES = pytest.mark.parametrize("name", list(LOSSES))


def tensor(values: list[float]) -> Tensor:
    """Return logits in float64, with a gradient."""
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def value(loss: Tensor) -> float:
    """Return a loss as a number."""
    return float(loss.detach())


def generator_loss(name: str, fake: Tensor, real: Tensor) -> Tensor:
    """Return the generator's loss; only relativistic losses also take the logits of real images."""
    return LOSSES[name].generator(*((fake, real) if LOSSES[name].is_relative else (fake,)))


def log_d(logit: float) -> float:
    """Return log σ(logit)."""
    return min(logit, 0.0) - math.log1p(math.exp(-abs(logit)))


def mean(values: list[float]) -> float:
    """Return the mean of numbers."""
    return math.fsum(values) / len(values)


Numbers = list[float]


def original_game(real: Numbers, fake: Numbers) -> float:
    """Return −E log D(x) − E log(1 − D(G(z)))."""
    return -mean([log_d(a) for a in real]) - mean([log_d(-b) for b in fake])


#: Each loss as a plain formula: the discriminator's, then the generator's, of paired real and fake logits.
CLOSED_FORMS: dict[str, tuple[Callable[[Numbers, Numbers], float], Callable[[Numbers, Numbers], float]]] = {
    "non-saturating": (original_game, lambda r, f: mean([-log_d(b) for b in f])),
    "minimax": (original_game, lambda r, f: mean([log_d(-b) for b in f])),
    "least-squares": (
        lambda r, f: mean([(a - 1) ** 2 for a in r]) / 2 + mean([b**2 for b in f]) / 2,
        lambda r, f: mean([(b - 1) ** 2 for b in f]) / 2,
    ),
    "hinge": (
        lambda r, f: mean([max(0.0, 1 - a) for a in r]) + mean([max(0.0, 1 + b) for b in f]),
        lambda r, f: -mean(f),
    ),
    "wasserstein": (lambda r, f: mean(f) - mean(r), lambda r, f: -mean(f)),
    "relativistic": (
        lambda r, f: mean([-log_d(a - b) for a, b in zip(r, f, strict=True)]),
        lambda r, f: mean([-log_d(b - a) for a, b in zip(r, f, strict=True)]),
    ),
}


def test_every_loss_of_the_settings_is_implemented_and_described() -> None:
    choices = field_info(RunConfig(), "objective.loss").annotation.__args__  # type: ignore[union-attr]
    assert set(LOSSES) == set(choices) == set(losses.LOSSES) == set(CLOSED_FORMS)
    assert ObjectiveConfig().loss in LOSSES


@NAMES
@given(pairs=TAME_PAIRS)
def test_losses_equal_their_closed_forms(name: str, pairs: list[tuple[float, float]]) -> None:
    real, fake = [list(side) for side in zip(*pairs, strict=True)]
    discriminator, generator = CLOSED_FORMS[name]
    close = partial(pytest.approx, rel=1e-9, abs=1e-8)
    assert value(LOSSES[name].discriminator(tensor(real), tensor(fake))) == close(discriminator(real, fake))
    assert value(generator_loss(name, tensor(fake), tensor(real))) == close(generator(real, fake))


@given(LOGITS, LOGITS)
def test_cross_entropy_takes_any_logits(real: list[float], fake: list[float]) -> None:
    for dtype in (torch.float64, torch.float32):
        reals, fakes = torch.tensor(real, dtype=dtype), torch.tensor(fake, dtype=dtype)
        ones, zeros = torch.ones_like, torch.zeros_like
        expected = binary_cross_entropy_with_logits(reals, ones(reals)) + binary_cross_entropy_with_logits(fakes, zeros(fakes))
        rel = 1e-9 if dtype == torch.float64 else 1e-5
        # PyTorch's softplus is the identity above 20: an error of exp(-20) = 2e-9
        assert value(cross_entropy(reals, fakes)) == pytest.approx(float(expected), rel=rel, abs=1e-8)
        generator = binary_cross_entropy_with_logits(fakes, ones(fakes))
        assert value(non_saturating(fakes)) == pytest.approx(float(generator), rel=rel, abs=1e-8)
        original = -binary_cross_entropy_with_logits(fakes, zeros(fakes))
        assert value(minimax(fakes)) == pytest.approx(float(original), rel=rel, abs=1e-8)


@given(LOGITS, LOGITS, st.floats(0, 0.5))
def test_label_smoothing_aims_below_one_for_real_images_only(real: list[float], fake: list[float], smoothing: float) -> None:
    reals, fakes = tensor(real), tensor(fake)
    expected = binary_cross_entropy_with_logits(reals, torch.full_like(reals, 1 - smoothing))
    expected = expected + binary_cross_entropy_with_logits(fakes, torch.zeros_like(fakes))
    assert value(cross_entropy(reals, fakes, smoothing)) == pytest.approx(value(expected), rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("smoothing", [0.1, 0.25, 0.5])
def test_smoothed_loss_is_least_at_a_probability_of_one_minus_the_smoothing(smoothing: float) -> None:
    """Its derivative, σ(a) − (1 − s), is zero there; without smoothing, it is zero nowhere."""
    best = tensor([math.log((1 - smoothing) / smoothing)])
    cross_entropy(best, tensor([0.0]), smoothing).backward()
    assert best.grad is not None
    assert float(best.grad) == pytest.approx(0, abs=1e-12)


@given(PAIRS)
def test_other_losses_equal_those_of_torch(pairs: list[tuple[float, float]]) -> None:
    real, fake = (tensor(list(side)) for side in zip(*pairs, strict=True))
    ones, zeros = torch.ones_like(real), torch.zeros_like(fake)

    def check(found: Tensor, expected: Tensor) -> None:
        assert torch.isfinite(found)
        assert value(found) == pytest.approx(value(expected), rel=1e-9, abs=1e-8)

    squares = LOSSES["least-squares"]
    check(squares.discriminator(real, fake), (mse_loss(real, ones) + mse_loss(fake, zeros)) / 2)
    check(squares.generator(fake), mse_loss(fake, ones) / 2)
    hinge = LOSSES["hinge"]  # torch's is max(0, 1 − x) for the label −1
    check(hinge.discriminator(real, fake), hinge_embedding_loss(real, -ones) + hinge_embedding_loss(-fake, -ones))
    pairing = LOSSES["relativistic"]
    check(pairing.discriminator(real, fake), binary_cross_entropy_with_logits(real - fake, ones))
    check(pairing.generator(fake, real), binary_cross_entropy_with_logits(fake - real, ones))
    critic = LOSSES["wasserstein"]
    check(critic.discriminator(real, fake), -(real - fake).mean())
    check(critic.generator(fake), -fake.mean())
    check(hinge.generator(fake), -fake.mean())


@NAMES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("height", [0.0, 1e-8, 100.0, 1e4])
def test_losses_and_gradients_of_extreme_logits_are_finite(name: str, dtype: torch.dtype, height: float) -> None:
    for real_sign in (-1, 1):
        for fake_sign in (-1, 1):
            real = torch.full((3,), real_sign * height, dtype=dtype, requires_grad=True)
            fake = torch.full((3,), fake_sign * height, dtype=dtype, requires_grad=True)
            for loss in (LOSSES[name].discriminator(real, fake), generator_loss(name, fake, real)):
                gradients = torch.autograd.grad(loss, (real, fake), allow_unused=True)
                assert torch.isfinite(loss)
                assert all(torch.isfinite(gradient).all() for gradient in gradients if gradient is not None)


@NAMES
@given(pairs=PAIRS)
def test_gradients_point_the_right_way(name: str, pairs: list[tuple[float, float]]) -> None:
    real, fake = (tensor(list(side)) for side in zip(*pairs, strict=True))
    LOSSES[name].discriminator(real, fake).backward()
    assert real.grad is not None
    assert fake.grad is not None
    if name == "least-squares":  # its logits have a target, approached from both sides
        assert (real.grad.sign() == (real - 1).sign()).all()
        assert (fake.grad.sign() == fake.sign()).all()
    else:
        assert (real.grad <= 0).all(), "the discriminator should raise its logits for real images"
        assert (fake.grad >= 0).all(), "the discriminator should lower its logits for fakes"
    real, judged = real.detach(), tensor([b for _, b in pairs])
    generator_loss(name, judged, real).backward()
    assert judged.grad is not None
    if name == "least-squares":
        assert (judged.grad.sign() == (judged - 1).sign()).all()
    else:
        assert (judged.grad <= 0).all(), "the generator should raise the logits of its fakes"


@NAMES
def test_a_guessing_discriminator_is_pushed_to_tell_apart_and_the_generator_to_deceive(name: str) -> None:
    guess = 0.5 if name == "least-squares" else 0.0
    real, fake = tensor([guess] * 4), tensor([guess] * 4)
    LOSSES[name].discriminator(real, fake).backward()
    judged = tensor([guess] * 4)
    generator_loss(name, judged, real.detach()).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert judged.grad is not None
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    assert (judged.grad < 0).all()


@given(st.floats(-50, 50))
def test_minimax_fades_where_non_saturating_does_not(logit: float) -> None:
    """Goodfellow et al. 2014: the derivatives are −σ(a) and −σ(−a); when D wins (a → −∞) they are 0 and −1."""
    a = torch.tensor([logit], dtype=torch.float64)
    for loss, expected in ((minimax, -torch.sigmoid(a)), (non_saturating, -torch.sigmoid(-a))):
        judged = tensor([logit])
        loss(judged).backward()
        assert judged.grad is not None
        assert float(judged.grad) == pytest.approx(float(expected), rel=1e-7, abs=1e-8)


@NAMES
def test_gradients_equal_finite_differences(name: str) -> None:
    source = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(7, generator=source, dtype=torch.float64).mul(5).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(LOSSES[name].discriminator, (real, fake))
    assert torch.autograd.gradcheck(
        partial(generator_loss, name), (fake, real) if LOSSES[name].is_relative else (fake, real.detach())
    )


def test_gradient_of_the_smoothed_loss_equals_finite_differences() -> None:
    source = torch.Generator().manual_seed(1)
    real, fake = (torch.randn(7, generator=source, dtype=torch.float64).mul(5).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(partial(cross_entropy, smoothing=0.2), (real, fake))


@NAMES
def test_losses_do_not_depend_on_the_batch_size(name: str) -> None:
    real, fake = torch.linspace(-3, 3, 6), torch.linspace(2, -1, 6)
    loss = LOSSES[name]
    assert torch.allclose(generator_loss(name, fake, real), generator_loss(name, fake.repeat(5), real.repeat(5)))
    assert torch.allclose(loss.discriminator(real, fake), loss.discriminator(real.repeat(5), fake.repeat(5)))
    assert generator_loss(name, fake, real).shape == loss.discriminator(real, fake).shape == ()


def test_only_the_relativistic_loss_ignores_a_shift_of_all_logits() -> None:
    real, fake = torch.linspace(-3, 3, 6), torch.linspace(2, -1, 6)
    for name, loss in LOSSES.items():
        raised = loss.discriminator(real + 7, fake + 7), generator_loss(name, fake + 7, real + 7)
        is_same = torch.allclose(raised[0], loss.discriminator(real, fake), atol=1e-5)
        is_same &= torch.allclose(raised[1], generator_loss(name, fake, real), atol=1e-5)
        assert is_same == (name == "relativistic"), name


# What the catalogue says about the losses


@NAMES
def test_catalogue_describes_the_loss_completely(name: str) -> None:
    facts = losses.LOSSES[name]
    for field in dataclasses.fields(facts):
        told = getattr(facts, field.name)
        if field.name != "guess":
            assert told if field.type == "str" else isinstance(told, bool), field.name
    blind = torch.full((8,), 0.5 if name == "least-squares" else 0.0)
    guessed = float(LOSSES[name].discriminator(blind, blind))
    assert facts.guess == pytest.approx(guessed) if name != "wasserstein" else facts.guess is None
    assert facts.discriminator.count("{") == facts.discriminator.count("}"), "LaTeX would not show this formula"
    assert facts.generator.count("{") == facts.generator.count("}")
    assert "D(" in facts.discriminator
    assert "D(G(z))" in facts.generator
    assert ("D(x)" in facts.generator) == LOSSES[name].is_relative
    assert facts.sign.endswith(".")
    assert facts.good.endswith(".")
    assert facts.is_probability == (LOSSES[name].discriminator is cross_entropy)
    assert len({facts.title for facts in losses.LOSSES.values()}) == len(LOSSES)


@pytest.mark.parametrize(
    ("name", "guess", "discriminator", "generator", "told"),
    [
        ("non-saturating", 0.0, 1.39, 0.69, ("1.39", "0.69")),
        ("minimax", 0.0, 1.39, -0.69, ("1.39", "−0.69")),
        ("least-squares", 0.5, 0.25, 0.125, ("½", "0.25", "0.125")),
        ("hinge", 0.0, 2.0, 0.0, ("2 when it guesses", "around 0")),
        ("wasserstein", 0.0, 0.0, 0.0, ("towards 0",)),
        ("relativistic", 0.0, 0.69, 0.69, ("Both are 0.69",)),
    ],
)
def test_catalogue_has_the_numbers_of_a_guessing_discriminator(
    name: str, guess: float, discriminator: float, generator: float, told: tuple[str, ...]
) -> None:
    logits = torch.full((5,), guess)
    assert value(LOSSES[name].discriminator(logits, logits)) == pytest.approx(discriminator, abs=0.005)
    assert value(generator_loss(name, logits, logits)) == pytest.approx(generator, abs=0.005)
    assert all(number in losses.LOSSES[name].good for number in told)


def test_catalogue_has_the_numbers_of_a_discriminator_that_has_won() -> None:
    sure = torch.tensor([40.0])
    assert value(LOSSES["least-squares"].discriminator(torch.ones(1), torch.zeros(1))) == 0
    assert value(LOSSES["least-squares"].generator(torch.zeros(1))) == 0.5
    assert "generator loss near 0.5" in losses.LOSSES["least-squares"].good
    assert value(LOSSES["hinge"].discriminator(sure, -sure)) == 0
    assert "0 when it is sure" in losses.LOSSES["hinge"].good
    assert value(LOSSES["non-saturating"].discriminator(sure, -sure)) == pytest.approx(0, abs=1e-6)
    assert value(LOSSES["non-saturating"].generator(-sure)) == pytest.approx(40)
    assert value(LOSSES["minimax"].generator(-sure)) == pytest.approx(0, abs=1e-6)
    assert "generator loss near 0" in losses.LOSSES["minimax"].good


@NAMES
@given(pairs=PAIRS)
def test_catalogue_has_the_right_signs(name: str, pairs: list[tuple[float, float]]) -> None:
    real, fake = (tensor(list(side)) for side in zip(*pairs, strict=True))
    discriminator, generator = value(LOSSES[name].discriminator(real, fake)), value(generator_loss(name, fake, real))
    sign = losses.LOSSES[name].sign
    if sign.startswith("Both losses ≥ 0"):
        assert discriminator >= 0
        assert generator >= 0
    elif "generator loss ≤ 0" in sign:
        assert discriminator >= 0 >= generator
    elif sign.startswith("Discriminator loss ≥ 0"):
        assert discriminator >= 0
    else:
        assert "unbounded" in sign
