"""The pictures of a folder, a ZIP or a contact sheet, decoded in parallel, with the epoch or step that their folders name."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gan.data import archive, decoder, parallel
from gan.data.archive import Entry, Skipped, Source
from gan.data.decoder import IN_WORDS, Refused
from gan.errors import InputError, explained, shown
from gan.guests import sheet
from gan.guests.guest import Unit

FOLDERS = ("auto", "epoch", "step", "no")  # what folders with numbers may be taken for
MOST_SHEET_PIXELS = 24_000_000

_JPEG = b"\xff\xd8\xff"
_UNITS: dict[str, Unit] = {"e": "epoch", "s": "step", "i": "step"}  # by the first letter of the word
_NUMBERED = re.compile(r"(?:^|[^a-z])(epochs?|ep|steps?|iter(?:ation)?s?)[\s_=.-]*(\d{1,12})(?!\d)", re.IGNORECASE)
_PLAIN = re.compile(r"\d{1,12}")
_CHUNK_PICTURES, _CHUNK_BYTES = 128, 8 << 20
_FEW = 200  # pictures below which starting processes does not pay


@dataclass(frozen=True)
class Sheet:
    """How to cut contact sheets: ``rows`` and ``columns``, 0 to find them."""

    rows: int = 0
    columns: int = 0


@dataclass(frozen=True)
class Options:
    """How to read a source. ``folders``: one of ``FOLDERS``. ``sheet``: every picture is a contact sheet; None: if it is the only one.

    ``classes``: names of classes, which folders of plain numbers may be.
    """

    folders: str = "auto"
    sheet: Sheet | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A decoded picture, uint8 [H, W] or [H, W, 3]. ``from_sheet``: how its sheet was cut, empty for a single picture."""

    pixels: np.ndarray
    is_jpeg: bool
    from_sheet: str = ""


@dataclass
class Opened:
    """The files of a source by place: number → entries. ``sentence``: what its folders were taken for; empty if nothing."""

    source: Source
    unit: Unit
    places: dict[int, list[Entry]]
    sentence: str
    sheet: Sheet | None
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def files(self) -> int:
        """Number of files of all places."""
        return sum(map(len, self.places.values()))

    def pictures(self, workers: int | None = None) -> Iterator[tuple[int, int, list[Found]]]:
        """Yield (number of the place, files read, pictures) in chunks, in order; what cannot be read goes to ``skipped``."""
        with parallel.pool(is_worth_it=self.files >= _FEW, workers=workers) as pool:
            chunks = ((place, chunk) for place, entries in self.places.items() for chunk in _chunks(self.source, entries))
            tasks = ((place, chunk, self.sheet) for place, chunk in chunks)
            for (place, chunk, _), results in parallel.each(pool, _decode, tasks):
                good: list[Found] = []
                for (entry, _), result in zip(chunk, results, strict=True):
                    if isinstance(result, str):
                        self.skipped.append(Skipped(entry.name, result))
                    else:
                        good += result
                yield place, len(chunk), good


@contextlib.contextmanager
def open_pictures(path: Path, options: Options, name: str = "") -> Iterator[Opened]:
    """Open a folder, a ZIP, or one picture that is a contact sheet; ``name``: what the source is called, if not by its path.

    Raises InputError if there are no pictures, or one that is no contact sheet.
    """
    with _source(path) as source:
        entries = [entry for entry in source.entries if entry.is_picture]
        if not entries:
            raise InputError(f"“{shown(name or path.name)}” holds no pictures; expected {IN_WORDS} files.")
        asked = options.sheet or (Sheet() if len(entries) == 1 else None)
        unit, places, sentence = _places(entries, options, asked is not None, name or path.stem)
        yield Opened(source, unit, places, sentence, asked, list(source.skipped))


@contextlib.contextmanager
def _source(path: Path) -> Iterator[Source]:
    """Open a folder or a ZIP, or a single picture as a source of one file."""
    with explained(f"reading {shown(str(path), most=200)}"):
        is_single = path.is_file() and path.suffix.lower() != ".zip" and not _is_zip(path)
    if is_single:
        entry = Entry(shown(path.name), (path.name,), path)
        if not entry.is_picture:
            raise InputError(f"“{shown(path.name)}” is not read; expected a folder or a ZIP of {IN_WORDS} pictures, or a contact sheet.")
        yield Source([entry], [], lambda key: open(key, "rb"), "cannot be read")
        return
    with archive.open_source(path) as source:
        yield source


