"""Arrays as pictures: which axis is what, what the values mean, which array holds the labels; torch-free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gan import words
from gan.data import archive, decoder
from gan.data.formats.pictures import MOST_CLASSES, Labels, Opened, PictureSource, exactly, listed, on_white, reading, require_count
from gan.data.grouping import natural
from gan.errors import InputError, shown

_LONGEST_LABEL = 1024  # bytes of a text
BLOCK = 4 << 20  # bytes read at once
_LEAST_SIDE = 4  # pixels: a shorter axis is no side of a picture
_TOLERANCE = 0.02  # of the range
_DEPTHS = (8, 10, 12, 14, 16)  # bits that integers may have

#: Values in a row → side and channels of its picture.
_FLAT = {64: (8, 1), 256: (16, 1), 784: (28, 1), 1024: (32, 1), 4096: (64, 1), 3072: (32, 3), 12288: (64, 3)}

#: What is said of pictures that are rows of numbers.
_ROWS = {"flat": ", one a row", "planes": ", one a row, colour after colour", "interleaved": ", one a row, pixel after pixel"}

Order = Literal["hw", "hwc", "chw", "flat", "planes", "interleaved"]


@dataclass(frozen=True)
class Stored:
    """An array in a file: ``name``, ``shape`` [N, …], type of value, and ``blocks``: its rows in order, [n, …] each.

    ``scanned``: the bytes that are searched for the range of values before an import; the rest is checked while it is read.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    blocks: Callable[[], Iterator[np.ndarray]]
    scanned: int = 256 << 20

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def axes(self) -> str:
        """The shape for a sentence, such as "[60000, 28, 28]"."""
        return "[" + ", ".join(map(str, self.shape)) + "]"


def records(opened: Opened, format: str, start: int, shape: tuple[int, ...], dtype: np.dtype) -> Iterator[np.ndarray]:
    """Yield an array that lies in a file from byte ``start`` on, row by row, in blocks [n, …]."""
    row = math.prod(shape[1:]) * dtype.itemsize
    step = rows_at_once(row)
    with reading(opened, format):
        opened.file.seek(start)
        for first in range(0, shape[0], step):
            count = min(step, shape[0] - first)
            yield np.frombuffer(exactly(opened.file, count * row), dtype).reshape(count, *shape[1:])


