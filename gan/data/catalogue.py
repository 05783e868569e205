"""The data sets there are, one entry each; torch-free, so that the pages can list them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gan.errors import InputError, nearest, shown

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DataSet:
    """A labelled set of real images.

    ``images`` counts the training images, ``channels`` is 1 (grey) or 3 (colour), ``classes`` names the labels in order.
    """

    name: str
    title: str
    description: str
    images: int
    channels: int
    classes: tuple[str, ...]
    is_offline: bool
    source: str


_DIGITS = tuple("0123456789")

DATA_SETS: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            "digits", "Digits", "1,797 handwritten digits of 8×8 pixels, scaled up; comes with the program.",
            1797, 1, _DIGITS, True, "E. Alpaydin and C. Kaynak, UCI 1998, CC BY 4.0 (test part of “optdigits”)",
        ),
        DataSet(
            "mnist", "MNIST", "60,000 handwritten digits of 28×28 pixels; downloaded once (12 MB).",
            60_000, 1, _DIGITS, False, "Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0",
        ),
    )
}  # fmt: skip


def find(name: str) -> DataSet:
    """Return the entry called ``name``. Raises InputError, naming what there is, when there is none."""
    if name not in DATA_SETS:
        raise InputError(f"There is no data set “{shown(name)}”; " + nearest(name, DATA_SETS))
    return DATA_SETS[name]


def data_root() -> Path:
    """Return the folder for downloaded data and cached statistics: ``GAN_DATA``, else ``data/`` beside the program."""
    chosen = os.environ.get("GAN_DATA")
    return Path(chosen).expanduser() if chosen else PROJECT / "data"
