"""The atlas: axes and neighbours against NumPy, detection of copies, and a file that matches its images."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gan.config import RunConfig
from gan.data import loaders
from gan.data.rendered.points import Modes
from gan.errors import InputError
from gan.runs import Run
from gan.runs import atlas as files
from gan.scoring import projection
from gan.scoring.extractors.extractor import Extractor, Features
from gan.scoring.measures import Draw, Real
from gan.scoring.metrics import memorisation
from gan.scoring.metrics.appearance import Looks
from tests.helpers import make_run

Made = Callable[..., tuple[Run, RunConfig]]


@pytest.fixture
def made(root: Path) -> Made:
    """Return a function that makes a run on 16-pixel digits, with optional changes to its settings."""

    def make(changes: dict[str, Any] | None = None, **options: Any) -> tuple[Run, RunConfig]:
        run = make_run(root, changes, **options)
        return run, run.config()

    return make


def features_of(pixels: Tensor) -> Tensor:
    """Return the pixels themselves as features [N, D]."""
    return pixels.float().flatten(1)


def drawn(count: int, seed: int, features: int = 40) -> Tensor:
    """Return random features [count, features]; each varies 0.8 times as much as the one before."""
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, features, generator=source) * 0.8 ** torch.arange(features) + 3.0


def picture(text: str) -> np.ndarray:
    """Return a picture of the atlas as an array."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text)), formats=("WEBP",)).convert("L"))


PIXELS = Extractor("pixels", "pixels-1", None, torch.nn.Flatten(), torch.device("cpu"), 64)


def make(
    run: Run, config: RunConfig, real: Tensor, training: Tensor, pixels: Tensor, features: Tensor, known: Modes | None = None
) -> None:
    """Write the atlas of a draw, compared with real features, training features and, if given, the known modes."""
    others = real if config.data.held_out_images else real[:0]
    looks = Looks(*(torch.empty(0) for _ in Looks._fields))
    held_against = Real(real, torch.empty(0), looks, training, memorisation.usual(training, others), known)
    projection.write(run, config.data, PIXELS, held_against, Draw(pixels, Features(features, torch.empty(len(features), 0))), 12)


def write(run: Run, config: RunConfig, pixels: Tensor) -> files.Atlas:
    """Write the atlas of a draw with the pixels as features, and read it."""
    real, training = (features_of(images.pixels) for images in (loaders.load_for_scoring(config.data), loaders.load(config.data)))
    make(run, config, real, training, pixels, features_of(pixels))
    found = files.read(run)
    assert isinstance(found, files.Atlas)
    return found


def test_axes_agree_with_numpy() -> None:
    real = drawn(300, 5)  # with this seed, the decomposition returns the second axis with the opposite sign
    axes = projection.fit(real)
    centred = real.double().numpy() - real.double().numpy().mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    assert axes.explained == pytest.approx(lengths[:2] ** 2 / (lengths**2).sum(), rel=1e-6)
    ours = axes.directions.numpy()
    assert np.abs(np.diag(directions[:2] @ ours)) == pytest.approx(1.0, abs=1e-6)
    assert (ours[np.abs(ours).argmax(axis=0), [0, 1]] > 0).all()
    assert axes.place(real).numpy() == pytest.approx(centred @ ours, abs=1e-9)


def test_axes_depend_on_the_real_images_alone() -> None:
    real, state = drawn(2500, 1), torch.get_rng_state()
    first, second = projection.fit(real), projection.fit(real.clone())
    assert torch.equal(first.directions, second.directions)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("real", [torch.zeros(30, 4), drawn(30, 2, 2), drawn(2, 3)], ids=["constant", "plane", "two"])
def test_degenerate_features_still_have_places(real: Tensor) -> None:
    axes = projection.fit(real)
    assert axes.place(real).shape == (len(real), 2)
    assert axes.place(real).isfinite().all() and all(0 <= share <= 1 for share in axes.explained)


def test_neighbours_agree_with_numpy_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "_BLOCK", 17)
    points, training = drawn(20, 3), drawn(100, 4)
    rows, distances = projection.nearest(points, training, 5)
    every = np.linalg.norm(points.double().numpy()[:, None] - training.double().numpy()[None], axis=2)
    assert (rows.numpy() == every.argsort(axis=1)[:, :5]).all()
    assert distances.numpy() == pytest.approx(np.sort(every, axis=1)[:, :5], rel=1e-12)
    assert projection.nearest(points, training[:3], 5)[0].shape == (20, 3)


