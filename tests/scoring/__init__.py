"""Tests of the scoring package: metrics against trusted ones, extractors for real, runs from checkpoint to line."""
