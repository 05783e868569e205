"""8,000 damaged files, from rarer kinds of pictures and archives than in ``test_import``; some combine parts of two files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gan.data import archive, decoder
from gan.data.decoder import Refused
from gan.errors import InputError
from tests.damage import spoilt
from tests.data.test_archive import repeated
from tests.data.test_decoder import grey_tiff, rle_bmp
from tests.data.test_import import encoded, noise, zip_of
from tests.helpers import is_sentence

FUZZ = settings(max_examples=4_000, deadline=2000, suppress_health_check=list(HealthCheck))


def rare_pictures() -> list[bytes]:
    """Return valid pictures of many kinds: rotated, transparent, with several frames, with profiles, with 1 and 16 bits."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    grey, colour = noise(9, 7, "L"), noise(9, 7).convert("RGBA")
    grey.putalpha(90)
    colour.putalpha(99)
    frames = {"save_all": True, "append_images": [noise(9, 9, seed=2)]}
    deep = Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8))
    return [
        encoded(noise(32, 24), "MPO", **frames),
        encoded(noise(20, 12), "JPEG", exif=exif, progressive=True),
        encoded(noise(20, 12).convert("CMYK"), "JPEG"),
        encoded(grey),
        encoded(colour),
        encoded(colour, "WEBP"),
        encoded(noise(9, 7, "P"), transparency=3),
        encoded(noise(20, 12), "WEBP", lossless=True, exif=exif),
        encoded(noise(9, 9), **frames),
        encoded(noise(9, 9), "WEBP", **frames),
        encoded(deep, exif=exif),
        encoded(noise(9, 9), exif=exif, icc_profile=bytes(200)),
        encoded(noise(9, 9, "1")),
        *(encoded(noise(9, 7), kind) for kind in ("TIFF", "BMP", "GIF", "PPM")),
        *(encoded(noise(9, 7, mode), "TIFF", compression="tiff_lzw") for mode in ("1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr")),
        *(encoded(noise(9, 7), "TIFF", compression=name) for name in ("packbits", "tiff_adobe_deflate", "jpeg")),
        encoded(noise(9, 7, "1"), "TIFF", compression="group4"),
        encoded(deep, "TIFF", exif=exif),
        encoded(noise(9, 7, "P"), "GIF", transparency=3, interlace=1),
        encoded(noise(9, 9), "GIF", **frames),
        encoded(noise(9, 7, "P"), "BMP"),
        encoded(noise(9, 7, "1"), "BMP"),
        encoded(deep, "PPM"),
        b"P2 # grey\n3 2\n15\n0 5 15 # row\n7 8 9\n",
        b"P1 3 2\n101\n0 1 1\n",
        b"P5 2 2 4095\n" + bytes(range(8)),
        grey_tiff(),
        rle_bmp(5, 3),
    ]


def rare_archives() -> list[bytes]:
    """Return valid ZIPs of many kinds: ZIP64, with a comment, with refused names, with shared bytes."""
    picture = encoded(noise(9, 7))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("large/a.png", "w", force_zip64=True) as entry:
            entry.write(picture)
        file.writestr("ü/b.png", picture)
        file.comment = b"comment"
    return [
        buffer.getvalue(),
        repeated(4),
        repeated(3, zip64=True),
        zip_of({"a/1.png": picture, "../c": b""}).getvalue(),
        zip_of({"x" * 300 + "/a.png": picture}, compression=zipfile.ZIP_LZMA).getvalue(),
    ]


PICTURES, ARCHIVES = rare_pictures(), rare_archives()


NUMBERS = st.integers(0, 2**40)


@FUZZ
@given(NUMBERS, st.sampled_from([0, 16, 256]), st.sampled_from(["crop", "pad"]), st.sampled_from([1, 3]))
def test_damaged_rare_picture_is_a_picture_or_refused(number: int, smallest: int, how: str, channels: int) -> None:
    try:
        found = decoder.decode(spoilt(PICTURES, number), smallest)
    except Refused as reason:
        assert str(reason)
        assert str(reason).isprintable()
        return
    assert found.has_colour in (True, False)
    assert decoder.fit(found.image, 16, how, channels).shape == (16, 16, channels)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a file that each case overwrites."""
    return tmp_path_factory.mktemp("fuzz") / "some.zip"


@FUZZ
@given(number=NUMBERS)
def test_damaged_rare_archive_is_read_or_refused(some: Path, number: int) -> None:
    some.write_bytes(spoilt(ARCHIVES, number))
    try:
        with archive.open_source(some) as source:
            for entry in source.entries:
                try:
                    source.read(entry)
                except Refused as reason:
                    assert str(reason)
            assert all(one.name.isprintable() and one.reason for one in source.skipped)
    except InputError as error:
        assert is_sentence(str(error)), str(error)


@pytest.mark.parametrize("content", [*PICTURES, *ARCHIVES])
def test_files_are_valid_before_they_are_damaged(some: Path, content: bytes) -> None:
    if content in PICTURES:
        several = PICTURES.index(content) in (8, 9)  # several frames of a PNG and a WebP
        try:
            assert decoder.decode(content).image.mode in ("L", "RGB")
            assert not several
        except Refused as reason:
            assert several, str(reason)
    else:
        some.write_bytes(content)
        with archive.open_source(some) as source:
            assert source.entries or source.skipped
