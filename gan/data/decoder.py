"""One picture from bytes that nobody vouches for: checked by its header, decoded, converted and scaled; torch-free."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 50_000_000  # width × height, read from the header

_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, MemoryError, OverflowError, RecursionError, KeyError, TypeError, IndexError,
    AttributeError, ZeroDivisionError, AssertionError, NotImplementedError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip  # what Pillow raises for damaged files


class Refused(Exception):
    """A picture that is left out; ``str(error)`` is the reason in a few plain words."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture in mode "L" or "RGB", and its width and height as the camera meant them."""

    image: Image.Image
    width: int
    height: int
    has_colour: bool


def decode(content: bytes, smallest: int = 0) -> Picture:
    """Return the picture in a PNG, JPEG or WebP file. Raises Refused, with the reason, for anything else.

    ``smallest`` is the size that is wanted in the end: a large JPEG is decoded at a fraction of its size, twice that at least.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own warnings of large and odd files
        try:
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            width, height = image.size
        except _DAMAGE as error:
            raise Refused("not a PNG, JPEG or WebP picture") from error
        if width < 1 or height < 1:
            raise Refused("has no pixels")
        if width * height > MOST_PIXELS:
            raise Refused(f"has {width} × {height} pixels, more than {MOST_PIXELS // 1_000_000} million")
        try:
            if getattr(image, "n_frames", 1) > 1:
                raise Refused("has several frames")
            if smallest and image.format == "JPEG":
                image.draft(None, (2 * smallest, 2 * smallest))
            image.load()
            turned = ImageOps.exif_transpose(image)
            if turned.size != image.size:
                width, height = height, width
            plain = _plain(turned)
            return Picture(plain, width, height, _has_colour(plain))
        except _DAMAGE as error:
            raise Refused("damaged or cut off") from error


def _plain(image: Image.Image) -> Image.Image:
    """Return an image in mode "L" or "RGB": 16 bits scaled to 8, transparency on white."""
    if image.mode in ("L", "RGB"):
        return image if "transparency" not in image.info else _on_white(image.convert("RGBA"))
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64)
        return Image.fromarray(np.clip(np.round(values / 257), 0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("a picture of floats")
    if image.mode == "P" and "transparency" not in image.info:
        return image.convert("RGB")
    if image.mode in ("P", "LA", "La", "PA", "RGBA", "RGBa"):
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _has_colour(image: Image.Image) -> bool:
    """Return whether the channels differ anywhere in a small copy by more than what JPEG adds to grey."""
    if image.mode == "L":
        return False
    values = np.asarray(image.resize((min(32, image.width), min(32, image.height)), Image.Resampling.NEAREST)).astype(np.int16)
    return bool((values.max(axis=2) - values.min(axis=2)).max() > 3)


def fit(image: Image.Image, size: int, how: Literal["crop", "pad"], channels: int) -> np.ndarray:
    """Return an image scaled to uint8 [size, size, channels]: bilinear, with antialiasing where it gets smaller.

    "crop" scales the shorter side and keeps the middle; "pad" scales the longer side and adds black.
    """
    image = image.convert("L" if channels == 1 else "RGB")
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
