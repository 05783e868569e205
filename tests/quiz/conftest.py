"""Shared by the tests of the quiz: the healthy example as material, read only."""

from __future__ import annotations

import random

import pytest

from gan import runs
from gan.quiz import questions
from gan.quiz.questions import Quiz
from gan.runs import Run
from tests.helpers import PROJECT


@pytest.fixture(scope="session")
def example() -> Run:
    """Return the healthy example that comes with the program; tests must not change it."""
    return next(run for run in runs.list_runs(PROJECT / "examples") if "Healthy" in run.label())


@pytest.fixture(scope="session")
def quiz(example: Run) -> Quiz:
    """Return a quiz on two moments with 8 pictures each."""
    return questions.draw(example, [160, 16800], 8, random.Random(0))
