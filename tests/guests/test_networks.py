"""Generators of guests: exported and read back, and trained on with their discriminator as a run."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan import runs
from gan.data.feed import to_pixels
from gan.errors import InputError
from gan.guests import importer, networks
from gan.guests.guest import Guest, folder
from gan.guests.importer import Wish
from gan.judging import comparison
from gan.networks import foreign
from gan.report import bundle, generators, reproduce
from gan.runs import adopted
from gan.storage.jobs import say_nothing
from gan.training import checkpoints, pictures, sampling
from gan.training.assembly import build_game
from gan.training.state import unpack
from tests.helpers import is_sentence, train
from tests.networks.made_elsewhere import FOLDER, examples, guest_of

SHORT = {
    "training.length": "14 steps",
    "training.precision": "fp32",
    "data.subset": 64,
    "optimizer.batch_size": 16,
    "cadence.log_every": 1,
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def pair(root: Path, tmp_path: Path) -> Guest:
    """Return a guest with both players of pytorch/examples after two epochs, on digits in grey."""
    examples(tmp_path, channels=1)
    return guest_of(root, tmp_path, tmp_path / "netG_epoch_2.pth", tmp_path / "netD_epoch_2.pth")


@pytest.fixture
def keras(root: Path, tmp_path: Path) -> Guest:
    """Return a guest with both players of the tutorial of Keras."""
    return guest_of(root, tmp_path, FOLDER / "pair_generator.keras", FOLDER / "pair_discriminator.keras")


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        act()
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


FILES = ("tutorial.keras", "pair_generator.keras", "pair_generator.weights.h5", "netG_epoch_2.pth", "faces.keras")


@pytest.mark.parametrize("file", FILES)
def test_an_export_draws_the_same_pictures(root: Path, tmp_path: Path, file: str) -> None:
    examples(tmp_path)
    path = tmp_path / file if file.startswith("net") else FOLDER / file
    guest = guest_of(root, tmp_path, path, data="shapes" if file in ("netG_epoch_2.pth", "faces.keras") else "digits")
    network = guest.facts().network
    assert guest.has_generator and network and file in network.title
    before = next(foreign.read(path).draw(16))
    assert np.array_equal(guest.pixels()[:16], before.permute(0, 2, 3, 1))
    if file in ("tutorial.keras", "faces.keras"):  # two filters, and kernels of 4 × 4, are none of ours
        assert network.misfit and is_sentence(network.misfit)
        assert "original file" in refusal(lambda: generators.export(guest))
        exported = guest.original_path
    else:
        exported = tmp_path / "generator.safetensors"
        generators.write(guest, exported)
        assert "one generator" in refusal(lambda: generators.export(guest, "best"))
    after = next(foreign.read(exported).draw(16))
    assert (after.int() - before.int()).abs().max() <= 1  # one level, where rounding decides
    assert ("discriminator" if guest.export_path.exists() else "not one of the networks") in refusal(
        lambda: networks.fork(guest, {})
    )


def test_a_pair_becomes_a_run_that_trains_on(pair: Guest, root: Path, tmp_path: Path) -> None:
    run = networks.fork(pair, SHORT, state="starting", threads=1)
    config, origin = run.config(), adopted.read(run)
    begun = 2 * (64 // 16)
    assert (run.status().step, config.data.size, config.data.channels, config.networks.width) == (begun, 64, 1, 4)  # type: ignore[union-attr]
    assert origin and (origin.guest, origin.name, origin.step) == (pair.id, "Elsewhere (guest)", begun)
    assert (origin.source, origin.discriminator) == ("netG_epoch_2.pth", "netD_epoch_2.pth")
    assert run.label() == "Elsewhere · trained on" and is_sentence(adopted.describe(origin))

    original, _ = examples(tmp_path, channels=1)
    generator, kind = sampling.restore(config, sampling.newest(run, "Testing"), torch.device("cpu"))
    z = torch.randn(4, 6)
    with torch.no_grad():
        drawn = original(z[:, :, None, None])
        assert kind == "raw" and torch.allclose(generator(z), drawn, atol=1e-5)

    status = train(run)
    assert status.state == "finished" and status.step == begun + 6, status.message
    with torch.no_grad():
        z = torch.randn(64, 6, generator=torch.Generator().manual_seed(config.training.seed + 2))
        first = pictures.grid(to_pixels(original(z[:, :, None, None])))
    assert next(iter(run.samples())) == begun, "the first picture is that of the original network"
    with Image.open(run.samples()[begun]) as picture:
        assert np.abs(np.asarray(picture).astype(int) - np.asarray(first).astype(int)).max() <= 1
    assert next(line["step"] for line in run.metrics()) == begun + 1
    saved, _ = checkpoints.load_newest(run.checkpoints_path)
    assert saved and saved.facts["images_seen"] == 16 * status.step
    assert saved.tensors["generator_optimizer/0/step"] == 6, "the optimisers are new"
    moved = sampling.restore(config, saved, torch.device("cpu"))[0]
    with torch.no_grad():
        assert not torch.allclose(moved(z), original(z[:, :, None, None]), atol=1e-3), "both train on"


def test_a_keras_pair_trains_on_at_28_pixels_with_an_average(keras: Guest) -> None:
    changes = {**SHORT, "training.length": "4 steps", "optimizer.ema_half_life": 500}
    run = networks.fork(keras, changes, "Mine", state="starting", threads=1)
    config = run.config()
    assert (config.networks.family, config.data.size, run.status().step, run.label()) == ("keras-dcgan", 28, 0, "Mine")
    assert config.optimizer.algorithm == "keras-adam" and config.optimizer.updates == "simultaneous"
    begun, _ = checkpoints.load_newest(run.checkpoints_path)
    game = build_game(config, torch.device("cpu"), "fp32")
    assert begun and game.average is not None
    unpack(game, begun.tensors, begun.facts)
    averaged = game.average.module.state_dict()
    assert all(torch.equal(averaged[key], value) for key, value in game.generator.state_dict().items()), "drawn from at first"
    assert train(run).state == "finished"
    saved, _ = checkpoints.load_newest(run.checkpoints_path)
    assert saved and any(key.startswith("average/") for key in saved.tensors)


def test_what_does_not_fit_the_weights_is_refused(pair: Guest, keras: Guest, root: Path, tmp_path: Path) -> None:
    assert "networks.width cannot change" in refusal(lambda: networks.fork(pair, {"networks.width": 8}))
    assert "networks.family" in refusal(lambda: networks.fork(pair, {"networks.family": "mlp"}))
    assert "data.size cannot change" in refusal(lambda: networks.fork(keras, {"data.size": 32}))
    assert "set data.colour to grey" in refusal(lambda: networks.fork(pair, {"data.name": "shapes", "data.colour": "colour"}))
    assert networks.config_of(pair, networks.on(pair, "shapes")).data.colour == "grey"
    assert "has trained for 56" in refusal(lambda: networks.fork(pair, {"training.length": "3 steps"}))
    assert networks.config_of(pair).total_steps == 56 + 25 * 28, "as long as the original script, from its epoch on"
    alone = guest_of(root, tmp_path, FOLDER / "pair_generator.keras")
    assert "without its discriminator" in refusal(lambda: networks.fork(alone, {}))
    unlike = guest_of(root, tmp_path, FOLDER / "pair_generator.keras", tmp_path / "netD_epoch_2.pth")
    assert "netD_epoch_2.pth" in refusal(lambda: networks.fork(unlike, {})) and not unlike.pair_path.exists()
    assert not list(root.glob("2*"))


def test_a_damaged_pair_makes_no_run_that_trains(pair: Guest) -> None:
    pair.pair_path.write_bytes(pair.pair_path.read_bytes()[:-100])
    status = train(networks.fork(pair, SHORT, state="starting", threads=1))
    assert status.state == "failed" and is_sentence(status.message)


def test_reports_and_comparisons_know_where_a_run_came_from(pair: Guest, root: Path) -> None:
    run, other = (networks.fork(pair, SHORT, state="starting", threads=1) for _ in range(2))
    fresh = runs.create(root, run.config(), state="starting")
    found = comparison.variants([run, other, fresh])
    assert found[run.id] == found[other.id] != found[fresh.id]
    (command,) = reproduce.recipe(run).commands
    assert command.startswith(f"python -m gan fork {pair.id} ")
    with zipfile.ZipFile(BytesIO(bundle.as_zip([run, pair]))) as archive:
        assert "Trains on the networks of “Elsewhere (guest)”" in archive.read("report.html").decode()


def test_a_failed_import_leaves_no_network(root: Path, tmp_path: Path) -> None:
    def keep(guest: Guest) -> None:
        guest.export_path.write_bytes(b"x")
        raise InputError("The disk is full; make room.")

    (tmp_path / "in").mkdir()
    for place in range(16):
        Image.effect_noise((16, 16), 50 + place).save(tmp_path / "in" / f"{place}.png")
    refusal(lambda: importer.bring(root, tmp_path / "in", Wish("Full", "digits"), say_nothing, "", keep))
    assert list(folder(root).iterdir()) == []
