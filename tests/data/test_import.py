"""Untrusted pictures and archives: good ones are read correctly, bad ones are skipped with a reason."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gan.data import archive, decoder, importer
from gan.data.decoder import Refused
from gan.errors import InputError
from tests.helpers import PROJECT, environment, is_sentence


@pytest.fixture(autouse=True)
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty data folder."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def ignore(sentence: str, share: float) -> None:
    """Ignore progress reports."""


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return an image encoded as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Return a picture of random blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST).convert(mode)


# One picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_decoded_picture_matches_the_original(kind: str, mode: str) -> None:
    image = noise(40, 24, mode)
    found = decoder.decode(encoded(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert (found.width, found.height) == found.image.size == (40, 24)
    assert found.has_colour == (mode == "RGB")
    wanted, got = (np.asarray(one.convert("RGB")).astype(int) for one in (image, found.image))
    assert np.abs(wanted - got).mean() < (25 if kind == "JPEG" else 0.01)


def test_odd_modes_are_converted_properly() -> None:
    deep = Image.fromarray(np.array([[0, 257 * 100], [257 * 200, 65535]], dtype=np.uint16))
    assert np.asarray(decoder.decode(encoded(deep)).image).tolist() == [[0, 100], [200, 255]], "16 bits must be scaled, not clipped"
    red = Image.new("RGB", (8, 8), (200, 10, 10))
    for mode in ("P", "RGBA", "CMYK"):
        converted = red.convert(mode, palette=Image.Palette.ADAPTIVE)
        found = decoder.decode(encoded(converted, "JPEG" if mode == "CMYK" else "PNG")).image
        assert found.mode == "RGB"
        assert np.abs(np.asarray(found).astype(int) - [200, 10, 10]).max() < 12, mode
    clear = Image.new("RGBA", (8, 8), (200, 10, 10, 0))
    assert np.asarray(decoder.decode(encoded(clear)).image).min() == 255, "transparent pixels must become white"
    half = decoder.decode(encoded(Image.new("LA", (8, 8), (0, 128)))).image
    assert abs(int(np.asarray(half.convert("L"))[0, 0]) - 127) <= 1
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([9, 9, 9] + [200, 0, 0] * 255)
    assert np.asarray(decoder.decode(encoded(palette, transparency=0)).image).min() == 255
    assert np.asarray(decoder.decode(encoded(Image.new("1", (8, 8), 1))).image).min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_camera_rotation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decoder.decode(encoded(noise(40, 24), "JPEG", exif=exif))
    assert (found.width, found.height) == ((40, 24) if orientation < 5 else (24, 40))
    assert found.image.size == (found.width, found.height)


def test_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    content = encoded(noise(2000, 1600), "JPEG", quality=90)
    small, whole = decoder.decode(content, smallest=32), decoder.decode(content)
    assert max(small.image.size) < 500
    assert (small.width, small.height) == (2000, 1600)
    one, other = (decoder.fit(each.image, 32, "crop", 3).astype(int) for each in (small, whole))
    assert np.abs(one - other).mean() < 3


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG of a single grey, made without holding its pixels in memory."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(b"\0" * (width + 1)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bad_pictures() -> dict[str, tuple[bytes, str]]:
    """Return pictures that must be refused, each with a part of the reason."""
    png = encoded(noise(40, 24))
    frames = [noise(16, 16, seed=seed) for seed in range(3)]
    return {
        "nothing": (b"", "not a PNG"),
        "text": (b"<svg onload=alert(1)>", "not a PNG"),
        "tga": (encoded(noise(8, 8), "TGA"), "not a PNG"),
        "jpeg2000": (encoded(noise(8, 8), "JPEG2000"), "not a PNG"),
        "cut TIFF": (encoded(noise(40, 24), "TIFF")[:-300], "damaged"),
        "cut BMP": (encoded(noise(40, 24), "BMP")[:-300], "damaged"),
        "cut PPM": (encoded(noise(40, 24), "PPM")[:-300], "damaged"),
        "cut GIF": (encoded(noise(40, 24), "GIF")[:-60], "damaged"),
        "two pages": (encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]), "several frames"),
        "floating point": (encoded(noise(8, 8).convert("F"), "TIFF"), "floating-point"),
        "negative": (encoded(Image.fromarray(np.full((4, 4), -5, dtype=np.int32)), "TIFF"), "outside 0 to 65,535"),
        "colours of LAB": (encoded(Image.new("LAB", (8, 8)), "TIFF"), "unsupported kind (LAB)"),
        "text with a number": (b"P5 is a magic number.", "not a PNG"),
        "old TIFF": (encoded(noise(8, 8), "TIFF", big_tiff=True), "not a PNG"),
        "cut PNG": (png[: len(png) // 2], "damaged"),
        "cut JPEG": (encoded(noise(200, 200, seed=3), "JPEG")[:900], "damaged"),
        "cut WebP": (encoded(noise(64, 64, seed=3), "WEBP")[:60], ""),
        "no width": (png[:16] + struct.pack(">I", 0) + png[20:], ""),
        "169 megapixels": (huge_png(13_000, 13_000), "13000 × 13000"),
        "animated WebP": (encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True), "several frames"),
        "animated PNG": (encoded(frames[0], save_all=True, append_images=frames[1:]), "several frames"),
        "bytes": (os.urandom(500), "not a PNG"),
    }


@pytest.mark.parametrize("name", list(bad_pictures()))
def test_bad_picture_is_refused_with_its_reason(name: str) -> None:
    content, word = bad_pictures()[name]
    started = time.process_time()
    with pytest.raises(Refused) as caught:
        decoder.decode(content, smallest=32)
    assert word in str(caught.value)
    assert time.process_time() - started < 2


def test_fit_crops_the_middle_and_pads_with_black() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste((0, 0, 255), (100, 0, 200, 100))
    crop, pad = (decoder.fit(wide, 30, how, 3) for how in ("crop", "pad"))
    assert crop.shape == pad.shape == (30, 30, 3)
    assert (crop[:, 2:-2] == [0, 0, 255]).all()
    assert (pad[:9] == 0).all()
    assert (pad[21:] == 0).all()
    assert (pad[12:18, 1:8] == [255, 0, 0]).all()
    assert (pad[12:18, 12:18] == [0, 0, 255]).all()
    assert decoder.fit(wide, 16, "crop", 1).shape == (16, 16, 1)
    for size in ((10_000, 1), (1, 10_000), (1, 1)):
        for how in ("crop", "pad"):
            assert decoder.fit(Image.new("L", size, 77), 16, how, 1).shape == (16, 16, 1)


# Archives

PNG = encoded(noise(16, 16))


def zip_of(files: dict[str, bytes], **options: Any) -> io.BytesIO:
    """Return a ZIP in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer


