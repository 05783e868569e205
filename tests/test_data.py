"""Real images: the right ones, whole, in a known order, and a download that fails with a sentence instead of rubbish."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torchvision.datasets import MNIST

from gan.data import catalogue, loaders
from gan.data.feed import Feed, to_float, to_pixels
from gan.errors import InputError
from tests.helpers import is_sentence

OFFLINE = [name for name, entry in catalogue.DATA_SETS.items() if entry.is_offline]


def refusal(caught: pytest.ExceptionInfo[InputError]) -> str:
    """Return the sentence of a refusal, having looked that it is one."""
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


# The catalogue


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("name", OFFLINE)
def test_every_offline_data_set_keeps_its_promises(name: str, size: int) -> None:
    entry = catalogue.find(name)
    images = loaders.load(name, size)
    assert images.pixels.shape == (entry.images, entry.channels, size, size)
    assert images.pixels.dtype == torch.uint8
    assert images.labels.shape == (entry.images,)
    assert images.labels.dtype == torch.int64
    assert images.labels.min() == 0
    assert images.labels.max() == len(entry.classes) - 1
    assert len(images.labels.unique()) == len(entry.classes)
    assert images.pixels.min() < 20
    assert images.pixels.max() > 235
    assert images.pixels.float().std() > 30, "the images are not nearly empty"
    assert torch.equal(images.pixels, loaders.load(name, size).pixels)


@pytest.mark.parametrize("entry", catalogue.DATA_SETS.values(), ids=catalogue.DATA_SETS)
def test_every_data_set_says_what_people_want_to_know(entry: catalogue.DataSet) -> None:
    assert entry.title
    assert entry.description.endswith(".")
    assert entry.source
    assert entry.channels in (1, 3)
    assert entry.images > 0
    assert len(set(entry.classes)) == len(entry.classes)


def test_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        loaders.load("minst", 32)
    assert "did you mean “mnist”" in refusal(caught)


def test_embedded_digits_are_those_of_scikit_learn() -> None:
    theirs = load_digits()
    ours = loaders.load("digits", 8)
    assert torch.equal(ours.labels, torch.from_numpy(theirs.target))
    expected = torch.from_numpy(theirs.images).mul(255 / 16).round().byte()
    assert torch.equal(ours.pixels.squeeze(1), expected)


def test_digits_have_no_test_part() -> None:
    with pytest.raises(ValueError, match="no test part"):
        loaders.load("digits", 32, is_test=True)


# Scaling


def test_scaling_keeps_range_mean_and_constant_images() -> None:
    pixels = torch.randint(0, 256, (10, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for size in (16, 32, 64):
        scaled = loaders.resize(pixels, size)
        assert scaled.shape == (10, 3, size, size)
        assert abs(scaled.float().mean() - pixels.float().mean()) < 2
    for value in (0, 1, 127, 254, 255):
        constant = torch.full((2, 1, 8, 8), value, dtype=torch.uint8)
        assert loaders.resize(constant, 32).unique().tolist() == [value]
    assert loaders.resize(pixels, 28) is pixels


def test_scaling_many_images_at_once_equals_one_by_one() -> None:
    pixels = torch.randint(0, 256, (4100, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    scaled = loaders.resize(pixels, 8)
    for index in (0, 4095, 4096, 4099):
        assert torch.equal(scaled[index : index + 1], loaders.resize(pixels[index : index + 1], 8))


# The feed

PLACES = torch.arange(100, dtype=torch.uint8).reshape(100, 1, 1, 1)


def indices(batch: torch.Tensor) -> list[int]:
    """Return which images of ``PLACES`` are in a batch."""
    return to_pixels(batch).flatten().tolist()


def test_pixels_survive_the_way_to_floats_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    floats = to_float(pixels)
    assert floats.dtype == torch.float32
    assert (floats.min(), floats.max()) == (-1, 1)
    assert torch.equal(to_pixels(floats), pixels)
    assert torch.equal(to_pixels(floats.bfloat16().float().mul(1.0001))[0, 0, 0, 0], torch.tensor(0, dtype=torch.uint8))


@given(st.floats(-10, 10))
def test_any_brightness_becomes_the_nearest_pixel(value: float) -> None:
    found = int(to_pixels(torch.tensor([value])))
    assert found == min(255, max(0, round(float(torch.tensor(value).add(1).mul(127.5)))))


@given(st.integers(1, 100), st.integers(0, 2**31 - 1), st.integers(0, 5))
def test_each_image_comes_once_an_epoch_in_an_order_of_its_own(batch_size: int, seed: int, epoch: int) -> None:
    feed = Feed(PLACES, batch_size, seed)
    assert feed.steps_per_epoch == 100 // batch_size
    first = epoch * feed.steps_per_epoch
    seen = [index for step in range(first, first + feed.steps_per_epoch) for index in indices(feed.batch(step))]
    assert len(seen) == feed.steps_per_epoch * batch_size
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(100))


def test_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int, batch_size: int = 10) -> list[int]:
        feed = Feed(PLACES, batch_size, seed)
        return [index for step in range(100 // batch_size) for index in indices(feed.batch(epoch * (100 // batch_size) + step))]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) == order(1, 0, batch_size=20)
    assert len({tuple(order(seed, epoch)) for seed in range(4) for epoch in range(4)}) == 16
    state = torch.get_rng_state()
    torch.manual_seed(99)
    assert order(1, 2) == order(1, 2)
    torch.set_rng_state(state)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_feed_taken_up_anywhere_gives_the_same_batches(steps: list[int]) -> None:
    whole = Feed(PLACES, 7, seed=3)
    for step in steps:
        assert torch.equal(Feed(PLACES, 7, seed=3).batch(step), whole.batch(step))


def test_batch_is_ready_for_the_networks() -> None:
    images = loaders.load("digits", 16)
    batch = Feed(images.pixels, 32, seed=0).batch(0)
    assert batch.shape == (32, 1, 16, 16)
    assert batch.dtype == torch.float32
    assert batch.min() >= -1
    assert batch.max() <= 1
    assert batch.is_contiguous(memory_format=torch.channels_last)


# MNIST on this machine


def test_mnist_is_found_where_it_lies(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(real_data))
    monkeypatch.setattr(loaders, "_download_mnist", lambda *arguments: pytest.fail("downloaded what is there"))
    images = loaders.load("mnist", 28)
    assert images.pixels.shape == (60_000, 1, 28, 28)
    assert images.pixels.dtype == torch.uint8
    assert 30 < images.pixels.float().mean() < 37  # the known mean of MNIST is 33.3
    assert torch.bincount(images.labels).min() > 5000
    test = loaders.load("mnist", 28, is_test=True)
    assert test.pixels.shape == (10_000, 1, 28, 28)
    assert loaders.load("mnist", 32).pixels.shape == (60_000, 1, 32, 32)


# MNIST from a server: real files where there are any, small ones of the same make otherwise


class Server(ThreadingHTTPServer):
    """A mirror on this machine that may break off after some bytes, answer rubbish, or never answer."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), partial(Mirror))
        self.files = files
        self.breaks_off_at: int | None = None
        self.answer = "files"
        self.is_over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, *_: Any) -> None:
        """Say nothing: clients that give up are meant."""


