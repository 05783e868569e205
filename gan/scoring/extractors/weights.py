"""Weights that others published: found or downloaded, verified byte for byte, and read without running code."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import pickle
import queue
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from gan.errors import InputError, explain_os_error
from gan.places import data_root
from gan.storage import files
from gan.storage.jobs import Report

_PATIENCE = 8.0  # seconds that the network may be silent
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Weights:
    """A published file: what people call it, where it is fetched, and what makes sure that it is this one.

    ``variable`` is the environment variable that may name a local copy; ``otherwise`` is what there is to do without the file.
    """

    title: str
    variable: str
    url: str
    size: int  # bytes
    sha256: str
    otherwise: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]

    def is_at_hand(self) -> bool:
        """Return whether the file need not be downloaded: its variable is set, rightly or not, or it was before."""
        return bool(os.environ.get(self.variable)) or self._home().exists()

    def find(self, report: Report) -> Path:
        """Return where the file is: what the variable names, else the data folder, into which it is downloaded if need be."""
        if chosen := os.environ.get(self.variable):
            path = Path(chosen).expanduser()
            if not path.is_file():
                raise InputError(f"{self.variable} is “{chosen}”, but there is no such file; set it to the path of {self.name}.")
            return path
        if not self._home().exists():
            self._download(self._home(), report)
        return self._home()

    def fetch(self, report: Report) -> Path:
        """Return where the file is, downloaded if need be and verified. Raises InputError as ``load`` does."""
        path = self.find(report)
        self._read(path)
        return path

    def load(self, report: Report) -> dict[str, Tensor]:
        """Return the state dictionary in the file, on the CPU; it is downloaded if need be.

        Raises InputError when the file cannot be had, or is not the published one, byte for byte.
        """
        content = self._read(self.find(report))
        try:
            state: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except (RuntimeError, pickle.UnpicklingError) as error:
            raise InputError(f"The {self.title} weights cannot be read by this version of torch; update torch.") from error
        return state

    def _home(self) -> Path:
        return data_root() / "weights" / self.name

    def _download(self, path: Path, report: Report) -> None:
        """Fetch the file to ``path``, where it appears once it is whole and verified."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.parent / f".{path.name}.lock"):
                if path.exists():
                    return
                try:
                    digest, length = hashlib.sha256(), 0
                    with open(temporary, "wb") as file:
                        for chunk in self._chunks():
                            file.write(chunk)
                            digest.update(chunk)
                            length += len(chunk)
                            report(f"Downloading the {self.title} weights", min(1.0, length / self.size))
                            if length > self.size:
                                break
                        file.flush()
                        os.fsync(file.fileno())
                    if digest.hexdigest() != self.sha256:
                        raise InputError(
                            f"The downloaded {self.title} weights are not the published file (SHA-256 {digest.hexdigest()[:8]}…, "
                            f"expected {self.sha256[:8]}…); try again, or set {self.variable} to the path of {self.name}."
                        )
                    os.replace(temporary, path)
                    files.sync_directory(path.parent)
                finally:
                    temporary.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(explain_os_error(error, f"downloading the {self.title} weights to {path.parent}")) from error

    def _chunks(self) -> Iterator[bytes]:
        """Yield the file from the network. Raises InputError when the network is silent or the transfer breaks."""
        try:
            with _open(self.url) as answer:
                while chunk := answer.read(_CHUNK):
                    yield chunk
        except (OSError, http.client.HTTPException) as error:
            raise InputError(
                f"The {self.title} weights could not be downloaded ({error}); check the network, or set {self.variable} to the "
                f"path of {self.name}{self.otherwise}."
            ) from None

    def _read(self, path: Path) -> bytes:
        is_ours = path == self._home()
        remedy = "remove it to download it again" if is_ours else f"set {self.variable} to the path of {self.name}"
        try:
            if path.stat().st_size != self.size:
                raise InputError(f"{path} has {path.stat().st_size} bytes, expected {self.size}; {remedy}.")
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); make it readable or remove it.") from error
        if (found := hashlib.sha256(content).hexdigest()) != self.sha256:
            raise InputError(
                f"{path} does not hold the published {self.title} weights (SHA-256 {found[:8]}…, expected {self.sha256[:8]}…); "
                f"{remedy}."
            )
        return content


def _open(url: str) -> Any:
    """Return the open answer of the server; asked in a thread, because looking a name up has no time limit of its own."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=_PATIENCE))
        except (OSError, http.client.HTTPException) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=_PATIENCE)
    except queue.Empty:
        raise TimeoutError(f"no answer within {_PATIENCE:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
