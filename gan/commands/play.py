"""The hidden `play` command: the worker of live games, which the dashboard starts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add ``play`` to the command line, unlisted."""
    parser = commands.add_parser("play")
    parser.set_defaults(run=_play)
    parser.add_argument("--root", default=None, type=Path)


def _play(options: argparse.Namespace) -> int:
    from gan.playground import worker

    return worker.serve(options.root)
