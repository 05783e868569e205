"""Whether the spread over seeds explains a difference: against SciPy's Welch test, and in words."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gan.judging import significance
from tests.helpers import is_sentence

VALUES = st.lists(st.floats(-1e3, 1e3).map(lambda value: round(value, 3)), min_size=2, max_size=8)


@pytest.mark.filterwarnings("ignore:Precision loss")
@given(VALUES, VALUES)
def test_interval_agrees_with_scipy(one: list[float], other: list[float]) -> None:
    found = significance.compare(one, other)
    assert found is not None
    if len(set(one)) == 1 and len(set(other)) == 1:
        assert not found.is_sure, "values that never vary should not make a difference sure"
        return
    expected = stats.ttest_ind(one, other, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-6, abs=1e-9), pytest.approx(high, rel=1e-6, abs=1e-9))
    if abs(expected.pvalue - 0.05) > 1e-6:
        assert found.is_sure == (expected.pvalue < 0.05)


def test_interval_without_a_difference_misses_zero_once_in_twenty() -> None:
    chance = random.Random(0)
    draws = [[chance.gauss(0, 1) for _ in range(4)] for _ in range(4000)]
    sure = [found.is_sure for pair in zip(draws[::2], draws[1::2], strict=True) if (found := significance.compare(*pair))]
    assert len(sure) == 2000
    assert sum(sure) / len(sure) == pytest.approx(0.05, abs=0.015)


def test_needed_seeds_are_given_if_the_difference_is_not_sure() -> None:
    one, other = [10.0, 12.0, 11.0], [9.5, 11.0, 10.1]
    found = significance.compare(one, other)
    assert found is not None and not found.is_sure and found.needed
    assert found.needed > 3
    assert significance.compare([1.0], [2.0, 3.0]) is None
    tiny = significance.compare([0.0, 100.0], [0.001, 100.0])
    assert tiny is not None and tiny.needed is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (([10.0, 10.2, 9.9], [20.0, 20.3, 19.8]), "“wide” has a better FID than “narrow”"),
        (([20.0, 20.3, 19.8], [10.0, 10.2, 9.9]), "“narrow” has a better FID than “wide”"),
        (([10.0, 12.0, 11.0], [9.5, 11.0, 10.1]), "but this may be chance; train about"),
        (([10.0], [20.0, 21.0]), "train at least two seeds"),
        (([5.0, 5.1], [5.1, 5.0]), "more seeds would hardly help"),
        (([5.0, 5.0], [5.0, 5.0]), "FID is the same each time (5 and 5, 2 and 2 seeds)"),
        (([1.0, 1.0], [2.0, 2.0]), "train with other seeds"),
    ],
)
def test_sentence_states_the_conclusion(values: tuple[list[float], list[float]], words: str) -> None:
    told = significance.tell(("wide", "narrow"), values, "FID", is_lower_better=True)
    assert words in told and is_sentence(told), told


def test_interval_has_the_direction_of_the_difference() -> None:
    for values in (([10.0, 10.1], [20.0, 20.1]), ([20.0, 20.1], [10.0, 10.1])):
        told = significance.tell(("a", "b"), values, "FID", is_lower_better=True)
        assert "by 10 (95 % interval 9.7 to 10.3" in told, told
    unsure = significance.tell(("a", "b"), ([1.0, 2.0], [1.5, 2.5]), "FID", is_lower_better=True)
    assert "by 0.5 (95 % interval −2.54 to 3.54" in unsure, unsure


def test_sentence_says_which_is_lower_even_if_not_sure() -> None:
    for names, values in ((("a", "b"), ([1.0, 2.0], [1.5, 2.5])), (("b", "a"), ([1.5, 2.5], [1.0, 2.0]))):
        told = significance.tell(names, values, "FID", is_lower_better=True)
        assert told.startswith("“a” has a lower FID than “b”, by 0.5 (95 % interval −2.54 to 3.54"), told


def test_more_seeds_are_asked_for_than_are_present() -> None:
    """The mean difference may look large enough for five seeds, but these five did not establish it."""
    one, other = [0.0, 0.1, -0.1, 3.0, -3.0], [value + 2.5 for value in (0.0, 0.05, -0.05, 0.05, -0.05)]
    found = significance.compare(one, other)
    assert found is not None and not found.is_sure
    assert found.needed == 6


def test_values_that_never_vary_do_not_make_a_difference_sure() -> None:
    """On a CPU the same seed gives the same value, so copies of a run must not make a difference certain."""
    assert significance.compare([1.0, 1.0], [2.0, 2.0]) == significance.Difference(-1.0, -math.inf, math.inf, None)
    noise = significance.pool([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    found = significance.compare([1.0, 1.0], [2.0], noise)
    assert found is not None and not found.is_sure


def test_higher_is_better_for_other_scores() -> None:
    told = significance.tell(("a", "b"), ([0.9, 0.91], [0.1, 0.11]), "precision", is_lower_better=False)
    assert told.startswith("“a” has a better precision")


def test_noise_is_pooled_over_several_settings() -> None:
    groups = [[10.0, 12.0], [20.0, 21.0], [30.0, 33.0]]
    noise = significance.pool(groups)
    assert noise is not None and noise.freedom == 3
    assert noise.variance == pytest.approx((2 + 0.5 + 4.5) / 3)
    pooled, alone = significance.compare(groups[0], groups[1], noise), significance.compare(groups[0], groups[1])
    assert pooled is not None and alone is not None
    half = stats.t.ppf(0.975, 3) * (noise.variance * (1 / 2 + 1 / 2)) ** 0.5
    assert pooled.high - pooled.mean == pytest.approx(half)
    single = significance.compare([10.0], groups[1], noise)
    assert single is not None and single.high - single.low > pooled.high - pooled.low
    assert significance.pool(groups[:2]) is None and significance.pool([[1.0], [2.0], [3.0]]) is None


def test_correction_of_holm_agrees_with_its_definition() -> None:
    assert significance.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert significance.holm([0.5, 0.9]) == [1.0, 1.0] and significance.holm([]) == []


def test_p_value_agrees_with_the_interval_and_with_scipy() -> None:
    one, other = [10.0, 11.0, 12.5], [13.0, 15.0, 14.0]
    found = significance.compare(one, other)
    assert found is not None and found.p == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue)
    assert found.is_sure == (found.p < 0.05)


def test_corrected_p_value_decides() -> None:
    values = ([10.0, 10.1], [20.0, 20.1])
    told = significance.tell(("a", "b"), values, "FID", is_lower_better=True, p=0.2)
    assert "among this many comparisons this may be chance" in told and is_sentence(told)
    assert "more than the seeds explain" in significance.tell(("a", "b"), values, "FID", is_lower_better=True, p=0.01)
