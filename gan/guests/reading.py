"""The pictures of a source in any format, decoded in parallel, with the epochs or steps that its names tell; torch-free."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from gan.data import archive, decoder, parallel
from gan.data.archive import Skipped
from gan.data.decoder import IN_WORDS, Refused
from gan.data.formats import opening
from gan.data.formats.pictures import Picture, PictureSource
from gan.data.grouping import Choice
from gan.errors import InputError, explained, shown
from gan.guests import sheet
from gan.guests.guest import Unit

FOLDERS = ("auto", "epoch", "step", "no")  # what folders with numbers may be taken for
MOST_SHEET_PIXELS = 16_000_000

_FILES = "picture files"  # the format whose pictures have names
_JPEG = b"\xff\xd8\xff"
_UNITS: dict[str, Unit] = {"e": "epoch", "s": "step", "i": "step"}  # by the first letter of the word
_NUMBERED = re.compile(r"(?:^|[^a-z])(epochs?|ep|steps?|iter(?:ation)?s?)[\s_=.-]*(\d{1,12})(?!\d)", re.IGNORECASE)
_PLAIN = re.compile(r"\d{1,12}")
_FEW, _WORTH = 200, 4.0  # pictures, and expected seconds of decoding, below which starting processes does not pay


@dataclass(frozen=True)
class Sheet:
    """How to cut contact sheets: ``rows`` and ``columns``, 0 to find them."""

    rows: int = 0
    columns: int = 0


@dataclass(frozen=True)
class Options:
    """How to read a source.

    ``folders``: one of ``FOLDERS``. ``sheet``: every picture is a contact sheet; None: if it is the only one.
    ``classes``: names of classes, which folders of plain numbers may be.
    """

    folders: str = "auto"
    sheet: Sheet | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A decoded picture, uint8 [H, W] or [H, W, 3]. ``from_sheet``: how its sheet was cut, empty for a single picture."""

    pixels: np.ndarray
    is_jpeg: bool = False
    from_sheet: str = ""


#: The number of a place, some of its pictures, and how to cut them if they are contact sheets.
_Task = tuple[int, list[Picture], Sheet | None]


@dataclass
class Opened:
    """An open source. ``places``: the number of the epoch or step of each file; one number for all if it has a single place.

    ``sentence``: what its folders were taken for; empty if nothing. ``files``: how many are to be read.
    """

    source: PictureSource
    unit: Unit
    places: Sequence[int]
    sentence: str
    sheet: Sheet | None
    files: int
    skipped: list[Skipped] = field(default_factory=list)

    def pictures(self, workers: int | None = None) -> Iterator[tuple[int, int, list[Found]]]:
        """Yield (number of the place, files read, pictures) in chunks, place after place.

        What cannot be read goes to ``skipped``. Raises InputError if the source is damaged.
        """
        tasks = ((place, chunk, self.sheet) for place, chunk in self._chunks())
        done, seconds = 0, 0.0
        is_large = self.source.format == _FILES and self.files >= _FEW
        while not (is_large and (workers is not None or (done >= _FEW and (self.files / done - 1) * seconds > _WORTH))):
            if (task := next(tasks, None)) is None:
                return
            began = time.perf_counter()
            results = _decode(task)
            seconds, done = seconds + time.perf_counter() - began, done + len(task[1])
            yield self._sorted(task, results)
        with parallel.pool(is_worth_it=True, workers=workers) as pool:
            for task, results in parallel.each(pool, _decode, tasks):
                yield self._sorted(task, results)

    def _sorted(self, task: _Task, results: list[list[Found] | str]) -> tuple[int, int, list[Found]]:
        """Return the number of the place, the files read and the pictures of a task; note what was skipped."""
        place, chunk, _ = task
        good: list[Found] = []
        for picture, result in zip(chunk, results, strict=True):
            if isinstance(result, str):
                self.skipped.append(Skipped(picture.name, result))
            else:
                good += result
        return place, len(chunk), good

    def _chunks(self) -> Iterator[tuple[int, list[Picture]]]:
        """Yield the number of a place with some pictures of it."""
        done = 0
        for chunk in self.source.chunks():
            numbers = self.places[done : done + len(chunk)] if len(self.places) > 1 else [self.places[0]] * len(chunk)
            start = 0
            for end in range(1, len(chunk) + 1):
                if end == len(chunk) or numbers[end] != numbers[start]:
                    yield numbers[start], chunk[start:end]
                    start = end
            done += len(chunk)


