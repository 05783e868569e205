"""Name, tags and note of a run, changed by several people at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.helpers import make_run


def test_a_name_and_a_note_given_at_the_same_time_are_both_kept(root: Path) -> None:
    run = make_run(root)
    for number in range(50):
        with ThreadPoolExecutor(2) as people:
            given = people.submit(run.rename, f"name {number}"), people.submit(run.annotate, [f"tag {number}"], f"note {number}")
        assert all(one.result() is None for one in given)
        label = run.told()
        assert (label.name, label.tags, label.note) == (f"name {number}", (f"tag {number}",), f"note {number}")
