"""Sweeps: plans, the editable table, untrusted plan files, and runs that are made exactly once despite kills."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan import config as configs
from gan import runs
from gan.config import RunConfig, presets
from gan.errors import InputError
from gan.execution import holds, queue, speeds, steering
from gan.execution.forecast import STARTING_SECONDS, checkpoint_bytes, pace, predict, unmeasured
from gan.runs import Run
from gan.sweeps import editing, experiments, launched
from gan.sweeps import plan as plans
from gan.sweeps.launched import Sweep
from gan.sweeps.progress import makespan, progress_of
from gan.sweeps.variants import checked, expand, run_configs
from tests.execution import quick
from tests.helpers import (
    PROJECT,
    TINY,
    advance_at_once,
    assert_one_sentence,
    environment,
    is_sentence,
    mount,
    run_gan,
    tiny,
    trainers,
    unmount,
    wait_until,
)

MLP = {"base": "mlp-table", "axes": {"networks.hidden": [256, 512], "networks.latent": [128, 256]}}
SMALL = {key: value for key, value in TINY.items() if key != "training.threads"}
TRIPLE = {"base": "digits-dcgan", "set": SMALL, "axes": {"networks.latent": [4, 16]}}  # three variants


def states(sweep: Sweep) -> dict[str, int]:
    """Return the number of runs of a sweep by state."""
    return progress_of(sweep, 2).states


def refusal(raw: Any) -> str:
    """Return the message with which a plan is refused, checked to be a sentence."""
    with pytest.raises(InputError) as caught:
        plans.parse(raw)
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


# Variants


def test_one_factor_at_a_time_is_the_baseline_and_each_other_value() -> None:
    variants = expand(plans.parse(MLP))
    assert [variant.name for variant in variants] == ["baseline", "hidden size 512", "latent size 128", "latent size 256"]
    assert [variant.changes for variant in variants] == [
        {},
        {"networks.hidden": 512},
        {"networks.latent": 128},
        {"networks.latent": 256},
    ]
    assert variants[1].config == configs.replace(presets.find("mlp-table").config, {"networks.hidden": 512})


def test_grid_is_every_combination() -> None:
    variants = expand(plans.parse(MLP | {"combine": "grid"}))
    assert [variant.name for variant in variants] == [
        "latent size 128",
        "latent size 256",
        "hidden size 512, latent size 128",
        "hidden size 512, latent size 256",
    ]
    assert len({variant.config.model_dump_json() for variant in variants if variant.config}) == 4


def test_seeds_start_at_the_base_seed_and_vary_slowest() -> None:
    planned = run_configs(plans.parse(MLP | {"seeds": 2, "set": {"training.seed": 7}}))
    assert [config.training.seed for _, config in planned] == [7] * 4 + [8] * 4
    assert [variant.name for variant, _ in planned[:4]] == [variant.name for variant, _ in planned[4:]]


def test_invalid_variant_is_marked_and_not_launched(root: Path) -> None:
    plan = plans.parse(MLP | {"axes": {"networks.hidden": [512, 7], "objective.loss": ["hinge", "unhinged"]}})
    bad = {variant.name: variant.reason for variant in expand(plan) if variant.config is None}
    assert list(bad) == ["hidden size 7", "loss unhinged"]
    assert all(map(is_sentence, bad.values()))
    with pytest.raises(InputError, match=r"“hidden size 7” cannot be trained: networks.hidden is 7"):
        steering.launch_sweep(root, plan)
    assert not root.exists()


def test_variant_without_length_is_marked_and_not_launched(root: Path) -> None:
    plan = plans.parse(MLP | {"axes": {"training.length": ["0 epochs", "5 epochs"]}})
    (reason,) = [variant.reason for variant in expand(plan) if variant.config is None]
    assert "training.length is 0 epochs, so nothing would be trained" in reason
    with pytest.raises(InputError, match=r"cannot be trained: training\.length is 0"):
        steering.launch_sweep(root, plan)
    assert not root.exists()


def test_duplicate_variant_is_marked() -> None:
    listed = [
        {"name": "wide", "set": {"networks.hidden": 512}},
        {"name": "the same", "set": {}},
        {"name": "baseline", "set": {}},
        {"name": "latent size 128", "set": {"networks.latent": 7}},
    ]
    variants = expand(plans.parse(MLP | {"variants": listed}))
    reasons = [variant.reason for variant in variants if variant.config is None]
    assert [reason.partition("“")[2].partition("”")[0] for reason in reasons] == [
        "hidden size 512",
        "baseline",
        "baseline",
        "latent size 128",
    ]
    assert all(map(is_sentence, reasons))


def test_lengths_and_cadences_are_scaled_together() -> None:
    plan = plans.scaled(experiments.find("mlp-table").plan(), 0.1)
    lengths = Counter(str(config.training.length) for _, config in run_configs(plan))
    assert lengths == {"20 epochs": 12, "10 epochs": 2, "30 epochs": 2}
    assert str(plan.base.cadence.score_every) == "1 epoch"
    with pytest.raises(InputError):
        plans.scaled(plan, 0)


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_named_sweep_is_a_good_one(name: str) -> None:
    experiment = experiments.find(name)
    plan = experiment.plan()
    problems = {variant.reason for variant in expand(plan) if variant.config is None}
    is_brought = plan.base.data.name == "lsun-bedroom"
    assert all("LSUN" in problem for problem in problems) if is_brought else not problems
    assert len(expand(plan)) == plan.variants >= 3
    assert plan.variants * plan.seeds <= plans.SURE_RUNS
    assert all(map(is_sentence, [experiment.description]))
    if name == "quick" or name.endswith("-quick"):
        assert plan.base.data.entry.is_offline


# The table


def test_table_comes_back_as_the_same_variants() -> None:
    plan = plans.parse(MLP | {"variants": [{"name": "both", "set": {"networks.hidden": 64, "objective.r1": 0.1}}]})
    lines = editing.table(plan)
    assert lines[0] == {"name": "baseline", "networks.hidden": 256, "networks.latent": 64, "objective.r1": 0.0, "problem": ""}
    assert expand(editing.with_table(plan, lines)) == expand(plan)


def test_line_is_added_dropped_and_changed() -> None:
    plan = plans.parse(MLP)
    lines = editing.table(plan)
    del lines[1]
    lines[0] |= {"networks.hidden": "1024", "name": ""}
    lines.append({"name": None, "networks.hidden": float("nan"), "networks.latent": 7})
    lines.append({"name": "broken", "networks.hidden": "many"})
    variants = expand(editing.with_table(plan, lines))
    assert [variant.name for variant in variants] == [
        "hidden size 1024",
        "latent size 128",
        "latent size 256",
        "latent size 7",
        "broken",
    ]
    assert "networks.hidden is “many”" in variants[-1].reason
    assert editing.table(editing.with_table(plan, lines))[-1]["networks.hidden"] == "many", "the typed text stays in its cell"


def test_variant_of_another_family_comes_back() -> None:
    plan = plans.parse(
        {"base": "mlp-table", "variants": [{"name": "conv", "set": {"networks.family": "dcgan", "networks.latent": 64}}]}
    )
    again = editing.with_table(plan, editing.table(plan))
    assert [variant.config for variant in expand(again)] == [variant.config for variant in expand(plan)]


def test_lists_and_switches_come_back() -> None:
    plan = plans.parse({"axes": {"augmentation.policies": [["colour", "cutout"]], "data.flips": [True]}})
    assert [variant.name for variant in expand(plan)] == ["baseline", "DiffAugment colour, cutout", "horizontal flips on"]
    again = expand(editing.with_table(plan, editing.table(plan)))
    assert [variant.config for variant in again] == [variant.config for variant in expand(plan)]


# Files


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "A sweep is a list, expected a JSON object"),
        (MLP | {"axis": {}}, "A sweep has no “axis”; did you mean “axes”?"),
        (MLP | {"schema_version": 2}, "update the program"),
        (MLP | {"schema_version": "new"}, "schema_version is “new”"),
        (MLP | {"base": "mlp-tabel"}, "did you mean “mlp-table”?"),
        (MLP | {"base": 3}, "base is 3, expected the name of a preset or a configuration"),
        (MLP | {"base": {"data": {"name": 3}}}, "data.name is 3"),
        (MLP | {"name": "x" * 200}, "The name has 200 characters"),
        (MLP | {"combine": "all"}, "combine is “all”, expected one of one-at-a-time, grid, list"),
        (MLP | {"seeds": 0}, "seeds is 0, expected a whole number from 1"),
        (MLP | {"seeds": True}, "seeds is True"),
        (MLP | {"set": {"networks.hiden": 3}}, "did you mean “networks.hidden”?"),
        (MLP | {"set": {"networks.hidden": 3}}, "networks.hidden is 3, expected a whole number from 8"),
        (MLP | {"axes": {"networks.hiden": [3]}}, "did you mean “networks.hidden”?"),
        (MLP | {"axes": {"networks.hidden": 3}}, "expected a list of values"),
        (MLP | {"axes": {"networks.hidden": []}}, "expected a list of values"),
        (MLP | {"axes": {"networks.hidden": [64, 64.0]}}, "axes has 64 twice for networks.hidden; remove one"),
        (MLP | {"axes": []}, "axes is a list, expected settings"),
        (MLP | {"combine": "grid", "set": {"networks.hidden": 64}}, "networks.hidden is both set and an axis of the grid"),
        (MLP | {"combine": "list"}, "combine is “list”, but there are axes"),
        ({"combine": "grid"}, "combine is “grid”, but there are no axes"),
        ({"combine": "list"}, "The sweep has no variants"),
        ({"axes": {"training.seed": [1, 2]}, "seeds": 2}, "training.seed is varied, and seeds is 2"),
        (MLP | {"variants": {}}, "variants is a group, expected a list"),
        (MLP | {"variants": [{"set": {}, "colour": "blue"}]}, "Variant 1 is a group, expected"),
        (MLP | {"variants": [{"name": 3}]}, "Variant 1 is a group, expected"),
        (MLP | {"variants": [{"set": {"networks.hiden": 3}}]}, "did you mean “networks.hidden”?"),
        (MLP | {"seeds": 1000, "axes": {"networks.hidden": list(range(8, 108))}}, "are 101,000 runs, expected at most 10,000"),
        ({"combine": "grid", "axes": {"optimizer.batch_size": [*range(1000)], "training.seed": [*range(1000)]}}, "1,000,000"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_mistake_in_a_file_is_one_sentence(raw: Any, words: str) -> None:
    assert words in refusal(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["networks.hidden", "networks.latent", "data.size", "objective.loss", "training.length", "training.seed"])
VALUES = st.one_of(st.sampled_from([8, 64, 512, 32, "hinge", "3 epochs", "5 steps", 512.0]), JSON)
ROWS = st.fixed_dictionaries({}, optional={"name": st.text(max_size=5), "set": st.dictionaries(KEYS, VALUES, max_size=2)})
PLANS = st.fixed_dictionaries(
    {},
    optional={
        "base": st.sampled_from(["digits-mlp", "digits-dcgan"]) | JSON,
        "set": st.dictionaries(KEYS, VALUES, max_size=2) | JSON,
        "axes": st.dictionaries(KEYS, st.lists(VALUES, max_size=3), max_size=3) | JSON,
        "combine": st.sampled_from(["one-at-a-time", "grid", "list"]) | JSON,
        "variants": st.lists(ROWS, max_size=3) | JSON,
        "seeds": st.integers(-1, 4) | JSON,
        "name": st.text(max_size=150),
        "schema_version": st.just(1) | JSON,
    },
)


@given(PLANS | JSON)
def test_any_json_is_a_plan_that_comes_back_or_one_sentence(raw: Any) -> None:
    try:
        plan = plans.parse(raw)
    except InputError as error:
        assert is_sentence(str(error)), str(error)
        return
    again = plans.parse(json.loads(json.dumps(plans.as_json(plan))))
    assert json.dumps(plans.as_json(again)) == json.dumps(plans.as_json(plan))
    variants = expand(plan)
    assert len(variants) <= plan.variants
    sound = [variant for variant in variants if variant.config is not None]
    assert all(is_sentence(variant.reason) for variant in variants if variant.config is None), variants
    assert len({variant.name for variant in sound}) == len(sound)
    assert len({variant.config.model_dump_json() for variant in sound if variant.config}) == len(sound)
    assert all(name.isprintable() for name in (variant.name for variant in variants))
    if sound:
        kept = [line for line in editing.table(plan) if not line["problem"]]
        edited = expand(editing.with_table(plan, kept))
        assert [one.config for one in edited] == [one.config for one in sound]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"base": "mlp-table", "axes": {"a": NaN}}'])
def test_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "my sweep.json"
    path.write_bytes(content)
    assert_one_sentence(run_gan("sweep", path, root=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_example_of_the_documentation_is_a_good_one() -> None:
    text = (PROJECT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    plan = plans.parse(json.loads(text.partition("```json")[2].partition("```")[0]))
    assert [variant.name for variant in checked(plan)] == [
        "baseline",
        "hidden size 128",
        "hidden size 512",
        "depth 3",
        "both",
    ]


def test_named_after_its_file(tmp_path: Path) -> None:
    (tmp_path / "wide.json").write_text(json.dumps(MLP))
    assert plans.read(tmp_path / "wide.json").name == "wide"


# Launched


def test_all_cores_are_used_with_a_thread_each(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "8")
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE | {"seeds": 4}))
    assert len(spawned) == 8
    assert {run.status().threads for run in sweep.runs() if run.id in spawned} == {1}
    assert states(sweep) == {"starting": 8, "queued": 4}
    first = sweep.runs()[0]
    assert first.label() == "sweep · baseline · seed 0"
    assert (membership := first.membership()) is not None
    assert (membership.sweep, membership.place, membership.variant) == (sweep.id, 0, "baseline")
    assert spawned == [run.id for run in sweep.runs()[:8]], "in the order of the plan"


@pytest.mark.parametrize("made", [0, 1, 3, 5])
def test_kill_during_creation_neither_loses_nor_repeats_runs(
    root: Path, spawned: list[str], made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_CORES", "2")
    code = (
        "import os, sys, json; from pathlib import Path; from gan import runs\n"
        "from gan.execution import steering; from gan.sweeps import plan\n"
        "create, left = runs.create, [int(sys.argv[2])]\n"
        "def dying(*arguments, **options):\n"
        "    if not left[0]: os.kill(os.getpid(), 9)\n"
        "    left[0] -= 1; return create(*arguments, **options)\n"
        "runs.create = dying\n"
        "steering.launch_sweep(Path(sys.argv[1]), plan.parse(json.loads(sys.argv[3])))"
    )
    raw = TRIPLE | {"seeds": 2}
    done = subprocess.run(
        [sys.executable, "-c", code, str(root), str(made), json.dumps(raw)], cwd=PROJECT, env=environment(), check=False
    )
    assert done.returncode == -signal.SIGKILL
    (sweep,) = launched.list_sweeps(root)
    assert len(runs.list_runs(root)) == made
    assert not sweep.record().is_whole
    queue.advance(root)
    assert states(sweep) == {"starting": 2, "queued": 4}
    assert sorted(run.membership().place for run in runs.list_runs(root)) == list(range(6))  # type: ignore[union-attr]
    queue.advance(root)
    assert len(runs.list_runs(root)) == 6


def test_concurrent_advances_make_each_run_once(root: Path) -> None:
    sweep = launched.create(root, plans.parse(TRIPLE | {"seeds": 4}))
    started = advance_at_once(root, 3)
    assert sorted(started) == sorted(run.id for run in sweep.runs())
    assert len(runs.list_runs(root)) == 12


def test_launch_waits_for_a_concurrent_creation(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    publish, make = launched.create, runs.create
    has_begun, others = threading.Event(), []

    def slowly(*arguments: Any, **options: Any) -> Run:
        has_begun.set()
        threading.Event().wait(0.3)
        return make(*arguments, **options)

    def published(*arguments: Any) -> Sweep:
        sweep = publish(*arguments)
        others.append(threading.Thread(target=launched.complete, args=[sweep]))
        others[0].start()
        assert has_begun.wait(30)
        return sweep

    monkeypatch.setattr(runs, "create", slowly)
    monkeypatch.setattr(launched, "create", published)
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    others[0].join()
    assert launched.list_sweeps(root) == [sweep]
    assert len(runs.list_runs(root)) == len(sweep.runs()) == 3


def test_full_disk_while_making_the_runs_loses_nothing(tmp_path: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    mount(root, "size=1m,nr_inodes=60")
    monkeypatch.setattr(holds, "LEAST_ROOM", 0)
    try:
        with pytest.raises(InputError) as caught:
            steering.launch_sweep(root, plans.parse(TRIPLE | {"seeds": 10}))
        assert is_sentence(str(caught.value))
        assert "The disk is full" in str(caught.value)
        (sweep,) = launched.list_sweeps(root)
        assert str(caught.value).count(sweep.id) >= 1
        assert queue.advance(root) == [], "no run starts before all exist"
        mount(root, "remount,size=20m,nr_inodes=2000")
        queue.advance(root)
        assert sum(states(sweep).values()) == len(runs.list_runs(root)) == 30
        assert states(sweep).keys() == {"starting", "queued"}
    finally:
        unmount(root)


def test_no_run_starts_before_all_exist(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    create = runs.create
    made: list[Run] = []

    def failing(*arguments: Any, **options: Any) -> Run:
        if made:
            raise InputError("The disk is full.")
        made.append(create(*arguments, **options))
        return made[0]

    monkeypatch.setattr(runs, "create", failing)
    with pytest.raises(InputError):
        steering.launch_sweep(root, plans.parse(TRIPLE))
    queue.advance(root)
    assert spawned == []
    monkeypatch.setattr(runs, "create", create)
    queue.advance(root)
    assert spawned[0] == made[0].id
    assert len(runs.list_runs(root)) == 3


def test_runs_wait_while_the_disk_is_nearly_full(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "LEAST_ROOM", 10**18)
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    alone = queue.launch(root, tiny())
    assert states(sweep) == {"queued": 3}
    assert spawned == [alone.id], "a run outside sweeps starts anyway"
    monkeypatch.setattr(holds, "LEAST_ROOM", 0)
    queue.advance(root)
    assert "starting" in states(sweep)


def test_runs_wait_for_disk_space_for_their_checkpoints(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "LEAST_ROOM", 0)
    plan = plans.parse(TRIPLE)
    keep_layers(root, plan.base, 10**15)
    sweep = steering.launch_sweep(root, plan)
    alone = queue.launch(root, tiny())
    assert states(sweep) == {"queued": 3}
    assert holds.lacks_room(sweep)
    assert spawned == [alone.id]
    keep_layers(root, plan.base, 1000)
    queue.advance(root)
    assert "starting" in states(sweep)
    assert not holds.lacks_room(sweep)


def test_sweep_waits_until_its_runs_have_been_checked(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_are_free", lambda root: {})  # as if the sweep had been made a moment later
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    assert states(sweep) == {"queued": 3}
    assert spawned == []


def test_paused_sweep_starts_no_run_and_lets_others_pass(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    steering.pause(sweep)
    sweep.runs()[0].write_status(sweep.runs()[0].status().model_copy(update={"state": "finished"}))
    other = queue.launch(root, tiny())
    assert spawned == [sweep.runs()[0].id, other.id]
    other.write_status(other.status().model_copy(update={"state": "finished"}))
    assert queue.advance(root) == []
    steering.pause(sweep, is_paused=False)
    assert spawned[2:] == [sweep.runs()[1].id]


def test_runs_are_put_first_cancelled_and_retried(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE | {"seeds": 2}))
    made = sweep.runs()
    queue.move_first(root, [made[5], made[3], made[0]])
    assert queue.waiting_runs(root) == [made[5], made[3], made[1], made[2], made[4]]
    assert steering.cancel(sweep) == 6
    assert states(sweep) == {"starting": 1, "stopped": 5}
    assert made[0].control().stop
    assert steering.retry(sweep) == 0, "cancelled runs stay cancelled"
    made[0].write_status(made[0].status().model_copy(update={"state": "failed", "step": 5}))
    assert steering.retry(sweep) == 1
    assert steering.retry(sweep, ["stopped"]) == 5
    assert progress_of(sweep, 1).states == {"starting": 1, "queued": 5}


def test_retry_makes_the_runs_of_a_sweep_cancelled_before_creation(root: Path, spawned: list[str]) -> None:
    sweep = launched.create(root, plans.parse(TRIPLE))
    assert steering.cancel(sweep) == 0
    queue.advance(root)
    assert states(sweep) == {"missing": 3}
    assert progress_of(sweep, 1).is_over
    assert steering.retry(sweep) == 3
    assert sum(states(sweep).values()) == len(runs.list_runs(root)) == 3


def test_deleted_run_is_not_made_again(root: Path, spawned: list[str]) -> None:
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    steering.cancel(sweep)
    gone = next(run for run in sweep.runs() if run.status().state == "stopped")
    runs.delete(gone)
    steering.retry(sweep, ["stopped"])
    queue.advance(root)
    assert len(runs.list_runs(root)) == 2
    assert sum(states(sweep).values()) == 2


@pytest.mark.parametrize("content", [b"{", b'{"schema_version": 2}', b"[]", b""])
def test_damaged_or_newer_sweep_is_a_sentence_and_does_not_stop_the_queue(root: Path, spawned: list[str], content: bytes) -> None:
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    if b"schema" in content:
        content = json.dumps(json.loads(sweep.path.read_bytes()) | {"schema_version": 2}).encode()
    made = sweep.runs()
    sweep.path.write_bytes(content)
    sentence = assert_one_sentence(run_gan("sweeps", sweep.id, root=root, env={"GAN_CORES": "1"}))
    assert ("update the program" in sentence) == (b"schema" in content)
    assert sentence in run_gan("sweeps", root=root, env={"GAN_CORES": "1"}).stdout
    with pytest.raises(InputError, match="cancel it first"):
        steering.remove(steering.launch_sweep(root, plans.parse(TRIPLE)))
    for run in made:
        run.write_status(run.status().model_copy(update={"state": "queued"}))
    assert queue.advance(root), "its runs are trained as any others"


def test_ids_are_never_paths(root: Path) -> None:
    for text in ("../../etc/passwd", "", "20260131-093000-1a2b3c\n", "x"):
        with pytest.raises(InputError):
            launched.find(root, text)


# Real trainers


def test_sweep_continues_after_kills_and_finishes(root: Path, quickly: quick.Trainers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    raw = TRIPLE | {"set": SMALL | {"training.length": "60 steps", "cadence.checkpoint_every": "20 steps"}}
    sweep = steering.launch_sweep(root, plans.parse(raw))
    victim = sweep.runs()[0]
    wait_until(victim.metrics, "the first line is logged")
    quickly.of(victim).kill()
    quickly.of(victim).wait()
    wait_until(lambda: victim.status().state == "interrupted", "the run is interrupted")
    assert queue.advance(root) == [victim], "as a restarted server does"
    assert victim.status().restarts == 1
    wait_until(lambda: progress_of(sweep, 1).is_over, "the sweep is over", seconds=180)
    assert states(sweep) == {"finished": 3}
    assert progress_of(sweep, 1).share == 1
    assert progress_of(sweep, 1).seconds_left == 0


def test_restarts_of_a_failing_run_are_limited(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    for run in sweep.runs()[1:]:
        queue.stop(run)
    first = sweep.runs()[0]
    for _ in range(10):
        first.write_status(first.status().model_copy(update={"heartbeat": 0.0}))  # no heartbeat at all
        queue.advance(root)
    assert len(spawned) == 1 + queue.MOST_RESTARTS
    assert first.status().state == "interrupted"
    assert steering.retry(sweep) == 1, "retrying by hand is allowed"


def test_run_killed_while_stopping_stays_stopped(root: Path, spawned: list[str]) -> None:
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    steering.cancel(sweep)
    first = sweep.runs()[0]
    first.write_status(first.status().model_copy(update={"heartbeat": 0.0}))
    assert first.status().state == "interrupted"
    assert queue.advance(root) == []


def test_cancel_reaches_a_run_whose_trainer_was_killed(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE))
    first = sweep.runs()[0]
    first.write_status(first.status().model_copy(update={"heartbeat": 0.0}))
    assert first.status().state == "interrupted"
    assert steering.cancel(sweep) == 3
    assert queue.advance(root) == []
    assert steering.retry(sweep) == 1
    assert spawned == [first.id, first.id]


# Progress


def set_status(run: Run, **changes: Any) -> None:
    """Change some fields of a run's status."""
    run.write_status(run.status().model_copy(update=changes), durable=False)


