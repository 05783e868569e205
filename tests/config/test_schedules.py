"""Schedules: what is left of learning rates and noise, and the sentence on prolonging."""

from __future__ import annotations

import pytest

from gan.config import schedules
from tests.helpers import is_sentence, tiny


@pytest.mark.parametrize(("decay", "half"), [("none", 1.0), ("linear", 0.5), ("cosine", 0.5)])
def test_learning_rate_that_is_left(decay: str, half: float) -> None:
    config = tiny({"optimizer.lr_decay": decay})
    assert schedules.learning_rate(config, 0.0) == 1
    assert schedules.learning_rate(config, 0.5) == pytest.approx(half)
    assert schedules.learning_rate(config, 1.0) == pytest.approx(float(decay == "none"))


def test_prolonging_says_what_happens_to_decayed_learning_rates() -> None:
    linear = tiny({"optimizer.lr_decay": "linear"})
    sentence = schedules.after_prolonging(linear, 100, 100, 400)
    assert is_sentence(sentence)
    assert "from 0 % to 75 %" in sentence
    assert "step 400" in sentence


@pytest.mark.parametrize(("decay", "step", "after"), [("none", 100, 400), ("linear", 0, 400), ("linear", 100, 100)])
def test_prolonging_says_nothing_if_nothing_changes(decay: str, step: int, after: int) -> None:
    assert schedules.after_prolonging(tiny({"optimizer.lr_decay": decay}), step, 100, after) == ""
