"""Checkpoints: loading restores the saved state bit for bit, and a damaged checkpoint is refused as a whole."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gan.config.fields import Span
from gan.errors import RunFailed
from gan.runs import Run, Status, forks
from gan.storage.lines import read_lines
from gan.training import assembly, checkpoints, loop, quick
from gan.training import state as game_state
from gan.training.game import Game, Turn
from tests.helpers import is_sentence, losses, make_run, mount, start_quickly, tiny, train, unmount, wait_until

CPU = torch.device("cpu")


def played(steps: int, *, family: str = "dcgan", changes: dict[str, Any] | None = None, seed: int = 0) -> Game:
    """Return a game after some steps on noise."""
    torch.manual_seed(seed)
    game = assembly.build_game(tiny(changes, family=family), CPU, "fp32")
    for _ in range(steps):
        game.step([Turn(torch.randn(8, 1, 16, 16).to(memory_format=torch.channels_last), torch.randn(8, 8))])
    return game


def layout(game: Game) -> dict[str, tuple[int, ...]]:
    """Return the memory strides of a game's weights and moments, by name."""
    values = {
        f"{kind}/{name}": value
        for kind, network in game_state._networks(game).items()
        for name, value in network.state_dict().items()
    }
    for kind, optimizer in game_state._optimizers(game).items():
        for index, state in optimizer.state_dict()["state"].items():
            values |= {f"{kind}/{index}/{name}": value for name, value in state.items()}
    return {name: value.stride() for name, value in values.items()}


def are_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Return whether two sets of tensors are equal bit by bit."""
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one checkpoint, of step 3."""
    folder = tmp_path_factory.mktemp("checkpoints")
    tensors, facts = game_state.pack(played(3))
    checkpoints.save(folder, 3, tensors, {**facts, "seconds": 1.5, "threads": 1, "precision": "fp32"})
    return folder


def refusal(folder: Path, step: int) -> str:
    """Return the error sentence that refuses a checkpoint."""
    with pytest.raises(RunFailed) as caught:
        checkpoints.load(folder, step)
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


# Saving and loading


@pytest.mark.parametrize(
    ("family", "changes"),
    [("dcgan", {}), ("dcgan", {"optimizer.ema_half_life": 0}), ("mlp", {}), ("mlp", {"networks.generator_norm": "batch"})],
)
@pytest.mark.parametrize("steps", [0, 3])
def test_game_comes_back_bit_for_bit(tmp_path: Path, family: str, changes: dict[str, Any], steps: int) -> None:
    game = played(steps, family=family, changes=changes)
    tensors, facts = game_state.pack(game)
    before = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    checkpoints.save(tmp_path, 10, tensors, facts)

    other = played(1, family=family, changes=changes, seed=9)
    found = checkpoints.load(tmp_path, 10)
    assert found.step == 10
    game_state.unpack(other, found.tensors, found.facts)
    again, facts_again = game_state.pack(other)
    if steps:
        assert are_same(again, before)
        assert json.dumps(facts_again["optimizers"]) == json.dumps(facts["optimizers"])
        assert layout(other) == layout(game)
    else:
        assert are_same({name: again[name] for name in before}, before)

    reals, z = torch.randn(8, 1, 16, 16).to(memory_format=torch.channels_last), torch.randn(8, 8)
    if steps:
        one, two = game.step([Turn(reals, z)]), other.step([Turn(reals, z)])
        assert torch.equal(one.generator_loss, two.generator_loss)
        assert are_same(game_state.pack(game)[0], game_state.pack(other)[0])


def test_moments_of_the_optimizers_are_saved(saved: Path) -> None:
    names = checkpoints.load(saved, 3).tensors
    for player in ("generator_optimizer", "discriminator_optimizer"):
        assert any(name.startswith(f"{player}/") and name.endswith("exp_avg_sq") for name in names)
    assert any(name.startswith("average/") for name in names)


def test_saving_leaves_the_game_alone(tmp_path: Path) -> None:
    one, other = played(2), played(2)
    checkpoints.save(tmp_path, 2, *game_state.pack(one))
    reals, z = torch.ones(8, 1, 16, 16), torch.ones(8, 8)
    assert torch.equal(one.step([Turn(reals, z)]).generator_loss, other.step([Turn(reals, z)]).generator_loss)


