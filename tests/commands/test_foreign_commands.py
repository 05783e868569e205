"""The commands ``sample`` and ``guest`` take generators in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.networks import foreign
from tests.helpers import PROJECT, is_sentence, run_gan

GENERATOR = PROJECT / "tests" / "networks" / "foreign" / "tutorial.keras"


def test_pictures_of_a_generator_become_a_file(root: Path, tmp_path: Path) -> None:
    done = run_gan("sample", GENERATOR, "--count", 60, "--seed", 5, "--out", tmp_path / "drawn.npz", root=root)
    assert done.returncode == 0, done.stderr
    assert "60 pictures of Keras generator “tutorial.keras”" in done.stdout
    drawn = np.load(tmp_path / "drawn.npz")["arr_0"]
    assert drawn.shape == (60, 28, 28, 1) and drawn.dtype == np.uint8
    assert np.array_equal(drawn[:50], next(foreign.read(GENERATOR).draw(60, seed=5)).permute(0, 2, 3, 1).numpy())
    assert run_gan("sample", GENERATOR, "--images", 16, "--out", tmp_path / "grid.png", root=root).returncode == 0
    assert Image.open(tmp_path / "grid.png").width >= 512


def test_a_generator_is_scored_as_a_guest(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "generator_epoch_40.keras"
    path.write_bytes(GENERATOR.read_bytes())
    options = ["--data", "digits", "--name", "Keras", "--images", 100, "--draws", 2, "--json"]
    done = run_gan("guest", path, *options, root=root)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["images"], found["source"], found["unit"]) == (200, "generator_epoch_40.keras", "epoch")
    assert found["score"]["epoch"] == 40 and found["score"]["fid"] > found["score"]["floor_fid"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["sample", GENERATOR], "--out"),
        (["sample", GENERATOR, "--class", "7", "--out", "x.png"], "--class"),
        (["sample", GENERATOR, "--count", 5, "--out", "x.bmp"], ".bmp"),
        (["sample", GENERATOR, "--images", 0, "--out", "x.png"], "count"),
        (["sample", GENERATOR.with_name("discriminator.weights.h5"), "--out", "x.png"], "discriminator"),
        (["guest", GENERATOR.with_name("discriminator.weights.h5"), "--data", "digits", "--name", "D"], "discriminator"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(root: Path, arguments: list[object], named: str) -> None:
    done = run_gan(*arguments, root=root)
    assert done.returncode != 0 and named in done.stderr
    assert is_sentence(done.stderr.strip().splitlines()[-1]), done.stderr
    assert not list(root.glob("guests/2*"))
