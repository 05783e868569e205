"""The address of a set-up: everything that is needed to open the same game from a link."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan import config as configs
from gan.config import RunConfig
from gan.errors import InputError, shown
from gan.play import setup as setups
from gan.play.setup import Setup

_SIGN = "vs."  # in front of a setting of the second board
_OURS = ("data", "start", "checkpoint")
_MOST = 4000  # characters


def is_ours(query: Mapping[str, str]) -> bool:
    """Return whether an address names any part of a set-up."""
    return any(key in _OURS or "." in key for key in query)


def write(setup: Setup) -> dict[str, str]:
    """Return a set-up as parameters of an address, empty for own points, which are too many."""
    if setup.points is not None:
        return {}
    query = {"data": setup.data}
    if setup.start is not None:
        query |= {"start": setup.start.run, "checkpoint": setup.start.checkpoint}
    query |= {key: _as_text(value) for key, value in setup.settings.items()}
    return query | {f"{_SIGN}{key}": _as_text(value) for key, value in (setup.other or {}).items()}


def read(query: Mapping[str, str], root: Path) -> tuple[Setup, list[RunConfig]]:
    """Return the set-up that an address describes, and the configuration of each board.

    Parameters of other pages are ignored. Raises InputError if the set-up makes no sense or cannot be played.
    """
    if sum(map(len, query.values())) > _MOST:
        raise InputError(f"The address is longer than {_MOST:,} characters; open the page without it.")
    settings = {key: value for key, value in query.items() if "." in key}
    raw: dict[str, Any] = {
        "data": query.get("data", "ring"),
        "settings": _parsed({key: value for key, value in settings.items() if not key.startswith(_SIGN)}),
        "other": _parsed({key.removeprefix(_SIGN): value for key, value in settings.items() if key.startswith(_SIGN)}) or None,
    }
    if "start" in query:
        raw["start"] = {"run": query["start"], "checkpoint": query.get("checkpoint", "last")}
    if raw["data"] == setups.OWN:
        raise InputError("The address names own points, which it cannot hold; draw them again, or choose a data set.")
    if raw["other"] and len(raw["other"]) > 1:
        raise InputError("The address has several settings of the second board, expected one; remove the others.")
    setup = setups.parse(raw)
    try:
        return setup, setups.boards(setup, root)
    except (TypeError, ValueError, KeyError):
        raise InputError(f"The address describes no game: “{shown(str(dict(query)))}”; choose the settings below.") from None


def _parsed(settings: Mapping[str, str]) -> dict[str, Any]:
    return configs.parse_assignments(f"{key}={value}" for key, value in settings.items())


def _as_text(value: Any) -> str:
    """Return a value as text that reads back as the same."""
    is_plain = isinstance(value, str) and configs.parse_assignments([f"x={value}"])["x"] == value
    return value if is_plain else json.dumps(value)
