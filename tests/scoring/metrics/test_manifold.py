"""Precision, recall, density and coverage against torch-fidelity, plain loops and cases with known results."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from gan.scoring.metrics import manifold
from gan.scoring.metrics.manifold import density_coverage, measure, nearest, precision_recall


def draw(count: int, size: int, seed: int = 0, *, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    return scale * torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) + shift


def by_torch_fidelity(real: Tensor, fake: Tensor, neighbours: int = 3) -> tuple[float, float]:
    found = prc_features_to_metric(fake.double(), real.double(), prc_neighborhood=neighbours, verbose=False)
    return found[KEY_METRIC_PRECISION], found[KEY_METRIC_RECALL]


def by_loops(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """Return density and coverage, written out as in Naeem et al. 2020."""
    xs, ys = real.double().tolist(), fake.double().tolist()
    radii = [sorted(math.dist(x, other) for place, other in enumerate(xs) if place != own)[k - 1] for own, x in enumerate(xs)]
    balls = sum(math.dist(x, y) <= radius for y in ys for x, radius in zip(xs, radii, strict=True))
    covered = sum(any(math.dist(x, y) <= radius for y in ys) for x, radius in zip(xs, radii, strict=True))
    return balls / (k * len(ys)), covered / len(xs)


@pytest.mark.parametrize(
    ("size", "counts", "scale", "shift"),
    [(2, (150, 100), 1.0, 0.3), (16, (200, 300), 0.7, 0.0), (64, (100, 150), 1.3, 0.1), (8, (90, 90), 1.0, 4.0)],
)
def test_precision_and_recall_agree_with_torch_fidelity(size: int, counts: tuple[int, int], scale: float, shift: float) -> None:
    real, fake = draw(counts[0], size), draw(counts[1], size, 1, scale=scale, shift=shift)
    for neighbours in (1, 3, 10):
        assert precision_recall(real, fake, neighbours) == pytest.approx(by_torch_fidelity(real, fake, neighbours), rel=1e-4)
    assert precision_recall(real, fake) == pytest.approx(by_torch_fidelity(real, fake), rel=1e-4)


@given(
    size=st.integers(1, 6),
    counts=st.tuples(st.integers(8, 30), st.integers(1, 30)),
    k=st.integers(1, 7),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.1, 1.0, 3.0]),
    shift=st.sampled_from([0.0, 1.0]),
)
@settings(max_examples=40)
def test_density_and_coverage_agree_with_loops(
    size: int, counts: tuple[int, int], k: int, seed: int, scale: float, shift: float
) -> None:
    real, fake = draw(counts[0], size, seed), draw(counts[1], size, seed + 1, scale=scale, shift=shift)
    assert density_coverage(real, fake, k) == pytest.approx(by_loops(real, fake, k), rel=1e-9)


def test_ties_count_on_a_grid() -> None:
    grid = torch.cartesian_prod(torch.arange(5.0), torch.arange(5.0))
    shifted = grid + torch.tensor([1.0, 0.0])
    assert density_coverage(grid, shifted, 1) == pytest.approx(by_loops(grid, shifted, 1))
    assert precision_recall(grid, shifted, 1) == (1.0, 1.0)


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_a_set_against_itself_is_perfect(shift: float) -> None:
    real = draw(200, 32, shift=shift)
    assert measure(real, real.flip(0)) == (1.0, 1.0, pytest.approx(6 / 5), 1.0)  # each ball contains k neighbours and its centre


def test_generating_one_of_two_clusters() -> None:
    real = torch.cat([draw(50, 4), draw(50, 4, 1, shift=100)])
    fake = draw(60, 4, 2, scale=0.5)
    found = measure(real, fake)
    assert found.precision > 0.9
    assert found.recall <= 0.5
    assert 0.2 < found.coverage <= 0.5
    assert found.density > 1  # the generated points lie in the middle of the cluster


def test_distant_sets_score_zero() -> None:
    assert measure(draw(50, 4), draw(50, 4, shift=100)) == (0.0, 0.0, 0.0, 0.0)


def test_an_outlier_among_the_real_images_distorts_precision_but_hardly_density() -> None:
    real, fake = draw(100, 2), draw(100, 2, 1, scale=0.1, shift=20)
    with_outlier = torch.cat([real, torch.tensor([[40.0, 40.0]])])
    assert measure(real, fake).precision == 0
    found = measure(with_outlier, fake)
    assert found.precision == 1
    assert found.density == pytest.approx(1 / 5)
    assert found.coverage == pytest.approx(1 / 101)


def test_one_call_gives_all_four_and_block_size_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = draw(80, 8), draw(70, 8, 1, shift=0.2)
    expected = measure(real, fake)
    assert expected == (*precision_recall(real, fake), *density_coverage(real, fake))
    monkeypatch.setattr(manifold, "_BLOCK", 7 * 70)
    assert measure(real, fake) == expected
    monkeypatch.setattr(manifold, "_BLOCK", 1)
    assert measure(real, fake) == expected


def test_constant_features_score_perfectly_or_zero() -> None:
    same = torch.full((20, 8), 0.1)
    assert measure(same, same[:15]) == (1.0, 1.0, 4.0, 1.0)  # every point is in all 20 balls, and 20 / 5 is 4
    assert measure(same, same + 1e-3) == (0.0, 0.0, 0.0, 0.0)


def test_too_few_or_broken_features_have_no_figures() -> None:
    real = draw(20, 4)
    assert all(math.isnan(value) for value in measure(real[:3], real[:3]))
    one = measure(real, real[:1])
    assert math.isnan(one.recall)
    assert one.precision == 1.0
    assert one.coverage > 0
    few = measure(real[:5], real)
    assert few.precision == pytest.approx(by_torch_fidelity(real[:5], real)[0])
    assert math.isnan(few.density)
    assert math.isnan(few.coverage)
    broken = real.clone()
    broken[3, 1] = math.nan
    for pair in ((real, broken), (broken, real), (real, real[:0]), (real[:0], real)):
        assert all(math.isnan(value) for value in measure(*pair))


def test_nearest_agrees_with_loops_and_is_zero_for_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    points, others = draw(15, 4, shift=50), draw(30, 4, 1, shift=50)
    points[7] = others[20]
    expected = [min(math.dist(point, other) for other in others.double().tolist()) for point in points.double().tolist()]
    assert nearest(points, others).tolist() == pytest.approx(expected, rel=1e-6)
    assert float(nearest(points, others)[7]) == 0.0
    monkeypatch.setattr(manifold, "_BLOCK", 100)
    assert nearest(points, others).tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("part", [3, 7, 1000])
def test_first_of_equally_near_neighbours_counts(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifold, "_PART", part)
    others = draw(20, 4, shift=50)
    others[[9, 17]] = others[2].clone()
    found, rows = manifold.neighbours(others[[17, 2, 5]], others)
    assert found.tolist() == [0, 0, 0]
    assert rows.tolist() == [2, 2, 5]
    assert torch.equal(
        nearest(others, others, rank=2).nonzero().flatten(), torch.tensor([n for n in range(20) if n not in (2, 9, 17)])
    )


def test_broken_features_have_no_distance() -> None:
    points, others = draw(3, 4), draw(600, 4, 1)
    points[1, 0] = math.nan
    assert nearest(points, others).isnan().tolist() == [False, True, False]
    others[550, 2] = math.inf
    assert nearest(points, others).isnan().all()