def test_tensors_and_facts_are_readable_without_the_program(saved: Path) -> None:
    facts = json.loads((saved / "00000003.json").read_text())
    assert (facts["step"], facts["seconds"], facts["threads"]) == (3, 1.5, 1)
    assert facts["bytes"] == (saved / "00000003.safetensors").stat().st_size


def test_only_the_two_newest_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        checkpoints.save(tmp_path, step, {"a": torch.tensor([step])}, {})
        assert step in checkpoints.steps(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000015.json",
        "00000015.safetensors",
        "00000020.json",
        "00000020.safetensors",
    ]
    assert checkpoints.load(tmp_path, 15).tensors["a"].tolist() == [15]


def kept_after(folder: Path, steps: list[int], kept: checkpoints.Retention) -> list[int]:
    """Return the checkpoints that are left after saving those of all ``steps``."""
    folder.mkdir(exist_ok=True)
    for step in steps:
        checkpoints.save(folder, step, {"a": torch.zeros(100)}, {}, kept)
    return checkpoints.steps(folder)


def test_one_checkpoint_stays_in_each_doubling_of_the_steps(tmp_path: Path) -> None:
    assert kept_after(tmp_path, list(range(5, 101, 5)), checkpoints.Retention(room=10**6)) == [5, 10, 20, 35, 65, 95, 100]


def test_checkpoints_before_changes_stay_and_the_oldest_go_first_if_there_is_no_room(tmp_path: Path) -> None:
    every, marked = list(range(5, 101, 5)), frozenset({15, 50})
    whole = kept_after(tmp_path / "whole", every, checkpoints.Retention(room=10**6, marked=marked))
    assert whole == [5, 10, 15, 20, 35, 50, 65, 95, 100]
    size = (tmp_path / "whole" / "00000100.safetensors").stat().st_size
    assert kept_after(tmp_path / "three", every, checkpoints.Retention(room=3 * size, marked=marked)) == [35, 50, 65, 95, 100]
    assert kept_after(tmp_path / "none", every, checkpoints.Retention(room=size - 1, marked=marked)) == [95, 100]


@given(st.sets(st.integers(1, 10**6), min_size=1, max_size=30), st.integers(0, 40))
def test_more_room_never_keeps_less(steps: set[int], room: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, there = Path(name), sorted(steps)
        for step in there:
            checkpoints.tensors_path(folder, step).write_bytes(b"x")
        chosen = checkpoints.Retention(room=room).chosen(folder, there)
        more = checkpoints.Retention(room=room + 1).chosen(folder, there)
        assert set(there[-2:]) <= set(chosen) <= set(more) and len(chosen) <= 2 + room
        everything = checkpoints.Retention(room=10**6).chosen(folder, there)
        assert {step.bit_length() for step in everything} == {step.bit_length() for step in there}


def test_run_goes_on_exactly_from_each_older_checkpoint(root: Path) -> None:
    asked = {"training.length": "40 steps", "cadence.checkpoint_every": "3 steps", "cadence.checkpoint_room": 10}
    run = make_run(root, asked)
    train(run)
    assert checkpoints.steps(run.checkpoints_path) == [3, 6, 9, 18, 33, 39, 40]
    for step in (3, 9, 33):
        child = forks.make(run, step, {}, state="starting", threads=1)
        train(child)
        assert losses(child) == {later: line for later, line in losses(run).items() if later > step}


def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".00000001.safetensors.77.abc.tmp").write_bytes(b"half")
    (tmp_path / "00000001.safetensors").write_bytes(b"tensors whose facts were never written")
    checkpoints.save(tmp_path, 2, {"a": torch.ones(1)}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000002.json", "00000002.safetensors"]


def test_other_files_in_the_folder_are_not_checkpoints(tmp_path: Path) -> None:
    for name in ("notes.json", "².json", "-1.json", "1.5.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "a folder").mkdir()
    assert checkpoints.steps(tmp_path) == []
    assert checkpoints.load_newest(tmp_path) == (None, [])
    assert checkpoints.steps(tmp_path / "missing") == []
    checkpoints.save(tmp_path, 2, {"a": torch.ones(1)}, {})
    assert checkpoints.steps(tmp_path) == [2]


# Damage


def test_flipped_bit_in_any_byte_of_the_facts_is_refused(saved: Path, tmp_path: Path) -> None:
    """Otherwise a changed learning rate or thread count would go unnoticed and spoil the run."""
    shutil.copy(saved / "00000003.safetensors", tmp_path)
    whole = (saved / "00000003.json").read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        (tmp_path / "00000003.json").write_bytes(damaged)
        with pytest.raises(RunFailed):
            checkpoints.load(tmp_path, 3)
    (tmp_path / "00000003.json").write_bytes(whole)
    checkpoints.load(tmp_path, 3)


@settings(max_examples=300)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_any_flipped_bit_of_the_tensors_is_refused(saved: Path, place: float, bit: int) -> None:
    path = saved / "00000003.safetensors"
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[int(place * len(whole))] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        assert "step 3 is damaged" in refusal(saved, 3)
    finally:
        path.write_bytes(whole)


@given(st.sampled_from(["00000003.json", "00000003.safetensors"]), st.floats(0, 1, exclude_max=True))
def test_file_truncated_at_any_place_is_refused(saved: Path, name: str, place: float) -> None:
    path = saved / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(place * len(whole))])
    try:
        assert "step 3 is damaged" in refusal(saved, 3)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"3", b'{"step": 3}', b'{"step": 4, "sha256": "x"}', b"\xff" * 9, b"[" * 100_000],
    ids=["empty", "null", "list", "number", "bare", "other step", "binary", "nested"],
)
def test_invalid_facts_are_refused(saved: Path, tmp_path: Path, content: bytes) -> None:
    shutil.copy(saved / "00000003.safetensors", tmp_path)
    (tmp_path / "00000003.json").write_bytes(content)
    assert "damaged" in refusal(tmp_path, 3)


