"""Import of the user's pictures and points: read and checked once, stored as originals to prepare at any size; torch-free.

An import writes to a staging folder that is renamed when complete. A stopped or killed import therefore leaves no data set;
the next import removes its staging folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import struct
import time
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gan import words
from gan.access import owners, people
from gan.catalogue import data_sets
from gan.data import archive, decoder, grouping, imported, parallel, tables
from gan.data.formats import opening
from gan.data.formats.pictures import PictureSource
from gan.data.grouping import Choice
from gan.data.imported import STAGING, damaged
from gan.errors import InputError, explain_os_error, shown
from gan.storage import files
from gan.storage.jobs import Report
from gan.storage.locks import hold_lock

_LONGEST_TITLE = 80
_CHUNK_PICTURES, _CHUNK_BYTES = 128, 8 << 20
_FEW = 200  # pictures; below this number, starting processes does not pay
_MOST_REASONS = 20  # counted separately; some include the picture size, so there may be many
_DIGEST = 16  # bytes per picture


def import_pictures(
    path: Path,
    title: str,
    report: Report,
    *,
    root: Path,
    workers: int | None = None,
    choice: Choice = grouping.AUTO,
    most: int = 0,
    file_name: str = "",
) -> str:
    """Import the pictures of a folder, an archive or a file into the data root as ``title`` and return the new data set's name.

    ``choice``: which folders or labels are classes. ``most``: pictures to accept, 0 for any number. ``file_name``: name of the file
    for sentences, if it is stored under another one. Raises InputError for a bad title, an unknown format, fewer than two pictures
    or more than ``most``, a damaged file, a full disk, ...
    """
    report("Looking for pictures", 0.0)
    with _staged(root, title) as (staged, name), opening.open_pictures(path, choice, file_name) as source:
        found = _Found(staged, source.skipped, source.sentence)
        total = source.files or source.count
        _refuse_beyond(most, source.count)  # before anything is decoded
        done = 0
        with found, parallel.pool(is_worth_it=total >= _FEW, workers=workers) as pool:
            for pictures, checked in parallel.each(pool, _check, _read(source)):
                for picture, result in zip(pictures, checked, strict=True):
                    found.take(picture, result)
                _refuse_beyond(most, len(found.rows))  # a picture may have any name
                done += len(pictures)
                report(f"Reading {done:,} of {total:,} files", min(1.0, done / max(1, total)))
            facts = found.finish()
        files.write_json(staged / "data-set.json", {"schema_version": 1, "name": name, "title": _clean(title), **facts})
    return name


def _refuse_beyond(most: int, count: int) -> None:
    if most and count > most:
        raise InputError(
            f"The limit of this class is {most:,} pictures an upload, and this one has {count:,} or more; upload fewer of them, or "
            "ask your teacher."
        )


def look(path: Path, choice: Choice = grouping.AUTO) -> PictureSource:
    """Return what an import would recognise and take for classes, without its pictures.

    Raises InputError like :func:`import_pictures`.
    """
    with opening.open_pictures(path, choice) as source:
        return source


def import_points(path: Path, title: str, report: Report, *, root: Path, columns: tuple[str, str] | None = None) -> str:
    """Import points in the plane from a CSV file as ``title`` and return the new data set's name.

    ``columns``: names or numbers (from 1) of the two columns to take.
    """
    report("Reading the points", 0.0)
    with _staged(root, title) as (staged, name):
        values, taken = tables.read(path, columns)
        with open(staged / "points.npy", "wb") as file:
            np.save(file, values)
            file.flush()
            os.fsync(file.fileno())
        facts = {
            "kind": "points",
            "classes": [],
            "counts": [len(values)],
            "columns": taken.sentence,
            "channels": 1,
            "created": time.time(),
            "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
            "skipped": 0,
        }
        files.write_json(staged / "data-set.json", {"schema_version": 1, "name": name, "title": _clean(title), **facts})
    return name


#: Errors of numpy for damaged array files, whose headers it parses as Python, and of the checks of their content.
UNREADABLE = (
    OSError, ValueError, LookupError, EOFError, TypeError, RuntimeError, MemoryError, OverflowError, SyntaxError, struct.error,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def labels_of(folder: Path) -> np.ndarray:
    """Return the labels (int64 [N]) of an imported data set's pictures. Raises InputError if its index is damaged."""
    try:
        with np.load(folder / "index.npz", allow_pickle=False) as file:
            labels: np.ndarray = file["label"].astype(np.int64)
    except UNREADABLE as error:
        raise damaged(folder) from error
    return labels