def test_copies_have_distance_zero_and_come_first(made: Made) -> None:
    run, config = made({"data.subset": 200})
    training = loaders.load(config.data).pixels
    noise = torch.randint(0, 256, (10, *training.shape[1:]), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = write(run, config, torch.cat([noise, training[:10]]))
    assert len(found.samples) == 20 and found.usual > 0
    for sample in found.samples[:10]:
        assert sample.neighbours[0].distance == 0 and sample.nearer > 0.9
        assert (picture(sample.picture) == picture(sample.neighbours[0].picture)).all()
    assert all(sample.nearer < 0.05 and sample.neighbours[0].distance > found.usual for sample in found.samples[10:])
    distances = [one.distance for one in found.samples[-1].neighbours]
    assert distances == sorted(distances) and len(distances) == 5


def test_held_out_images_set_the_usual_distance_if_there_are_any(made: Made) -> None:
    run, config = made({"data.held_out": 0.2})
    held_out = loaders.load_for_scoring(config.data).pixels
    found = write(run, config, held_out)
    assert 0.2 < np.mean([sample.nearer for sample in found.samples]) < 0.8
    assert len(found.real) == min(400, len(held_out)) and found.step == 12
    assert (found.extractor, found.extractor_id) == ("pixels", "pixels-1")


def test_pictures_and_file_stay_small(made: Made) -> None:
    run, config = made({"data.subset": 64, "data.size": 128, "data.colour": "colour"})
    pixels = loaders.load(config.data).pixels.flip(-1)
    real = loaders.load_for_scoring(config.data)
    one = torch.rand(len(real), 4)
    make(run, config, one, one[:64], pixels, one[:64])
    found = files.read(run)
    assert isinstance(found, files.Atlas)
    assert picture(found.real[0].picture).shape == (32, 32)
    assert picture(found.samples[0].neighbours[0].picture).shape == (64, 64)
    assert run.atlas_path.stat().st_size < 3_000_000


def test_pairs_are_the_near_duplicates(made: Made) -> None:
    run, config = made({"data.subset": 200})
    noise = torch.randint(0, 256, (20, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert write(run, config, noise).pairs == []
    found = write(run, config, torch.cat([noise, noise[:2]])).pairs
    shown = [[picture(one) for one in pair] for pair in found]
    assert len(found) == 2 and all((one == other).all() for one, other in shown)
    assert all((one == noise[row, 0].numpy()).all() for row, (one, _) in enumerate(shown))
    alike = noise[:1].repeat(50, 1, 1, 1) - (noise[:1] > 200).byte() * torch.arange(50, dtype=torch.uint8).view(-1, 1, 1, 1) // 25
    found = write(run, config, alike).pairs
    assert len(found) == 6  # the most that are shown


def plane(run: Run, config: RunConfig, generated: Tensor, known: Modes | None = None) -> files.Plane:
    """Write and read the atlas of generated points, compared with 100 real points on a line, every second a training point."""
    line = torch.stack([torch.arange(100.0), torch.zeros(100)], dim=1)
    make(run, config, line, line[::2], generated, generated, known)
    found = files.read(run)
    assert isinstance(found, files.Plane)
    return found


def test_points_keep_their_coordinates_and_list_the_nearest_training_points(made: Made) -> None:
    run, config = made({"data.name": "ring"}, family="mlp")
    found = plane(run, config, torch.tensor([[3.0, 4.0], [20.0, 0.0]]), Modes(np.array([[0.0, 1.0], [2.0, 3.0]]), 0.1))
    assert len(found.real) == 100 and {(one.x, one.y) for one in found.generated} == {(3.0, 4.0), (20.0, 0.0)}
    assert [(one.x, one.y) for one in found.centres] == [(0.0, 1.0), (2.0, 3.0)]
    copy, far = found.samples
    assert (copy.x, copy.neighbours[0].x, copy.neighbours[0].distance) == (20.0, 20.0, 0.0)
    assert {one.x for one in far.neighbours[:2]} == {2.0, 4.0} and far.neighbours[0].distance == pytest.approx(17**0.5)
    assert (copy.nearer, far.nearer) == (1.0, 0.0) and found.usual == 2.0 and found.step == 12


def test_lost_points_are_counted_and_not_shown(made: Made) -> None:
    run, config = made({"data.name": "ring"}, family="mlp")
    away = torch.tensor([[float("nan"), 0.0], [float("inf"), 0.0], [0.0, 1e30]])
    found = plane(run, config, torch.cat([away, torch.tensor([[1.0, 1.0]])]))
    assert (found.lost, len(found.generated), len(found.samples), found.centres) == (3, 1, 1, [])
    found = plane(run, config, away)
    assert (found.lost, found.generated, found.samples) == (3, [], [])


def test_file_of_points_stays_small(made: Made) -> None:
    run, config = made({"data.name": "ring"}, family="mlp")
    found = plane(run, config, drawn(5000, 1, 2))
    assert len(found.generated) == 1000 and len(found.samples) == 24
    assert run.atlas_path.stat().st_size < 200_000


def test_pairs_are_sought_among_the_images_in_which_they_were_counted(made: Made) -> None:
    """Among at most as many images as there are real ones, as in ``measures.measure``."""
    run, config = made({"data.subset": 200})
    noise = torch.randint(0, 256, (len(loaders.load_for_scoring(config.data)), 1, 16, 16), dtype=torch.uint8)
    assert write(run, config, torch.cat([noise, noise[:2]])).pairs == []


@pytest.mark.parametrize("case", ["too few", "not finite", "other pixels"])
def test_mismatched_input_is_refused_and_the_old_atlas_stays(case: str, made: Made) -> None:
    run, config = made({"data.subset": 64})
    training = loaders.load(config.data).pixels
    write(run, config, training)
    before = run.atlas_path.read_bytes()
    real, own = features_of(loaders.load_for_scoring(config.data).pixels), features_of(training)
    broken = {"too few": real[1:], "not finite": real * float("nan"), "other pixels": real}[case]
    pixels = training[1:] if case == "other pixels" else training
    with pytest.raises(InputError):
        make(run, config, broken, own, pixels, own)
    assert run.atlas_path.read_bytes() == before
    assert not list(run.path.glob(".*.tmp"))
