"""Points from a CSV file of the user: reads all columns, and says which two are the points; torch-free."""

from __future__ import annotations

import io
import math
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gan.errors import InputError, explained, shown

FEWEST_POINTS = 16
MOST_POINTS = 1_000_000
MOST_BYTES = 64 * 2**20
MOST_COLUMNS = 16

_LONGEST_LINE = 1000  # characters
_LONGEST_NAME = 24
_MOST_LABELS = 20  # different whole numbers in a column of labels
_INDEX = {"", "#", "id", "index", "no", "no.", "nr", "number", "row", "unnamed: 0"}
_LABEL = {"class", "category", "cluster", "group", "label", "labels", "species", "target"}


@dataclass(frozen=True)
class Columns:
    """The ``names`` of all columns, the positions of the two that are ``taken`` as points (None: they must be chosen), and why."""

    names: tuple[str, ...]
    taken: tuple[int, int] | None
    sentence: str


def read(path: Path, chosen: tuple[str, str] | None = None) -> tuple[np.ndarray, Columns]:
    """Read points from a CSV file, float32 [N, 2], centred and scaled so that all coordinates together have std 1.

    Both axes are scaled by the same factor. The file has columns separated by commas, semicolons or tabs, and optionally a heading
    line. With semicolons or tabs, a comma is read as a decimal point. ``chosen``: names or numbers (from 1) of the two columns to
    take; without it, columns of text, an index and labels are passed over. Limits: FEWEST_POINTS to MOST_POINTS points,
    MOST_COLUMNS, MOST_BYTES. Raises InputError otherwise, and if the columns must be chosen.
    """
    file = f"“{shown(path.name)}”"
    with explained(f"reading {file}"), open(path, "rb") as content:
        table = _parsed(content, file)
    columns = table.columns(chosen)
    if columns.taken is None:
        raise InputError(f"{file} {columns.sentence}; choose them with --columns, such as --columns 1 2.")
    return table.points(columns.taken), columns


def read_some(content: BinaryIO, title: str, fewest: int) -> np.ndarray:
    """Return the points of an open CSV file as :func:`read` does, but with another lower limit."""
    table = _parsed(content, f"“{shown(title)}”")
    columns = table.columns(None)
    if columns.taken is None:
        raise InputError(f"{table.file} {columns.sentence}; leave two columns in it.")
    return table.points(columns.taken, fewest)


def look(content: BinaryIO, title: str) -> Columns:
    """Return the columns of a CSV file, and which two an import would take. Raises InputError if it is no table of numbers."""
    return _parsed(content, f"“{shown(title)}”").columns(None)


# The table


@dataclass(frozen=True)
class _Bad:
    """A cell that is not a finite number."""

    line: int
    cell: str
    is_number: bool


