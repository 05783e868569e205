"""HDF5 files with arrays of pictures, such as USPS: hard links and plain arrays in the file itself only; torch-free."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from gan import words
from gan.data import archive
from gan.data.formats import arrays, numpy_files
from gan.data.formats.arrays import Stored
from gan.data.formats.pictures import Opened, PictureSource, reading, together
from gan.errors import InputError, shown

MAGIC = b"\x89HDF\r\n\x1a\n"
_FORMAT = "an HDF5 file"
_DEEPEST, _MOST_ARRAYS = 8, 1000
_MOST_CHUNK = 256 << 20  # bytes that are unpacked together


def read(files: Sequence[Opened]) -> PictureSource:
    """Return the pictures of HDF5 files, with their labels, as those of a NumPy archive."""
    import h5py  # takes long to import

    found = []
    for opened in files:
        prefix = f"{opened.stem}/" if len(files) > 1 else ""
        with reading(opened, _FORMAT):
            file = h5py.File(opened.start(), "r")
            found += [_stored(opened, f"{prefix}{name}", dataset) for name, dataset in _arrays(file, opened)]
    title = "An HDF5 file" if len(files) == 1 else f"{len(files)} HDF5 files"
    return numpy_files.from_stored(together(files), "HDF5", title, found)


def _arrays(file: Any, opened: Opened) -> Iterator[tuple[str, Any]]:
    """Yield the plain arrays with their paths. Raises InputError for arrays whose bytes lie elsewhere: in other files."""
    import h5py

    waiting: list[tuple[str, Any, int]] = [("", file, 0)]
    number = 0
    while waiting:
        path, group, depth = waiting.pop(0)
        for key in group:
            number += 1
            if number > _MOST_ARRAYS or depth > _DEEPEST:
                raise InputError(f"{opened.shown} has more than {_MOST_ARRAYS:,} arrays or groups; save pictures as one array.")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise InputError(
                    f"{opened.shown} has a link at “{shown(path + key)}”, which is not followed; save the pictures in it."
                )
            inner = group[key]
            if isinstance(inner, h5py.Group):
                waiting.append((f"{path}{key}/", inner, depth + 1))
            elif isinstance(inner, h5py.Dataset) and inner.shape and inner.dtype.kind in "uifb":
                if inner.is_virtual or inner.external:
                    raise InputError(
                        f"{opened.shown} keeps “{shown(path + key)}” in another file, which is not read; save it in one file."
                    )
                yield path + key, inner


def _stored(opened: Opened, name: str, dataset: Any) -> Stored:
    shape, dtype = tuple(dataset.shape), np.dtype(dataset.dtype)
    if math.prod(shape) * dtype.itemsize > archive.MOST_TOTAL:
        raise archive.too_large()
    if dataset.chunks and math.prod(dataset.chunks) * dtype.itemsize > _MOST_CHUNK:
        raise InputError(
            f"{opened.shown} has “{shown(name)}” packed in pieces above {_MOST_CHUNK >> 20} MB; save it again without packing."
        )
    return Stored(name, shape, dtype, partial(_blocks, opened, dataset, shape, dtype))


def _claimed(dataset: Any) -> int:
    """Return how many pieces an array has; 1 if it is stored as a whole."""
    if not dataset.chunks:
        return 1
    return math.prod(-(-length // part) for length, part in zip(dataset.shape, dataset.chunks, strict=True))


def _held(dataset: Any) -> int:
    """Return how many pieces of an array the file holds; others would be read as zeros."""
    if dataset.chunks:
        return int(dataset.id.get_num_chunks())
    return int(dataset.id.get_storage_size() >= math.prod(dataset.shape) * dataset.dtype.itemsize)


def _blocks(opened: Opened, dataset: Any, shape: tuple[int, ...], dtype: np.dtype) -> Iterator[np.ndarray]:
    step = arrays.rows_at_once(math.prod(shape[1:]) * dtype.itemsize)
    with reading(opened, _FORMAT):
        if (found := _held(dataset)) < (claimed := _claimed(dataset)):
            raise InputError(
                f"{opened.shown} claims {words.count(shape[0], 'row')}, and {found:,} of {claimed:,} pieces were written; save the "
                "pictures again."
            )
        for start in range(0, shape[0], step):
            yield np.asarray(dataset[start : start + step])
