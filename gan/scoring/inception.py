"""The standard Inception network of 2015, whose features a plain FID is made of: weights found or downloaded, and verified.

Szegedy et al. 2015 (1512.00567), with the weights of the original FID code as torch-fidelity publishes them.
"""

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
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as fidelity

from gan import runs
from gan.data import catalogue
from gan.data.catalogue import Report
from gan.errors import InputError, explain_os_error
from gan.scoring import lines
from gan.scoring.extractor import Extractor

LABEL = "Inception 2015"
URL = fidelity.URL_INCEPTION_V3
NAME = "weights-inception-2015-12-05-6726825d.pth"
BYTES = 95_628_359
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

_PATIENCE = 8.0  # seconds that the network may be silent
_CHUNK = 1 << 18


class Inception(nn.Module):
    """uint8 pixels [N, 1 or 3, H, W] → pool features [N, 2048] and unbiased logits [N, 1008], in one pass.

    Images are scaled to 299 × 299 as the original TensorFlow code does; a grey one is given to all three channels.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.network(pixels.expand(-1, 3, -1, -1))
        return features, logits


def load(device: torch.device, report: Report) -> Extractor:
    """Return the network as an extractor, downloading its weights on first use.

    Raises InputError when the weights cannot be had or are not the standard ones.
    """
    content = _read(find(report))
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise InputError("The Inception weights cannot be read by this version of torch; update torch.") from error
    network = build(state).to(device).to(memory_format=torch.channels_last)
    return Extractor(LABEL, f"{lines.INCEPTION}-{SHA256[:8]}", None, network, device, batch=50)


def build(state: dict[str, Tensor]) -> Inception:
    """Return the network, in evaluation mode, with the weights in ``state`` (a state dictionary)."""
    # torch-fidelity's constructor takes nothing but a file, which it unpickles: it gets one made here of plain tensors.
    file: Any = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    with torch.random.fork_rng(devices=[]):
        network = fidelity.FeatureExtractorInceptionV3(LABEL, ["2048", "logits_unbiased"], feature_extractor_weights_path=file)
    return Inception(network).eval()


def is_at_hand() -> bool:
    """Return whether the weights need not be downloaded: ``GAN_INCEPTION`` is set, rightly or not, or they were before."""
    return bool(os.environ.get("GAN_INCEPTION")) or (catalogue.data_root() / "weights" / NAME).exists()


def find(report: Report) -> Path:
    """Return where the weights are: ``GAN_INCEPTION``, else the data folder, into which they are downloaded if need be."""
    if chosen := os.environ.get("GAN_INCEPTION"):
        path = Path(chosen).expanduser()
        if not path.is_file():
            raise InputError(f"GAN_INCEPTION is “{chosen}”, but there is no such file; set it to the path of {NAME}.")
        return path
    path = catalogue.data_root() / "weights" / NAME
    if not path.exists():
        download(path, report)
    return path


def download(path: Path, report: Report) -> None:
    """Fetch the weights to ``path``, where they appear once they are whole and verified. Raises InputError otherwise."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / f".{NAME}.lock"):
            if path.exists():
                return
            try:
                digest, size = hashlib.sha256(), 0
                with open(temporary, "wb") as file:
                    for chunk in _chunks():
                        file.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
                        report("Downloading the Inception weights", min(1.0, size / BYTES))
                        if size > BYTES:
                            break
                    file.flush()
                    os.fsync(file.fileno())
                if digest.hexdigest() != SHA256:
                    raise InputError(
                        f"The downloaded Inception weights are not the published file (SHA-256 {digest.hexdigest()[:8]}…, "
                        f"expected {SHA256[:8]}…); try again, or set GAN_INCEPTION to the path of {NAME}."
                    )
                os.replace(temporary, path)
                runs.sync_directory(path.parent)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(explain_os_error(error, f"downloading the Inception weights to {path.parent}")) from error


def _chunks() -> Iterator[bytes]:
    """Yield the file from the network. Raises InputError when the network is silent or the transfer breaks."""
    try:
        with _open() as answer:
            while chunk := answer.read(_CHUNK):
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"The Inception weights could not be downloaded ({error}); check the network, set GAN_INCEPTION to the path of "
            f"{NAME}, or use the extractor “classifier” or “random-vgg”."
        ) from None


def _open() -> Any:
    """Return the open answer of the server; asked in a thread, because looking a name up has no time limit of its own."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(URL, timeout=_PATIENCE))
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


def _read(path: Path) -> bytes:
    """Return the content of the weights file. Raises InputError unless it is the published one, byte for byte."""
    try:
        if path.stat().st_size != BYTES:
            raise InputError(f"{path} has {path.stat().st_size} bytes, expected {BYTES}; remove it to download it again.")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); make it readable or remove it.") from error
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise InputError(
            f"{path} is not the standard Inception network (SHA-256 {found[:8]}…, expected {SHA256[:8]}…); remove it to "
            "download it again."
        )
    return content
