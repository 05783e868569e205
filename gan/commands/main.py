"""The command line: everything that the dashboard can start, without the dashboard.

Exit status: 0 on success, 1 if a run failed, 2 on invalid input, 130 after Ctrl-C, unless the run could stop cleanly. Except on
success, one sentence is printed to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gan.commands import changing, classroom, data, dispatch, guests, listing, play, report, scoring, spare, sweeps, training, trash
from gan.commands.arguments import Parser, complain
from gan.errors import InputError, explain_os_error
from gan.places import default_root

log = logging.getLogger("gan")


def make_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(prog="python -m gan", description="Train, resume, list and score GANs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, help: str, run: Callable[[argparse.Namespace], int], *, has_json: bool = False, commands: Any = commands
    ) -> Parser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        about_root = "folder of the runs (default: $GAN_RUNS, else checkpoints/)"
        # Suppressed: an action after its group, as in “class --root DIR codes”, would reset it.
        added.add_argument("--root", type=Path, default=argparse.SUPPRESS, metavar="DIR", help=about_root)
        if has_json:
            added.add_argument("--json", action="store_true", help="print JSON")
        return added

    for part in (training, changing, dispatch, scoring, guests, listing, trash, sweeps, report):
        part.add(command)
    data.add(commands, command)
    classroom.add(commands, command)
    spare.add(commands, main)
    play.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # for terminals without some letters
    logging.raiseExceptions = False  # no traceback if the log cannot be written; the run reports the error
    try:
        options = make_parser().parse_args(arguments)
        options.root = options.root.expanduser() if getattr(options, "root", None) else default_root()
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except InputError as error:
        return complain(str(error), status=2)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not suppress the message
        return complain("Stopped by Ctrl-C; “python -m gan runs” lists all runs.", status=130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # no reader left, so no message
        return 1
    except OSError as error:
        return complain(explain_os_error(error, "the command"), status=1)