@dataclass
class _Table:
    """The cells of a CSV file: ``values`` (float64 [N, K]; NaN if bad), and of each column its first bad cell and their number."""

    file: str
    names: list[str]
    values: np.ndarray
    first_bad: dict[int, _Bad]
    bad: list[int]

    def columns(self, chosen: tuple[str, str] | None) -> Columns:
        """Return the columns to take: the chosen ones, or those that are left without text, index and labels."""
        named = tuple(self._named(place) for place in range(len(self.names)))
        if chosen is not None:
            taken = (self._place(chosen[0]), self._place(chosen[1]))
            if taken[0] == taken[1]:
                raise InputError(f"The column “{shown(chosen[0])}” was chosen twice; choose two different ones.")
        elif len(named) == 2:
            return Columns(named, (0, 1), "The points are both columns.")
        else:
            left = self._candidates()
            if len(left) != 2:
                found = ", ".join(named[place] for place in left) or "none"
                count = f"{len(left)} column{'s' * (len(left) != 1)} that may be coordinates ({found})"
                return Columns(named, None, f"has {count}, but a point has two")
            taken = (left[0], left[1])
        others = ", ".join(name for place, name in enumerate(named) if place not in taken)
        also = f"; left out: {others}" if others else ""
        return Columns(named, taken, f"The points are the columns {named[taken[0]]} and {named[taken[1]]}{also}.")

    def points(self, taken: tuple[int, int], fewest: int = FEWEST_POINTS) -> np.ndarray:
        """Return two columns as points. Raises InputError if one of their cells is not a finite number, or for too few points."""
        if bad := min(
            (self.first_bad[place] for place in taken if place in self.first_bad), key=lambda bad: bad.line, default=None
        ):
            wrong = "an empty column"
            if bad.cell:
                wrong = f"“{shown(bad.cell)}”, which is {'not finite' if bad.is_number else 'not a number'}"
            raise InputError(
                f"Line {bad.line} of {self.file} has {wrong}, but two finite numbers were expected; correct or remove that line."
            )
        points = self.values[:, list(taken)]
        if len(points) < fewest:
            has = f"has only {len(points)} point{'s' * (len(points) != 1)}" if len(points) else "has no points"
            raise InputError(f"{self.file} {has}, but at least {fewest} are needed; add lines with two numbers each.")
        return _standardized(points, self.file)

    def _named(self, place: int) -> str:
        return f"“{shown(self.names[place], most=_LONGEST_NAME)}”" if self.names[place] else f"number {place + 1}"

    def _place(self, name: str) -> int:
        """Return the position of a column by its name or its number from 1."""
        folded = [known.casefold() for known in self.names]
        if name.casefold() in folded:
            return folded.index(name.casefold())
        if name.isascii() and name.isdecimal() and 1 <= int(name[:9]) <= len(folded):
            return int(name) - 1
        known = ", ".join(self._named(place) for place in range(len(folded)))
        raise InputError(f"{self.file} has no column “{shown(name)}”; choose two of {known}.")

    def _candidates(self) -> list[int]:
        """Return the columns that may be coordinates."""
        folded = [name.casefold() for name in self.names]
        numeric = [place for place in range(len(folded)) if 2 * self.bad[place] <= len(self.values)]
        if {"x", "y"} <= {folded[place] for place in numeric}:
            return [folded.index("x"), folded.index("y")]
        left = [place for place in numeric if not self._is_index(place, folded[place])]
        if len(left) > 2:
            left = [place for place in left if not self._is_label(place, folded[place])]
        return left

    def _is_index(self, place: int, name: str) -> bool:
        """Return whether a column counts the lines."""
        return (place == 0 or name in _INDEX) and len(self.values) > 1 and bool((np.diff(self.values[:, place]) == 1).all())

    def _is_label(self, place: int, name: str) -> bool:
        """Return whether a column holds labels: by its name, or because it has few different values, all whole numbers."""
        different = np.unique(self.values[:, place])
        return name in _LABEL or (
            len(different) <= min(_MOST_LABELS, len(self.values) // 4) and bool((different == np.round(different)).all())
        )


def _parsed(content: BinaryIO, file: str) -> _Table:
    """Read a CSV file from its beginning; leaves it open, at its beginning."""
    if content.seek(0, os.SEEK_END) > MOST_BYTES:
        raise InputError(f"{file} is larger than the limit of {MOST_BYTES // 2**20} MB; remove some of its points.")
    content.seek(0)
    text = io.TextIOWrapper(content, encoding="utf-8-sig")  # skips a byte order mark
    try:
        return _parse(text, file)
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text; save it as CSV in UTF-8, not as a spreadsheet.") from error
    finally:
        text.detach().seek(0)


def _parse(text: io.TextIOWrapper, file: str) -> _Table:
    """Return the cells of a CSV file."""
    values = array("d")
    table = _Table(file, [], np.empty((0, 2)), {}, [])
    separator, rows = "", 0
    for number, line in _lines(text, file):
        is_first = not separator
        separator = separator or next((one for one in ";\t" if one in line), ",")
        cells = [cell.strip().strip("\"'") for cell in line.split(separator)]
        if is_first:
            _require_columns(len(cells), number, file)
            table.names, table.bad = [""] * len(cells), [0] * len(cells)
        elif len(cells) != len(table.names):
            raise _wrong_columns(len(cells), len(table.names), number, file)
        row = [_number(cell if separator == "," else cell.replace(",", ".")) for cell in cells]
        if is_first and (all(value is None for value in row) or (len(row) > 2 and not cells[0])):
            table.names = cells  # heading line
            continue
        for place, (cell, value) in enumerate(zip(cells, row, strict=True)):
            if value is None or not math.isfinite(value):
                table.bad[place] += 1
                table.first_bad.setdefault(place, _Bad(number, cell, value is not None))
            values.append(math.nan if value is None else value)
        rows += 1
        if rows > MOST_POINTS:
            raise InputError(f"{file} has more than {MOST_POINTS:,} points, the limit; remove some of them.")
    table.names = table.names or ["", ""]
    table.bad = table.bad or [0, 0]
    table.values = np.array(values, dtype=np.float64).reshape(-1, len(table.names))
    return table


def _lines(text: io.TextIOWrapper, file: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers. The limits keep a file without line breaks from filling memory."""
    number = blank = 0
    while line := text.readline(_LONGEST_LINE):
        number += 1
        if "\0" in line:
            raise InputError(f"{file} is a binary file, not text; choose a CSV file with two numbers on each line.")
        if len(line) == _LONGEST_LINE:
            raise InputError(
                f"Line {number} of {file} has {_LONGEST_LINE:,} characters or more, but two numbers were expected; "
                f"put each point on its own line."
            )
        if line.strip():
            yield number, line
        else:
            blank += 1
            if blank > MOST_POINTS:
                raise InputError(f"{file} has more than {MOST_POINTS:,} blank lines; remove them.")


def _require_columns(count: int, number: int, file: str) -> None:
    if count > MOST_COLUMNS:
        raise InputError(f"{file} has {count} columns, more than {MOST_COLUMNS}; remove those that are not needed.")
    if count < 2:
        raise _wrong_columns(count, 2, number, file)


def _wrong_columns(count: int, expected: int, number: int, file: str) -> InputError:
    has = f"Line {number} of {file} has {count} column{'s' * (count != 1)}"
    if expected > 2:
        return InputError(f"{has}, but {expected} were expected, as in the first line; correct or remove that line.")
    return InputError(f"{has}, but two were expected; write each point as “x,y”, “x;y” or two numbers separated by a tab.")


def _number(cell: str) -> float | None:
    if "_" in cell:  # float() accepts underscores between digits
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _standardized(points: np.ndarray, file: str) -> np.ndarray:
    """Centre points [N, 2] and divide them by the std of all coordinates together; returns float32."""
    # Exact steps first, to keep precision for huge or tiny numbers and for a small cloud far from the origin.
    points = _near_one(points)
    points = _near_one(points - points[0])
    points = points - points.mean(axis=0)
    spread = points.std()
    if not spread:
        raise InputError(f"All points in {file} are equal; provide points that differ.")
    return (points / spread).astype(np.float32)


def _near_one(points: np.ndarray) -> np.ndarray:
    """Scale points by the power of two that brings the largest absolute coordinate into [0.5, 1)."""
    _, exponent = np.frexp(np.abs(points).max())
    return np.ldexp(points, -exponent)