def opened(tmp_path: Path, content: bytes) -> tuple[list[str], dict[str, str], list[bytes]]:
    """Return the names of a ZIP's entries, the reasons for skipped ones, and the contents of the others."""
    path = tmp_path / "some.zip"
    path.write_bytes(content)
    with archive.open_source(path) as source:
        contents = []
        refused = {}
        for entry in source.entries:
            try:
                contents.append(source.read(entry))
            except Refused as reason:
                refused[entry.name] = str(reason)
        return [entry.name for entry in source.entries], {one.name: one.reason for one in source.skipped} | refused, contents


def test_unsafe_names_are_skipped(tmp_path: Path) -> None:
    evil = ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "c:evil.png"]
    evil += ["..\\evil.png", "a\\..\\..\\evil.png", "a/..\\../evil.png", "\\evil.png", "\\\\server\\evil.png", "C:\\evil.png"]
    names, skipped, _ = opened(tmp_path, zip_of(dict.fromkeys([*evil, "good/one.png"], PNG)).getvalue())
    assert names == ["good/one.png"]
    assert set(skipped) == {name.replace("\\", "/") for name in evil}
    assert list(tmp_path.iterdir()) == [tmp_path / "some.zip"], "files were unpacked"


def test_links_encrypted_nested_duplicate_and_clashing_entries_are_skipped(tmp_path: Path) -> None:
    buffer = zip_of(
        {
            "good.png": PNG,
            "inner.zip": b"PK",
            "inner.tar.gz": b"x",
            "Two.png": PNG,
            "two.PNG": PNG,
            "é.png": PNG,
            "e\u0301.png": PNG,
        }
    )
    with zipfile.ZipFile(buffer, "a") as file:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("good.png", PNG)
        file.writestr("packed.png", PNG, zipfile.ZIP_LZMA)
        file.writestr("locked.png", PNG)
    content = bytearray(buffer.getvalue())
    place = content.rfind(b"locked.png") - 46
    assert content[place : place + 4] == b"PK\1\2"
    content[place + 8] |= 1
    names, skipped, _ = opened(tmp_path, bytes(content))
    assert names == ["Two.png", "good.png", "é.png"]
    reasons = {
        "inner.zip": "archive",
        "inner.tar.gz": "archive",
        "two.PNG": "earlier",
        "e\u0301.png": "earlier",
        "link.png": "link",
        "good.png": "earlier",
        "packed.png": "packed",
        "locked.png": "encrypted",
    }
    assert set(skipped) == set(reasons)
    for name, word in reasons.items():
        assert word in skipped[name], name


