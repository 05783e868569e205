"""Forks: they continue their parent exactly, with changed settings if a checkpoint allows it, and are never left half made."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan import config as configs
from gan import runs
from gan.config import changing, presets
from gan.errors import InputError
from gan.execution import queue
from gan.runs import Origin, Run, forks
from gan.runs import run as run_module
from gan.storage import files
from gan.training import assembly, checkpoints, loop, state
from gan.training.game import Turn
from tests.helpers import (
    assert_one_sentence,
    end_all,
    is_sentence,
    losses,
    make_run,
    mount,
    run_gan,
    start_quickly,
    train,
    unmount,
    wait_until,
)

LONG = {"training.length": "24 steps", "optimizer.batch_size": 300}  # 1,797 images: 5 steps an epoch


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of 24 steps that was trained in one go. Read-only: shared by the module."""
    run = make_run(tmp_path_factory.mktemp("whole"), LONG)
    assert train(run).state == "finished"
    return run


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return the same run, but of 12 steps, with checkpoints at steps 10 and 12. Read-only: shared by the module."""
    run = make_run(tmp_path_factory.mktemp("half"), {**LONG, "training.length": "12 steps", "cadence.sample_every": "6 steps"})
    assert train(run).state == "finished"
    return run


@pytest.fixture
def parent(half: Run, root: Path) -> Iterator[Run]:
    """Return a copy of the 12-step run in this test's own folder."""
    shutil.copytree(half.path, root / half.id)
    yield Run(root / half.id)
    end_all(root)


def make(parent: Run, step: int | None = None, changes: dict[str, Any] | None = None, **options: Any) -> Run:
    """Make a fork that a trainer can start at once."""
    return forks.make(parent, step, changes or {}, **{"state": "starting", "threads": 1, **options})


def refusal(parent: Run, step: int | None, changes: dict[str, Any]) -> str:
    """Return the sentence that refuses a fork, after checking that the refusal left no new files behind."""
    before = sorted(path.name for path in parent.root.iterdir())
    with pytest.raises(InputError) as caught:
        make(parent, step, changes)
    assert is_sentence(str(caught.value)), caught.value
    assert sorted(path.name for path in parent.root.iterdir()) == before
    return str(caught.value)


# Continuing


@pytest.mark.parametrize("step", [10, 12, None])
def test_a_fork_without_changes_equals_a_longer_parent(parent: Run, whole: Run, step: int | None) -> None:
    child = make(parent, step, {"training.length": "24 steps"})
    begun = step or 12
    status = child.status()
    assert (status.step, status.total_steps, status.images_seen, status.threads) == (begun, 24, begun * 300, 1)
    assert status.seconds > 0
    assert train(child).state == "finished"
    assert losses(child) == {step: line for step, line in losses(whole).items() if step > begun}
    ours, theirs = (checkpoints.load(run.checkpoints_path, 24) for run in (child, whole))
    assert all(bool((ours.tensors[name] == tensor).all()) for name, tensor in theirs.tensors.items())


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer.generator_lr": 1e-4},
        {"optimizer.beta1": 0.0, "optimizer.beta2": 0.9},
        {"objective.loss": "hinge"},
        {"objective.label_smoothing": 0.1},
        {"augmentation.policies": ["translation"], "data.flips": True},
        {"optimizer.ema_half_life": 0},
        {"optimizer.lr_decay": "cosine", "optimizer.gradient_clip": 0.1},
        {"training.precision": "bf16", "cadence.log_every": "2 steps"},
    ],
    ids=str,
)
def test_a_fork_continues_with_changed_settings(parent: Run, whole: Run, changes: dict[str, Any]) -> None:
    child = make(parent, 10, changes)
    assert train(child).state == "finished"
    lines = losses(child)
    assert min(lines) > 10 and max(lines) == 12 == child.status().total_steps
    assert {line["images_seen"] for line in lines.values()} == {step * 300 for step in lines}
    assert lines[12] != losses(whole)[12] or changes == {"optimizer.ema_half_life": 0}
    origin = child.origin()
    assert origin and (origin.run, origin.step, origin.changes) == (parent.id, 10, changes)
    assert 12 in child.samples() and child.reals_path.exists()


def test_learning_rates_of_the_fork_are_used(parent: Run, one_thread: None) -> None:
    child = make(parent, 12, {"optimizer.generator_lr": 1e-4, "optimizer.beta1": 0.25})
    trainer = loop.Trainer(child, lambda status, line: None)
    (group,) = trainer.game.generator_optimizer.param_groups
    assert (group["lr"], tuple(group["betas"])) == (1e-4, (0.25, 0.999))
    assert trainer.game.discriminator_optimizer.param_groups[0]["lr"] == parent.config().optimizer.discriminator_lr


