"""The hidden `dispatch` command: send runs to Ray or Slurm and follow them; the dashboard starts it by itself."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable

from gan.commands.arguments import FORMAT, Parser
from gan.execution import dispatcher


def add(command: Callable[..., Parser]) -> None:
    """Add ``dispatch`` to the command line."""
    added = command("dispatch", "Send waiting runs to Ray or Slurm and follow them until none is left.", run)
    added.add_argument("--idle", type=float, default=30.0, metavar="S", help="seconds without work after which it ends")


def run(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format=FORMAT)
    dispatcher.work(options.root, options.idle)
    return 0
