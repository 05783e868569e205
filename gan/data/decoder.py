"""Decoding untrusted pictures: check the header, decode, convert and scale; torch-free."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 50_000_000  # width × height, read from the header

_STRIP = 4_000_000  # pixels converted at once, so that a large picture is not copied whole several times

_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    MemoryError,
    BufferError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)  # what Pillow raises for damaged files

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF orientation; 5 to 8 swap width and height


class Refused(Exception):
    """A picture must be skipped; ``str(error)`` is the reason in a few plain words."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture in mode "L" or "RGB", and its original width and height after EXIF rotation."""

    image: Image.Image
    width: int
    height: int

    @property
    def has_colour(self) -> bool:
        """Whether the channels of any pixel in a small copy differ by more than JPEG noise in a grey picture."""
        return _has_colour(self.image)


def decode(content: bytes, smallest: int = 0) -> Picture:
    """Decode a PNG, JPEG or WebP file. Raises Refused, with the reason, for anything else.

    ``smallest`` is the final size needed (0: full size): a large JPEG is decoded at a fraction of its size, at least twice that.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about large and unusual files
        try:
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            width, height = image.size
        except Image.DecompressionBombError as error:
            raise Refused(f"has more than {MOST_PIXELS // 1_000_000} million pixels") from error
        except _DAMAGE as error:
            raise Refused("not a PNG, JPEG or WebP picture") from error
        if width < 1 or height < 1:
            raise Refused("has no pixels")
        if width * height > MOST_PIXELS:
            raise Refused(f"has {width} × {height} pixels, more than {MOST_PIXELS // 1_000_000} million")
        try:
            is_photo = isinstance(image, JpegImagePlugin.JpegImageFile)
            # Extras that phones add to a JPEG (preview, gain map) count as frames too; ignore them.
            if not is_photo and getattr(image, "n_frames", 1) > 1:
                raise Refused("has several frames")
            if smallest and is_photo:
                image.draft(None, (2 * smallest, 2 * smallest))
            image.load()
            orientation = _orientation(image)
            plain = _plain(image)
            if orientation in _TURNS:
                plain = plain.transpose(_TURNS[orientation])
            return Picture(plain, *((height, width) if orientation >= 5 else (width, height)))
        except _DAMAGE as error:
            raise Refused("damaged or cut off") from error


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, from 1 to 8; 1 if missing or unreadable."""
    with contextlib.suppress(*_DAMAGE):
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
        return found if isinstance(found, int) and found in _TURNS else 1
    return 1


def _plain(image: Image.Image) -> Image.Image:
    """Convert an image to mode "L" or "RGB": 16 bits scaled to 8, transparency composited on white."""
    if image.mode in ("L", "RGB"):
        return image if "transparency" not in image.info else _on_white(image)
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):
        return _in_eight_bits(image)
    if image.mode == "F":
        raise ValueError("floating-point pixels are not supported")
    if image.mode == "P" and "transparency" not in image.info:
        return image.convert("RGB")
    if image.mode in ("P", "LA", "La", "PA", "RGBA", "RGBa"):
        return _on_white(image)
    return image.convert("RGB")


def _in_eight_bits(image: Image.Image) -> Image.Image:
    grey = Image.new("L", image.size)
    for box in _strips(image):
        values = np.asarray(image.crop(box)).astype(np.int64)
        grey.paste(Image.fromarray(np.clip((values + 128) // 257, 0, 255).astype(np.uint8)), box)  # 65,535 / 257 = 255
    return grey


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    for box in _strips(image):
        part = image.crop(box).convert("RGBA")
        white.paste(part, box, part)
    return white


def _strips(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        yield 0, top, image.width, min(image.height, top + rows)


def _has_colour(image: Image.Image) -> bool:
    if image.mode == "L":
        return False
    small = image.resize((min(32, image.width), min(32, image.height)), Image.Resampling.NEAREST)
    red, green, blue = np.frombuffer(small.tobytes(), dtype=np.uint8).reshape(-1, 3).T
    highest, lowest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return bool((highest - lowest).max() > 3)


def fit(image: Image.Image, size: int, how: Literal["crop", "pad"], channels: int) -> np.ndarray:
    """Scale an image to uint8 [size, size, channels]: bilinear, with antialiasing when shrinking.

    "crop" scales the shorter side to ``size`` and keeps the centre; "pad" scales the longer side and adds black borders.
    """
    mode = "L" if channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    width, height = image.size
    if how == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        scaled = image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    else:
        wide, high = (max(1, round(length * size / max(width, height))) for length in (width, height))
        scaled = Image.new(image.mode, (size, size))
        scaled.paste(image.resize((wide, high), Image.Resampling.BILINEAR), ((size - wide) // 2, (size - high) // 2))
    return np.asarray(scaled, dtype=np.uint8).reshape(size, size, channels)
