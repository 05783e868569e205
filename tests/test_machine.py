"""How the C library keeps memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.helpers import PROJECT

_FAULTS = """
import resource, sys
from gan import machine
if sys.argv[1] == "kept":
    machine.keep_freed_memory()
def work():
    bytearray(64 << 20)  # written with zeros, then freed
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str) -> int:
    """Return how often the system had to supply a page of memory while the same amount was used and freed again and again."""
    done = subprocess.run([sys.executable, "-c", _FAULTS, way], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_kept() -> None:
    usual, kept = faults("usual"), faults("kept")
    assert kept < 16 < usual