class Mirror(BaseHTTPRequestHandler):
    """Gives out the files of a :class:`Server`."""

    server: Server

    def do_HEAD(self) -> None:
        self.respond(has_body=False)

    def do_GET(self) -> None:
        self.respond(has_body=True)

    def respond(self, *, has_body: bool) -> None:
        if self.server.answer == "silence" or (self.server.answer == "silence when asked for files" and self.path != "/"):
            self.server.is_over.wait()
            return
        if self.server.answer == "rubbish":
            self.wfile.write(b"\x00 this is no HTTP\r\n\r\n")
            return
        content = self.server.files.get(self.path.strip("/"), b"" if self.path == "/" else None)
        if self.server.answer == "login page" and has_body:
            content = b"<html>Please log in\nto the network</html>"
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if has_body:
            self.wfile.write(content[: self.server.breaks_off_at])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return compressed files of MNIST's sizes by name: its format with made-up pixels (the real ones are 53 MB to squeeze)."""
    files = {}
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        ramp = bytes(range(256)) * (count * 784 // 256 + 1)
        images = b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28)) + ramp[: count * 784]
        labels = b"\x00\x00\x08\x01" + count.to_bytes(4, "big") + (bytes(range(10)) * (count // 10))
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(images, 1)
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(labels, 1)
    return files


@pytest.fixture
def mirror(packed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Return a server that torchvision takes for its only mirror of MNIST; ``GAN_DATA`` is an empty folder."""
    server = Server(packed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(MNIST, "mirrors", [server.url])
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in packed.items()]
    monkeypatch.setattr(MNIST, "resources", sums)
    yield server
    server.is_over.set()
    server.shutdown()
    server.server_close()


def is_clean(folder: Path) -> bool:
    """Return whether nothing half-made lies where MNIST belongs."""
    return not (folder / "MNIST").exists()


def test_mnist_is_downloaded_once_and_whole(mirror: Server, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    images = loaders.load("mnist", 28, report=lambda sentence, share: told.append((sentence, share)))
    assert images.pixels.shape == (60_000, 1, 28, 28)
    assert images.pixels[0].flatten()[:5].tolist() == [0, 1, 2, 3, 4]
    assert images.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert told
    assert all(sentence == "Downloading MNIST" and 0 <= share <= 1 for sentence, share in told)
    data = tmp_path / "data"
    assert sorted(path.name for path in (data / "MNIST" / "raw").iterdir()) == sorted(loaders._MNIST_RAW)
    assert {path.name for path in data.iterdir()} <= {"MNIST", ".mnist.lock"}
    mirror.answer = "silence"
    assert torch.equal(loaders.load("mnist", 28).labels, images.labels)


def test_download_that_dies_half_way_leaves_nothing_and_the_next_one_works(mirror: Server, tmp_path: Path) -> None:
    mirror.breaks_off_at = 10_000
    with pytest.raises(InputError) as caught:
        loaders.load("mnist", 28)
    assert "MNIST could not be downloaded" in refusal(caught)
    assert is_clean(tmp_path / "data")
    mirror.breaks_off_at = None
    assert len(loaders.load("mnist", 28).pixels) == 60_000


@pytest.mark.parametrize("answer", ["rubbish", "login page", "no such file"])
def test_mirror_that_answers_something_else_is_told_in_one_sentence(mirror: Server, tmp_path: Path, answer: str) -> None:
    mirror.answer = answer
    if answer == "no such file":
        mirror.files = {}
    with pytest.raises(InputError) as caught:
        loaders.load("mnist", 28)
    assert "MNIST" in refusal(caught)
    assert is_clean(tmp_path / "data")


@pytest.mark.parametrize("name", list(loaders._MNIST_RAW))
def test_truncated_file_is_not_taken_for_whole(mirror: Server, tmp_path: Path, name: str) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for each, size in loaders._MNIST_RAW.items():
        with open(raw / each, "wb") as file:
            file.truncate(size - 1 if each == name else size)
    assert not loaders._has_whole_mnist(tmp_path / "data")
    if name.startswith("train-images"):
        assert len(loaders.load("mnist", 28).pixels) == 60_000
        assert loaders._has_whole_mnist(tmp_path / "data")


def test_damaged_files_of_the_right_size_are_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, size in loaders._MNIST_RAW.items():
        with open(raw / name, "wb") as file:
            file.truncate(size)
    with pytest.raises(InputError) as caught:
        loaders.load("mnist", 28)
    assert str(raw) in refusal(caught)


@pytest.mark.parametrize("answer", ["silence", "silence when asked for files"])
def test_server_that_never_answers_is_given_up(
    mirror: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    mirror.answer = answer
    if answer != "silence":
        monkeypatch.setattr(loaders, "_SILENCE", 1.0)
    started = time.monotonic()
    with pytest.raises(InputError) as caught:
        loaders.load("mnist", 28)
    assert time.monotonic() - started < 30
    assert "MNIST" in refusal(caught)
    assert is_clean(tmp_path / "data")


def test_no_network_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:  # a port on which nobody listens
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/", "not a url"])
    told: list[str] = []
    with pytest.raises(InputError) as caught:
        loaders.ensure("mnist", lambda sentence, share: told.append(sentence))
    sentence = refusal(caught)
    assert "there is no network" in sentence
    assert str(tmp_path / "data" / "MNIST" / "raw") in sentence
    assert "digits" in sentence
    assert told == [], "a download that never began was reported"
    assert is_clean(tmp_path / "data")


def test_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    with pytest.raises(InputError) as caught:
        loaders.ensure("mnist", lambda sentence, share: None)
    assert str(tmp_path / "data") in refusal(caught)


def test_data_folder_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    assert catalogue.data_root() == tmp_path
    monkeypatch.delenv("GAN_DATA")
    assert catalogue.data_root() == catalogue.PROJECT / "data"
