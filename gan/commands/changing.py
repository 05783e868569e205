"""The `change` command, and the argument for changes planned before a training starts."""

from __future__ import annotations

import argparse
import getpass
import time
from collections.abc import Callable

from gan import config as configs
from gan import runs
from gan.commands.arguments import Parser, add_assignments
from gan.config import RunConfig
from gan.errors import InputError
from gan.runs import changes
from gan.runs.changes import Change

_EVERY = 0.1  # seconds between two looks at what became of a request
_PATIENCE = 60.0  # seconds


def add(command: Callable[..., Parser]) -> None:
    """Add ``change`` to the command line."""
    change = command("change", "Change settings of a training under way; a checkpoint is written before.", change_run)
    change.add_argument("run_id", metavar="RUN")
    add_assignments(change)
    change.add_argument("--step", type=int, default=0, metavar="N", help="step after which the change applies (default: now)")
    change.add_argument("--who", default="", metavar="NAME", help="who asks for it (default: your user name)")


def change_run(options: argparse.Namespace) -> int:
    run = runs.find(options.root, options.run_id)
    asked = configs.parse_assignments(options.assignments)
    if not asked:
        raise InputError("No setting is given; change one with --set section.field=value.")
    request = changes.ask(run, asked, who=options.who or _user(), step=_checked_step(options.step) if options.step else None)
    if request.step > run.status().step + 1:
        print(f"Planned for step {request.step:,}: {request.told()}.")
        return 0
    deadline = time.monotonic() + _PATIENCE
    while (answer := changes.answered(run, request)) is None and time.monotonic() < deadline and run.is_held():
        time.sleep(_EVERY)
    if answer is None:
        print(f"The trainer has not answered yet; the change waits for it: {request.told()}.")
        return 0
    if answer.refusal:
        changes.withdraw(run, answer)
        raise InputError(answer.refusal)
    print(f"Changed after step {answer.step:,}: {answer.told()}.")
    return 0


def add_planned(parser: Parser) -> None:
    """Add the argument for changes planned before a training starts."""
    parser.add_argument(
        "--change",
        nargs="+",
        action="append",
        default=[],
        metavar=("STEP", "SECTION.FIELD=VALUE"),
        dest="planned",
        help="change settings after a step, as `change` does; may be repeated",
    )


def planned_of(options: argparse.Namespace, config: RunConfig, begun: int = 0) -> list[Change]:
    """Return the planned changes of a training with this configuration, which begins after the step ``begun``.

    Raises InputError if one is impossible.
    """
    planned = []
    for step, *assignments in options.planned:
        if not step.isascii() or not step.isdecimal():
            raise InputError(f"--change begins with “{step}”, expected the step after which the change applies, e.g. 400; add it.")
        planned.append((_checked_step(int(step[:12])), configs.parse_assignments(assignments)))
    return changes.planned(config, planned, begun=begun, who=_user())


def _checked_step(step: int) -> int:
    if step < 1:
        raise InputError(f"The step is {step}, expected at least 1; changes apply after a step.")
    return step


def _user() -> str:
    try:
        return getpass.getuser()[: changes.LONGEST_WHO]
    except (OSError, KeyError):  # no name is known, as in some containers
        return "command line"
