"""The run directory, and all runs in a folder."""

from gan.runs.holding import Held, is_elsewhere
from gan.runs.moments import new_id
from gan.runs.records import (
    UNDER_WAY,
    Control,
    Label,
    Membership,
    Opinions,
    Origin,
    Scoring,
    State,
    Status,
    checked_name,
    shortened,
)
from gan.runs.registry import ARCHIVE, TRASH, create, delete, empty_trash, find, list_runs, list_trash, restore, size
from gan.runs.run import Run

__all__ = [
    "ARCHIVE",
    "TRASH",
    "UNDER_WAY",
    "Control",
    "Held",
    "Label",
    "Membership",
    "Opinions",
    "Origin",
    "Run",
    "Scoring",
    "State",
    "Status",
    "checked_name",
    "create",
    "delete",
    "empty_trash",
    "find",
    "is_elsewhere",
    "list_runs",
    "list_trash",
    "new_id",
    "restore",
    "shortened",
    "size",
]