def decode_all(
    folder: Path, size: int, how: Literal["crop", "pad"], channels: int, workers: int | None = None
) -> Iterator[np.ndarray]:
    """Yield all pictures of an imported data set, in order, as uint8 chunks [n, size, size, channels].

    Raises InputError if its files are damaged.
    """
    try:
        with np.load(folder / "index.npz", allow_pickle=False) as file:
            offsets, lengths, digests = file["offset"], file["length"], file["digest"]
        if (folder / "originals.bin").stat().st_size != int(lengths.sum()):
            raise ValueError("unexpected length of originals.bin")
        if len(lengths) < 1 or lengths.min() < 1 or not np.array_equal(offsets, np.cumsum(lengths) - lengths):
            raise ValueError("the pictures are not contiguous")
        if digests.shape != (len(lengths), _DIGEST):
            raise ValueError("expected one digest per picture")
    except UNREADABLE as error:
        raise damaged(folder) from error
    stretch = imported.stretch_of(folder)
    pictures = max(1, min(_CHUNK_PICTURES, _CHUNK_BYTES // (size * size * channels)))
    chunks = (
        (str(folder / "originals.bin"), offsets[rows], lengths[rows], digests[rows], stretch, size, how, channels)
        for start in range(0, len(offsets), pictures)
        for rows in [slice(start, start + pictures)]
    )
    with parallel.pool(is_worth_it=len(offsets) >= _FEW, workers=workers) as pool:
        for _, pixels in parallel.each(pool, _decode_chunk, chunks):
            if pixels is None:
                raise damaged(folder)
            yield pixels


class _Found:
    """Writes the pictures and skipped files of an import as they are found; use it as a context manager."""

    def __init__(self, staged: Path, skipped: Iterable[archive.Skipped], sentence: str) -> None:
        self._staged = staged
        self._sentence = sentence  # on the classes
        self._digest = hashlib.sha256()
        self.rows: list[tuple[int, int, int, int]] = []  # offset, length, width, height
        self._groups: list[str] = []
        self._has_colour = False
        self._range_used = 0.0
        self._end = 0
        self._digests: list[bytes] = []
        self._reasons: Counter[str] = Counter()
        self._first = skipped

    def __enter__(self) -> _Found:
        self._originals = open(self._staged / "originals.bin", "wb")
        self._list = open(self._staged / "skipped.jsonl", "w", encoding="utf-8", errors="replace")
        for one in self._first:
            self.skip(one.name, one.reason)
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._originals, self._list):
            with contextlib.suppress(OSError):
                file.close()

    def skip(self, name: str, reason: str) -> None:
        self._reasons[reason] += 1
        self._list.write(files.to_json({"name": name, "reason": reason}) + "\n")

    def take(self, picture: _File, checked: _Checked) -> None:
        name, content, group = picture
        if isinstance(checked, str) or isinstance(content, str):
            self.skip(name, str(checked))
            return
        width, height, has_colour, range_used, digest = checked
        self._originals.write(content)
        self._digest.update(content)
        self.rows.append((self._end, len(content), width, height))
        self._digests.append(digest)
        self._groups.append(group)
        self._has_colour |= has_colour
        self._range_used = max(self._range_used, range_used)
        self._end += len(content)

    def finish(self) -> dict[str, Any]:
        """Write the index and return the facts. Raises InputError if there are fewer than two pictures."""
        if len(self.rows) < 2:
            raise self._too_few()
        for file in (self._originals, self._list):
            file.flush()
            os.fsync(file.fileno())
        classes = sorted(set(self._groups), key=grouping.natural)
        if len(classes) < 2:
            classes = []
        numbers = {name: number for number, name in enumerate(classes)}
        labels = np.array([numbers.get(group, 0) for group in self._groups], dtype=np.int32)
        originals = self._digest.hexdigest()
        digests = np.frombuffer(b"".join(self._digests), dtype=np.uint8).reshape(-1, _DIGEST)
        rows = np.array(self.rows, dtype=np.int64)
        with open(self._staged / "index.npz", "wb") as file:
            np.savez(file, offset=rows[:, 0], length=rows[:, 1], width=rows[:, 2], height=rows[:, 3], label=labels, digest=digests)
            file.flush()
            os.fsync(file.fileno())
        by_area = rows[np.lexsort((rows[:, 2], rows[:, 2] * rows[:, 3])), 2:]  # upright and wide ones apart
        return {
            "kind": "images",
            "classes": classes,
            "classes_from": self._sentence,
            "counts": np.bincount(labels, minlength=max(1, len(classes))).tolist(),
            "channels": 3 if self._has_colour else 1,
            "range_used": self._range_used,
            "created": time.time(),
            "sha256": originals,
            "version": _version(originals, labels, classes),
            "sizes": {
                "smallest": by_area[0].tolist(),
                "median": by_area[len(rows) // 2].tolist(),
                "largest": by_area[-1].tolist(),
            },
            "skipped": self._reasons.total(),
            "reasons": self._commonest(),
        }

    def _commonest(self) -> dict[str, int]:
        """Return the number of skipped files for each of the commonest reasons, and for all other reasons together."""
        commonest = dict(self._reasons.most_common(_MOST_REASONS))
        others = self._reasons.total() - sum(commonest.values())
        return commonest | ({"other reasons": others} if others else {})

    def _too_few(self) -> InputError:
        found = "only one picture was" if self.rows else "no picture was"
        if not self._reasons:
            return InputError(f"There is nothing to import: {found} found; add at least two {decoder.IN_WORDS} files.")
        (reason, often), skipped = self._reasons.most_common(1)[0], words.count(self._reasons.total(), "file")
        return InputError(
            f"There is nothing to import: {found} found, and {skipped} skipped, {often:,} with the reason “{reason}”; "
            f"add at least two {decoder.IN_WORDS} files."
        )


#: Reserved names on Windows.
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}


def _version(originals: str, labels: np.ndarray, classes: list[str]) -> str:
    """Return the fingerprint of all that a data set consists of: another choice of classes makes other data of the same files."""
    return hashlib.sha256(originals.encode() + labels.astype("<i4").tobytes() + "\0".join(classes).encode()).hexdigest()


@contextlib.contextmanager
def _staged(root: Path, title: str) -> Iterator[tuple[Path, str]]:
    """Yield a staging folder and the new data set's name; on success the folder is moved into place, otherwise deleted.

    The data set belongs to the acting person.
    """
    clean = _clean(title)
    own = root / data_sets.OWN
    staged = own / f"{STAGING}{secrets.token_hex(6)}"
    try:
        own.mkdir(parents=True, exist_ok=True)
        lock = hold_lock(own / ".import.lock", "Another import is under way; wait for it to end.")
        try:
            for left in own.glob(f"{STAGING}*"):
                shutil.rmtree(left, ignore_errors=True)
            name = _name_for(clean, own)
            staged.mkdir()
            owners.write(staged, people.current())
            yield staged, name
            os.rename(staged, own / name)
            files.sync_directory(own)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
            lock.release()
    except OSError as error:
        raise InputError(explain_os_error(error, f"importing “{shown(clean)}”")) from error


def _clean(title: str) -> str:
    """Return a title on one line without control characters. Raises InputError if the result is empty or too long."""
    clean = " ".join("".join(letter if letter.isprintable() or letter in "\u200c\u200d" else " " for letter in title).split())
    if not 1 <= len(clean) <= _LONGEST_TITLE:
        raise InputError(f"The name has {len(clean)} characters, expected 1 to {_LONGEST_TITLE}; choose another name.")
    return clean


def _name_for(title: str, own: Path) -> str:
    """Derive a unique name of a-z, 0-9 and hyphens from a title. Raises InputError if the title is already in use."""
    known = data_sets.all_sets()
    if any(entry.title.casefold() == title.casefold() or entry.name == title for entry in known.values()):
        raise InputError(f"A data set “{shown(title)}” already exists; choose another name or remove that one first.")
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower())[:40].strip("-") or "pictures"
    taken = set(known) | {data_sets.LSUN} | _DEVICES | {path.name for path in own.iterdir()}
    number, name = 1, plain
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name


