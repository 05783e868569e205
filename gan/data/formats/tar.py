"""Tar archives, packed or not: WebDataset's samples, folders of pictures, or files of another format; torch-free."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO

import numpy as np

from gan.data import archive
from gan.data.archive import Entry, Skipped, Source
from gan.data.formats.pictures import Content, Labels, Opened, PictureSource, exactly, listed, reading, require_count, together
from gan.data.grouping import natural
from gan.errors import shown

_BLOCK = 512
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_MOST_NAME = 1 << 20  # bytes of an extended header
_MOST_LABEL = 256  # bytes of a .cls file
_FORMAT = "a tar archive"


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in a tar archive: ``name`` with slashes, and where its bytes lie."""

    name: str
    offset: int
    size: int


def is_like(head: bytes, opened: Opened) -> bool:
    """Return whether a file begins with the header of a tar archive: its checksum is right."""
    try:
        return len(head) >= _BLOCK and bool(_Header(head[:_BLOCK]).name)
    except ValueError:
        return False


class _Header:
    """The header of a file: name, size in bytes and type, by POSIX 1003.1 with GNU's large sizes. Raises ValueError if it is none.

    TarInfo of the standard library takes ten times as long, too long for 500,000 files.
    """

    __slots__ = ("kind", "name", "size")

    def __init__(self, block: bytes) -> None:
        if int(block[148:156].strip(b" \0") or b"-1", 8) != sum(block.replace(b"\0", b"")) - sum(block[148:156]) + 256:
            raise ValueError("a wrong checksum")
        name, self.kind = block[:100].split(b"\0", 1)[0], block[156:157]
        if block[257:263] == b"ustar\0" and block[345]:
            name = block[345:500].split(b"\0", 1)[0] + b"/" + name
        self.name = name.decode("utf-8", "replace")
        size = block[124:136]
        self.size = int.from_bytes(size[1:], "big") if size[0] == 0x80 else int(size.strip(b" \0") or b"0", 8)


