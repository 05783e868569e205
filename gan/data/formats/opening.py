"""The list of formats, and opening a file, folder or archive as pictures: recognised by content, never by name; torch-free."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gan.data import archive, grouping
from gan.data.archive import Source
from gan.data.decoder import Refused
from gan.data.formats import cifar, csv_pictures, hdf5, idx, matlab, numpy_files, packed, parquet, tar, unreadable
from gan.data.formats.pictures import DAMAGE, Content, Labels, Opened, PictureSource, damaged
from gan.data.formats.tar import Tar
from gan.data.grouping import AUTO, Choice
from gan.errors import InputError, explained, shown

_HEAD = 1024  # bytes in which a format is recognised
_MOST_FILES = 500  # in a folder or archive that is searched for files of a format


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
    Format("NumPy archive", numpy_files.is_archive, numpy_files.read_archives),
    Format("Parquet", _begins(parquet.MAGIC), parquet.read),
    Format("HDF5", _begins(hdf5.MAGIC), hdf5.read),
    Format("MATLAB", _begins(matlab.MAGIC), matlab.read),
    Format("CIFAR for Python", cifar.is_pickle, cifar.read_pickles),
    Format("IDX", idx.is_like, idx.read),
    Format("CSV of pictures", csv_pictures.is_like, csv_pictures.read),
    Format("CIFAR binary", cifar.is_binary, cifar.read_binary),
)
#: Formats that consist of files: archives and folders.
CONTAINERS = ("WebDataset", "ZIP, tar or folder of any of these", "StyleGAN ZIP or folder")


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
            yield _in_files(source, Opened(io.BytesIO(), path.name, None), choice, stack)
        return
    with explained("reading the file"):
        file = open(path, "rb")
    with file, open_file(file, name or path.name, choice, None if name else path.absolute().parent) as found:
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
            yield _in_zip(opened, choice, stack)
            return
        opened = packed.unpacked(opened, head)
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
    return ", ".join([*(format.name for format in FORMATS), *CONTAINERS[:1]])


def is_recognised(file: BinaryIO) -> bool:
    """Return whether an open file is in a format of pictures, packed, or in a format that is only named; it stays open."""
    file.seek(0)
    opened = Opened(file, "", file.seek(0, os.SEEK_END))
    head = opened.start().read(_HEAD)
    try:
        return (
            head.startswith(b"PK")
            or packed.is_packed(head)
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


# Archives and folders


def _in_zip(opened: Opened, choice: Choice, stack: contextlib.ExitStack) -> PictureSource:
    content = stack.enter_context(archive.opened_zip(opened.file))
    names = content.namelist()
    if numpy_files.are_arrays(names):
        return numpy_files.read_archives([opened]).grouped(choice)
    unreadable.refuse_zip(names, opened)
    return _in_files(archive.in_zip(content), opened, choice, stack)


def _in_tars(files: Sequence[Opened], choice: Choice, stack: contextlib.ExitStack) -> PictureSource:
    tars = [Tar(opened) for opened in files]
    if all(map(tar.is_webdataset, tars)):
        return tar.read_webdataset(tars).grouped(choice)
    if len(tars) > 1:
        raise InputError(f"It holds {len(tars):,} tar archives that are no WebDataset; unpack them into one folder.")
    return _in_files(tars[0].source(), files[0], choice, stack)


def _in_files(source: Source, container: Opened, choice: Choice, stack: contextlib.ExitStack) -> PictureSource:
    """Return picture files, or what the files of a format hold if there are no pictures."""
    if 0 < len(source.entries) <= _MOST_FILES and not any(entry.is_picture for entry in source.entries):
        format, files = _of_one_format(source, container, stack)
        if format is not None:
            return format.read(files).grouped(choice)
        if files:
            return _in_tars(files, choice, stack)
    return _picture_files(source, choice)


def _of_one_format(source: Source, container: Opened, stack: contextlib.ExitStack) -> tuple[Format | None, list[Opened]]:
    """Return the format that most files of an archive or folder have, and these files; tar archives have the format None.

    Raises InputError if there are none, but a file in a format that is only named.
    """
    found: dict[str, tuple[Format | None, list[Opened]]] = {}
    named: list[tuple[bytes, Opened]] = []
    total, most = 0, packed.limit(container.size) if container.size else archive.MOST_TOTAL
    for entry in source.entries:
        with contextlib.ExitStack() as kept, contextlib.suppress(*DAMAGE, Refused):
            file = kept.enter_context(source.opener(entry.key))
            size = file.seek(0, os.SEEK_END)
            if (total := total + size) > most:
                raise packed.refusal(container.shown, most)
            opened = Opened(file, entry.path[-1], size, container.name)  # type: ignore[arg-type]
            opened = packed.unpacked(opened, _head(opened))
            head = _head(opened)
            is_tar = tar.is_like(head, opened)
            format = None if is_tar else _format_of(head, opened)
            if is_tar or format is not None:
                found.setdefault(format.name if format else "tar", (format, []))[1].append(opened)
                stack.push(kept.pop_all())
            else:
                named.append((head, replace(opened, file=io.BytesIO())))
    if not found:
        for head, opened in named:
            unreadable.refuse(head, opened, with_pictures=False)
    return max(found.values(), key=lambda one: len(one[1]), default=(None, []))


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
