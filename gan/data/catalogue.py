"""The data sets there are, one entry each; torch-free, so that the pages can list them.

What people imported themselves joins from the data folder; everything else is listed here.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from gan.data import bedrooms, points, shapes
from gan.errors import InputError, explained, nearest, shown

PROJECT = Path(__file__).resolve().parents[2]
#: Called with a sentence and a share from 0 to 1 while something long goes on.
Report = Callable[[str, float], None]

OWN = "own"  # the folder, in the data root, of what people imported


@dataclass(frozen=True)
class DataSet:
    """A set of real images, or of points in the plane.

    ``counts`` says how many there are of each of ``classes``, in order; a set without labels has one count and no classes.
    ``channels`` is 1 (grey) or 3 (colour). ``version`` changes with the content. ``skipped`` counts what an import left out.
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

    @property
    def images(self) -> int:
        """How many images (or points) there are in all."""
        return sum(self.counts)

    @property
    def is_offline(self) -> bool:
        """Whether it is there without a network."""
        return self.origin != "download"


_DIGITS = tuple("0123456789")
_THOUSAND = tuple(f"{number:03d}" for number in range(1000))
_GARMENTS = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_KUZUSHIJI = ("お", "き", "す", "つ", "な", "は", "ま", "や", "れ", "を")
_CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_STL = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


def _points(name: str, title: str, description: str, source: str) -> DataSet:
    classes = points.CLASSES[name]
    return DataSet(name, title, description, source, _shares(points.COUNT, len(classes)), classes, kind="points")


def _shares(total: int, parts: int) -> tuple[int, ...]:
    """Return ``total`` in equal ``parts``; the first ones take what is left over."""
    return tuple(total // parts + (index < total % parts) for index in range(parts))


DATA_SETS: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            "digits", "Digits", "1,797 handwritten digits of 8×8 pixels, scaled up; comes with the program.",
            "E. Alpaydin and C. Kaynak, UCI 1998, CC BY 4.0 (test part of “optdigits”)",
            (178, 182, 177, 183, 181, 182, 181, 179, 174, 180), _DIGITS,
        ),
        DataSet(
            "shapes", "Shapes (rendered)",
            "8,192 drawn circles, squares, triangles and stars in four colours, two sizes, on two backgrounds: 64 combinations, "
            "equally often, so that missing ones can be counted.",
            "drawn by the program", _shares(shapes.COUNT, len(shapes.CLASSES)), shapes.CLASSES, 3,
        ),
        DataSet(
            "bedrooms", "Bedrooms (rendered)",
            "5,000 drawn bedrooms in many styles: a stand-in where the photographs of LSUN are not at hand.",
            "drawn by the program; no photographs", (bedrooms.COUNT,), (), 3,
        ),
        DataSet(
            "stacked-digits", "Stacked digits",
            "20,000 colour images, each of three digits, one a channel: 1,000 modes, as in Stacked MNIST but built in.",
            "made of “digits”", _shares(20_000, 1000), _THOUSAND, 3,
        ),
        _points("ring", "Ring of 8", "10,000 points around 8 places on a circle: the smallest test of mode collapse.",
                "as in PacGAN (Lin et al. 2017)"),
        _points("grid", "Grid of 25", "10,000 points around 25 places on a square grid: harder than the ring.",
                "as in PacGAN (Lin et al. 2017)"),
        _points("spiral", "Spiral", "10,000 points on two arms of a spiral: one connected shape, nothing to count.",
                "drawn by the program"),
        _points("moons", "Two moons", "10,000 points on two half circles that reach into one another.", "drawn by the program"),
        DataSet(
            "mnist", "MNIST", "60,000 handwritten digits of 28×28 pixels; downloaded once (12 MB).",
            "Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0",
            (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949), _DIGITS, origin="download",
        ),
        DataSet(
            "fashion-mnist", "Fashion-MNIST", "60,000 pieces of clothing of 28×28 pixels; downloaded once (31 MB).",
            "H. Xiao, K. Rasul and R. Vollgraf 2017, MIT", (6000,) * 10, _GARMENTS, origin="download",
        ),
        DataSet(
            "kmnist", "Kuzushiji-MNIST", "60,000 cursive Japanese characters of 28×28 pixels; downloaded once (21 MB).",
            "T. Clanuwat et al. 2018, CC BY-SA 4.0", (6000,) * 10, _KUZUSHIJI, origin="download",
        ),
        DataSet(
            "stacked-mnist", "Stacked MNIST",
            "60,000 colour images, each of three MNIST digits, one a channel: 1,000 modes, 60 images each.",
            "made of MNIST; Metz et al. 2016", (60,) * 1000, _THOUSAND, 3, origin="download",
        ),
        DataSet(
            "cifar10", "CIFAR-10", "50,000 photographs of ten kinds of things, 32×32 pixels; downloaded once (170 MB).",
            "A. Krizhevsky 2009", (5000,) * 10, _CIFAR, 3, origin="download",
        ),
        DataSet(
            "stl10", "STL-10", "5,000 labelled photographs of ten kinds of things, 96×96 pixels; downloaded once (2.6 GB).",
            "A. Coates, H. Lee and A. Ng 2011", (500,) * 10, _STL, 3, origin="download",
        ),
    )
}  # fmt: skip


