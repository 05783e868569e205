"""Sheets of real images: choose rows, draw them as one picture, and describe class counts; independent of Streamlit."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from gan.data import decoder
from gan.data.decoder import Refused
from gan.data.formats.pictures import PictureSource
from pages.parts import words

if TYPE_CHECKING:
    import pandas as pd

GAP = 4  # pixels between images; Streamlit scales sheets wider than 730 down
PAIRS_A_ROW = 4


class Layout(NamedTuple):
    """Layout of a sheet: ``columns`` × ``rows`` images of ``cell`` × ``cell`` pixels."""

    columns: int
    rows: int
    cell: int

    @property
    def most(self) -> int:
        """Number of images that fit."""
        return self.columns * self.rows


def layout(size: int) -> Layout:
    """Return the layout for images of ``size`` pixels; small images are scaled by an integer factor."""
    return Layout(10, 6, 64) if size <= 64 else Layout(6, 8, 116)


def draw(labels: np.ndarray, label: int | None, seed: int, most: int) -> np.ndarray:
    """Return at most ``most`` random rows, fixed by ``seed``: of one ``label``, or of all labels if None."""
    rows = np.arange(len(labels)) if label is None else np.flatnonzero(labels == label)
    random = np.random.Generator(np.random.PCG64(seed))
    return random.choice(rows, min(most, len(rows)), replace=False)


def sheet(images: np.ndarray, cell: int, columns: int) -> bytes:
    """Return images (uint8 [n, S, S, C]) in rows as one PNG; the gaps are transparent, to suit any background."""
    places = [(index % columns * (cell + GAP), index // columns * (cell + GAP)) for index in range(len(images))]
    return _paste(images, cell, places)


def first_sheet(source: PictureSource, most: int = 8, cell: int = 64) -> bytes:
    """Return the first pictures of a file that can be read, in a row, as a PNG; empty if there are none."""
    found = []
    for picture in islice(source, 4 * most):
        with contextlib.suppress(Refused):
            pixels = picture.pixels()
            image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
            found.append(decoder.fit(image, cell, "pad", 3))
        if len(found) == most:
            break
    return sheet(np.stack(found), cell, most) if found else b""


def pairs_sheet(images: np.ndarray, cell: int) -> bytes:
    """Return pairs (uint8 [n, 2, S, S, C]) as one PNG, with the images of a pair close together."""
    places = [
        (index % PAIRS_A_ROW * (2 * cell + 4 * GAP) + side * (cell + 1), index // PAIRS_A_ROW * (cell + 2 * GAP))
        for index in range(len(images))
        for side in range(2)
    ]
    return _paste(images.reshape(-1, *images.shape[2:]), cell, places)


def _paste(images: np.ndarray, cell: int, places: Sequence[tuple[int, int]]) -> bytes:
    """Return one PNG with an image at each place (x, y)."""
    grey = images.shape[-1] == 1
    width, height = (max(place[axis] for place in places) + cell for axis in (0, 1))
    canvas = np.zeros((height, width, 2 if grey else 4), dtype=np.uint8)
    for image, (x, y) in zip(images, places, strict=True):
        canvas[y : y + cell, x : x + cell, :-1] = _scaled(image, cell)
        canvas[y : y + cell, x : x + cell, -1] = 255
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _scaled(image: np.ndarray, cell: int) -> np.ndarray:
    """Return an image [S, S, C] as [cell, cell, C]: repeated pixels for an integer factor, otherwise smoothed."""
    size = len(image)
    if cell % size == 0:
        return image.repeat(cell // size, axis=0).repeat(cell // size, axis=1)
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return np.asarray(picture.resize((cell, cell), Image.Resampling.LANCZOS)).reshape(cell, cell, -1)


def counts_in_words(classes: Sequence[str], counts: Sequence[int], noun: str = "image") -> str:
    """Summarise the sizes of many classes in one line of Markdown."""
    least, most = min(counts), max(counts)
    if least == most:
        return f"{words.count(len(counts), 'class')} of {words.count(least, noun)} each."
    smallest, largest = (words.escape(classes[list(counts).index(number)]) for number in (least, most))
    return (
        f"{len(counts):,} classes: the smallest, “{smallest}”, has {words.count(least, noun)}, the largest, “{largest}”, "
        f"has {most:,}; {words.number(float(np.mean(counts)))} on average."
    )


def skipped_table(skipped: Sequence[dict[str, str]]) -> pd.DataFrame:
    """Return the files skipped by an import as a table; characters that cannot be encoded for a browser are replaced."""
    import pandas as pd  # Train shows pictures without it

    rows = [[line[key].encode("utf-8", "replace").decode() for key in ("name", "reason")] for line in skipped]
    return pd.DataFrame(rows, columns=["File", "Reason"])
