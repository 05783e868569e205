"""Reading the files of an untrusted folder or ZIP: names are displayed, never used as paths; torch-free."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from gan.data.decoder import IN_WORDS, Refused
from gan.errors import InputError, explained, shown

MOST_ENTRIES = 500_000
MOST_BYTES = 64 << 20  # per picture
MOST_TOTAL = 64 << 30  # of all files together
_MOST_TABLE = 128 << 20  # bytes of a ZIP's table of contents
_PART = 1 << 20  # bytes per read

_NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
#: Single packed files that a format of pictures may have; they are unpacked while they are read.
_PACKED = ("-ubyte.gz", ".npy.gz", ".csv.gz")
#: Endings of pictures.
PICTURES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"),
    *(".tif", ".tiff", ".bmp", ".dib", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"),
)
_JUNK = {"thumbs.db", ".ds_store", "desktop.ini"}
_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    ValueError,
    struct.error,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    KeyError,
    IndexError,
    MemoryError,
    UnicodeError,
    TypeError,
    AttributeError,
)


def has_ending_of_picture(name: str) -> bool:
    return name.lower().endswith(PICTURES)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to read: its ``name`` for display, its ``path`` inside the source in parts, and its class, ``group`` ("" if none)."""

    name: str
    path: tuple[str, ...]
    key: Any = None
    group: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether the file has the name of a picture. Any file is tried, but other names say nothing about folders."""
        return bool(self.path) and has_ending_of_picture(self.path[-1])


@dataclass(frozen=True, slots=True)
class Skipped:
    """A skipped file and the reason."""

    name: str
    reason: str


@dataclass
class Source:
    """The files of a folder or a ZIP; ``read`` returns the bytes of one file, or raises Refused if it cannot be read."""

    entries: list[Entry]
    skipped: list[Skipped]
    opener: Callable[[Any], IO[bytes]]
    trouble: str  # the reason given if a file cannot be read
    total: int = field(default=0)  # bytes read so far, including refused files

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of one file, at most MOST_BYTES.

        Raises Refused if it is larger or unreadable, InputError if all reads together exceed MOST_TOTAL.
        """
        parts, size = [], 0
        try:
            with self.opener(entry.key) as file:
                while part := file.read(_PART):
                    parts.append(part)
                    size += len(part)
                    self.total += len(part)
                    if self.total > MOST_TOTAL:
                        raise too_large()
                    if size > MOST_BYTES:
                        raise Refused(f"larger than {MOST_BYTES >> 20} MB")
        except (*_DAMAGE, OSError) as error:
            raise Refused(self.trouble) from error
        return b"".join(parts)

    def content(self, entry: Entry) -> bytes | str:
        """Return the bytes of one file as :meth:`read` does, or the reason why it cannot be read."""
        try:
            return self.read(entry)
        except Refused as reason:
            return str(reason)


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a folder or a ZIP. Raises InputError if it is neither, or if the ZIP as a whole is damaged."""
    with explained(f"reading {shown(str(path), most=200)}"):
        is_folder, is_file = path.is_dir(), path.is_file()
    if is_folder:
        yield _folder(path)
    elif is_file:
        with explained("reading the ZIP"):
            file = open(path, "rb", buffering=0)
        with file, open_zip(file) as source:
            yield source
    else:
        raise InputError(f"There is nothing to read at {shown(str(path), most=200)}; expected a folder or a file.")


@contextlib.contextmanager
def open_zip(file: io.RawIOBase | io.BytesIO) -> Iterator[Source]:
    """Open a ZIP that is an open file; it stays open. Raises InputError if it is damaged as a whole."""
    with opened_zip(file) as archive:
        yield in_zip(archive)


@contextlib.contextmanager
def opened_zip(file: Any, most: int | None = None) -> Iterator[zipfile.ZipFile]:
    """Open an open file as a ZIP with at most ``most`` entries, by default MOST_ENTRIES; the file stays open.

    Raises InputError if it is damaged or has more.
    """
    table = _Table(file, most or MOST_ENTRIES)
    with contextlib.ExitStack() as stack:
        stack.callback(table.detach)
        with explained("reading the ZIP"):
            try:
                archive = stack.enter_context(zipfile.ZipFile(table))
            except _DAMAGE as error:
                raise _no_zip() from error
            table.is_being_read = False
        yield archive


def _no_zip() -> InputError:
    return InputError(f"The file is not a ZIP, or is damaged; expected a folder or a ZIP of {IN_WORDS} pictures.")


# Folders


def _folder(path: Path) -> Source:
    found: list[tuple[str, Path]] = []
    skipped: list[Skipped] = []
    waiting = [path]
    with explained(f"reading {shown(str(path), most=200)}"):
        while waiting:
            here = waiting.pop()
            try:
                content = sorted(os.scandir(here), key=lambda one: one.name)
            except OSError:
                if here == path:
                    raise
                skipped.append(Skipped(_printable(here.relative_to(path).as_posix()), "cannot be read"))
                continue
            for one in content:
                inner = Path(one.path)
                name = inner.relative_to(path).as_posix()
                if _is_junk(name):
                    continue
                if one.is_symlink() or _is_junction(one):
                    skipped.append(Skipped(_printable(name), "is a link"))
                elif one.is_dir(follow_symlinks=False):
                    waiting.append(inner)
                elif one.is_file(follow_symlinks=False):
                    found.append((name, inner))
                else:
                    skipped.append(Skipped(_printable(name), "is not a regular file"))
                if len(found) > MOST_ENTRIES:
                    raise too_many()
    return Source(_entries(found), skipped, _open_file, "cannot be read")


def _is_junction(one: os.DirEntry[str]) -> bool:
    """Return whether a folder is a Windows junction, which ``is_symlink`` does not report."""
    tag = getattr(one.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return bool(tag) and tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)


def _open_file(path: Path) -> IO[bytes]:
    """Open a regular file without blocking. Raises Refused if it has become a link or a pipe since it was listed."""
    flags = sum(getattr(os, flag, 0) for flag in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))  # Windows lacks some
    descriptor = os.open(path, os.O_RDONLY | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused("is not a regular file")
    return open(descriptor, "rb")


# ZIPs


class _Table(io.BufferedReader):
    """A ZIP file that refuses a table of contents with more than ``most`` entries before it is parsed.

    The entries are counted in the bytes that ``zipfile`` is about to parse, because the counts in the end records may be forged.
    """

    is_being_read = True

    def __init__(self, raw: io.RawIOBase, most: int) -> None:
        super().__init__(raw)
        self._most = most
        self._size = self.seek(0, os.SEEK_END)
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.is_being_read:
            return super().read(size)
        if size is not None and size > self._size:
            raise zipfile.BadZipFile("a table longer than the file")
        if size is not None and size > _MOST_TABLE:
            raise InputError(f"Its table of contents is longer than {_MOST_TABLE >> 20} MB; import a part of it.")
        content = super().read(size)
        if content.count(b"PK\1\2") > self._most:
            raise too_many(self._most)
        return content


def too_large() -> InputError:
    return InputError(f"It holds more than {MOST_TOTAL >> 30} GB, the limit for one import; import a part of it.")


def too_many(most: int | None = None) -> InputError:
    return InputError(f"It holds more than {most or MOST_ENTRIES:,} files; import a part of it.")


def in_zip(archive: zipfile.ZipFile) -> Source:
    """Return the files of an open ZIP, those to skip set apart."""
    infos = archive.infolist()
    found: list[tuple[str, zipfile.ZipInfo]] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for info in infos:
        name = _with_slashes(info.filename)
        if name.endswith("/") or _is_junk(name):  # is_dir() fails on an empty name
            continue
        reason = _unsafe(info)
        folded = unicodedata.normalize("NFC", name).casefold()
        if not reason and folded in seen:
            reason = "has the same name as an earlier file"
        seen.add(folded)
        if reason:
            skipped.append(Skipped(_printable(name), reason))
        else:
            found.append((name, info))
    overlapping = _overlapping([info for _, info in found])
    skipped += [Skipped(_printable(_with_slashes(info.filename)), "shares its bytes with another file") for info in overlapping]
    left_out = {id(info) for info in overlapping}
    found = [(name, info) for name, info in found if id(info) not in left_out]
    return Source(_entries(found), skipped, archive.open, "damaged in the archive")


def _with_slashes(name: str) -> str:
    """Return a name with the separators of the ZIP format: Windows PowerShell 5 writes backslashes."""
    return name.replace("\\", "/")


def _unsafe(info: zipfile.ZipInfo) -> str:
    """Return the reason to skip an entry, or an empty string."""
    if not info.filename:
        return "has no name"
    for name in {_with_slashes(info.orig_filename), _with_slashes(info.filename)}:  # as stored, and as Python normalises it
        if "\0" in name:
            return "has a name that is not a valid path in the archive"
        if name.startswith("/") or re.match(r"^[A-Za-z]:", name):
            return "has an absolute path"
        if ".." in PurePosixPath(name).parts:
            return "points outside the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.flag_bits & 0x1 or info.flag_bits & 0x40:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed with an unsupported method"
    if info.filename.lower().endswith(_NESTED) and not info.filename.lower().endswith(_PACKED):
        return "is an archive itself"
    if info.file_size > MOST_BYTES and has_ending_of_picture(info.filename):  # others may be of a format with many pictures
        return f"larger than {MOST_BYTES >> 20} MB"
    return ""


def _overlapping(infos: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return entries that overlap the entry before them, a trick of ZIP bombs (D. Fifield 2019)."""
    found, end = [], -1
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            found.append(info)
        else:
            end = info.header_offset + 30 + info.compress_size
    return found


# Names


def _entries(found: list[tuple[str, Any]]) -> list[Entry]:
    """Return the entries in the same order for a folder and its ZIP."""
    return [Entry(_printable(name), PurePosixPath(name).parts, key) for name, key in sorted(found, key=lambda pair: pair[0])]


def _is_junk(name: str) -> bool:
    """Return whether a file is hidden, or metadata left by macOS or Windows."""
    parts = PurePosixPath(name).parts
    return any(part == "__MACOSX" or (part.startswith(".") and not part.startswith("..")) for part in parts) or (
        bool(parts) and parts[-1].lower() in _JUNK
    )


def _printable(name: str) -> str:
    return shown(name, most=200)
