"""Engines that train runs on other machines, each a thin adapter around the one command that resumes a run."""
