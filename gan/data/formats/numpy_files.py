"""NumPy files (.npy, .npz): headers are checked before anything is allocated, object arrays are refused; torch-free."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import numpy as np

from gan.data import archive
from gan.data.formats import arrays
from gan.data.formats.arrays import Part, Stored
from gan.data.formats.pictures import MOST_CLASSES, Opened, PictureSource, exactly, listed, reading, together
from gan.errors import InputError, shown

MAGIC = b"\x93NUMPY"
_MOST_HEADER = 10_000  # bytes
_MOST_MEMBERS = 1000  # arrays in an archive
_MOST_WHOLE = 256 << 20  # bytes of an array in column order, which must be read whole
_SPLITS = ("train", "test", "val", "valid", "validation", "dev")
_IMAGES = ("images", "image", "imgs", "x", "data", "pixels", "samples", "arr_0", "arr0")
_NAMES = ("classes", "class_names", "label_names")
_LONGEST_NAME = 4096  # bytes of an array's element
_LABELS = re.compile(r"(?:^|[_/])(?:labels?|y|targets?|class(?:es)?|arr_?1)(?:[_/]|$)", re.IGNORECASE)


class _Broken(ValueError):
    """An array whose header does not fit its bytes."""


def read(files: Sequence[Opened]) -> PictureSource:
    """Return the pictures of ``.npy`` files: of one, of several with their labels, or of one file a class as QuickDraw has them."""
    found = []
    for opened in files:
        with reading(opened, "a NumPy file"):
            found.append(_stored(opened, opened.stem if len(files) > 1 else opened.name, opened.size, opened.start))
    if len(files) == 1 and not arrays.has_pictures(found[0]):
        raise _no_pictures(files[0], found[0])
    whole = together(files)
    images = [one for one in found if arrays.has_pictures(one)]
    if len(images) < len(found) or len(images) == 1 or any(_split(one.name) for one in images):
        return from_stored(whole, "NumPy", "A NumPy array" if len(files) == 1 else "NumPy arrays", found)
    parts = [Part(one, ((shown(_quickdraw(one.name)),), np.zeros(one.shape[0], dtype=np.int32))) for one in images]
    return arrays.source(whole, "NumPy", f"{len(files)} NumPy arrays", parts, labelled_by="the files")


def _quickdraw(name: str) -> str:
    """Return the class in the name of a file of QuickDraw."""
    return name.removeprefix("full_numpy_bitmap_") or name


def read_archive(opened: Opened, content: zipfile.ZipFile) -> PictureSource:
    """Return the pictures of a ``.npz`` file, with their labels."""
    with reading(opened, "a NumPy archive"):
        members = [info for info in content.infolist() if info.filename.endswith(".npy")]
        if len(members) > _MOST_MEMBERS:
            raise InputError(
                f"{opened.shown} holds {len(members):,} arrays, more than {_MOST_MEMBERS:,}; save pictures as one array."
            )
        found = [_member(opened, content, info) for info in members]
    return from_stored(opened, "NumPy archive", "A NumPy archive", found)


def from_stored(opened: Opened, format: str, title: str, found: Sequence[Stored]) -> PictureSource:
    """Return the pictures among several named arrays, with the labels that belong to them."""
    images = [one for one in found if arrays.has_pictures(one) and not _is_label(one)]
    if not images:
        if found:
            raise _no_pictures(opened, max(found, key=lambda one: math.prod(one.shape)))
        raise InputError(f"{opened.shown} holds no arrays; expected pictures as [N, H, W], [N, H, W, C] or [N, C, H, W].")
    chosen = _chosen(images)
    named = next((one for one in found if one.name in _NAMES and len(one.shape) == 1 and one.dtype.kind in "US"), None)
    found = [one for one in found if one is not named]
    parts = []
    with reading(opened, f"a {format}"):
        names = _names_in(named) if named is not None else ()
        for stored in chosen:
            label = _labels_of(stored, chosen, found, opened)
            labels = arrays.labels_from(label, names) if label is not None else None
            parts.append(Part(stored, labels, shown(label.name) if label is not None else ""))
        left = [one.name for one in images if one not in chosen]
        also = f"left out: {listed(left)}" if left else ""
        which = f" ({listed(one.name for one in chosen)})" if len(found) > 1 else ""
        return arrays.source(opened, format, f"{title}{which}", parts, also)


def _names_in(stored: Stored) -> list[str]:
    """Return the names of classes in an array of texts; none if there are too many."""
    if stored.shape[0] > MOST_CLASSES or stored.dtype.itemsize > _LONGEST_NAME:
        return []
    return [
        str(name.decode("utf-8", "replace") if isinstance(name, bytes) else name)
        for block in stored.blocks()
        for name in block.tolist()
    ]


# Headers


def _member(opened: Opened, content: zipfile.ZipFile, info: zipfile.ZipInfo) -> Stored:
    name = info.filename.removesuffix(".npy")
    if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"“{shown(name)}” in {opened.shown} is encrypted or packed with an unknown method; save it with np.savez.")

    def open_member() -> BinaryIO:
        return content.open(info)  # type: ignore[return-value]

    return _stored(opened, name, info.file_size, open_member)


def _stored(opened: Opened, name: str, size: int | None, open_array: Callable[[], BinaryIO]) -> Stored:
    """Return an array by its header. ``size``: bytes of header and array (None if unknown)."""
    file = open_array()
    shape, is_in_columns, dtype = _header(file)
    where = opened.shown if name == opened.name else f"“{shown(name)}” in {opened.shown}"
    if dtype.hasobject:
        raise InputError(
            f"{where} holds Python objects (pickles), which are never loaded; save plain numbers of one shape with np.save."
        )
    if any(length < 0 for length in shape):
        raise _Broken("a negative length")
    if dtype.names or dtype.itemsize < 1:
        raise InputError(f"{where} holds records, not plain numbers; save the pictures as an array of numbers.")
    length = math.prod(shape) * dtype.itemsize
    if length > archive.MOST_TOTAL:
        raise InputError(
            f"{where} claims {length / 2**30:,.0f} GB, more than {archive.MOST_TOTAL >> 30} GB, the limit for one import; import a "
            "part of it."
        )
    if size is not None and file.tell() + length != size:
        raise _Broken("the array is not as long as its header says")
    start = file.tell()

    def blocks() -> Iterator[np.ndarray]:
        with reading(opened, "a NumPy file"):
            again = open_array()
            exactly(again, start)
            yield from _blocks(again, shape, dtype, is_in_columns, opened)

    return Stored(name, shape, dtype, blocks)


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, whether columns come first, and type, as NumPy's own reader checks them; only literals are evaluated."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file, max_header_size=_MOST_HEADER)
    return np.lib.format.read_array_header_2_0(file, max_header_size=_MOST_HEADER)


def _blocks(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, is_in_columns: bool, opened: Opened) -> Iterator[np.ndarray]:
    if not shape:
        return
    row = math.prod(shape[1:]) * dtype.itemsize
    if is_in_columns and len(shape) > 1:
        if row * shape[0] > _MOST_WHOLE:
            raise InputError(
                f"{opened.shown} is saved column by column (Fortran order) and too large to read whole; save it with "
                "np.ascontiguousarray first."
            )
        flat = np.frombuffer(exactly(file, row * shape[0]), dtype)
        yield np.ascontiguousarray(flat.reshape(shape[::-1]).transpose())
        return
    step = arrays.rows_at_once(row)
    for start in range(0, shape[0], step):
        count = min(step, shape[0] - start)
        yield np.frombuffer(exactly(file, count * row), dtype).reshape(count, *shape[1:])


# Which array is what


def _split(name: str) -> str:
    """Return "train", "test", … if a name contains it, else an empty string."""
    parts = re.split(r"[^a-z0-9]+", name.lower())
    return next((split for split in _SPLITS if split in parts), "")


def _is_label(stored: Stored) -> bool:
    """Return whether an array may hold labels by its shape, or only by its name if its shape is that of pictures."""
    if math.prod(stored.shape[1:]) == 1 and len(stored.shape) in (1, 2):
        return stored.dtype.kind in "uifbUS"
    return bool(_LABELS.search(stored.name)) and len(stored.shape) == 2


def _chosen(images: list[Stored]) -> list[Stored]:
    """Return the arrays to import: all splits of one name, otherwise the first with a usual name."""
    splits = [one for one in images if _split(one.name)]
    if splits:
        kinds: dict[tuple[str, int], list[Stored]] = {}
        for one in splits:
            kinds.setdefault((one.name.lower().replace(_split(one.name), ""), len(one.shape)), []).append(one)
        return sorted(next(iter(kinds.values())), key=lambda one: not _split(one.name).startswith("train"))
    ranked = sorted(images, key=lambda one: _IMAGES.index(one.name.lower()) if one.name.lower() in _IMAGES else len(_IMAGES))
    return ranked[:1]


def _labels_of(stored: Stored, chosen: Sequence[Stored], found: Sequence[Stored], opened: Opened) -> Stored | None:
    """Return the array with the labels of an array of pictures. Raises InputError if it has another number of them."""
    split = _split(stored.name)
    named = [one for one in found if _is_label(one) and one.shape and _split(one.name) == split]
    fitting = [one for one in named if one.shape[0] == stored.shape[0]]
    usual = [one for one in fitting if _LABELS.search(one.name)]
    if usual or (fitting and len(fitting) == 1):
        return (usual or fitting)[0]
    wrong = [one for one in named if _LABELS.search(one.name) and len(one.shape) in (1, 2)]
    if wrong and not fitting:
        raise InputError(
            f"“{shown(wrong[0].name)}” in {opened.shown} has {wrong[0].shape[0]:,} labels, but “{shown(stored.name)}” has "
            f"{stored.shape[0]:,} pictures; save one label for each picture."
        )
    return None


def _no_pictures(opened: Opened, stored: Stored) -> InputError:
    if stored.dtype.kind not in "uifb":
        return InputError(f"{opened.shown} holds {stored.dtype.name} values, not pictures; save pixels as numbers.")
    return InputError(
        f"{opened.shown} holds an array {stored.axes}, expected pictures as [N, H, W], [N, H, W, C], [N, C, H, W], [N, 784] or "
        "[N, 3072] with 1, 3 or 4 channels; save it in one of these shapes."
    )
