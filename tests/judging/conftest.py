"""Fixtures shared with the tests of scores: the digits classifier, real digits and a trained run."""

from tests.scoring.conftest import digits, real, run, trained

__all__ = ["digits", "real", "run", "trained"]
