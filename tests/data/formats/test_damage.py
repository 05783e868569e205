"""Damaged, lying and hostile files of every format: one sentence, nothing half-made, nothing loaded, memory flat."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gan.data import archive, importer
from gan.data.decoder import Refused
from gan.data.formats import opening, packed, unreadable
from gan.errors import InputError
from tests.damage import spoilt
from tests.data.formats.samples import (
    CLASSES,
    COLOUR,
    GREY,
    SAMPLES,
    Sample,
    cifar_binary,
    csv,
    hdf5,
    idx,
    matlab,
    npy,
    npz,
    parquet,
    png,
    tarred,
    zipped,
)  # fmt: skip
from tests.helpers import PROJECT, is_sentence

FUZZ = settings(max_examples=100, deadline=2000, suppress_health_check=list(HealthCheck))
MANY = np.zeros((10**6, 4, 4), np.uint8)
SVHN = COLOUR.transpose(1, 2, 3, 0)
FORMATS = sorted({sample.format for sample in SAMPLES})


def read(content: bytes, name: str = "some.file") -> list[np.ndarray]:
    """Return the pictures of a file, without those that are skipped."""
    found = []
    with opening.open_file(io.BytesIO(content), name) as source:
        assert is_sentence(source.sentence), source.sentence
        for picture in source:
            try:
                found.append(picture.pixels())
            except Refused as reason:
                assert str(reason).isprintable()
    return found


def refused(content: bytes, name: str = "some.file") -> str:
    """Return the sentence with which a file is refused."""
    with pytest.raises(InputError) as caught:
        read(content, name)
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def is_read_or_refused(content: bytes) -> bool:
    try:
        assert all(one.dtype == np.uint8 and one.ndim == 3 and one.shape[2] in (1, 3) for one in read(content))
    except InputError as error:
        assert is_sentence(str(error)), str(error)
        return False
    return True


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_truncated_files_are_refused(sample: Sample) -> None:
    length = len(sample.content)
    for cut in (1, 3, 20, 150, length // 4, length // 2 + 1, 3 * length // 4, length - 1):
        is_read = is_read_or_refused(sample.content[:cut])
        # The last byte of a text, a checksum or the padding of a tar archive says nothing about the pictures.
        assert not is_read or (cut == length - 1 or "CSV" in sample.format or sample.id.endswith(".tar")), cut


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files_are_read_or_refused(format: str) -> None:
    files = [sample.content for sample in SAMPLES if sample.format == format]

    @FUZZ
    @given(st.integers(0, 2**40))
    def damage(number: int) -> None:
        is_read_or_refused(spoilt(files, number))

    damage()


# Lies


def header(shape: str, kind: str = "|u1") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def claimed_parquet() -> bytes:
    """Return a table whose one picture stands in 500,001 rows: some kilobytes."""
    images = pa.array([{"bytes": png(GREY[0]), "path": ""}] * 500_001, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    buffer = io.BytesIO()
    pq.write_table(pa.table({"image": images}), buffer)
    return buffer.getvalue()


def claimed_hdf5(count: int) -> bytes:
    """Return a file of a kilobyte with an array of which nothing was written."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("images", (count, 28, 28), "u1", chunks=(1, 28, 28))
    return buffer.getvalue()


