"""What there is to read in a folder or a ZIP that nobody vouches for: names are shown, never used as paths; torch-free."""

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

from gan.data.decoder import Refused
from gan.errors import InputError, explained, shown

MOST_ENTRIES = 500_000
MOST_BYTES = 64 << 20  # of one picture
MOST_TOTAL = 64 << 30  # of all of them
_MOST_TABLE = 128 << 20  # bytes of a ZIP's table of contents
_PART = 1 << 20  # bytes that are read in one go

_NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
_PICTURES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp")  # what tells pictures from the files beside them
_JUNK = {"thumbs.db", ".ds_store", "desktop.ini"}
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, ValueError, struct.error, OverflowError,
    NotImplementedError, RuntimeError, KeyError, IndexError, MemoryError, UnicodeError, TypeError, AttributeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to read: its ``name`` as people see it, and its ``group``, the folder that may be its class ("" for none)."""

    name: str
    group: str
    key: Any = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is left out, and why."""

    name: str
    reason: str


@dataclass
class Source:
    """The files of a folder or a ZIP; ``read`` returns the bytes of one and raises Refused where that cannot be."""

    entries: list[Entry]
    skipped: list[Skipped]
    opener: Callable[[Any], IO[bytes]]
    trouble: str  # the reason where a file cannot be read
    total: int = field(default=0)  # bytes read so far, those of refused files included

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of one file, MOST_BYTES at most. Raises InputError once more than MOST_TOTAL were read in all."""
        parts, size = [], 0
        try:
            with self.opener(entry.key) as file:
                while part := file.read(_PART):
                    parts.append(part)
                    size += len(part)
                    self.total += len(part)
                    if self.total > MOST_TOTAL:
                        raise InputError(
                            f"There is more than {MOST_TOTAL >> 30} GB in it, which no archive of pictures needs; "
                            "import a part of it."
                        )
                    if size > MOST_BYTES:
                        raise Refused(f"larger than {MOST_BYTES >> 20} MB")
        except (*_DAMAGE, OSError) as error:
            raise Refused(self.trouble) from error
        return b"".join(parts)


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a folder or a ZIP. Raises InputError when it is neither, or damaged as a whole."""
    with explained(f"reading {shown(str(path), most=200)}"):
        is_folder, is_file = path.is_dir(), path.is_file()
    if is_folder:
        yield _folder(path)
    elif is_file:
        with contextlib.ExitStack() as stack:
            with explained("reading the ZIP"):
                file = stack.enter_context(_Table(open(path, "rb", buffering=0)))
                try:
                    archive = stack.enter_context(zipfile.ZipFile(file))
                except _DAMAGE as error:
                    raise _no_zip() from error
                file.is_being_read = False
            yield _zip(archive)
    else:
        raise InputError(f"There is nothing to read at {shown(str(path), most=200)}; expected a folder, a ZIP or a CSV file.")


def _no_zip() -> InputError:
    return InputError("The file is no ZIP, or a damaged one; expected a folder or a ZIP of PNG, JPEG or WebP pictures.")


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
                    skipped.append(Skipped(_printable(name), "is no ordinary file"))
                if len(found) > MOST_ENTRIES:
                    raise _too_many()
    return Source(_grouped(found), skipped, _open_file, "cannot be read")


def _is_junction(one: os.DirEntry[str]) -> bool:
    """Return whether a folder of Windows leads elsewhere; ``is_symlink`` does not say so."""
    tag = getattr(one.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return bool(tag) and tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)


