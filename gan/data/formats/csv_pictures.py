"""Tables with one picture a line: MNIST as CSV from Colab or Kaggle, USPS as text or in LIBSVM's form; torch-free."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np

from gan.data import archive
from gan.data.formats import arrays, idx
from gan.data.formats.arrays import Part, Stored
from gan.data.formats.pictures import Opened, PictureSource, listed, reading, together
from gan.errors import InputError, shown

_LONGEST_LINE = 512 << 10  # bytes: 12,288 numbers with 20 digits, and more
_PIXELS = {256, 784, 1024, 3072, 4096, 12288, 64}
_LABEL = re.compile(r"label|class|target|y|digit|character", re.IGNORECASE)
_INDEXED = re.compile(rb"\b\d+:")  # LIBSVM's numbers of columns
_SCANNED = 16 << 20  # bytes of numbers searched for their range before an import
_FORMAT = "a table of pictures"


@dataclass(frozen=True)
class _Table:
    """The form of a table: its separator, its columns, the one with the label (None: none), whether it begins with a heading."""

    separator: str | None  # None: blanks
    columns: int
    label: int | None
    has_heading: bool
    is_whole: bool  # all numbers of the first lines are whole


def is_like(head: bytes, opened: Opened) -> bool:
    """Return whether the first line of a text has as many columns as a picture has values, and perhaps a label."""
    return b"\0" not in head and _table(opened) is not None


def read(files: Sequence[Opened]) -> PictureSource:
    """Return the pictures of tables. Of several, those with labels are taken if there are any."""
    parts = []
    for opened in files:
        table = _table(opened)
        assert table is not None
        parts.append(_part(opened, table))
    labelled = [part for part in parts if part.labels is not None]
    left = listed(part.stored.name for part in parts if part.labels is None) if labelled else ""
    also = f"left out, as it has no labels: {left}" if left else ""
    form = (
        "A table with one picture a line"
        if len(labelled or parts) == 1
        else f"{len(labelled or parts)} tables with one picture a line"
    )
    return arrays.source(
        together(files), "CSV", form, labelled or parts, also, labelled_by="the labels in the tables' columns of labels"
    )


# The form


def _table(opened: Opened) -> _Table | None:
    """Return the form of a table, by its first lines; None if its lines are no pictures."""
    with reading(opened, _FORMAT):
        lines = list(_lines(opened.start(), most=3))
        opened.start()
    if not lines:
        return None
    separator = next((one for one in ",;\t" if one in lines[0]), None)
    first = _cells(lines[0], separator)
    columns = len(first)
    if columns not in _PIXELS and columns - 1 not in _PIXELS:
        return None
    has_heading = not all(map(_is_number, first))
    some = [cells for line in lines[has_heading:] for cells in [_cells(line, separator)] if len(cells) == columns]
    some = [cells for cells in some if all(map(_is_number, cells))]
    if not some:
        return None
    label = None
    if columns not in _PIXELS:
        named = [place for place in (0, columns - 1) if has_heading and _LABEL.fullmatch(first[place])]
        label = named[0] if named else 0
        if not named and all(cells[0] == some[0][0] for cells in some) and any(float(cells[-1]) for cells in some):
            label = columns - 1
    pixels = [cell for cells in some for place, cell in enumerate(cells) if place != label]
    return _Table(separator, columns, label, has_heading, all(cell.lstrip("-").isdigit() for cell in pixels))


def _lines(file: BinaryIO, most: int | None = None) -> Iterator[str]:
    """Yield the lines that are not blank, without quotes and LIBSVM's numbers of columns."""
    text = file.readline(_LONGEST_LINE)
    found = 0
    is_indexed = b":" in text
    if text.startswith(b"\xef\xbb\xbf"):
        text = text[3:]
    while text and (most is None or found < most):
        if len(text) >= _LONGEST_LINE:
            raise ValueError("a line is too long")
        if stripped := text.strip():
            found += 1
            yield (_INDEXED.sub(b"", stripped) if is_indexed else stripped).replace(b'"', b"").decode("ascii")
        text = file.readline(_LONGEST_LINE)


