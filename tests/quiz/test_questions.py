"""The questions of a quiz: pictures cut out of real grids, balanced, shuffled, never twice, and what a damaged run gets."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan import runs
from gan.errors import InputError
from gan.quiz import questions
from gan.quiz.questions import Quiz
from gan.runs import Run
from gan.training import pictures
from tests.helpers import make_run


@pytest.fixture
def run(example: Run, root: Path) -> Run:
    """Return a copy of the example that a test may damage."""
    shutil.copytree(example.path, root / example.id)
    return Run(root / example.id)


def write_grids(run: Run, reals: torch.Tensor, fakes: torch.Tensor, columns: int = 8) -> None:
    """Write grids as a trainer does, of uint8 images [N, C, H, W]; the samples are those of step 5."""
    run.reals_path.write_bytes(pictures.to_png(pictures.grid(reals)))
    (run.samples_path / "00000005.png").write_bytes(pictures.to_png(pictures.grid(fakes, columns=columns)))


@pytest.mark.parametrize("classes", [False, True])
def test_pictures_are_the_images_of_the_grids(classes: bool, root: Path) -> None:
    changes = {"data.colour": "colour", **({"networks.conditional": True} if classes else {})}
    run = make_run(root, changes)
    count = 8 * (len(run.config().columns) or 8)
    assert count == (80 if classes else 64)
    chance = torch.Generator().manual_seed(0)
    reals = torch.randint(256, (64, 3, 16, 16), dtype=torch.uint8, generator=chance)
    fakes = torch.randint(256, (count, 3, 16, 16), dtype=torch.uint8, generator=chance)
    write_grids(run, reals, fakes, count // 8)
    quiz = questions.draw(run, [5], 20)
    drawn = {kind: [one.pixels().tobytes() for one in quiz.pictures if one.is_real == kind] for kind in (True, False)}
    for kind, images in ((True, reals), (False, fakes)):
        known = {np.ascontiguousarray(image.permute(1, 2, 0).numpy()).tobytes() for image in images}
        assert len(drawn[kind]) == len(set(drawn[kind])) == 10 and set(drawn[kind]) <= known


def test_each_moment_has_as_many_real_as_generated_pictures_and_none_returns(example: Run) -> None:
    steps = [160, 2800, 5600, 16800]
    quiz = questions.draw(example, steps, 20)
    assert quiz.steps == tuple(steps) and set(quiz.opinions) == set(steps)
    for step in steps:
        assert [quiz.pictures[place].is_real for place in quiz.places(step)].count(True) == 10
    assert len({one.png for one in quiz.pictures}) == 80
    assert len({one.pixels().shape for one in quiz.pictures}) == 1
    assert Quiz.model_validate_json(quiz.model_dump_json()) == quiz


def test_pictures_that_several_grids_share_are_asked_once(root: Path) -> None:
    run = make_run(root)
    values = torch.arange(104, dtype=torch.uint8).reshape(104, 1, 1, 1).expand(104, 1, 16, 16)
    write_grids(run, values[:64], values[40:])
    shutil.copy(run.samples()[5], run.samples_path / "00000010.png")
    assert len({one.png for one in questions.draw(run, [5, 10], 20).pictures}) == 40


def test_order_is_random(example: Run) -> None:
    orders = {tuple(one.is_real for one in questions.draw(example, [16800], 8, random.Random(seed)).pictures) for seed in range(12)}
    assert len(orders) > 6


def test_a_generator_that_draws_one_picture_can_be_asked_about(root: Path) -> None:
    run = make_run(root)
    reals = torch.arange(64, dtype=torch.uint8).reshape(64, 1, 1, 1).expand(64, 1, 16, 16)
    write_grids(run, reals, torch.full((64, 1, 16, 16), 200, dtype=torch.uint8))
    quiz = questions.draw(run, [5], 8)
    assert len({one.png for one in quiz.pictures if not one.is_real}) == 1
    assert len({one.png for one in quiz.pictures if one.is_real}) == 4


def test_usual_moments_are_early_middle_and_last() -> None:
    assert questions.usual([0, 5, 10, 20, 40, 80, 560, 1680, 5600]) == [80, 1680, 5600]
    assert questions.usual([0]) == [0] and questions.usual([0, 7]) == [7]


def test_thumbnails_are_small(root: Path) -> None:
    run = make_run(root, {"data.size": 128})
    reals = torch.randint(256, (64, 1, 128, 128), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    write_grids(run, reals, reals)
    picture = questions.draw(run, [5], 8).pictures[0]
    assert picture.pixels().shape == (128, 128, 3)
    assert questions.Picture(step=0, is_real=True, png=picture.thumbnail()).pixels().shape == (64, 64, 3)


def damage(run: Run, kind: str) -> str:
    """Damage a run and return what the sentence about it must contain."""
    samples = run.samples()[16800]
    if kind == "missing samples":
        samples.unlink()
        return "samples of step 16,800 are missing"
    if kind == "missing reals":
        run.reals_path.unlink()
        return "reals.png is missing"
    if kind == "cut":
        samples.write_bytes(samples.read_bytes()[:300])
        return "is damaged"
    if kind == "no picture":
        samples.write_bytes(b"no picture")
        return "is damaged"
    if kind == "another size":
        Image.new("L", (100, 100)).save(samples)
        return "is not a grid of 8 columns"
    Image.new("L", (30_000, 2000)).save(samples)
    return "is damaged"


@pytest.mark.parametrize("kind", ["missing samples", "missing reals", "cut", "no picture", "another size", "too large"])
def test_damaged_runs_get_a_sentence(kind: str, run: Run) -> None:
    expected = damage(run, kind)
    with pytest.raises(InputError, match=expected) as caught:
        questions.draw(run, [160, 16800], 8)
    assert "choose another" in str(caught.value) and "\n" not in str(caught.value)


def test_deleted_runs_points_and_too_many_pictures_get_a_sentence(run: Run, root: Path) -> None:
    for steps, size in (([], 8), ([5, 10, 20, 40, 80], 8), ([80], 9)):
        with pytest.raises(InputError, match="1 to 4 moments with 8 to 20 pictures"):
            questions.draw(run, steps, size)
    few = make_run(root, {"data.subset": 40, "optimizer.batch_size": 8})
    write_grids(few, torch.zeros(20, 1, 16, 16, dtype=torch.uint8), torch.zeros(64, 1, 16, 16, dtype=torch.uint8))
    with pytest.raises(InputError, match="real pictures, expected 40"):
        questions.draw(few, [5] * 4, 20)
    points = make_run(root, {"data.name": "ring"}, family="mlp")
    with pytest.raises(InputError, match="trained on points"):
        questions.draw(points, [5], 8)
    runs.delete(run)
    with pytest.raises(InputError, match="has been deleted; restore it"):
        questions.draw(run, [160], 8)


def test_runs_of_earlier_versions_have_no_opinions(run: Run) -> None:
    run.opinions_path(160).unlink()
    run.opinions_path(16800).write_bytes(b"[")
    assert questions.draw(run, [160, 16800], 8).opinions == {}
