"""Pictures from cameras, phones and untrusted sources: orientation, conversion and bounded memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from gan.data import decoder
from gan.data.decoder import Refused
from tests.data.test_import import encoded, huge_png, noise
from tests.helpers import PROJECT


def test_photo_with_a_preview_inside_is_read_as_the_photo() -> None:
    photo = noise(64, 48)
    content = encoded(photo, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 24))], quality=95)
    found = decoder.decode(content)
    assert found.image.size == (64, 48)
    assert np.abs(np.asarray(found.image).astype(int) - np.asarray(photo)).mean() < 25
    assert max(decoder.decode(encoded(noise(2000, 1600), "MPO", save_all=True, append_images=[photo]), 32).image.size) < 500


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_orientation_of_png_and_webp_is_applied(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(noise(20, 12), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(np.asarray(decoder.decode(content).image), np.asarray(wanted.convert("RGB")))


def test_width_and_height_are_swapped_even_if_the_small_copy_is_square() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decoder.decode(encoded(noise(2000, 1999), "JPEG", exif=exif), smallest=32)
    assert found.image.width == found.image.height
    assert (found.width, found.height) == (1999, 2000)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0rubbish", b"Exif\0\0MM\0*" + b"\xff" * 40, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(60)]
)
def test_invalid_exif_data_is_ignored(exif: bytes) -> None:
    assert decoder.decode(encoded(noise(20, 12), "JPEG", exif=exif)).image.size == (20, 12)


def test_picture_far_beyond_the_cap_is_refused_for_its_size() -> None:
    with pytest.raises(Refused, match="million"):
        decoder.decode(huge_png(14_000, 14_000))


def test_conversion_in_strips_equals_conversion_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    clear = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 50, 4), dtype=np.uint8))
    white = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    see_through = Image.new("P", (50, 60), 1)
    see_through.putpalette([9, 9, 9, 200, 0, 0] * 128)
    see_through.paste(0, (10, 10, 30, 50))
    for strip in (7, 500, 10**6):
        monkeypatch.setattr(decoder, "_STRIP", strip)
        assert np.array_equal(np.asarray(decoder.decode(encoded(Image.fromarray(deep))).image), np.round(deep / 257))
        got = np.asarray(decoder.decode(encoded(clear)).image).astype(int)
        assert np.abs(got - np.asarray(white)).max() <= 1
        holed = np.asarray(decoder.decode(encoded(see_through, transparency=0)).image)
        assert (holed[10:50, 10:30] == 255).all()
        assert (holed[:10] == [200, 0, 0]).all()


def test_colour_is_detected_and_the_noise_of_grey_jpegs_is_ignored() -> None:
    grey = noise(64, 64, "L")
    assert not decoder.decode(encoded(grey.convert("RGB"), "JPEG", quality=60)).has_colour
    assert not decoder.decode(encoded(grey.convert("LA"))).has_colour
    assert decoder.decode(encoded(noise(64, 64))).has_colour


def png(width: int, height: int, bits: int, colour: int, extra: bytes = b"") -> bytes:
    """Return a PNG of zeros with the chunks ``extra`` before the pixels, made without holding the pixels in memory."""
    packer = zlib.compressobj(1)
    row = b"\0" * (1 + width * {(8, 0): 1, (16, 0): 2, (8, 6): 4}[bits, colour])
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def packed(kind: bytes, size: int) -> bytes:
    """Return a PNG chunk that holds ``size`` letters, compressed about a thousandfold."""
    return chunk(kind, b"k\0\0" + zlib.compress(b"a" * size))


#: A function that makes the picture, and the peak memory allowed for reading it in MB, including 40 MB for the program.
LARGE: dict[str, tuple[Callable[[], bytes], int]] = {
    "transparent": (lambda: png(7000, 7000, 8, 6), 550),  # 200 MB decoded, 200 MB composited on white
    "16 bits": (lambda: png(7000, 7000, 16, 0), 350),
    "text": (lambda: png(8, 8, 8, 0, packed(b"zTXt", 200_000_000)), 100),
    "many texts": (lambda: png(8, 8, 8, 0, packed(b"zTXt", 1_000_000) * 2000), 200),
    "profile": (lambda: png(8, 8, 8, 0, packed(b"iCCP", 200_000_000)), 100),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", list(LARGE))
def test_memory_is_bounded_for_any_content(tmp_path: Path, name: str) -> None:
    make, most = LARGE[name]
    path = tmp_path / "large.png"
    path.write_bytes(make())
    code = (
        "import re; from pathlib import Path; from gan.data import decoder\n"
        f"try: decoder.decode(Path({str(path)!r}).read_bytes(), 32)\n"
        "except decoder.Refused: pass\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) < most, f"{done.stdout.strip()} MB"