@pytest.mark.parametrize("algorithm", ["rmsprop", "sgd"])
def test_momentum_can_begin_in_a_fork_only_if_the_optimiser_allows_it(root: Path, algorithm: str) -> None:
    config = {"optimizer.algorithm": algorithm, "optimizer.beta1": 0.0, "training.length": "6 steps"}
    parent = make_run(root, config)
    assert train(parent).state == "finished"
    if algorithm == "rmsprop":
        assert "momentum" in refusal(parent, 6, {"optimizer.beta1": 0.5})
        assert make(parent, None, {"optimizer.beta1": 0.5}).status().step == 0
    else:
        assert train(make(parent, 6, {"optimizer.beta1": 0.5})).state == "finished"


def test_a_new_fork_has_the_sample_of_its_parent(parent: Run) -> None:
    child = make(parent, 12)
    assert [path.read_bytes() for path in child.samples().values()] == [parent.samples()[12].read_bytes()]


@pytest.mark.parametrize("step, total", [(10, 12), (12, 24)])
def test_default_length_is_the_parents_or_its_next_multiple(parent: Run, step: int, total: int) -> None:
    assert make(parent, step).config().total_steps == total


def test_default_length_follows_a_prolonged_parent(parent: Run) -> None:
    parent.write_control(length="60 steps")
    assert str(make(parent, 12).config().training.length) == "60 steps"


def test_the_best_checkpoint_can_be_forked(parent: Run, half: Run) -> None:
    best = parent.best_path
    best.mkdir()
    for path in parent.checkpoints_path.glob("*10.*"):
        path.rename(best / path.name)
    assert forks.checkpoints(parent) == {10: best, 12: parent.checkpoints_path}
    child = make(parent, 10)
    assert checkpoints.load(child.checkpoints_path, 10).step == 10


def test_a_damaged_checkpoint_is_skipped_or_refused(parent: Run) -> None:
    newest = parent.checkpoints_path / "00000012.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert "damaged" in refusal(parent, 12, {})
    child = make(parent, None)
    assert child.status().step == 10
    assert sorted(path.name for path in child.checkpoints_path.iterdir()) == ["00000010.json", "00000010.safetensors"]


# Settings that cannot change


@pytest.mark.parametrize(
    "changes",
    [
        {"networks.width": 8},
        {"networks.family": "mlp"},
        {"networks.conditional": True},
        {"data.size": 32},
        {"data.classes": ["3", "4", "5"]},
        {"optimizer.batch_size": 100},
        {"optimizer.algorithm": "sgd"},
        {"training.seed": 1},
        {"training.threads": 2},
    ],
    ids=str,
)
def test_settings_fixed_by_the_checkpoint_make_a_fork_start_afresh(parent: Run, changes: dict[str, Any]) -> None:
    sentence = refusal(parent, 12, changes)
    (key,) = changes
    assert sentence.startswith(f"{key} cannot change when a run continues: ")
    assert changing.kept_reason(parent.config(), key) in sentence
    child = make(parent, None, changes)
    found = forks.plan(parent.config(), changes)
    assert not found.goes_on and is_sentence(found.reason)
    assert child.config() == found.config == configs.replace(parent.config(), changes)
    assert child.status().step == 0 and not list(child.checkpoints_path.iterdir())
    origin = child.origin()
    assert origin and origin.step == 0 and forks.describe(origin).startswith("afresh: ")


