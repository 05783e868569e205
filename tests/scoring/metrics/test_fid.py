"""FID and IS against closed forms, torch-fidelity and formulas written out in NumPy and SciPy."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

from gan.scoring.metrics import fid as frechet
from gan.scoring.metrics.fid import fid, moments
from gan.scoring.metrics.inception_score import inception_score


def draw(count: int, size: int, seed: int = 0, *, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """Return correlated non-negative features [count, size], like a network's last layer."""
    random = torch.Generator().manual_seed(seed)
    mixed = torch.randn(count, size, generator=random) @ torch.randn(size, size, generator=random)
    return (scale * mixed + shift).relu()


def gaussian(mean: Tensor, variances: Tensor, count: int, seed: int) -> Tensor:
    """Return features whose sample mean is exactly ``mean`` and sample covariance exactly diagonal with ``variances``."""
    noise = torch.randn(count, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    noise -= noise.mean(dim=0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(noise.T.cov()), noise.T, upper=False).T
    return white * variances.sqrt() + mean


def fid_by_scipy(real: Tensor, fake: Tensor) -> float:
    """Return the Fréchet distance, written out; the trace of the root comes from a symmetric product."""
    one, two = real.double().numpy(), fake.double().numpy()
    first, second = np.cov(one, rowvar=False).reshape(one.shape[1], -1), np.cov(two, rowvar=False).reshape(one.shape[1], -1)
    variances, directions = scipy.linalg.eigh(first)
    root = directions * np.sqrt(variances.clip(min=0)) @ directions.T
    values = scipy.linalg.eigvalsh(root @ second @ root).clip(min=0)
    gap = one.mean(axis=0) - two.mean(axis=0)
    return float(gap @ gap + np.trace(first) + np.trace(second) - 2 * np.sqrt(values).sum())


def fid_by_torch_fidelity(real: Tensor, fake: Tensor) -> float:
    statistics = (fid_features_to_statistics(features.double()) for features in (real, fake))
    return float(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID])


def is_by_numpy(logits: Tensor) -> float:
    """Return exp of the mean KL divergence of the predictions from their mean, over all images at once."""
    scores = logits.double().numpy()
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return float(np.exp((p * (np.log(p) - np.log(p.mean(axis=0)))).sum(axis=1).mean()))


def test_fid_of_gaussians_is_the_closed_form() -> None:
    means = torch.tensor([[0.0, 1.0, -2.0, 5.0], [0.5, 1.0, -2.0, 3.0]], dtype=torch.float64)
    variances = torch.tensor([[1.0, 4.0, 9.0, 0.25], [1.0, 1.0, 16.0, 2.25]], dtype=torch.float64)
    expected = float((means[0] - means[1]).square().sum() + (variances[0].sqrt() - variances[1].sqrt()).square().sum())
    found = fid(gaussian(means[0], variances[0], 500, 1), gaussian(means[1], variances[1], 80, 2))
    assert found == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx(4.25 + 3.0)


def test_fid_of_a_set_and_itself_is_zero() -> None:
    features = draw(400, 64, shift=30.0)
    assert fid(features, features) == pytest.approx(0.0, abs=1e-6)
    assert fid(features, features.flip(0)) == pytest.approx(0.0, abs=1e-6)


def test_fid_of_fewer_images_than_features_is_zero_for_a_set_and_itself() -> None:
    features = draw(40, 200, shift=30.0)
    assert fid(features, features.flip(0)) == pytest.approx(0.0, abs=1e-9 * float(features.var(0).sum()))


def test_fid_does_not_depend_on_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = draw(300, 16), draw(200, 16, 1, scale=1.2)
    expected = fid(real, fake)
    monkeypatch.setattr(frechet, "_ROWS", 70)
    assert fid(real, fake) == pytest.approx(expected, rel=1e-9)


def test_fid_far_from_the_origin_keeps_its_digits() -> None:
    real, fake = draw(300, 16).double(), draw(200, 16, 1).double()
    assert fid(real + 1e6, fake + 1e6) == pytest.approx(fid(real, fake), rel=1e-6)


@given(
    size=st.integers(1, 40),
    counts=st.tuples(st.integers(2, 120), st.integers(2, 120)),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.01, 1.0, 30.0]),
    shift=st.sampled_from([-0.5, 0.0, 3.0]),
)
@settings(max_examples=60)
def test_fid_agrees_with_scipy(size: int, counts: tuple[int, int], seed: int, scale: float, shift: float) -> None:
    real, fake = draw(counts[0], size, seed), draw(counts[1], size, seed + 1, scale=scale, shift=shift)
    magnitude = float(real.double().var(0).sum() + fake.double().var(0).sum())
    # With fewer images than features, roots of rounding errors remain: 1e-8 of the variances each.
    assert fid(real, fake) == pytest.approx(fid_by_scipy(real, fake), rel=1e-4, abs=1e-5 * magnitude)


