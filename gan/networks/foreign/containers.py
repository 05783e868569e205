"""ZIP and HDF5 files of other programs, read as plain data: no code, no links to other files, and no more memory than allowed."""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gan.errors import InputError, shown
from gan.networks.foreign.generator import MOST_VALUES

Array = np.ndarray[Any, Any]

ZIP, HDF5 = b"PK\3\4", b"\x89HDF\r\n\x1a\n"  # how such files begin
MOST_BYTES = 4 * MOST_VALUES + (1 << 24)
MOST_MEMBERS = 10_000  # of a ZIP
_MOST_JSON = 1 << 24  # bytes
_MOST_DATASETS, _DEEPEST = 2000, 12


def opened(content: bytes, name: str) -> zipfile.ZipFile:
    """Return an open ZIP. Raises InputError if it is damaged, or claims too many or too large members."""
    if (count := content.count(b"PK\1\2")) > MOST_MEMBERS:  # before they are parsed
        raise InputError(f"“{shown(name)}” has {count:,} members, more than any generator; choose the file of one generator.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise InputError(f"“{shown(name)}” is a damaged ZIP; copy it again.") from None
    count, total = len(archive.infolist()), sum(member.file_size for member in archive.infolist())
    if total > MOST_BYTES:
        raise InputError(
            f"“{shown(name)}” has {count:,} members of {total / 1e9:.1f} GB, more than any generator; "
            "choose the file of one generator."
        )
    return archive


def member(archive: zipfile.ZipFile, inner: str, name: str) -> bytes:
    """Return the content of a member. Raises InputError if it is missing or damaged."""
    try:
        with archive.open(inner) as file:
            return file.read(MOST_BYTES)
    except KeyError:
        raise InputError(f"“{shown(name)}” lacks {shown(inner)}; export the generator again.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError):
        raise InputError(f"“{shown(name)}” is damaged at {shown(inner)}; copy it again.") from None


def parsed(content: bytes, inner: str, name: str) -> dict[str, Any]:
    """Return a JSON object. Raises InputError if it is none."""
    try:
        found = json.loads(content) if len(content) <= _MOST_JSON else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"“{shown(name)}” is damaged: {inner} is not a JSON object; export the generator again.")
    return found


def has_layers(path: Path) -> bool:
    """Return whether an HDF5 file has a group of layers, as the weights of Keras have."""
    with h5py.File(path, "r") as file:
        return isinstance(file.get("layers", getlink=True), h5py.HardLink) and isinstance(file["layers"], h5py.Group)


def arrays(content: bytes, name: str) -> dict[str, Array]:
    """Return the arrays of an HDF5 file by path, as float32.

    Raises InputError if it is damaged, or holds links to other files, values that are no floats, or more than a generator.
    """
    found: dict[str, Array] = {}

    def walk(group: h5py.Group, path: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise InputError(f"“{shown(name)}” has groups more than {_DEEPEST} deep, as no weights have; export them again.")
        for key in group:
            place = f"{path}{key}"
            if type(group.get(key, getlink=True)) is not h5py.HardLink:
                raise InputError(
                    f"“{shown(name)}” has a link to another place at {shown(place)}, which is not followed; remove it."
                )
            inner = group[key]
            if isinstance(inner, h5py.Group):
                walk(inner, f"{place}/", depth + 1)
            elif isinstance(inner, h5py.Dataset):
                found[place] = _values(inner, place, name)
                if len(found) > _MOST_DATASETS or sum(value.size for value in found.values()) > MOST_VALUES:
                    raise InputError(f"“{shown(name)}” holds more values than any generator; choose the file of one generator.")

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            walk(file, "", 0)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, OverflowError, MemoryError, UnicodeError, zlib.error):
        raise InputError(f"“{shown(name)}” is a damaged HDF5 file; copy it again, or export the weights again.") from None
    return found


def _values(dataset: h5py.Dataset, place: str, name: str) -> Array:
    if dataset.is_virtual or dataset.external:
        raise InputError(
            f"“{shown(name)}” keeps {shown(place)} in another file, which is not read; export the weights in one file."
        )
    shape, kind = dataset.shape, dataset.dtype
    sizes = [math.prod(lengths) for lengths in (shape, dataset.chunks) if lengths is not None]  # pieces are unpacked as a whole
    is_held = dataset.compression is not None or dataset.id.get_storage_size() >= sizes[0] * kind.itemsize if sizes else False
    if not is_held or shape is None or len(shape) > 4 or kind.kind not in "fiu" or max(sizes) > MOST_VALUES:
        raise InputError(
            f"“{shown(name)}” has {kind} of shape {shape} at {shown(place)}, expected numbers of a generator's weights; "
            "export them with save_weights."
        )
    return np.asarray(dataset[()], dtype=np.float32)


def in_words(shapes: Mapping[str, tuple[int, ...]], most: int = 4) -> str:
    """Return the names and shapes of the first tensors of a file, for a sentence."""
    listed = [f"{shown(key, 40)} ({' × '.join(map(str, shape)) or 'one value'})" for key, shape in list(shapes.items())[:most]]
    return ", ".join(listed) + (f" and {len(shapes) - most} more" if len(shapes) > most else "") if listed else "no weights"