class Tar:
    """The files of one tar archive, listed without unpacking."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        with reading(opened, _FORMAT):
            self.members = list(self._listed())

    def _listed(self) -> Iterator[Member]:
        """Yield the regular files. Raises InputError if there are too many or they are too large together."""
        file, place, long_name, number, total = self.opened.start(), 0, "", 0, 0
        while len(block := file.read(_BLOCK)) == _BLOCK and block[0]:
            info = _Header(block)
            place += _BLOCK
            if info.size < 0:
                raise ValueError("a negative size")
            number, total = number + 1, total + info.size
            if number > archive.MOST_ENTRIES:
                raise archive.too_many()
            if total > archive.MOST_TOTAL:
                raise archive.too_large()
            if self.opened.size is not None and place + info.size > self.opened.size:
                raise EOFError("a file reaches beyond the end")
            if info.kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
                if info.size > _MOST_NAME:
                    raise ValueError("a name is too long")
                content = exactly(file, info.size)
                long_name = _name_in(content, is_pax=info.kind == tarfile.XHDTYPE) or long_name
                _skip(file, -info.size % _BLOCK)
            else:
                if info.kind in _REGULAR:
                    yield Member(long_name or info.name, place, info.size)
                if info.kind not in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK, tarfile.SOLARIS_XHDTYPE):
                    long_name = ""
                _skip(file, info.size + -info.size % _BLOCK)
            place += info.size + -info.size % _BLOCK
        if len(block) < _BLOCK or block.strip(b"\0"):
            raise EOFError("no end")

    def open(self, member: Member) -> BinaryIO:
        """Return the bytes of a file as an open file; reading one after the other goes forward only."""
        return io.BufferedReader(_Slice(self.opened.file, member.offset, member.size))

    def source(self) -> Source:
        """Return the files as those of a folder, in the order of the archive."""
        entries, skipped = [], []
        for member in self.members:
            parts = PurePosixPath(member.name.removeprefix("./")).parts
            name = shown(member.name, most=200)
            if member.size > archive.MOST_BYTES:
                skipped.append(Skipped(name, f"larger than {archive.MOST_BYTES >> 20} MB"))
            elif parts and not any(part.startswith(".") for part in parts):
                entries.append(Entry(name, parts, member))

        def opener(member: Any) -> IO[bytes]:
            return self.open(member)

        return Source(entries, skipped, opener, "damaged in the archive")


class _Slice(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self._file, self._offset, self._size, self._place = file, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = 0, /) -> int:
        self._place = max(0, place + {0: 0, 1: self._place, 2: self._size}[whence])
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        wanted = min(len(buffer), max(0, self._size - self._place))
        self._file.seek(self._offset + self._place)
        content = self._file.read(wanted)
        if wanted and not content:
            raise EOFError("the archive is cut off")
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)


def _skip(file: BinaryIO, size: int) -> None:
    file.seek(size, 1)


def _name_in(content: bytes, *, is_pax: bool) -> str:
    """Return the name in an extended header; empty if it has none."""
    if not is_pax:
        return content.split(b"\0")[0].decode("utf-8", "replace")
    while content:
        length, _, rest = content.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(content):
            return ""
        if rest.startswith(b"path="):
            return content[: int(length)].partition(b"path=")[2].rstrip(b"\n").decode("utf-8", "replace")
        content = content[int(length) :]
    return ""


# WebDataset


def is_webdataset(tar: Tar) -> bool:
    """Return whether an archive has a file of a class next to a picture, with the same name."""
    return any(member.name.lower().endswith(".cls") for member in tar.members)


def read_webdataset(tars: Sequence[Tar]) -> PictureSource:
    """Return the pictures of WebDataset's shards, each with the class in the ``.cls`` file of its sample."""
    pictures: list[tuple[Tar, Member, str]] = []
    classes: dict[str, str] = {}
    for number, tar in enumerate(tars):
        with reading(tar.opened, _FORMAT):
            for member in tar.members:
                sample, ending = _sample(member.name)
                key = f"{number}/{sample}"
                if ending == "cls" and member.size <= _MOST_LABEL:
                    classes[key] = exactly(tar.open(member), member.size).decode("utf-8", "replace").strip()
                elif f".{ending}".endswith(archive.PICTURES):
                    pictures.append((tar, member, key))
    whole = together([tar.opened for tar in tars])
    require_count(len(pictures), whole)

    def contents() -> Iterator[Content]:
        for tar, member, _ in pictures:
            if member.size > archive.MOST_BYTES:
                yield f"larger than {archive.MOST_BYTES >> 20} MB"
            else:
                with reading(tar.opened, _FORMAT):
                    yield exactly(tar.open(member), member.size)

    shards = f" in {len(tars)} shards" if len(tars) > 1 else ""
    found = (
        f"WebDataset: {len(pictures):,} pictures{shards}, keys {listed(sorted({_sample(one.name)[1] for _, one, _ in pictures}))}."
    )
    return PictureSource(
        "WebDataset",
        found,
        len(pictures),
        contents,
        _labels([classes.get(key, "") for _, _, key in pictures]),
        lambda place: shown(pictures[place][1].name, most=200),
        without="some samples have no .cls file",
    )


def _sample(name: str) -> tuple[str, str]:
    """Return the name of a sample, and the key of one of its files, which is lower-cased: "a/0001" and "seg.png"."""
    folder, _, last = name.rpartition("/")
    base, _, ending = last.partition(".")
    return f"{folder}/{base}", ending.lower()


def _labels(names: list[str]) -> Labels | None:
    if not all(names):
        return None
    shown_names = [shown(name, most=80) or "unnamed" for name in names]
    classes = sorted(set(shown_names), key=natural)
    places = {name: place for place, name in enumerate(classes)}
    return Labels(tuple(classes), np.array([places[name] for name in shown_names], dtype=np.int32), "the .cls files")
