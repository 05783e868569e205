"""Batch-norm statistics of the averaged generator: right, reproducible, kept in checkpoints, and nothing else changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gan import config as configs
from gan import networks
from gan.config import RunConfig
from gan.report import generators
from gan.runs import checkpoints as checkpoint_files
from gan.training import checkpoints, loop, sampling, statistics
from tests.helpers import make_run, tiny, train

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")


def generator(changes: dict[str, object] | None = None, family: str = "dcgan") -> nn.Module:
    torch.manual_seed(0)
    return networks.build(tiny(changes, family=family))[0]


def test_statistics_of_the_first_batch_norm_are_those_of_its_inputs() -> None:
    """NumPy as oracle: mean over batches of the batch means, and of the unbiased batch variances."""
    made = generator()
    config = tiny()
    first = statistics.norms(made)[0]
    seen: list[np.ndarray] = []
    handle = first.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0].detach().numpy().copy()))
    statistics.estimate(made, config, images=192)
    handle.remove()
    assert [len(batch) for batch in seen] == [64, 64, 64]
    flat = [np.moveaxis(batch, 1, -1).reshape(-1, batch.shape[1]) for batch in seen]
    assert first.running_mean is not None and first.running_var is not None
    np.testing.assert_allclose(first.running_mean, np.mean([rows.mean(axis=0) for rows in flat], axis=0), atol=1e-5)
    np.testing.assert_allclose(first.running_var, np.mean([rows.var(axis=0, ddof=1) for rows in flat], axis=0), rtol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(tiny(), id="dcgan"),
        pytest.param(tiny({"networks.conditional": True}), id="conditional"),
        pytest.param(configs.replace(tiny(), {"networks.family": "keras-dcgan"}), id="keras"),
        pytest.param(tiny(family="mlp"), id="no batch norm"),
    ],
)
def test_estimate_is_reproducible_and_changes_only_statistics(config: RunConfig) -> None:
    torch.manual_seed(0)
    one = networks.build(config)[0]
    torch.manual_seed(0)
    other = networks.build(config)[0]
    other.eval()
    weights = {name: value.clone() for name, value in one.named_parameters()}
    momenta = [layer.momentum for layer in statistics.norms(one)]
    before = torch.get_rng_state()
    statistics.estimate(one, config)
    statistics.estimate(other, config)
    assert torch.equal(torch.get_rng_state(), before)
    assert (one.training, other.training) == (True, False)
    assert all(layer.training is one.training for layer in one.modules())
    assert [layer.momentum for layer in statistics.norms(one)] == momenta
    assert all(torch.equal(value, weights[name]) for name, value in one.named_parameters())
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_checkpoint_and_export_have_the_statistics_of_the_averaged_weights(root: Path) -> None:
    run = make_run(root, {"optimizer.ema_half_life": 2000, "optimizer.generator_lr": 0.01})
    assert train(run).state == "finished"
    saved, _ = checkpoints.load_newest(run.checkpoints_path)
    assert saved is not None
    assert saved.facts[checkpoint_files.OWN_STATISTICS] is True
    restored, kind = sampling.restore(run.config(), saved, CPU)
    assert kind == "EMA"
    again = generator()
    again.load_state_dict(restored.state_dict())
    statistics.estimate(again, run.config())
    for name, value in restored.named_buffers():
        torch.testing.assert_close(value, again.get_buffer(name), rtol=1e-4, atol=1e-5)
    raw = {name.removeprefix("generator/"): value for name, value in saved.tensors.items() if name.startswith("generator/")}
    name = next(name for name in raw if name.endswith("running_var"))
    assert not torch.allclose(raw[name], restored.get_buffer(name), rtol=0.01)
    assert generators.export(run).count(b"running_var") == len(statistics.norms(restored))


def test_training_goes_on_exactly_whether_or_not_samples_were_drawn(root: Path) -> None:
    """Statistics belong to the average and are made anew, so drawing leaves weights and losses unchanged."""
    runs = [make_run(root, {"cadence.sample_every": every}) for every in ("1 step", "0 steps")]
    assert [train(run).state for run in runs] == ["finished", "finished"]
    first, second = (checkpoints.load_newest(run.checkpoints_path)[0] for run in runs)
    assert first is not None and second is not None
    assert first.facts["sha256"] == second.facts["sha256"]


def test_old_checkpoint_is_drawn_and_exported_with_statistics_of_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier versions saved the raw generator's statistics with the averaged weights, and no fact about it."""
    run = make_run(root, {"optimizer.ema_half_life": 2000, "optimizer.generator_lr": 0.01})
    new = loop.Trainer.sampler
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_files, "OWN_STATISTICS", "unknown")
        patch.setattr(loop, "OWN_STATISTICS", "unknown")
        patch.setattr(statistics, "estimate", lambda generator, config: None)
        assert train(run).state == "finished"
    assert loop.Trainer.sampler is new
    saved, _ = checkpoints.load_newest(run.checkpoints_path)
    assert saved is not None
    restored, _ = sampling.restore(run.config(), saved, CPU)
    name = next(name for name, _ in restored.named_buffers() if name.endswith("running_var"))
    old = saved.tensors[f"average/module.{name}"]
    assert torch.equal(old, saved.tensors[f"generator/{name}"])
    assert not torch.allclose(restored.get_buffer(name), old, rtol=0.01)
    exported = generators.export(run)  # by a process of its own
    assert restored.get_buffer(name).numpy().tobytes() in exported
    assert old.numpy().tobytes() not in exported
