"""Drawing from a trained generator: the pictures, where they are written, and the messages on failure."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gan.commands.main import make_parser
from gan.data.feed import to_pixels
from gan.data.formats import opening
from gan.errors import InputError
from gan.execution import queue, requests
from gan.judging.request import Plan
from gan.runs import Run
from gan.scoring import scores
from gan.training import checkpoints, labels, pictures, sampling
from tests.helpers import assert_one_sentence, end_all, make_run, run_gan, start_quickly, train, wait_until

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a tiny class-conditional run on three digits, trained to its end."""
    changes = {"networks.conditional": True, "data.classes": "1, 7, 9"}
    return trained_in(tmp_path_factory.mktemp("runs"), changes)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a tiny trained run without classes and without an average."""
    return trained_in(tmp_path_factory.mktemp("runs"), {"optimizer.ema_half_life": 0})


def trained_in(root: Path, changes: dict[str, Any], family: str = "dcgan") -> Run:
    run = make_run(root, changes, family=family)
    held = run.hold()
    status = train(run)
    held.release()
    assert status.state == "finished", status.message
    return run


@pytest.fixture
def mine(trained: Run, root: Path) -> Iterator[Run]:
    """Return a copy of the conditional run that a test may damage."""
    shutil.copytree(trained.path, root / trained.id)
    yield Run(root / trained.id)
    end_all(root)


def newest(run: Run) -> nn.Module:
    """Return the generator of the newest checkpoint."""
    saved, _ = checkpoints.load_newest(run.checkpoints_path)
    assert saved is not None
    return sampling.restore(run.config(), saved, CPU)[0]


def by_hand(run: Run, told: Tensor | None, images: int, seed: int) -> Image.Image:
    """Return the expected grid, from the newest checkpoint's weights."""
    z = torch.randn(images, run.config().networks.latent, generator=torch.Generator().manual_seed(seed))
    generator = newest(run)
    with torch.inference_mode():
        return pictures.grid(to_pixels(generator(z, told)))


def as_array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture)


def test_one_class_is_drawn_from_the_averaged_generator(trained: Run) -> None:
    picture = sampling.draw(trained, "7", images=20, seed=3)
    assert np.array_equal(as_array(picture), as_array(by_hand(trained, torch.full((20,), 7), 20, 3)))
    saved, _ = checkpoints.load_newest(trained.checkpoints_path)
    assert saved is not None
    average = saved.tensors["average/module.embedding.weight"]
    assert torch.equal(newest(trained).get_parameter("embedding.weight"), average)
    assert not torch.equal(average, saved.tensors["generator/embedding.weight"])


def test_all_classes_are_drawn_in_columns(trained: Run) -> None:
    told = torch.tensor([[1, 7, 9][column % 3] for _ in range(2) for column in range(8)])
    assert torch.equal(told, labels.in_columns(trained.config(), 16))  # type: ignore[arg-type]
    picture = sampling.draw(trained, None, images=16, seed=0)
    assert np.array_equal(as_array(picture), as_array(by_hand(trained, told, 16, 0)))


def test_picture_depends_on_class_and_seed_only(trained: Run) -> None:
    one = as_array(sampling.draw(trained, "1", 8, 0))
    assert np.array_equal(one, as_array(sampling.draw(trained, "1", 8, 0)))
    assert not np.array_equal(one, as_array(sampling.draw(trained, "7", 8, 0)))
    assert not np.array_equal(one, as_array(sampling.draw(trained, "1", 8, 1)))


def test_generator_without_classes_and_without_average_is_drawn_too(plain: Run) -> None:
    picture = sampling.draw(plain, None, 5, 2)
    assert np.array_equal(as_array(picture), as_array(by_hand(plain, None, 5, 2)))


