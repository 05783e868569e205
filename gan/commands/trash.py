"""The `trash` command: list the deleted runs, restore one, or delete them all for good."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from gan import runs, words
from gan.commands.arguments import Parser, print_rows
from gan.errors import InputError
from gan.storage import files

_ACTIONS = ("list", "restore", "empty")


def add(command: Callable[..., Parser]) -> None:
    """Add ``trash`` to the command line."""
    trash = command("trash", "List the deleted runs, restore one, or delete them all for good.", look_after, has_json=True)
    trash.add_argument(
        "action",
        nargs="?",
        choices=_ACTIONS,
        default="list",
        metavar="ACTION",
        help=f"one of {', '.join(_ACTIONS)} (default: list)",
    )
    trash.add_argument("run_id", nargs="?", default="", metavar="RUN", help="with restore: the run")


def look_after(options: argparse.Namespace) -> int:
    """Apply one action to the trash, and print what is in it or what was done."""
    if bool(options.run_id) != (options.action == "restore"):
        wrong = "needs the id of a run" if options.action == "restore" else "takes no run"
        raise InputError(f"“trash {options.action}” {wrong}; see “python -m gan trash --help”.")
    if options.action == "list":
        return _list(options)
    found: dict[str, Any]
    if options.action == "restore":
        run = runs.restore(options.root, options.run_id)
        found, sentence = {"restored": run.id}, f"Restored {run.id}, “{run.label()}”."
    else:
        count = runs.empty_trash(options.root)
        found, sentence = {"deleted": count}, f"Deleted {words.count(count, 'run')} for good."
    print(files.to_json(found, indent=1) if options.json else sentence)
    return 0


def _list(options: argparse.Namespace) -> int:
    rows: list[dict[str, Any]] = [
        {"id": run.id, "name": run.label(), "bytes": runs.size(run)} for run in runs.list_trash(options.root)
    ]
    empty = f"The trash of {options.root} is empty."
    print_rows(rows, lambda row: f"{row['id']}  {words.megabytes(row['bytes']):>8}  {row['name']}", empty, as_json=options.json)
    return 0
