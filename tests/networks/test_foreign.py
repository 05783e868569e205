"""Generators of other programs: the same pictures as there, and one sentence for whatever is none.

The files in ``foreign/`` were written by Keras 3.15.1 with random weights: the DCGAN of TensorFlow's tutorial (2 filters, 4
latents), one like Keras' own example (kernels of 4 × 4, sigmoid), and a discriminator. The ``.npy`` files are
what Keras draws [2, H, W, C].
"""

from __future__ import annotations

import copy
import io
import json
import pickle
import random
import shutil
import struct
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from gan import config as configs
from gan import networks
from gan.config.families import FAMILIES
from gan.errors import InputError
from gan.networks import foreign
from tests.helpers import is_sentence, tiny

FOLDER = Path(__file__).with_name("foreign")
KERAS = [("tutorial.keras", "tutorial", 4), ("tutorial.weights.h5", "tutorial", 4), ("faces.keras", "faces", 6)]

pytestmark = pytest.mark.usefixtures("one_thread")


def refusal(path: Path) -> str:
    """Return the sentence that refuses a file, within two seconds."""
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        foreign.read(path)
    assert time.process_time() - began < 2
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def examples(latent: int = 6, width: int = 2, channels: int = 3) -> nn.Module:
    """Return the generator of pytorch/examples' dcgan, whose layers are called ``main``."""
    counts = [8 * width, 4 * width, 2 * width, width]
    layers: list[nn.Module] = []
    for level, (inputs, outputs) in enumerate(zip([latent, *counts[:-1]], counts, strict=True)):
        up = nn.ConvTranspose2d(inputs, outputs, 4, 2 if level else 1, 1 if level else 0, bias=False)
        layers += [up, nn.BatchNorm2d(outputs), nn.ReLU(True)]
    whole = nn.Module()
    whole.main = nn.Sequential(*layers, nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh())
    for _ in range(3):
        whole.main(torch.randn(8, latent, 1, 1))
    return whole.eval()


def saved(path: Path, content: Any) -> Path:
    """Return the path of a file written by ``torch.save``."""
    torch.save(content, path)
    return path


