"""Downloaded data sets: complete or absent, read as torchvision reads them, without running code; one sentence per failure."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from torchvision import datasets

from gan.catalogue import data_sets, lsun
from gan.data import downloads
from gan.data.downloads import DOWNLOADS, Download
from gan.errors import InputError
from gan.places import data_root
from tests.helpers import PROJECT, environment, is_sentence, mount, unmount, wait_until

IDX = [name for name, entry in DOWNLOADS.items() if entry.folder.endswith("/raw")]


def refusal(caught: pytest.ExceptionInfo[InputError]) -> str:
    """Return the message of an InputError, after checking that it is one sentence."""
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def ignore(sentence: str, share: float) -> None:
    """Ignore progress reports."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty data folder, removed after the test because some sets are large."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    yield tmp_path / "data"
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


# Files with the format and size of the real ones, with made-up pixels


def ramp(count: int) -> bytes:
    """Return bytes that repeat with a prime period, so that a wrong axis order is noticed."""
    return (bytes(range(251)) * (count // 251 + 1))[:count]


def idx(*lengths: int, content: bytes) -> bytes:
    """Return a file in MNIST's format."""
    return bytes([0, 0, 8, len(lengths)]) + struct.pack(f">{len(lengths)}I", *lengths) + content


def text(value: bytes) -> bytes:
    """Return the pickle opcodes of a Python 2 string, as in the real CIFAR-10; Python 3 does not write them."""
    return b"T" + struct.pack("<i", len(value)) + value


def cifar_batch(
    pixels: bytes,
    labels: list[int],
    *,
    shape: tuple[int, ...] = (10_000, 3072),
    kind: bytes = b"u1",
    is_fortran: bool = False,
    more: bytes = b"",
) -> bytes:
    """Return a pickle as Python 2 and its NumPy wrote it for CIFAR-10; ``more`` are the opcodes of further entries."""
    numbers = b"(" + b"".join(b"M" + struct.pack("<H", number) for number in shape) + b"t"
    described = b"K\x00K\x01tR(K\x03U\x01|NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    array += b"(K\x01" + numbers + b"cnumpy\ndtype\n(" + text(kind) + described
    array += (b"\x88" if is_fortran else b"\x89") + text(pixels) + b"tb"
    listed = b"(" + b"".join(b"K" + bytes([label]) for label in labels) + b"l"
    return b"\x80\x02(" + text(b"labels") + listed + text(b"data") + array + more + b"d."


def filled(content: bytes, size: int) -> bytes:
    """Return a pickle padded to the size of the real file; the padding is not read."""
    assert len(content) <= size
    return content + bytes(size - len(content))


def made_up(name: str) -> dict[str, bytes]:
    """Return the unpacked files of a data set by file name; all that are read have the real size."""
    entry = DOWNLOADS[name]
    if name in IDX:
        files = {}
        for part, count in (("train", 60_000), ("t10k", 10_000)):
            files[f"{part}-images-idx3-ubyte"] = idx(count, 28, 28, content=ramp(count * 784))
            files[f"{part}-labels-idx1-ubyte"] = idx(count, content=bytes(range(10)) * (count // 10))
        return files
    if name == "cifar10":
        labels = [number % 10 for number in range(10_000)]
        return {
            file: filled(cifar_batch(ramp(30_720_001 + index)[index + 1 :], labels[index:] + labels[:index]), size)
            for index, (file, size) in enumerate(entry.files.items())
        }
    ones = bytes(range(1, 11))
    return {
        "train_X.bin": ramp(138_240_000),
        "train_y.bin": ones * 500,
        "test_X.bin": ramp(221_184_000),
        "test_y.bin": ones * 800,
        "unlabeled_X.bin": ramp(1000),
    }


@lru_cache(maxsize=3)  # MNIST's files, shared by its variants, and the two archives
def packed(name: str) -> dict[str, bytes]:
    """Return the compressed files that a server offers for a data set, by file name."""
    if name in IDX:
        return {f"{file}.gz": gzip.compress(content, 1) for file, content in made_up(name).items()}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        for file, content in made_up(name).items():
            member = tarfile.TarInfo(f"{DOWNLOADS[name].folder}/{file}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return {Path(maker(name).filename).name: archive.getvalue()}


def maker(name: str) -> Any:
    """Return torchvision's class for a data set."""
    return getattr(datasets, DOWNLOADS[name].maker)


def sum_of(content: bytes) -> str:
    """Return the MD5 checksum in torchvision's format."""
    return hashlib.md5(content).hexdigest()


# A local server in place of the real ones


class Server(ThreadingHTTPServer):
    """A local mirror that can break off after some bytes, answer rubbish, or never answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), partial(Mirror))
        self.files: dict[str, bytes] = {}
        self.breaks_off_at: int | None = None
        self.answer = "files"
        self.is_over = threading.Event()
        self.asked: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, *_: Any) -> None:
        """Stay silent: the tests make clients give up on purpose."""


class Mirror(BaseHTTPRequestHandler):
    """Serves the files of a :class:`Server`."""

    server: Server

    def do_HEAD(self) -> None:
        self.respond(has_body=False)

    def do_GET(self) -> None:
        self.server.asked[self.path.strip("/")] += 1
        self.respond(has_body=True)

    def respond(self, *, has_body: bool) -> None:
        answer = self.server.answer
        if answer == "silence" or (answer == "silence when asked for files" and has_body):
            self.server.is_over.wait()
            return
        if answer == "rubbish":
            self.wfile.write(b"\x00 this is no HTTP\r\n\r\n")
            return
        content = self.server.files.get(self.path.strip("/"), b"" if self.path == "/" else None)
        if answer == "login page" and has_body:
            content = b"<html>Please log in\nto the network</html>"
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if has_body and answer == "falls silent":
            self.wfile.write(content[:100_000])
            self.server.is_over.wait()
        elif has_body:
            self.wfile.write(content[: self.server.breaks_off_at])

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def serve(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Server]]:
    """Return a function that serves a data set from a local server, the only one torchvision then uses."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)

    def give_out(name: str) -> Server:
        server.files = packed("mnist" if name in IDX else name)
        point_at(name, [server.url], monkeypatch)
        sums = [(file, sum_of(content)) for file, content in server.files.items()]
        if name in IDX:
            monkeypatch.setattr(maker(name), "resources", sums)
        else:
            monkeypatch.setattr(maker(name), "tgz_md5", sums[0][1])
        return server

    yield give_out
    server.is_over.set()
    server.shutdown()
    server.server_close()


def point_at(name: str, servers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make torchvision download a data set from other servers."""
    if name in IDX:
        monkeypatch.setattr(maker(name), "mirrors", servers)
    else:
        monkeypatch.setattr(maker(name), "url", servers[0] + maker(name).filename)


def lies_nothing(name: str, folder: Path) -> bool:
    """Return whether the folder of a data set is missing and the data folder holds at most its lock file."""
    return not (folder / DOWNLOADS[name].folder).exists() and {path.name for path in folder.glob("*")} <= {f".{name}.lock"}


# Downloads


@pytest.mark.parametrize("name", DOWNLOADS)
def test_set_is_downloaded_once_and_whole(
    name: str, serve: Callable[[str], Server], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, server, told = DOWNLOADS[name], serve(name), []
    left = data / f".{name}-download" / entry.folder
    left.mkdir(parents=True)
    (left / "half").write_text("what a killed download left")
    assert not downloads.has(name)

    downloads.ensure(name, lambda sentence, share: told.append((sentence, share)))
    assert downloads.has(name)
    assert told[0] == (f"Downloading {entry.title}", 0.0)
    assert {sentence for sentence, _ in told} <= {f"Downloading {entry.title}", f"Unpacking {entry.title}"}
    assert all(0 <= share <= 1 for _, share in told)
    assert {path.name for path in (data / entry.folder).iterdir()} == set(entry.files)
    assert {path.name for path in data.iterdir()} <= {entry.folder.partition("/")[0], f".{name}.lock"}
    server.answer = "silence"
    downloads.ensure(name, lambda sentence, share: pytest.fail("downloaded again"))

    for is_test in (False, True):
        pixels, labels = downloads.arrays(name, is_test=is_test)
        theirs, named = as_torchvision_reads(name, data, is_test, monkeypatch)
        assert pixels.dtype == np.uint8
        assert labels.dtype == np.int64
        assert pixels.shape == (len(labels), *entry.shape)
        assert pixels.flags.c_contiguous and pixels.flags.writeable  # required by torch
        assert np.array_equal(pixels, theirs)
        assert np.array_equal(labels, named)
        assert set(labels[:10].tolist()) == set(range(10))


def as_torchvision_reads(
    name: str, root: Path, is_test: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[np.ndarray, list[int] | np.ndarray]:
    """Return a data set as torchvision reads it, without its checksum test, which made-up files would fail."""
    if name in IDX:
        found = maker(name)(str(root), train=not is_test)
        return found.data[..., None].numpy(), found.targets.numpy()
    monkeypatch.setattr(maker(name), "_check_integrity", lambda self: True)  # it expects the checksums of the real files
    if name == "cifar10":
        monkeypatch.setattr(maker(name), "_load_meta", lambda self: None)
        found = maker(name)(str(root), train=not is_test)
        return found.data, found.targets
    found = maker(name)(str(root), split="test" if is_test else "train")
    return found.data.transpose(0, 2, 3, 1), found.labels


def test_real_mnist_is_read_without_a_download(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(real_data))
    monkeypatch.setattr(downloads, "_download", lambda *arguments: pytest.fail("downloaded again"))
    downloads.ensure("mnist", ignore)
    pixels, labels = downloads.arrays("mnist")
    assert pixels.shape == (60_000, 28, 28, 1)
    assert 30 < pixels.mean() < 37  # the known mean of MNIST is 33.3
    assert np.bincount(labels).min() > 5000
    assert downloads.arrays("mnist", is_test=True)[0].shape == (10_000, 28, 28, 1)
    for is_test in (False, True):
        theirs = datasets.MNIST(str(real_data), train=not is_test)
        pixels, labels = downloads.arrays("mnist", is_test=is_test)
        assert np.array_equal(pixels[..., 0], theirs.data.numpy())
        assert np.array_equal(labels, theirs.targets.numpy())


@pytest.mark.parametrize("name", DOWNLOADS)
def test_interrupted_download_leaves_nothing(name: str, serve: Callable[[str], Server], data: Path) -> None:
    server = serve(name)
    server.breaks_off_at = 10_000
    with pytest.raises(InputError) as caught:
        downloads.ensure(name, ignore)
    sentence = refusal(caught)
    assert f"{DOWNLOADS[name].title} could not be downloaded" in sentence
    assert "cut off" in sentence
    assert str(data / DOWNLOADS[name].folder) in sentence
    assert lies_nothing(name, data)


def test_download_works_after_an_interrupted_one(serve: Callable[[str], Server], data: Path) -> None:
    server = serve("mnist")
    server.breaks_off_at = 10_000
    with pytest.raises(InputError):
        downloads.ensure("mnist", ignore)
    server.breaks_off_at = None
    downloads.ensure("mnist", ignore)
    assert len(downloads.arrays("mnist")[0]) == 60_000


@pytest.mark.parametrize("answer", ["rubbish", "login page", "no such file"])
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_wrong_answer_of_a_server_is_reported_in_one_sentence(
    name: str, answer: str, serve: Callable[[str], Server], data: Path
) -> None:
    server = serve(name)
    server.answer = answer
    if answer == "no such file":
        server.files = {}
    with pytest.raises(InputError) as caught:
        downloads.ensure(name, ignore)
    assert DOWNLOADS[name].title in refusal(caught)
    assert ("404" in refusal(caught)) == (answer == "no such file")
    assert lies_nothing(name, data)


@pytest.mark.parametrize("name", DOWNLOADS)
def test_wrong_checksum_is_refused(name: str, serve: Callable[[str], Server], data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(name)
    server.files = {file: gzip.compress(b"something else that is whole") for file in server.files}
    with pytest.raises(InputError) as caught:
        downloads.ensure(name, ignore)
    assert "not the expected one" in refusal(caught)
    assert lies_nothing(name, data)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("mnist", "silence"),
        ("mnist", "silence when asked for files"),
        ("cifar10", "silence when asked for files"),
        ("mnist", "falls silent"),
        ("cifar10", "falls silent"),
    ],
)
def test_download_from_a_silent_server_times_out(
    name: str, answer: str, serve: Callable[[str], Server], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(name).answer = answer
    monkeypatch.setattr(downloads, "_PATIENCE", 1.0)
    monkeypatch.setattr(downloads, "_SILENCE", 1.0)
    shares: list[float] = []
    started = time.monotonic()
    with pytest.raises(InputError) as caught:
        downloads.ensure(name, lambda sentence, share: shares.append(share))
    assert time.monotonic() - started < 30
    wanted = "there is no network" if answer == "silence" else f"{DOWNLOADS[name].title} could not be downloaded (timed out)"
    assert wanted in refusal(caught)
    assert lies_nothing(name, data)
    if answer == "falls silent":
        assert 0 < shares[-1] < 0.1, "progress must count bytes"
    assert socket.getdefaulttimeout() is None, "the global timeout must not change"


@pytest.mark.parametrize("name", DOWNLOADS)
def test_missing_network_is_reported_with_instructions(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:  # a port without a listener
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    others = ["http://no-such-host.invalid/", "not a url"] if name == "mnist" else []
    point_at(name, [f"http://127.0.0.1:{port}/", *others], monkeypatch)
    told: list[str] = []
    with pytest.raises(InputError) as caught:
        downloads.ensure(name, lambda sentence, share: told.append(sentence))
    sentence = refusal(caught)
    assert "there is no network" in sentence
    assert str(data / DOWNLOADS[name].folder) in sentence
    assert all(file in sentence for file in DOWNLOADS[name].files)
    assert "“digits”" in sentence
    assert "“shapes”" in sentence
    assert told == [], "a download that never began was reported"
    assert lies_nothing(name, data)


def test_timeout_for_a_first_answer_is_short() -> None:
    assert downloads._PATIENCE <= 4
    assert downloads._SILENCE == 10


def test_folder_that_cannot_be_made_is_reported(data: Path) -> None:
    data.write_text("a file is in the way")
    try:
        with pytest.raises(InputError) as caught:
            downloads.ensure("mnist", ignore)
        assert str(data) in refusal(caught)
    finally:
        data.unlink()


@pytest.fixture
def small_disk(data: Path) -> Iterator[Path]:
    """Mount a disk of 8 MB where the data belongs."""
    data.mkdir()
    mount(data, "size=8m")
    yield data
    unmount(data)


def test_too_small_disk_is_reported_before_the_download(small_disk: Path, serve: Callable[[str], Server]) -> None:
    server = serve("mnist")
    with pytest.raises(InputError) as caught:
        downloads.ensure("mnist", ignore)
    assert "free some space" in refusal(caught)
    assert "67 MB" in refusal(caught)
    assert not server.asked
    assert lies_nothing("mnist", small_disk)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_disk_that_fills_during_the_download_is_reported_and_cleared(
    name: str, small_disk: Path, serve: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(name)
    monkeypatch.setattr(downloads, "_require_room", lambda *arguments: None)
    with pytest.raises(InputError) as caught:
        downloads.ensure(name, ignore)
    assert "disk is full" in refusal(caught)
    assert lies_nothing(name, small_disk)


def test_concurrent_requests_download_once(serve: Callable[[str], Server], data: Path) -> None:
    server, told = serve("kmnist"), []
    data.mkdir()
    threads = [
        threading.Thread(target=downloads.ensure, args=("kmnist", lambda sentence, share: told.append(sentence))) for _ in range(2)
    ]
    with FileLock(data / ".kmnist.lock"):
        for thread in threads:
            thread.start()
        waiting = "Waiting for another process to download Kuzushiji-MNIST"
        wait_until(lambda: told.count(waiting) >= 2, "both threads report that they wait")
        assert not server.asked
    for thread in threads:
        thread.join()
    assert downloads.has("kmnist")
    assert max(server.asked.values()) == 2, "torchvision sends two requests per file: one to resolve its URL, one for its content"


def test_progress_tells_download_and_unpacking_apart(tmp_path: Path) -> None:
    entry = replace(DOWNLOADS["stl10"], files={"a": 60}, unread={"b": 40}, download_bytes=50)
    (tmp_path / "stl10_binary.tar.gz").write_bytes(bytes(25))
    assert downloads._progress(entry, tmp_path) == ("Downloading STL-10", 0.5)
    (tmp_path / entry.folder).mkdir()
    (tmp_path / entry.folder / "b").write_bytes(bytes(30))
    assert downloads._progress(entry, tmp_path) == ("Unpacking STL-10", 0.3)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (tmp_path / "stl10_binary.tar.gz").unlink()
    (raw / "one.gz").write_bytes(bytes(25))
    (raw / "one").write_bytes(bytes(100))
    assert downloads._progress(replace(DOWNLOADS["mnist"], download_bytes=50), tmp_path) == ("Downloading MNIST", 0.5)


# Damaged files


def lay_empty(entry: Download, root: Path) -> Path:
    """Write sparse files of zeros with the right sizes as a data set and return their folder."""
    folder = root / entry.folder
    folder.mkdir(parents=True)
    for name, size in entry.files.items():
        with open(folder / name, "wb") as file:
            file.truncate(size)
    return folder


@pytest.mark.parametrize("name", DOWNLOADS)
def test_set_with_a_shorter_or_missing_file_is_not_whole(name: str, data: Path) -> None:
    folder = lay_empty(DOWNLOADS[name], data)
    assert downloads.has(name)
    for file, size in DOWNLOADS[name].files.items():
        os.truncate(folder / file, size - 1)
        assert not downloads.has(name)
        (folder / file).unlink()
        assert not downloads.has(name)
        with pytest.raises(InputError) as caught:
            downloads.arrays(name)
        assert str(folder) in refusal(caught)
        with open(folder / file, "wb") as whole:
            whole.truncate(size)
    assert downloads.has(name)


@pytest.mark.parametrize("file", list(DOWNLOADS["mnist"].files))
def test_truncated_file_is_fetched_again(file: str, serve: Callable[[str], Server], data: Path) -> None:
    serve("mnist")
    folder = lay_empty(DOWNLOADS["mnist"], data)
    os.truncate(folder / file, DOWNLOADS["mnist"].files[file] - 1)
    if file.startswith("train-images"):
        downloads.ensure("mnist", ignore)
        assert len(downloads.arrays("mnist")[0]) == 60_000
    assert downloads.has("mnist") == file.startswith("train-images")


@pytest.mark.parametrize("is_test", [False, True])
@pytest.mark.parametrize("name", DOWNLOADS)
def test_damaged_files_of_the_right_size_are_reported_in_one_sentence(name: str, is_test: bool, data: Path) -> None:
    folder = lay_empty(DOWNLOADS[name], data)
    with pytest.raises(InputError) as caught:
        downloads.arrays(name, is_test=is_test)
    assert "damaged" in refusal(caught)
    assert str(folder) in refusal(caught)


@pytest.mark.parametrize(
    ("file", "head"),
    [
        ("t10k-images-idx3-ubyte", bytes([0, 0, 8, 3]) + struct.pack(">3I", 10_000, 28, 29)),
        ("t10k-images-idx3-ubyte", bytes([0, 0, 8, 3]) + struct.pack(">3I", 10_000, 14, 56)),
        ("t10k-images-idx3-ubyte", bytes([0, 0, 8, 3]) + struct.pack(">3I", 5_000, 56, 28)),
        ("t10k-images-idx3-ubyte", bytes([0, 0, 9, 3]) + struct.pack(">3I", 10_000, 28, 28)),
        ("t10k-labels-idx1-ubyte", bytes([0, 0, 8, 1]) + struct.pack(">I", 9_999)),
        ("t10k-labels-idx1-ubyte", bytes([0, 0, 8, 2]) + struct.pack(">I", 10_000)),
        ("t10k-labels-idx1-ubyte", bytes([0, 0, 8, 1]) + struct.pack(">I", 10_000) + bytes([10])),
    ],
)
def test_idx_file_with_a_wrong_header_or_label_is_damaged(file: str, head: bytes, data: Path) -> None:
    folder = lay_empty(DOWNLOADS["mnist"], data)
    for each, start in (
        ("t10k-images-idx3-ubyte", bytes([0, 0, 8, 3]) + struct.pack(">3I", 10_000, 28, 28)),
        ("t10k-labels-idx1-ubyte", bytes([0, 0, 8, 1]) + struct.pack(">I", 10_000)),
    ):
        write_at(folder / each, 0, start)
    assert len(downloads.arrays("mnist", is_test=True)[1]) == 10_000
    write_at(folder / file, 0, head)
    with pytest.raises(InputError) as caught:
        downloads.arrays("mnist", is_test=True)
    assert "damaged" in refusal(caught)


def write_at(path: Path, place: int, content: bytes) -> None:
    """Overwrite the bytes of a file from ``place`` on."""
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(content)


def call(module: str, name: str, argument: str) -> bytes:
    """Return the opcodes of a further dictionary entry that calls a function while the pickle is read."""
    return text(b"more") + f"c{module}\n{name}\n(".encode() + text(argument.encode()) + b"tR"


@pytest.mark.parametrize(("module", "name"), [("os", "system"), ("builtins", "exec"), ("__builtin__", "eval"), ("posix", "system")])
def test_reading_runs_no_code(module: str, name: str, data: Path, tmp_path: Path) -> None:
    mark = tmp_path / "code-was-run"
    argument = f"touch {mark}" if name == "system" else f"open({str(mark)!r}, 'w').close()"
    content = cifar_batch(ramp(30_720_000), [1] * 10_000, more=call(module, name, argument))
    with contextlib.suppress(Exception):
        pickle.loads(content, encoding="latin1")
    assert mark.exists(), "plain pickle.loads did not run it, so this test proves nothing"
    mark.unlink()
    folder = lay_empty(DOWNLOADS["cifar10"], data)
    (folder / "test_batch").write_bytes(filled(content, DOWNLOADS["cifar10"].files["test_batch"]))
    with pytest.raises(InputError) as caught:
        downloads.arrays("cifar10", is_test=True)
    assert "damaged" in refusal(caught)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("pixels", "labels", "options"),
    [
        (30_720_000, [1] * 9_999, {}),
        (30_720_000, [10] * 10_000, {}),
        (30_719_999, [1] * 10_000, {}),
        (30_720_000, [1] * 10_000, {"kind": b"i1"}),
        (30_720_000, [1] * 10_000, {"kind": b"O8"}),
        (15_360_000, [1] * 10_000, {"shape": (5_000, 3072)}),
        (30_720_000, [1] * 10_000, {"shape": (10_001, 3072)}),
    ],
)
def test_malformed_cifar_batch_is_damaged(pixels: int, labels: list[int], options: dict[str, Any], data: Path) -> None:
    folder = lay_empty(DOWNLOADS["cifar10"], data)
    content = cifar_batch(bytes(pixels), labels, **options)
    (folder / "test_batch").write_bytes(filled(content, DOWNLOADS["cifar10"].files["test_batch"]))
    with pytest.raises(InputError) as caught:
        downloads.arrays("cifar10", is_test=True)
    assert "damaged" in refusal(caught)


def test_cifar_batch_written_column_by_column_is_read_as_numpy_does(data: Path, tmp_path: Path) -> None:
    folder = lay_empty(DOWNLOADS["cifar10"], data)
    content = cifar_batch(ramp(30_720_000), [1] * 10_000, is_fortran=True)
    (folder / "test_batch").write_bytes(filled(content, DOWNLOADS["cifar10"].files["test_batch"]))
    theirs = pickle.loads(content, encoding="latin1")["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.array_equal(downloads.arrays("cifar10", is_test=True)[0], theirs)


@pytest.mark.parametrize(
    ("module", "name"),
    [("numpy", "load"), ("numpy", "fromfile"), ("numpy", "ndarray.tofile"), ("_codecs", "encode"), ("builtins", "getattr")],
)
def test_unpickler_allows_only_arrays(module: str, name: str) -> None:
    with pytest.raises(pickle.UnpicklingError):
        downloads._PlainUnpickler(io.BytesIO(b"\x80\x02" + f"c{module}\n{name}\n.".encode())).load()


def test_corrupted_cifar_batch_is_read_or_refused(data: Path) -> None:
    folder, size = lay_empty(DOWNLOADS["cifar10"], data), DOWNLOADS["cifar10"].files["test_batch"]
    content = filled(cifar_batch(bytes(30_720_000), [1] * 10_000), size)
    (folder / "test_batch").write_bytes(content)
    array, random, refused = content.index(b"cnumpy"), np.random.default_rng(0), 0
    for start in [0, array] * 30:
        place = start + int(random.integers(200))
        write_at(folder / "test_batch", place, random.bytes(int(random.integers(1, 8))))
        try:
            assert downloads.arrays("cifar10", is_test=True)[0].shape == (10_000, 32, 32, 3)
        except InputError as error:
            assert is_sentence(str(error))
            refused += 1
        write_at(folder / "test_batch", place, content[place : place + 8])
    assert refused > 20


def test_stl_labels_out_of_range_are_damage(data: Path) -> None:
    folder = lay_empty(DOWNLOADS["stl10"], data)
    (folder / "test_y.bin").write_bytes(bytes([1, 10]) * 4000)
    assert set(downloads.arrays("stl10", is_test=True)[1]) == {0, 9}
    for label in (0, 11):
        (folder / "test_y.bin").write_bytes(bytes([label]) * 8000)
        with pytest.raises(InputError, match="damaged"):
            downloads.arrays("stl10", is_test=True)


def test_checking_and_reading_do_not_import_torch(data: Path) -> None:
    folder = lay_empty(DOWNLOADS["mnist"], data)
    for file, size in DOWNLOADS["mnist"].files.items():
        shape = (60_000 if size > 10**7 or size == 60_008 else 10_000, *((28, 28) if "images" in file else ()))
        write_at(folder / file, 0, idx(*shape, content=b""))
    code = (
        "import sys; from gan.data import downloads; downloads.has('mnist'); downloads.ensure('mnist', print);"
        "downloads.arrays('mnist'); print(sorted({'torch', 'torchvision', 'lmdb'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=environment(None, {"GAN_DATA": str(data)}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "[]\n", done.stderr


# LSUN's bedrooms


def test_missing_bedrooms_are_reported_with_instructions(data: Path) -> None:
    for make in (lambda: None, lambda: lsun.place().mkdir(parents=True)):
        make()
        for ask in (lsun.count, lsun.pictures):
            with pytest.raises(InputError) as caught:
                ask()
            sentence = refusal(caught)
            assert str(lsun.place()) in sentence
            assert "bedroom_train_lmdb" in sentence
            assert "JPEG" in sentence
    assert lsun.place() == data_root() / "lsun-bedroom"


def test_folder_of_pictures_is_read_in_a_fixed_order(data: Path) -> None:
    folder = lsun.place()
    for name in ("b/2.webp", "b/10.jpg", "a.JPEG", "c.jpg", "a/1.jpg", "notes.txt", "d.png", ".hidden.jpg", ".thumbnails/x.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    wanted = [b"a.JPEG", b"c.jpg", b"a/1.jpg", b"b/10.jpg", b"b/2.webp"]
    assert list(lsun.pictures()) == wanted
    assert lsun.count() == len(wanted)


def version_of_the_bedrooms() -> str:
    """Return the version of the bedrooms, after a short wait so that file times differ."""
    time.sleep(0.02)
    return data_sets.find(data_sets.LSUN).version


def test_pictures_replaced_anywhere_in_the_folder_are_noticed(data: Path) -> None:
    inner = lsun.place() / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "1.jpg").write_bytes(b"1")
    before = version_of_the_bedrooms()
    assert version_of_the_bedrooms() == before, "asking for the version must not change it"
    (inner / "new").write_bytes(b"2")
    (inner / "new").rename(inner / "1.jpg")
    after = version_of_the_bedrooms()
    assert after != before
    (inner / "c").mkdir()
    (inner / "c" / "2.jpg").write_bytes(b"2")
    assert data_sets.find(data_sets.LSUN).images == 2
    deeper = version_of_the_bedrooms()
    (inner / "c" / "3.jpg").write_bytes(b"3")
    assert len({before, after, deeper, version_of_the_bedrooms()}) == 4


def test_unreadable_picture_is_reported(data: Path) -> None:
    folder = lsun.place()
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"a")
    (folder / "b.jpg").symlink_to(folder / "gone")
    pictures = lsun.pictures()
    assert next(pictures) == b"a"
    with pytest.raises(InputError) as caught:
        next(pictures)
    assert "b.jpg" in refusal(caught)


def test_database_without_its_package_says_how_to_install_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lsun.place() / "bedroom_train_lmdb").mkdir(parents=True)
    monkeypatch.setitem(sys.modules, "lmdb", None)
    for ask in (lsun.count, lsun.pictures):
        with pytest.raises(InputError) as caught:
            ask()
        assert "pip install lmdb" in refusal(caught)


@pytest.fixture
def bedrooms(data: Path) -> Path:
    """Return the folder of a 20 MB database in LSUN's format, with entries written in a different order from their keys."""
    lmdb = pytest.importorskip("lmdb", reason="reading LSUN's database needs the package lmdb")
    path = lsun.place() / "bedroom_train_lmdb"
    path.mkdir(parents=True)
    with lmdb.open(str(path), map_size=1 << 26) as database, database.begin(write=True) as transaction:
        for number in reversed(range(200)):
            transaction.put(f"{number:040x}".encode(), number.to_bytes(2, "big") * 50_000)
    (path / "lock.mdb").unlink()
    return path


def test_database_is_read_in_the_order_of_its_keys(bedrooms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert lsun.count() == 200
    pictures = lsun.pictures()
    assert next(pictures) == b"\x00\x00" * 50_000
    assert lsun.count() == 200, "counting must work while another reader is open"
    other = lsun.pictures()
    assert [int.from_bytes(picture[:2], "big") for picture in pictures] == list(range(1, 200))
    assert len(list(other)) == 200
    assert {path.name for path in bedrooms.iterdir()} == {"data.mdb"}
    assert not list(tmp_path.glob("_cache_*"))


def test_replaced_database_is_noticed(bedrooms: Path) -> None:
    before = version_of_the_bedrooms()
    list(lsun.pictures())
    assert version_of_the_bedrooms() == before, "reading must not change the version"
    shutil.copy(bedrooms / "data.mdb", bedrooms / "copy")
    os.replace(bedrooms / "copy", bedrooms / "data.mdb")
    assert version_of_the_bedrooms() != before


def test_reading_the_database_loads_no_pickle(bedrooms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "code-was-run"
    monkeypatch.chdir(tmp_path)
    cache = "_cache_" + "".join(letter for letter in str(bedrooms) if letter.isascii() and letter.isalpha())
    Path(cache).write_bytes(f"cos\nsystem\n(S'touch {mark}'\ntR.".encode())
    with contextlib.suppress(Exception):
        datasets.LSUN(str(lsun.place()), classes=["bedroom_train"])
    assert mark.exists(), "torchvision's reader did not run it, so this test proves nothing"
    mark.unlink()
    assert len(list(lsun.pictures())) == 200
    assert not mark.exists()


@pytest.mark.parametrize("damage", ["cut", "nearly empty", "empty", "rubbish", "gone"])
def test_damaged_database_is_reported_in_one_sentence(bedrooms: Path, damage: str) -> None:
    file = bedrooms / "data.mdb"
    if damage == "gone":
        file.unlink()
    elif damage == "rubbish":
        file.write_bytes(b"no database " * 10_000)
    else:
        os.truncate(file, {"cut": file.stat().st_size - 4096, "nearly empty": 10_000, "empty": 0}[damage])
    for ask in (lsun.count, lsun.pictures):
        with pytest.raises(InputError) as caught:
            ask()
        assert str(bedrooms) in refusal(caught)