def many_members(count: int) -> bytes:
    """Return a packed tar archive with many empty files."""
    block = tarfile.TarInfo("a.png").tobuf()
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as file:
        for _ in range(-(-count // 1000)):
            file.write(block * 1000)
        file.write(bytes(1024))
    return buffer.getvalue()


LIES = {
    "10⁹ rows in NumPy": (lambda: header("(1000000000, 28, 28)") + bytes(1000), "claims 730 GB"),
    "10⁷ rows in NumPy": (lambda: header("(10000000, 8, 8)") + bytes(1000), "damaged or cut off"),
    "negative rows": (lambda: header("(-30, 28, 28)") + bytes(1000), "NumPy"),
    "a header of code": (lambda: header("__import__('os').abort()") + bytes(9), "damaged or cut off"),
    "a deep header": (lambda: header("(" * 4000 + ")" * 4000), "damaged or cut off"),
    "10⁹ rows in IDX": (lambda: struct.pack(">BBBB3I", 0, 0, 8, 3, 10**9, 28, 28) + bytes(999), "damaged or cut off"),
    "10⁹ rows in packed IDX": (lambda: gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 10**9, 28, 28)), "more than 500,000"),
    "10⁹ pictures in MATLAB": (
        lambda: matlab({"X": SVHN}, packed=False).replace(struct.pack("<i", 30), struct.pack("<i", 10**9), 1),
        "damaged or cut off",
    ),
    "10⁶ pictures with labels": (lambda: npz(packed=True, x=MANY, y=MANY[:, 0, 0]), "more than 500,000"),
    "10⁹ rows in HDF5": (lambda: claimed_hdf5(10**9), "more than 64 GB"),
    "450,000 rows in HDF5 of a kilobyte": (lambda: claimed_hdf5(450_000), "claims 450,000 rows, and 0 of 450,000 pieces"),
    "HDF5 labels that do not fit": (lambda: hdf5(images=GREY, labels=CLASSES[:7]), "has 7 labels"),
    "objects in HDF5": (lambda: hdf5(images=np.array([[b"a"] * 28] * 28, dtype=object)), "no arrays"),
    "objects as labels": (lambda: npz(x=GREY, y=np.array([None] * 30, dtype=object)), "never loaded"),
    "500,001 rows in Parquet": (claimed_parquet, "more than 500,000"),
    "labels that do not fit": (lambda: npz(x=GREY, y=CLASSES[:7]), "has 7 labels"),
    "IDX labels that do not fit": (
        lambda: zipped({"t-images-idx3-ubyte": idx(GREY[..., 0]), "t-labels-idx1-ubyte": idx(CLASSES[:7])}),
        "has 7 labels",
    ),
    "MATLAB labels that do not fit": (lambda: matlab({"X": SVHN, "y": CLASSES[:7, None]}), "has 7 labels"),
    "a row too short": (lambda: csv(GREY)[:-9], "Line 30"),
    "a word among numbers": (lambda: csv(GREY).replace(b",21,", b",abc,", 1), "“abc”"),
    "fractions after whole numbers": (lambda: csv(GREY) + csv(GREY).replace(b",9,", b",9.5,"), "Line 30"),
    "values of a normalised set": (lambda: npy(GREY / 60 - 2.0), "undo the normalisation"),
    "values that are not finite": (lambda: npy(np.where(GREY == 9, np.nan, 0.5)), "not finite"),
    "an array of features": (lambda: npy(np.zeros((30, 2048))), "[30, 2048]"),
    "one picture": (lambda: npy(COLOUR[0]), "[32, 32, 3]"),
    "texts": (lambda: npy(np.array([["a"] * 28] * 28)), "not pictures"),
    "an empty array": (lambda: npy(GREY[:0]), "expected pictures"),
    "labels alone": (lambda: idx(CLASSES), "choose the one with the pictures"),
    "a wrong label in CIFAR": (
        lambda: cifar_binary(COLOUR.repeat(3, axis=0), np.where(np.arange(90) == 80, 77, 1)),
        "label 77",
    ),
    "Parquet without pictures": (lambda: _table({"text": ["a", "b"]}), "without a column of pictures"),
}  # fmt: skip


