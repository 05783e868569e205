"""Public data sets: downloaded once through torchvision, then read as plain arrays; torch only while downloading.

Downloaded files are untrusted, so no code in them is ever run: CIFAR-10's pickles are read by an unpickler that accepts only
the parts of arrays. The LSUN bedrooms (43 GB) are not downloaded but read from a folder that the user fills.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pickle
import shutil
import socket
import ssl
import tarfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from gan.errors import InputError, explain_os_error, shown
from gan.places import data_root
from gan.storage.jobs import Report

_SILENCE = 10.0  # seconds without data before a download is aborted
_PATIENCE = 4.0  # seconds to wait for the first answer from any server
_CLASSES = 10  # in every set here

#: uint8 [N, H, W, C] with int64 labels [N].
Arrays = tuple[np.ndarray, np.ndarray]

_FAILED_DOWNLOAD = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
    RuntimeError,
    EOFError,
    tarfile.TarError,
    zlib.error,
)


def _read_idx(folder: Path, is_test: bool) -> Arrays:
    part = "t10k" if is_test else "train"
    pixels = _idx(folder / f"{part}-images-idx3-ubyte", dimensions=3)
    return pixels[..., None], _idx(folder / f"{part}-labels-idx1-ubyte", dimensions=1).astype(np.int64)


def _idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an MNIST file: bytes 0, 0, 8 (the type uint8), number of dimensions, their big-endian lengths, then the values."""
    raw = np.fromfile(path, dtype=np.uint8)
    head = 4 + 4 * dimensions
    if raw[:4].tolist() != [0, 0, 8, dimensions]:
        raise ValueError("unexpected header")
    return raw[head:].reshape([int(length) for length in raw[4:head].view(">u4")])


def _read_cifar(folder: Path, is_test: bool) -> Arrays:
    names = ["test_batch"] if is_test else [f"data_batch_{number}" for number in range(1, 6)]
    pixels = np.empty((len(names) * 10_000, 32, 32, 3), dtype=np.uint8)
    labels = np.empty(len(pixels), dtype=np.int64)
    for index, name in enumerate(names):
        rows = slice(index * 10_000, (index + 1) * 10_000)
        with open(folder / name, "rb") as file:
            batch = _PlainUnpickler(file, encoding="bytes").load()
        *_, shape, kind, is_fortran, raw = batch[b"data"].state
        if kind.arguments[0] != b"u1":
            raise ValueError("expected uint8 values")
        values = np.frombuffer(raw, dtype=np.uint8).reshape(shape, order="F" if is_fortran else "C")
        pixels[rows] = values.reshape(10_000, 3, 32, 32).transpose(0, 2, 3, 1)
        labels[rows] = np.array(batch[b"labels"], dtype=np.int64).reshape(10_000)
    return pixels, labels


