"""The Inception network: only the published weights are loaded, no code in them runs, and each failure gives one sentence.

The published weights are not needed: the computation is tested with random ones, the checks with files of other content.
"""

from __future__ import annotations

import hashlib
import pickle
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch_fidelity import feature_extractor_inceptionv3 as fidelity

from gan.errors import InputError
from gan.scoring.extractors import inception, weights
from tests.helpers import is_sentence
from tests.scoring.conftest import CPU, ignore


@pytest.fixture(autouse=True)
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Set and return a data folder without weights; no variable points to others, and downloads fail."""
    monkeypatch.delenv("GAN_INCEPTION", raising=False)
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    announce(monkeypatch, url=f"http://nowhere.invalid/{inception.WEIGHTS.name}")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data"


def announce(monkeypatch: pytest.MonkeyPatch, **facts: str | int) -> None:
    """Change the known facts about the published file."""
    monkeypatch.setattr(inception, "WEIGHTS", replace(inception.WEIGHTS, **facts))  # type: ignore[arg-type]


def refusal() -> str:
    """Return the sentence with which loading the network fails."""
    with pytest.raises(InputError) as caught:
        inception.load(CPU, ignore)
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def publish(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``content`` count as the published file."""
    announce(monkeypatch, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def in_place(folder: Path) -> list[str]:
    """Return the files that a later run would find in the weights folder."""
    return sorted(path.name for path in (folder / "weights").iterdir() if not path.name.endswith(".lock"))


# Computation


def test_features_agree_with_torch_fidelity(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "weights.pth")
    theirs = fidelity.FeatureExtractorInceptionV3(
        "random", ["2048", "logits_unbiased"], feature_extractor_weights_path=tmp_path / "weights.pth"
    )
    network = inception.build(state)
    pixels = torch.randint(0, 256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    with torch.inference_mode():
        features, logits = network(pixels)
        alone = network(pixels[:1])[0]
        expected = theirs(pixels)
    assert features.shape == (3, 2048) and logits.shape == (3, 1008)
    assert features.std() > 0.1
    assert torch.allclose(features, expected[0], rtol=1e-4, atol=1e-5)
    assert torch.allclose(logits, expected[1], rtol=1e-4, atol=1e-4)
    assert torch.allclose(alone, features[:1], rtol=1e-4, atol=1e-5), "batch norm must not use batch statistics"


def test_grey_images_go_to_all_three_channels(state: dict[str, Tensor]) -> None:
    network = inception.build(state)
    grey = torch.randint(0, 256, (1, 1, 28, 28), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(network(grey)[0], network(grey.repeat(1, 3, 1, 1))[0])


def test_without_the_fused_convolution_features_are_the_same(state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    network = inception.build(state).to(memory_format=torch.channels_last)
    pixels = torch.randint(0, 256, (2, 3, 40, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = []
    for has_fused in (inception._HAS_FUSED, False):
        monkeypatch.setattr(inception, "_HAS_FUSED", has_fused)
        with torch.inference_mode():
            found.append(network(pixels)[0])
    assert inception._HAS_FUSED is False and found[0].std() > 0
    assert torch.allclose(*found, rtol=1e-4, atol=1e-5)


def test_building_leaves_the_global_random_state_alone(state: dict[str, Tensor]) -> None:
    before = torch.get_rng_state()
    inception.build(state)
    assert torch.equal(torch.get_rng_state(), before)


def test_verified_weights_are_loaded(state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    publish(path.read_bytes(), monkeypatch)
    monkeypatch.setenv("GAN_INCEPTION", str(path))
    found = inception.load(CPU, ignore)
    assert found.label == "Inception 2015" and found.id.startswith("inception-2015-") and found.accuracy is None
    assert torch.equal(found.network.network.fc.weight, state["fc.weight"])


# Refused files


def test_chosen_file_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAN_INCEPTION", str(tmp_path / "none.pth"))
    assert "there is no such file" in refusal()


def test_file_of_another_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "short.pth").write_bytes(bytes(1000))
    monkeypatch.setenv("GAN_INCEPTION", str(tmp_path / "short.pth"))
    assert "has 1000 bytes, expected 95628359" in refusal()


def test_file_of_the_right_size_and_wrong_content(data_folder: Path) -> None:
    (data_folder / "weights").mkdir(parents=True)
    with open(data_folder / "weights" / inception.WEIGHTS.name, "wb") as file:
        file.truncate(inception.WEIGHTS.size)
    assert "does not hold the published Inception weights" in refusal()


class _Bomb:
    """Code inside a pickle: creates a file when loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("is_plain_pickle", [True, False])
def test_code_in_a_file_is_never_run(is_plain_pickle: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, fired = tmp_path / "bomb.pth", tmp_path / "fired"
    if is_plain_pickle:
        path.write_bytes(pickle.dumps({"fc.weight": _Bomb(fired)}, protocol=2))
    else:
        torch.save({"fc.weight": _Bomb(fired)}, path)
    publish(path.read_bytes(), monkeypatch)  # even a matching hash must not help
    monkeypatch.setenv("GAN_INCEPTION", str(path))
    assert "cannot be read" in refusal()
    assert not fired.exists()


# Downloading


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """Serve ``content`` on this machine; the announced length includes ``missing``, which is never sent."""
    offer: dict[str, bytes] = {"content": b"", "missing": b""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if offer["content"] else 404)
            self.send_header("Content-Length", str(len(offer["content"]) + len(offer["missing"])))
            self.end_headers()
            self.wfile.write(offer["content"])

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        announce(monkeypatch, url=f"http://127.0.0.1:{found.server_port}/{inception.WEIGHTS.name}")
        yield offer
        found.shutdown()


def test_download_is_verified_and_put_in_place(
    server: dict[str, bytes], data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server["content"] = bytes(range(256)) * 4000
    publish(server["content"], monkeypatch)
    shares: list[float] = []
    path = inception.WEIGHTS.find(lambda sentence, share: shares.append(share))
    assert path.read_bytes() == server["content"]
    assert shares == sorted(shares) and len(shares) > 2 and shares[-1] == 1.0
    server["content"] = b""
    assert inception.WEIGHTS.find(ignore) == path, "the file must be downloaded only once"
    assert in_place(data_folder) == [inception.WEIGHTS.name]


def test_download_of_something_else_is_refused(server: dict[str, bytes], data_folder: Path) -> None:
    server["content"] = b"<html>Please log in</html>"
    assert "not the published file" in refusal()
    assert in_place(data_folder) == []


def test_endless_download_is_cut_off(server: dict[str, bytes], data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server["content"] = bytes(3_000_000)
    announce(monkeypatch, size=1000)
    assert "not the published file" in refusal()
    assert in_place(data_folder) == []


def test_download_that_breaks_off_is_refused(server: dict[str, bytes], data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bytes(300_000)
    publish(whole, monkeypatch)
    server["content"], server["missing"] = whole[:200_000], whole[200_000:]
    refusal()
    assert in_place(data_folder) == []


def test_missing_page(server: dict[str, bytes], data_folder: Path) -> None:
    assert "could not be downloaded" in refusal()
    assert in_place(data_folder) == []


def test_no_network(data_folder: Path) -> None:
    sentence = refusal()
    assert "could not be downloaded" in sentence and "GAN_INCEPTION" in sentence
    assert in_place(data_folder) == []


def test_server_that_never_answers(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        announce(monkeypatch, url=f"http://127.0.0.1:{silent.getsockname()[1]}/{inception.WEIGHTS.name}")
        monkeypatch.setattr(weights, "_PATIENCE", 0.3)
        assert "could not be downloaded" in refusal()
    assert in_place(data_folder) == []


def test_folder_that_cannot_be_made(data_folder: Path) -> None:
    data_folder.mkdir()
    (data_folder / "weights").write_text("in the way")
    refusal()
