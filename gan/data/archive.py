"""What there is to read in a folder or a ZIP that nobody vouches for: names are shown, never used as paths; torch-free."""

from __future__ import annotations

import contextlib
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
from typing import Any

from gan.data.decoder import Refused
from gan.errors import InputError, explained, shown

MOST_ENTRIES = 500_000
MOST_BYTES = 64 << 20  # of one picture
MOST_TOTAL = 64 << 30  # of all of them
_MOST_DIRECTORY = 512 << 20  # bytes of a ZIP's table of contents
_PART = 1 << 20  # bytes that are looked at in one go

_NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
_JUNK = {"thumbs.db", ".ds_store", "desktop.ini"}
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, ValueError, struct.error, OverflowError,
    NotImplementedError, RuntimeError, KeyError, IndexError, MemoryError, UnicodeError, TypeError, AttributeError,
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file to read: its ``name`` as people see it, and its ``group``, the folder that may be its class ("" for none)."""

    name: str
    group: str
    key: Any = None


@dataclass(frozen=True)
class Skipped:
    """A file that is left out, and why."""

    name: str
    reason: str


@dataclass
class Source:
    """The files of a folder or a ZIP; ``read`` returns the bytes of one and raises Refused where that cannot be."""

    entries: list[Entry]
    skipped: list[Skipped]
    reader: Callable[[Any], bytes]
    total: int = field(default=0)

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of one file, MOST_BYTES at most. Raises InputError once more than MOST_TOTAL were read in all."""
        content = self.reader(entry.key)
        self.total += len(content)
        if self.total > MOST_TOTAL:
            raise InputError(
                f"There is more than {MOST_TOTAL >> 30} GB in it, which no archive of pictures needs; import a part of it."
            )
        return content


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
                _check_directory(path)
                try:
                    archive = stack.enter_context(zipfile.ZipFile(path))
                except _DAMAGE as error:
                    raise _no_zip() from error
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
            for one in sorted(os.scandir(here), key=lambda one: one.name):
                inner = Path(one.path)
                name = inner.relative_to(path).as_posix()
                if _is_junk(name):
                    continue
                if one.is_symlink():
                    skipped.append(Skipped(_printable(name), "is a link"))
                elif one.is_dir(follow_symlinks=False):
                    waiting.append(inner)
                elif one.is_file(follow_symlinks=False):
                    found.append((name, inner))
                else:
                    skipped.append(Skipped(_printable(name), "is no ordinary file"))
                if len(found) > MOST_ENTRIES:
                    raise _too_many()
    return Source(_grouped(found), skipped, _read_file)


def _read_file(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refused("cannot be read") from error
    if len(content) > MOST_BYTES:
        raise Refused(f"larger than {MOST_BYTES >> 20} MB")
    return content


# ZIPs


def _check_directory(path: Path) -> None:
    """Refuse a ZIP with too many entries by the record at its end, before its table of contents is read into memory."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - 65_536 - 22))
        tail = file.read()
        place = tail.rfind(b"PK\5\6")
        if place < 0 or len(tail) < place + 22:
            raise _no_zip()
        marks = 0
        entries, length = struct.unpack_from("<H I", tail, place + 10)
        locator = tail.rfind(b"PK\6\7", 0, place)
        if locator >= 0 and len(tail) >= locator + 20:
            (start,) = struct.unpack_from("<Q", tail, locator + 8)
            if start < size:
                file.seek(start)
                record = file.read(56)
                if record[:4] == b"PK\6\6" and len(record) == 56:
                    entries, length = (
                        max(entries, *struct.unpack_from("<Q", record, 32)),
                        max(length, *struct.unpack_from("<Q", record, 40)),
                    )
        # The count may be forged: count the marks in the table itself, which is read into memory only then.
        end = size - len(tail) + place
        file.seek(max(0, end - length))
        left = min(length, end)
        while entries <= MOST_ENTRIES and left > 0 and (part := file.read(min(left, _PART))):
            left -= len(part)
            marks += part.count(b"PK\1\2")
            entries = max(entries, marks)
        if entries > MOST_ENTRIES or length > _MOST_DIRECTORY:
            raise _too_many()


def _too_many() -> InputError:
    return InputError(f"There are more than {MOST_ENTRIES:,} files in it; import a part of it.")


def _zip(archive: zipfile.ZipFile) -> Source:
    infos = archive.infolist()
    if len(infos) > MOST_ENTRIES:
        raise _too_many()
    found: list[tuple[str, zipfile.ZipInfo]] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for info in infos:
        if info.is_dir() or _is_junk(info.filename):
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
    for info in _overlapping([info for _, info in found]):
        found = [pair for pair in found if pair[1] is not info]
        skipped.append(Skipped(_printable(info.filename), "shares its bytes with another one"))
    return Source(_grouped(found), skipped, lambda info: _read_entry(archive, info))


def _unsafe(info: zipfile.ZipInfo) -> str:
    """Return why an entry is left out, or an empty text."""
    original = getattr(info, "orig_filename", info.filename)
    name = original if isinstance(original, str) else info.filename
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
    if name.lower().endswith(_NESTED):
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


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:
            content = file.read(MOST_BYTES + 1)
    except (*_DAMAGE, OSError) as error:
        raise Refused("damaged in the archive") from error
    if len(content) > MOST_BYTES:
        raise Refused(f"larger than {MOST_BYTES >> 20} MB")
    return content


# Names


def _grouped(found: list[tuple[str, Any]]) -> list[Entry]:
    """Return the entries with the first folder, below a single one around everything, as their group."""
    found = sorted(found, key=lambda pair: pair[0])  # a folder and its ZIP are the same
    parts = [PurePosixPath(name).parts for name, _ in found]
    depth = 0
    while parts and all(len(part) > depth + 1 for part in parts) and len({part[depth] for part in parts}) == 1:
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
