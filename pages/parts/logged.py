"""Logged lines of a run as a table that grows with the file; only new lines are read."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import streamlit as st

from gan.judging import lines
from gan.runs import Run
from gan.runs.columns import COLUMNS
from gan.storage.lines import read_lines


class Tail:
    """Table of one metrics file, cached by the server and shared by its sessions."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._lock = path, 0, threading.Lock()
        self._table = pd.DataFrame(columns=list(COLUMNS), dtype="float64")

    def table(self) -> pd.DataFrame:
        """Return all lines so far, one row per step in order; if a step was logged twice (after a crash), the later line."""
        with self._lock:
            size = self._path.stat().st_size if self._path.exists() else 0
            if size < self._offset:
                self._offset, self._table = 0, self._table.iloc[:0]
            if size > self._offset:
                new, self._offset = read_lines(self._path, self._offset)
                if new:
                    self._table = self._grow(pd.DataFrame(new))
            return self._table

    def _grow(self, new: pd.DataFrame) -> pd.DataFrame:
        new = new.reindex(columns=list(COLUMNS))
        for column in COLUMNS:
            if new[column].dtype.kind not in "fi":
                new[column] = [as_number(value) for value in new[column]]
        new = new.astype("float64").dropna(subset=["step"])
        table = pd.concat([self._table, new], ignore_index=True) if len(self._table) else new.reset_index(drop=True)
        if not table["step"].is_monotonic_increasing or table["step"].duplicated().any():
            table = table.drop_duplicates("step", keep="last").sort_values("step", ignore_index=True)
        return table


def as_number(value: object) -> float:
    """Return a logged value as a number; NaN for null and for anything else in a damaged line."""
    try:
        return float(value) if isinstance(value, (int, float)) else float("nan")
    except OverflowError:
        return float("nan")


@st.cache_resource(max_entries=64, show_spinner=False)
def _tail(path: str) -> Tail:
    return Tail(Path(path))


def quick_fids(run: Run) -> tuple[str, list[tuple[int, float]]]:
    """Return the FID label of the scores made during training, and their (step, FID) pairs in order."""
    found = {line["step"]: line for line in run.scores() if line.get("source") == "training" and isinstance(line.get("step"), int)}
    label = lines.label(next(reversed(found.values()))) if found else ""
    return label, [(step, as_number(line.get("fid"))) for step, line in sorted(found.items())]


def scores(run: Run) -> pd.DataFrame:
    """Return the scores made during training (columns "step" and "fid"), with the FID label in ``attrs["label"]``."""
    label, values = quick_fids(run)
    table = pd.DataFrame(values, columns=["step", "fid"], dtype="float64")
    table.attrs["label"] = label
    return table


def read(run: Run) -> pd.DataFrame:
    """Return the logged lines of a run (columns: ``COLUMNS``); do not modify the table."""
    return _tail(str(run.metrics_path)).table()
