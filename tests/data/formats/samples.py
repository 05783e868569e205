"""Valid files of every format, small: 30 pictures in three classes of ten. What is listed here joins the tests of right values,
truncation, lies and random damage."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
from PIL import Image

COUNT = 30
CLASSES = np.arange(COUNT) % 3


def smooth(height: int = 28, width: int = 28, channels: int = 1, count: int = COUNT) -> np.ndarray:
    """Return pictures uint8 [N, H, W, C] that differ, are not symmetric, and change slowly from left to right."""
    y, x = np.mgrid[:height, :width]
    values = (4 * y + 2 * x)[None, :, :, None] + np.arange(count)[:, None, None, None] + 40 * np.arange(channels)
    return (values % 256).astype(np.uint8)


GREY = smooth()
COLOUR = smooth(32, 32, 3)
DARK_CORNER = smooth(8, 8)
DARK_CORNER[:, 0, 0] = 0


@dataclass(frozen=True)
class Sample:
    """A file of a format: its name and bytes, the pixels that must come out, its classes, and words of the sentence on it."""

    format: str
    name: str
    content: bytes
    pixels: np.ndarray
    classes: dict[str, int]
    words: str

    @property
    def id(self) -> str:
        return f"{self.format}: {self.name}"


THREE = {"0": 10, "1": 10, "2": 10}


def npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=values.dtype.hasobject)
    return buffer.getvalue()


def npz(*, packed: bool = False, **named: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, allow_pickle=True, **named)
    return buffer.getvalue()


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def csv(pictures: np.ndarray, labels: np.ndarray | None = CLASSES, *, heading: bool = False, last: bool = False) -> bytes:
    rows = pictures.reshape(len(pictures), -1).astype(int)
    if labels is not None:
        rows = np.hstack([rows, labels[:, None]] if last else [labels[:, None], rows])
    pixels = [f"pixel{number}" for number in range(pictures[0].size)]
    first = [*pixels, "label"] if last else ["label", *pixels] if labels is not None else pixels
    lines = [",".join(first)] if heading else []
    return "\n".join([*lines, *(",".join(map(str, row)) for row in rows.tolist())]).encode()


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, kind)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def parquet(images: list[dict[str, Any]], labels: Any = CLASSES, names: list[str] | None = None, column: str = "image") -> bytes:
    features: dict[str, Any] = {column: {"_type": "Image"}}
    if names:
        features["label"] = {"names": names, "_type": "ClassLabel"}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({column: pa.array(images, kind), "label": pa.array(labels)})
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), buffer)
    return buffer.getvalue()


def stylegan(labels: Any) -> dict[str, bytes]:
    names = [f"00000/img{number:08d}.png" for number in range(COUNT)]
    pairs = [[name, int(label)] for name, label in zip(names, labels, strict=True)] if labels is not None else None
    files = {name: png(one) for name, one in zip(names, GREY, strict=True)}
    return {**files, "dataset.json": json.dumps({"labels": pairs}).encode()}


def webdataset(ending: str = "png", *, apart: bool = False) -> dict[str, bytes]:
    pictures = {f"{number:06d}.{ending}": png(one) for number, one in enumerate(GREY)}
    classes = {f"{number:06d}.cls": str(label).encode() for number, label in enumerate(CLASSES)}
    return {**pictures, **classes} if apart else dict(sorted({**pictures, **classes}.items()))


def cifar_binary(pictures: np.ndarray = COLOUR, labels: np.ndarray = CLASSES) -> bytes:
    planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    return np.hstack([labels[:, None].astype(np.uint8), planes]).tobytes()


def cifar_python(pictures: np.ndarray = COLOUR, labels: np.ndarray = CLASSES, protocol: int = 2) -> bytes:
    planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    return pickle.dumps({b"batch_label": b"one", b"labels": labels.tolist(), b"data": planes, b"filenames": [b"a"]}, protocol)


def cifar_python_2(pictures: np.ndarray = COLOUR, labels: np.ndarray = CLASSES) -> bytes:
    """Return a batch with the opcodes of Python 2, by which the published files are written: texts of bytes, and arrays of them."""
    planes = pictures.transpose(0, 3, 1, 2).tobytes()
    numbers = b"".join(b"K" + bytes([label]) for label in labels.tolist())
    kind = b"cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\t"
    state = (
        b"(K\x01K" + bytes([len(pictures)]) + b"M\x00\x0c\x86" + kind + b"\x89T" + struct.pack("<I", len(planes)) + planes + b"tb"
    )
    names = b"U\tfilenamesq\x0c]q\r(U\x05a.pngq\x0eU\x05b.pngq\x0fe"
    head = b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05("
    return head + numbers + b"eU\x04dataq\x06" + array + state + names + b"u."


def matlab(variables: dict[str, np.ndarray], *, packed: bool = True) -> bytes:
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, variables, do_compression=packed)
    return buffer.getvalue()


def hdf5(**named: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in named.items():
            file.create_dataset(name.replace("__", "/"), data=values, compression="gzip" if values.ndim > 1 else None)
    return buffer.getvalue()


def usps(*, is_libsvm: bool = False) -> bytes:
    lines = []
    for one, label in zip(smooth(16, 16), CLASSES, strict=True):
        values = one.reshape(-1) / 127.5 - 1
        cells = [f"{number + 1}:{value:.6f}" if is_libsvm else f"{value:.6f}" for number, value in enumerate(values)]
        lines.append(" ".join([str(label + 1) if is_libsvm else f"{label:.4f}", *cells]))
    return "\n".join(lines).encode()


def samples() -> list[Sample]:
    """Return one file or more of every format."""
    labels, turned = CLASSES.astype(np.uint8), GREY[..., 0].transpose(0, 2, 1)
    images = [{"bytes": png(one), "path": f"{number}.png"} for number, one in enumerate(GREY)]
    tiff = [{"bytes": png(one, "TIFF"), "path": None} for one in GREY]
    planes = COLOUR.transpose(0, 3, 1, 2)
    pets = {"cat": 10, "dog": 10, "eel": 10}
    svhn = {"X": COLOUR.transpose(1, 2, 3, 0), "y": np.where(CLASSES == 0, 10, CLASSES)[:, None]}
    floats, sign = GREY / 255, COLOUR.astype(np.float32) / 127.5 - 1
    found: list[tuple[str, str, bytes, np.ndarray, dict[str, int], str]] = [
        ("NumPy", "grey.npy", npy(GREY[..., 0]), GREY, {}, "28×28 grey, uint8"),
        ("NumPy", "cat.npy", npy(GREY.reshape(COUNT, 784)), GREY, {}, "28×28 grey, one a row, uint8"),
        ("NumPy", "channels.npy", npy(planes), COLOUR, {}, "32×32 colour, uint8"),
        ("NumPy", "rows.npy", npy(planes.reshape(COUNT, -1)), COLOUR, {}, "one a row, colour after colour"),
        ("NumPy", "pixels.npy", npy(COLOUR.reshape(COUNT, -1)), COLOUR, {}, "one a row, pixel after pixel"),
        ("NumPy", "unit.npy", npy(floats.astype(np.float16)), GREY, {}, "float16 from 0 to 1"),
        ("NumPy", "sign.npy", npy(sign), COLOUR, {}, "float32 from −1 to 1"),
        ("NumPy", "deep.npy", npy(GREY.astype(np.uint16) * 257), GREY, {}, ", stored with 8 bits"),
        ("NumPy", "long.npy", npy(np.asfortranarray(GREY[..., 0].astype(np.int64))), GREY, {}, "int64 from 0 to 191"),
        ("NumPy", "packed.npy.gz", gzip.compress(npy(GREY)), GREY, {}, "28×28 grey"),
        (
            *("NumPy archive", "medmnist.npz"),
            npz(
                packed=True,
                train_images=GREY[:18],
                train_labels=labels[:18, None],
                val_images=GREY[18:24],
                val_labels=labels[18:24, None],
                test_images=GREY[24:],
                test_labels=labels[24:, None],
            ),
            *(GREY, THREE, "train_images, val_images and test_images"),
        ),
        (
            *("NumPy archive", "mnist.npz"),
            npz(x_train=GREY[:24, ..., 0], y_train=labels[:24], x_test=GREY[24:, ..., 0], y_test=labels[24:]),
            *(GREY, THREE, "x_train and x_test"),
        ),
        ("NumPy archive", "samples.npz", npz(arr_0=COLOUR, arr_1=np.eye(3)[CLASSES]), COLOUR, THREE, "32×32 colour, uint8"),
        (
            *("ZIP, tar or folder of any of these", "medmnist.zip"),
            zipped({"archive/pneumonia.npz": npz(packed=True, train_images=GREY, train_labels=labels[:, None])}),
            *(GREY, THREE, "A NumPy archive"),
        ),
        ("CSV of pictures", "mnist_train_small.csv", csv(GREY), GREY, THREE, "A table with one picture a line"),
        ("CSV of pictures", "train.csv", csv(GREY, heading=True), GREY, THREE, "28×28 grey"),
        ("CSV of pictures", "test.csv", csv(GREY, None, heading=True), GREY, {}, "28×28 grey"),
        ("CSV of pictures", "last.csv", csv(COLOUR, heading=True, last=True), COLOUR, THREE, "32×32 colour"),
        ("CSV of pictures", "optdigits.tra", csv(DARK_CORNER, last=True), DARK_CORNER, THREE, "labels in the last column"),
        ("CSV of pictures", "zip.train.gz", gzip.compress(usps()), smooth(16, 16), THREE, "16×16 grey"),
        (
            "CSV of pictures",
            "usps.bz2",
            bz2.compress(usps(is_libsvm=True)),
            smooth(16, 16),
            {"1": 10, "2": 10, "3": 10},
            "from −1 to 1",
        ),
        ("StyleGAN ZIP or folder", "dataset.zip", zipped(stylegan(CLASSES)), GREY, THREE, "labels in dataset.json"),
        ("StyleGAN ZIP or folder", "no labels.zip", zipped(stylegan(None)), GREY, {}, "dataset.json has none"),
        ("Parquet", "train-00000-of-00001.parquet", parquet(images, names=[*pets]), GREY, pets, "files in the column image"),
        ("Parquet", "tiff.parquet", parquet(tiff, column="img"), GREY, THREE, "files in the column img"),
        ("Parquet", "texts.parquet", parquet(images, [[*pets][code] for code in CLASSES]), GREY, pets, "the column label"),
        ("WebDataset", "000000.tar", tarred(webdataset()), GREY, THREE, "WebDataset: 30 pictures, keys png"),
        ("WebDataset", "000000.tar.gz", tarred(webdataset("Image.PNG", apart=True), "w:gz"), GREY, THREE, "keys image.png"),
        ("IDX", "images-idx3-ubyte", idx(GREY[..., 0]), GREY, {}, "28×28 grey"),
        ("IDX", "images-idx3-ubyte.gz", gzip.compress(idx(GREY[..., 0])), GREY, {}, "28×28 grey"),
        ("IDX", "emnist-letters-train-images-idx3-ubyte.gz", gzip.compress(idx(turned)), GREY, {}, "turned upright as EMNIST"),
        (
            *("ZIP, tar or folder of any of these", "archive.zip"),
            zipped({"t10k-images-idx3-ubyte": idx(GREY[..., 0]), "t10k-labels-idx1-ubyte": idx(labels), "README": b"MNIST"}),
            *(GREY, THREE, "An IDX file: 30 pictures"),
        ),
        (
            *("ZIP, tar or folder of any of these", "gzip.zip"),
            zipped(
                {
                    "gzip/emnist-digits-images-idx3-ubyte.gz": gzip.compress(idx(turned)),
                    "gzip/emnist-digits-labels-idx1-ubyte.gz": gzip.compress(idx(labels)),
                }
            ),
            *(GREY, THREE, "turned upright as EMNIST"),
        ),
        (
            *("ZIP, tar or folder of any of these", "cifar-10-binary.tar.gz"),
            tarred(
                {
                    "cifar-10-batches-bin/data_batch_1.bin": cifar_binary(COLOUR[:15], CLASSES[:15]),
                    "cifar-10-batches-bin/test_batch.bin": cifar_binary(COLOUR[15:], CLASSES[15:]),
                    "cifar-10-batches-bin/batches.meta.txt": b"airplane\nautomobile\nbird\n",
                },
                "w:gz",
            ),
            *(COLOUR, {"airplane": 10, "automobile": 10, "bird": 10}, "2 batches in CIFAR's binary form"),
        ),
        (
            *("ZIP, tar or folder of any of these", "cifar-10-python.tar.gz"),
            tarred(
                {
                    "cifar-10-batches-py/data_batch_1": cifar_python(),
                    "cifar-10-batches-py/batches.meta": pickle.dumps({"label_names": ["airplane"]}, 2),
                    "cifar-10-batches-py/readme.html": b"<html>",
                },
                "w:gz",
            ),
            *(COLOUR, {"airplane": 10, "automobile": 10, "bird": 10}, "read without loading the pickle"),
        ),
        (
            *("ZIP, tar or folder of any of these", "quickdraw.zip"),
            zipped(
                {
                    f"npy/full_numpy_bitmap_{name}.npy": npy(GREY[10 * n : 10 * n + 10].reshape(10, 784))
                    for n, name in enumerate(pets)
                }
            ),
            *(GREY, pets, "Classes are the files"),
        ),
        (
            *("ZIP, tar or folder of any of these", "flowers.tgz"),
            tarred({f"flowers/{name}/{n}.png": png(GREY[10 * k + n]) for k, name in enumerate(pets) for n in range(10)}, "w:gz"),
            *(GREY, pets, "Classes are the folders"),
        ),
        ("CIFAR binary", "data_batch_1.bin", cifar_binary(), COLOUR, {"airplane": 10, "automobile": 10, "bird": 10}, "binary form"),
        ("CIFAR for Python", "data_batch_1", cifar_python(), COLOUR, {"airplane": 10, "automobile": 10, "bird": 10}, "for Python"),
        (
            "CIFAR for Python",
            "data_batch_2",
            cifar_python(protocol=4),
            COLOUR,
            {"airplane": 10, "automobile": 10, "bird": 10},
            "Python",
        ),
        ("HDF5", "one.h5", hdf5(images=COLOUR), COLOUR, {}, "An HDF5 file: 30 pictures, 32×32 colour, uint8"),
        (
            *("HDF5", "usps.h5"),
            hdf5(
                train__data=(smooth(16, 16)[:24] / np.float32(255)).reshape(24, 256),
                train__target=CLASSES[:24],
                test__data=(smooth(16, 16)[24:] / np.float32(255)).reshape(6, 256),
                test__target=CLASSES[24:],
            ),
            *(smooth(16, 16), THREE, "16×16 grey, one a row, float32 from 0 to 1"),
        ),
        ("MATLAB", "train_32x32.mat", matlab(svhn), COLOUR, THREE, "A MATLAB file: 30 pictures, 32×32 colour"),
        ("MATLAB", "plain.mat", matlab(svhn, packed=False), COLOUR, THREE, "the labels in y"),
    ]
    return [Sample(*one) for one in found]


SAMPLES = samples()
