"""Logged lines of a run as a table that grows with the file; only new lines are read."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pandas as pd
import pyarrow as pa
import streamlit as st
from pyarrow import json as pa_json

from gan.judging.lines import number
from gan.runs import Run
from gan.runs.columns import COLUMNS
from gan.storage import lines
from pages.parts import charts, quick_scores

_SCHEMA = pa.schema([(name, pa.float64()) for name in COLUMNS])
_IN_LINE = pa_json.ReadOptions(use_threads=False, block_size=1 << 22)
_IN_PARTS = pa_json.ReadOptions(block_size=1 << 20)  # all cores, for whoever waits for a long file
_LONG = 1 << 23  # bytes

_MOST_KEPT = 32  # thinned tables of one file: its charts, at the zoom and smoothing of some visitors

Zoom = tuple[float, float] | None


class Tail:
    """Table of one metrics file, cached by the server and shared by its sessions."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._lock = path, 0, threading.Lock()
        self._table = pd.DataFrame(columns=list(COLUMNS), dtype="float64")
        self._thin: dict[object, pa.Table] = {}  # of this version of the table

    def table(self) -> pd.DataFrame:
        """Return all lines so far (columns: ``COLUMNS``), one row per step in order; do not modify it.

        If a step was logged twice (after a crash), the later line counts.
        """
        return self._current()[0]

    def thin(self, names: dict[str, str], smoothing: float, zoom: Zoom) -> pa.Table:
        """Return the data of a chart of curves (see :func:`pages.parts.charts.thin`), made once until the file grows."""
        table, kept = self._current()
        key = (*names.items(), smoothing, zoom)
        if (found := kept.get(key)) is None:
            found = pa.Table.from_pandas(charts.thin(table, names, smoothing, zoom), preserve_index=False)
            if len(kept) < _MOST_KEPT:
                kept[key] = found
        return found

    def _current(self) -> tuple[pd.DataFrame, dict[object, pa.Table]]:
        """Return the table and what has been thinned of it, after reading new lines."""
        with self._lock:
            size = self._path.stat().st_size if self._path.exists() else 0
            if size != self._offset:
                self._thin = {}
            if size < self._offset:
                self._offset, self._table = 0, self._table.iloc[:0]
            if size > self._offset:
                new, self._offset = lines.read_complete(self._path, self._offset)
                if new:
                    self._table = self._grow(as_numbers(new))
            return self._table, self._thin

    def _grow(self, new: pd.DataFrame) -> pd.DataFrame:
        new = new.dropna(subset=["step"])
        table = pd.concat([self._table, new], ignore_index=True) if len(self._table) else new.reset_index(drop=True)
        if not table["step"].is_monotonic_increasing or table["step"].duplicated().any():
            table = table.drop_duplicates("step", keep="last").sort_values("step", ignore_index=True)
        return table


def as_numbers(content: bytes) -> pd.DataFrame:
    """Return complete lines as numbers, NaN for anything else; damaged lines are left out.

    Arrow parses lines several times as fast as :mod:`json` does. It is trusted with lines as the trainer writes them: one object
    each, flat and in ASCII, with a number or null for each column.
    """
    count = content.count(b"\n")
    is_usual = content.startswith(b"{") and content.endswith(b"}\n") and content.count(b"}\n{") == count - 1
    if is_usual and content.count(b"{") == count and b"[" not in content and content.isascii():
        with contextlib.suppress(pa.ArrowInvalid):
            options = pa_json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore")
            how = _IN_PARTS if len(content) > _LONG else _IN_LINE
            found = pa_json.read_json(pa.BufferReader(content), how, options)
            if found.num_rows == count:
                return found.to_pandas()
    new = pd.DataFrame(lines.parse(content)).reindex(columns=list(COLUMNS))
    for column in COLUMNS:
        if new[column].dtype.kind not in "fi":
            new[column] = [as_number(value) for value in new[column]]
    return new.astype("float64")


def as_number(value: object) -> float:
    """Return a logged value as a number; NaN for null and for anything else in a damaged line."""
    try:
        return float(value) if isinstance(value, (int, float)) else float("nan")
    except OverflowError:
        return float("nan")


@st.cache_resource(max_entries=64, show_spinner=False)
def _tail(path: str) -> Tail:
    return Tail(Path(path))


def tail(run: Run) -> Tail:
    """Return the logged lines of a run as a table that grows with the file."""
    return _tail(str(run.metrics_path))


def scores(run: Run) -> pd.DataFrame:
    """Return the scores made during training (columns "step" and "fid").

    ``attrs``: the FID ``label``, and the ``floor``, the FID of real images (None if it is unknown).
    """
    found = quick_scores.by_step(run)
    label, values = quick_scores.fids(run)
    table = pd.DataFrame(values, columns=["step", "fid"], dtype="float64")
    floors = [floor for line in found.values() if (floor := number(line, "floor_fid")) is not None]
    table.attrs |= {"label": label, "floor": floors[-1] if floors else None}
    return table