def test_points_are_drawn_over_the_real_ones(root: Path) -> None:
    run = trained_in(
        root,
        {
            "data.name": "ring",
            "networks.conditional": True,
            "optimizer.batch_size": 100,
            "training.length": "2 steps",
        },
        family="mlp",
    )
    picture = Image.open(io.BytesIO(pictures.to_png(sampling.draw(run, "45°", 500, 0)))).convert("RGBA")
    colours = set(map(tuple, as_array(picture).reshape(-1, 4).tolist()))
    assert len(colours) == 3 and {alpha for *_, alpha in colours} == {0, 255}, "the background is transparent, for dark pages too"


@pytest.mark.parametrize(
    ("class_name", "images", "seed", "words"),
    [
        ("4", 8, 0, ["no class “4”", "1, 7, 9"]),
        ("", 8, 0, ["no class", "1, 7, 9"]),
        ("seven\n" * 50, 8, 0, ["no class", "1, 7, 9"]),
        (None, 0, 0, ["images", "0", "1 to 1024"]),
        (None, 1025, 0, ["images", "1025", "1 to 1024"]),
        (None, 8, -1, ["seed", "-1"]),
        (None, 8, 2**31, ["seed", str(2**31)]),
    ],
)
def test_impossible_requests_are_refused_in_a_sentence(
    trained: Run, class_name: str | None, images: int, seed: int, words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        sampling.draw(trained, class_name, images, seed)
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


def test_class_is_refused_for_an_unconditional_generator(plain: Run) -> None:
    with pytest.raises(InputError, match="is not class-conditional"):
        sampling.draw(plain, "7", 8, 0)


def test_run_without_an_intact_checkpoint_is_refused(mine: Run, root: Path) -> None:
    with pytest.raises(InputError, match="has no checkpoint yet"):
        sampling.draw(make_run(root), None, 8, 0)
    for path in mine.checkpoints_path.glob("*.safetensors"):
        path.write_bytes(b"damage")
    with pytest.raises(InputError, match="No intact checkpoint is left"):
        sampling.draw(mine, "7", 8, 0)


def test_damaged_newest_checkpoint_is_skipped(mine: Run, caplog: pytest.LogCaptureFixture) -> None:
    last = checkpoints.steps(mine.checkpoints_path)[-1]
    (mine.checkpoints_path / f"{last:08d}.safetensors").write_bytes(b"damage")
    picture = sampling.draw(mine, "7", 8, 0)
    assert np.array_equal(as_array(picture), as_array(by_hand(mine, torch.full((8,), 7), 8, 0)))
    assert f"step {last}" in caplog.text


def test_best_checkpoint_is_used_on_request(mine: Run) -> None:
    first, last = checkpoints.steps(mine.checkpoints_path)
    mine.best_path.mkdir()
    for path in mine.checkpoints_path.glob(f"{first:08d}.*"):
        shutil.copy(path, mine.best_path)
    saved = checkpoints.load(mine.best_path, first)
    generator = sampling.restore(mine.config(), saved, CPU)[0]
    z = torch.randn(8, mine.config().networks.latent, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = as_array(pictures.grid(to_pixels(generator(z, torch.full((8,), 7)))))
    assert np.array_equal(as_array(sampling.draw(mine, "7", 8, 0, "best")), expected)
    assert not np.array_equal(as_array(sampling.draw(mine, "7", 8, 0)), expected)
    assert (sampling.newest(mine, "Scoring", "best").step, sampling.newest(mine, "Scoring").step) == (first, last)
    done = run_gan("sample", mine.id, "--class", "7", "--images", 8, "--checkpoint", "best", root=mine.root)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.asarray(Image.open(mine.asked_path)), expected)


def test_run_without_scores_during_training_has_no_best(trained: Run) -> None:
    with pytest.raises(InputError, match=r"no best checkpoint.*cadence\.score_every"):
        sampling.draw(trained, "7", 8, 0, "best")
    assert "cadence.score_every" in assert_one_sentence(run_gan("sample", trained.id, "--checkpoint", "best", root=trained.root))
    assert "--checkpoint" in assert_one_sentence(run_gan("sample", trained.id, "--checkpoint", "worst", root=trained.root))
    with pytest.raises(InputError, match="no best checkpoint"):
        scores.score_run(trained, Plan(checkpoint="best"))
    assert make_parser().parse_args(["score", trained.id, "--checkpoint", "best"]).checkpoint == "best"


def test_command_writes_the_picture_and_prints_where(mine: Run, tmp_path: Path) -> None:
    done = run_gan("sample", mine.id, "--class", "9", "--images", 16, "--seed", 5, root=mine.root)
    assert (done.returncode, done.stdout) == (0, f"{mine.asked_path}\n"), done.stderr
    assert np.array_equal(np.asarray(Image.open(mine.asked_path)), as_array(sampling.draw(mine, "9", 16, 5)))
    assert mine.asked_path.name == "asked.png"

    other = tmp_path / "somewhere" / "grid.png"
    other.parent.mkdir()
    assert run_gan("sample", mine.id, "--out", other, root=mine.root).stdout == f"{other}\n"
    assert Image.open(other).format == "PNG"
    assert [path.name for path in other.parent.iterdir()] == ["grid.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--class", "4"], "1, 7, 9"),
        (["--images", "0"], "1 to 1024"),
        (["--images", "many"], "--images"),
        (["--out", "/nowhere/there/grid.png"], "/nowhere/there"),
        (["--out", "."], "the picture"),
    ],
)
def test_command_explains_mistakes_in_a_sentence(trained: Run, arguments: list[str], words: str) -> None:
    before = sorted(trained.path.rglob("*"))
    assert words in assert_one_sentence(run_gan("sample", trained.id, *arguments, root=trained.root))
    assert sorted(trained.path.rglob("*")) == before


