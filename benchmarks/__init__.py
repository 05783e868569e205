"""Measurements, not tests: each prints a table with the machine and medians."""
