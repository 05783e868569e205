"""Exports of data sets, so that other programs train on exactly the same pictures; torch-free."""

from __future__ import annotations

from pathlib import Path

from gan.config.data import DataConfig
from gan.data import prepared
from gan.data.formats import writing
from gan.data.formats.writing import Kind, Shape
from gan.errors import InputError
from gan.storage.jobs import Report

_CHUNK = 256  # pictures


def export(data: DataConfig, kind: Kind, target: Path, report: Report) -> int:
    """Write all pictures of a data set, as runs train on them at one size, to a new file or folder; return their number.

    Raises InputError for points, or if nothing can be read or written.
    """
    entry = data.entry
    if data.is_points:
        raise InputError(f"“{entry.title}” has points, not pictures; export a data set of pictures.")
    found = prepared.obtain(data, lambda sentence, share: report(sentence, 0.5 * share))
    total = len(found.pixels)
    shape = Shape(total, data.size, data.size, data.channels, entry.classes)
    with writing.writing(target, kind, shape) as add:
        for start in range(0, total, _CHUNK):
            add(found.pixels[start : start + _CHUNK], found.labels[start : start + _CHUNK])
            done = min(total, start + _CHUNK)
            report(f"Writing {done:,} of {total:,} pictures", 0.5 + 0.5 * done / total)
    return total
