"""Tests of the scoring package: metrics against reference implementations, real extractors, runs from checkpoint to score line."""