def rows_at_once(row_bytes: int) -> int:
    """Return the number of rows in a block."""
    return max(1, BLOCK // max(1, row_bytes))


# Layout


@dataclass(frozen=True)
class Layout:
    """Size of the pictures in an array, and the order of its axes after the first."""

    height: int
    width: int
    channels: int  # 1, 3, or 4 with transparency
    order: Order

    def pictures(self, block: np.ndarray) -> np.ndarray:
        """Return a block [n, …] as [n, H, W, C]."""
        if self.order in ("chw", "planes"):
            planes = block.reshape(len(block), self.channels, self.height, self.width)
            return planes.transpose(0, 2, 3, 1)
        return block.reshape(len(block), self.height, self.width, self.channels)


def layout_of(shape: tuple[int, ...]) -> Layout | None:
    """Return the layout of an array [N, H, W], [N, H, W, C], [N, C, H, W] or [N, K]; None if it holds no pictures."""
    found: Layout | None = None
    match shape[1:]:
        case (values,) if values in _FLAT:
            side, channels = _FLAT[values]
            found = Layout(side, side, channels, "flat" if channels == 1 else "planes")
        case (height, width):
            found = Layout(height, width, 1, "hw")
        case (height, width, channels) if channels in (1, 3, 4):
            found = Layout(height, width, channels, "hwc")
        case (channels, height, width) if channels in (1, 3, 4):
            found = Layout(height, width, channels, "chw")
    if found is None or min(found.height, found.width) < _LEAST_SIDE or found.height * found.width > decoder.MOST_PIXELS:
        return None
    return found


def _order_of_colours(layout: Layout, block: np.ndarray) -> Layout:
    """Return a flat layout with its colours in planes or interleaved: whichever makes the pictures smoother."""
    if layout.order != "planes" or not len(block):
        return layout
    other = Layout(layout.height, layout.width, layout.channels, "interleaved")
    some = block[:64].astype(np.float64)
    rough = [np.abs(np.diff(one.pictures(some), axis=2)).mean() for one in (layout, other)]
    return other if rough[1] < rough[0] else layout


# Values


@dataclass(frozen=True)
class Values:
    """The meaning of values: ``low`` is black and ``high`` is white. ``sentence``: "floats from −1 to 1"."""

    low: float
    high: float
    sentence: str
    is_plain: bool = False  # uint8 from 0 to 255 already

    def to_uint8(self, block: np.ndarray) -> np.ndarray:
        """Return a block as uint8. Raises InputError for values outside the range."""
        if self.is_plain:
            return block
        values: np.ndarray = block.astype(np.float64 if block.dtype.itemsize > 2 else np.float32)
        lowest, highest = _extremes(values)
        slack = _slack(self.low, self.high) if block.dtype.kind == "f" else 0.0
        if not (lowest >= self.low - slack and highest <= self.high + slack):
            raise InputError(
                f"Values from {_number(lowest)} to {_number(highest)} were found, but the first pictures have "
                f"{self.sentence}; save all pictures in one range."
            )
        scaled = (values - self.low) * (255 / (self.high - self.low))
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _extremes(block: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest value; NaN if there is any."""
    return (float(block.min()), float(block.max())) if block.size else (0.0, 0.0)


def values_of(stored: Stored, where: str) -> Values:
    """Return what the values of an array mean, by their type and range. Raises InputError if they are no pixels."""
    if stored.dtype == np.uint8:
        return Values(0, 255, "uint8", is_plain=True)
    if stored.dtype.kind == "b":
        return Values(0, 1, "bits")
    lowest, highest, scanned = math.inf, -math.inf, 0
    for block in stored.blocks():
        low, high = _extremes(block)
        lowest, highest = min(lowest, low), max(highest, high)
        if math.isnan(low) or math.isinf(high - low):
            raise InputError(f"{where} has values that are not finite, expected pixels; save it without NaN and infinity.")
        scanned += block.nbytes
        if scanned > stored.scanned:
            break
    return _integers(stored, lowest, highest, where) if stored.dtype.kind in "iu" else _floats(stored, lowest, highest, where)


def _integers(stored: Stored, lowest: float, highest: float, where: str) -> Values:
    if lowest < 0 or highest > 65_535:
        raise _no_pixels(where, lowest, highest, "0 to 255 or 0 to 65,535")
    bits = next(depth for depth in _DEPTHS if highest < 2**depth)
    kind = f"{stored.dtype.name}" + ("" if bits == 8 else f" of {bits} bits")
    kept = "" if bits == 8 else ", stored with 8 bits"
    return Values(0, 2**bits - 1, f"{kind} from {_number(lowest)} to {_number(highest)}{kept}")


def _floats(stored: Stored, lowest: float, highest: float, where: str) -> Values:
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        slack = _slack(low, high)
        if lowest >= low - slack and highest <= high + slack:
            clipped = ", clipped" if lowest < low - 1e-4 or highest > high + 1e-4 else ""
            return Values(low, high, f"{stored.dtype.name} from {_number(low)} to {_number(high)}{clipped}")
    raise _no_pixels(where, lowest, highest, "0 to 1, −1 to 1 or 0 to 255")


def _slack(low: float, high: float) -> float:
    """Return how far floats may leave a range; they are clipped."""
    return min(0.5, _TOLERANCE * (high - low))


def _no_pixels(where: str, lowest: float, highest: float, expected: str) -> InputError:
    return InputError(
        f"{where} has values from {_number(lowest)} to {_number(highest)}, expected {expected}; undo the "
        "normalisation of the pictures."
    )


def _number(value: float) -> str:
    return words.signed(f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}")


# Pictures and labels


@dataclass(frozen=True)
class Part:
    """An array of pictures with its ``labels``: names of classes, and the number of the class of each picture; or None."""

    stored: Stored
    labels: tuple[tuple[str, ...], np.ndarray] | None = None
    labelled_by: str = ""
    is_turned: bool = False  # rows and columns are exchanged, as in EMNIST


def has_pictures(stored: Stored) -> bool:
    """Return whether the shape and type of an array are those of pictures."""
    return (
        stored.dtype.kind in "uifb"
        and layout_of(stored.shape) is not None
        and stored.row_bytes <= archive.MOST_BYTES
        and stored.shape[0] > 0
    )


def source(opened: Opened, format: str, title: str, parts: Sequence[Part], also: str = "", labelled_by: str = "") -> PictureSource:
    """Return arrays of pictures as one source.

    ``format`` and ``title``: the format's name, and how the sentence on what was found begins. ``also``: a remark at its end.
    Raises InputError if there are too many pictures, or their values are no pixels.
    """
    count = sum(part.stored.shape[0] for part in parts)
    require_count(count, opened)
    readers, said = [], []
    for part in parts:
        layout = layout_of(part.stored.shape)
        assert layout is not None
        first = next(iter(part.stored.blocks()), np.empty((0, *part.stored.shape[1:]), part.stored.dtype))
        layout = _order_of_colours(layout, first)
        values = values_of(part.stored, f"“{shown(part.stored.name)}” in {opened.shown}" if len(parts) > 1 else opened.shown)
        readers.append((part, layout, values))
        colours = "grey" if layout.channels == 1 else "colour"
        said.append((f"{layout.width}×{layout.height} {colours}{_ROWS.get(layout.order, '')}", values.sentence))

    def read() -> Iterator[np.ndarray]:
        for part, layout, values in readers:
            for block in part.stored.blocks():
                pixels = values.to_uint8(layout.pictures(block))
                if part.is_turned:
                    pixels = pixels.transpose(0, 2, 1, 3)
                yield from on_white(np.ascontiguousarray(pixels)) if layout.channels == 4 else np.ascontiguousarray(pixels)

    if any(part.is_turned for part in parts):
        also = "; ".join(filter(None, ["turned upright as EMNIST", also]))
    kinds = "; ".join(dict.fromkeys(", ".join(one) for one in said))
    found = f"{title}: {words.count(count, 'picture')}, {kinds}{f'; {also}' if also else ''}."
    return PictureSource(format, found, count, read, labels=_joined(parts, labelled_by))


def _joined(parts: Sequence[Part], labelled_by: str) -> Labels | None:
    """Return the labels of all parts together; None if any part has none."""
    known = [part.labels for part in parts if part.labels is not None]
    if len(known) < len(parts):
        return None
    names = sorted({name for classes, _ in known for name in classes}, key=natural)
    places = {name: place for place, name in enumerate(names)}
    codes = [np.array([places[name] for name in classes], dtype=np.int32)[code] for classes, code in known]
    by = labelled_by or f"the labels in {listed(part.labelled_by for part in parts)}"
    return Labels(tuple(names), np.concatenate(codes), by)


def labels_from(stored: Stored, names: Sequence[str] = ()) -> tuple[tuple[str, ...], np.ndarray] | None:
    """Return the classes and codes of labels [N], [N, 1] or one-hot [N, K], or None if they are no classes.

    ``names``: the names of the classes by number, if the format has them.
    """
    columns = math.prod(stored.shape[1:])
    if len(stored.shape) > 2 or not 1 <= columns <= MOST_CLASSES:
        return None
    if stored.dtype.kind not in "uifbUS" or stored.dtype.itemsize > _LONGEST_LABEL:
        return None
    parts = []
    for block in stored.blocks():
        flat = block.reshape(len(block), columns)
        if columns > 1:
            if flat.dtype.kind in "US" or not np.all((flat == 0) | (flat == 1)) or not np.all(flat.sum(axis=1) == 1):
                return None  # several labels a picture
            flat = flat.argmax(axis=1)[:, None]
        values = flat[:, 0]
        if values.dtype.kind == "f" and not np.all(np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)):
            return None  # measurements
        parts.append(values if values.dtype.kind in "US" else values.astype(np.int64))
    if not parts:
        return None
    different, codes = np.unique(np.concatenate(parts), return_inverse=True)
    if len(different) > MOST_CLASSES:
        return None
    return tuple(_class_name(value, names) for value in different.tolist()), codes.astype(np.int32)


def _class_name(value: object, names: Sequence[str]) -> str:
    if isinstance(value, int):
        return shown(names[value], most=80) if 0 <= value < len(names) else str(value)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return shown(text, most=80) or "unnamed"
