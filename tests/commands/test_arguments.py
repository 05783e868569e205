"""The parser of the command line."""

from __future__ import annotations

import pytest

from gan.commands.main import make_parser
from gan.errors import InputError


@pytest.mark.parametrize(
    "command, arguments",
    [("report", ["RUN", "--output", "x.zip"]), ("trash", ["list", "--all"]), ("data show", ["digits", "--big"])],
)
def test_unknown_argument_leads_to_the_help_of_its_command(command: str, arguments: list[str]) -> None:
    with pytest.raises(InputError, match=f"see “python -m gan {command} --help”"):
        make_parser().parse_args([*command.split(), *arguments])
