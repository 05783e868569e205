"""MATLAB files of version 5 with plain arrays, as SVHN publishes its cropped digits; read piece by piece; torch-free."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np

from gan.data import archive
from gan.data.formats import arrays
from gan.data.formats.arrays import Part, Stored
from gan.data.formats.pictures import Opened, PictureSource, exactly, listed, reading, together
from gan.errors import InputError, shown

MAGIC = b"MATLAB 5.0 MAT-file"
_FORMAT = "a MATLAB file"
_HEADER = 128
_MOST_VARIABLES = 100
_MATRIX, _COMPRESSED = 14, 15
_NUMERIC = range(6, 16)  # classes of arrays: double, single, and integers of 8 to 64 bits
_COMPLEX = 0x0800
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


@dataclass(frozen=True)
class _Array:
    """A plain array: its axes, the type of the stored values, and where they lie in its (unpacked) element."""

    name: str
    axes: tuple[int, ...]
    dtype: np.dtype
    offset: int
    is_packed: bool
    start: int  # bytes of the array after the start of its element


def read(files: Sequence[Opened]) -> PictureSource:
    """Return the pictures of MATLAB files: an array [H, W, C, N] or [H, W, N], with labels [N, 1] or [1, N]."""
    parts = []
    for opened in files:
        with reading(opened, _FORMAT):
            found, others = _variables(opened)
        images = [one for one in found if _stored(opened, one) is not None]
        if not images:
            what = listed([*(f"{one.name} {list(one.axes)}" for one in found), *others]) or "nothing"
            raise InputError(
                f"{opened.shown} is a MATLAB file with {what}, expected pictures as an array [height, width, 3, N], as in SVHN; "
                "save them as .npz from Python."
            )
        stored = _stored(opened, images[0])
        assert stored is not None
        labels = [one for one in found if one is not images[0] and math.prod(one.axes) == max(one.axes)]
        for one in labels:
            if max(one.axes) != stored.shape[0] and len(labels) == 1 and max(one.axes) > 1:
                raise InputError(
                    f"“{shown(one.name)}” in {opened.shown} has {max(one.axes):,} labels, but “{shown(images[0].name)}” has "
                    f"{stored.shape[0]:,} pictures; save one label for each picture."
                )
        fitting = [one for one in labels if max(one.axes) == stored.shape[0]]
        parts.append(_part(opened, stored, fitting[0] if fitting else None))
    title = "A MATLAB file" if len(parts) == 1 else f"{len(parts)} MATLAB files"
    return arrays.source(together(files), "MATLAB", title, parts)


def _part(opened: Opened, stored: Stored, label: _Array | None) -> Part:
    if label is None:
        return Part(stored)
    count = stored.shape[0]
    labels = arrays.labels_from(Stored(label.name, (count,), label.dtype, partial(_blocks, opened, label, (count,))))
    if labels is not None and "10" in labels[0] and set(labels[0]) <= set(map(str, range(1, 11))):  # SVHN: 10 is the digit 0
        labels = tuple("0" if name == "10" else name for name in labels[0]), labels[1]
    return Part(stored, labels, shown(label.name))


def _stored(opened: Opened, array: _Array) -> Stored | None:
    """Return an array whose last axis counts the pictures as [N, C, W, H] or [N, W, H]; None if it holds no pictures."""
    axes = tuple(reversed(array.axes))
    if len(axes) not in (3, 4):
        return None
    shape = (axes[0], *axes[:0:-1])  # [N, H, W, C]
    stored = Stored(array.name, shape, array.dtype, partial(_pictures, opened, array, axes))
    return stored if arrays.has_pictures(stored) and arrays.layout_of(shape) else None


def _pictures(opened: Opened, array: _Array, axes: tuple[int, ...]) -> Iterator[np.ndarray]:
    for block in _blocks(opened, array, axes):
        yield block.transpose(0, *range(block.ndim - 1, 0, -1))


def _blocks(opened: Opened, array: _Array, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    row = math.prod(shape[1:]) * array.dtype.itemsize
    step = arrays.rows_at_once(row)
    with reading(opened, _FORMAT):
        opened.file.seek(array.offset)
        element = _Unpacked(opened.file) if array.is_packed else opened.file
        exactly(element, array.start)  # type: ignore[arg-type]
        for start in range(0, shape[0], step):
            count = min(step, shape[0] - start)
            yield np.frombuffer(exactly(element, count * row), array.dtype).reshape(count, *shape[1:])  # type: ignore[arg-type]


class _Unpacked:
    """An element packed with zlib, unpacked while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._zlib = file, zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; fewer only at the end."""
        parts = []
        while size:
            packed = self._zlib.unconsumed_tail or self._file.read(1 << 16)
            part = self._zlib.decompress(packed, size)
            if not part and (self._zlib.eof or not packed):
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


# Headers


def _variables(opened: Opened) -> tuple[list[_Array], list[str]]:
    """Return the plain arrays, and the names of what else is in a file."""
    header = exactly(opened.start(), _HEADER)
    order = {b"IM": "<", b"MI": ">"}[header[126:128]]
    found: list[_Array] = []
    others: list[str] = []
    place = _HEADER
    while tag := opened.file.read(8):
        kind, size = struct.unpack(f"{order}II", tag)
        place += 8
        if (opened.size is not None and place + size > opened.size) or len(found) + len(others) >= _MOST_VARIABLES:
            raise EOFError("a variable reaches beyond the end")
        if kind == _COMPRESSED:
            packed = _Unpacked(opened.file)
            inner, length = struct.unpack(f"{order}II", exactly(packed, 8))  # type: ignore[arg-type]
            one = _array(packed, order, place, 8, length, is_packed=True) if inner == _MATRIX else "another element"
        elif kind == _MATRIX:
            one = _array(opened.file, order, place, 0, size, is_packed=False)
        else:
            one = "another element"
        if isinstance(one, _Array):
            found.append(one)
        else:
            others.append(one)
        place += size
        opened.file.seek(place)
    return found, others


def _array(file: BinaryIO | _Unpacked, order: str, offset: int, start: int, size: int, *, is_packed: bool) -> _Array | str:
    """Return an array by its header, or the name of a variable that is no plain array."""
    kind, content, used = _element(file, order)
    flags = struct.unpack(f"{order}I", content[:4])[0]
    _, axes, more = _element(file, order)
    used += more
    _, name, more = _element(file, order)
    used += more
    shown_name = shown(name.decode("latin-1")) or "unnamed"
    if flags & 0xFF not in _NUMERIC or flags & _COMPLEX:
        return f"{shown_name} (not plain numbers)"
    shape = struct.unpack(f"{order}{len(axes) // 4}i", axes)
    tag = exactly(file, 8)  # type: ignore[arg-type]
    kind, length = struct.unpack(f"{order}II", tag)
    is_small = bool(kind >> 16)
    if is_small:
        kind, length = kind & 0xFFFF, kind >> 16
    dtype = np.dtype(_TYPES[kind]).newbyteorder(order)  # type: ignore[arg-type]
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize != length or length > min(size, archive.MOST_TOTAL):
        raise ValueError("the array is not as long as its axes say")
    return _Array(shown_name, shape, dtype, offset, is_packed, start + used + (4 if is_small else 8))


def _element(file: BinaryIO | _Unpacked, order: str) -> tuple[int, bytes, int]:
    """Return type and content of a short element, and the bytes that it takes."""
    tag = exactly(file, 8)  # type: ignore[arg-type]
    kind, size = struct.unpack(f"{order}II", tag)
    if kind >> 16:  # up to four bytes, in the tag itself
        return kind & 0xFFFF, tag[4 : 4 + (kind >> 16)], 8
    if size > 4096:
        raise ValueError("a header is too long")
    padded = size + -size % 8
    return kind, exactly(file, padded)[:size], 8 + padded  # type: ignore[arg-type]
