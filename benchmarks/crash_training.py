"""The scenarios of the benchmark of crash points that need torch: checkpoints, scores, and a whole training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.crash_scenarios import Acknowledge, Items, Scenario, one, only_run
from gan.config import RunConfig
from gan.data import loaders
from gan.errors import RunFailed
from gan.runs import Run, changes
from gan.scoring import scores
from gan.training import checkpoints
from gan.training.train import train
from tests.helpers import make_run

_STEPS = (4, 8, 12, 16)
_KEPT = checkpoints.Retention(room=3000, marked=frozenset({8}))


def _save(folder: Path, acknowledge: Acknowledge) -> None:
    """Save four checkpoints, of which some stay, and twice the best."""
    run = only_run(folder)
    for step in _STEPS:
        checkpoints.save(run.checkpoints_path, step, _tensors(step), {"seconds": 1.0}, _KEPT)
        acknowledge()
        if step in (4, 12):
            run.best_path.mkdir(exist_ok=True)
            checkpoints.save(run.best_path, step, _tensors(step), {"fid": 1.0}, checkpoints.Retention(newest=1))
            acknowledge()


def _tensors(step: int) -> dict[str, torch.Tensor]:
    return {"a": torch.full((100,), float(step))}


def _saved(folder: Path) -> Items:
    """Return the newest checkpoint of each folder, whole; older ones have to be whole too."""
    run, found = only_run(folder), {}
    for name, place in (("newest", run.checkpoints_path), ("best", run.best_path)):
        for step in checkpoints.steps(place):
            assert checkpoints.load(place, step).tensors["a"].tolist() == [step] * 100
            found[name] = step
    return found


def _save_later(folder: Path) -> None:
    """Tidy up as a trainer does before it goes on, then save another checkpoint of each kind."""
    run = only_run(folder)
    if found := checkpoints.steps(run.checkpoints_path):
        checkpoints.settle(run.checkpoints_path, found[-1], _KEPT)
    checkpoints.save(run.checkpoints_path, 20, _tensors(20), {}, _KEPT)
    run.best_path.mkdir(exist_ok=True)
    checkpoints.save(run.best_path, 20, _tensors(20), {}, checkpoints.Retention(newest=1))
    assert {path.suffix for path in run.checkpoints_path.iterdir() if path.is_file()} == {".json", ".safetensors"}
    for place in (run.checkpoints_path, run.best_path):
        assert len([path for path in place.iterdir() if path.is_file()]) == 2 * len(checkpoints.steps(place))


def _score(folder: Path, acknowledge: Acknowledge) -> None:
    for step in (1, 2):
        scores.append_line(only_run(folder), {"step": step, "source": "checkpoint", "fid": 1.0})
        acknowledge()


def _scored(folder: Path) -> Items:
    return {str(line["step"]): line for line in only_run(folder).scores()}


def _score_later(folder: Path) -> None:
    scores.append_line(only_run(folder), {"step": 9, "fid": 1.0})


# A whole training

_TRAINING = {
    "training.length": "14 steps",
    "cadence.checkpoint_every": "5 steps",
    "cadence.sample_every": "6 steps",
    "cadence.score_every": "4 steps",
    "cadence.checkpoint_room": 1,
    "optimizer.batch_size": 16,
}


class _Scorer:
    """Stands for the scorer, which would take seconds: the FID falls with the steps."""

    def foresee(self, generator: nn.Module, config: RunConfig, device: torch.device) -> float:
        return 0.0

    def score(
        self, run: Run, generator: nn.Module, config: RunConfig, reached: Mapping[str, Any], device: torch.device
    ) -> dict[str, Any]:
        line = {**reached, "source": "training", "fid": 100.0 - reached["step"], "extractor_id": "x", "seconds": 0.0}
        scores.append_line(run, line)
        return line


def _new_training(folder: Path) -> None:
    """Make a run with a change to come, and prepare the digits."""
    run = make_run(folder, _TRAINING, family="mlp")
    changes.store(run, changes.planned(run.config(), [(7, {"optimizer.generator_lr": 1e-3})]))
    loaders.load(run.config().data)


def _train(folder: Path, acknowledge: Acknowledge) -> None:
    run = only_run(folder)
    held = run.hold()
    status = train(run, scorer=_Scorer)
    held.release()
    assert status.state == "finished", status.message
    acknowledge()


def _exact(line: dict[str, Any]) -> dict[str, Any]:
    """Return what an exact resume has to repeat: everything but times and speeds."""
    return {key: value for key, value in line.items() if key not in ("seconds", "images_per_second")}


def _training_seen(folder: Path) -> Items:
    """Return every logged step and score; what there is of checkpoints has to be whole."""
    run = only_run(folder)
    told = {str(line["step"]): _exact(line) for line in run.metrics()}
    for place in (run.checkpoints_path, run.best_path):
        saved, complaints = checkpoints.load_newest(place) if place.is_dir() else (None, [])
        if complaints:
            raise RunFailed(" ".join(complaints))
        if saved and place == run.checkpoints_path and len(told) < saved.step:
            raise RunFailed(f"of {saved.step} steps in the checkpoint, {len(told)} are logged")
    found: Items = {f"step {step}": line for step, line in told.items()}
    found |= {f"score {line['step']}": line["fid"] for line in run.scores()}
    found |= {f"sample {step}": path.read_bytes() for step, path in run.samples().items()}
    made = changes.replayed(run)
    assert len(made) <= 1
    if run.status().state == "finished":
        found["finished"] = (checkpoints.steps(run.checkpoints_path), checkpoints.steps(run.best_path), [one.step for one in made])
        assert not changes.requests(run)
    return found


def scenarios() -> list[Scenario]:
    """Return the scenarios with torch."""
    return [
        Scenario("checkpoints and the best", _save, _saved, one, _save_later, lambda found, final: {"newest": 20, "best": 20}),
        Scenario("scores", _score, _scored, one, _score_later, lambda found, final: {**found, "9": {"step": 9, "fid": 1.0}}),
        Scenario("a training, resumed exactly", _train, _training_seen, _new_training),
    ]
