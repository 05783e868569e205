"""Shared by the tests of training: a small disk that can be filled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import mount, unmount


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on its own one-megabyte disk, or skip the test if mounting is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=1m")
    yield folder
    unmount(folder)
