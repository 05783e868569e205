"""Loading real images into memory as uint8: the embedded digits, and MNIST through torchvision."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from torch.nn import functional

from gan.data import catalogue
from gan.errors import InputError, explain_os_error, shown

_EMBEDDED = Path(__file__).with_name("digits.npz")
_SILENCE = 10.0  # seconds without a byte after which a download is given up
_MNIST_BYTES = 11_594_722  # of the four compressed files
_MNIST_RAW = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}

#: Called with a sentence and a share from 0 to 1 while something long goes on.
Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Images:
    """Real images ``pixels`` (uint8, shape [N, C, H, W]) with their ``labels`` (int64, shape [N])."""

    pixels: Tensor
    labels: Tensor


def load(name: str, size: int, *, is_test: bool = False, report: Report | None = None) -> Images:
    """Return a data set scaled to ``size`` × ``size`` pixels, downloading it first if need be.

    ``is_test`` asks for the held-out part: MNIST's own 10,000, and for the digits, which have none, an error.
    Raises InputError when the data is not there and cannot be had.
    """
    catalogue.find(name)
    if name == "digits":
        if is_test:
            raise ValueError("the digits have no test part of their own")
        with np.load(_EMBEDDED, allow_pickle=False) as file:
            pixels, labels = torch.from_numpy(file["pixels"]), torch.from_numpy(file["labels"]).long()
        return Images(resize(pixels.unsqueeze(1), size), labels)
    ensure(name, report or (lambda sentence, share: None))
    pixels, labels = _load_mnist(is_test)
    return Images(resize(pixels.unsqueeze(1), size), labels)


def ensure(name: str, report: Report) -> None:
    """Download a data set unless it is on this machine. Raises InputError when it cannot be had."""
    root = catalogue.data_root()
    if not catalogue.find(name).is_offline and not _has_whole_mnist(root):
        _download_mnist(root, report)


def resize(pixels: Tensor, size: int) -> Tensor:
    """Scale uint8 images [N, C, H, W] to ``size`` × ``size``: bilinear, with antialiasing, rounded and clamped."""
    if pixels.shape[-2:] == (size, size):
        return pixels
    parts = [
        functional.interpolate(part.float(), (size, size), mode="bilinear", antialias=True).round().clamp(0, 255).byte()
        for part in pixels.split(4096)
    ]
    return torch.cat(parts)


def _load_mnist(is_test: bool) -> tuple[Tensor, Tensor]:
    from torchvision.datasets import MNIST  # a second to import: only when asked for

    root = catalogue.data_root()
    try:
        found = MNIST(str(root), train=not is_test)
    except (AssertionError, ValueError, TypeError, LookupError, RuntimeError, OSError) as error:  # what torchvision raises
        raise InputError(f"The MNIST files in {root / 'MNIST' / 'raw'} are damaged; delete that folder, then try again.") from error
    return found.data, found.targets


def _has_whole_mnist(root: Path) -> bool:
    """Return whether all four files lie in torchvision's place, with all their bytes."""
    raw = root / "MNIST" / "raw"
    with contextlib.suppress(OSError):
        return all((raw / name).stat().st_size == size for name, size in _MNIST_RAW.items())
    return False


def _download_mnist(root: Path, report: Report) -> None:
    """Fetch MNIST into a staging folder and move it into place once it is whole (torchvision checks the MD5 sums)."""
    from torchvision.datasets import MNIST

    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".mnist.lock"):
            if _has_whole_mnist(root):
                return
            staging = root / ".mnist-download"
            shutil.rmtree(staging, ignore_errors=True)
            _require_network(MNIST.mirrors)
            report("Downloading MNIST", 0.0)
            with _watch_size(staging, lambda size: report("Downloading MNIST", min(1.0, size / _MNIST_BYTES))), _timeout(_SILENCE):
                MNIST(str(staging), download=True)
            if not _has_whole_mnist(staging):
                raise InputError("The downloaded MNIST files are not whole; try again.")
            for packed in (staging / "MNIST" / "raw").glob("*.gz"):
                packed.unlink()
            shutil.rmtree(root / "MNIST", ignore_errors=True)
            os.replace(staging / "MNIST", root / "MNIST")
            shutil.rmtree(staging, ignore_errors=True)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, RuntimeError, EOFError) as error:
        reason = shown(str(error), most=200)
        raise InputError(
            f"MNIST could not be downloaded ({reason}); check the network, or put its four files into {root / 'MNIST' / 'raw'}."
        ) from None
    except OSError as error:
        raise InputError(explain_os_error(error, f"downloading MNIST to {root}")) from error


def _require_network(mirrors: list[str], patience: float = 4.0) -> None:
    """Raise InputError unless one of the ``mirrors`` answers within ``patience`` seconds in all.

    Asked in threads, because looking a name up has no time limit of its own.
    """
    has_answer = threading.Event()
    asked = [threading.Thread(target=_ask, args=(mirror, has_answer, patience), daemon=True) for mirror in mirrors]
    for thread in asked:
        thread.start()
    deadline = time.monotonic() + patience
    while not has_answer.wait(0.05) and time.monotonic() < deadline and any(thread.is_alive() for thread in asked):
        pass
    if not has_answer.is_set():
        raise InputError(
            "MNIST is not on this machine and there is no network to download it from; connect to the network, put its "
            f"four files into {catalogue.data_root() / 'MNIST' / 'raw'}, or choose the built-in “digits”."
        )


def _ask(url: str, has_answer: threading.Event, patience: float) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=patience).close()
        has_answer.set()
    except urllib.error.HTTPError:
        has_answer.set()
    except (OSError, ValueError, http.client.HTTPException):
        return


@contextlib.contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Give every network read a time limit: torchvision sets none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _watch_size(folder: Path, tell: Callable[[int], None]) -> Iterator[None]:
    """Tell the size of the compressed files in ``folder`` twice a second."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.5):
            with contextlib.suppress(OSError):
                tell(sum(path.stat().st_size for path in folder.rglob("*.gz*")))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
