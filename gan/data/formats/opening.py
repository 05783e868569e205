"""The list of formats, and opening a file or folder as pictures, recognised by content; torch-free."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gan.data import archive, grouping
from gan.data.archive import Source
from gan.data.formats import numpy_files
from gan.data.formats.pictures import DAMAGE, Content, Labels, Opened, PictureSource, damaged
from gan.data.grouping import AUTO, Choice
from gan.errors import InputError, explained

_HEAD = 1024  # bytes in which a format is recognised
_PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


@dataclass(frozen=True)
class Format:
    """A format of single files: its ``name``, how its first bytes are recognised, and how it is read."""

    name: str
    is_like: Callable[[bytes, Opened], bool]
    read: Callable[[Opened], PictureSource]


#: Formats of single files, in the order in which they are tried.
FORMATS = (Format("NumPy", lambda head, opened: head.startswith(numpy_files.MAGIC), numpy_files.read_array),)


@contextlib.contextmanager
def open_pictures(path: Path, choice: Choice = AUTO) -> Iterator[PictureSource]:
    """Open a folder, a ZIP or a file of any format as pictures. Raises InputError if it is none of them, or is damaged."""
    if path.is_file():
        with explained(f"reading {path.name}"), open(path, "rb") as file, open_file(file, path.name, choice) as found:
            yield found
    else:
        with archive.open_source(path) as source:
            yield _in_files(source, choice)


@contextlib.contextmanager
def open_file(file: BinaryIO, name: str, choice: Choice = AUTO) -> Iterator[PictureSource]:
    """Open an open file as pictures; it stays open. ``name`` is shown. Raises InputError as :func:`open_pictures` does."""
    with explained(f"reading {name}"):
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD)
        file.seek(0)
    if head.startswith(b"PK"):
        with archive.opened_zip(file) as content:
            yield _in_zip(Opened(file, name, size), content, choice)
        return
    yield read_one(_unpacked(Opened(file, name, size), head)).grouped(choice)


def read_one(opened: Opened) -> PictureSource:
    """Return the pictures of a file in one of FORMATS. Raises InputError if it is in none of them."""
    try:
        head = opened.file.read(_HEAD)
        opened.file.seek(0)
    except DAMAGE as error:
        raise damaged(opened, "a packed file") from error
    for format in FORMATS:
        if format.is_like(head, opened):
            return format.read(opened)
    raise InputError(
        f"{opened.shown} is in no known format; expected a folder or a ZIP of pictures, or one of "
        f"{', '.join(format.name for format in FORMATS)}."
    )


def _unpacked(opened: Opened, head: bytes) -> Opened:
    """Return a file packed with gzip, bzip2 or xz as one that is unpacked while it is read."""
    for magic, unpack in _PACKED.items():
        if head.startswith(magic):
            name = opened.name.rsplit(".", 1)[0] if "." in opened.name else opened.name
            return Opened(io.BufferedReader(unpack(opened.file)), name, None)
    return opened


# Folders and ZIPs of picture files


def _in_zip(opened: Opened, content: zipfile.ZipFile, choice: Choice) -> PictureSource:
    names = [info.filename for info in content.infolist()]
    if names and all(name.endswith(".npy") for name in names):
        return numpy_files.read_archive(opened, content).grouped(choice)
    return _in_files(archive.in_zip(content), choice)


def _in_files(source: Source, choice: Choice) -> PictureSource:
    """Return picture files with the classes that their folders, or StyleGAN's ``dataset.json``, stand for."""
    grouped = grouping.group(source, choice)
    entries = grouped.entries

    def read() -> Iterator[Content]:
        for entry in entries:
            yield source.content(entry)

    classes = sorted({entry.group for entry in entries if entry.group}, key=grouping.natural)
    codes = {name: code for code, name in enumerate(classes)}
    groups = np.array([codes.get(entry.group, -1) for entry in entries], dtype=np.int32)
    return PictureSource(
        "picture files",
        "",
        sum(entry.is_picture for entry in entries),
        read,
        Labels(tuple(classes), groups, "") if classes else None,
        lambda place: entries[place].name,
        [*source.skipped, *grouped.left_out],
        classes=grouped.sentence,
        folders=grouped.folders,
        files=len(entries),
    )
