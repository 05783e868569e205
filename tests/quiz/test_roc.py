"""The ROC curve and its area against scikit-learn, intervals against SciPy, closed forms and simulated answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from gan.quiz import roc

OUTPUTS = st.lists(st.integers(-4, 4).map(lambda value: value / 4), min_size=1, max_size=12)


@given(OUTPUTS, OUTPUTS)
def test_curve_and_area_are_those_of_scikit_learn(real: list[float], fake: list[float]) -> None:
    truth, outputs = [1] * len(real) + [0] * len(fake), [*real, *fake]
    alarms, hits, _ = roc_curve(truth, outputs, drop_intermediate=False)
    assert np.allclose(roc.curve(real, fake), (alarms, hits))
    assert roc.area(real, fake) == pytest.approx(roc_auc_score(truth, outputs))


@given(OUTPUTS, OUTPUTS, st.floats(0, 1))
def test_height_lies_on_the_curve(real: list[float], fake: list[float], at: float) -> None:
    alarms, hits = roc.curve(real, fake)
    found = roc.height(alarms, hits, at)
    below = max(hit for alarm, hit in zip(alarms, hits, strict=True) if alarm <= at)
    above = min((hit for alarm, hit in zip(alarms, hits, strict=True) if alarm >= at), default=1.0)
    assert below <= found + 1e-12 and (found <= above + 1e-12 or at in alarms)


@pytest.mark.parametrize(("successes", "count"), [(0, 8), (8, 8), (14, 20), (1, 3), (500, 1000)])
def test_wilson_is_that_of_scipy(successes: int, count: int) -> None:
    expected = stats.binomtest(successes, count).proportion_ci(0.95, method="wilson")
    assert roc.wilson(successes, count) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("found", [0.0, 0.3, 0.5, 0.82, 0.999, 1.0])
@pytest.mark.parametrize("count", [4, 64])
def test_ends_of_the_interval_of_an_area_solve_its_equation(found: float, count: int) -> None:
    """With as many real as generated pictures, the variance is that of Hanley and McNeil (1982)."""

    def error(theta: float) -> float:
        first, second = theta / (2 - theta), 2 * theta**2 / (1 + theta)
        variance = theta * (1 - theta) + (count - 1) * (first - theta**2) + (count - 1) * (second - theta**2)
        return stats.norm.ppf(0.975) * math.sqrt(variance / count**2)

    low, high = roc.area_interval(found, count, count)
    assert 0 <= low <= found <= high <= 1 and high - low > 0.02
    for end in (low, high):
        assert end in (0, 1) or abs(end - found) == pytest.approx(error(end), abs=1e-6)
    assert (low == pytest.approx(0, abs=1e-9)) == (found == 0)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    chance = np.random.default_rng(0)
    rounds, inside_area, inside_class, naive = 400, 0, 0, 0
    truth = stats.norm.cdf(1 / math.sqrt(2))  # area between normal outputs one standard deviation apart
    for _ in range(rounds):
        real, fake = chance.normal(1, 1, 64), chance.normal(0, 1, 64)
        low, high = roc.area_interval(roc.area(real, fake), 64, 64)
        inside_area += low <= truth <= high
        skills = chance.beta(4, 2, 12)  # twelve students of unequal skill, 2/3 in the mean
        right = chance.binomial(24, skills)
        low, high = roc.clustered(right.tolist(), [24] * 12)
        inside_class += low <= 2 / 3 <= high
        low, high = roc.wilson(int(right.sum()), 24 * 12)
        naive += low <= 2 / 3 <= high
    assert 0.92 <= inside_area / rounds <= 0.99
    assert 0.92 <= inside_class / rounds <= 0.99 and naive / rounds < 0.8  # which ignores that students differ


def test_a_class_alike_gets_an_interval_of_students_t_and_one_student_the_plain_one() -> None:
    assert roc.clustered([6, 6, 6], [8, 8, 8]) == roc.wilson(18, 24, float(stats.t.ppf(0.975, 2)))
    assert roc.clustered([0, 6], [0, 8]) == roc.wilson(6, 8)
    low, high = roc.clustered([8, 8, 8, 8], [8, 8, 8, 8])
    assert low < 0.9 and high == 1


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [([3, 4], [1, 2], 1.0), ([1, 2], [3, 4], 0.0), ([1, 1], [1, 1], 0.5), ([2, 1], [1, 0], 0.75), ([5], [1, 2, 3], 1.0)],
)
def test_accuracy_of_the_upper_half(real: list[float], fake: list[float], expected: float) -> None:
    assert roc.upper_half(real, fake) == pytest.approx(expected)
