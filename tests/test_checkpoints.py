"""Checkpoints: what comes back is bit for bit what was saved, and whatever is damaged is refused, never half believed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gan.errors import RunFailed
from gan.runs import Run
from gan.sections import Span
from gan.training import checkpoints, loop
from gan.training.game import Game, Turn
from tests.helpers import is_sentence, make_run, tiny

CPU = torch.device("cpu")


def played(steps: int, *, family: str = "dcgan", changes: dict[str, Any] | None = None, seed: int = 0) -> Game:
    """Return a game that has been played for some steps on noise."""
    torch.manual_seed(seed)
    game = loop.build_game(tiny(changes, family=family), CPU, "fp32")
    for _ in range(steps):
        game.step([Turn(torch.randn(8, 1, 16, 16).to(memory_format=torch.channels_last), torch.randn(8, 8))])
    return game


def layout(game: Game) -> dict[str, tuple[int, ...]]:
    """Return how the weights and moments of a game lie in memory, by name."""
    values = {
        f"{kind}/{name}": value for kind, network in loop._networks(game).items() for name, value in network.state_dict().items()
    }
    for kind, optimizer in loop._optimizers(game).items():
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
    tensors, facts = loop.pack(played(3))
    checkpoints.save(folder, 3, tensors, {**facts, "seconds": 1.5, "threads": 1, "precision": "fp32"})
    return folder


def refusal(folder: Path, step: int) -> str:
    """Return the sentence with which a checkpoint is refused."""
    with pytest.raises(RunFailed) as caught:
        checkpoints.load(folder, step)
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


# There and back


@pytest.mark.parametrize(
    ("family", "changes"),
    [("dcgan", {}), ("dcgan", {"optimizer.ema_half_life": 0}), ("mlp", {}), ("mlp", {"networks.generator_norm": "batch"})],
)
@pytest.mark.parametrize("steps", [0, 3])
def test_game_comes_back_bit_for_bit(tmp_path: Path, family: str, changes: dict[str, Any], steps: int) -> None:
    game = played(steps, family=family, changes=changes)
    tensors, facts = loop.pack(game)
    before = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    checkpoints.save(tmp_path, 10, tensors, facts)

    other = played(1, family=family, changes=changes, seed=9)
    found = checkpoints.load(tmp_path, 10)
    assert found.step == 10
    loop.unpack(other, found.tensors, found.facts)
    again, facts_again = loop.pack(other)
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
        assert are_same(loop.pack(game)[0], loop.pack(other)[0])


def test_moments_of_the_optimizers_are_saved(saved: Path) -> None:
    names = checkpoints.load(saved, 3).tensors
    for player in ("generator_optimizer", "discriminator_optimizer"):
        assert any(name.startswith(f"{player}/") and name.endswith("exp_avg_sq") for name in names)
    assert any(name.startswith("average/") for name in names)


def test_saving_leaves_the_game_alone(tmp_path: Path) -> None:
    one, other = played(2), played(2)
    checkpoints.save(tmp_path, 2, *loop.pack(one))
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
        "00000015.json", "00000015.safetensors", "00000020.json", "00000020.safetensors",
    ]  # fmt: skip
    assert checkpoints.load(tmp_path, 15).tensors["a"].tolist() == [15]


def test_rubbish_of_a_crash_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".00000001.safetensors.77.abc.tmp").write_bytes(b"half")
    (tmp_path / "00000001.safetensors").write_bytes(b"tensors whose facts were never written")
    checkpoints.save(tmp_path, 2, {"a": torch.ones(1)}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000002.json", "00000002.safetensors"]


def test_foreign_things_in_the_folder_are_no_checkpoints(tmp_path: Path) -> None:
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
    """A changed learning rate or number of threads would go unnoticed and spoil the run."""
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
    "content", [b"", b"null", b"[]", b"3", b'{"step": 3}', b'{"step": 4, "sha256": "x"}', b"\xff" * 9, b"[" * 100_000],
    ids=["empty", "null", "list", "number", "bare", "other step", "binary", "nested"],
)  # fmt: skip
def test_foreign_facts_are_refused(saved: Path, tmp_path: Path, content: bytes) -> None:
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


def test_tensors_without_facts_do_not_count(saved: Path, tmp_path: Path) -> None:
    """They are written first: a crash before the facts leaves the checkpoint before."""
    shutil.copy(saved / "00000003.safetensors", tmp_path)
    assert checkpoints.load_newest(tmp_path) == (None, [])


def test_newest_whole_one_is_taken(tmp_path: Path) -> None:
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
    assert "No whole checkpoint is left" in str(caught.value)
    assert len(list(tmp_path.iterdir())) == 4, "damaged checkpoints are evidence; nothing is deleted"


def damage(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# In a run


def trained(root: Path, length: str = "12 steps") -> Run:
    """Return a finished run with checkpoints of two steps."""
    run = make_run(root, {"training.length": length})
    status = loop.train(run)
    assert status.state == "finished", status.message
    return run


def ask_for(run: Run, steps: int) -> None:
    """Ask a run to be trained for ``steps`` steps in all."""
    run.write_control(length=Span(count=steps, unit="steps"))


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
def test_run_falls_back_to_the_checkpoint_before_and_says_so(root: Path, caplog: pytest.LogCaptureFixture, suffix: str) -> None:
    run, whole = trained(root), trained(root, "16 steps")
    assert checkpoints.steps(run.checkpoints_path) == [10, 12]
    damage(run.checkpoints_path / f"00000012.{suffix}")
    ask_for(run, 16)
    messages: list[str] = []
    with caplog.at_level("INFO", logger="gan"):
        status = loop.train(run, lambda status, line: messages.append(status.message))
    assert status.state == "finished"
    assert status.step == 16
    assert any("Fell back to the checkpoint of step 10" in message for message in messages)
    assert "The checkpoint of step 12 is damaged" in caplog.text
    assert "Going on from step 10" in caplog.text
    losses = [[line["generator_loss"] for line in one.metrics()] for one in (run, whole)]
    assert losses[0] == losses[1], "what was trained again is what would have been trained"


def test_run_without_a_whole_checkpoint_fails_and_deletes_nothing(root: Path) -> None:
    run = trained(root)
    for step in checkpoints.steps(run.checkpoints_path):
        damage(run.checkpoints_path / f"{step:08d}.safetensors")
    ask_for(run, 16)
    before = {path.name: path.read_bytes() for path in run.checkpoints_path.iterdir()}
    lines = run.metrics()
    status = loop.train(run)
    assert status.state == "failed"
    assert is_sentence(status.message)
    assert "damaged" in status.message
    assert "start the training anew" in status.message
    assert run.status().state == "failed"
    assert {path.name: path.read_bytes() for path in run.checkpoints_path.iterdir()} == before
    assert run.metrics() == lines


@pytest.mark.parametrize("family", ["dcgan", "mlp"])
def test_checkpoint_from_before_the_discriminator_had_a_head_goes_on_exactly(family: str) -> None:
    """Schema version 1 kept the discriminator as one list of layers, the last of them a convolution over all that was left."""
    game, other = played(3, family=family), played(0, family=family)
    tensors, facts = loop.pack(game)
    old = {}
    for name, value in tensors.items():
        was = name.replace("discriminator/body.", "discriminator/layers.").replace("discriminator/head.", "discriminator/layers.5.")
        is_convolution = name == "discriminator/head.weight" and family == "dcgan"
        old[was] = value.view(1, -1, 4, 4) if is_convolution else value
    loop.unpack(other, old, facts)
    assert are_same(loop.pack(other)[0], tensors)