def test_command_refuses_an_id_that_is_not_a_run(root: Path) -> None:
    assert "list of runs" in assert_one_sentence(run_gan("sample", "../etc", root=root))


def test_dashboard_gets_its_picture_from_a_background_process(mine: Run) -> None:
    requests.start_sampling(mine, "7", 11)
    wait_until(mine.asked_path.exists, "the picture is written")
    assert np.array_equal(np.asarray(Image.open(mine.asked_path)), as_array(sampling.draw(mine, "7", 64, 11)))
    mine.asked_path.unlink()
    requests.start_sampling(mine, None, 11)
    wait_until(mine.asked_path.exists, "the picture of all classes is written")
    assert np.array_equal(np.asarray(Image.open(mine.asked_path)), as_array(sampling.draw(mine, None, 64, 11)))


def test_errors_in_the_background_are_at_the_end_of_the_log(mine: Run) -> None:
    requests.start_sampling(mine, "--eleven", 0)
    wait_until(lambda: "no class “--eleven”" in mine.log_tail(), "the error is in the log")
    assert "Traceback" not in mine.log_tail()
    assert not mine.asked_path.exists()


def test_drawing_does_not_disturb_training(root: Path) -> None:
    """A picture is drawn while the run trains; the run continues and then stops on request."""
    run = make_run(root, {"networks.conditional": True, "training.length": "100000 steps", "cadence.checkpoint_every": "5 steps"})
    trainer = start_quickly("resume", run.id, "--quiet", "--from-queue", root=root, log=run.log_path)
    try:
        wait_until(lambda: checkpoints.steps(run.checkpoints_path), "the first checkpoint is written")
        done = run_gan("sample", run.id, "--class", "3", root=root)
        assert done.returncode == 0, done.stderr
        assert run.status().state == "running"
        queue.stop(run)
        assert trainer.wait(timeout=60) == 0
        assert run.status().state == "stopped"
    finally:
        trainer.kill()
        trainer.wait()


