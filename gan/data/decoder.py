"""Decoding untrusted pictures: check the header, decode, convert and scale; torch-free."""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, TiffImagePlugin

from gan.data import headers

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")  # Pillow tries no others
IN_WORDS = "PNG, JPEG, WebP, TIFF, BMP, GIF or PPM"
MOST_PIXELS = 50_000_000  # width × height, read from the header
MOST_SLOW_PIXELS = 4_000_000  # of files that Pillow decodes in Python: 1.5 to 4 s per million

_STRIP = 4_000_000  # pixels converted at once, so that a large picture is not copied whole several times
_PART = 65_536  # pixels searched for colour at once: they fit into the processor's cache
_DEEPEST = 65_535  # highest value with 16 bits
_SLOW = {"ppm", "ppm_plain", "bmp_rle"}  # decoders written in Python
#: TIFF compressions that are read; "raw" is none. The others are rare.
_TIFF = {"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg", "tiff_ccitt", "group3", "group4"}
_MOST_EXIF = 1 << 20  # bytes, preview included
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of a TIFF
_CONVERTED = {"CMYK", "YCbCr", "RGBX"}  # modes that Pillow converts to RGB
_GREY_NOISE = 3  # levels of 255 by which the channels of a grey pixel may differ: rounding of lossy formats

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

logging.getLogger("PIL").addHandler(logging.NullHandler())  # Pillow logs errors of TIFFs, which would appear in the terminal

#: How a sample of a PNG with few or many bits becomes the value of a pixel in Pillow, by raw mode. Pillow leaves the transparent
#: value in "tRNS" as it is in the file. Of 16-bit colours it keeps the upper 8 bits, so similar colours become transparent too.
_UNPACKED: dict[str, Callable[[int], int]] = {
    "1": lambda sample: 255 if sample else 0,
    "L;2": lambda sample: (sample & 3) * 85,
    "L;4": lambda sample: (sample & 15) * 17,
    "RGB;16B": lambda sample: sample >> 8,
}


class Refused(Exception):
    """A picture must be skipped; ``str(error)`` is the reason in a few plain words."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture in mode "L" or "RGB", and its original width and height after EXIF rotation.

    ``is_reduced``: decoded at a fraction of its size. ``highest``: the highest value before scaling to 8 bits, from 0 to 65,535;
    None if the file has 8 bits.
    """

    image: Image.Image
    width: int
    height: int
    is_reduced: bool = False
    highest: int | None = None

    @property
    def has_colour(self) -> bool:
        """Whether the channels of any pixel of ``image`` differ by more than the noise of a grey picture."""
        return _has_colour(self.image)

    @property
    def range_used(self) -> float:
        """The highest value as a share of what the file could hold, from 0 to 1."""
        if self.highest is not None:
            return self.highest / _DEEPEST
        return float(np.max([channel.getextrema() for channel in self.image.split()])) / 255


def decode(content: bytes, smallest: int = 0, stretch: float = 1.0) -> Picture:
    """Decode a file in one of FORMATS. Raises Refused, with the reason, for anything else.

    A GIF gives its first frame. ``smallest`` is the final size needed (0: full size): a large JPEG is decoded at a fraction of its
    size, at least twice that. ``stretch`` is the share of the range of values that becomes the full range of 8 bits.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about large and unusual files
        if headers.is_heavy(content):
            raise Refused(f"not a {IN_WORDS} picture")
        try:
            image = Image.open(io.BytesIO(headers.without_comments(content)), formats=FORMATS)
            width, height = image.size
        except Image.DecompressionBombError as error:
            raise Refused(f"has more than {MOST_PIXELS // 1_000_000} million pixels") from error
        except _DAMAGE as error:
            raise Refused(f"not a {IN_WORDS} picture") from error
        if width < 1 or height < 1:
            raise Refused("has no pixels")
        if width * height > MOST_PIXELS:
            raise Refused(f"has {width} × {height} pixels, more than {MOST_PIXELS // 1_000_000} million")
        try:
            is_photo = isinstance(image, JpegImagePlugin.JpegImageFile)
            # Extras that phones add to a JPEG (preview, gain map) count as frames too; ignore them.
            if not is_photo and image.format != "GIF" and getattr(image, "is_animated", False):
                raise Refused("has several frames")
            _check_effort(image)
            if smallest and is_photo and min(width, height) >= 4 * smallest:  # otherwise no fraction would do
                image.draft(None, (2 * smallest, 2 * smallest))
            _unpack_transparency(image)
            image.load()
            orientation = _orientation(image)
            plain, highest = _plain(image, stretch)
            if orientation in _TURNS:
                plain = plain.transpose(_TURNS[orientation])
            if not is_photo:
                width, height = image.size  # a TIFF is turned when it is loaded
            is_reduced = image.size != (width, height)
            if orientation >= 5:
                width, height = height, width
            return Picture(plain, width, height, is_reduced, highest)
        except _DAMAGE as error:
            raise Refused("damaged or cut off") from error


def _check_effort(image: ImageFile.ImageFile) -> None:
    """Raise Refused if decoding an opened image would take minutes or more memory than its pixels."""
    pixels = image.width * image.height
    if pixels > MOST_SLOW_PIXELS and any(tile[0] in _SLOW for tile in image.tile):
        most = f"{MOST_SLOW_PIXELS // 1_000_000} million"
        raise Refused(f"has {image.width} × {image.height} pixels in a form that is slow to read, more than {most}")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if image.info.get("compression", "raw") not in _TIFF:
            raise Refused("is packed with an unsupported method")
        tile = [image.tag_v2.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH)]
        if not all(isinstance(length, int) for length in tile) or tile[0] * tile[1] > MOST_PIXELS:
            raise Refused("damaged or cut off")


def has_colour(content: bytes, picture: Picture) -> bool:
    """Return whether any pixel of a file has colour, given its ``picture``, which may have been decoded at a fraction of its size.

    A fraction averages thin lines and pale dots away, so a fraction without colour is decoded again at full size. Photographs
    show their colour at any size. Raises Refused like :func:`decode`.
    """
    if picture.has_colour or not picture.is_reduced or picture.image.mode == "L":
        return picture.has_colour
    return decode(content).has_colour


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, from 1 to 8; 1 if missing, unreadable or too long to read. A loaded TIFF is already turned."""
    if len(image.info.get("exif", b"")) > _MOST_EXIF:
        return 1
    with contextlib.suppress(*_DAMAGE):
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
        return found if isinstance(found, int) and found in _TURNS else 1
    return 1


