"""Files packed with gzip, bzip2 or xz, unpacked while they are read, up to a limit; torch-free."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO

from gan.data.formats.pictures import Opened
from gan.errors import InputError

MOST_UNPACKED = 8 << 30  # bytes
_MOST_RATIO = 200  # of unpacked to packed bytes: pictures do not shrink that much, bombs do
_SMALL = 64 << 20  # bytes that any file may unpack to
_PACKERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


def is_packed(head: bytes) -> bool:
    """Return whether a file begins like one that is packed."""
    return any(head.startswith(magic) for magic in _PACKERS)


def unpacked(opened: Opened, head: bytes) -> Opened:
    """Return a packed file as one that is unpacked while it is read; others as they are."""
    for magic, unpack in _PACKERS.items():
        if head.startswith(magic):
            file = _Limited(unpack(opened.file), limit(opened.size), opened.shown)
            return replace(opened, file=io.BufferedReader(file, 1 << 16), name=opened.stem, size=None)
    return opened


def limit(size: int | None) -> int:
    """Return the bytes to which ``size`` packed bytes may unpack."""
    return min(MOST_UNPACKED, max(_SMALL, _MOST_RATIO * (size or 0)))


def refusal(name: str, most: int) -> InputError:
    return InputError(f"{name} unpacks to more than {most >> 20:,} MB, far more than pictures do; unpack it and take a part of it.")


class _Limited(io.RawIOBase):
    """A file that is unpacked while it is read, and refuses to go beyond a place."""

    def __init__(self, file: Any, most: int, name: str) -> None:
        self._file, self._most, self._name = file, most, name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._file.tell())

    def seek(self, place: int, whence: int = 0, /) -> int:
        if whence == 1:
            place += self.tell()
        elif whence == 2:
            raise io.UnsupportedOperation("the end is not known")
        self._require(place)
        return int(self._file.seek(place))

    def readinto(self, buffer: Any, /) -> int:
        content = self._file.read(len(buffer))
        self._require(self.tell())
        buffer[: len(content)] = content
        return len(content)

    def _require(self, place: int) -> None:
        if place > self._most:
            raise refusal(self._name, self._most)
