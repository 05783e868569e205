"""Exploring a trained generator: the right latents, nearest images, a film."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gan.data import loaders
from gan.data.feed import to_pixels
from gan.errors import InputError
from gan.guests.guest import Guest
from gan.networks import foreign
from gan.play import messages, wire
from gan.play import setup as setups
from gan.playground.explore import Explorer, slerp
from gan.report import generators
from gan.runs import Run
from gan.training import sampling
from tests.helpers import is_sentence, make_run, train
from tests.networks.made_elsewhere import FOLDER, guest_of


@pytest.fixture(scope="module")
def explored(own_folders: Path) -> Run:
    changes = {
        "training.length": "10 steps",
        "cadence.sample_every": "5 steps",
        "networks.conditional": True,
        "optimizer.generator_lr": 0.05,
    }
    run = make_run(own_folders / "explored", changes)
    train(run)
    return run


@pytest.fixture
def explorer(explored: Run) -> Explorer:
    return explorer_of(explored)


def explorer_of(run: Run) -> Explorer:
    return Explorer(setups.parse({"data": run.config().data.name, "start": {"run": run.id}, "explore": True}), run.root)


def ask(explorer: Explorer, mode: str, **options: Any) -> tuple[dict[str, Any], np.ndarray]:
    message = messages.Draw(do="draw", mode=mode, **options).model_dump(mode="json")  # type: ignore[arg-type]
    (payload,) = explorer.obey(message)
    head, arrays = wire.unpack(payload)
    (_, shape, content) = next(iter(arrays.values()))
    return head, np.frombuffer(content, np.uint8).reshape(shape)


def test_samples_are_those_of_the_generator(explorer: Explorer, explored: Run) -> None:
    head, images = ask(explorer, "samples", seed=4, label="7", ticket=9)
    assert (head["kind"], head["ticket"], images.shape) == ("drawn", 9, (16, 16, 16, 1))
    config = explored.config()
    generator, _ = sampling.restore(config, sampling.newest(explored, "Testing"), torch.device("cpu"))
    z = torch.randn(64, config.networks.latent, generator=torch.Generator().manual_seed(4))[:16]
    with torch.no_grad():
        expected = to_pixels(generator(z, torch.full((16,), 7))).permute(0, 2, 3, 1)
    assert np.abs(images.astype(int) - expected.numpy().astype(int)).max() <= 1


def test_walk_begins_and_ends_at_its_picks(explorer: Explorer) -> None:
    _, samples = ask(explorer, "samples", label="3")
    _, walk = ask(explorer, "walk", picks=[(0, 2), (0, 5), (0, 9)], label="3")
    assert len(walk) == 12
    for place, pick in ((0, 2), (-1, 9)):
        assert np.abs(walk[place].astype(int) - samples[pick].astype(int)).max() <= 1
    _, middle = ask(explorer, "walk", picks=[(0, 2), (0, 5), (0, 9)], share=0.5, label="3")
    assert np.abs(middle[0].astype(int) - samples[5].astype(int)).max() <= 1


def test_neighbours_grow_apart_with_the_radius(explorer: Explorer) -> None:
    spreads = []
    for radius in (0.0, 0.1, 0.6):
        _, images = ask(explorer, "neighbours", picks=[(0, 1)], radius=radius, label="3")
        spreads.append(float(np.abs(images[1:].astype(int) - images[0].astype(int)).mean()))
    assert spreads[0] <= 0.1 < spreads[1] < spreads[2]


def test_arithmetic_shows_the_means_and_the_result(explorer: Explorer) -> None:
    _, images = ask(explorer, "arithmetic", picks=[(0, 1), (0, 2)], minus=[(0, 3)], plus=[(0, 3)], label="3")
    assert len(images) == 4
    assert np.abs(images[3].astype(int) - images[0].astype(int)).max() <= 1  # what is added was taken away before
    _, alone = ask(explorer, "arithmetic", picks=[(0, 1)])
    assert len(alone) == 2


def test_truncation_brings_samples_together(explorer: Explorer) -> None:
    spreads = [
        float(ask(explorer, "samples", label="3", truncation=share)[1].astype(float).std(axis=0).mean()) for share in (1, 0.2, 0)
    ]
    assert spreads[0] > spreads[1] > spreads[2] == 0


def test_nearest_training_images_are_found(explorer: Explorer, explored: Run) -> None:
    head, images = ask(explorer, "nearest", picks=[(0, 0)])
    pixels = loaders.load(explored.config().data).pixels.float()
    apart = (pixels - torch.from_numpy(images[0].copy()).float().permute(2, 0, 1)).square().mean(dim=(1, 2, 3)).sqrt()
    assert head["distances"] == pytest.approx(sorted(apart.tolist())[:7], rel=0.01)
    assert head["distances"] == sorted(head["distances"])
    assert torch.equal(torch.from_numpy(images[1].copy()).permute(2, 0, 1).float(), pixels[int(apart.argmin())])


def test_film_shows_every_snapshot(explorer: Explorer, explored: Run) -> None:
    head, content = ask(explorer, "film")
    with Image.open(io.BytesIO(content.tobytes())) as film:
        assert (film.format, film.n_frames) == ("WEBP", len(explored.samples()))  # type: ignore[attr-defined]
    assert head["steps"] == list(explored.samples())


def test_what_cannot_be_explored_gets_a_sentence(explorer: Explorer, root: Path) -> None:
    untrained = make_run(root)
    points = make_run(root, {"data.name": "ring"}, family="mlp")
    for run in (untrained, points):
        with pytest.raises(InputError) as caught:
            explorer_of(run)
        assert is_sentence(str(caught.value))
    for mode, options in (("walk", {}), ("samples", {"label": "eleven"})):
        with pytest.raises(InputError) as caught:
            ask(explorer, mode, **options)
        assert is_sentence(str(caught.value))


def explorer_of_guest(guest: Guest) -> Explorer:
    return Explorer(setups.parse({"data": "digits", "start": {"run": guest.id}, "explore": True}), guest.root)


@pytest.mark.parametrize("file", ["pair_generator.keras", "tutorial.keras"])
def test_a_guest_is_explored_in_every_mode_but_the_film(root: Path, tmp_path: Path, file: str) -> None:
    guest = guest_of(root, tmp_path, FOLDER / file)
    explorer = explorer_of_guest(guest)
    head, _ = wire.unpack(explorer.opened(is_continued=False))
    assert (head["size"], head["channels"], head["classes"], list(head["missing"])) == (28, 1, [], ["film"])
    assert is_sentence(head["missing"]["film"])
    network = foreign.read(FOLDER / file)
    _, samples = ask(explorer, "samples", seed=4)
    z = torch.randn(64, network.latent, generator=torch.Generator().manual_seed(4))[:16]
    assert np.abs(samples.astype(int) - network.pictures(z).permute(0, 2, 3, 1).numpy().astype(int)).max() <= 1
    for mode, count in (("walk", 12), ("neighbours", 16), ("arithmetic", 2)):
        _, images = ask(explorer, mode, picks=[(4, 1), (4, 2)])
        assert images.shape == (count, 28, 28, 1)
    head, images = ask(explorer, "nearest", picks=[(4, 3)])
    assert images.shape == (8, 28, 28, 1) and np.abs(images[0].astype(int) - samples[3].astype(int)).max() <= 1
    assert head["distances"] == sorted(head["distances"]) and head["searched"] == 1797
    for mode, options in (("film", {}), ("samples", {"label": "7"})):
        with pytest.raises(InputError) as caught:
            ask(explorer, mode, **options)
        assert is_sentence(str(caught.value))


def test_a_guest_with_classes_is_asked_for_one(root: Path, tmp_path: Path, explored: Run) -> None:
    generators.write(explored, tmp_path / "generator.safetensors")
    explorer = explorer_of_guest(guest_of(root, tmp_path, tmp_path / "generator.safetensors"))
    head, _ = wire.unpack(explorer.opened(is_continued=False))
    assert head["classes"] == [str(digit) for digit in range(10)] and head["size"] == 16
    _, sevens = ask(explorer, "samples", seed=4, label="7")
    _, same = ask(explorer_of(explored), "samples", seed=4, label="7")
    assert np.abs(sevens.astype(int) - same.astype(int)).max() <= 1


def test_guests_that_cannot_be_explored_get_a_sentence(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = guest_of(root, tmp_path, FOLDER / "tutorial.keras")
    monkeypatch.setattr("gan.playground.explored._MOST_WORK", 1000)
    with pytest.raises(InputError, match="multiply-adds") as caught:
        explorer_of_guest(guest)
    assert is_sentence(str(caught.value))
    guest.original_path.unlink()
    with pytest.raises(InputError, match="pictures only") as caught:
        explorer_of_guest(guest)
    assert is_sentence(str(caught.value))


def test_slerp_keeps_the_length() -> None:
    start, end = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    assert torch.allclose(slerp(start, end, 1 / 3), 3 * torch.tensor([3**0.5 / 2, 0.5]))
    assert torch.allclose(slerp(start, start, 0.4), start)
