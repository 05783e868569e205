"""The training loop: exact resumes, correct end states, and everything a watcher reads in the run directory."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import MNIST

from gan import config as configs
from gan import runs
from gan.catalogue import data_sets
from gan.config import data, presets
from gan.config.fields import Span
from gan.data import loaders
from gan.runs import Run, Status
from gan.storage.lines import read_lines
from gan.training import assembly, checkpoints, counting, loop, pictures, precision, quick, sampling, snapshots
from gan.training.game import Turn
from tests.helpers import is_sentence, losses, make_run, raw_lines, tiny
from tests.helpers import train as train_whole

CPU = torch.device("cpu")
PRECISIONS = ["fp32", "bf16"] if precision.has_fast_bf16(CPU) else ["fp32"]
SEVERAL_EPOCHS = {"optimizer.batch_size": 300, "training.length": "14 steps"}  # 1,797 images: 5 steps an epoch
KINDS = [(family, chosen) for family in ("dcgan", "mlp") for chosen in PRECISIONS]


def train(run: Run, *, until: int | None = None) -> Status:
    """Train a run in this process, to step ``until`` or to its end, and check that the final status is written."""
    now: list[Status] = []

    def should_stop() -> bool:
        return until is not None and seen_step(run) >= until

    status = train_whole(run, lambda status, line: now.append(status), should_stop)
    assert run.status() == status
    assert status.state == "failed" or now[-1] == status
    assert not (run.path / ".reserve").exists()
    return status


def seen_step(run: Run) -> int:
    """Return the last logged step; tiny runs log every step."""
    lines, _ = read_lines(run.metrics_path)
    return int(lines[-1]["step"]) if lines else 0


# Exact resumes


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Run]:
    """Return uninterrupted runs, by family and precision."""
    made = {}
    for family, chosen in KINDS:
        run = make_run(
            tmp_path_factory.mktemp("whole"),
            {**SEVERAL_EPOCHS, "training.precision": chosen, "cadence.sample_every": "4 steps"},
            family=family,
        )
        assert train(run).state == "finished"
        made[family, chosen] = run
    return made


@pytest.mark.parametrize(("family", "chosen"), KINDS)
@settings(max_examples=5)
@given(stops=st.sets(st.integers(1, 13), min_size=1, max_size=3))
def test_resumed_run_repeats_the_uninterrupted_one_byte_for_byte(
    uninterrupted: dict[tuple[str, str], Run], tmp_path_factory: pytest.TempPathFactory, family: str, chosen: str, stops: set[int]
) -> None:
    whole = uninterrupted[family, chosen]
    run = make_run(tmp_path_factory.mktemp("resumed"))
    run.config_path.write_bytes(whole.config_path.read_bytes())
    for stop in sorted(stops):
        status = train(run, until=stop)
        assert (status.state, status.step) == ("stopped", stop)
        torch.manual_seed(stop)  # a new process would not have the old random state either
    assert train(run).state == "finished"
    assert losses(run) == losses(whole)
    assert list(losses(run)) == list(range(1, 15)), "each step must be logged once, in order"
    for step, path in whole.samples().items():
        assert run.samples()[step].read_bytes() == path.read_bytes(), f"the samples of step {step} differ"
    mine, theirs = (checkpoints.load(one.checkpoints_path, 14).tensors for one in (run, whole))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("chosen", PRECISIONS)
def test_extended_run_equals_one_planned_longer(root: Path, chosen: str) -> None:
    changes = {**SEVERAL_EPOCHS, "training.precision": chosen, "cadence.log_every": "2 steps"}
    longer, extended = (
        make_run(root, {**changes, "training.length": "4 epochs"}),
        make_run(root, {**changes, "training.length": "1 epoch"}),
    )
    assert train(longer).step == 20
    assert train(extended).step == 5
    extended.write_control(length=Span(count=4, unit="epochs"))
    status = train(extended)
    assert (status.state, status.step, status.total_steps) == ("finished", 20, 20)
    assert status.epoch == 4
    planned, done = losses(longer), losses(extended)
    assert done.pop(5), "the last step of the shorter training must be logged too"
    assert done == planned


def test_seed_determines_the_run(root: Path) -> None:
    one, same, other = make_run(root), make_run(root), make_run(root, {"training.seed": 1})
    for run in (one, same, other):
        train(run)
    assert losses(one) == losses(same)
    assert losses(one) != losses(other)
    assert one.samples()[12].read_bytes() == same.samples()[12].read_bytes()
    assert one.samples()[0].read_bytes() != other.samples()[0].read_bytes()


def test_seconds_continue_after_a_resume(root: Path) -> None:
    run = make_run(root)
    stopped = train(run, until=6)
    finished = train(run)
    assert finished.seconds > stopped.seconds > 0
    seconds = [float(line["seconds"]) for line in raw_lines(run)]
    assert seconds == sorted(seconds)


# How runs end


def test_run_stopped_by_the_control_file_ends_as_stopped(root: Path) -> None:
    run = make_run(root)
    run.write_control(stop=True)
    status = train(run)
    assert (status.state, status.step) == ("stopped", 1)
    assert is_sentence(status.message)
    assert checkpoints.steps(run.checkpoints_path) == [1]
    run.write_control(stop=False)
    assert train(run).state == "finished"


def test_stop_at_the_last_step_counts_as_finished(root: Path) -> None:
    run = make_run(root)
    assert train(run, until=12).state == "finished"


def test_finished_run_trained_once_more_is_finished_at_once(root: Path) -> None:
    run = make_run(root)
    first, again = train(run), train(run)
    assert (again.state, again.step) == ("finished", 12)
    assert again.seconds == first.seconds
    assert len(raw_lines(run)) == 12


#: With beta2 = 0 Adam divides by the current gradient alone. It fades to nothing, so training on real digits gives infinity.
EXPLODING = {
    "optimizer.generator_lr": 1.0,
    "optimizer.discriminator_lr": 1.0,
    "optimizer.beta1": 0.99,
    "optimizer.beta2": 0.0,
    "training.length": "500 steps",
}


def test_run_that_explodes_ends_as_diverged_with_a_finite_checkpoint(root: Path) -> None:
    run = make_run(root, EXPLODING, family="mlp")
    status = train(run)
    assert status.state == "diverged"
    assert is_sentence(status.message)
    assert "NaN" in status.message
    assert 10 < status.step < 500
    last = run.metrics()[-1]
    assert last["step"] == status.step
    assert None in (last["generator_loss"], last["discriminator_loss"]), "NaN must be written as null"
    assert all(None not in line.values() for line in run.metrics()[:-1]), "the run must end at the first line that is not finite"
    kept = checkpoints.steps(run.checkpoints_path)
    assert kept
    assert f"step {kept[-1]}" in status.message
    for step in kept:
        tensors = checkpoints.load(run.checkpoints_path, step).tensors.values()
        assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors if tensor.is_floating_point())
    assert "NaN" not in run.metrics_path.read_text()
    assert "Infinity" not in run.metrics_path.read_text()


def test_run_that_explodes_and_is_stopped_between_two_log_lines_is_diverged(root: Path) -> None:
    rarely = {"cadence.log_every": "1000 steps", "cadence.checkpoint_every": "1000 steps"}
    run = make_run(root, {**EXPLODING, **rarely}, family="mlp")
    steps: list[Status] = []
    status = train_whole(run, lambda status, line: steps.append(status), lambda: len(steps) > 400)
    assert status.state == "diverged"
    assert checkpoints.steps(run.checkpoints_path) == []
    assert "kept" not in status.message, "there was no checkpoint to keep"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training.precision": "fp16"}, "training.precision is “fp16”, which needs an NVIDIA GPU"),
        ({"training.device": "mps"}, "training.device is “mps”, but this machine does not have it"),
    ],
)
def test_missing_hardware_fails_with_a_sentence(root: Path, changes: dict[str, Any], words: str) -> None:
    if "training.device" in changes and torch.backends.mps.is_available():
        pytest.skip("this machine has MPS")
    run = make_run(root, changes)
    status = train(run)
    assert status.state == "failed"
    assert is_sentence(status.message)
    assert words in status.message
    assert run.status().message == status.message


def test_missing_data_fails_with_a_sentence(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:  # a port without a listener
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{port}/"])
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "nothing"))
    status = train(make_run(root, {"data.name": "mnist"}))
    assert status.state == "failed"
    assert is_sentence(status.message)
    assert "no network" in status.message


def test_lack_of_memory_fails_with_a_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "to_pixels", lambda images: torch.empty(2**55))
    status = train(make_run(root))
    assert status.state == "failed"
    assert "out of memory" in status.message
    assert is_sentence(status.message)


def test_unexpected_error_fails_with_a_sentence_and_a_traceback_in_the_log(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pictures, "grid", lambda pixels: 1 / 0)
    run = make_run(root)
    status = train(run)
    assert status.state == "failed"
    assert is_sentence(status.message)
    assert "ZeroDivisionError" in status.message
    assert "Traceback" in caplog.text
    monkeypatch.undo()
    assert train(run).state == "finished"


def test_run_with_a_damaged_status_goes_on(root: Path) -> None:
    run, whole = make_run(root), make_run(root)
    train(run, until=6)
    train(whole)
    run.status_path.write_bytes(b"\x00")
    assert run.status().state == "interrupted"
    assert train(run).state == "finished"
    assert losses(run) == losses(whole)


def test_leftovers_of_earlier_crashes_are_removed(root: Path) -> None:
    run = make_run(root)
    old = [folder / f".{name}.7.ab.tmp" for folder, name in ((run.path, "status.json"), (run.samples_path, "00000001.png"))]
    for path in old:
        path.write_bytes(b"half")
        os.utime(path, (1e9, 1e9))
    fresh = run.path / ".label.json.8.cd.tmp"
    fresh.write_bytes(b"a page may be writing this at the moment")
    assert train(run).state == "finished"
    assert not any(path.exists() for path in old)
    assert fresh.exists()


# What watchers read


HERE = {name for name, entry in data_sets.all_sets().items() if entry.is_offline}
OFFLINE = [name for name, preset in presets.PRESETS.items() if preset.config.data.name in HERE]


@pytest.mark.parametrize("name", OFFLINE)
def test_every_preset_without_a_download_trains(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes: dict[str, Any] = {"training.length": "3 steps", "training.device": "cpu"}
    if presets.find(name).config.data.name == "bedrooms":  # fewer, because drawing all 5,000 takes most of a minute
        few = dataclasses.replace(data_sets.DATA_SETS["bedrooms"], counts=(350,), version="few")
        monkeypatch.setitem(data_sets.DATA_SETS, "bedrooms", few)
        changes |= {"data.subset": 300, "optimizer.batch_size": 8}
    config = configs.replace(presets.find(name).config, changes)
    run = runs.create(root, config, state="starting", threads=1)
    status = train(run)
    assert (status.state, status.step) == ("finished", 3)
    assert [line["step"] for line in run.metrics()][-1] == 3
    assert all(value is not None for value in run.metrics()[-1].values())
    assert list(run.samples()) == [0, 3]
    assert run.reals_path.exists()
    assert checkpoints.load(run.checkpoints_path, 3).step == 3


def test_log_lines_have_the_values_of_the_curves(root: Path) -> None:
    run = make_run(root, {"training.length": "5 steps"})
    train(run)
    for number, line in enumerate(run.metrics(), start=1):
        assert list(line) == [
            "step",
            "epoch",
            "images_seen",
            "seconds",
            "images_per_second",
            "discriminator_loss",
            "generator_loss",
            "d_real",
            "d_fake",
            "discriminator_grad_norm",
            "generator_grad_norm",
        ]
        assert (line["step"], line["images_seen"], line["epoch"]) == (number, 32 * number, round(number / 56, 4))
        assert line["images_per_second"] > 0
        assert line["seconds"] >= 0
        assert 0 < line["d_real"] < 1
        assert 0 < line["d_fake"] < 1
        assert line["discriminator_grad_norm"] > 0
        assert line["generator_grad_norm"] > 0


def test_cadences_in_steps_are_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    save = checkpoints.save
    monkeypatch.setattr(checkpoints, "save", lambda folder, step, *rest: (saved.append(step), save(folder, step, *rest)))
    cadence = {"cadence.log_every": "3 steps", "cadence.sample_every": "4 steps", "cadence.checkpoint_every": "5 steps"}
    run = make_run(root, {**cadence, "training.length": "13 steps"})
    train(run)
    assert [line["step"] for line in run.metrics()] == [3, 6, 9, 12, 13]
    assert list(run.samples()) == [0, 4, 8, 12, 13]
    assert saved == [5, 10, 13]
    assert checkpoints.steps(run.checkpoints_path) == [10, 13]


def test_run_records_its_device_and_software(root: Path) -> None:
    run = make_run(root, {"training.length": "1 step"})
    train(run)
    assert run.status().device == "cpu" and f"torch {torch.__version__}, Python 3." in run.status().software


def test_cadences_in_epochs_are_kept(root: Path) -> None:
    cadence = {"cadence.log_every": "1 epoch", "cadence.sample_every": "2 epochs", "cadence.checkpoint_every": "1 epoch"}
    run = make_run(root, {**SEVERAL_EPOCHS, **cadence, "training.length": "3 epochs"})
    train(run)
    assert [line["step"] for line in run.metrics()] == [5, 10, 15]
    assert [line["epoch"] for line in run.metrics()] == [1, 2, 3]
    assert list(run.samples()) == [0, 10, 15]
    assert checkpoints.steps(run.checkpoints_path) == [10, 15]


def test_scores_keep_to_their_share_of_the_time(root: Path) -> None:
    """No score may exceed the share, not even the first; time spent on scores before a resume counts too."""
    points = {"data.name": "ring", "cadence.score_every": "1 step", "training.length": "6 steps"}
    runs_by_share = {share: make_run(root, {**points, "cadence.score_share": share}, family="mlp") for share in (1e-6, 0)}
    for run in runs_by_share.values():
        train(run, until=3)
        train(run)
    assert runs_by_share[1e-6].scores() == []
    foreseen = checkpoints.load(runs_by_share[1e-6].checkpoints_path, 6).facts["scoring"]
    assert foreseen["spent"] == 0 and 0 < foreseen["last"] < 60
    assert [line["step"] for line in runs_by_share[0].scores()] == [1, 2, 3, 4, 5, 6]
    spent = checkpoints.load(runs_by_share[0].checkpoints_path, 6).facts["scoring"]["spent"]
    assert spent == pytest.approx(sum(line["seconds"] for line in runs_by_share[0].scores()), abs=0.05)  # lines are rounded
    assert losses(runs_by_share[0]) == losses(runs_by_share[1e-6])


@pytest.mark.parametrize(("spent", "last", "is_within"), [(0, 0, True), (1, 1, False), (2, 1, True), (2, 1.1, False)])
def test_score_is_made_while_it_stays_within_the_share(spent: float, last: float, is_within: bool) -> None:
    seconds = 100 if spent == 2 else 60
    assert quick.ScoringTime(spent, last).is_within(0.03, seconds) is is_within
    assert quick.ScoringTime(spent, last).is_within(0, seconds)


def test_old_run_is_scored_as_before() -> None:
    """Stored configurations without these settings: no limit on scoring time, and no scores without a cadence."""
    raw = presets.find("digits-dcgan").config.model_dump(mode="json")
    assert raw["cadence"].pop("score_share") == 0.03
    assert configs.parse(raw, stored=True).cadence.score_share == 0
    assert configs.parse(raw).cadence.score_share == 0.03
    every = raw["cadence"].pop("score_every")
    assert configs.parse(raw, stored=True).cadence.score_every.count == 0
    assert str(configs.parse(raw).cadence.score_every) != "0 epochs" != every


def test_samples_come_from_the_same_latents_every_time(root: Path) -> None:
    """A generator that hardly moves draws the same pictures at each snapshot, and after a resume."""
    still = {"optimizer.generator_lr": 1e-12, "cadence.sample_every": "3 steps"}
    run = make_run(root, still, family="mlp")
    train(run, until=7)
    train(run)
    found = [path.read_bytes() for path in run.samples().values()]
    assert len(found) == 5
    assert set(found) == {found[0]}


def pixels_of(path: Path) -> np.ndarray[Any, Any]:
    """Return the pixels of a picture as numbers that can be subtracted."""
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def test_samples_are_drawn_from_the_averaged_generator(root: Path) -> None:
    """An average that hardly moves draws the same pictures while the generator itself changes a lot."""
    differences = []
    for half_life in (100_000_000, 0):
        fast = {"optimizer.ema_half_life": half_life, "optimizer.generator_lr": 0.05, "cadence.sample_every": "1 step"}
        run = make_run(root, fast, family="mlp")
        train(run)
        differences.append(abs(pixels_of(run.samples()[1]) - pixels_of(run.samples()[12])).max())
    assert differences[0] <= 1
    assert differences[1] > 20


def test_real_images_are_drawn_once(root: Path) -> None:
    run = make_run(root)
    train(run, until=3)
    before = run.reals_path.stat()
    train(run)
    assert run.reals_path.stat().st_ino == before.st_ino
    with Image.open(run.reals_path) as picture:
        assert picture.width == picture.height >= 512
        assert picture.mode == "L"
    assert {path.name for path in run.path.iterdir()} >= {"config.json", "status.json", "metrics.jsonl", "reals.png", "samples"}


def test_grid_of_real_images_shows_images_of_the_data_set(root: Path) -> None:
    run = make_run(root)
    train(run, until=1)
    whole = pixels_of(run.reals_path)
    factor = len(whole) // (8 * 18 - 2)
    small = whole[::factor, ::factor]
    tiles = {small[row : row + 16, column : column + 16].tobytes() for row in range(0, 142, 18) for column in range(0, 142, 18)}
    known = {image[0].numpy().astype(int).tobytes() for image in loaders.load(data.DataConfig(size=16)).pixels}
    assert len(tiles) == 64
    assert tiles <= known


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 5, 8, 9, 64])
def test_grid_puts_every_image_in_its_place(count: int, channels: int) -> None:
    images = torch.randint(0, 256, (count, channels, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    picture = pictures.grid(images, gap=1, smallest=1)
    columns, rows = min(8, count), -(-count // 8)
    assert picture.size == (columns * 5 - 1, rows * 5 - 1)
    with Image.open(io.BytesIO(pictures.to_png(picture))) as read:
        for index, image in enumerate(images):
            left, top = index % 8 * 5, index // 8 * 5
            tile = torch.tensor(np.asarray(read.crop((left, top, left + 4, top + 4)))).reshape(4, 4, -1)
            assert torch.equal(tile.permute(2, 0, 1), image)


def test_status_reports_the_progress(root: Path) -> None:
    run = make_run(root)
    seen: list[tuple[Status, dict[str, Any] | None]] = []
    status = train_whole(run, lambda status, line: seen.append((status, line)))
    assert {status.state for status, _ in seen} == {"running", "finished"}
    lines = [line for _, line in seen if line is not None]
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert (status.total_steps, status.steps_per_epoch, status.images_seen) == (12, 56, 12 * 32)
    assert (status.device, status.precision, status.threads) == ("cpu", "fp32", 1)
    assert status.images_per_second is not None
    assert status.images_per_second > 0
    assert status.seconds_left == 0
    beats = [status.heartbeat for status, _ in seen]
    assert beats == sorted(beats)


def test_log_says_where_the_training_began_and_ended(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run(root)
    with caplog.at_level("INFO", logger="gan"):
        train(run, until=4)
        train(run)
    assert re.search(r"from step 0 to 12 on cpu, fp32, 1 thread\b", caplog.text)
    assert "ended as stopped at step 4" in caplog.text
    assert re.search(r"from step 4 to 12", caplog.text)
    assert "ended as finished at step 12" in caplog.text


def test_drawing_images_changes_nothing_in_the_generator() -> None:
    torch.manual_seed(0)
    game = assembly.build_game(tiny(), CPU, "fp32")
    game.step([Turn(torch.randn(8, 1, 16, 16), torch.randn(8, 8))])
    before = {name: value.clone() for name, value in game.generator.state_dict().items()}
    state = torch.get_rng_state()
    z = torch.randn(600, 8, generator=torch.Generator().manual_seed(1))
    images = sampling.generate(game.generator, z, None, game.autocast)
    assert images.shape == (600, 1, 16, 16)
    assert torch.allclose(images[550:551], sampling.generate(game.generator, z[550:551], None, game.autocast), atol=1e-6)
    assert game.generator.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in game.generator.state_dict().items())


@pytest.mark.parametrize(("span", "due"), [("3 steps", [3, 6, 9]), ("1 epoch", [5, 10]), ("0 steps", []), ("0 epochs", [])])
def test_cadence_sets_the_steps_at_which_something_is_due(span: str, due: list[int]) -> None:
    is_due = counting.every(Span.model_validate(span), steps_per_epoch=5)
    assert [step for step in range(1, 11) if is_due(step)] == due


def test_precision_auto_is_bf16_only_if_it_is_fast() -> None:
    assert precision.choose_precision("auto", CPU) == PRECISIONS[-1]
    assert precision.choose_precision("fp32", CPU) == "fp32"
    assert json.dumps(precision.name_device(CPU)) == '"cpu"'
    assert precision.choose_device("cpu") == CPU


@pytest.mark.parametrize(("is_asked", "share", "early"), [(True, 1e9, [5, 10, 20]), (True, 0.0, []), (False, 1e9, [])])
def test_early_samples_come_before_the_regular_ones_within_their_share(
    is_asked: bool, share: float, early: list[int], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_EARLY_SHARE", share)
    asked = {"cadence.sample_every": "24 steps", "cadence.early_samples": is_asked, "training.length": "50 steps"}
    run = make_run(root, asked)
    train(run)
    assert list(run.samples()) == [0, *early, 24, 48, 50]
    plain = make_run(root, {"training.length": "50 steps"})
    train(plain)
    assert losses(run) == losses(plain), "looking changes nothing"


def test_status_says_that_the_networks_are_being_built(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, told, build = make_run(root), [], loop.build_game

    def watched(*arguments: Any, **options: Any) -> Any:
        told.append(run.stored_status().message)
        return build(*arguments, **options)

    monkeypatch.setattr(loop, "build_game", watched)
    loop.Trainer(run, lambda status, line: None)
    assert told == ["Building the networks"]
