"""Sweeps: plans of many runs, their variants, their files, and their progress."""
