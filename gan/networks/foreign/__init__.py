"""Generators that other programs have trained, read without running code."""