def repacked(path: Path, out: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Return the path of a ZIP with changed members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out


def with_layer(out: Path, kind: str, **changes: Any) -> Path:
    """Return the path of the tutorial's `.keras` file with other settings in the first layer of a kind."""

    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        layer = next(layer for layer in config["config"]["layers"] if layer["class_name"] == kind)
        layer["class_name"] = changes.pop("class_name", kind)
        layer["config"] |= changes
        members["config.json"] = json.dumps(config).encode()

    return repacked(FOLDER / "tutorial.keras", out, change)


@pytest.mark.parametrize(("file", "name", "latent"), KERAS)
def test_keras_generators_draw_the_pictures_of_keras(file: str, name: str, latent: int) -> None:
    found = foreign.read(FOLDER / file)
    drawn = np.load(FOLDER / f"{name}.npy")
    z = torch.from_numpy(np.random.RandomState(0).randn(2, latent).astype(np.float32))
    assert found.latent == latent
    with torch.inference_mode():
        assert np.abs(found.network(z).permute(0, 2, 3, 1).numpy() - drawn).max() < 1e-4
    pixels = torch.cat(list(found.draw(60, seed=3)))
    assert pixels.shape == (60, drawn.shape[3], *drawn.shape[1:3])
    assert torch.equal(pixels, torch.cat(list(found.draw(60, seed=3))))
    assert not torch.equal(pixels[:5], torch.cat(list(found.draw(5, seed=4))))
    assert found.low == (0 if name == "faces" else -1)


@pytest.mark.parametrize(("latent", "channels"), [(6, 3), (100, 1)])
def test_pytorch_examples_draw_the_same(tmp_path: Path, latent: int, channels: int) -> None:
    network = examples(latent, 2, channels)
    z = torch.randn(2, latent)
    with torch.inference_mode():
        drawn = network.main(z[:, :, None, None])  # type: ignore[operator,union-attr]
    for prefix in ("", "module."):
        state = OrderedDict((prefix + key, value) for key, value in network.state_dict().items())
        found = foreign.read(saved(tmp_path / "netG_epoch_24.pth", state))
        with torch.inference_mode():
            assert torch.allclose(found.network(z), drawn, atol=1e-6)
    assert next(found.draw(2)).shape == (2, channels, 64, 64)
    assert "netG_epoch_24.pth" in found.title


def exported(path: Path, changes: dict[str, Any]) -> tuple[Path, nn.Module]:
    """Return an exported generator and its network."""
    config = configs.replace(tiny(), changes)
    torch.manual_seed(1)
    generator = networks.build(config)[0].eval()
    about = {"config": config.model_dump_json(), "name": "Mine"}
    safetensors.torch.save_file({key: value.contiguous() for key, value in generator.state_dict().items()}, path, about)
    return path, generator


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("more", [{}, {"networks.conditional": True, "data.colour": "colour"}], ids=["plain", "classes"])
def test_own_exports_draw_the_same(tmp_path: Path, family: str, more: dict[str, Any]) -> None:
    path, network = exported(
        tmp_path / "generator.safetensors",
        {"networks.family": family, **more, **({"networks.width": 16} if family == "modern" else {})},
    )
    found = foreign.read(path)
    z, told = torch.randn(3, found.latent), [torch.tensor([1, 7, 2])] if more else []
    with torch.inference_mode():
        assert torch.equal(found.network(z, *told), network(z, *told))
    assert next(found.draw(3)).shape == (3, 3 if more else 1, 16, 16)
    with zipfile.ZipFile(tmp_path / "report.zip", "w") as archive:
        archive.write(path, "runs/20260101-000000-abcdef/generator.safetensors")
        archive.writestr("report.md", "# Report")
    assert torch.equal(next(foreign.read(tmp_path / "report.zip").draw(3)), next(found.draw(3)))


def test_only_classes_of_the_training_are_drawn(tmp_path: Path) -> None:
    changes = {"networks.family": "mlp", "networks.conditional": True}
    path, _ = exported(tmp_path / "some.safetensors", {**changes, "data.classes": ["3", "7"]})
    assert [place for place, share in enumerate(foreign.read(path).shares) if share] == [3, 7]
    path, _ = exported(tmp_path / "all.safetensors", changes)
    assert len(foreign.read(path).shares) == 10 and min(foreign.read(path).shares) > 170
    with safetensors.safe_open(path, "pt") as file:
        about = {**file.metadata(), "config": file.metadata()["config"].replace('"digits"', '"long-gone"')}
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, about)
    assert foreign.read(path).shares == (1.0,) * 10, "its data set need not be on this machine"
    assert foreign.read(FOLDER / "tutorial.keras").shares == ()


def test_old_exports_of_the_keras_family_keep_their_padding(tmp_path: Path) -> None:
    path, network = exported(tmp_path / "old.safetensors", {"networks.family": "keras-dcgan", "networks.conventions": "torch"})
    tensors = safetensors.torch.load_file(path)
    raw = configs.replace(tiny(), {"networks.family": "keras-dcgan"}).model_dump(mode="json")
    del raw["networks"]["conventions"]
    safetensors.torch.save_file(tensors, path, {"config": json.dumps({**raw, "schema_version": 2}), "name": "Old"})
    found = foreign.read(path)
    z = torch.randn(3, found.latent)
    with torch.inference_mode():
        assert torch.equal(found.network(z), network(z))


