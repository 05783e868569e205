"""Append-only files of one JSON object per line, read tolerantly."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gan.storage.files import to_json, write_all

_LINE_BYTES = 512  # upper bound on the length of a logged line


class LineWriter:
    """Appends JSON objects to a file, one per line; opening it removes an incomplete last line left by a crash."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "a+b", buffering=0)
        size = self._file.seek(0, os.SEEK_END)
        whole = size
        while whole > 0:
            start = max(0, whole - 65536)
            self._file.seek(start)
            newline = self._file.read(whole - start).rfind(b"\n")
            whole = start if newline < 0 else start + newline + 1
            if newline >= 0:
                break
        if whole < size:
            self._file.truncate(whole)

    def write(self, line: dict[str, Any]) -> None:
        """Append one object. The line then survives the end of this process; :meth:`sync` makes it survive a power cut."""
        write_all(self._file, (to_json(line) + "\n").encode())

    def sync(self) -> None:
        """Make all lines written so far survive a power cut."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read_lines(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the objects on the complete lines after byte ``offset``, and the offset for the next call.

    An incomplete last line is left for the next call. Damaged lines are skipped. An unreadable file counts as empty.
    """
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return [], offset
    end = content.rfind(b"\n") + 1
    return _parse(content[:end].splitlines()), offset + end


def sample_lines(path: Path, count: int) -> list[dict[str, Any]]:
    """Return about ``count`` objects of a file in file order, spread evenly over its bytes, including the first and the last.

    Only these lines are read, so the time does not depend on the file size. A short file is returned in full. Damaged lines are
    skipped. An unreadable file counts as empty.
    """
    try:
        with open(path, "rb", buffering=2 * _LINE_BYTES) as file:
            size = file.seek(0, os.SEEK_END)
            if size <= count * _LINE_BYTES:
                return read_lines(path)[0]
            found: dict[int, bytes] = {}
            for place in range(count):
                start = max(0, place * (size - _LINE_BYTES) // max(1, count - 1) - 1)
                file.seek(start)
                begin = start + (len(file.readline()) if start else 0)
                if (line := file.readline()).endswith(b"\n"):
                    found[begin] = line
            last = [line for line in file if line.endswith(b"\n")][-1:]
    except OSError:
        return []
    return _parse([*found.values(), *last])


def _parse(lines: list[bytes]) -> list[dict[str, Any]]:
    """Return the objects on complete lines: parsed in one call for speed, or one by one if a line is damaged."""
    try:
        found = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        found = _parse_each(lines)
    return [line for line in found if isinstance(line, dict)]


def _parse_each(lines: list[bytes]) -> Iterator[Any]:
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(line)