class _Noted:
    """The parts of a pickled array or dtype, recorded only: numpy would rebuild an array from them without validation."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state


class _PlainUnpickler(pickle.Unpickler):
    """Unpickler for numbers, texts, containers and recorded arrays; refuses everything else, since it could run code."""

    def find_class(self, module: str, name: str) -> type[_Noted]:
        if (module, name) in {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}:
            return _Noted
        raise pickle.UnpicklingError("only arrays are accepted")


def _read_stl(folder: Path, is_test: bool) -> Arrays:
    part = "test" if is_test else "train"
    columns_first = np.fromfile(folder / f"{part}_X.bin", dtype=np.uint8).reshape(-1, 3, 96, 96)
    labels = np.fromfile(folder / f"{part}_y.bin", dtype=np.uint8).astype(np.int64) - 1  # labels in the file start at 1
    return np.ascontiguousarray(columns_first.transpose(0, 3, 2, 1)), labels


@dataclass(frozen=True)
class Download:
    """A data set that torchvision can download.

    ``maker``: the name of torchvision's class. ``folder``: location in the data root. ``files``: the files that are read;
    ``unread``: files in the archive that are deleted; both with exact sizes in bytes. ``download_bytes``: size of the download.
    ``shape``: height, width and channels of one image.
    """

    name: str
    title: str
    maker: str
    folder: str
    files: dict[str, int]
    download_bytes: int
    shape: tuple[int, int, int]
    read: Callable[[Path, bool], Arrays]
    unread: dict[str, int] = field(default_factory=dict)

    @property
    def disk_bytes(self) -> int:
        """Peak disk space during a download: packed and unpacked files together."""
        return self.download_bytes + sum(self.files.values()) + sum(self.unread.values())


_IDX = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
_CIFAR = {
    "data_batch_1": 31_035_704,
    "data_batch_2": 31_035_320,
    "data_batch_3": 31_035_999,
    "data_batch_4": 31_035_696,
    "data_batch_5": 31_035_623,
    "test_batch": 31_035_526,
}
_STL = {"train_X.bin": 138_240_000, "train_y.bin": 5_000, "test_X.bin": 221_184_000, "test_y.bin": 8_000}

DOWNLOADS: dict[str, Download] = {
    entry.name: entry
    for entry in (
        Download("mnist", "MNIST", "MNIST", "MNIST/raw", _IDX, 11_594_722, (28, 28, 1), _read_idx),
        Download("fashion-mnist", "Fashion-MNIST", "FashionMNIST", "FashionMNIST/raw", _IDX, 30_878_645, (28, 28, 1), _read_idx),
        Download("kmnist", "Kuzushiji-MNIST", "KMNIST", "KMNIST/raw", _IDX, 21_240_888, (28, 28, 1), _read_idx),
        Download("cifar10", "CIFAR-10", "CIFAR10", "cifar-10-batches-py", _CIFAR, 170_498_071, (32, 32, 3), _read_cifar),
        Download(
            "stl10",
            "STL-10",
            "STL10",
            "stl10_binary",
            _STL,
            2_640_397_119,
            (96, 96, 3),
            _read_stl,
            unread={"unlabeled_X.bin": 2_764_800_000},
        ),
    )
}


def has(name: str) -> bool:
    """Return whether all files of a data set are present with their exact sizes."""
    return _is_whole(DOWNLOADS[name], data_root())


def ensure(name: str, report: Report) -> None:
    """Download a data set unless it is on this machine. Raises InputError if that fails.

    If two processes ask for the same set, one downloads it and the other waits.
    """
    if has(name):
        return
    entry, root = DOWNLOADS[name], data_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _only_one(root / f".{name}.lock", lambda: report(f"Waiting for another process to download {entry.title}", 0.0)):
            if not has(name):
                _download(entry, root, report)
    except _FAILED_DOWNLOAD as error:
        raise InputError(
            f"{entry.title} could not be downloaded ({_reason(error)}); check the network, or {_by_hand(entry, root)}."
        ) from None
    except OSError as error:
        raise InputError(explain_os_error(error, f"downloading {entry.title} to {root}")) from error


def arrays(name: str, *, is_test: bool = False) -> Arrays:
    """Return the images (uint8 [N, H, W, C]) and labels (int64 [N]) of a downloaded data set.

    ``is_test`` selects the official test split. Raises InputError if files are missing or damaged.
    """
    entry, root = DOWNLOADS[name], data_root()
    folder = root / entry.folder
    if not has(name):
        raise InputError(f"{entry.title} is missing or incomplete in {folder}; download it, or {_by_hand(entry, root)}.")
    try:
        pixels, labels = entry.read(folder, is_test)
        is_sound = pixels.shape == (len(labels), *entry.shape) and labels.min() >= 0 and labels.max() < _CLASSES
    except OSError as error:
        raise InputError(explain_os_error(error, f"reading {entry.title}")) from error
    except Exception:  # damaged files, pickles in particular, can raise almost anything
        is_sound = False
    if not is_sound:
        raise InputError(f"The {entry.title} files in {folder} are damaged; delete that folder, then try again.")
    return pixels, labels


def _is_whole(entry: Download, root: Path) -> bool:
    with contextlib.suppress(OSError):
        return all((root / entry.folder / name).stat().st_size == size for name, size in entry.files.items())
    return False


def _download(entry: Download, root: Path, report: Report) -> None:
    """Download a data set into a staging folder and move it into place when complete (torchvision checks the MD5 sums)."""
    from torchvision import datasets  # takes seconds to import, so only for a download

    maker = getattr(datasets, entry.maker)
    staging, folder = root / f".{entry.name}-download", root / entry.folder
    shutil.rmtree(staging, ignore_errors=True)  # left by a killed download
    _require_room(entry, root)
    _require_network(entry, root, getattr(maker, "mirrors", None) or [maker.url])
    report(f"Downloading {entry.title}", 0.0)
    try:
        staging.mkdir()
        fetching = maker.__new__(maker)  # skip __init__: it reads all images, CIFAR-10's with pickle
        fetching.root = str(staging)
        with _watch(lambda: report(*_progress(entry, staging))), _timeout(_SILENCE):
            fetching.download()
        if not _is_whole(entry, staging):
            raise InputError(f"The downloaded {entry.title} files are incomplete; try again.")
        staged = staging / entry.folder
        for useless in [*staged.glob("*.gz"), *(staged / name for name in entry.unread)]:
            useless.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staged, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _progress(entry: Download, staging: Path) -> tuple[str, float]:
    """Return the current activity and its completed share, judged by the files in the staging folder."""
    folder = staging / entry.folder
    if folder.exists() and any(staging.glob("*.gz")):  # a single archive next to the folder unpacked from it
        done, total = _bytes_of(folder.iterdir()), entry.disk_bytes - entry.download_bytes
        return f"Unpacking {entry.title}", min(1.0, done / total)
    return f"Downloading {entry.title}", min(1.0, _bytes_of(staging.rglob("*.gz")) / entry.download_bytes)


def _bytes_of(paths: Iterator[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


@contextlib.contextmanager
def _only_one(path: Path, tell_waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock, waiting without a time limit and calling ``tell_waiting`` twice a second."""
    lock = FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0.5)
        except Timeout:
            tell_waiting()
    try:
        yield
    finally:
        lock.release()