def test_facts_of_another_step_are_refused(saved: Path, tmp_path: Path) -> None:
    for name in ("json", "safetensors"):
        shutil.copy(saved / f"00000003.{name}", tmp_path / f"00000004.{name}")
    assert "damaged" in refusal(tmp_path, 4)


def test_facts_without_tensors_are_refused(saved: Path, tmp_path: Path) -> None:
    shutil.copy(saved / "00000003.json", tmp_path)
    assert checkpoints.steps(tmp_path) == [3]
    assert "damaged" in refusal(tmp_path, 3)


def test_tensors_without_facts_are_ignored(saved: Path, tmp_path: Path) -> None:
    """Tensors are written first, so after a crash before the facts the previous checkpoint is still the newest."""
    shutil.copy(saved / "00000003.safetensors", tmp_path)
    assert checkpoints.load_newest(tmp_path) == (None, [])


def test_newest_intact_checkpoint_is_loaded(tmp_path: Path) -> None:
    for step in (5, 10):
        checkpoints.save(tmp_path, step, {"a": torch.tensor([step])}, {})
    newest, complaints = checkpoints.load_newest(tmp_path)
    assert newest is not None
    assert (newest.step, complaints) == (10, [])
    damage(tmp_path / "00000010.safetensors")
    newest, complaints = checkpoints.load_newest(tmp_path)
    assert newest is not None
    assert newest.tensors["a"].tolist() == [5]
    assert len(complaints) == 1
    assert "step 10 is damaged" in complaints[0]
    damage(tmp_path / "00000005.json")
    with pytest.raises(RunFailed) as caught:
        checkpoints.load_newest(tmp_path)
    assert "No intact checkpoint is left" in str(caught.value)
    assert len(list(tmp_path.iterdir())) == 4, "damaged checkpoints must be kept as evidence"


