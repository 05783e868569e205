"""Scoring: feature extractors, and metrics on their features."""
