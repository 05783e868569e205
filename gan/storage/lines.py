"""Append-only files of one JSON object per line, read tolerantly."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

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
        write_all(self._file, (to_json(line) + "\n").encode(errors="replace"))

    def sync(self) -> None:
        """Make all lines written so far survive a power cut."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read_lines(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the objects on the complete lines after byte ``offset``, and the offset for the next call.

    An incomplete last line is left for the next call. Damaged lines are skipped. An unreadable file counts as empty.
    """
    content, after = read_complete(path, offset)
    return parse(content), after


def read_complete(path: Path, offset: int = 0) -> tuple[bytes, int]:
    """Return the complete lines after byte ``offset`` as they are, and the offset for the next call; see :func:`read_lines`."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return b"", offset
    end = content.rfind(b"\n") + 1
    return content[:end], offset + end


def parse(content: bytes) -> list[dict[str, Any]]:
    """Return the objects on complete lines, without damaged ones."""
    return _parse(content.splitlines())


def sample_lines(path: Path, count: int) -> list[dict[str, Any]]:
    """Return about ``count`` objects of a file in file order, spread evenly over its bytes, including the first and the last.

    Only these lines are read, so the time does not depend on the file size. A short file is returned in full. Damaged lines are
    skipped. An unreadable file counts as empty.
    """
    return [stretch[-1] for stretch in sample_stretches(path, count, 1)]


def sample_stretches(path: Path, count: int, length: int) -> list[list[dict[str, Any]]]:
    """Return about ``count`` stretches of at most ``length`` consecutive objects, one for each of :func:`sample_lines`.

    Each stretch ends with the sampled object; fewer than ``length`` precede the first objects of a file. Stretches may overlap.
    Only these lines are read, unless they make up most of the file.
    """
    return parse_stretches(raw_stretches(path, count, length), count, length)


def raw_stretches(path: Path, count: int, length: int) -> list[list[bytes]] | bytes:
    """Return the lines of :func:`sample_stretches` unparsed, for :func:`parse_stretches`.

    If they make up most of the file, return all its complete lines as they are; of an unreadable file, nothing.
    """
    with contextlib.suppress(OSError), open(path, "rb", buffering=(length + 1) * _LINE_BYTES) as file:
        size = file.seek(0, os.SEEK_END)
        if size > count * length * _LINE_BYTES and (found := _stretches(file, size, count, length)):
            return found
        file.seek(0)
        content = file.read()
        return content[: content.rfind(b"\n") + 1]
    return b""


def parse_stretches(raw: list[list[bytes]] | bytes, count: int, length: int) -> list[list[dict[str, Any]]]:
    """Return the objects of what :func:`raw_stretches` returned for ``count`` and ``length``."""
    if isinstance(raw, list):
        return _parse_stretches(raw)
    whole = parse(raw)
    every = max(1, -(-len(raw) // (count * _LINE_BYTES)))
    ends = sorted({*range(0, len(whole), every), len(whole) - 1}) if whole else []
    return [whole[max(0, end + 1 - length) : end + 1] for end in ends]


def _stretches(file: BinaryIO, size: int, count: int, length: int) -> list[list[bytes]]:
    """Return the stretches of a long file as complete lines."""
    found: dict[int, list[bytes]] = {}
    reach = (length - 1) * _LINE_BYTES
    for place in range(count):
        at = place * (size - _LINE_BYTES) // max(1, count - 1)
        recent: deque[bytes] = deque(maxlen=length)
        for begin, line in _complete_lines(file, at - reach):
            recent.append(line)
            if begin >= at:
                found[begin] = list(recent)
                break
    if last := list(_complete_lines(file, size - reach - 2 * _LINE_BYTES))[-length:]:
        found[last[-1][0]] = [line for _, line in last]
    return list(found.values())


def _complete_lines(file: BinaryIO, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield the complete lines that begin at byte ``at`` or later, each with its first byte."""
    begin = max(0, at - 1)
    file.seek(begin)
    if at > 0:
        begin += len(file.readline())
    for line in file:
        if line.endswith(b"\n"):
            yield begin, line
        begin += len(line)


def _parse(lines: list[bytes]) -> list[dict[str, Any]]:
    """Return the objects on complete lines: parsed in one call for speed, or one by one if a line is damaged."""
    try:
        found = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        found = _parse_each(lines)
    return [line for line in found if isinstance(line, dict)]


def _parse_stretches(stretches: list[list[bytes]]) -> list[list[dict[str, Any]]]:
    """Return the objects of each stretch, parsed in one call for speed unless a line is damaged; stretches may become shorter."""
    every = [line for lines in stretches for line in lines]
    if len(found := _parse(every)) < len(every):
        return [part for lines in stretches if (part := _parse(lines))]
    objects = iter(found)
    return [list(itertools.islice(objects, len(lines))) for lines in stretches]


def _parse_each(lines: list[bytes]) -> Iterator[Any]:
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(line)
