"""The catalogue of data sets, one entry each; torch-free, so that the pages can list them.

Imported sets are read from the data folder; all others are listed here.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from gan import words
from gan.catalogue import lsun
from gan.errors import InputError, explained, nearest, shown
from gan.places import data_root

OWN = "own"  # folder of imported sets in the data root
EXPORTS = "exports"  # folder of files for other programs, in the data folder


@dataclass(frozen=True)
class DataSet:
    """A set of real images, or of points in the plane.

    ``counts``: the number of items in each of ``classes``, in order; a set without labels has one count and no classes.
    ``channels``: 1 (grey) or 3 (colour). ``version`` changes with the content. ``skipped``: files skipped by an import.
    ``native_size``: (width, height) in pixels before scaling; None if images are rendered at any size or vary. ``made_of``: the
    data set whose images a stacked set combines.
    """

    name: str
    title: str
    description: str
    source: str
    counts: tuple[int, ...]
    classes: tuple[str, ...] = ()
    channels: Literal[1, 3] = 1
    origin: Literal["built-in", "download", "own"] = "built-in"
    kind: Literal["images", "points"] = "images"
    version: str = "1"
    skipped: int = 0
    native_size: tuple[int, int] | None = None
    made_of: str = ""

    @property
    def images(self) -> int:
        """Total number of images (or points)."""
        return sum(self.counts)

    @property
    def is_offline(self) -> bool:
        """Whether the set is available without a network."""
        return self.origin != "download"


_DIGITS = tuple("0123456789")
_THOUSAND = tuple(f"{number:03d}" for number in range(1000))
_GARMENTS = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_KUZUSHIJI = ("お", "き", "す", "つ", "な", "は", "ま", "や", "れ", "を")
_CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
#: size, colour, shape and background of each class of shapes, in the order of ``gan.data.rendered.shapes``.
_SHAPES = tuple(
    f"{size} {colour} {shape} on {background}"
    for shape in ("circle", "square", "triangle", "star")
    for colour in ("red", "green", "blue", "yellow")
    for size in ("small", "large")
    for background in ("dark", "light")
)
POINT_CLASSES: dict[str, tuple[str, ...]] = {
    "ring": tuple(f"{45 * number}°" for number in range(8)),
    "grid": tuple(f"({x}, {y})" for y in range(-4, 5, 2) for x in range(-4, 5, 2)),
    "spiral": ("first arm", "second arm"),
    "moons": ("upper moon", "lower moon"),
}
_STL = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


def _points(name: str, title: str, description: str, source: str) -> DataSet:
    classes = POINT_CLASSES[name]
    return DataSet(name, title, description, source, _shares(10_000, len(classes)), classes, kind="points")


def _shares(total: int, parts: int) -> tuple[int, ...]:
    """Split ``total`` into ``parts`` that differ by at most 1, the larger ones first."""
    return tuple(total // parts + (index < total % parts) for index in range(parts))


DATA_SETS: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            "digits", "Digits", "1,797 handwritten digits, 8×8 pixels, scaled up; built in.",
            "E. Alpaydin and C. Kaynak, UCI 1998, CC BY 4.0 (test part of “optdigits”)",
            (178, 182, 177, 183, 181, 182, 181, 179, 174, 180), _DIGITS, native_size=(8, 8),
        ),
        DataSet(
            "shapes", "Shapes (rendered)",
            "8,192 rendered circles, squares, triangles and stars in four colours and two sizes on two backgrounds: "
            "64 equally frequent combinations, so missing ones can be counted.",
            "rendered by the program", _shares(8192, len(_SHAPES)), _SHAPES, 3,
        ),
        DataSet(
            "bedrooms", "Bedrooms (rendered)",
            "5,000 rendered bedrooms in many styles: a substitute for the LSUN photographs.",
            "rendered by the program, not photographs", (5000,), (), 3,
        ),
        DataSet(
            "stacked-digits", "Stacked digits",
            "20,000 colour images of three digits, one per channel: 1,000 modes, like Stacked MNIST but built in.",
            "made from “digits”", _shares(20_000, 1000), _THOUSAND, 3, native_size=(8, 8), made_of="digits",
        ),
        _points("ring", "Ring of 8", "10,000 points around 8 positions on a circle: the smallest test of mode collapse.",
                "as in PacGAN (Lin et al. 2017)"),
        _points("grid", "Grid of 25", "10,000 points around 25 grid positions: harder than the ring.",
                "as in PacGAN (Lin et al. 2017)"),
        _points("spiral", "Spiral", "10,000 points on the two arms of a spiral: no separate modes to count.",
                "generated by the program"),
        _points("moons", "Two moons", "10,000 points on two interleaved half circles.", "generated by the program"),
        DataSet(
            "mnist", "MNIST", "60,000 handwritten digits, 28×28 pixels; downloaded once (12 MB).",
            "Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0",
            (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949), _DIGITS, origin="download", native_size=(28, 28),
        ),
        DataSet(
            "fashion-mnist", "Fashion-MNIST", "60,000 images of clothing, 28×28 pixels; downloaded once (31 MB).",
            "H. Xiao, K. Rasul and R. Vollgraf 2017, MIT", (6000,) * 10, _GARMENTS, origin="download", native_size=(28, 28),
        ),
        DataSet(
            "kmnist", "Kuzushiji-MNIST", "60,000 cursive Japanese characters, 28×28 pixels; downloaded once (21 MB).",
            "T. Clanuwat et al. 2018, CC BY-SA 4.0", (6000,) * 10, _KUZUSHIJI, origin="download", native_size=(28, 28),
        ),
        DataSet(
            "stacked-mnist", "Stacked MNIST",
            "60,000 colour images of three MNIST digits, one per channel: 1,000 modes, 60 images each.",
            "made from MNIST; Metz et al. 2016", (60,) * 1000, _THOUSAND, 3,
            origin="download", native_size=(28, 28), made_of="mnist",
        ),
        DataSet(
            "cifar10", "CIFAR-10", "50,000 photographs in ten classes, 32×32 pixels; downloaded once (170 MB).",
            "A. Krizhevsky 2009", (5000,) * 10, _CIFAR, 3, origin="download", native_size=(32, 32),
        ),
        DataSet(
            "stl10", "STL-10", "5,000 labelled photographs in ten classes, 96×96 pixels; downloaded once (2.6 GB).",
            "A. Coates, H. Lee and A. Ng 2011", (500,) * 10, _STL, 3, origin="download", native_size=(96, 96),
        ),
    )
}  # fmt: skip

LSUN = "lsun-bedroom"  # also its folder in the data root


def all_sets() -> dict[str, DataSet]:
    """Return all data sets by name: the listed ones, LSUN bedrooms if present, then imported sets sorted by title."""
    own = {entry.name: entry for entry in sorted(_own().values(), key=lambda entry: entry.title.casefold())}
    if (data_root() / LSUN).exists():
        with contextlib.suppress(InputError):
            own = {LSUN: _lsun()} | own
    return DATA_SETS | own


def exists(name: str) -> bool:
    """Return whether a data set called ``name`` is built in or on this machine; the disk is read only for the latter."""
    return name in DATA_SETS or name in all_sets()


def find(name: str) -> DataSet:
    """Return the entry called ``name``. Raises InputError, with a suggestion or the known names, if it does not exist."""
    if name in DATA_SETS:
        return DATA_SETS[name]
    if name == LSUN:
        return _lsun()
    own = _own()
    if name not in own:
        raise InputError(f"There is no data set “{shown(name)}”; " + nearest(name, [*DATA_SETS, *own]))
    return own[name]


def own_folder(name: str) -> Path:
    """Return the folder of an imported data set."""
    return data_root() / OWN / name


def count_chosen(entry: DataSet, classes: Sequence[str]) -> int:
    """Return the number of images in the chosen ``classes``; an empty choice means all."""
    if not classes:
        return entry.images
    return sum(count for name, count in zip(entry.classes, entry.counts, strict=True) if name in classes)


def _lsun() -> DataSet:
    """Return the entry of the LSUN bedrooms. Raises InputError, with where to get them, if there are none."""
    place = data_root() / LSUN
    with explained("looking for the LSUN bedrooms"):
        return _lsun_of(place, lsun.stamp() if place.exists() else "")


@lru_cache(maxsize=4)
def _lsun_of(place: Path, stamp: str) -> DataSet:
    images = lsun.count()
    about = f"{images:,} photographs of bedrooms, found in the data folder."
    return DataSet(LSUN, "LSUN bedrooms", about, "F. Yu et al. 2015 (1506.03365)", (images,), (), 3, "own", version=stamp)


def _own() -> dict[str, DataSet]:
    """Return the imported data sets in the data root, by name."""
    found = {}
    try:
        with os.scandir(data_root() / OWN) as folders:
            paths = [Path(folder.path) / "data-set.json" for folder in folders if not folder.name.startswith(".")]
    except OSError:
        return {}
    for path in paths:
        try:
            entry = _read(path, path.stat().st_mtime_ns)
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue  # being removed, or damaged: treat as absent
        found[entry.name] = entry
    return found


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> DataSet:
    facts: dict[str, Any] = json.loads(path.read_bytes())
    counts, classes = tuple(int(count) for count in facts["counts"]), tuple(str(name) for name in facts["classes"])
    if len(counts) != max(1, len(classes)) or min(counts) < 0:
        raise ValueError("expected one count per class")
    channels: Literal[1, 3] = 3 if facts["channels"] == 3 else 1
    kind: Literal["images", "points"] = "points" if facts["kind"] == "points" else "images"
    about = words.count(sum(counts), f"imported {kind[:-1]}") + (f" in {words.count(len(classes), 'class')}." if classes else ".")
    return DataSet(
        path.parent.name,
        str(facts["title"]),
        about,
        "imported",
        counts,
        classes,
        channels,
        "own",
        kind,
        _version_of(facts),
        int(facts.get("skipped", 0)),
    )


def _version_of(facts: dict[str, Any]) -> str:
    """Return the version of an import: of its originals and labels (of its originals alone if it is old), and of its values."""
    version = str(facts.get("version", facts["sha256"]))
    return f"{version}-{facts['stretch']}" if "stretch" in facts else version
