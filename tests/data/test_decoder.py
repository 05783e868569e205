"""Pictures from cameras, phones and untrusted sources: orientation, conversion and bounded memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_orientation_of_a_tiff_is_applied(orientation: int, compression: str | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decoder.decode(encoded(noise(20, 12), "TIFF", exif=exif, compression=compression))
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(noise(20, 12), exif=exif))))
    assert np.array_equal(np.asarray(found.image), np.asarray(wanted))
    assert (found.width, found.height) == wanted.size


@pytest.mark.parametrize("compression", [None, "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg"])
def test_compressed_tiffs_are_read(compression: str | None) -> None:
    found = decoder.decode(encoded(noise(64, 48), "TIFF", compression=compression))
    assert np.abs(np.asarray(found.image).astype(int) - np.asarray(noise(64, 48))).mean() < (8 if compression == "jpeg" else 0.01)


def test_scanned_page_in_black_and_white_is_read() -> None:
    page = noise(64, 48, "1")
    assert np.array_equal(
        np.asarray(decoder.decode(encoded(page, "TIFF", compression="group4")).image), np.asarray(page.convert("L"))
    )
    with pytest.raises(Refused, match="unsupported method"):
        decoder.decode(encoded(noise(64, 48), "TIFF", compression="zstd"))


def test_gif_gives_its_first_frame_on_white() -> None:
    first, second = noise(16, 12, "P"), noise(16, 12, "P", seed=1)
    content = encoded(first, "GIF", save_all=True, append_images=[second], transparency=int(np.asarray(first)[0, 0]))
    found = np.asarray(decoder.decode(content).image)
    assert found[0, 0].tolist() == [255, 255, 255]
    is_clear = np.asarray(first) == np.asarray(first)[0, 0]
    assert np.array_equal(found[~is_clear], np.asarray(first.convert("RGB"))[~is_clear])


@pytest.mark.parametrize(
    ("content", "pixels"),
    [
        (b"P2 # from a # script\n2 1\n# a comment\n15\n0 15\n", [[0, 255]]),
        (b"P5 2 1 4095\n" + struct.pack(">2H", 4095, 0), [[255, 0]]),
        (b"P5\n2 1\n65535\n" + struct.pack(">2H", 257 * 7, 65535), [[7, 255]]),
        (b"P1 3 1 1 0 1", [[0, 255, 0]]),
        (b"P4 3 1 \xa0", [[0, 255, 0]]),
        (b"P3 1 1 255 9 99 199", [[[9, 99, 199]]]),
        (b"P6 #\n1 1 255\n#12", [[[35, 49, 50]]]),
    ],
)
def test_every_kind_of_pnm_is_read(content: bytes, pixels: list[Any]) -> None:
    assert np.asarray(decoder.decode(content).image).tolist() == pixels


def tiff(entries: list[tuple[int, int, int, int]], tail: bytes = b"") -> bytes:
    """Return a TIFF with one directory of entries (tag, type, count, value), followed by ``tail``, which begins at byte 200."""
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHLL", *entry) for entry in entries) + bytes(4)
    return (b"II*\0" + struct.pack("<L", 8) + directory).ljust(200, b"\0") + tail


def grey_tiff(*more: tuple[int, int, int, int], tail: bytes = bytes(100)) -> bytes:
    """Return an uncompressed grey TIFF of 8 × 8 pixels with further entries."""
    usual = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 200), (278, 4, 1, 8)]
    return tiff(sorted([entry for entry in usual if entry[0] not in {one[0] for one in more}] + list(more)), tail)


#: Small or compressible files that Pillow would take minutes or gigabytes to read.
HEAVY = {
    "comments of a plain PPM": lambda: b"P3 2 2 255\n" + b"#\n" * 2_000_000 + b"1 2 3 " * 4,
    "spaces in a PPM": lambda: b"P6" + b" " * 20_000_000,
    "plain PPM of many pixels": lambda: b"P3 3000 3000 255\n" + b"0 " * 27_000_000,
    "PGM of an odd depth": lambda: b"P5 7000 7000 4095\n" + bytes(49_000_000),
    "run lengths of a BMP": lambda: rle_bmp(50_000_000, 1),
    "strips of a TIFF": lambda: grey_tiff((273, 4, 15_000_000, 200), (278, 4, 1, 1), tail=bytes(60_000_000)),
    "orientations of a TIFF": lambda: grey_tiff((274, 3, 30_000_000, 200), tail=bytes(60_000_000)),
    "Exif of a TIFF": lambda: grey_tiff(
        (34665, 4, 1, 400), tail=bytes(200) + struct.pack("<HHHLL", 1, 33434, 3, 29_000_000, 500) + bytes(60_000_000)
    ),
    "a tile of a TIFF": lambda: grey_tiff(
        (259, 3, 1, 8),
        (322, 4, 1, 40_000),
        (323, 4, 1, 40_000),
        (324, 4, 1, 200),
        (325, 4, 1, 60_000_000),
        tail=zlib.compress(bytes(60_000_000)).ljust(60_000_000, b"\0"),
    ),
    "orientations of a PNG": lambda: png(8, 8, 8, 0, chunk(b"eXIf", tiff([(274, 3, 25_000_000, 200)], bytes(50_000_000)))),
}


def rle_bmp(width: int, height: int) -> bytes:
    """Return a BMP of run lengths: one pixel, then the end of a line, which Pillow fills pixel by pixel."""
    head = struct.pack("<LLLHHLLLLLL", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<LLL", 0, 0, 14 + 40 + 1024) + head + bytes(range(256)) * 4 + b"\1\0\0\0" * height + b"\0\1"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", list(HEAVY))
def test_forged_headers_cost_neither_minutes_nor_gigabytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "heavy"
    path.write_bytes(HEAVY[name]())
    seconds, megabytes = cost(path)
    assert seconds < 5
    assert megabytes < 450


def cost(path: Path) -> tuple[float, int]:
    """Decode a file in a process of its own; return the seconds and the peak memory in MB, including 40 MB for the program."""
    code = (
        "import re, time; from pathlib import Path; from gan.data import decoder\n"
        f"content = Path({str(path)!r}).read_bytes(); started = time.process_time()\n"
        "try: decoder.decode(content, 32)\n"
        "except decoder.Refused: pass\n"
        "print(time.process_time() - started)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True)
    assert not done.stderr
    seconds, megabytes = done.stdout.split()
    return float(seconds), int(megabytes)


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


def grey_png(samples: list[int], bits: int, clear: int) -> bytes:
    """Return a PNG of one row of grey samples with ``bits`` bits each, of which the value ``clear`` is transparent."""
    row = b"\0" + int("".join(f"{sample:0{bits}b}" for sample in samples).ljust(-(-len(samples) * bits // 8) * 8, "0"), 2).to_bytes(
        -(-len(samples) * bits // 8), "big"
    )
    head = struct.pack(">IIBBBBB", len(samples), 1, bits, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"tRNS", struct.pack(">H", clear)), (b"IDAT", zlib.compress(row)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_grey_becomes_white_at_every_depth(bits: int) -> None:
    highest = 2**bits - 1
    for clear in sorted({0, 1, highest // 3, highest}):
        other = highest if clear == 0 else 0
        found = np.asarray(decoder.decode(grey_png([clear, other, clear], bits, clear)).image.convert("L"))
        assert found.tolist() == [[255, 255 if other else 0, 255]], f"{clear} of {highest}"


def test_transparent_colour_of_a_deep_png_becomes_white() -> None:
    red, blue = (0x1234, 0x00FF, 0xFF00), (0, 0, 0xFFFF)
    row = b"\0" + struct.pack(">6H", *red, *blue)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)),
        (b"tRNS", struct.pack(">3H", *red)),
        (b"IDAT", zlib.compress(row)),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
    assert np.asarray(decoder.decode(content).image).tolist() == [[[255, 255, 255], [0, 0, 255]]]


TWELVE = np.linspace(0, 4095, 64 * 64).astype(np.uint16).reshape(64, 64)  # a camera's values


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_twelve_bits_use_6_percent_and_are_stretched_without_loss(kind: str) -> None:
    content = encoded(Image.fromarray(TWELVE), kind)
    found = decoder.decode(content)
    assert found.range_used == 4095 / 65535
    assert np.asarray(found.image).max() == 16
    stretched = np.asarray(decoder.decode(content, stretch=found.range_used).image)
    assert np.array_equal(stretched, np.round(TWELVE / 4095 * 255))


def test_eight_bits_are_stretched_too() -> None:
    dark = Image.fromarray(np.arange(17, dtype=np.uint8).reshape(1, 17))
    for mode in ("L", "RGB"):
        found = decoder.decode(encoded(dark.convert(mode)))
        assert found.range_used == 16 / 255
        stretched = np.asarray(decoder.decode(encoded(dark.convert(mode)), stretch=found.range_used).image)
        assert np.array_equal(stretched.reshape(17, -1)[:, 0], np.round(np.arange(17) / 16 * 255))
    clear = encoded(Image.fromarray(TWELVE), transparency=4095)
    assert np.asarray(decoder.decode(clear, stretch=0.25).image)[-1, -1] == 255, "transparent pixels stay white"
    assert decoder.decode(b"P5 2 1 4095\n" + struct.pack(">2H", 4095, 0)).range_used == 1, "a PGM names its highest value"


def test_colour_is_detected_and_the_noise_of_grey_jpegs_is_ignored() -> None:
    grey = noise(64, 64, "L")
    assert not decoder.decode(encoded(grey.convert("RGB"), "JPEG", quality=60)).has_colour
    assert not decoder.decode(encoded(grey.convert("LA"))).has_colour
    assert decoder.decode(encoded(noise(64, 64))).has_colour


WHITE = (255, 255, 255)


def page(
    size: int, colour: tuple[int, int, int], box: tuple[int, int, int, int], paper: tuple[int, int, int] = WHITE
) -> Image.Image:
    """Return a page with grey text and one coloured box (left, top, right, bottom)."""
    drawn = Image.new("RGB", (size, size), paper)
    for line in range(0, size, 8):
        drawn.paste((60, 60, 60), (0, line, size // 2, line + 1))
    drawn.paste(colour, box)
    return drawn


#: Colour that a copy at 32 × 32 pixels misses: the colour, and its box on a page of N pixels.
HIDDEN: dict[str, tuple[tuple[int, int, int], Callable[[int], tuple[int, int, int, int]]]] = {
    "line of two pixels": ((255, 0, 0), lambda size: (0, size // 2 + 3, size, size // 2 + 5)),
    "line of one pixel": ((0, 0, 255), lambda size: (size // 3, 0, size // 3 + 1, size)),
    "dot": ((255, 0, 0), lambda size: (size - 2, size - 2, size, size)),
    "pale line": ((255, 246, 246), lambda size: (0, size // 2 + 3, size, size // 2 + 5)),
    "pale dot": ((246, 255, 246), lambda size: (size // 2 + 1, size // 2 + 1, size // 2 + 5, size // 2 + 5)),
}


@pytest.mark.parametrize("size", [32, 33, 100, 256, 700, 1024])
@pytest.mark.parametrize("name", list(HIDDEN))
@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 98, "subsampling": 0})]
)
def test_thin_small_and_pale_colour_is_found(kind: str, options: dict[str, Any], name: str, size: int) -> None:
    colour, box = HIDDEN[name]
    content = encoded(page(size, colour, box(size)), kind, **options)
    assert decoder.has_colour(content, decoder.decode(content, smallest=32))


@pytest.mark.parametrize("size", [33, 256, 1024])
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {}), ("JPEG", {"quality": 60}), ("JPEG", {"quality": 98})])
def test_grey_pages_stay_grey(kind: str, options: dict[str, Any], size: int) -> None:
    content = encoded(page(size, (120, 120, 120), (3, 3, 9, 9)), kind, **options)
    assert not decoder.has_colour(content, decoder.decode(content, smallest=32))


def test_coloured_photo_is_not_decoded_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, grey = encoded(noise(1024, 1024), "JPEG"), encoded(noise(1024, 1024, "L"), "JPEG")
    found = {content: decoder.decode(content, smallest=32) for content in (photo, grey)}
    monkeypatch.setattr(decoder, "decode", None)
    assert decoder.has_colour(photo, found[photo])
    assert not decoder.has_colour(grey, found[grey])


def test_colour_in_the_last_strip_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "_PART", 1000)
    assert decoder.decode(encoded(page(300, (255, 0, 0), (150, 298, 151, 299)))).has_colour


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
    _, megabytes = cost(path)
    assert megabytes < most
