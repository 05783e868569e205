"""Scoring of generators: feature extractors, metrics on their features, and the reference of real images."""
