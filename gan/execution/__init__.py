"""Processes: the queue of trainings, sweeps under way, requested work, and how long it takes."""