def test_what_is_no_generator_is_named(tmp_path: Path) -> None:
    assert "discriminator" in refusal(FOLDER / "discriminator.weights.h5")
    layers = [nn.Conv2d(3, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, 1, 0, bias=False)]
    judge = nn.Module()
    judge.main = nn.Sequential(*layers)
    assert "discriminator" in refusal(saved(tmp_path / "netD.pth", judge.state_dict()))
    assert "layer1.weight (7 × 5)" in refusal(saved(tmp_path / "other.pth", {"layer1.weight": torch.zeros(7, 5)}))
    assert "state dict" in refusal(saved(tmp_path / "list.pth", [torch.zeros(3)]))
    path, _ = exported(tmp_path / "points.safetensors", {"networks.family": "mlp", "data.name": "ring"})
    assert "draws 2 values" in refusal(path)
    safetensors.torch.save_file({"a": torch.zeros(2)}, tmp_path / "b.safetensors")
    assert "another program" in refusal(tmp_path / "b.safetensors")
    for name, content in (("empty", b""), ("text.txt", b"hello"), ("picture.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 99)):
        (tmp_path / name).write_bytes(content)
        assert "no generator" in refusal(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for run in "ab":
            archive.write(tmp_path / "b.safetensors", f"{run}/generator.safetensors")
    assert "2 generators" in refusal(tmp_path / "two.zip")
    assert "reading" in refusal(tmp_path / "missing.keras").lower()


@pytest.mark.parametrize(
    ("kind", "changes", "named"),
    [
        ("LeakyReLU", {"class_name": "Lambda"}, "Lambda"),
        ("Conv2DTranspose", {"dilation_rate": [2, 2]}, "unusual"),
        ("Conv2DTranspose", {"padding": "valid"}, "unusual"),
        ("Conv2DTranspose", {"strides": [9, 9]}, "unusual"),
        ("Conv2DTranspose", {"activation": {"class_name": "function", "config": "evil"}}, "activation"),
        ("Dense", {"activation": "mish"}, "mish"),
        ("BatchNormalization", {"axis": 2}, "batch norm"),
        ("Reshape", {"target_shape": [10**9, 10**9, 10**9]}, "do not fit"),
        ("Reshape", {"target_shape": "wide"}, "do not fit"),
        ("Reshape", {"target_shape": [14, 7, 4]}, "do not fit"),
        ("InputLayer", {"class_name": "Flatten"}, "Flatten"),
    ],
)
def test_lying_settings_are_refused(tmp_path: Path, kind: str, changes: dict[str, Any], named: str) -> None:
    assert named in refusal(with_layer(tmp_path / "lying.keras", kind, **copy.deepcopy(changes)))


def test_work_is_counted_before_anything_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "netG.pth", examples(6, 4).state_dict())
    first = 6 * 32 * 4 * 4  # a multiply-add for each weight and each position of its input
    rest = sum(inputs * inputs // 2 * 16 * side**2 for inputs, side in ((32, 4), (16, 8), (8, 16))) + 4 * 3 * 16 * 32**2
    assert foreign.read(path).work == first + rest
    monkeypatch.setattr("gan.networks.foreign.generator.MOST_WORK", 1000)
    assert "multiply-adds a picture" in refusal(path)


def test_models_that_are_not_sequential_are_named(tmp_path: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["config.json"] = b'{"class_name": "GAN", "config": {"layers": 3}, "registered_name": "custom>GAN"}'

    assert "class GAN" in refusal(repacked(FOLDER / "tutorial.keras", tmp_path / "gan.keras", change))


class Evil:
    """A pickle of this writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_no_pickle_runs_code(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    assert "could run code" in refusal(saved(tmp_path / "evil.pth", {"main.0.weight": Evil(mark)}))
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Evil(mark)))
    assert "could run code" in refusal(tmp_path / "plain.pkl")
    torch.save(examples().state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert "pickle" in refusal(tmp_path / "old.pth")
    assert not mark.exists()


def test_hdf5_follows_no_link_and_claims_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"

    def written(make: Callable[[h5py.Group], Any]) -> Path:
        shutil.copy(FOLDER / "tutorial.weights.h5", path)
        with h5py.File(path, "r+") as file:
            place = file["layers/dense/vars"]
            del place["0"]
            make(place)
        return path

    other = FOLDER / "tutorial.weights.h5"
    assert "link" in refusal(written(lambda place: place.__setitem__("0", h5py.ExternalLink(str(other), "layers/dense/vars/0"))))
    assert "link" in refusal(written(lambda place: place.__setitem__("0", h5py.SoftLink("/layers/dense"))))
    assert "expected numbers" in refusal(written(lambda place: place.create_dataset("0", (10**6, 10**6), "f4", chunks=(1, 100))))
    assert "expected numbers" in refusal(written(lambda place: place.create_dataset("0", data=["text"])))
    assert "another file" in refusal(
        written(lambda place: place.create_dataset("0", (4, 392), "f4", external=str(tmp_path / "raw")))
    )
    layout = h5py.VirtualLayout((4, 392), "f4")
    layout[:] = h5py.VirtualSource(str(other), "layers/dense/vars/0", (4, 392))
    assert "another file" in refusal(written(lambda place: place.create_virtual_dataset("0", layout)))
    assert "deep" in refusal(written(lambda place: place.__setitem__("0", place.parent)))  # a circle of groups
    assert "tutorial" in refusal(written(lambda place: place.create_dataset("0", data=np.zeros((4, 391), "f4"))))
    assert "no numbers" in refusal(written(lambda place: place.create_dataset("0", data=np.full((4, 392), np.nan, "f4"))))
    assert foreign.read(written(lambda place: place.create_dataset("0", data=np.ones((4, 392)), compression="gzip"))).latent == 4


def test_claims_of_archives_are_checked_first(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(30):
            archive.writestr(f"part{number}", b"\0" * 1000)
            archive.infolist()[-1].file_size = 60 << 20  # what the directory at the end of the archive claims
    assert "GB" in refusal(tmp_path / "bomb.keras")
    with zipfile.ZipFile(tmp_path / "many.keras", "w") as archive:
        for number in range(10_001):
            archive.writestr(str(number), b"")
    assert "10,001 members" in refusal(tmp_path / "many.keras")


def test_a_million_members_are_not_parsed(tmp_path: Path) -> None:
    """A table of contents of 10⁶ members; parsing it would take seconds and 600 MB."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    content = whole.getvalue()
    start, end = content.find(b"PK\1\2"), content.find(b"PK\5\6")
    table = content[start:end] * 1_000_000
    record = content[end : end + 8] + struct.pack("<HHII", 0xFFFF, 0xFFFF, len(table), start) + b"\0\0"
    extra = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1_000_000, 1_000_000, len(table), start)
    extra += struct.pack("<4sIQI", b"PK\6\7", 0, start + len(table), 1)
    path = tmp_path / "many.pth"
    path.write_bytes(content[:start] + table + extra + record)
    began = time.process_time()
    assert not foreign.is_generator(path)
    assert "1,000,000 members" in refusal(path)
    assert time.process_time() - began < 2


def test_tensors_that_claim_more_than_they_hold_are_refused(tmp_path: Path) -> None:
    state: dict[str, Tensor] = dict(examples().state_dict())
    state["main.0.weight"] = torch.zeros(1).expand(10**9, 16, 4, 4)
    assert "more than it holds" in refusal(saved(tmp_path / "wide.pth", state))
    state["main.0.weight"] = torch.zeros(6, 16, 4, 4, dtype=torch.int64)
    saved(tmp_path / "ints.pth", state)
    assert foreign.read(tmp_path / "ints.pth").latent == 6  # whole numbers are values as well
    deep = {f"main.{3 * level}.weight": torch.zeros(1, 1, 4, 4) for level in range(40)}
    assert "main.0.weight" in refusal(saved(tmp_path / "deep.pth", deep))


@pytest.mark.parametrize("name", ["tutorial.keras", "tutorial.weights.h5", "netG.pth", "own.safetensors"])
def test_damaged_files_are_read_or_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    whole = FOLDER / name
    if name == "netG.pth":
        whole = saved(tmp_path / "netG.pth", examples().state_dict())
    elif name == "own.safetensors":
        whole, _ = exported(tmp_path / "own.safetensors", {})
    content, chance, path = whole.read_bytes(), random.Random(0), tmp_path / "damaged"
    for number in range(60):
        damaged = bytearray(content)
        if number % 3 == 0:
            damaged = damaged[: chance.randrange(len(damaged))]
        else:
            low = 0 if number % 3 == 1 else len(damaged) - 600
            for _ in range(4):
                damaged[chance.randrange(low, len(damaged))] = chance.randrange(256)
        path.write_bytes(io.BytesIO(damaged).getvalue())
        try:
            foreign.read(path)
        except InputError as error:
            assert is_sentence(str(error)), str(error)