#: Width, height, whether the chunk has colour so far, the share of the range of values that it uses so far, and the digest of the
#: bytes; or the reason to skip the picture.
_Checked = tuple[int, int, bool, float, bytes] | str
#: The name of a picture, its bytes or the reason why it could not be read, and its class.
_File = tuple[str, bytes | str, str]


def _read(source: PictureSource) -> Iterator[list[_File]]:
    """Yield the pictures in chunks, as files."""
    for chunk in source.chunks():
        yield [(picture.name, picture.encoded(), picture.group) for picture in chunk]


def _check(chunk: list[_File]) -> list[_Checked]:
    """Decode and check a chunk.

    Colour and range of values count for all pictures together. As soon as one picture has colour or uses the whole range, the
    others are no longer examined for it, and get the same.
    """
    found: list[_Checked] = []
    has_colour, range_used = False, 0.0
    for _, content, _ in chunk:
        checked = content if isinstance(content, str) else _check_one(content, has_colour=has_colour, range_used=range_used)
        if not isinstance(checked, str):
            has_colour, range_used = checked[2], checked[3]
        found.append(checked)
    return found


def _check_one(content: bytes, *, has_colour: bool, range_used: float) -> _Checked:
    try:
        picture = decoder.decode(content, smallest=32)
        has_colour = has_colour or decoder.has_colour(content, picture)
    except decoder.Refused as reason:
        return str(reason)
    if range_used < 1:
        range_used = 1.0 if picture.is_reduced else max(range_used, picture.range_used)  # a fraction averages bright points away
    return picture.width, picture.height, has_colour, range_used, _digest(content)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()


def _decode_chunk(
    task: tuple[str, np.ndarray, np.ndarray, np.ndarray, float, int, Literal["crop", "pad"], int],
) -> np.ndarray | None:
    """Return the pictures of a chunk, or None if one cannot be read or differs from the imported bytes."""
    path, offsets, lengths, digests, stretch, size, how, channels = task
    pixels = np.empty((len(offsets), size, size, channels), dtype=np.uint8)
    try:
        with open(path, "rb") as file:
            for row, (offset, length) in enumerate(zip(offsets.tolist(), lengths.tolist(), strict=True)):
                file.seek(offset)
                content = file.read(length)
                if _digest(content) != digests[row].tobytes():
                    return None
                pixels[row] = decoder.fit(decoder.decode(content, size, stretch).image, size, how, channels)
    except (OSError, decoder.Refused):
        return None
    return pixels