def test_bombs_and_forged_sizes_are_stopped_at_the_cap(tmp_path: Path) -> None:
    bomb = zip_of({"bomb.png": bytes(archive.MOST_BYTES + 1), "good.png": PNG}, compression=zipfile.ZIP_DEFLATED).getvalue()
    assert len(bomb) < 200_000
    _, skipped, contents = opened(tmp_path, bomb)
    assert "larger than 64 MB" in skipped["bomb.png"]
    assert contents == [PNG]
    forged = bytearray(bomb)
    for mark, offset in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        place = forged.find(mark)
        forged[place + offset : place + offset + 4] = struct.pack("<I", 100)
    _, skipped, contents = opened(tmp_path, bytes(forged))
    assert "bomb.png" in skipped
    assert contents == [PNG]


def test_overlapping_entries_are_skipped(tmp_path: Path) -> None:
    content = bytearray(zip_of({"one.png": PNG, "two.png": PNG}).getvalue())
    second = content.rfind(b"PK\1\2")
    content[second + 42 : second + 46] = struct.pack("<I", 4)
    names, skipped, _ = opened(tmp_path, bytes(content))
    assert names == ["one.png"]
    assert "shares its bytes" in skipped["two.png"]


@pytest.mark.parametrize("is_honest", [True, False])
def test_million_entries_are_refused_before_they_fill_the_memory(tmp_path: Path, is_honest: bool) -> None:
    whole = zip_of({"a.png": PNG}).getvalue()
    start, end = whole.find(b"PK\1\2"), whole.find(b"PK\5\6")
    directory = whole[start:end] * 1_000_000
    count = 0xFFFF if is_honest else 1
    record = whole[end : end + 8] + struct.pack("<HHII", count, count, len(directory), start) + b"\0\0"
    extra = b""
    if is_honest:
        extra = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1_000_000, 1_000_000, len(directory), start)
        extra += struct.pack("<4sIQI", b"PK\6\7", 0, start + len(directory), 1)
    path = tmp_path / "many.zip"
    path.write_bytes(whole[:start] + directory + extra + record)
    with pytest.raises(InputError) as caught, archive.open_source(path):
        pass
    assert is_sentence(str(caught.value))
    assert "500,000" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\5\6" + bytes(18), os.urandom(2000), zip_of({"a.png": PNG}).getvalue()[:-30]])
