"""IDX files, in which MNIST, Fashion-MNIST, KMNIST and EMNIST are published: pictures, with labels in a second file; torch-free."""

from __future__ import annotations

import gzip
import io
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gan.data.formats import arrays
from gan.data.formats.arrays import Part, Stored
from gan.data.formats.pictures import Opened, PictureSource, exactly, reading, together
from gan.errors import InputError, shown

#: Code of a type → NumPy's type; numbers are stored most significant byte first.
_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_FORMAT = "an IDX file"


def is_like(head: bytes, opened: Opened) -> bool:
    """Return whether a file begins like IDX: two zeros, a known type, one to four axes."""
    return len(head) >= 8 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4 and head[4:8] != b"\0\0\0\0"


def read(files: Sequence[Opened]) -> PictureSource:
    """Return the pictures of IDX files, with the labels in the files that belong to them, by name or by number."""
    found = [(opened, _stored(opened)) for opened in files]
    images = [(opened, stored) for opened, stored in found if arrays.has_pictures(stored)]
    if not images:
        if len(found[0][1].shape) == 1:
            raise InputError(
                f"{files[0].shown} is an IDX file with {found[0][1].shape[0]:,} labels; choose the one with the pictures."
            )
        raise InputError(f"{files[0].shown} is an IDX file of shape {found[0][1].axes}, expected pictures as [N, H, W].")
    labels = [stored for _, stored in found if len(stored.shape) == 1]
    parts = []
    for opened, stored in images:
        label = _labels_of(opened, stored, labels, is_alone=len(images) == 1)
        read_labels = arrays.labels_from(label) if label is not None else None
        parts.append(Part(stored, read_labels, is_turned=is_emnist(opened)))
    title = "An IDX file" if len(images) == 1 else f"{len(images)} IDX files"
    return arrays.source(together(files), "IDX", title, parts, labelled_by="the labels in the IDX file of labels")


def is_emnist(opened: Opened) -> bool:
    """Return whether a file is from EMNIST, by its name: its pictures have rows and columns exchanged (Cohen et al. 2017)."""
    return "emnist" in f"{opened.name} {opened.container}".lower()


def _stored(opened: Opened) -> Stored:
    with reading(opened, _FORMAT):
        head = exactly(opened.start(), 4)
        shape = tuple(np.frombuffer(exactly(opened.file, 4 * head[3]), ">u4").tolist())
        dtype = np.dtype(_TYPES[head[2]])
        start = 4 + 4 * head[3]
        if opened.size is not None and start + math.prod(shape) * dtype.itemsize != opened.size:
            raise EOFError("not as long as its header says")
    return Stored(opened.name, shape, dtype, partial(arrays.records, opened, _FORMAT, start, shape, dtype))


def _labels_of(opened: Opened, images: Stored, labels: Sequence[Stored], *, is_alone: bool) -> Stored | None:
    """Return the labels that belong to pictures. Raises InputError if their number differs."""
    wanted = _labels_name(opened.name)
    named = [one for one in labels if _labels_name(one.name) == wanted]
    label = named[0] if named else labels[0] if is_alone and len(labels) == 1 else _beside(opened)
    if label is not None and label.shape[0] != images.shape[0]:
        raise InputError(
            f"“{shown(label.name)}” has {label.shape[0]:,} labels, but {opened.shown} has {images.shape[0]:,} pictures; take the "
            "two files of one set."
        )
    return label


def _labels_name(name: str) -> str:
    """Return the usual name of the labels that belong to a file of pictures."""
    return re.sub(r"idx\d", "idx1", name.lower().removesuffix(".gz").replace("images", "labels"))


def _beside(opened: Opened) -> Stored | None:
    """Return the labels in the file with the usual name next to a file of pictures on disk; None if there is none."""
    if opened.folder is None or "images" not in opened.name:
        return None
    name = re.sub(r"idx\d", "idx1", opened.name.replace("images", "labels"))
    for path in (opened.folder / name, opened.folder / f"{name}.gz"):
        if path.is_file():
            content = path.read_bytes() if path.stat().st_size < 64 << 20 else b""
            if content.startswith(b"\x1f\x8b"):
                with reading(replace(opened, name=path.name), _FORMAT), gzip.open(io.BytesIO(content)) as packed:
                    content = packed.read(64 << 20)
            beside = Opened(io.BytesIO(content), path.name, len(content))
            return _stored(beside) if is_like(content[:16], beside) else None
    return None
