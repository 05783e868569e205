"""Work requested by many people at once."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gan.catalogue import data_sets
from gan.errors import InputError
from gan.execution import processes, requests
from gan.storage import signs
from tests.helpers import is_sentence


def test_of_many_uploads_at_once_one_is_imported_and_the_others_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    started = []

    def spawn(arguments: list[str], log: Path, *, locks: Sequence[Path], **options: Any) -> None:
        started.append(arguments)
        signs.announce(locks[0], os.getpid())  # alive, and about to take its lock

    def upload(number: int) -> str:
        try:
            requests.start_import(io.BytesIO(b"1,2\n3,4\n"), ".csv", f"Points {number}", 16)
        except InputError as error:
            return str(error)
        return ""

    monkeypatch.setattr(processes, "spawn", spawn)
    with ThreadPoolExecutor(8) as people:
        answers = sorted(people.map(upload, range(8)))
    assert len(started) == 1
    assert answers[0] == ""
    assert all(is_sentence(answer) for answer in answers[1:])
    assert len(list((tmp_path / data_sets.OWN / ".uploads").iterdir())) == 1, "refused uploads leave nothing"
