"""The command `trash`: list, restore and empty."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gan import runs
from tests.helpers import assert_one_sentence, make_run, run_gan

UNKNOWN = "20260131-093000-1a2b3c"


def test_trash_is_listed_restored_from_and_emptied(root: Path) -> None:
    first, second = make_run(root, name="first", state="stopped"), make_run(root, name="second", state="stopped")
    assert "is empty" in run_gan("trash", root=root).stdout
    runs.delete(first)
    runs.delete(second)
    listed = run_gan("trash", root=root).stdout.splitlines()
    assert [line.split()[0] for line in listed] == [second.id, first.id]
    assert listed[0].endswith("second") and " MB " in listed[0]
    rows = json.loads(run_gan("trash", "list", "--json", root=root).stdout)
    assert [(row["id"], row["name"]) for row in rows] == [(second.id, "second"), (first.id, "first")]
    assert all(row["bytes"] > 0 for row in rows)

    done = run_gan("trash", "restore", first.id, root=root)
    assert done.returncode == 0 and f"Restored {first.id}, “first”." in done.stdout
    assert runs.list_runs(root) == [first]

    done = run_gan("trash", "empty", root=root)
    assert done.returncode == 0 and done.stdout == "Deleted 1 run for good.\n"
    assert runs.list_trash(root) == [] and runs.list_runs(root) == [first]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["restore"], "needs the id of a run"),
        (["restore", UNKNOWN], f"no run “{UNKNOWN}” in the trash"),
        (["restore", "../../etc"], "in the trash"),
        (["empty", UNKNOWN], "takes no run"),
        (["list", UNKNOWN], "takes no run"),
        (["burn"], "burn"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_answered_with_one_sentence(root: Path, arguments: list[str], words: str) -> None:
    assert words in assert_one_sentence(run_gan("trash", *arguments, root=root))