def damage(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# In a run


def trained(root: Path, length: str = "12 steps") -> Run:
    """Return a finished run with checkpoints of two steps."""
    run = make_run(root, {"training.length": length})
    status = train(run)
    assert status.state == "finished", status.message
    return run


def ask_for(run: Run, steps: int) -> None:
    """Set the length of a run to ``steps`` steps in all."""
    run.write_control(length=Span(count=steps, unit="steps"))


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
def test_run_falls_back_to_the_previous_checkpoint_and_says_so(root: Path, caplog: pytest.LogCaptureFixture, suffix: str) -> None:
    run, whole = trained(root), trained(root, "16 steps")
    assert checkpoints.steps(run.checkpoints_path) == [10, 12]
    damage(run.checkpoints_path / f"00000012.{suffix}")
    ask_for(run, 16)
    messages: list[str] = []
    with caplog.at_level("INFO", logger="gan"):
        status = train(run, lambda status, line: messages.append(status.message))
    assert status.state == "finished"
    assert status.step == 16
    assert any("Continued from the checkpoint of step 10" in message for message in messages)
    assert "The checkpoint of step 12 is damaged" in caplog.text
    assert "Continuing from step 10" in caplog.text
    losses = [[line["generator_loss"] for line in one.metrics()] for one in (run, whole)]
    assert losses[0] == losses[1], "the repeated steps differ from an undisturbed run"


def test_leftover_checkpoints_of_crashes_do_not_pile_up(root: Path) -> None:
    """Each crash between writing a checkpoint and deleting the oldest leaves one too many."""
    run = trained(root)
    for left_over in (4, 6):
        for suffix in ("json", "safetensors"):
            shutil.copy(run.checkpoints_path / f"00000010.{suffix}", run.checkpoints_path / f"{left_over:08d}.{suffix}")
    ask_for(run, 14)
    there: list[list[int]] = []
    train(run, lambda status, line: there.append(checkpoints.steps(run.checkpoints_path)) if line else None)
    assert there[0] == [10, 12]
    assert checkpoints.steps(run.checkpoints_path) == [12, 14]


def test_run_without_an_intact_checkpoint_fails_and_deletes_nothing(root: Path) -> None:
    run = trained(root)
    for step in checkpoints.steps(run.checkpoints_path):
        damage(run.checkpoints_path / f"{step:08d}.safetensors")
    ask_for(run, 16)
    before = {path.name: path.read_bytes() for path in run.checkpoints_path.iterdir()}
    lines = run.metrics()
    status = train(run)
    assert status.state == "failed"
    assert is_sentence(status.message)
    assert "damaged" in status.message
    assert "start a new training" in status.message
    assert run.status().state == "failed"
    assert {path.name: path.read_bytes() for path in run.checkpoints_path.iterdir()} == before
    assert run.metrics() == lines


# The best checkpoint

#: Points are scored quickly; with these learning rates the FID falls briefly and then rises.
SCORED = {
    "data.name": "ring",
    "optimizer.batch_size": 200,
    "optimizer.generator_lr": 0.02,
    "optimizer.discriminator_lr": 0.02,
    "optimizer.ema_half_life": 0,
    "cadence.score_every": "2 steps",
    "training.length": "24 steps",
}


def scored(root: Path, changes: dict[str, Any] | None = None) -> Run:
    """Return a new small run on points, scored every other step."""
    return make_run(root, {**SCORED, **(changes or {})}, family="mlp")


def fids(run: Run) -> dict[int, float]:
    """Return the FID of each score made during training, by step; repeated scores of a step must agree."""
    lines, _ = read_lines(run.scores_path)
    found: dict[int, float] = {}
    for line in lines:
        assert found.setdefault(line["step"], line["fid"]) == line["fid"], f"step {line['step']} got two different FIDs"
    return found


def best(run: Run) -> checkpoints.Checkpoint:
    """Return the best checkpoint of a run; its folder must hold nothing else."""
    (step,) = checkpoints.steps(run.best_path)
    assert sorted(path.name for path in run.best_path.iterdir()) == [f"{step:08d}.json", f"{step:08d}.safetensors"]
    return checkpoints.load(run.best_path, step)


def test_checkpoint_with_the_lowest_fid_is_kept_next_to_the_newest(root: Path) -> None:
    run = scored(root)
    assert train(run).state == "finished"
    found = fids(run)
    assert list(found) == list(range(2, 25, 2))
    lowest = min(found, key=found.__getitem__)
    assert lowest not in (2, 24), "this test needs a FID that falls and then rises"
    kept = best(run)
    assert (kept.step, kept.facts["fid"], kept.facts["extractor_id"]) == (lowest, found[lowest], run.scores()[0]["extractor_id"])
    assert checkpoints.steps(run.checkpoints_path) == [20, 24]


def test_training_resumes_from_the_best_checkpoint_as_from_any_other(root: Path) -> None:
    run = scored(root)
    train(run)
    other = scored(root)
    shutil.copytree(run.best_path, other.checkpoints_path, dirs_exist_ok=True)
    assert train(other).step == 24
    expected = losses(run)
    assert losses(other) == {step: line for step, line in expected.items() if step > best(run).step}
    mine, theirs = (checkpoints.load(one.checkpoints_path, 24).tensors for one in (other, run))
    assert are_same(mine, theirs)


def test_resumed_run_keeps_its_earlier_best(root: Path) -> None:
    whole, run = scored(root), scored(root)
    train(whole)
    for stop in range(3, 24, 4):
        train(run, should_stop=lambda stop=stop: bool(run.metrics()) and run.metrics()[-1]["step"] >= stop)  # type: ignore[misc]
    train(run)
    assert losses(run) == losses(whole)
    assert fids(run) == fids(whole)
    assert are_same(best(run).tensors, best(whole).tensors)
    assert best(run).step == best(whole).step


def test_best_that_a_crash_left_beside_the_next_is_removed(root: Path) -> None:
    run = scored(root)
    train(run, should_stop=lambda: bool(run.metrics()) and run.metrics()[-1]["step"] >= 2)
    left = {path.name: path.read_bytes() for path in run.best_path.iterdir()}
    train(run)
    assert best(run).step > 2, "this test needs a best checkpoint after the first"
    for name, content in left.items():
        (run.best_path / name).write_bytes(content)
    run.write_control(length=Span(count=25))
    train(run)
    assert best(run).step > 2


def test_run_without_scores_has_no_best(root: Path) -> None:
    run = scored(root, {"cadence.score_every": "0 steps"})
    train(run)
    assert not run.best_path.exists()
    assert run.scores() == []


def test_only_a_finite_and_lower_fid_is_better() -> None:
    line = {"fid": 3.0, "extractor_id": "one"}
    assert quick.is_better(line, {})
    assert quick.is_better(line, {"fid": 3.1, "extractor_id": "one"})
    assert not quick.is_better(line, {"fid": 3.0, "extractor_id": "one"})
    assert quick.is_better(line, {"fid": 1.0, "extractor_id": "two"}), "FIDs of different extractors are not comparable"
    for fid in (None, float("nan"), float("inf")):
        assert not quick.is_better({**line, "fid": fid}, {})


def test_non_finite_weights_are_not_saved_as_the_best(root: Path) -> None:
    trainer = loop.Trainer(scored(root), lambda status, line: None)
    next(trainer.game.discriminator.parameters()).data[0] = math.nan
    trainer.quick._save_best(0, {"fid": 1.0, "extractor_id": "one"})
    assert trainer.quick._best == {}
    assert checkpoints.steps(trainer.run.best_path) == []


def test_best_that_cannot_be_written_does_not_end_the_training(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = scored(root)
    run.best_path.write_text("in the way")
    assert train(run).state == "finished"
    assert "The best checkpoint (step 2) could not be saved" in caplog.text
    assert len(fids(run)) == 12
    assert checkpoints.steps(run.checkpoints_path) == [20, 24]


def test_training_goes_on_if_the_best_does_not_fit_on_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=1m")
    try:
        run = scored(folder / "runs", {"cadence.checkpoint_every": "1000 steps", "networks.hidden": 64})
        filler = folder / "filler"

        def observe(status: Status, line: dict[str, Any] | None) -> None:
            """Leave room for lines and the status, but not for a checkpoint, until step 20."""
            if line and line["step"] == 1:
                space = os.statvfs(folder)
                filler.write_bytes(bytes(space.f_bavail * space.f_frsize - 80_000))
            if line and line["step"] == 20:
                filler.unlink()

        assert train(run, observe).state == "finished"
        assert "could not be saved: The disk is full" in caplog.text
        assert len(fids(run)) == 12
        assert checkpoints.steps(run.checkpoints_path) == [24]
        assert best(run).step > 20
        assert not list(run.path.rglob("*.tmp"))
    finally:
        unmount(folder)


def test_damaged_best_is_replaced_by_the_next(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = scored(root)
    train(run)
    damage(run.best_path / f"{best(run).step:08d}.safetensors")
    ask_for(run, 26)
    train(run)
    assert "is damaged" in caplog.text
    assert best(run).step == 26, "without the damaged best the FID to beat is unknown, so the next score is the best"


def test_newly_saved_checkpoint_replaces_one_of_a_later_step(tmp_path: Path) -> None:
    """This can happen after a crash if the repeated steps are not bit for bit the same."""
    for step in (60, 40):
        checkpoints.save(tmp_path, step, {"a": torch.tensor([step])}, {}, checkpoints.Retention(newest=1))
        assert checkpoints.steps(tmp_path) == [step]


def test_reader_gets_the_new_best_if_the_old_one_is_replaced_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one best checkpoint is kept, so the trainer may delete it between two reads by a process that draws from it."""
    checkpoints.save(tmp_path, 1, {"a": torch.ones(1)}, {}, checkpoints.Retention(newest=1))
    load = checkpoints.load

    def slow(folder: Path, step: int) -> checkpoints.Checkpoint:
        if step == 1:
            checkpoints.save(folder, 2, {"a": torch.ones(1)}, {}, checkpoints.Retention(newest=1))
        return load(folder, step)

    monkeypatch.setattr(checkpoints, "load", slow)
    newest, complaints = checkpoints.load_newest(tmp_path)
    assert newest is not None
    assert newest.step == 2
    assert complaints == []


def test_kills_change_neither_the_scores_nor_the_best(root: Path) -> None:
    """The trainer is killed at random instants; in the end all scores and the best equal those of an undisturbed run."""
    lasting = {"training.length": "100000 steps", "cadence.checkpoint_every": "7 steps", "cadence.score_every": "3 steps"}
    train(scored(root, {"training.length": "2 steps"}))  # extracts the features of the real points once, for all runs
    run = scored(root, lasting)
    instant = random.Random(0)

    def logged() -> int:
        return len(read_lines(run.metrics_path)[0])

    def has_scored_twice() -> bool:
        return len(read_lines(run.scores_path)[0]) > len(run.scores())

    kills = 0
    while kills < 5 or not has_scored_twice():
        kills += 1
        assert kills < 20, "this test needs steps that were scored twice"
        enough = logged() + 9  # beyond the next checkpoint
        trainer = start_quickly("resume", run.id, "--from-queue", root=root, log=run.log_path)
        wait_until(lambda: logged() >= enough or trainer.poll() is not None, "some lines are logged", seconds=180)  # noqa: B023
        time.sleep(instant.uniform(0, 1))
        trainer.kill()
        trainer.wait()
        assert run.status().state == "interrupted"
        for step in checkpoints.steps(run.best_path):
            assert checkpoints.load(run.best_path, step).facts["fid"] == fids(run)[step]
    goal = run.metrics()[-1]["step"] + 20
    alone = scored(root, {**lasting, "training.length": f"{goal} steps"})
    ask_for(run, goal)
    for one in (run, alone):
        assert train(one).state == "finished"
    times = {"time", "seconds"}
    ours, theirs = ([{key: line[key] for key in line.keys() - times} for line in one.scores()] for one in (run, alone))
    assert ours == theirs
    assert losses(run) == losses(alone)
    assert best(run).step == best(alone).step
    assert are_same(best(run).tensors, best(alone).tensors)


@pytest.mark.parametrize("family", ["dcgan", "mlp"])
def test_checkpoint_without_a_discriminator_head_is_restored_exactly(family: str) -> None:
    """Schema version 1 kept the discriminator as one list of layers; the last layer of a DCGAN was a full-size convolution."""
    game, other = played(3, family=family), played(0, family=family)
    tensors, facts = game_state.pack(game)
    old = {}
    for name, value in tensors.items():
        was = name.replace("discriminator/body.", "discriminator/layers.").replace("discriminator/head.", "discriminator/layers.5.")
        is_convolution = name == "discriminator/head.weight" and family == "dcgan"
        old[was] = value.view(1, -1, 4, 4) if is_convolution else value
    game_state.unpack(other, old, facts)
    assert are_same(game_state.pack(other)[0], tensors)
