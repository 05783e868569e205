"""KID against torchmetrics, loops in plain Python and closed forms."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

from gan.scoring.metrics import kid as kernel
from gan.scoring.metrics.kid import kid


def draw(count: int, size: int, seed: int = 0, shift: float = 0.0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) + shift


def by_torchmetrics(real: Tensor, fake: Tensor, subsets: int, size: int, seed: int = 0) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = KernelInceptionDistance(feature=nn.Identity(), subsets=subsets, subset_size=size)
        metric.update(real.double(), real=True)
        metric.update(fake.double(), real=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return float(metric.compute()[0])


def by_loops(real: Tensor, fake: Tensor) -> float:
    """Return the unbiased MMD² of two equally large sets, written out."""

    def k(x: list[float], y: list[float]) -> float:
        return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    xs, ys = real.double().tolist(), fake.double().tolist()
    m = len(xs)
    within = sum(k(s[i], s[j]) for s in (xs, ys) for i in range(m) for j in range(m) if i != j)
    return within / (m * (m - 1)) - 2 * sum(k(x, y) for x in xs for y in ys) / m**2


@given(count=st.integers(2, 12), size=st.integers(1, 6), seed=st.integers(0, 1000), shift=st.sampled_from([0.0, 0.5, 30.0]))
@settings(max_examples=30)
def test_kid_agrees_with_loops(count: int, size: int, seed: int, shift: float) -> None:
    real, fake = draw(count, size, seed), draw(count, size, seed + 1, shift)
    assert kid(real, fake).mean == pytest.approx(by_loops(real, fake), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("count", "features", "shift"), [(50, 1, 0.5), (120, 16, 0.2), (100, 64, 1.0)])
def test_kid_of_all_images_agrees_with_torchmetrics(count: int, features: int, shift: float) -> None:
    real, fake = draw(count, features), draw(count, features, 1, shift)
    found = kid(real, fake, size=count)
    assert found.mean == pytest.approx(by_torchmetrics(real, fake, 1, count), rel=1e-4)
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize("subsets", [2, 40])  # 2: one kernel per subset; 40: one kernel over all images
def test_kid_of_subsets_agrees_with_torchmetrics(subsets: int) -> None:
    real, fake = draw(120, 16), draw(150, 16, 1, 0.3)
    expected = by_torchmetrics(real, fake, subsets, 40, seed=7)
    found = kid(real, fake, subsets=subsets, size=40, seed=7)
    assert found.mean == pytest.approx(expected, rel=1e-4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.mean < found.high


def test_interval_agrees_with_separately_computed_subsets() -> None:
    real, fake = draw(60, 8), draw(70, 8, 1, 0.3)
    random = torch.Generator().manual_seed(3)
    values = []
    for _ in range(50):
        one, other = torch.randperm(60, generator=random)[:20], torch.randperm(70, generator=random)[:20]
        values.append(kid(real[one], fake[other]).mean)
    found = kid(real, fake, size=20, seed=3)
    low, high = torch.tensor(values, dtype=torch.double).quantile(torch.tensor([0.025, 0.975], dtype=torch.double)).tolist()
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_interval_contains_zero_only_for_equal_distributions() -> None:
    real = draw(400, 8)
    _, low, high = kid(real, draw(400, 8, 1), size=100)
    assert low is not None
    assert high is not None
    assert low < 0 < high
    _, low, _ = kid(real, draw(400, 8, 2, 1.0), size=100)
    assert low is not None
    assert low > 0


def test_kid_of_a_set_and_itself_is_near_zero() -> None:
    real = draw(400, 8)
    table = (real.double() @ real.double().T / 8 + 1) ** 3
    diagonal = float(table.diagonal().mean())
    others = float((table.sum() - table.diagonal().sum()) / (400 * 399))
    # Each image also occurs in the other set, which biases the estimate.
    assert kid(real, real.flip(0)).mean == pytest.approx(2 / 400 * (others - diagonal), rel=1e-6)
    mean, low, high = kid(real, real.flip(0), size=100)
    assert low is not None
    assert high is not None
    assert low < 0 < high
    assert low < mean < high


def test_kid_of_two_constants_is_the_closed_form() -> None:
    ones, twos = torch.ones(30, 4), torch.full((30, 4), 2.0)
    assert kid(ones, twos).mean == pytest.approx(2**3 + 5**3 - 2 * 3**3)
    assert kid(ones, ones).mean == pytest.approx(0.0, abs=1e-12)


def test_size_shrinks_to_the_smaller_set() -> None:
    real, fake = draw(40, 4), draw(25, 4, 1)
    assert kid(real, fake) == kid(real, fake, size=25)


def test_block_of_rows_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = draw(50, 4), draw(60, 4, 1, 0.3)
    expected = kid(real, fake, size=30).mean
    monkeypatch.setattr(kernel, "_BLOCK", 7 * 60)
    assert kid(real, fake, size=30).mean == pytest.approx(expected, rel=1e-9)


def test_too_few_or_broken_features_have_no_kid() -> None:
    real, broken = draw(20, 4), draw(20, 4, 1)
    broken[3, 1] = math.nan
    for found in (kid(real, real[:1]), kid(real[:0], real), kid(real, broken), kid(broken, real)):
        assert math.isnan(found.mean)
        assert (found.low, found.high) == (None, None)


def test_seed_determines_kid_and_leaves_the_global_random_state_alone() -> None:
    real, fake = draw(100, 4), draw(100, 4, 1)
    before = torch.get_rng_state()
    assert kid(real, fake, size=30, seed=1) == kid(real, fake, size=30, seed=1)
    assert kid(real, fake, size=30, seed=1) != kid(real, fake, size=30, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