def test_ended_and_deleted_runs_count_as_done(root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE | {"seeds": 2}))
    made = sweep.runs()
    for run, state in zip(made, ("finished", "failed", "diverged", "stopped"), strict=False):
        set_status(run, state=state, step=3)
    assert progress_of(sweep, 1).share == pytest.approx(4 / 6)
    set_status(made[4], state="running", step=6)
    monkeypatch.setattr(Run, "is_held", lambda run: True)
    assert progress_of(sweep, 1).share == pytest.approx(4.5 / 6)
    monkeypatch.undo()
    for run in made[4:]:
        set_status(run, state="stopped")
    runs.delete(made[5])
    assert progress_of(sweep, 1).share == 1
    for run in made[:5]:
        runs.delete(run)
    assert progress_of(sweep, 1).share == 1


def test_time_left_comes_from_the_pace_the_estimate_or_the_mean(
    root: Path, spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    sweep = steering.launch_sweep(root, plans.parse(TRIPLE | {"seeds": 2}))
    made = sweep.runs()
    assert progress_of(sweep, 1).seconds_left is None
    assert progress_of(sweep, 1, pace).seconds_left is None, "nothing is measured"
    config = made[0].config()
    speeds.keep(root, config, config.optimizer.images_per_step / 2.0, 1, "fp32")  # 2 seconds a step
    assert progress_of(sweep, 1, pace).seconds_left == pytest.approx(6 * 12 * 2), "unmeasured runs count as the mean"
    monkeypatch.setattr(Run, "is_held", lambda run: True)
    set_status(made[1], state="running", step=6, seconds=6.0)
    assert progress_of(sweep, 1, pace).seconds_left == pytest.approx((2 + 2) * 12 + 6 + 12 + (1.5 + 1.5) * 12)
    assert progress_of(sweep, 2, pace).seconds_left < 72


# Estimates and the command line


def keep_layers(root: Path, config: RunConfig, parameters: int) -> None:
    """Store a table of layers in which each player has the given number of parameters."""
    player = {"parameters": parameters}
    speeds.keep_layers(root, config, {"generator": player, "discriminator": player, "memory": 0, "batch_size": 1})


def test_makespan_of_jobs_started_in_order() -> None:
    assert makespan([3, 1, 1, 1], 2) == 3
    assert makespan([], 2) == 0
    assert makespan([2, 2, 2], 0) == 6


def test_forecast_uses_the_mean_for_unmeasured_configurations(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "2")
    chosen = [config for _, config in run_configs(plans.parse(TRIPLE | {"set": {**SMALL, "training.length": "1000 steps"}}))]
    assert predict(root, chosen).seconds is None
    speeds.keep(root, chosen[0], 320.0, 1, "fp32")
    found = predict(root, chosen)
    assert found.seconds == pytest.approx(2 * (100 + STARTING_SECONDS))
    assert found.disk_bytes > 3 * 1000 * 100


def test_estimate_of_a_sweep_follows_the_queue(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "8")
    plan = plans.parse(TRIPLE | {"set": {**SMALL, "training.length": "1000 steps"}, "seeds": 8})
    chosen = [config for _, config in run_configs(plan)]
    unknown = unmeasured(root, chosen)
    assert [config.training.threads for config in unknown] == [1, 1, 1], "one of each kind, with one thread each"
    assert [config.training.threads for config in unmeasured(root, chosen[:1])] == [0], "alone it gets the usual number"
    speeds.keep(root, unknown[0], 320.0, 1, "fp32")
    assert predict(root, chosen).seconds == pytest.approx(3 * (100 + STARTING_SECONDS)), "8 at once"
    speeds.keep(root, unknown[0], 320.0, 1, "bf16", "cuda")
    assert predict(root, chosen).seconds == pytest.approx(24 * (100 + STARTING_SECONDS)), "one GPU for all"
    before = predict(root, chosen).disk_bytes
    keep_layers(root, unknown[0], 10**6)
    speeds.keep(root, unknown[1], 320.0, 1, "fp32")
    assert unmeasured(root, chosen) == unknown[1:], "the size of its checkpoints is not known"
    found = predict(root, chosen).disk_bytes - before
    assert found == 24 * checkpoint_bytes(root, unknown[0]) > 24 * 50 * 10**6, "unknown sizes count as the known ones"


def test_estimate_includes_checkpoints(root: Path) -> None:
    settings = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    assert run_gan("estimate", *settings, root=root).returncode == 0
    config = configs.replace(presets.find(presets.DEFAULT).config, dict(TINY))
    assert speeds.find(root, config)
    assert checkpoint_bytes(root, config) > 0
    assert unmeasured(root, [config]) == []


def test_command_launches_lists_and_steers(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(TRIPLE | {"set": SMALL | {"training.length": "1000000 steps"}}))
    env = {"GAN_CORES": "1"}
    shown = run_gan("sweep", path, "--dry-run", "--no-measuring", root=root, env=env)
    assert shown.returncode == 0
    assert "latent size 16" in shown.stdout
    assert "speed has not been measured here, and 1,050 MB of disk or more" in shown.stdout
    assert not (root / "sweeps").exists()
    done = run_gan("sweep", path, "--seeds", "2", "--no-measuring", "--json", root=root, env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "tiny"
    sweep_id = json.loads(done.stdout)["id"]
    assert sweep_id in run_gan("sweeps", root=root, env=env).stdout
    paused = run_gan("sweeps", sweep_id, "pause", root=root, env=env)
    assert "paused" in paused.stdout
    cancelled = json.loads(run_gan("sweeps", sweep_id, "cancel", "--json", root=root, env=env).stdout)
    assert cancelled["states"]["stopped"] >= 5
    wait_until(lambda: not trainers(root), "the last trainer has stopped")
    made = runs.list_runs(root)
    assert "its runs are still there" in run_gan("sweeps", sweep_id, "remove", root=root, env=env).stdout
    assert launched.list_sweeps(root) == [] and runs.list_runs(root) == made


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "mlp-tabel"], "did you mean “mlp-table”?"),
        (["sweep", "missing.json"], "reading the sweep missing.json failed"),
        (["sweep", "mlp-table-quick", "--seeds", "0"], "seeds is 0"),
        (["sweep", "mlp-table-quick", "--seeds", "20", "--no-measuring"], "has 160 runs"),
        (["sweep", "mlp-table-quick", "--scale", "0"], "multiplied by 0"),
        (["sweep", "mlp-table-quick", "--set", "networks.hiden=3"], "did you mean “networks.hidden”?"),
        (["sweeps", "20260131-093000-1a2b3c"], "There is no sweep 20260131-093000-1a2b3c"),
        (["sweeps", "../x", "pause"], "is not a sweep id"),
        (["sweeps", "20260131-093000-1a2b3c", "explode"], "explode"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_input_is_answered_with_one_sentence(root: Path, arguments: list[str], words: str) -> None:
    assert words.lower() in assert_one_sentence(run_gan(*arguments, root=root)).lower()
    assert runs.list_runs(root) == []