def _cells(line: str, separator: str | None) -> list[str]:
    return [cell.strip() for cell in line.split(separator)]


def _is_number(cell: str) -> bool:
    try:
        return "_" not in cell and np.isfinite(float(cell))
    except ValueError:
        return False


# The content


def _part(opened: Opened, table: _Table) -> Part:
    """Return the pictures of a table, after its lines have been counted and its labels read."""
    labels, count = [], 0
    with reading(opened, _FORMAT):
        for line in _rows(opened, table):
            count += 1
            if count > archive.MOST_ENTRIES:
                raise InputError(
                    f"{opened.shown} has more than {archive.MOST_ENTRIES:,} pictures, the limit for one import; take a part of it."
                )
            if table.label is not None:
                labels.append(_label(line, table, count, opened))
    kind = np.dtype("i4") if table.is_whole else np.dtype("f8")
    stored = Stored(
        opened.name, (count, table.columns - (table.label is not None)), kind, partial(_blocks, opened, table, kind), _SCANNED
    )
    found = None
    if labels:
        values = np.array(labels)
        found = arrays.labels_from(Stored("labels", (count,), values.dtype, lambda: iter([values])))
    return Part(stored, found, is_turned=idx.is_emnist(opened))


def _rows(opened: Opened, table: _Table) -> Iterator[str]:
    lines = _lines(opened.start())
    if table.has_heading:
        next(lines, None)
    return lines


def _label(line: str, table: _Table, number: int, opened: Opened) -> float:
    pair = line.split(table.separator, 1) if table.label == 0 else line.rsplit(table.separator, 1)
    cell = pair[0 if table.label == 0 else -1].strip()
    if not _is_number(cell):
        raise InputError(
            f"Line {number + table.has_heading} of {opened.shown} has the label “{shown(cell)}”, expected a number; correct it."
        )
    return float(cell)


def _blocks(opened: Opened, table: _Table, kind: np.dtype) -> Iterator[np.ndarray]:
    step = arrays.rows_at_once(8 * table.columns)
    waiting: list[str] = []
    done = 0
    with reading(opened, _FORMAT):
        for line in _rows(opened, table):
            waiting.append(line)
            if len(waiting) == step:
                yield _parsed(waiting, table, kind, opened, done)
                done += len(waiting)
                waiting = []
        if waiting:
            yield _parsed(waiting, table, kind, opened, done)


def _parsed(lines: list[str], table: _Table, kind: np.dtype, opened: Opened, done: int) -> np.ndarray:
    """Return lines as numbers without the label. Raises InputError, with the line, if one has other columns or no numbers."""
    values = None
    if all(len(_cells(line, table.separator)) == table.columns for line in lines):
        try:
            values = np.loadtxt(io.StringIO("\n".join(lines)), delimiter=table.separator, dtype=np.float64, ndmin=2, comments=None)
        except ValueError:
            values = None
    if values is None:
        number, cells = next(
            (number, cells)
            for number, line in enumerate(lines)
            for cells in [_cells(line, table.separator)]
            if len(cells) != table.columns or not all(map(_is_number, cells))
        )
        where = f"Line {done + number + 1 + table.has_heading} of {opened.shown}"
        if len(cells) != table.columns:
            raise InputError(
                f"{where} has {len(cells):,} columns, expected {table.columns:,} as in the first line; correct or remove it."
            )
        bad = next(cell for cell in cells if not _is_number(cell))
        raise InputError(f"{where} has “{shown(bad)}”, expected a number; correct or remove that line.")
    if table.label is not None:
        values = np.delete(values, table.label, axis=1)
    if kind.kind == "i" and not (values == np.rint(values)).all():
        raise InputError(f"{opened.shown} has fractions after whole numbers in its first lines; save all pictures in one range.")
    return values.astype(kind)
