"""Classes of generated images against SciPy's divergence and cases with known results."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan.scoring.metrics import modes
from gan.scoring.metrics.classes import balance, histogram, kl

EVEN = torch.full((10,), 100)


def test_histogram_counts_the_most_probable_class_and_leaves_out_nan() -> None:
    logits = torch.tensor([[0.1, 5.0, -1.0], [9.0, 8.9, 0.0], [-3.0, -2.0, -4.0], [math.nan, 9.0, 0.0]])
    assert histogram(logits).tolist() == [1, 2, 0]
    assert histogram(torch.empty(0, 3)).tolist() == [0, 0, 0]


def test_the_same_shares_cover_all_classes() -> None:
    real = torch.tensor([10, 20, 30, 5])
    assert balance(real, real) == (4, 4, [], 0.0)
    found = balance(real, 7 * real)
    assert found[:3] == (4, 4, [])
    assert found.kl == pytest.approx(0.0, abs=1e-12)


def test_divergence_with_half_of_the_classes_missing_is_log_two() -> None:
    found = balance(EVEN, torch.tensor([0, 50] * 5))
    assert found == (5, 10, [0, 2, 4, 6, 8], pytest.approx(math.log(2)))


def test_divergence_of_a_single_class_is_log_of_the_number_of_classes() -> None:
    fake = torch.zeros(10, dtype=torch.long)
    fake[3] = 777
    assert balance(EVEN, fake) == (1, 10, [0, 1, 2, 4, 5, 6, 7, 8, 9], pytest.approx(math.log(10)))


def test_a_class_is_covered_from_a_tenth_of_its_real_share() -> None:
    real = torch.tensor([500, 500])
    assert balance(real, torch.tensor([950, 50])).missing == []  # 5 % is a tenth of 50 %
    assert balance(real, torch.tensor([951, 49])).missing == [1]
    assert balance(real, torch.tensor([951, 49]), share=0.05).missing == []
    rare = torch.tensor([900, 100])
    assert balance(rare, torch.tensor([990, 10])).missing == []  # 1 % is a tenth of 10 %
    assert balance(rare, torch.tensor([991, 9])).missing == [1]


def test_a_class_is_expected_from_a_tenth_of_an_even_share() -> None:
    sevens = torch.tensor([0, 0, 0, 0, 0, 0, 0, 178, 0, 1])  # one seven is misread as a nine
    assert balance(sevens, 10 * sevens)[:3] == (1, 1, [])
    assert balance(sevens, torch.tensor([0, 0, 0, 0, 0, 0, 0, 2000, 0, 0]))[:3] == (1, 1, [])
    assert balance(torch.tensor([950, 50]), torch.tensor([1000, 0]))[:3] == (1, 2, [1])  # 5 % is a tenth of a half
    assert balance(torch.tensor([951, 49]), torch.tensor([1000, 0]))[:3] == (1, 1, [])


def test_classes_left_out_on_purpose_are_not_expected() -> None:
    """A classifier that is right in 53 % of the cases finds all ten classes among the real cats and dogs."""
    real = torch.tensor([40, 30, 60, 530, 50, 530, 60, 40, 30, 30])
    assert balance(real, real // 2, asked=(3, 5))[:3] == (2, 2, [])
    only_these = torch.tensor([0, 0, 0, 400, 0, 400, 0, 0, 0, 0])
    assert balance(real, only_these, asked=(3, 5))[:3] == (2, 2, [])
    assert balance(real, torch.tensor([50, 0, 0, 700, 0, 0, 50, 0, 0, 0]), asked=(3, 5))[:3] == (1, 2, [5])
    assert balance(real, only_these).expected == 10, "unless it is said which classes there are"
    confused = torch.tensor([0, 0, 0, 600, 0, 0, 0, 0, 0, 0])
    assert balance(confused, confused, asked=(3, 5))[:3] == (1, 2, []), "a class that is never recognised is not missing"


def test_a_class_is_missing_only_if_chance_does_not_explain_it() -> None:
    assert balance(EVEN, torch.tensor([6] * 8 + [4, 0])).missing == []  # 5.2 expected; e^-5.2 is more than 1/200
    assert balance(EVEN, torch.tensor([6] * 9 + [0])).missing == [9]  # 5.4 expected; e^-5.4 is less than 1/200
    random = torch.Generator().manual_seed(0)
    for images in (5, 20, 50, 53, 60, 100, 200, 1000):
        drawn = torch.randint(10, (2000, images), generator=random)
        found = [balance(EVEN, torch.bincount(draw, minlength=10)).missing for draw in drawn]
        assert sum(map(bool, found)) <= 2000 / 20, images


def test_a_class_without_real_images_is_not_expected_and_its_divergence_finite() -> None:
    real, fake = torch.tensor([60, 40, 0]), torch.tensor([30, 20, 50])
    found = balance(real, fake)
    assert (found.covered, found.expected, found.missing) == (2, 2, [])
    assert found.kl == pytest.approx(scipy.stats.entropy([30, 20, 50], [60, 40, 0.5]))


def test_no_images_have_no_divergence() -> None:
    none = torch.zeros(3, dtype=torch.long)
    real = torch.tensor([5, 0, 5])
    covered, expected, missing, divergence = balance(real, none)
    assert (covered, expected, missing) == (0, 2, [])
    assert math.isnan(divergence)
    assert balance(none, real)[:3] == (0, 0, [])
    assert math.isnan(kl(none, real))


def test_different_numbers_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="same classes"):
        balance(EVEN, EVEN[:9])


@given(counts=st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 1000)), min_size=1, max_size=12))
def test_divergence_agrees_with_scipy_and_with_modes(counts: list[tuple[int, int]]) -> None:
    real, fake = (torch.tensor(column) for column in zip(*counts, strict=True))
    if not fake.sum():
        assert math.isnan(kl(real, fake))
        return
    assert kl(real, fake) == pytest.approx(scipy.stats.entropy(fake.numpy(), real.numpy()), rel=1e-9, abs=1e-12)
    assert kl(torch.ones_like(real), fake) == pytest.approx(modes.reverse_kl(fake), abs=1e-12)


@given(counts=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8))
def test_covered_and_missing_add_up_to_expected_for_many_images(counts: list[tuple[int, int]]) -> None:
    real, fake = (torch.tensor(column) for column in zip(*counts, strict=True))
    found = balance(real, fake)
    assert found.covered + len(found.missing) <= found.expected <= int((real > 0).sum())
    many = balance(real, 1000 * fake)  # if there are any images, many of each class are expected
    assert many.covered + len(many.missing) == many.expected == found.expected or not fake.sum()