def test_damaged_archive_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.zip"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        importer.import_pictures(path, "damaged", ignore, root=tmp_path / "data")
    assert is_sentence(str(caught.value))
    assert not (tmp_path / "data" / "own" / "damaged").exists()


def test_folder_is_read_without_links_pipes_and_sockets(tmp_path: Path) -> None:
    place = tmp_path / "pictures"
    junk = ["__MACOSX/cats/a.png", ".hidden/a.png", "cats/.DS_Store", "Thumbs.db"]
    for name in ["cats/a.png", "cats/b.png", "dogs/deep/c.png", *junk]:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(PNG)
    (place / "link.png").symlink_to("/etc/passwd")
    (place / "loop").symlink_to(place)
    os.mkfifo(place / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(place)
        try:
            listening.bind("socket.png")
        finally:
            os.chdir(PROJECT)
    with archive.open_source(place) as source:
        assert [(entry.name, entry.path[0]) for entry in source.entries] == [
            ("cats/a.png", "cats"),
            ("cats/b.png", "cats"),
            ("dogs/deep/c.png", "dogs"),
        ]
        assert {one.name for one in source.skipped} == {"link.png", "loop", "pipe.png", "socket.png"}


# Imports


def test_unusual_names_are_treated_as_text(tmp_path: Path) -> None:
    classes = ["🐈 cats", "\u202eevil\u202c", "x" * 120, "<script>alert(1)</script>", "مرحبا", "a & b | c $x$"]
    files = {f"{name}/{index}.png": encoded(noise(16, 16, seed=index)) for name in classes for index in range(2)}
    path = tmp_path / "names.zip"
    path.write_bytes(zip_of(files).getvalue())
    name = importer.import_pictures(path, "🐈 <b>mine</b>", ignore, root=tmp_path / "data")
    assert name == "b-mine-b"
    facts = json.loads((tmp_path / "data" / "own" / name / "data-set.json").read_text())
    assert sum(facts["counts"]) == 12
    assert facts["title"] == "🐈 <b>mine</b>"
    assert all(one.isprintable() and len(one) <= 80 for one in facts["classes"])
    assert "<script>alert(1)" in " ".join(facts["classes"]), "markup must stay text"


def test_upright_and_wide_pictures_of_one_area_are_two_sizes(tmp_path: Path) -> None:
    path = tmp_path / "turned.zip"
    shapes = [(20, 30), (30, 20), (20, 30)]
    path.write_bytes(zip_of({f"{place}.png": encoded(noise(*shape, seed=place)) for place, shape in enumerate(shapes)}).getvalue())
    name = importer.import_pictures(path, "Turned", ignore, root=tmp_path / "data")
    sizes = json.loads((tmp_path / "data" / "own" / name / "data-set.json").read_text())["sizes"]
    assert (sizes["smallest"], sizes["largest"]) == ([20, 30], [30, 20])


def test_import_keeps_the_good_and_lists_the_bad(tmp_path: Path) -> None:
    files = {f"good/{index}.png": encoded(noise(20 + index, 30, seed=index)) for index in range(5)}
    files |= {f"bad/{name}.png": content for name, (content, _) in bad_pictures().items()}
    path = tmp_path / "mixed.zip"
    path.write_bytes(zip_of(files, compression=zipfile.ZIP_DEFLATED).getvalue())
    name = importer.import_pictures(path, "Mixed", ignore, root=tmp_path / "data")
    place = tmp_path / "data" / "own" / name
    facts = json.loads((place / "data-set.json").read_text())
    assert facts["counts"] == [5]
    assert facts["skipped"] == len(bad_pictures()) == sum(facts["reasons"].values())
    lines = [json.loads(line) for line in (place / "skipped.jsonl").read_text().splitlines()]
    assert {line["name"] for line in lines} == {f"bad/{name}.png" for name in bad_pictures()}
    assert facts["sizes"] == {"smallest": [20, 30], "median": [22, 30], "largest": [24, 30]}
    assert len(next(importer.decode_all(place, 16, "crop", 3))) == 5


@pytest.mark.parametrize("files", [{}, {"one.png": PNG}, {"a.txt": b"x", "b.txt": b"y"}])
def test_too_few_pictures_are_refused_in_one_sentence(tmp_path: Path, files: dict[str, bytes]) -> None:
    place = tmp_path / "few"
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        importer.import_pictures(place, "few", ignore, root=tmp_path / "data")
    assert is_sentence(str(caught.value))
    assert "two" in str(caught.value)
    assert [path.name for path in (tmp_path / "data" / "own").iterdir()] == [".import.lock"]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Return a ZIP of 1,500 small pictures and one bad file."""
    path = tmp_path / "many.zip"
    files = {f"{index % 3}/{index:05d}.png": encoded(noise(24, 24, seed=index)) for index in range(1500)}
    path.write_bytes(zip_of(files | {"0/bad.png": b"bad"}).getvalue())
    return path


def test_import_does_not_depend_on_the_number_of_processes(tmp_path: Path, many: Path) -> None:
    names = [importer.import_pictures(many, f"by {workers}", ignore, root=tmp_path / "data", workers=workers) for workers in (1, 2)]
    places = [tmp_path / "data" / "own" / name for name in names]
    for name in ("originals.bin", "skipped.jsonl"):
        assert len({(place / name).read_bytes() for place in places}) == 1
    decoded = [np.concatenate(list(importer.decode_all(places[0], 16, "crop", 3, workers=workers))) for workers in (1, 2)]
    assert np.array_equal(*decoded)
    assert decoded[0].shape == (1500, 16, 16, 3)


def test_damaged_originals_are_refused_in_one_sentence(tmp_path: Path, many: Path) -> None:
    place = tmp_path / "data" / "own" / importer.import_pictures(many, "mine", ignore, root=tmp_path / "data", workers=1)
    whole = (place / "originals.bin").read_bytes()
    for damaged in (whole[:-5], whole[:5000] + bytes(2000) + whole[7000:]):
        (place / "originals.bin").write_bytes(damaged)
        with pytest.raises(InputError) as caught:
            list(importer.decode_all(place, 16, "crop", 3, workers=1))
        assert is_sentence(str(caught.value))


def test_killed_import_is_cleared_by_the_next_one(tmp_path: Path, many: Path) -> None:
    own = tmp_path / "data" / "own"
    command = [sys.executable, "-m", "gan", "data", "import", str(many), "--name", "mine", "--quiet"]
    for patience in (0.0, 0.15, 0.4):
        process = subprocess.Popen(command, cwd=PROJECT, env=environment(None, {"GAN_DATA": str(tmp_path / "data")}))
        deadline = time.monotonic() + 60
        while not list(own.glob(".importing-*/originals.bin")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(patience)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (own / "mine").exists():
            break  # the import finished before the kill
    if not (own / "mine").exists():
        assert list(own.glob(".importing-*")), "the process was not killed in the middle"
        importer.import_pictures(many, "mine", ignore, root=tmp_path / "data", workers=1)
    assert not list(own.glob(".importing-*"))
    assert sum(json.loads((own / "mine" / "data-set.json").read_text())["counts"]) == 1500


def test_full_disk_while_importing_is_reported_in_one_sentence_and_leaves_nothing(tmp_path: Path, many: Path) -> None:
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000));"
        f"from gan.commands.main import main; sys.exit(main(['data', 'import', {str(many)!r}, '--name', 'mine', '--quiet']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=environment(None, {"GAN_DATA": str(tmp_path / "data")}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert is_sentence(done.stderr.strip()), done.stderr
    left = [path.name for path in (tmp_path / "data" / "own").iterdir() if not path.name.startswith(".import.")]
    assert not left