@pytest.mark.parametrize(("size", "real_count", "fake_count"), [(1, 50, 60), (10, 200, 100), (64, 1797, 2000), (128, 500, 300)])
def test_fid_agrees_with_torch_fidelity(size: int, real_count: int, fake_count: int) -> None:
    real, fake = draw(real_count, size), draw(fake_count, size, 1, scale=1.2, shift=0.3)
    if size == 1:  # np.cov returns a scalar for one feature, which torch-fidelity does not accept
        real, fake = real.repeat(1, 2), fake.repeat(1, 2)
    assert fid(real, fake) == pytest.approx(fid_by_torch_fidelity(real, fake), rel=1e-4)


def test_fid_of_features_with_nan_is_nan() -> None:
    features = draw(50, 4)
    broken = features.clone()
    broken[3, 1] = math.nan
    assert math.isnan(fid(features, broken))
    assert math.isnan(fid(broken, features))


def test_inception_score_of_sure_and_even_predictions_is_the_number_of_classes() -> None:
    sure = 50.0 * torch.eye(10).repeat(20, 1)
    assert inception_score(sure, splits=1) == (pytest.approx(10.0), None)


def test_inception_score_of_one_prediction_is_one() -> None:
    assert inception_score(torch.tensor([[3.0, -1.0, 0.5]]).repeat(500, 1)) == (pytest.approx(1.0), pytest.approx(0.0))


def test_inception_score_of_extreme_logits_is_finite() -> None:
    never_the_last = 1e5 * torch.eye(10, 11).repeat(20, 1)
    assert inception_score(never_the_last, splits=1)[0] == pytest.approx(10.0)


@given(classes=st.integers(2, 30), count=st.integers(2, 199), seed=st.integers(0, 1000), scale=st.floats(0.1, 10))
@settings(max_examples=60)
def test_inception_score_agrees_with_numpy(classes: int, count: int, seed: int, scale: float) -> None:
    logits = scale * torch.randn(count, classes, generator=torch.Generator().manual_seed(seed))
    mean, deviation = inception_score(logits)
    assert mean == pytest.approx(is_by_numpy(logits), rel=1e-6)
    assert deviation is None  # fewer than 200 images are not split


@pytest.mark.parametrize(("count", "splits"), [(1000, 10), (2000, 10), (350, 3), (150, 1)])
def test_inception_score_agrees_with_torch_fidelity(count: int, splits: int) -> None:
    logits = 4 * torch.randn(count // splits * splits, 10, generator=torch.Generator().manual_seed(3))
    shuffled = logits[torch.randperm(len(logits), generator=torch.Generator().manual_seed(7))]
    expected = isc_features_to_metric(shuffled, splits=splits, shuffle=False)
    mean, deviation = inception_score(logits, seed=7)
    assert mean == pytest.approx(expected[KEY_METRIC_ISC_MEAN], rel=1e-4)
    if splits == 1:
        assert deviation is None
    else:  # torch-fidelity divides by the number of parts, a sample deviation by one less
        assert deviation == pytest.approx(expected[KEY_METRIC_ISC_STD] * math.sqrt(splits / (splits - 1)), rel=1e-4)


def test_metrics_leave_the_global_random_state_alone_and_do_not_warn() -> None:
    features, logits = draw(300, 8), torch.randn(300, 10)
    before = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [(fid(features, features), inception_score(logits)) for _ in range(2)]
        inception_score(logits[:50])
    assert torch.equal(torch.get_rng_state(), before)
    assert found[0] == found[1]


def test_order_of_the_inception_score_follows_its_seed() -> None:
    logits = 4 * torch.randn(400, 10, generator=torch.Generator().manual_seed(0))
    assert inception_score(logits, seed=1) != inception_score(logits, seed=2)


def test_kept_moments_give_the_same_distance() -> None:
    source = torch.Generator().manual_seed(3)
    for count in (5, 40, 9000):
        real, fake = torch.randn(count, 16, generator=source), torch.randn(30, 16, generator=source) + 1
        expected = fid(real, fake)
        assert fid(moments(real), fake) == expected
        assert fid(real, moments(fake)) == expected
        assert fid(moments(real), moments(fake)) == expected


def test_moments_that_are_not_finite_give_nan() -> None:
    real = torch.randn(40, 16, generator=torch.Generator().manual_seed(3))
    broken = moments(real)._replace(mean=torch.full((16,), torch.nan, dtype=torch.float64))
    assert math.isnan(fid(broken, real))


def test_floor_of_half_the_real_images_becomes_what_a_perfect_generator_gets() -> None:
    pool = draw(60_000, 32)
    halves, perfect = [], []
    for place in range(12):
        real, fake = pool[place * 5000 :][:1000], pool[place * 5000 + 1000 :][:2000]
        halves.append(fid(real[:500], real[500:]))
        perfect.append(fid(real, fake))
    measured = sum(halves) / len(halves)
    found = frechet.for_counts(measured, (500, 500), (2000, 1000))
    assert found == pytest.approx(sum(perfect) / len(perfect), rel=0.1)
    assert measured > 2 * found, "as measured, it is far too high"
    assert frechet.for_counts(None, (1, 1), (2, 2)) is None
