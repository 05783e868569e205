"""Rewinding: the checkpoint that a failed run goes back to, and the two futures from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gan import runs
from gan.errors import InputError
from gan.judging import doctor, rewind
from gan.judging.remedies import REMEDIES
from gan.runs import Run, forks
from tests.helpers import is_sentence, losses, make_run, train

#: Points are scored quickly; with these learning rates the FID falls briefly and then rises.
RISING = {
    "data.name": "ring",
    "optimizer.batch_size": 200,
    "optimizer.generator_lr": 0.02,
    "optimizer.discriminator_lr": 0.02,
    "optimizer.ema_half_life": 0,
    "cadence.score_every": "2 steps",
    "cadence.checkpoint_every": "2 steps",
    "cadence.checkpoint_room": 10,
    "training.length": "60 steps",
}


def trained(root: Path, changes: dict[str, Any]) -> Run:
    run = make_run(root, {**RISING, **changes}, family="mlp")
    train(run)
    return run


def test_run_past_its_best_goes_back_to_it_and_has_two_futures(root: Path) -> None:
    run = trained(root, {})
    (verdict,) = (one for one in doctor.diagnose(run, {}, doctor.logged(run), run.scores()) if one.name == "past-best")
    found = rewind.plan(run, verdict.name, verdict.step)
    assert found is not None and found.step == verdict.step == forks.best(run)
    assert found.changes == {"optimizer.generator_lr": 0.01, "optimizer.discriminator_lr": 0.01}
    as_it_was, remedied = rewind.start(run, found)
    assert as_it_was.config().training.seed == remedied.config().training.seed == run.config().training.seed
    assert [one.status().state for one in (as_it_was, remedied)] == ["stopped", "stopped"]
    assert as_it_was.label().endswith("· as it was") and remedied.label().endswith("· with the remedy")
    assert train(as_it_was).step == train(remedied).step == 60
    whole = losses(run)
    assert losses(as_it_was) == {step: line for step, line in whole.items() if step > found.step}, "one future is what happened"
    first = found.step + 1
    assert losses(remedied)[first]["discriminator_loss"] == whole[first]["discriminator_loss"], "both begin in the same state"
    assert losses(remedied)[first]["generator_loss"] != whole[first]["generator_loss"], "whose first update differs"


def test_diverged_run_goes_back_behind_its_last_checkpoint(root: Path) -> None:
    run = trained(
        root,
        {
            "optimizer.algorithm": "sgd",
            "optimizer.generator_lr": 1.0,
            "optimizer.discriminator_lr": 1.0,
            "cadence.score_every": "0 steps",
            "objective.loss": "wasserstein",
            "training.length": "400 steps",
        },
    )
    assert run.status().state == "diverged"
    found = rewind.plan(run, "divergence")
    assert found is not None
    assert found.step <= 0.9 * run.status().step and found.step in forks.checkpoints(run)
    assert found.changes["optimizer.generator_lr"] == 0.1 and "training.seed" not in found.changes


def test_nothing_to_go_back_to_is_no_offer(root: Path) -> None:
    run = trained(root, {"cadence.checkpoint_room": 0, "training.length": "24 steps"})
    (run.best_path / f"{forks.best(run):08d}.json").unlink()
    assert rewind.plan(run, "past-best", 4) is None, "only later checkpoints are left"
    assert rewind.plan(run, "dark") is None
    assert rewind.plan(make_run(root), "collapse") is None


def test_every_verdict_that_rewinds_has_a_remedy_that_continues(root: Path) -> None:
    run = trained(root, {})
    for verdict in rewind.FAILED:
        assert verdict in REMEDIES
        found = rewind.plan(run, verdict)
        if verdict == "discriminator-too-weak":
            assert found is None or found.changes
            continue
        assert found is not None and found.changes and is_sentence(found.remedy), verdict
        assert forks.plan(run.config(), found.changes).goes_on


def test_neither_future_is_left_if_the_second_is_impossible(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, before = trained(root, {}), len(runs.list_runs(root))
    found = rewind.plan(run, "collapse")
    assert found is not None
    make = forks.make

    def refuse(parent: Run, step: int, changes: dict[str, Any], name: str, **options: Any) -> Run:
        if changes:
            raise InputError("The disk is full.")
        return make(parent, step, changes, name, **options)

    monkeypatch.setattr(forks, "make", refuse)
    with pytest.raises(InputError, match="disk is full"):
        rewind.start(run, found)
    assert len(runs.list_runs(root)) == before
