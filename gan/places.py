"""Where the program, its runs and its data lie: default folders and the environment variables that move them."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def default_root() -> Path:
    """Return the folder of all runs: ``GAN_RUNS``, or ``checkpoints/`` in the project folder."""
    chosen = os.environ.get("GAN_RUNS")
    return Path(chosen).expanduser() if chosen else PROJECT / "checkpoints"


def data_root() -> Path:
    """Return the folder for downloaded, imported and prepared data: ``GAN_DATA``, else ``data/`` next to the program."""
    chosen = os.environ.get("GAN_DATA")
    return Path(chosen).expanduser() if chosen else PROJECT / "data"
