"""Arguments shared by several commands, and a parser that raises InputError."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from gan import config as configs
from gan.config import fields, presets
from gan.errors import InputError
from gan.storage import files

FORMAT = "%(asctime)s %(levelname)s %(message)s"
CHECKPOINT_HELP = "last (default), or best: the checkpoint with the lowest FID during training"


class Parser(argparse.ArgumentParser):
    """An argument parser that raises InputError instead of printing its usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse unknown arguments here, so that the sentence names the command whose options they were to be."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see “{self.prog} --help”.")


def add_settings(parser: Parser) -> None:
    parser.add_argument("--preset", default=presets.DEFAULT, metavar="NAME", help=f"default: {presets.DEFAULT}")
    add_assignments(parser)


def add_assignments(parser: Parser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUE",
        dest="assignments",
        help="change one setting; may be repeated",
    )


def add_length(parser: Parser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--steps", type=int, metavar="N", help="length in generator steps")
    group.add_argument("--epochs", type=int, metavar="N", help="length in passes over the real images")


def add_engine(parser: Parser) -> None:
    parser.add_argument("--on", default="", metavar="ENGINE", help="where to train: local (default), ray or slurm")


def complain(sentence: str, status: int) -> int:
    """Print a sentence to standard error as a single line and return the exit status."""
    print(" ".join(sentence.split()), file=sys.stderr)
    return status


def print_rows(rows: Sequence[dict[str, Any]], line: Callable[[dict[str, Any]], str], empty: str, *, as_json: bool) -> None:
    """Print a list as JSON, or one ``line`` per row, or the sentence ``empty`` if there are none."""
    if as_json:
        print(files.to_json(rows, indent=1))
    else:
        print("\n".join(map(line, rows)) or empty)


def config_of(options: argparse.Namespace) -> configs.RunConfig:
    return configs.require_data(configs.replace(presets.find(options.preset).config, changes_of(options)))


def changes_of(options: argparse.Namespace) -> dict[str, Any]:
    changes = configs.parse_assignments(options.assignments)
    if length := length_of(options):
        changes["training.length"] = str(length)
    return changes


def length_of(options: argparse.Namespace) -> fields.Span | None:
    for unit in ("steps", "epochs"):
        count = getattr(options, unit, None)
        if count is not None and not 1 <= count <= 100_000_000:
            raise InputError(f"--{unit} is {count}, expected a whole number from 1 to 100000000; change it.")
        if count is not None:
            return fields.Span(count=count, unit=unit)  # type: ignore[arg-type]
    return None