def test_run_whose_data_set_has_shrunk_is_drawn_and_exported_and_says_so_when_resumed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty images are left of a hundred: a batch of 32 no longer fits, which matters only to a training."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    env = {"GAN_DATA": str(tmp_path / "data")}
    pictures_of(tmp_path / "pictures", 100)
    assert run_gan("data", "import", tmp_path / "pictures", "--name", "Mine", root=root, env=env).returncode == 0
    run = trained_in(root, {"data.name": "mine"})
    for place in sorted((tmp_path / "pictures").iterdir())[40:]:
        place.unlink()
    assert run_gan("data", "remove", "mine", root=root, env=env).returncode == 0
    assert run_gan("data", "import", tmp_path / "pictures", "--name", "Mine", root=root, env=env).returncode == 0
    resumed = run_gan("resume", run.id, "--steps", 15, root=root, env=env)
    assert resumed.returncode == 0, resumed.stderr
    assert "other contents" in resumed.stdout.splitlines()[0]
    assert "other contents" in run.log_tail()
    for place in sorted((tmp_path / "pictures").iterdir())[20:]:
        place.unlink()
    assert run_gan("data", "remove", "mine", root=root, env=env).returncode == 0
    assert run_gan("data", "import", tmp_path / "pictures", "--name", "Mine", root=root, env=env).returncode == 0
    for arguments in (("sample", run.id, "--out", tmp_path / "x.png"), ("export", run.id, "--out", tmp_path / "x.safetensors")):
        done = run_gan(*arguments, root=root, env=env)
        assert done.returncode == 0, done.stderr
    assert "batch" in assert_one_sentence(run_gan("resume", run.id, "--steps", 20, root=root, env=env), 1)


def pictures_of(folder: Path, count: int) -> None:
    """Write ``count`` different grey pictures of 16×16 pixels."""
    folder.mkdir()
    for number, noise in enumerate(np.random.default_rng(0).integers(0, 256, (count, 16, 16), dtype=np.uint8)):
        Image.fromarray(noise).save(folder / f"{number:03d}.png")


# Many pictures


@pytest.mark.parametrize("ending", [".npz", ".zip", ".parquet", ""])
def test_many_pictures_are_drawn_to_a_file(ending: str, mine: Run, tmp_path: Path) -> None:
    target = tmp_path / f"many{ending}"
    done = run_gan("sample", mine.id, "--count", 300, "--out", target, "--seed", 4, root=mine.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{target} holds 300 pictures")
    with opening.open_pictures(target) as source:
        found = list(source)
    drawn = sampling.stream(mine, 300, seed=4)
    batches = list(drawn.batches)
    assert np.array_equal(np.stack([picture.pixels() for picture in found]), np.concatenate([pixels for pixels, _ in batches]))
    classes = np.concatenate([codes for _, codes in batches if codes is not None])
    assert [int(picture.group) for picture in found] == classes.tolist()
    assert set(classes) == {1, 7, 9}


def test_pictures_to_a_file_are_what_the_generator_draws(plain: Run) -> None:
    drawn = sampling.stream(plain, 300, seed=2)
    pixels = np.concatenate([batch for batch, _ in drawn.batches])
    assert pixels.shape == (300, 16, 16, 1)
    z = torch.randn(256, plain.config().networks.latent, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        wanted = to_pixels(newest(plain)(z, None)).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(pixels[:256], wanted)
    few = np.concatenate([batch for batch, _ in sampling.stream(plain, 20, seed=2).batches])
    assert np.array_equal(few, pixels[:20]), "a longer file must begin with the shorter one"


def test_one_class_is_drawn_to_a_file(trained: Run) -> None:
    assert {int(code) for _, codes in sampling.stream(trained, 9, "7").batches for code in codes} == {7}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--count", "9"], "--out"),
        (["--count", "0", "--out", "a.npz"], "“count” is 0"),
        (["--count", "9", "--out", "a.jpg"], ".jpg"),
        (["--count", "9", "--out", "/proc/a.npz"], "/proc"),
        (["--count", "9", "--class", "4", "--out", "a.npz"], "1, 7, 9"),
    ],
)
def test_command_explains_mistakes_with_many_pictures(trained: Run, arguments: list[str], words: str) -> None:
    assert words in assert_one_sentence(run_gan("sample", trained.id, *arguments, root=trained.root))
