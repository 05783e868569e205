"""Published network weights: find or download, verify byte for byte, and read without running code."""

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

_PATIENCE = 8.0  # seconds without network response before giving up
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Weights:
    """A published file: display title, download address, and size and hash for verification.

    ``variable`` is the environment variable that may name a local copy; ``otherwise`` ends the error message with an alternative;
    ``again`` says how to get a damaged file anew.
    """

    title: str
    variable: str
    url: str
    size: int  # bytes
    sha256: str
    otherwise: str = ""
    again: str = "remove it to download it again"

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]

    def is_at_hand(self) -> bool:
        """Return whether no download is needed: the variable is set (valid or not), or the file is downloaded."""
        return bool(os.environ.get(self.variable)) or self._home().exists()

    def find(self, report: Report) -> Path:
        """Return the path of the file: the one in the variable, else the one in the data folder, downloaded if missing."""
        if chosen := os.environ.get(self.variable):
            path = Path(chosen).expanduser()
            if not path.is_file():
                raise InputError(f"{self.variable} is “{chosen}”, but there is no such file; set it to the path of {self.name}.")
            return path
        if not self._home().exists():
            self._download(self._home(), report)
        return self._home()

    def fetch(self, report: Report) -> Path:
        """Return the path of the verified file, downloaded if missing. Raises InputError as ``load`` does."""
        path = self.find(report)
        self._read(path)
        return path

    def load(self, report: Report) -> dict[str, Tensor]:
        """Return the state dictionary in the file, on the CPU; the file is downloaded if missing.

        Raises InputError if the file is unavailable, or differs from the published one in any byte.
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
        """Download the file; it appears at ``path`` only when complete and verified."""
        temporary = path.with_name(f".{path.name}.tmp")  # one name, under the lock: the next download replaces what a kill left
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
                            f"The downloaded {self.title} weights are not the published file "
                            f"(SHA-256 {digest.hexdigest()[:8]}…, expected {self.sha256[:8]}…); "
                            f"try again, or set {self.variable} to the path of {self.name}."
                        )
                    os.replace(temporary, path)
                    files.sync_directory(path.parent)
                finally:
                    temporary.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(explain_os_error(error, f"downloading the {self.title} weights to {path.parent}")) from error

    def _chunks(self) -> Iterator[bytes]:
        """Yield the file from the network. Raises InputError on a timeout or a broken transfer."""
        try:
            with _open(self.url) as answer:
                while chunk := answer.read(_CHUNK):
                    yield chunk
        except (OSError, http.client.HTTPException) as error:
            raise InputError(
                f"The {self.title} weights could not be downloaded ({error}); "
                f"check the network, or set {self.variable} to the path of {self.name}{self.otherwise}."
            ) from None

    def _read(self, path: Path) -> bytes:
        is_ours = path == self._home()
        remedy = self.again if is_ours else f"set {self.variable} to the path of {self.name}"
        try:
            if path.stat().st_size != self.size:
                raise InputError(f"{path} has {path.stat().st_size} bytes, expected {self.size}; {remedy}.")
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); make it readable or remove it.") from error
        if (found := hashlib.sha256(content).hexdigest()) != self.sha256:
            raise InputError(
                f"{path} does not hold the published {self.title} weights "
                f"(SHA-256 {found[:8]}…, expected {self.sha256[:8]}…); {remedy}."
            )
        return content


def _open(url: str) -> Any:
    """Return the open response of the server; requested in a thread, because name lookup has no timeout of its own."""
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