def _open_file(path: Path) -> IO[bytes]:
    """Open an ordinary file; what has become a link or a pipe since it was found is refused, and nothing is waited for."""
    flags = sum(getattr(os, flag, 0) for flag in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))  # not all on Windows
    descriptor = os.open(path, os.O_RDONLY | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused("is no ordinary file")
    return open(descriptor, "rb")


# ZIPs


class _Table(io.BufferedReader):
    """A ZIP that lets no more than MOST_ENTRIES entries of its table of contents into memory as objects.

    The bytes that ``zipfile`` is about to parse are counted themselves: what the records at the end say may be forged.
    """

    is_being_read = True

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.is_being_read:
            return super().read(size)
        if size is not None and size > os.fstat(self.fileno()).st_size:
            raise zipfile.BadZipFile("a table longer than the file")
        if size is not None and size > _MOST_TABLE:
            raise InputError(f"Its table of contents is longer than {_MOST_TABLE >> 20} MB; import a part of it.")
        content = super().read(size)
        if content.count(b"PK\1\2") > MOST_ENTRIES:
            raise _too_many()
        return content


def _too_many() -> InputError:
    return InputError(f"There are more than {MOST_ENTRIES:,} files in it; import a part of it.")


def _zip(archive: zipfile.ZipFile) -> Source:
    infos = archive.infolist()
    found: list[tuple[str, zipfile.ZipInfo]] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for info in infos:
        if info.filename.endswith("/") or _is_junk(info.filename):  # is_dir() fails where there is no name
            continue
        reason = _unsafe(info)
        folded = unicodedata.normalize("NFC", info.filename).casefold()
        if not reason and folded in seen:
            reason = "has the name of an earlier one"
        seen.add(folded)
        if reason:
            skipped.append(Skipped(_printable(info.filename), reason))
        else:
            found.append((info.filename, info))
    overlapping = _overlapping([info for _, info in found])
    skipped += [Skipped(_printable(info.filename), "shares its bytes with another one") for info in overlapping]
    left_out = {id(info) for info in overlapping}
    found = [(name, info) for name, info in found if id(info) not in left_out]
    return Source(_grouped(found), skipped, archive.open, "damaged in the archive")


def _unsafe(info: zipfile.ZipInfo) -> str:
    """Return why an entry is left out, or an empty text."""
    if not info.filename:
        return "has no name"
    for name in {info.orig_filename, info.filename}:  # as it stands there, and as Python reads it
        if "\\" in name or "\0" in name:
            return "has a name that is no path inside the archive"
        if name.startswith("/") or re.match(r"^[A-Za-z]:", name):
            return "has an absolute path"
        if ".." in PurePosixPath(name).parts:
            return "leads out of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.flag_bits & 0x1 or info.flag_bits & 0x40:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that is not read here"
    if info.filename.lower().endswith(_NESTED):
        return "is an archive itself"
    if info.file_size > MOST_BYTES:
        return f"larger than {MOST_BYTES >> 20} MB"
    return ""


def _overlapping(infos: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return entries whose bytes begin before those of the one in front of them end: a trick of ZIP bombs (D. Fifield 2019)."""
    found, end = [], -1
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            found.append(info)
        else:
            end = info.header_offset + 30 + info.compress_size
    return found


# Names


def _grouped(found: list[tuple[str, Any]]) -> list[Entry]:
    """Return the entries with the first folder, below a single one around all pictures, as their group."""
    found = sorted(found, key=lambda pair: pair[0])  # a folder and its ZIP are the same
    parts = [PurePosixPath(name).parts for name, _ in found]
    pictures = [part for part in parts if part and part[-1].lower().endswith(_PICTURES)] or parts  # not the README beside them
    depth = 0
    while pictures and all(len(part) > depth + 1 for part in pictures) and len({part[depth] for part in pictures}) == 1:
        depth += 1
    return [
        Entry(_printable(name), shown(part[depth], most=80) if len(part) > depth + 1 else "", key)
        for (name, key), part in zip(found, parts, strict=True)
    ]


def _is_junk(name: str) -> bool:
    """Return whether a file is what systems leave behind: hidden ones, and those of macOS and Windows."""
    parts = PurePosixPath(name).parts
    return any(part == "__MACOSX" or (part.startswith(".") and not part.startswith("..")) for part in parts) or (
        bool(parts) and parts[-1].lower() in _JUNK
    )


def _printable(name: str) -> str:
    return shown(name, most=200)
