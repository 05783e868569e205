"""Import of a guest: its pictures are decoded once, brought to the size of a data set, and moved into place when complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from gan import words
from gan.access import owners, people
from gan.catalogue import data_sets
from gan.config.data import SIZES
from gan.data.archive import Skipped
from gan.errors import InputError, explained, shown
from gan.guests import reading
from gan.guests.guest import PICTURES, Facts, Guest, Network, Place, folder
from gan.guests.measuring import Fitting, repeated
from gan.guests.reading import Found, Opened, Options
from gan.runs import Label, Status, checked_name, new_id
from gan.storage import files
from gan.storage.jobs import Report

FEWEST = 16  # pictures that can be scored: a contact sheet of 4 × 4
_MOST_BYTES = 8 << 30  # of decoded pictures
_GRID, _GAP, _SMALLEST_GRID = 8, 2, 512  # pictures along a side of a grid, and pixels
_STAGED = ".new-"

#: Writes the networks of a guest to its folder and returns what is known of them; None for a guest of pictures.
Keep = Callable[[Guest], Network | None]


@dataclass(frozen=True)
class Wish:
    """What is asked for. ``data``: the data set to score against; ``size``: pixels, 0 for the one nearest to the pictures' own.

    ``batch``: images per step, 0 if unknown. ``most``: pictures to accept, 0 for any number.
    """

    name: str
    data: str
    size: int = 0
    note: str = ""
    weights: Literal["raw", "EMA"] = "raw"
    batch: int = 0
    most: int = 0
    options: Options = field(default_factory=Options)


def bring(root: Path, path: Path, wish: Wish, report: Report, source: str = "", keep: Keep = lambda guest: None) -> Guest:
    """Import pictures as a guest among the runs in ``root`` and return it.

    ``source``: how the file is called, if not by its path. ``keep`` adds the generator that has drawn them, before others see the
    guest.

    Raises InputError for a data set of points, too few or too many pictures, a damaged source, a full disk, ...
    """
    name, entry = checked_name(wish.name), data_sets.find(wish.data)
    if not name:
        raise InputError("The guest has no name; give it one, such as “Keras, epoch 500”.")
    if entry.kind == "points":
        raise InputError(f"“{entry.title}” holds points, and a guest has pictures; choose a data set of images.")
    options = wish.options if wish.options.classes else Options(wish.options.folders, wish.options.sheet, entry.classes)
    report("Looking for pictures", 0.0)
    source = shown(source or path.name, most=200)
    with reading.open_pictures(path, options, Path(source).stem) as opened, _staged(root) as (staged, guest):
        _refuse_beyond(wish.most, opened.files if opened.sheet is None else 0)
        writer = _Writer(staged.path / PICTURES, wish, entry.channels)
        with writer:
            done = 0
            for place, read, found in opened.pictures():
                writer.add(place, found)
                done += read
                report(f"Reading {done:,} of {opened.files:,} files", min(1.0, done / max(1, opened.files)))
        _write(staged, wish, name, entry.channels, opened, writer, source, keep)
        os.rename(staged.path, guest.path)
        files.sync_directory(folder(root))
    return guest


def _refuse_beyond(most: int, count: int) -> None:
    if most and count > most:
        raise InputError(
            f"The limit of this class is {most:,} pictures an upload, and this one has {count:,} or more; upload fewer of them, or "
            "ask your teacher."
        )


class _Writer:
    """Writes pictures as they come, and notes where each place begins; use it as a context manager."""

    def __init__(self, path: Path, wish: Wish, channels: int) -> None:
        self._path, self._wish, self._channels = path, wish, channels
        self._fitting: Fitting | None = None
        self.size = wish.size
        self.images = 0
        self.places: dict[int, Place] = {}
        self.first: dict[int, np.ndarray] = {}  # by place: pictures of its grid

    def __enter__(self) -> _Writer:
        self._file = open(self._path, "wb", buffering=0)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                os.fsync(self._file.fileno())
        finally:
            self._file.close()

    @property
    def fitting(self) -> Fitting:
        assert self._fitting is not None
        return self._fitting

    def add(self, place: int, found: list[Found]) -> None:
        if not found:
            return
        if self._fitting is None:
            side = min(found[0].pixels.shape[:2]) // repeated(found[0].pixels)
            self.size = self.size or min(SIZES, key=lambda size: abs(np.log(size / side)))
            self._fitting = Fitting(self.size, self._channels)
        pixels = self._fitting.fit(found)
        files.write_all(self._file, pixels.tobytes())
        known = self.places.get(place)
        if known is None:
            self.places[place] = Place(number=place, start=self.images, count=len(pixels))
        elif known.start + known.count == self.images:
            self.places[place] = known.model_copy(update={"count": known.count + len(pixels)})
        else:
            raise InputError(f"The pictures of number {place:,} lie in several folders; put them into one.")
        before = self.first.get(place, pixels[:0])
        self.first[place] = np.concatenate([before, pixels[: _GRID * _GRID - len(before)]])
        self.images += len(pixels)
        _refuse_beyond(self._wish.most, self.images)
        if self._file.tell() > _MOST_BYTES:
            raise InputError(
                f"The pictures take more than {_MOST_BYTES >> 30} GB at {self.size} pixels; import fewer, or at a smaller size."
            )


def _write(
    staged: Guest,
    wish: Wish,
    name: str,
    channels: int,
    opened: Opened,
    writer: _Writer,
    source: str,
    keep: Keep,
) -> None:
    """Write the files of a guest beside its pictures. Raises InputError if a place has too few pictures to be scored."""
    skipped = Counter(one.reason for one in opened.skipped)
    fewest = min((place.count for place in writer.places.values()), default=0)
    if fewest < FEWEST:
        raise _too_few(writer, opened, fewest)
    conditions = writer.fitting.conditions() | {"pictures": writer.images, "skipped": skipped.total()}
    conditions |= {"skipped_because": skipped.most_common(1)[0][0] if skipped else ""}
    facts = Facts(
        source=source,
        data=wish.data,
        size=writer.size,  # type: ignore[arg-type]
        channels=channels,  # type: ignore[arg-type]
        images=writer.images,
        unit=opened.unit,
        batch=wish.batch,
        weights=wish.weights,
        places=tuple(writer.places[number] for number in sorted(writer.places)),
        conditions=conditions,
        network=keep(staged),
    )
    staged.samples_path.mkdir()
    for number, pixels in writer.first.items():
        grid(pixels).save(staged.samples_path / f"{number:08d}.png", compress_level=4)
    owners.write(staged.path, people.current())
    staged.write_label(Label(name=name, note=wish.note))
    now = time.time()
    staged.write_status(Status(state="finished", made_at=now, queued_at=now, heartbeat=now))
    files.write_json(staged.facts_path, facts.model_dump(mode="json"))


def _too_few(writer: _Writer, opened: Opened, fewest: int) -> InputError:
    skipped: list[Skipped] = opened.skipped
    where = ""
    if len(writer.places) > 1:
        number = min(writer.places.values(), key=lambda place: place.count).number
        where = f" in {opened.unit} {number:,}"
    one = skipped[0] if skipped else None
    if one and not writer.images and len(skipped) == 1:
        return InputError(one.reason if one.reason.endswith(".") else f"“{one.name}” cannot be read: {one.reason}.")
    also = f" {words.count(len(skipped), 'file')} skipped, the first “{one.name}”: {one.reason.rstrip('.')}." if one else ""
    todo = "add more pictures, or if they are contact sheets, give their rows and columns"
    if opened.sheet is not None:
        where = f"{where} on the contact sheet"
        todo = "give its rows and columns, or crop titles and margins"
    return InputError(f"Only {words.count(fewest, 'picture')} found{where}, expected at least {FEWEST} for a score; {todo}.{also}")


def grid(pixels: np.ndarray) -> Image.Image:
    """Return up to 8 × 8 pictures, uint8 [N, S, S, C], as one, enlarged by a whole factor if it is small."""
    count, size = min(len(pixels), _GRID * _GRID), pixels.shape[1]
    columns = min(_GRID, count)
    rows, step = -(-count // columns), size + _GAP
    canvas = np.full((rows * step - _GAP, columns * step - _GAP, pixels.shape[-1]), 127, np.uint8)
    for place in range(count):
        top, left = place // columns * step, place % columns * step
        canvas[top : top + size, left : left + size] = pixels[place]
    factor = max(1, -(-_SMALLEST_GRID // canvas.shape[1]))
    image = Image.fromarray(canvas.squeeze(-1) if canvas.shape[-1] == 1 else canvas)
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


@contextlib.contextmanager
def _staged(root: Path) -> Iterator[tuple[Guest, Guest]]:
    """Yield a guest under a temporary name and under its own; the temporary one is removed at the end, if it is still there."""
    place = folder(root)
    with explained("importing the guest"):
        place.mkdir(parents=True, exist_ok=True)
        files.clear_staged(place, f"{_STAGED}*")
        name = new_id()
        staged = Guest(place / f"{_STAGED}{name}.{files.mark()}")
        try:
            staged.path.mkdir()
            yield staged, Guest(place / name)
        finally:
            shutil.rmtree(staged.path, ignore_errors=True)