def _is_zip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PK\3\4"


def _places(entries: Sequence[Entry], options: Options, are_sheets: bool, name: str) -> tuple[Unit, dict[int, list[Entry]], str]:
    """Return what the folders of pictures number, the pictures by that number in ascending order, and a sentence on it."""
    folders = [entry.path[:-1] for entry in entries]
    common = 0
    while all(len(one) > common for one in folders) and len({one[common] for one in folders}) == 1:
        common += 1
    tops = [one[common] if len(one) > common else "" for one in folders]
    if are_sheets and len(entries) > 1 and len(set(tops)) == 1:
        tops = [Path(entry.path[-1]).stem for entry in entries]
    unit, numbers = ("", {}) if options.folders == "no" or len(set(tops)) < 2 else _numbers(set(tops), options)
    if not numbers:
        around = [*folders[0][:common], name] if options.folders != "no" else []
        unit, number = next((found for one in reversed(around) if (found := _number(one)) is not None), ("", 0))
        return unit, {number: list(entries)}, f"{unit.capitalize()} {number:,}, by its name." if unit else ""
    found: dict[int, list[Entry]] = {}
    for top, entry in zip(tops, entries, strict=True):
        found.setdefault(numbers[top], []).append(entry)
    ordered = dict(sorted(found.items()))
    first, last = next(iter(ordered)), next(reversed(ordered))
    return unit, ordered, f"{len(ordered)} {unit}s, from {first:,} to {last:,}, by the names of its {'files' if are_sheets else 'folders'}."


def _numbers(names: set[str], options: Options) -> tuple[Unit, dict[str, int]]:
    """Return what the names of folders number, and the number of each; nothing if a name has none, or if they are classes."""
    found = {name: _number(name) for name in names}
    if all(found.values()):
        units = {one[0] for one in found.values() if one}
        if len(units) == 1:
            unit = units.pop() if options.folders == "auto" else options.folders
            return unit, {name: one[1] for name, one in found.items() if one}  # type: ignore[return-value]
    if all(_PLAIN.fullmatch(name) for name in names) and (options.folders != "auto" or not names <= set(options.classes)):
        return ("step" if options.folders == "step" else "epoch"), {name: int(name) for name in names}
    return "", {}


def _number(name: str) -> tuple[Unit, int] | None:
    found = _NUMBERED.search(name)
    return (_UNITS[found[1][0].lower()], int(found[2])) if found else None


Chunk = list[tuple[Entry, bytes | str]]  # entries with their bytes, or with the reason why they cannot be read


def _chunks(source: Source, entries: Sequence[Entry]) -> Iterator[Chunk]:
    chunk: Chunk = []
    size = 0
    for entry in entries:
        content: bytes | str
        try:
            content = source.read(entry)
        except Refused as reason:
            content = str(reason)
        if chunk and (len(chunk) >= _CHUNK_PICTURES or size + len(content) > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((replace(entry, key=None), content))  # keys cannot be sent to another process
        size += len(content)
    if chunk:
        yield chunk


def _decode(task: tuple[int, Chunk, Sheet | None]) -> list[list[Found] | str]:
    """Return the pictures of each file of a chunk, or the reason why it is skipped."""
    _, chunk, asked = task
    found: list[list[Found] | str] = []
    for _, content in chunk:
        try:
            found.append(content if isinstance(content, str) else _decode_one(content, asked))
        except (Refused, InputError) as reason:
            if isinstance(reason, InputError) and len(chunk) == 1:
                raise
            found.append("no grid of pictures was found" if isinstance(reason, InputError) else str(reason))
    return found


def _decode_one(content: bytes, asked: Sheet | None) -> list[Found]:
    image, is_jpeg = decoder.decode(content).image, content.startswith(_JPEG)
    if asked is None:
        return [Found(np.asarray(image), is_jpeg)]
    if image.width * image.height > MOST_SHEET_PIXELS:
        raise Refused(f"has more than {MOST_SHEET_PIXELS // 1_000_000} million pixels")
    pixels = np.asarray(image)
    grid = sheet.find(pixels, asked.rows, asked.columns)
    return [Found(np.ascontiguousarray(tile), is_jpeg, f"{grid.shape}, {grid.found}") for tile in sheet.tiles(pixels, grid)]
