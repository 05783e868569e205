"""LSUN's bedrooms, which users bring themselves: found, counted and read from a database or a folder."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import threading
import weakref
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from gan.errors import InputError, explained, shown
from gan.places import data_root

_LMDB = "bedroom_train_lmdb"
_PICTURES = (".jpg", ".jpeg", ".webp")
_opened: weakref.WeakValueDictionary[Path, Any] = (
    weakref.WeakValueDictionary()
)  # LMDB must not open a database twice in one process
_opening = threading.Lock()


def place() -> Path:
    """Return the folder in which LSUN bedrooms are expected."""
    return data_root() / "lsun-bedroom"


def stamp() -> str:
    """Return a stamp that changes when the database changes, or when pictures are added to or removed from any folder.

    A picture overwritten in place goes unnoticed, since checking millions would take too long. Raises OSError if the folder
    is missing.
    """
    database = place() / _LMDB / "data.mdb"
    found = [database.stat()] if database.exists() else [folder.stat() for folder in _folders(place())]
    digest = hashlib.sha256(repr([(one.st_mtime_ns, one.st_ino, one.st_size) for one in found]).encode())
    return digest.hexdigest()[:16]


def _folders(folder: Path) -> Iterator[Path]:
    """Yield a folder and all its subfolders; only changed folders are read again."""
    yield folder
    for inner in _inner(folder, folder.stat().st_mtime_ns):
        yield from _folders(inner)


@lru_cache(maxsize=1024)
def _inner(folder: Path, changed: int) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def count() -> int:
    """Return the number of LSUN bedrooms. Raises InputError, with where to get them, if there are none."""
    if (place() / _LMDB).exists():
        with _database() as database:
            found = int(database.stat()["entries"])
    else:
        with explained("looking for the LSUN bedrooms"):
            found = sum(1 for _ in _files())
    if not found:
        raise _none_there()
    return found


def pictures() -> Iterator[bytes]:
    """Return the encoded LSUN bedrooms (JPEG or WebP), always in the same order.

    Raises InputError immediately if there are none, or during iteration if one cannot be read.
    """
    pictures = _values() if (place() / _LMDB).exists() else _contents()
    first = next(pictures, None)
    if first is None:
        raise _none_there()
    return itertools.chain([first], pictures)


def _none_there() -> InputError:
    return InputError(
        f"There are no LSUN bedrooms in {place()}; fetch the category “bedroom” (43 GB) with the download script of the "
        f"LSUN project (github.com/fyu/lsun) and put the unzipped folder {_LMDB} there, or put JPEG or WebP images there."
    )


def _values() -> Iterator[bytes]:
    with _database() as database, database.begin(write=False) as transaction, transaction.cursor() as cursor:
        for value in cursor.iternext(keys=False, values=True):  # in key order
            yield bytes(value)


def _contents() -> Iterator[bytes]:
    for path in _files():
        with explained("reading the LSUN bedrooms"):
            content = path.read_bytes()
        yield content


def _files() -> Iterator[Path]:
    """Yield the paths of all pictures, folder by folder in name order; there may be three million."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for folder, inner, names in os.walk(place(), onerror=refuse):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(_PICTURES) and not name.startswith("."):
                yield Path(folder, name)


@contextlib.contextmanager
def _database() -> Iterator[Any]:
    """Open the LSUN database.

    torchvision's reader is avoided because it loads a pickle from the working directory.
    """
    path = place() / _LMDB
    try:
        import lmdb  # type: ignore
    except ImportError:
        raise InputError(
            f"Reading {path} needs the package “lmdb”, which is not installed; run “pip install lmdb”, then try again."
        ) from None
    try:
        with _opening:
            if (database := _opened.get(path)) is None:
                database = lmdb.open(str(path), max_readers=1, readonly=True, lock=False, readahead=False, create=False)
                _require_all_pages(database, path)
                _opened[path] = database
        yield database
    except lmdb.Error as error:
        reason = shown(str(error).removeprefix(f"{path}: "))
        raise InputError(f"The LSUN database in {path} cannot be read ({reason}); copy it there again.") from None


def _require_all_pages(database: Any, path: Path) -> None:
    """Raise InputError if the file is truncated: reading past its end would kill the process with a bus error."""
    needed = (database.info()["last_pgno"] + 1) * database.stat()["psize"]
    with explained("reading the LSUN bedrooms"):
        size = (path / "data.mdb").stat().st_size
    if size < needed:
        raise InputError(f"The LSUN database in {path} is cut off ({size:,} of {needed:,} bytes); copy it there again.")