def _unpack_transparency(image: ImageFile.ImageFile) -> None:
    """Convert the transparent grey or colour of a PNG, if it has one, to the values that its pixels get when they are loaded."""
    clear = image.info.get("transparency")
    raw_mode = image.tile[0][3] if image.tile else None
    if image.format != "PNG" or not isinstance(raw_mode, str) or raw_mode not in _UNPACKED:
        return
    unpacked = _UNPACKED[raw_mode]
    if isinstance(clear, int):
        image.info["transparency"] = unpacked(clear)
    elif isinstance(clear, tuple):
        image.info["transparency"] = tuple(unpacked(sample) for sample in clear)


def _plain(image: Image.Image, stretch: float) -> tuple[Image.Image, int | None]:
    """Convert an image to mode "L" or "RGB": 16 bits scaled to 8, transparency composited on white, values stretched.

    Also returns the highest value if there are more than 8 bits.
    """
    if image.mode.startswith("I"):
        return _in_eight_bits(image, stretch)
    plain = _in_grey_or_colour(image)
    if stretch < 1:
        levels = [min(255, round(level / stretch)) for level in range(256)]
        plain = plain.point(levels * len(plain.getbands()))
    return plain, None


def _in_grey_or_colour(image: Image.Image) -> Image.Image:
    """Convert an image with at most 8 bits a channel to mode "L" or "RGB"."""
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("L", "RGB"):
        return image if "transparency" not in image.info else _on_white(image)
    if image.mode == "F":
        raise Refused("has floating-point pixels")
    if image.mode == "P" and "transparency" not in image.info:
        return image.convert("RGB")
    if image.mode in ("P", "LA", "La", "PA", "RGBA", "RGBa"):
        return _on_white(image)
    if image.mode not in _CONVERTED:
        raise Refused(f"has pixels of an unsupported kind ({image.mode})")
    return image.convert("RGB")


def _in_eight_bits(image: Image.Image, stretch: float) -> tuple[Image.Image, int]:
    """Convert a grey image of up to 16 bits to mode "L"; also returns its highest value."""
    top = max(1, round(stretch * _DEEPEST))  # becomes 255
    highest = 0
    grey = Image.new("L", image.size)
    clear = image.info.get("transparency")
    for box in _strips(image, _STRIP):
        values = np.asarray(image.crop(box)).astype(np.int64)
        if values.min() < 0 or values.max() > _DEEPEST:
            raise Refused(f"has values outside 0 to {_DEEPEST:,}")
        highest = max(highest, int(values.max()))
        levels = np.minimum(255, (2 * 255 * values + top) // (2 * top)).astype(np.uint8)  # rounded
        if isinstance(clear, int):
            levels[values == clear] = 255  # white
        grey.paste(Image.fromarray(levels), box)
    return grey, highest


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    for box in _strips(image, _STRIP):
        part = image.crop(box).convert("RGBA")
        white.paste(part, box, part)
    return white


def _strips(image: Image.Image, most: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the boxes of strips of at most ``most`` pixels, but at least one row."""
    rows = max(1, most // image.width)
    for top in range(0, image.height, rows):
        yield 0, top, image.width, min(image.height, top + rows)


def _has_colour(image: Image.Image) -> bool:
    if image.mode == "L":
        return False
    if image.width * image.height > _PART:
        few = image.resize((32, 32), Image.Resampling.NEAREST)  # settles most pictures
        if _spread(few) > _GREY_NOISE:
            return True
    return any(_spread(image.crop(box)) > _GREY_NOISE for box in _strips(image, _PART))


def _spread(image: Image.Image) -> int:
    """Return the largest difference between two channels of one pixel, from 0 to 255."""
    red, green, blue = (np.frombuffer(channel.tobytes(), dtype=np.uint8) for channel in image.split())
    highest, lowest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return int((highest - lowest).max())


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
