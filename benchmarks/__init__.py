"""Measurements: each prints a table with the machine and medians; none of them is a test."""