def _require_room(entry: Download, root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < entry.disk_bytes:
        raise InputError(
            f"There is not enough disk space for {entry.title}: its download needs {entry.disk_bytes / 1e6:,.0f} MB in {root}, "
            f"but {free / 1e6:,.0f} MB are free; free some space, then try again."
        )


def _require_network(entry: Download, root: Path, urls: list[str]) -> None:
    """Raise InputError unless one of the servers answers within ``_PATIENCE``.

    Threads are used because DNS lookups have no timeout.
    """
    has_answer = threading.Event()
    asked = [threading.Thread(target=_ask, args=(url, has_answer), daemon=True) for url in urls]
    for thread in asked:
        thread.start()
    deadline = time.monotonic() + _PATIENCE
    while not has_answer.wait(0.05) and time.monotonic() < deadline and any(thread.is_alive() for thread in asked):
        pass
    if not has_answer.is_set():
        raise InputError(
            f"{entry.title} is not on this machine and there is no network to download it from; connect to the network, "
            f"{_by_hand(entry, root)}, or choose a built-in set such as “digits” or “shapes”."
        )


def _ask(url: str, has_answer: threading.Event) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_PATIENCE).close()
        has_answer.set()
    except urllib.error.HTTPError:
        has_answer.set()
    except (OSError, ValueError, http.client.HTTPException):
        return


def _by_hand(entry: Download, root: Path) -> str:
    return f"put its unpacked files ({', '.join(entry.files)}) into {root / entry.folder}"


def _reason(error: BaseException) -> str:
    text = str(error)
    if "corrupted" in text:  # torchvision's word for a wrong MD5 sum
        return "the received file is cut off, or is not the expected one"
    return shown(text, most=200) or type(error).__name__


@contextlib.contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Set a timeout for all network reads, since torchvision sets none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _watch(tell: Callable[[], None]) -> Iterator[None]:
    """Call ``tell`` twice a second; OSErrors are ignored, because files may disappear meanwhile."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.5):
            with contextlib.suppress(OSError):
                tell()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