LSUN = "lsun-bedroom"  # also the folder, in the data root, where people put it


def all_sets() -> dict[str, DataSet]:
    """Return every data set by name: the listed ones, LSUN's bedrooms where they are, then what people imported, by title."""
    own = {entry.name: entry for entry in sorted(_own().values(), key=lambda entry: entry.title.casefold())}
    if (data_root() / LSUN).exists():
        with contextlib.suppress(InputError):
            own = {LSUN: _lsun()} | own
    return DATA_SETS | own


def find(name: str) -> DataSet:
    """Return the entry called ``name``. Raises InputError, naming what there is, when there is none."""
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
    """Return how many images there are of the chosen ``classes``; of all when none is chosen."""
    if not classes:
        return entry.images
    return sum(count for name, count in zip(entry.classes, entry.counts, strict=True) if name in classes)


def _lsun() -> DataSet:
    """Return the entry of LSUN's bedrooms. Raises InputError, saying where to get them, when there are none."""
    from gan.data import downloads  # which imports this module

    place = data_root() / LSUN
    with explained("looking for LSUN's bedrooms"):
        return _lsun_of(place, downloads.lsun_stamp() if place.exists() else "")


@lru_cache(maxsize=4)
def _lsun_of(place: Path, stamp: str) -> DataSet:
    from gan.data import downloads

    images = downloads.lsun_count()
    about = f"{images:,} photographs of bedrooms, found in the data folder."
    return DataSet(LSUN, "LSUN bedrooms", about, "F. Yu et al. 2015 (1506.03365)", (images,), (), 3, "own", version=stamp)


def _own() -> dict[str, DataSet]:
    """Return what people imported into the data root."""
    found = {}
    try:
        with os.scandir(data_root() / OWN) as folders:
            paths = [Path(folder.path) / "data-set.json" for folder in folders if not folder.name.startswith(".")]
    except OSError:
        return {}
    for path in paths:
        try:
            entry = _read(path, path.stat().st_mtime_ns)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            continue  # being removed, or damaged: as if it were not there
        found[entry.name] = entry
    return found


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> DataSet:
    facts: dict[str, Any] = json.loads(path.read_bytes())
    counts, classes = tuple(int(count) for count in facts["counts"]), tuple(str(name) for name in facts["classes"])
    if len(counts) != max(1, len(classes)) or min(counts) < 0:
        raise ValueError("one count a class")
    channels: Literal[1, 3] = 3 if facts["channels"] == 3 else 1
    kind: Literal["images", "points"] = "points" if facts["kind"] == "points" else "images"
    noun = "points" if kind == "points" else "images"
    about = f"{sum(counts):,} {noun} of your own" + (f" in {len(classes)} classes." if classes else ".")
    return DataSet(
        path.parent.name, str(facts["title"]), about, "imported", counts, classes, channels, "own", kind,
        str(facts["sha256"]), int(facts.get("skipped", 0)),
    )  # fmt: skip


def data_root() -> Path:
    """Return the folder for downloaded, imported and prepared data: ``GAN_DATA``, else ``data/`` beside the program."""
    chosen = os.environ.get("GAN_DATA")
    return Path(chosen).expanduser() if chosen else PROJECT / "data"