@contextlib.contextmanager
def open_pictures(path: Path, options: Options, name: str = "") -> Iterator[Opened]:
    """Open pictures in any format that can be imported, or one picture that is a contact sheet; ``name`` replaces that of the path.

    Raises InputError if there are no pictures.
    """
    with _source(path) as source:
        is_named = source.format == _FILES
        names = [source.name_of(place) for place in range(source.files or source.count)] if is_named else []
        if not source.count:
            raise InputError(f"“{shown(name or path.name)}” holds no pictures; expected {IN_WORDS} files, or NumPy arrays.")
        is_one = is_named and len([one for one in names if one.lower().endswith(archive.PICTURES)]) == 1
        asked = options.sheet or (Sheet() if is_one else None)
        unit, places, sentence = _places(names, options, asked is not None, name or path.stem)
        files = len(names) or source.count
        yield Opened(source, unit, places, sentence, asked, files, list(source.skipped))


@contextlib.contextmanager
def _source(path: Path) -> Iterator[PictureSource]:
    with explained(f"reading {shown(str(path), most=200)}"):
        is_single = path.suffix.lower() in archive.PICTURES and path.is_file() and path.stat().st_size <= archive.MOST_BYTES
        content = path.read_bytes() if is_single else b""
    if is_single:
        yield PictureSource(_FILES, "", 1, lambda: iter([content]), name_of=lambda place: shown(path.name), files=1)
        return
    with opening.open_pictures(path, Choice("no")) as source:
        yield source


def _places(names: Sequence[str], options: Options, are_sheets: bool, called: str) -> tuple[Unit, Sequence[int], str]:
    """Return what folders (of several sheets in one: files) number, the number of each file, and a sentence on it.

    Other files than pictures, such as notes, get the number of the file before them.
    """
    every = names
    names = [one for one in every if one.lower().endswith(archive.PICTURES)] or every
    folders = [PurePosixPath(one).parts[:-1] for one in names]
    common = 0
    while folders and all(len(one) > common for one in folders) and len({one[common] for one in folders}) == 1:
        common += 1
    tops = [one[common] if len(one) > common else "" for one in folders]
    if are_sheets and len(names) > 1 and len(set(tops)) == 1:
        tops = [PurePosixPath(one).stem for one in names]
    unit, numbers = ("", {}) if options.folders == "no" or len(set(tops)) < 2 else _numbers(set(tops), options)
    if numbers:
        known = dict(zip(names, (numbers[top] for top in tops), strict=True))
        each, number = [], next(iter(known.values()))
        for one in every:
            each.append(number := known.get(one, number))
        kind = "files" if are_sheets else "folders"
        told = f"{len(set(each))} {unit}s, from {min(each):,} to {max(each):,}, by the names of its {kind}."
        return unit, each, told
    around = [] if options.folders == "no" else [*(folders[0][:common] if folders else ()), called]
    unit, number = next((found for one in reversed(around) if (found := _number(one)) is not None), ("", 0))
    return unit, [number], f"{unit.capitalize()} {number:,}, by its name." if unit else ""


def _numbers(names: set[str], options: Options) -> tuple[Unit, dict[str, int]]:
    """Return what the names of folders number, and the number of each; nothing if a name has none, or if they are classes."""
    found = {name: one for name in names if (one := _number(name)) is not None}
    wanted: Unit = "step" if options.folders == "step" else "epoch"
    if len(found) == len(names) and len({unit for unit, _ in found.values()}) == 1:
        unit = next(iter(found.values()))[0] if options.folders == "auto" else wanted
        return unit, {name: number for name, (_, number) in found.items()}
    if all(_PLAIN.fullmatch(name) for name in names) and (options.folders != "auto" or not names <= set(options.classes)):
        return wanted, {name: int(name) for name in names}
    return "", {}


def _number(name: str) -> tuple[Unit, int] | None:
    found = _NUMBERED.search(name)
    return (_UNITS[found[1][0].lower()], int(found[2])) if found else None


def _decode(task: _Task) -> list[list[Found] | str]:
    """Return the pictures in each file of a chunk, or the reason why it is skipped."""
    _, chunk, asked = task
    found: list[list[Found] | str] = []
    for picture in chunk:
        try:
            found.append(_decode_one(picture, asked))
        except Refused as reason:
            found.append(str(reason))
        except InputError as error:  # it is no contact sheet
            found.append(str(error))
    return found


def _decode_one(picture: Picture, asked: Sheet | None) -> list[Found]:
    if isinstance(picture.content, np.ndarray):
        pixels, is_jpeg = picture.content, False
        pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    else:
        is_jpeg = isinstance(picture.content, bytes) and picture.content.startswith(_JPEG)
        if isinstance(picture.content, str):
            raise Refused(picture.content)
        pixels = np.asarray(decoder.decode(picture.content).image)
    if asked is None:
        return [Found(pixels, is_jpeg)]
    if pixels.shape[0] * pixels.shape[1] > MOST_SHEET_PIXELS:
        raise Refused(f"has more than {MOST_SHEET_PIXELS // 1_000_000} million pixels, the limit for a contact sheet")
    grid = sheet.find(pixels, asked.rows, asked.columns)
    return [Found(np.ascontiguousarray(tile), is_jpeg, f"{grid.shape}, {grid.found}") for tile in sheet.tiles(pixels, grid)]