def test_fork_with_other_turns_per_step_goes_on_at_the_same_image(parent: Run) -> None:
    child = make(parent, 10, {"optimizer.discriminator_steps": 2})
    assert str(child.config().training.length) == "12 steps", "an epoch has fewer steps, but the training keeps its length"
    assert train(child).state == "finished"
    batch = parent.config().optimizer.batch_size
    assert [line["images_seen"] for line in child.metrics()] == [(10 + 2) * batch, (10 + 4) * batch]
    assert child.metrics()[-1]["epoch"] == pytest.approx(10 / (1797 // batch) + 2 / (1797 // (2 * batch)), abs=1e-4)


def test_a_remedy_that_changes_the_networks_trains_afresh(parent: Run) -> None:
    changes = {"networks.discriminator_norm": "none", "networks.conditional": True, "objective.r1": 1.0}
    child = make(parent, None, changes)
    assert train(child).state == "finished"
    assert list(losses(child)) == list(range(1, 13))


def test_every_setting_that_may_change_works_with_a_checkpoint(parent: Run) -> None:
    """Try every setting that is not refused on a real checkpoint: each named choice, the opposite boolean, two numbers."""
    config = parent.config()
    tried = 0
    for key in configs.flatten(config):
        if changing.kept_reason(config, key):
            continue
        info = configs.field_info(config, key)
        values: list[Any] = []
        if info.annotation is bool:
            values = [not configs.flatten(config)[key]]
        elif getattr(info.annotation, "__args__", None):
            values = [value for value in info.annotation.__args__ if isinstance(value, str)]
        elif info.annotation in (int, float):
            values = [configs.bounds_of(info).get("ge", 1e-6), 0.5]
        for value in values:
            try:
                found = forks.plan(config, {key: value})
            except InputError:
                continue  # invalid with the other settings
            if key in ("training.device", "training.compile") or value == "fp16":
                continue  # not available on every machine
            game = assembly.build_game(found.config, loop.torch.device("cpu"), "fp32")
            saved = checkpoints.load(parent.checkpoints_path, 12)
            state.unpack(game, saved.tensors, saved.facts)
            turn = Turn(loop.torch.zeros(8, 1, 16, 16), loop.torch.zeros(8, 8))
            game.step([turn])
            tried += 1
    assert tried > 20


def test_settings_that_may_change_have_no_reason_and_others_one_sentence() -> None:
    config = presets.find("digits-dcgan").config
    reasons = {key: changing.kept_reason(config, key) for key in configs.flatten(config)}
    assert {key.partition(".")[0] for key, reason in reasons.items() if not reason} >= {"objective", "augmentation", "cadence"}
    assert all(reason for key, reason in reasons.items() if key.startswith("networks."))
    assert all(is_sentence(f"{reason}.") for reason in reasons.values() if reason)


# Wrong input


@pytest.mark.parametrize(
    "step, changes, words",
    [
        (11, {}, "no checkpoint of step 11; choose one of 10, 12"),
        (0, {}, "no checkpoint of step 0"),
        (-3, {}, "no checkpoint of step -3"),
        (12, {"training.length": "12 steps"}, "increase it"),
        (None, {"training.length": "0 epochs"}, "training.length"),
        (None, {"optimizer.generator_lr": -1}, "optimizer.generator_lr is -1"),
        (None, {"optimizer.generator_rl": 1}, "did you mean"),
        (None, {"x": 1}, "There is no setting"),
    ],
)
def test_invalid_forks_are_refused_in_a_sentence(parent: Run, step: int | None, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(parent, step, changes)


def test_a_run_without_checkpoints_cannot_be_forked_yet(root: Path) -> None:
    assert "train it until" in refusal(make_run(root), None, {})


def test_a_deleted_parent_cannot_be_forked_but_its_forks_remain(parent: Run) -> None:
    child = make(parent, 12)
    runs.delete(parent)
    assert "has been deleted" in refusal(parent, 12, {})
    assert_one_sentence(run_gan("fork", parent.id, root=parent.root))
    assert train(child).state == "finished"
    assert [relative.run for relative in forks.family(child)] == [child]
    grandchild = make(child, 24, {"optimizer.generator_lr": 1e-4})
    assert forks.family(grandchild)[0].origin == child.origin()
    runs.restore(parent.root, parent.id)
    assert [relative.depth for relative in forks.family(grandchild)] == [0, 1, 2]


ORIGIN = st.dictionaries(
    st.sampled_from(["run", "step", "changes", "before", "other"]),
    st.none() | st.integers() | st.text(max_size=8) | st.just("20260131-093000-1a2b3c") | st.dictionaries(st.text(), st.none()),
)


@settings(max_examples=50)
@given(raw=ORIGIN | st.text() | st.lists(st.integers()))
def test_a_foreign_parent_file_does_no_harm(tmp_path_factory: pytest.TempPathFactory, raw: Any) -> None:
    run = make_run(tmp_path_factory.mktemp("foreign"))
    (run.path / "parent.json").write_text(json.dumps(raw))
    origin = run.origin()
    assert origin is None or is_sentence(f"{forks.describe(origin)}.") or not forks.describe(origin).isprintable()
    assert [relative.run for relative in forks.family(run)] == [run]


# Families


def test_a_family_is_listed_from_the_oldest_run_down(root: Path) -> None:
    ids = [f"20260131-09300{number}-1a2b3c" for number in range(6)]
    parents = {1: 0, 2: 0, 3: 1, 4: 3}
    for number, run_id in enumerate(ids):
        run = Run(root / run_id)
        run.path.mkdir(parents=True)
        if number in parents:
            run.write_origin(Origin(run=ids[parents[number]], step=5))
    for number in range(5):
        found = [(ids.index(relative.run.id), relative.depth) for relative in forks.family(Run(root / ids[number]))]
        assert found == [(0, 0), (1, 1), (3, 2), (4, 3), (2, 1)]
    assert len(forks.family(Run(root / ids[5]))) == 1


def test_a_run_that_claims_to_be_its_own_ancestor_is_listed_once(root: Path) -> None:
    ids = [f"20260131-09300{number}-1a2b3c" for number in range(3)]
    for run_id, parent in zip(ids, [ids[1], ids[2], ids[0]], strict=True):
        run = Run(root / run_id)
        run.path.mkdir(parents=True)
        run.write_origin(Origin(run=parent))
    assert sorted(relative.run.id for relative in forks.family(Run(root / ids[0]))) == ids


def test_a_description_names_what_was_changed() -> None:
    origin = Origin(run="20260131-093000-1a2b3c", step=1400, changes={"a.b": 0.1}, before={"a.b": 0.2})
    assert forks.describe(origin) == "at step 1,400: a.b 0.2 → 0.1"
    many = origin.model_copy(update={"changes": dict.fromkeys("abcdef", "x"), "before": {}})
    assert forks.describe(many).endswith("d – → x, and 2 more")


# Kills and full disks


def test_a_fork_killed_at_any_instant_is_complete_or_absent(parent: Run) -> None:
    source, before = random.Random(0), content_of(parent.checkpoints_path)
    for _ in range(12):
        known = set(parent.root.iterdir())
        process = start_quickly("fork", parent.id, "--steps", 100_000, root=parent.root, log=parent.root.parent / "log.txt")
        wait_until(lambda: set(parent.root.iterdir()) - known, "the fork has started to write", every=0.001)  # noqa: B023
        time.sleep(source.uniform(0, 0.02))
        process.kill()
        process.wait()
        for child in set(runs.list_runs(parent.root)) - {parent}:
            origin = child.origin()
            assert origin and (origin.run, origin.step) == (parent.id, 12)
            assert child.config().total_steps == 100_000
            assert checkpoints.load(child.checkpoints_path, 12)
        assert content_of(parent.checkpoints_path) == before


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the contents of the files in a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_full_disk_is_reported_and_leaves_no_half_made_fork(parent: Run, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "size=1m")
    try:
        small = Run(disk / parent.id)
        shutil.copytree(parent.path, small.path)
        (disk / "filler").write_bytes(b"")
        with pytest.raises(OSError), open(disk / "filler", "ab", buffering=0) as filler:
            while True:
                files.write_all(filler, bytes(4096))
        with open(disk / "filler", "r+b") as filler:
            filler.truncate(max(0, filler.seek(0, 2) - 40_000))
        assert "disk is full" in refusal(small, 12, {})
        (disk / "filler").unlink()
        assert make(small, 12).status().step == 12
    finally:
        unmount(disk)


def test_remains_of_a_killed_fork_are_removed_later(parent: Run) -> None:
    left, fresh = parent.root / ".new-20260131-093000-1a2b3c", parent.root / ".new-20260131-093000-1a2b3d"
    for folder in (left, fresh):
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "checkpoints" / "00000012.safetensors").write_bytes(b"half")
    for path in (left / "checkpoints", left):
        run_module.os.utime(path, (1, 1))
    make(parent, 12)
    assert not left.exists() and fresh.exists()


# The queue and the command line


def test_start_queues_the_fork(parent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "advance", lambda root: [])
    child = forks.make(parent, 12, {"optimizer.generator_lr": 1e-4}, "half the rate")
    queue.advance(parent.root)
    assert queue.waiting_runs(parent.root) == [child]
    assert child.label() == "half the rate"


def test_a_fork_is_named_after_its_parent(parent: Run) -> None:
    parent.rename("wide")
    child = make(parent, 12)
    assert child.label() == "wide · fork"
    parent.rename("x" * 120)
    assert make(parent, 12).label().startswith("xxx")
    assert make(make(parent, 12), None).label() == make(parent, 12).label()


def test_command_forks_in_the_foreground(parent: Run, whole: Run) -> None:
    done = run_gan("fork", parent.id, "--step", 10, "--steps", 24, "--name", "on", root=parent.root)
    assert done.returncode == 0, done.stderr
    child = runs.list_runs(parent.root)[0]
    assert child.label() == "on"
    assert losses(child) == {step: line for step, line in losses(whole).items() if step > 10}


def test_command_says_that_it_starts_afresh(parent: Run) -> None:
    done = run_gan("fork", parent.id, "--set", "networks.width=8", root=parent.root)
    assert done.returncode == 0, done.stderr
    assert "Starting afresh" in done.stdout and "networks.width cannot change" in done.stdout
    assert runs.list_runs(parent.root)[0].status().step == 12


@pytest.mark.parametrize(
    "arguments",
    [
        ["--step", "11"],
        ["--step", "12", "--set", "networks.width=8"],
        ["--checkpoint", "best"],
        ["--steps", "3"],
        ["--step", "x"],
        ["--set", "nonsense"],
        ["--name", "x" * 121],
    ],
    ids=str,
)
def test_command_refuses_in_a_sentence(parent: Run, arguments: list[str]) -> None:
    assert_one_sentence(run_gan("fork", parent.id, *arguments, root=parent.root))
    assert runs.list_runs(parent.root) == [parent]
