"""Runs, checkpoints and sweeps written by an earlier version can be read and continue exactly.

The fixture was made by commit e275871 on a CPU: small finished runs of each kind, with their last two checkpoints, and a sweep.
The tests remove the last checkpoint, resume, and compare the result with the output of the earlier version.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gan import runs
from gan.judging import lines
from gan.runs import Run, forks
from gan.sweeps import launched, plan
from gan.sweeps.progress import progress_of
from gan.sweeps.variants import run_configs
from tests.helpers import run_gan, train

OLD = Path(__file__).with_name("written_by_e275871")
NAMES = ("Old dcgan", "Old conditional", "Old ring", "Old fork")
CLOCK = ("seconds", "images_per_second", "time")  # differ each time a run is trained
#: The digest of `arithmetic` on the machine that made the fixture; on other machines, results agree only up to rounding.
ARITHMETIC = "e4253089fe9c3597"


@pytest.fixture()
def old(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "runs"
    shutil.copytree(OLD, root)
    yield root


def named(root: Path, name: str) -> Run:
    (found,) = [run for run in runs.list_runs(root) if run.label() == name]
    return found


def without_clock(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in CLOCK}


def digest(path: Path) -> str:
    """Return a digest of the tensors of a checkpoint, without the averaged generator's statistics, which are estimated now."""
    tensors = load_file(path)
    kept = [name for name in sorted(tensors) if not (name.startswith("average/") and ("running_" in name or "num_batches" in name))]
    return hashlib.sha256(b"".join(name.encode() + tensors[name].numpy().tobytes() for name in kept)).hexdigest()


def cut_back(run: Run) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Remove the last checkpoint and the final state, as if the run had been killed; return its metrics and the last facts.

    "digest" in the facts is that of the removed tensors.
    """
    lines, last = run.metrics(), max(run.checkpoints_path.glob("*.json"))
    facts = {**json.loads(last.read_bytes()), "digest": digest(last.with_suffix(".safetensors"))}
    for path in (last, last.with_suffix(".safetensors")):
        path.unlink()
    run.write_status(run.status().model_copy(update={"state": "starting"}))
    return lines, facts


def arithmetic() -> str:
    """Return a digest of small convolutions and matrix products; it differs on machines whose kernels round differently."""
    torch.set_num_threads(1)
    source = torch.Generator().manual_seed(0)
    images, kernels = torch.randn(8, 4, 16, 16, generator=source), torch.randn(8, 4, 4, 4, generator=source).requires_grad_()
    left, right = torch.randn(64, 48, generator=source), torch.randn(48, 32, generator=source)
    torch.tanh(torch.nn.functional.conv2d(images, kernels, stride=2, padding=1)).sum().backward()
    assert kernels.grad is not None
    return hashlib.sha256(kernels.grad.numpy().tobytes() + (left @ right).numpy().tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("name", NAMES)
def test_old_run_continues_as_in_the_old_version(old: Path, name: str) -> None:
    run = named(old, name)
    before, facts = cut_back(run)
    status = train(run)
    assert (status.state, status.step) == ("finished", facts["step"])
    resumed_at = facts["step"] - 6
    after = [line for line in run.metrics() if line["step"] > resumed_at][-6:]
    assert [line["step"] for line in after] == list(range(resumed_at + 1, facts["step"] + 1))
    for new, was in zip(after, before[-6:], strict=True):
        for key, value in without_clock(was).items():
            assert new[key] == pytest.approx(value, rel=1e-3, abs=1e-5), key
    if arithmetic() == ARITHMETIC:
        assert [without_clock(line) for line in after] == [without_clock(line) for line in before[-6:]]
        assert digest(run.checkpoints_path / f"{facts['step']:08d}.safetensors") == facts["digest"]


def test_old_scores_are_read(old: Path) -> None:
    run = named(old, "Old dcgan")
    quick, whole = run.scores()[-2], run.scores()[-1]
    assert (quick["source"], whole["source"]) == ("training", "checkpoint")
    assert "FID" in lines.describe(whole)
    assert run.origin() is None


def test_old_fork_knows_its_parent(old: Path) -> None:
    fork, parent = named(old, "Old fork"), named(old, "Old dcgan")
    origin = fork.origin()
    assert origin is not None
    assert (origin.run, origin.step) == (parent.id, 12)
    assert [relative.run.id for relative in forks.family(parent)] == [parent.id, fork.id]


def test_old_checkpoint_is_forked_and_sampled(old: Path) -> None:
    run = named(old, "Old conditional")
    assert run_gan("sample", run.id, "--class", "7", "--images", "4", root=old).returncode == 0
    child = forks.make(run, 12, {"optimizer.generator_lr": 1e-4})
    assert child.status().step == 12


def test_old_sweep_is_read_and_continues(old: Path) -> None:
    (sweep,) = launched.list_sweeps(old)
    assert sweep.record().name == "Old sweep"
    read = plan.as_json(sweep.plan())
    for new in ("early_samples", "checkpoint_room"):
        del read["base"]["cadence"][new]
    del read["base"]["optimizer"]["updates"], read["base"]["training"]["processes"]
    read["base"]["schema_version"] = 2
    assert read == sweep.record().plan
    assert len(run_configs(sweep.plan())) == len(sweep.runs())
    assert progress_of(sweep, 1).is_over
    one = sweep.runs()[0]
    _, facts = cut_back(one)
    assert train(one).step == facts["step"]
    assert progress_of(sweep, 1).states == {"finished": len(sweep.runs())}
