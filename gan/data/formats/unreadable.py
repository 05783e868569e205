"""Formats that are recognised but not read: each is named, with what to use instead; torch-free."""

from __future__ import annotations

import struct
from collections.abc import Callable

from gan.data.decoder import IN_WORDS
from gan.data.formats.pictures import Opened
from gan.errors import InputError

_NPZ = "save its pictures as .npz with np.savez"
_FOLDER = "unpack it into a folder"
_CASTAGNOLI = 0x82F63B78


def _at(place: int, magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[place : place + len(magic)] == magic


def _is_tfrecord(head: bytes) -> bool:
    """Return whether the first eight bytes, a length, are followed by their masked CRC-32C."""
    if len(head) < 12 or not any(head[:8]):
        return False
    crc = 0xFFFFFFFF
    for byte in head[:8]:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return masked == struct.unpack("<I", head[8:12])[0]


#: How a format is recognised in the first bytes, its name, and what to do.
FORMATS: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (_at(0, b"Rar!\x1a\x07"), "a RAR archive", _FOLDER),
    (_at(0, b"7z\xbc\xaf\x27\x1c"), "a 7z archive", _FOLDER),
    (_at(0, b"\x28\xb5\x2f\xfd"), "packed with Zstandard", "unpack it with unzstd"),
    (_at(16, b"\xde\xc0\xef\xbe"), "an LMDB database", "export its pictures as files into a folder"),
    (_is_tfrecord, "a TFRecord file", f"{_NPZ}, for example with tfds.as_numpy"),
    (_at(0, b"MATLAB 7.3 MAT-file"), "a MATLAB file of version 7.3", "save it with -v7, or its pictures as .npz"),
    (_at(0, b"ARROW1"), "an Arrow file", "save the data set as Parquet with to_parquet"),
    (_at(0, b"\xff\xff\xff\xff"), "an Arrow stream", "save the data set as Parquet with to_parquet"),
    (_at(0, b"SQLite format 3\0"), "an SQLite database", "export its pictures as files into a folder"),
    (_at(0, b"%PDF"), "a PDF", "export its pictures as files into a folder"),
    (_at(4, b"ftyp"), "a video", "extract its frames as pictures, for example with ffmpeg"),
    (_at(0, b"\x1a\x45\xdf\xa3"), "a video", "extract its frames as pictures, for example with ffmpeg"),
    (_at(8, b"AVI "), "a video", "extract its frames as pictures, for example with ffmpeg"),
    (_at(0, b"Obj\x01"), "an Avro file", _NPZ),
    (_at(0, b"ORC"), "an ORC table", "save it as Parquet"),
    *(
        (_at(0, magic), "a single picture", f"put at least two {IN_WORDS} files into a folder or a ZIP")
        for magic in (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
    ),
)


def refuse(head: bytes, opened: Opened) -> None:
    """Raise InputError, with the name of the format, for a file that is recognised but not read."""
    for is_like, name, advice in FORMATS:
        if is_like(head):
            raise InputError(f"{opened.shown} is {name}, which is not read here; {advice}.")


#: What a ZIP is that has an entry with this name, and what to do.
ZIPS = (
    (
        "data.pkl",
        "a PyTorch file (a pickle), which can run code and is therefore never loaded",
        "save its pictures as .npz with np.savez",
    ),
    ("model.weights.h5", "a Keras model, not pictures", "score it as a guest on Evaluate instead"),
    ("[Content_Types].xml", "an Office document, not pictures", "save the pictures as files, or a table as CSV"),
)


def refuse_zip(names: list[str], opened: Opened) -> None:
    """Raise InputError, with the name of the format, for a ZIP that is the file of another program."""
    last = {name.rpartition("/")[2] for name in names}
    for name, what, advice in ZIPS:
        if name in last:
            raise InputError(f"{opened.shown} is {what}; {advice}.")
