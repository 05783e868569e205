"""A slice of the benchmark of crash points: deaths at every step of writing; and that it finds what is careless."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.helpers import PROJECT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked")

CARELESS = """
import sys
from benchmarks import crash_points
from gan.storage import files

def write_in_place(path, content, durable=True):
    with open(path, "wb", buffering=0) as file:
        files.write_all(file, content)

files.write_atomically = write_in_place
sys.exit(crash_points.main(["--only", "name"]))
"""


def measured(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark in an interpreter of its own: it forks, so it needs a process without other threads."""
    return subprocess.run([sys.executable, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)


def test_a_death_at_any_step_leaves_every_record_and_run_old_or_new() -> None:
    done = measured("-m", "benchmarks.crash_points", "--only", "name,metrics,changes,making,delete,quiz")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    points = [int(row[-6]) for row in rows]
    assert len(rows) == 6 and min(points) >= 15, done.stdout
    assert all(old + new + between == count for count, (old, new, between) in zip(points, _found(rows), strict=True))


def _found(rows: list[list[str]]) -> list[tuple[int, int, int]]:
    return [(int(row[-5]), int(row[-4]), int(row[-3])) for row in rows]


def test_a_file_written_in_place_is_found_at_fault() -> None:
    done = measured("-c", CARELESS)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "in the middle of a write to label.json" in done.stdout
