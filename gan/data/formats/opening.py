"""The list of formats, and opening a file, folder or archive as pictures: recognised by content, never by name; torch-free."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gan.data import archive, grouping
from gan.data.archive import Source
from gan.data.decoder import Refused
from gan.data.formats import cifar, csv_pictures, hdf5, idx, matlab, numpy_files, parquet, tar, unreadable
from gan.data.formats.pictures import DAMAGE, Content, Labels, Opened, PictureSource, damaged
from gan.data.formats.tar import Tar
from gan.data.grouping import AUTO, Choice
from gan.errors import InputError, explained, shown

_HEAD = 1024  # bytes in which a format is recognised
_MOST_FILES = 2000  # in a folder or archive that is searched for files of a format
_PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


@dataclass(frozen=True)
class Format:
    """A format of files: its ``name``, how its first bytes are recognised, and how one or several such files are read."""

    name: str
    is_like: Callable[[bytes, Opened], bool]
    read: Callable[[Sequence[Opened]], PictureSource]


def _begins(magic: bytes) -> Callable[[bytes, Opened], bool]:
    return lambda head, opened: head.startswith(magic)


#: Formats of files, in the order in which they are tried: those without a magic number come last.
FORMATS = (
    Format("NumPy", _begins(numpy_files.MAGIC), numpy_files.read),
    Format("Parquet", _begins(parquet.MAGIC), parquet.read),
    Format("HDF5", _begins(hdf5.MAGIC), hdf5.read),
    Format("MATLAB", _begins(matlab.MAGIC), matlab.read),
    Format("CIFAR for Python", cifar.is_pickle, cifar.read_pickles),
    Format("IDX", idx.is_like, idx.read),
    Format("CSV of pictures", csv_pictures.is_like, csv_pictures.read),
    Format("CIFAR binary", cifar.is_binary, cifar.read_binary),
)
#: Formats that consist of files: archives and folders.
CONTAINERS = ("NumPy archive", "WebDataset", "ZIP, tar or folder of any of these", "StyleGAN ZIP or folder")


@contextlib.contextmanager
def open_pictures(path: Path, choice: Choice = AUTO, name: str = "") -> Iterator[PictureSource]:
    """Open a folder, an archive or a file of any format as pictures, with the classes of a choice.

    ``name``: the file's name for sentences, if it is stored under another one. Raises InputError if it is none of them, is damaged,
    or has no class that was chosen.
    """
    with explained(f"reading {shown(str(path), most=200)}"):
        is_file = path.is_file()
    if not is_file:
        with archive.open_source(path) as source, contextlib.ExitStack() as stack:
            yield _in_files(source, path.name, choice, stack)
        return
    with explained("reading the file"):
        file = open(path, "rb")
    with file, open_file(file, name or path.name, choice, folder=path.absolute().parent) as found:
        yield found


@contextlib.contextmanager
def open_file(file: BinaryIO, name: str, choice: Choice = AUTO, folder: Path | None = None) -> Iterator[PictureSource]:
    """Open an open file as pictures; it stays open. ``name`` is shown; ``folder``: where it lies, if it is on disk.

    Raises InputError as :func:`open_pictures` does.
    """
    with explained("reading the file"):
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD)
        file.seek(0)
    opened = Opened(file, name, size, folder=folder)
    with contextlib.ExitStack() as stack:
        if head.startswith(b"PK"):
            content = stack.enter_context(archive.opened_zip(file))
            yield _in_zip(opened, content, choice, stack)
            return
        opened = _unpacked(opened, head)
        head = _head(opened)
        if tar.is_like(head, opened):
            yield _in_tars([opened], choice, stack)
            return
        format = _format_of(head, opened)
        if format is None:
            unreadable.refuse(head, opened)
            raise InputError(f"{opened.shown} is in no known format; expected a folder or ZIP of pictures, or one of {_names()}.")
        yield format.read([opened]).grouped(choice)


def _names() -> str:
    return ", ".join([*(format.name for format in FORMATS), *CONTAINERS[:2]])


def is_recognised(file: BinaryIO) -> bool:
    """Return whether an open file is in a format of pictures, packed, or in a format that is only named; it stays open."""
    file.seek(0)
    opened = Opened(file, "", file.seek(0, os.SEEK_END))
    head = opened.start().read(_HEAD)
    known = [b"PK", *_PACKED]
    try:
        return (
            any(head.startswith(magic) for magic in known)
            or tar.is_like(head, opened)
            or _format_of(head, opened) is not None
            or any(is_like(head) for is_like, _, _ in unreadable.FORMATS)
        )
    finally:
        file.seek(0)


def _head(opened: Opened) -> bytes:
    try:
        head = opened.start().read(_HEAD)
        opened.start()
    except DAMAGE as error:
        raise damaged(opened, "a packed file") from error
    return head


def _format_of(head: bytes, opened: Opened) -> Format | None:
    found = next((format for format in FORMATS if format.is_like(head, opened)), None)
    opened.start()
    return found


def _unpacked(opened: Opened, head: bytes) -> Opened:
    """Return a file packed with gzip, bzip2 or xz as one that is unpacked while it is read."""
    for magic, unpack in _PACKED.items():
        if head.startswith(magic):
            return replace(opened, file=io.BufferedReader(unpack(opened.file)), name=opened.stem, size=None)
    return opened


# Archives and folders


def _in_zip(opened: Opened, content: zipfile.ZipFile, choice: Choice, stack: contextlib.ExitStack) -> PictureSource:
    names = [info.filename for info in content.infolist()]
    unreadable.refuse_zip(names, opened)
    if names and all(name.endswith(".npy") and "/" not in name for name in names):
        return numpy_files.read_archive(opened, content).grouped(choice)
    return _in_files(archive.in_zip(content), opened.name, choice, stack)


def _in_tars(files: Sequence[Opened], choice: Choice, stack: contextlib.ExitStack) -> PictureSource:
    tars = [Tar(opened) for opened in files]
    if all(map(tar.is_webdataset, tars)):
        return tar.read_webdataset(tars).grouped(choice)
    if len(tars) > 1:
        raise InputError(f"It holds {len(tars):,} tar archives that are no WebDataset; unpack them into one folder.")
    return _in_files(tars[0].source(), files[0].name, choice, stack)


def _in_files(source: Source, name: str, choice: Choice, stack: contextlib.ExitStack) -> PictureSource:
    """Return picture files, or what the files of a format hold if there are no pictures."""
    if source.entries and not any(entry.is_picture for entry in source.entries):
        found = _of_one_format(source, name, stack)
        if found and found[0] is None:
            return _in_tars(found[1], choice, stack)
        if found and found[0] is not None:
            return found[0].read(found[1]).grouped(choice)
    return _picture_files(source, choice)


def _of_one_format(source: Source, name: str, stack: contextlib.ExitStack) -> tuple[Format | None, list[Opened]] | None:
    """Return the files of the first format found, and the format (None: tar archives); None if there are none."""
    found: dict[str, tuple[Format | None, list[Opened]]] = {}
    if len(source.entries) > _MOST_FILES:
        return None
    for entry in source.entries:
        try:
            file = stack.enter_context(source.opener(entry.key))
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            opened = Opened(file, entry.path[-1] if entry.path else entry.name, size, name)  # type: ignore[arg-type]
            opened = _unpacked(opened, _head(opened))
            head = _head(opened)
            is_tar = tar.is_like(head, opened)
            format = None if is_tar else _format_of(head, opened)
        except (*DAMAGE, Refused, InputError):
            continue
        if is_tar or format is not None:
            found.setdefault(format.name if format else "tar", (format, []))[1].append(opened)
    return max(found.values(), key=lambda one: len(one[1]), default=None)


def _picture_files(source: Source, choice: Choice) -> PictureSource:
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
