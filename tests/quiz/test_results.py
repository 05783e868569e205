"""What answers amount to: points, sentences, and the discriminator next to them."""

from __future__ import annotations

import pytest

from gan.quiz import results, roc
from gan.quiz.questions import Picture, Quiz
from gan.quiz.results import Point
from gan.runs import Opinions


def of(real: tuple[float | None, ...], fake: tuple[float | None, ...], packing: int = 1) -> Quiz:
    """Return a quiz on steps 1 and 2 with 2 real and 2 generated pictures each; opinions are known at step 1 only."""
    pictures = tuple(Picture(step=step, is_real=is_real, png="") for step in (1, 2) for is_real in (True, False, True, False))
    opinions = {1: Opinions(is_probability=True, real=real, fake=fake)}
    return Quiz(run="run", name="name", pictures=pictures, opinions=opinions, packing=packing)


def test_points_count_hits_and_false_alarms_of_each_moment() -> None:
    quiz = of((), ())
    answers = {0: True, 1: True, 2: False, 3: False, 4: True, 5: False}
    first, second = (results.point(quiz, [answers, {}, {0: False}], step) for step in (1, 2))
    assert (first.hits, first.reals, first.alarms, first.fakes) == ((1, 0), (2, 1), (1, 0), (2, 0))
    assert (first.right, first.answered, first.hit_rate, first.alarm_rate) == (2, 5, 1 / 3, 1 / 2)
    assert (second.right, second.answered) == (2, 2) and second.is_whole
    assert results.point(quiz, [answers]).answered == 6
    assert not results.point(quiz, [{}]).answered and not results.point(quiz, [{0: True}]).is_whole
    assert results.shares_right(quiz, [answers, {0: False}])[:3] == [(1, 2), (0, 1), (0, 1)]
    assert first.hit_interval() == roc.clustered([1, 0], [2, 1])


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        (14, "You are not clearly better than guessing: 14 of 20 right (70 %, 95 % interval 48 % to 85 %)."),
        (16, "You tell them apart better than by guessing: 16 of 20 right (80 %, 95 % interval 58 % to 92 %)."),
        (3, "You take generated pictures for real more often than real ones: 3 of 20 right (15 %, 95 % interval 5 % to 36 %)."),
    ],
)
def test_sentences_say_no_more_than_the_interval(right: int, expected: str) -> None:
    hits = min(10, right)
    assert results.tell(Point((hits,), (10,), (10 - (right - hits),), (10,))) == expected


def test_discriminator_wins_only_if_the_whole_interval_lies_below_its_curve() -> None:
    perfect = results.rival(of((0.9,) * 64, (0.1,) * 64), 1)
    useless = results.rival(of((0.5,) * 64, (0.5,) * 64), 1)
    assert perfect and useless and (perfect.area, useless.area) == (1, 0.5)
    guessing, sharp = Point((5,), (10,), (5,), (10,)), Point((20,), (20,), (0,), (20,))
    assert results.compare(guessing, perfect).startswith("The discriminator does better than you: ")
    assert results.compare(sharp, useless, "The class").startswith("The class does better than the discriminator: ")
    assert results.compare(guessing, useless).startswith("Too few answers")
    middling = results.rival(of((0.9,) * 48 + (0.1,) * 16, (0.5,) * 64), 1)
    assert middling and "would take 75 % of the real pictures for real, you took 50 %" in results.compare(guessing, middling)
    assert results.compare(guessing, middling).startswith("Too few answers")
    assert results.tell_rival(perfect, 1000).startswith("The discriminator at step 1,000: AUC 1.00 (95 % interval 0.97 to 1.00)")


def test_unknown_opinions_leave_out_the_discriminator() -> None:
    quiz = of((0.9, None, 0.8), (0.1, 0.2))
    rival = results.rival(quiz, 1)
    assert rival and (rival.reals, rival.fakes) == (2, 2)
    assert results.rival(quiz, 2) is None and "at 1 moment," in results.tell_alone(quiz)
    assert results.rival(of((None,), (0.1,)), 1) is None and "stored, as" in results.tell_alone(of((None,), (0.1,)))


def test_packed_images_share_one_opinion() -> None:
    rival = results.rival(of((0.9, 0.9, 0.8, 0.8), (0.1, 0.1, 0.2, 0.2), packing=2), 1)
    assert rival and (rival.reals, rival.fakes) == (2, 2)
