"""Writing pictures in the field's formats, chunk by chunk: NumPy archive, StyleGAN's ZIP or folder, Parquet; torch-free."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from gan.errors import InputError, explained, shown
from gan.storage import files

Kind = Literal["npz", "stylegan", "parquet", "folder"]

#: Kind → its title and the ending of its files.
KINDS: dict[Kind, tuple[str, str]] = {
    "npz": ("NumPy archive", ".npz"),
    "stylegan": ("StyleGAN ZIP", ".zip"),
    "parquet": ("Parquet (Hugging Face)", ".parquet"),
    "folder": ("folder of PNG files", ""),
}
_MADE = (1980, 1, 1, 0, 0, 0)  # time of all entries, so that equal pictures make equal files
_ROWS, _PAGE_ROWS = 256, 16  # of Parquet in a group and in a page: readers unpack a page at once


@dataclass(frozen=True)
class Shape:
    """What is written: ``count`` pictures of height × width × channels (1 or 3), with ``classes`` (empty: no labels).

    ``keys``: the names of pictures and labels in a NumPy archive. ``name``: the pattern of the names of PNG files.
    """

    count: int
    height: int
    width: int
    channels: int
    classes: Sequence[str] = ()
    keys: tuple[str, str] = ("images", "labels")
    name: str = "{folder:05d}/img{number:08d}.png"

    def name_of(self, number: int) -> str:
        """Return the name of one PNG file."""
        return self.name.format(folder=number // 1000, number=number)


#: Takes pictures (uint8 [n, H, W, C]) and their labels ([n], ignored without classes).
Add = Callable[[np.ndarray, np.ndarray | None], None]


def kind_of(target: Path) -> Kind:
    """Return the kind that the ending of a name stands for; a name without one is a folder. Raises InputError for other endings."""
    for kind, (_, ending) in KINDS.items():
        if target.suffix.lower() == ending:
            return kind
    raise InputError(
        f"“{shown(target.name)}” ends with “{shown(target.suffix)}”, expected .npz, .zip, .parquet, or no ending for a folder."
    )


@contextlib.contextmanager
def writing(target: Path, kind: Kind, shape: Shape) -> Iterator[Add]:
    """Yield a function that adds pictures to a new file or folder, which is complete or absent afterwards.

    Raises InputError if a folder is there already and not empty, or nothing can be written.
    """
    staged = files.temporary_of(target)
    with explained(f"writing {shown(str(target), most=200)}"):
        if kind == "folder" and target.is_dir() and any(target.iterdir()):
            raise InputError(f"The folder {shown(str(target), most=200)} is not empty; choose a new one.")
        target.parent.mkdir(parents=True, exist_ok=True)
        files.clear_left(target.parent)
        try:
            labels: list[np.ndarray] = []
            with _WRITERS[kind](staged, shape, labels) as add_pixels:

                def add(pixels: np.ndarray, codes: np.ndarray | None) -> None:
                    if shape.classes:
                        assert codes is not None
                        labels.append(np.asarray(codes, dtype=np.int64))
                    add_pixels(np.ascontiguousarray(pixels))

                yield add
            if kind == "folder" and target.is_dir():
                target.rmdir()
            os.replace(staged, target)
            files.sync_directory(target.parent)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
            with contextlib.suppress(OSError):
                staged.unlink()


def png(pixels: np.ndarray) -> bytes:
    """Return pixels (uint8 [H, W, C]) as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _joined(labels: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(labels) if labels else np.empty(0, dtype=np.int64)


# One function a kind: a context manager that yields a function of pixels


@contextlib.contextmanager
def _npz(staged: Path, shape: Shape, labels: list[np.ndarray]) -> Iterator[Callable[[np.ndarray], None]]:
    pictures, codes = shape.keys
    axes = (shape.count, shape.height, shape.width, shape.channels)
    with _open_zip(staged) as archive:
        with archive.open(_entry(f"{pictures}.npy"), "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": axes})

            def add(pixels: np.ndarray) -> None:
                file.write(pixels.tobytes())

            yield add
        if shape.classes:
            for name, values in ((codes, _joined(labels)), ("classes", np.array(list(shape.classes)))):
                with archive.open(_entry(f"{name}.npy"), "w") as file:
                    np.lib.format.write_array(file, values, allow_pickle=False)