def _table(columns: dict[str, list[str]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_refused(lie: str) -> None:
    make, words = LIES[lie]
    assert words in refused(make())


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_ENTRIES", 5000)
    assert "more than 5,000 files" in refused(many_members(6000))
    assert "more than 5,000 files" in refused(zipped({f"{number}.npy": b"" for number in range(5001)}))


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_bombs_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of zeros that unpacks to 500 times its size and more; limits are lowered to be met soon."""
    monkeypatch.setattr(packed, "_SMALL", 1 << 20)
    line = b"0," * 783 + b"0\n"
    content = line * 1000
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("train.csv", content)
        small = buffer.getvalue()
    else:
        small = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind](content)
    assert "unpacks to more than" in refused(small)
    monkeypatch.undo()
    assert len(read(small)) == 1000


def test_large_files_of_other_formats_are_read_in_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a picture is none of a table."""
    monkeypatch.setattr(archive, "MOST_BYTES", 20_000)
    assert len(csv(GREY)) > 20_000
    for pack in (zipped, tarred):
        assert len(read(pack({"train.csv": csv(GREY)}))) == 30


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_named_format_in_an_archive_is_named(pack: Callable[[dict[str, bytes]], bytes]) -> None:
    content = struct.pack("<Q", 23) + struct.pack("<I", masked_crc(struct.pack("<Q", 23))) + bytes(27)
    sentence = refused(pack({"set/train.tfrecord": content, "set/README.md": b"text"}))
    assert "“train.tfrecord” is a TFRecord file" in sentence


def test_groups_of_rows_too_large_to_unpack_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.data.formats.parquet._MOST_GROUP", 1000)
    assert "row_group_size=256" in refused(parquet([{"bytes": png(one), "path": None} for one in GREY]))


def test_rows_with_a_path_only_are_skipped_with_the_reason() -> None:
    images = [{"bytes": png(one), "path": None} for one in GREY[:4]] + [{"bytes": None, "path": "/home/a.png"}]
    with opening.open_file(io.BytesIO(parquet(images, CLASSES[:5])), "a.parquet") as source:
        assert [picture.content for picture in source][4:] == ["holds only a path"]


@pytest.mark.parametrize("kind", ["link", "path", "external", "virtual"])
def test_hdf5_does_not_reach_into_other_files(kind: str, tmp_path: Path) -> None:
    """Links, raw data and layouts that would show files of the server as pictures."""
    secret = tmp_path / "secret"
    secret.write_bytes(GREY.tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["images"] = GREY
    with h5py.File(tmp_path / "a.h5", "w") as file:
        match kind:
            case "link":
                file["images"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "images")
            case "path":
                file["images"] = h5py.SoftLink("/elsewhere")
            case "external":
                file.create_dataset("images", GREY.shape, "u1", external=[(str(secret), 0, GREY.nbytes)])
            case _:
                layout = h5py.VirtualLayout(GREY.shape, "u1")
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "images", GREY.shape)
                file.create_virtual_dataset("images", layout)
    sentence = refused((tmp_path / "a.h5").read_bytes())
    assert ("a link" if kind in ("link", "path") else "in another file") in sentence


# Objects and pickles


class Trap:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["npy", "npz", "pickle", "cifar", "old pickle", "zip"])
def test_pickles_are_never_loaded(kind: str, tmp_path: Path) -> None:
    trap = Trap(tmp_path / "loaded")
    objects = np.array([trap, None], dtype=object)
    content = {
        "npy": lambda: npy(objects),
        "npz": lambda: npz(x_train=objects, y_train=CLASSES),
        "pickle": lambda: pickle.dumps({"data": trap}, 4),
        "cifar": lambda: pickle.dumps({b"labels": [1, 2], b"data": trap}, 2),
        "old pickle": lambda: pickle.dumps(trap, 0),
        "zip": lambda: zipped({"archive/data.pkl": pickle.dumps(trap), "archive/version": b"3"}),
    }[kind]()
    sentence = refused(content)
    assert "never loaded" in sentence or kind == "old pickle"
    assert not (tmp_path / "loaded").exists()
    pickle.loads(pickle.dumps(trap))  # the payload works
    assert (tmp_path / "loaded").exists()


@pytest.mark.parametrize(("content", "name"), [
    (b"Rar!\x1a\x07\x01\0", "RAR"),
    (b"7z\xbc\xaf\x27\x1c\0", "7z"),
    (bytes(16) + b"\xde\xc0\xef\xbe", "LMDB"),
    (b"MATLAB 7.3 MAT-file, Platform", "MATLAB file of version 7.3"),
    (b"\0\0\0\x20ftypisom", "video"),
    (b"RIFF\0\0\0\0AVI LIST", "video"),
    (b"ARROW1\0\0", "Arrow"),
    (png(GREY[0]), "single picture"),
])  # fmt: skip
def test_other_formats_are_named(content: bytes, name: str) -> None:
    sentence = refused(content)
    assert name in sentence
    assert "damaged" not in sentence


def test_tfrecords_are_recognised_by_their_checksum() -> None:
    length = struct.pack("<Q", 23)
    for wrong in range(2):
        head = length + struct.pack("<I", (masked_crc(length) + wrong) & 0xFFFFFFFF)
        found = [name for is_like, name, _ in unreadable.FORMATS if is_like(head + bytes(40))]
        assert found == ([] if wrong else ["a TFRecord file"])


def masked_crc(content: bytes) -> int:
    """Return TensorFlow's masked CRC-32C, by the table of its polynomial instead of bit by bit."""
    table = []
    for number in range(256):
        entry = number
        for _ in range(8):
            entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)
        table.append(entry)
    crc = 0xFFFFFFFF
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# Imports


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.name in ("medmnist.npz", "000000.tar.gz", "zip.train.gz")])
def test_a_damaged_import_leaves_nothing(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    path = tmp_path / sample.name
    path.write_bytes(sample.content[: len(sample.content) // 2])
    with pytest.raises(InputError):
        importer.import_pictures(path, "mine", lambda sentence, share: None, root=tmp_path / "data")
    assert not [one for one in (tmp_path / "data" / "own").iterdir() if not one.name.endswith(".lock")]


_PEAK = """
import resource, sys
from pathlib import Path
from gan.data.formats import opening
with opening.open_pictures(Path(sys.argv[1])) as source:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = sum(int(picture.pixels()[0, 0, 0]) for picture in source)
print(source.count, total, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_memory_is_flat(tmp_path: Path) -> None:
    """100 MB of pictures in a packed archive of 100 kB."""
    path = tmp_path / "large.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as large, large.open("arr_0.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (2048, 128, 128, 3)})
        for _ in range(8):
            file.write(bytes(256 * 128 * 128 * 3))
    done = subprocess.run([sys.executable, "-c", _PEAK, path], cwd=PROJECT, capture_output=True, text=True, check=True)
    count, total, grown = map(int, done.stdout.split())
    assert (count, total) == (2048, 0)
    assert grown < 40
