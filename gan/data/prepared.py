"""Prepared images: decoded once into a memory-mapped uint8 array shared by all runs; torch-free.

There is one folder per data set, data version, size, fit and colour, so a changed data set is prepared again. An incomplete
preparation is ignored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gan import words
from gan.config.data import DataConfig
from gan.data import importer, sources, survey
from gan.errors import InputError, explain_os_error
from gan.places import data_root
from gan.storage import files
from gan.storage.jobs import Report
from gan.storage.locks import hold_lock, is_locked

VERSION = 2  # increase when preparation changes the pixels, or the survey its figures


@dataclass(frozen=True)
class Prepared:
    """Images of one data set, ready for training.

    ``pixels``: uint8 [N, S, S, C], mapped into memory; ``labels``: int64 [N]; ``facts``: the result of ``survey.look``.
    """

    pixels: np.ndarray
    labels: np.ndarray
    facts: dict[str, Any]


def folder(data: DataConfig) -> Path:
    """Return the folder of a preparation."""
    entry = data.entry
    deciding = [VERSION, entry.name, entry.version, entry.counts, data.size, data.fit, data.channels]
    digest = hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:12]
    return data_root() / "prepared" / f"{entry.name}-{data.size}-{digest}"


def find(data: DataConfig) -> Prepared | None:
    """Return a preparation, or None if it is missing or incomplete."""
    place = folder(data)
    try:
        facts = json.loads((place / "facts.json").read_bytes())
        # Read-only: a writable mapping fails if the array is larger than memory.
        pixels = np.load(place / "pixels.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(place / "labels.npy", allow_pickle=False)
        sizes = [(place / name).stat().st_size for name in ("pixels.npy", "labels.npy")]
    except importer.UNREADABLE:
        return None
    images = data.entry.images
    is_whole = (
        isinstance(facts, dict)
        and facts.get("bytes") == sizes
        and labels.shape == (images,)
        and pixels.dtype == np.uint8
        and pixels.shape == (images, data.size, data.size, data.channels)
    )
    return Prepared(pixels, labels, facts) if is_whole else None


def obtain(data: DataConfig, report: Report) -> Prepared:
    """Return the preparation of a data set, making it first if necessary.

    If two processes ask for the same one, one makes it and the other waits. Raises InputError if the data cannot be obtained
    or written.
    """
    if (found := find(data)) is not None:
        return found
    place = folder(data)
    with _explained(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        held = _wait_for(place, report)
        try:
            if (found := find(data)) is None:
                _make(data, place, report)
                found = find(data)
        finally:
            held.release()
    if found is None:
        raise InputError(f"The prepared images of “{data.name}” were damaged during writing; try again.")
    return found


def is_being_made(data: DataConfig) -> bool:
    """Return whether a live process is preparing a data set."""
    return is_locked(_lock(folder(data)))


def _lock(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")


def _wait_for(place: Path, report: Report) -> Any:
    """Take the lock of a preparation, waiting without a time limit while another process makes it."""
    while True:
        with contextlib.suppress(InputError):
            return hold_lock(_lock(place), "taken")
        report("Waiting for another process to prepare the images", 0.0)
        time.sleep(0.5)


def _make(data: DataConfig, place: Path, report: Report) -> None:
    """Write a preparation to a staging folder, chunk by chunk to keep memory use constant, and move it into place."""
    staged = place.with_name(
        f".{place.name}.making"
    )  # a fixed name, under the lock: leftovers of a killed process are removed here
    shutil.rmtree(staged, ignore_errors=True)
    entry = data.entry
    shape = (entry.images, data.size, data.size, data.channels)
    try:
        staged.mkdir()
        labels = np.empty(entry.images, dtype=np.int64)
        done = 0
        with open(staged / "pixels.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for pixels, named in sources.images(entry, data.size, data.fit, data.channels, report):
                if done + len(pixels) > entry.images:
                    raise InputError(f"“{entry.title}” has more images than expected ({entry.images}); import it again.")
                files.write_all(file, np.ascontiguousarray(pixels).tobytes())
                labels[done : done + len(named)] = named
                done += len(pixels)
                report(f"Preparing {entry.title}", 0.9 * done / entry.images)
            file.flush()
            os.fsync(file.fileno())
        if done < entry.images:
            raise InputError(f"“{entry.title}” has only {words.count(done, 'image')}, expected {entry.images:,}; import it again.")
        np.save(staged / "labels.npy", labels)
        found = np.load(staged / "pixels.npy", mmap_mode="r", allow_pickle=False)
        facts = survey.look(found, labels, lambda share: report(f"Analysing {entry.title}", 0.9 + 0.1 * share))
        facts["bytes"] = [(staged / name).stat().st_size for name in ("pixels.npy", "labels.npy")]
        files.write_json(staged / "facts.json", facts)
        del found
        shutil.rmtree(place, ignore_errors=True)  # damaged, otherwise ``find`` would have returned it
        os.rename(staged, place)
        files.sync_directory(place.parent)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


@contextlib.contextmanager
def _explained(place: Path) -> Any:
    try:
        yield
    except OSError as error:
        raise InputError(explain_os_error(error, f"preparing images in {place.parent}")) from error