@contextlib.contextmanager
def _stylegan(staged: Path, shape: Shape, labels: list[np.ndarray]) -> Iterator[Callable[[np.ndarray], None]]:
    with _open_zip(staged, zipfile.ZIP_STORED) as archive:
        yield _each(shape, lambda name, content: archive.writestr(_entry(name, zipfile.ZIP_STORED), content))
        archive.writestr(_entry("dataset.json", zipfile.ZIP_STORED), _json(shape, labels))


@contextlib.contextmanager
def _folder(staged: Path, shape: Shape, labels: list[np.ndarray]) -> Iterator[Callable[[np.ndarray], None]]:
    staged.mkdir()

    def write(name: str, content: bytes) -> None:
        (staged / name).parent.mkdir(exist_ok=True)
        (staged / name).write_bytes(content)

    yield _each(shape, write)
    if shape.classes:
        write("dataset.json", _json(shape, labels))


@contextlib.contextmanager
def _parquet(staged: Path, shape: Shape, labels: list[np.ndarray]) -> Iterator[Callable[[np.ndarray], None]]:
    import pyarrow as pa  # takes long to import
    import pyarrow.parquet as pq

    features: dict[str, Any] = {"image": {"_type": "Image"}}
    fields = [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))]
    if shape.classes:
        features["label"] = {"names": list(shape.classes), "_type": "ClassLabel"}
        fields.append(("label", pa.int64()))
    schema = pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})
    waiting: list[dict[str, Any]] = []
    done = 0
    with open(staged, "xb") as file, pq.ParquetWriter(file, schema, compression="NONE", write_batch_size=_PAGE_ROWS) as writer:

        def flush() -> None:
            nonlocal done
            columns: dict[str, Any] = {"image": waiting}
            if shape.classes:
                columns["label"] = _joined(labels)[done : done + len(waiting)]
            writer.write_table(pa.table(columns, schema=schema))
            done += len(waiting)
            waiting.clear()

        def keep(name: str, content: bytes) -> None:
            waiting.append({"bytes": content, "path": name.rpartition("/")[2]})
            if len(waiting) == _ROWS:
                flush()

        yield _each(shape, keep)
        if waiting:
            flush()


_WRITERS: dict[Kind, Callable[[Path, Shape, list[np.ndarray]], Any]] = {
    "npz": _npz,
    "stylegan": _stylegan,
    "parquet": _parquet,
    "folder": _folder,
}


def _each(shape: Shape, write: Callable[[str, bytes], None]) -> Callable[[np.ndarray], None]:
    """Return a function that writes each picture as a PNG file, numbered on."""
    number = 0

    def add(pixels: np.ndarray) -> None:
        nonlocal number
        for one in pixels:
            write(shape.name_of(number), png(one))
            number += 1

    return add


def _json(shape: Shape, labels: list[np.ndarray]) -> bytes:
    """Return ``dataset.json`` as StyleGAN's dataset_tool writes it, with the names of the classes as another key."""
    codes = _joined(labels).tolist()
    pairs = [[shape.name_of(number), code] for number, code in enumerate(codes)] if shape.classes else None
    return json.dumps({"labels": pairs, "classes": list(shape.classes)} if shape.classes else {"labels": None}).encode()


def _entry(name: str, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _MADE)
    info.compress_type = method
    info.external_attr = 0o644 << 16
    return info


def _open_zip(staged: Path, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipFile:
    return zipfile.ZipFile(staged, "x", method, compresslevel=1 if method == zipfile.ZIP_DEFLATED else None)
