"""The run directory, and all runs in a folder."""

from gan.runs.records import UNDER_WAY, Control, Label, Membership, Origin, Scoring, State, Status, checked_name, shortened
from gan.runs.registry import TRASH, create, delete, find, list_runs, new_id, restore
from gan.runs.run import Run

__all__ = [
    "TRASH",
    "UNDER_WAY",
    "Control",
    "Label",
    "Membership",
    "Origin",
    "Run",
    "Scoring",
    "State",
    "Status",
    "checked_name",
    "create",
    "delete",
    "find",
    "list_runs",
    "new_id",
    "restore",
    "shortened",
]
